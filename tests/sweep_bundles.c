/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sweep_bundles: see sweep.h: what has several answers under one Sync, and transactions.
 *
 * A member's values are of one letter. Besides what holds of each request: members are told of in
 * their order, and before what they belong to; what has succeeded has so with all its members. And
 * bundles_judge.c looks whether that was acknowledged.
 */
#include "sweep_bundles.h"

enum { MOST_ITEMS = 16, MOST_SETS = 700 };

#define INSERT "insert into t values ($1)"
#define FIND "select 1 / ($1::int - 502)"

static const struct item_plan bundles[] = {
    {QUERY,
     .member = {{.sql = "create temp table t (i int unique deferrable initially deferred)"}}},
    {BATCH, .member = {{"select repeat('a', 20)", 'a', 1, false},
                       {.sql = "insert into t values (1)"},
                       {"select repeat('b', 20) from generate_series(1, 3)", 'b', 3, true},
                       {"select repeat('c', 20) from generate_series(1, 2)", 'c', 2, false}}},
    {BATCH, .fails = "22012",
     .member = {{"select repeat('d', 20)", 'd', 1, false},
                {.sql = "select 1 / 0"},
                {"select repeat('e', 20)", 'e', 1, false}}},
    {BATCH, .fails = "23505", .fails_at_end = true,
     .member = {{.sql = "insert into t values (2)"}, {.sql = "insert into t values (2)"}}},
    {MANY, .n_sets = 4, .member = {{.sql = INSERT}}},
    {MANY, .n_sets = 4, .fails = "22012", .member = {{.sql = FIND}}},
    {.kind = TX},
    {QUERY, .within = 6, .member = {{"select repeat('f', 20)", 'f', 1, false}}},
    {BATCH, .within = 6,
     .member = {{"select repeat('g', 20)", 'g', 1, true}, {.sql = "insert into t values (3)"}}},
    {MANY, .within = 6, .n_sets = 3, .member = {{.sql = INSERT}}},
    {TX, .fails = "22012"},
    {QUERY, .within = 10, .fails = "22012", .member = {{.sql = "select 1 / 0"}}},
    {QUERY, .member = {{"select repeat('h', 20)", 'h', 1, false}}},
};

static const struct item_plan windows[] = {
    {QUERY, .member = {{.sql = "create temp table t (i int)"}}},
    {MANY, .n_sets = MOST_SETS, .member = {{.sql = INSERT}}},
    {QUERY, .member = {{"select repeat('a', 20)", 'a', 1, false}}},
};

const struct item_plan *items;
int n_items;

struct work {
    struct item item[MOST_ITEMS];
};

/* Of any of those that share its Sync, or may. */
static bool is_letter_of(const struct item *item, int c)
{
    int within = items[item->number].within;

    for (int i = 0; i < n_items; i++)
        for (int n = 0; n < MOST_MEMBERS; n++)
            if (c == items[i].member[n].letter &&
                (i == item->number || (within && within == items[i].within)))
                return true;
    return false;
}

/* An answer that is left out of a bundle makes the next its member's, until the end. */
static void check_value(struct member *member, const char *text)
{
    const struct sweep_session *session = member->item->session;
    int counts[256] = {0};

    for (const char *at = text; at && *at; at++)
        counts[(unsigned char)*at]++;
    for (int c = 'a'; c <= 'h' && !session->beyond_telling; c++) {
        if (counts[c] < 10 || c == member->plan->letter)
            continue;
        member->shifted = true;
        ck_assert_msg(!session->true_answers && is_letter_of(member->item, c),
                      "session %ld: '%s' has \"%s\"", session->number, member->plan->sql, text);
    }
}

static enum evpg_flow on_row(const struct evpg_row *row, void *arg)
{
    struct member *member = arg;

    ck_assert_int_eq(member->told, 0);
    sweep_progress(member->item->session);
    member->rows++;
    for (int i = 0; i < evpg_row_columns(row); i++)
        check_value(member, evpg_row_text(row, i));
    return EVPG_NEXT;
}

static void take_kept(struct member *member, const struct evpg_result *result)
{
    for (uint64_t i = 0; member->plan->kept && i < evpg_result_rows(result); i++)
        if (evpg_result_row(result, i))
            on_row(evpg_result_row(result, i), member);
}

static void on_member(const struct evpg_result *result, void *arg)
{
    struct member *member = arg;
    struct item *item = member->item;

    ck_assert_int_eq(item->completions, 0);
    ck_assert_ptr_eq(member, &item->member[item->n_told++]);
    take_kept(member, result);
    member->told++;
    member->failed = evpg_result_error(result);
    member->ok = !member->failed && member->rows == member->plan->rows;
}

static int count_members(const struct item_plan *plan)
{
    int n = 0;

    while (n < MOST_MEMBERS && plan->member[n].sql)
        n++;
    return n;
}

/* All that belongs to it. False: not without errors, or with others' values. */
static bool parts_have_succeeded(const struct item *item)
{
    const struct work *work = item->session->work;

    for (int i = 0; i < MOST_MEMBERS; i++)
        if (item->member[i].failed || item->member[i].shifted)
            return false;
    for (int i = 0; items[item->number].kind == TX && i < n_items; i++) {
        const struct item *part = &work->item[i];

        if (items[i].within == item->number && part->accepted &&
            (part->failed || !part->completions || !parts_have_succeeded(part)))
            return false;
    }
    return true;
}

static bool parts_are_as_planned(const struct item *item)
{
    for (int i = 0; i < item->n_told; i++)
        if (!item->member[i].ok)
            return false;
    return true;
}

