/* SPDX-License-Identifier: BSD-2-Clause */
#include "bundle.h"

#include "mem.h"

#include <stdio.h>

struct bundle {
    struct group group;
    bool failed_at_sync, over;
};

struct end ends[BUNDLE_MOST], whole;
int n_members, n_done;
struct group *bundle;
int act_in_done, act_in_row;
void (*act)(void);

static void note(struct end *end, const struct evpg_error *error)
{
    end->done++;
    end->order = n_done++;
    if (!error)
        return;
    end->code = evpg_error_code(error);
    end->fate = evpg_error_fate(error);
    snprintf(end->sqlstate, sizeof(end->sqlstate), "%s", evpg_error_sqlstate(error));
    snprintf(end->message, sizeof(end->message), "%s", evpg_error_message(error));
}

static enum evpg_flow on_row(const struct evpg_row *row, void *arg)
{
    struct end *end = arg;

    ck_assert_int_eq(end->done, 0);
    ck_assert_ptr_nonnull(evpg_row_text(row, 0));
    end->n_rows++;
    if (act && end - ends + 1 == act_in_row)
        act();
    return EVPG_NEXT;
}

static void on_done(const struct evpg_result *result, void *arg)
{
    struct end *end = arg;

    note(end, evpg_result_error(result));
    if (act && end - ends + 1 == act_in_done)
        act();
}

static bool note_sync(struct evpg_request *request, PGresult *result, ExecStatusType status)
{
    ((struct bundle *)group_of(request))->failed_at_sync = true;
    return group_result(request, result, status);
}

/* It has failed when a member has, or the Sync. */
static void finish(struct evpg_request *request, struct evpg_error *cut)
{
    struct bundle *own = (struct bundle *)group_of(request);
    struct evpg_error error;

    group_finish(request, cut);
    if (own->over)
        return;
    own->over = true;
    if (!cut && (own->group.failed || own->failed_at_sync)) {
        err_set(&error, EVPG_E_ABORTED, EVPG_FATE_NOT_EXECUTED, "%zu of %zu",
                own->group.failed_number, own->group.n_members);
        cut = &error;
    }
    db_note_done(request, cut);
    if (!request->abandoned || cut)
        note(&whole, cut);
    bundle = NULL;
}

static void release(struct evpg_request *request)
{
    struct bundle *own = (struct bundle *)group_of(request);

    group_release(&own->group);
    mem_free(own);
}

static void forget(struct evpg_request *request)
{
    ((struct bundle *)group_of(request))->over = true;
    group_abandon(request);
}

static const struct req_ops bundle_ops = {.send = group_write,
                                          .streams = group_streams,
                                          .result = note_sync,
                                          .deliver = group_deliver,
                                          .discard = group_discard,
                                          .abandon = forget,
                                          .finish = finish,
                                          .release = release};

void start(void)
{
    memset(ends, 0, sizeof(ends));
    memset(&whole, 0, sizeof(whole));
    n_members = n_done = 0;
    bundle = mem_alloc(sizeof(struct bundle));
    bundle->base.ops = &bundle_ops;
    bundle->base.db = db;
    bundle->base.size = sizeof(struct bundle);
    group_start(bundle);
}

void add_with(const char *sql, const struct evpg_param *params, size_t n)
{
    struct op_rows *rows = op_query_new(db, sql, params, n);

    ck_assert_ptr_nonnull(rows);
    rows->base.part = true;
    rows->on_row = on_row;
    rows->on_done = on_done;
    rows->arg = &ends[n_members++];
    bundle->base.size += rows->base.size;
    group_add(bundle, &rows->base);
}

void add(const char *sql)
{
    add_with(sql, EVPG_NO_PARAMS);
}

void send_bundle(void)
{
    ck_assert_int_eq(db_submit(db, &bundle->base), 0);
}

void await_whole(void)
{
    ck_assert(await_flag(&whole.done, 20000));
}

void check_order(void)
{
    for (int i = 0; i < n_members; i++) {
        ck_assert_int_eq(ends[i].done, 1);
        ck_assert_int_eq(ends[i].order, i);
    }
    ck_assert_int_eq(whole.done, 1);
    ck_assert_int_eq(whole.order, n_members);
}

void check(int i, enum evpg_code code, enum evpg_fate fate)
{
    ck_assert_msg(ends[i].code == code && ends[i].fate == fate, "member %d: %d %d %s", i + 1,
                  ends[i].code, ends[i].fate, ends[i].message);
}

void begin_with_table(int mode)
{
    begin(mode);
    query("create temp table t (i int primary key deferrable initially deferred)", EVPG_NO_PARAMS);
    await_all();
}

void check_count(const char *expected)
{
    struct outcome *count = query("select count(*) from t", EVPG_NO_PARAMS);

    await_all();
    ck_assert_str_eq(cell(count, 0, 0), expected);
}

void free_db(void)
{
    evpg_free(db);
    db = NULL;
}
