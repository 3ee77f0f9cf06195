/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * db_group: requests that share one Sync, lib/group.c, through the internal interface: one
 * transaction, completions in order, and what becomes of the others when one fails, is canceled,
 * too late, lost, or is the end of its connection.
 *
 * The groups here are a few statements with nothing of their own but a completion.
 */
#include "group.h"
#include "mem.h"
#include "op_query.h"

#include "harness.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#define MOST 1200

/* What became of a member, or of the group. */
struct end {
    int done, n_rows, order;
    enum evpg_code code; /* 0: success */
    enum evpg_fate fate;
    char sqlstate[6], message[200];
};

struct bundle {
    struct group group;
    struct end *own;
    bool over;
};

static struct end ends[MOST], whole;
static int n_members, n_done;
static struct bundle *bundle;
static int act_in_done, act_in_row; /* of which member; 0: of none */
static void (*act)(void);
static enum evpg_flow flow;

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
    return flow;
}

static void on_done(const struct evpg_result *result, void *arg)
{
    struct end *end = arg;

    note(end, evpg_result_error(result));
    if (act && end - ends + 1 == act_in_done)
        act();
}

static void finish(struct evpg_request *request, struct evpg_error *cut)
{
    struct bundle *own = (struct bundle *)group_of(request);
    struct evpg_error error;

    group_finish(request, cut);
    if (own->over)
        return;
    own->over = true;
    if (!cut && (own->group.failed || own->group.at_sync)) {
        group_spoils_all(&own->group, NULL, &error);
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
                                          .result = group_result,
                                          .deliver = group_deliver,
                                          .discard = group_discard,
                                          .abandon = forget,
                                          .finish = finish,
                                          .release = release};

static void start(void)
{
    memset(ends, 0, sizeof(ends));
    memset(&whole, 0, sizeof(whole));
    n_members = n_done = 0;
    flow = EVPG_NEXT;
    bundle = mem_alloc(sizeof(*bundle));
    bundle->group.base.ops = &bundle_ops;
    bundle->group.base.db = db;
    bundle->group.base.size = sizeof(*bundle);
    bundle->group.spoils = group_spoils_all;
    group_start(&bundle->group);
}

static void add_with(const char *sql, const struct evpg_param *params, size_t n)
{
    struct op_rows *rows = op_query_new(db, sql, params, n);

    ck_assert_ptr_nonnull(rows);
    rows->base.part = true;
    rows->on_row = on_row;
    rows->on_done = on_done;
    rows->arg = &ends[n_members++];
    bundle->group.base.size += rows->base.size;
    group_add(&bundle->group, &rows->base);
}

static void add(const char *sql)
{
    add_with(sql, EVPG_NO_PARAMS);
}

static void send_bundle(void)
{
    ck_assert_int_eq(db_submit(db, &bundle->group.base), 0);
}

static void await_whole(void)
{
    ck_assert(await_flag(&whole.done, 20000));
}

/* All of them are done once, in order, and the group last. */
static void check_order(void)
{
    for (int i = 0; i < n_members; i++) {
        ck_assert_int_eq(ends[i].done, 1);
        ck_assert_int_eq(ends[i].order, i);
    }
    ck_assert_int_eq(whole.done, 1);
    ck_assert_int_eq(whole.order, n_members);
}

static void check(int i, enum evpg_code code, enum evpg_fate fate)
{
    ck_assert_msg(ends[i].code == code && ends[i].fate == fate, "member %d: %d %d %s", i + 1,
                  ends[i].code, ends[i].fate, ends[i].message);
}

static void begin_with_table(int mode)
{
    begin(mode);
    query("create temp table t (i int primary key deferrable initially deferred)", EVPG_NO_PARAMS);
    await_all();
}

static void check_count(const char *expected)
{
    struct outcome *count = query("select count(*) from t", EVPG_NO_PARAMS);

    await_all();
    ck_assert_str_eq(cell(count, 0, 0), expected);
}

/* Rows in each; the same statement twice; ordinary requests before and behind. */
START_TEST(all_succeed)
{
    struct outcome *before, *behind;

    begin_with_table(_i);
    before = query("select 'before' from generate_series(1, 3)", EVPG_NO_PARAMS);
    start();
    add_with("insert into t values ($1) returning i", EVPG_PARAMS(evpg_int32(1)));
    add_with("insert into t values ($1) returning i", EVPG_PARAMS(evpg_int32(2)));
    add("select generate_series(1, 200)");
    add("delete from t where i = 77");
    add("");
    add("select count(*), pg_current_xact_id_if_assigned() from t");
    send_bundle();
    behind = query("select 'behind' from generate_series(1, 100)", EVPG_NO_PARAMS);
    await_all();
    await_whole();
    check_order();
    for (int i = 0; i < n_members; i++)
        ck_assert_msg(ends[i].code == 0, "%s", ends[i].message);
    ck_assert_int_eq(whole.code, 0);
    ck_assert_int_eq(ends[0].n_rows, 1);
    ck_assert_int_eq(ends[2].n_rows, 200);
    ck_assert_int_eq(ends[3].n_rows, 0);
    ck_assert_int_eq(before->n_rows, 3);
    ck_assert_int_eq(behind->n_rows, 100);
    ck_assert_str_eq(cell(behind, 99, 0), "behind");
    check_count("2");
    end();
}
END_TEST

/* In one transaction: what the first has done is undone with the one that failed. */
START_TEST(one_fails)
{
    struct outcome *behind;

    begin_with_table(_i);
    start();
    add("insert into t values (1) returning i");
    add("insert into t values (2)");
    add("select 1 / 0");
    add_with("insert into t values ($1)", EVPG_PARAMS(evpg_int32(3)));
    add("select generate_series(1, 3)");
    send_bundle();
    behind = query("select 'behind' from generate_series(1, 3)", EVPG_NO_PARAMS);
    await_all();
    await_whole();
    check_order();
    check(0, EVPG_E_ABORTED, EVPG_FATE_NOT_EXECUTED);
    check(2, EVPG_E_SERVER, EVPG_FATE_NOT_EXECUTED);
    ck_assert_str_eq(ends[2].sqlstate, "22012");
    check(3, EVPG_E_ABORTED, EVPG_FATE_NOT_EXECUTED);
    check(4, EVPG_E_ABORTED, EVPG_FATE_NOT_EXECUTED);
    ck_assert_ptr_nonnull(strstr(ends[4].message, "statement 3 of 5"));
    ck_assert_int_eq(ends[0].n_rows, 1);
    ck_assert_int_eq(ends[4].n_rows, 0);
    ck_assert_int_eq(whole.code, EVPG_E_ABORTED);
    ck_assert_int_eq(behind->n_rows, 3);
    check_count("0");
    end();
}
END_TEST

/* What is found out at the Sync undoes all of them. */
START_TEST(fails_at_sync)
{
    begin_with_table(_i);
    start();
    add("insert into t values (1)");
    add("insert into t values (1)");
    add("select generate_series(1, 3)");
    send_bundle();
    await_whole();
    check_order();
    for (int i = 0; i < n_members; i++)
        check(i, EVPG_E_ABORTED, EVPG_FATE_NOT_EXECUTED);
    ck_assert_int_eq(whole.code, EVPG_E_ABORTED);
    check_count("0");
    end();
}
END_TEST

/* Prepared statements that are out of date: all of it is sent once more, or, where some of it was
 * seen, none. */
START_TEST(stale)
{
    bool seen = _i;

    begin(ALONE);
    query("create temp table s (a int)", EVPG_NO_PARAMS);
    query("insert into s values (1)", EVPG_NO_PARAMS);
    query("create temp table t (i int)", EVPG_NO_PARAMS);
    await_all();
    query("select * from s", EVPG_NO_PARAMS);
    await_all();
    query("alter table s alter a type text", EVPG_NO_PARAMS);
    await_all();
    start();
    add(seen ? "insert into t values (1) returning i" : "insert into t values (1)");
    add("select * from s");
    add("insert into t values (2)");
    send_bundle();
    await_whole();
    check_order();
    if (seen) {
        check(0, EVPG_E_ABORTED, EVPG_FATE_NOT_EXECUTED);
        check(1, EVPG_E_SERVER, EVPG_FATE_NOT_EXECUTED);
        ck_assert_str_eq(ends[1].sqlstate, "0A000");
    } else {
        ck_assert_int_eq(whole.code, 0);
        ck_assert_int_eq(ends[1].n_rows, 1);
    }
    check_count(seen ? "0" : "2");
    end();
}
END_TEST

static void cancel_whole(void)
{
    evpg_request_cancel(&bundle->group.base);
}

/* Before it is sent nothing of it is; while it runs the one that runs is stopped. */
START_TEST(canceled)
{
    bool sent = _i;

    begin_with_table(ALONE);
    start();
    add("insert into t values (1)");
    add("select pg_sleep(20)");
    add("insert into t values (2)");
    send_bundle();
    if (sent)
        run_for(150);
    cancel_whole();
    ck_assert_int_eq(n_done, 0);
    await_whole();
    check_order();
    check(1, EVPG_E_CANCELED, sent ? EVPG_FATE_NOT_EXECUTED : EVPG_FATE_NOT_SENT);
    check(0, sent ? EVPG_E_ABORTED : EVPG_E_CANCELED,
          sent ? EVPG_FATE_NOT_EXECUTED : EVPG_FATE_NOT_SENT);
    ck_assert_int_eq(whole.code, sent ? EVPG_E_ABORTED : EVPG_E_CANCELED);
    check_count("0");
    end();
}
END_TEST

/* All are told at the deadline, in order, and what comes afterwards is nobody's. */
START_TEST(too_late)
{
    begin_with_table(ALONE);
    start();
    add("insert into t values (1)");
    add("select pg_sleep(20)");
    add("insert into t values (2)");
    send_bundle();
    evpg_request_set_timeout(&bundle->group.base, 150);
    if (_i)
        query("select pg_sleep(0.4)", EVPG_NO_PARAMS)->number = 1;
    await_whole();
    check_order();
    for (int i = 0; i < n_members; i++)
        check(i, EVPG_E_TIMEOUT, EVPG_FATE_UNKNOWN);
    await_all();
    check_count("0");
    end();
}
END_TEST

static void end_bundle(void)
{
    evpg_request_abandon(&bundle->group.base);
}

static void free_db(void)
{
    evpg_free(db);
    db = NULL;
}

static void kill_backend(void)
{
    end_backend();
}

/* Lost before the Sync: all are UNKNOWN; not sent: NOT_SENT. */
START_TEST(lost)
{
    begin(ALONE);
    find_backend();
    start();
    add("select 1");
    add("select pg_sleep(20)");
    add("select 2");
    send_bundle();
    if (_i)
        run_for(150);
    kill_backend();
    await_whole();
    check_order();
    for (int i = 0; i < n_members; i++)
        check(i, EVPG_E_LOST, _i ? EVPG_FATE_UNKNOWN : EVPG_FATE_NOT_SENT);
    ck_assert_int_eq(ends[0].n_rows, _i);
    free_db();
    end();
}
END_TEST

/* Freed in the row or the done callback of each member: those that were answered succeed. */
START_TEST(freed_in_callback)
{
    int member = _i / 2 + 1;
    bool in_row = _i % 2;

    begin(ALONE);
    start();
    for (int i = 0; i < 4; i++)
        add("select generate_series(1, 3)");
    act = free_db;
    act_in_row = in_row ? member : 0;
    act_in_done = in_row ? 0 : member;
    send_bundle();
    await_whole();
    act = NULL;
    for (int i = 0; i < n_members; i++) {
        ck_assert_int_eq(ends[i].done, 1);
        ck_assert_int_eq(ends[i].order, i);
        check(i, in_row ? EVPG_E_CLOSED : 0, in_row ? EVPG_FATE_UNKNOWN : 0);
    }
    ck_assert_int_eq(whole.code, in_row ? EVPG_E_CLOSED : 0);
    end();
}
END_TEST

/* Abandoned before it is sent, while it runs, and in each callback: nothing comes any more. */
START_TEST(abandoned)
{
    begin_with_table(ALONE);
    start();
    add("insert into t values (1) returning i");
    add(_i < 2 ? "select pg_sleep(20)" : "select 1");
    add("select 2");
    send_bundle();
    act = end_bundle;
    act_in_row = _i == 2;
    act_in_done = _i == 3;
    if (_i == 1)
        run_for(100);
    if (_i < 2)
        end_bundle();
    run_for(300);
    act = NULL;
    ck_assert_int_eq(n_done, _i == 3);
    ck_assert_int_eq(whole.done, 0);
    end();
}
END_TEST

static struct evpg_request *paused;

static enum evpg_flow pause_first(const struct evpg_row *row, void *arg)
{
    struct end *end = arg;

    end->n_rows++;
    if (end->n_rows > 1)
        return EVPG_NEXT;
    paused = evpg_row_request(row);
    return EVPG_PAUSE;
}

/* A member in the midst of the others is paused, goes on, or is canceled with the group. */
START_TEST(paused_member)
{
    begin(ALONE);
    start();
    add("select 1");
    add("select generate_series(1, 1000)");
    ((struct op_rows *)TAILQ_LAST(&bundle->group.members, req_list))->on_row = pause_first;
    add("select 2");
    send_bundle();
    paused = NULL;
    run_for(150);
    ck_assert_ptr_nonnull(paused);
    ck_assert_int_eq(n_done, 0);
    if (_i == 0)
        evpg_request_resume(paused);
    else
        cancel_whole();
    await_whole();
    check_order();
    if (_i == 0)
        ck_assert_int_eq(ends[1].n_rows, 1000);
    else
        ck_assert_int_eq(ends[1].code, EVPG_E_CANCELED);
    end();
}
END_TEST

/* A thousand members, whose completion goes in slices; what is behind them has its own rows. */
START_TEST(many)
{
    struct outcome *behind;

    begin_with_table(_i);
    start();
    for (int i = 0; i < MOST; i++)
        add_with("insert into t values ($1) returning i", EVPG_PARAMS(evpg_int32(i)));
    send_bundle();
    behind = query("select generate_series(1, 100)", EVPG_NO_PARAMS);
    await_whole();
    await_all();
    check_order();
    ck_assert_int_eq(whole.code, 0);
    ck_assert_int_eq(behind->n_rows, 100);
    check_count("1200");
    end();
}
END_TEST

/* Hit by a cancel request that was meant for the request before: the group is sent once more. */
START_TEST(hit_by_mistake)
{
    begin_with_table(ALONE);
    for (int i = 0; i < sized(40, 400); i++) {
        struct outcome *target = new_outcome();
        struct evpg_request *request = submit(target, "select pg_sleep(0.001)", EVPG_NO_PARAMS);

        start();
        add("select 1 from pg_sleep(0.002)");
        add("select 2 from pg_sleep(0.002)");
        ((struct op_rows *)TAILQ_FIRST(&bundle->group.members))->on_row = NULL;
        send_bundle();
        usleep((unsigned)(i % 20) * 100);
        turn();
        if (target->completions == 0)
            evpg_request_cancel(request);
        await_all();
        await_whole();
        check_order();
        ck_assert_msg(whole.code == 0, "%s; %s; %s", whole.message, ends[0].message,
                      ends[1].message);
    }
    end();
}
END_TEST

/* The bounds of a queue: it is one request, with the bytes of all. */
START_TEST(refused)
{
    struct evpg_conn_config config = EVPG_CONN_CONFIG(.max_queued_bytes = 2000);

    begin_closed(NULL, &config);
    start();
    add("select 1");
    ck_assert_int_eq(db_submit(db, &bundle->group.base), ENOTCONN);
    ck_assert_int_eq(n_done, 0);
    req_release(&bundle->group.base);
    free_db();
    end();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("db_group");
    TCase *tcase = tcase_create("group");

    tcase_set_timeout(tcase, 120);
    tcase_add_loop_test(tcase, all_succeed, 0, N_MODES);
    tcase_add_loop_test(tcase, one_fails, 0, N_MODES);
    tcase_add_loop_test(tcase, fails_at_sync, 0, N_MODES);
    tcase_add_loop_test(tcase, stale, 0, 2);
    tcase_add_loop_test(tcase, canceled, 0, 2);
    tcase_add_loop_test(tcase, too_late, 0, 2);
    tcase_add_loop_test(tcase, lost, 0, 2);
    tcase_add_loop_test(tcase, freed_in_callback, 0, 8);
    tcase_add_loop_test(tcase, abandoned, 0, 4);
    tcase_add_loop_test(tcase, paused_member, 0, 2);
    tcase_add_loop_test(tcase, many, 0, N_LARGE_MODES);
    tcase_add_test(tcase, hit_by_mistake);
    tcase_add_test(tcase, refused);
    suite_add_tcase(suite, tcase);
    return run_suite(suite, true);
}