static bool is_ok(const struct item *item, const struct evpg_result *result)
{
    const struct item_plan *plan = &items[item->number];
    const struct evpg_error *error = evpg_result_error(result);

    if (plan->fails)
        return error && strcmp(evpg_error_sqlstate(error), plan->fails) == 0;
    if (error || (plan->n_sets > 0 && evpg_result_affected(result) != (uint64_t)plan->n_sets))
        return false;
    return parts_are_as_planned(item) &&
           (plan->kind != QUERY || item->member[0].rows == plan->member[0].rows);
}

static void on_done(const struct evpg_result *result, void *arg)
{
    struct item *item = arg;
    const struct item_plan *plan = &items[item->number];
    const struct evpg_error *error = evpg_result_error(result);
    int most = plan->kind == BATCH ? count_members(plan) : 0;

    sweep_progress(item->session);
    ck_assert_int_eq(item->completions++, 0);
    ck_assert_int_eq(item->n_told, most);
    item->failed = error;
    ck_assert_msg(error || parts_have_succeeded(item),
                  "session %ld: item %d has succeeded, but not all of it", item->session->number,
                  item->number);
    for (int i = 0; error && i < item->n_told && evpg_error_fate(error) != EVPG_FATE_EXECUTED; i++)
        ck_assert_msg(item->member[i].failed, "session %ld: item %d has failed, but member %d",
                      item->session->number, item->number, i);
    item->ok = is_ok(item, result);
    bundles_judge(item, error);
    if (plan->kind == TX && !item->ok)
        item->session->beyond_telling = true; /* the recording does not go on like this */
    sweep_count(error);
}

static void on_query(const struct evpg_result *result, void *arg)
{
    struct member *member = arg;

    member->told++;
    on_done(result, member->item);
}

static struct evpg_request *submit_bundle(struct item *item, struct evpg_db *on)
{
    struct evpg_batch *batch = evpg_batch_new(on);

    for (int i = 0; i < count_members(&items[item->number]); i++) {
        struct member *member = &item->member[i];

        evpg_batch_add(batch, member->plan->sql, EVPG_NO_PARAMS, member->plan->kept ? NULL : on_row,
                       on_member, member);
    }
    return evpg_batch_submit(batch, on_done, item);
}

static struct evpg_request *submit_sets(struct item *item, struct evpg_db *on)
{
    const struct item_plan *plan = &items[item->number];
    struct evpg_param sets[MOST_SETS];

    for (int i = 0; i < plan->n_sets; i++)
        sets[i] = evpg_int32(100 * item->number + i);
    return evpg_many(on, plan->member[0].sql, sets, 1, (size_t)plan->n_sets, on_done, item);
}

static void start_item(struct item *item, struct evpg_db *on);

static void begin_body(struct evpg_db *tx, void *arg)
{
    struct item *item = arg;
    struct work *work = item->session->work;

    sweep_progress(item->session);
    ck_assert_int_eq(item->bodies++, 0);
    for (int i = 0; i < n_items; i++)
        if (items[i].within == item->number)
            start_item(&work->item[i], tx);
    evpg_commit(tx);
}

static void start_item(struct item *item, struct evpg_db *on)
{
    const struct item_plan *plan = &items[item->number];
    struct evpg_request *request;

    if (plan->kind == TX)
        request = evpg_transaction(on, NULL, begin_body, on_done, item);
    else if (plan->kind == MANY)
        request = submit_sets(item, on);
    else if (plan->kind == BATCH)
        request = submit_bundle(item, on);
    else
        request =
            evpg_query(on, plan->member[0].sql, EVPG_NO_PARAMS, on_row, on_query, &item->member[0]);
    item->accepted = request != NULL;
    ck_assert(request || plan->within);
    ck_assert_int_eq(item->completions, 0);
}

static void submit_items(struct sweep_session *session)
{
    struct work *work = session->work;

    for (int i = 0; i < n_items; i++) {
        work->item[i].session = session;
        work->item[i].number = i;
        for (int n = 0; n < MOST_MEMBERS; n++)
            work->item[i].member[n] =
                (struct member){.item = &work->item[i], .plan = &items[i].member[n]};
    }
    for (int i = 0; i < n_items; i++)
        if (!items[i].within)
            start_item(&work->item[i], session->db);
}

static bool is_over(const struct sweep_session *session)
{
    const struct work *work = session->work;

    for (int i = 0; i < n_items; i++)
        if (work->item[i].completions < work->item[i].accepted)
            return false;
    return true;
}

static bool went_well(const struct sweep_session *session)
{
    const struct work *work = session->work;
    bool well = true;

    for (int i = 0; i < n_items; i++) {
        ck_assert_msg(work->item[i].completions == work->item[i].accepted,
                      "session %ld: item %d was completed %d times", session->number, i,
                      work->item[i].completions);
        well = well && work->item[i].ok;
    }
    return well;
}

static void begin_bundles(struct sweep_session *session)
{
    items = bundles;
    n_items = sizeof(bundles) / sizeof(*bundles);
    submit_items(session);
}

static void begin_windows(struct sweep_session *session)
{
    items = windows;
    n_items = sizeof(windows) / sizeof(*windows);
    submit_items(session);
}

const struct sweep_plan sweep_bundles = {SANITIZED ? 400 : 150, sizeof(struct work), begin_bundles,
                                         is_over, went_well};
const struct sweep_plan sweep_windows = {SANITIZED ? 3000 : 800, sizeof(struct work), begin_windows,
                                         is_over, went_well};
