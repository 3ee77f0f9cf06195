/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * db_standby: a pool with a standby: what may run there does while there is one, a standby or
 * primary that goes away costs only what was in flight, and a promotion moves the writes; F34.
 *
 * The counterpart of lib/pool_standby.c; see db_role for lib/role.c. The standby is a real one, of
 * the server that scripts/with-postgres runs.
 */
#include "oracle.h"
#include "server.h"
#include "standby.h"

#include <evpg.h>

#include <signal.h>
#include <stdio.h>

static char both[900], second[900];

/* conninfo may name both servers, standby_conninfo only the one or, with both, any standby. */
static void begin_two(bool name_both, int max_connections)
{
    snprintf(both, sizeof(both), "host=%s,%s port=%s," STANDBY_PORT " target_session_attrs=%s",
             getenv("PGHOST"), standby_host(), getenv("PGPORT"), "read-write");
    snprintf(second, sizeof(second), "host=%s port=" STANDBY_PORT " target_session_attrs=standby",
             standby_host());
    begin_pool_at(name_both ? both : NULL,
                  &EVPG_POOL_CONFIG(.max_connections = max_connections, .reconnect_min_ms = 20,
                                    .reconnect_max_ms = 100, .query_wait_timeout_ms = 15000,
                                    .standby_conninfo = second));
}

static struct outcome *ask(bool standby_ok)
{
    struct outcome *outcome = query("select pg_is_in_recovery()", EVPG_NO_PARAMS);

    if (standby_ok)
        evpg_request_set_flags(outcome->request, EVPG_STANDBY_OK);
    return outcome;
}

static bool ran_on_standby(const struct outcome *outcome)
{
    ck_assert_outcome_ok(outcome);
    return strcmp(cell(outcome, 0, 0), "t") == 0;
}

/* Until a flagged one runs there, or does not any more. */
static void await_standby(bool there)
{
    double end = now_ms() + 15000;
    struct outcome *one;

    do {
        run_for(10);
        one = ask(true);
        ck_assert(await_flag(&one->completions, 15000));
    } while (now_ms() < end && (one->error || ran_on_standby(one) != there));
    ck_assert_int_eq(ran_on_standby(one), there);
}

static struct evpg_db *lease;
static int n_leases;

static void on_lease(struct evpg_db *leased, const struct evpg_error *error, void *arg)
{
    (void)arg;
    ck_assert_ptr_null(error);
    lease = leased;
    n_leases++;
}

/* A lease that may be of a standby is; another is not. */
static void check_lease(bool standby_ok)
{
    struct evpg_request *request = evpg_acquire(db, on_lease, NULL);
    struct evpg_db *pool = db;
    struct outcome *one;

    n_leases = 0;
    if (standby_ok)
        evpg_request_set_flags(request, EVPG_STANDBY_OK);
    ck_assert(await_flag(&n_leases, 5000));
    db = lease;
    one = ask(false);
    await_all();
    ck_assert_int_eq(ran_on_standby(one), standby_ok);
    evpg_release(lease);
    db = pool;
}

/* What may run there does, when a connection is there; what may not never does. */
START_TEST(by_their_flags)
{
    struct outcome *outcomes[100];

    standby_make();
    begin_two(_i, 2);
    await_standby(true);
    for (int i = 0; i < 100; i++) {
        outcomes[i] = ask(i % 3 == 0);
        if (i % 7 == 0)
            evpg_request_set_flags(outcomes[i]->request,
                                   EVPG_EXCLUSIVE | (i % 3 == 0 ? EVPG_STANDBY_OK : 0));
    }
    await_all();
    for (int i = 0; i < 100; i++)
        ck_assert_int_eq(ran_on_standby(outcomes[i]), i % 3 == 0);
    check_lease(true);
    check_lease(false);
    end();
}
END_TEST

static int n_closed;

static void on_closed(struct evpg_db *closed, size_t cut_off, void *arg)
{
    (void)closed;
    (void)arg;
    ck_assert_uint_eq(cut_off, 0);
    n_closed++;
}

/* Closed in good order, or freed, with something under way on both; nothing is left of it. */
START_TEST(ends_as_a_whole)
{
    int descriptors;
    double start;

    standby_make();
    descriptors = open_descriptors();
    begin_two(false, 2);
    await_standby(true);
    for (int i = 0; i < 20; i++)
        ask(i % 2);
    if (_i == 0) {
        ck_assert_int_eq(evpg_close(db, 5000, on_closed, NULL), 0);
        ck_assert(await_flag(&n_closed, 5000));
        check_all_succeeded();
        start = now_ms();
        ck_assert_int_eq(event_base_dispatch(base), 1);
        ck_assert(now_ms() - start < 2000);
    }
    run_for(_i == 2 ? 3 : 0);
    evpg_free(db);
    db = NULL;
    ck_assert(all_done());
    end();
    ck_assert_int_le(open_descriptors(), descriptors);
}
END_TEST

static void free_both(const struct evpg_result *result, struct outcome *outcome)
{
    struct evpg_db *freed = db;

    (void)outcome;
    ck_assert_int_eq(evpg_error_code(evpg_result_error(result)), EVPG_E_CLOSED);
    db = NULL;
    evpg_free(freed);
}

static void on_closed_early(struct evpg_db *closed, size_t cut_off, void *arg)
{
    (void)closed;
    (void)cut_off;
    (void)arg;
    n_closed++;
}

/* By the callback of what a close has cut off there. */
START_TEST(freed_by_what_is_cut_off)
{
    struct outcome *slow[2];

    standby_make();
    begin_two(false, 2);
    await_standby(true);
    for (int i = 0; i < 2; i++) {
        slow[i] = new_outcome();
        slow[i]->on_done = free_both;
        ck_assert_ptr_nonnull(submit(slow[i], "select pg_sleep(3)", EVPG_NO_PARAMS));
        evpg_request_set_flags(slow[i]->request, EVPG_STANDBY_OK | EVPG_EXCLUSIVE);
    }
    run_for(200);
    ck_assert_int_eq(evpg_close(db, 20, on_closed_early, NULL), 0);
    ck_assert(await_flag(&n_closed, 5000));
    ck_assert_ptr_null(db);
    ck_assert(all_done());
    end();
}
END_TEST

/* What was in flight there is lost, and all else goes on, on the primary. */
START_TEST(standby_lost)
{
    struct outcome *slow, *waiting[50];

    standby_make();
    begin_two(false, 2);
    await_standby(true);
    slow = query("select pg_sleep(20)", EVPG_NO_PARAMS);
    evpg_request_set_flags(slow->request, EVPG_STANDBY_OK | EVPG_READ_ONLY);
    run_for(50);
    standby_stop();
    run_for(50);
    for (int i = 0; i < 50; i++)
        waiting[i] = ask(true);
    await_all();
    ck_assert_int_eq(evpg_error_code(slow->error), EVPG_E_LOST);
    for (int i = 0; i < 50; i++)
        ck_assert(!ran_on_standby(waiting[i]));
    await_standby(false);
    standby_start();
    await_standby(true);
    end();
}
END_TEST

/* What may run on the standby goes on there, and the rest waits. */
START_TEST(primary_lost)
{
    struct outcome *write, *read;

    standby_make();
    begin_two(true, 2);
    write = ask(false); /* or there never was a connection there, and nobody waits for one */
    await_all();
    ck_assert(!ran_on_standby(write));
    await_standby(true);
    server_stop(SIGQUIT);
    run_for(50);
    write = ask(false);
    for (int i = 0; i < 20; i++) {
        read = ask(true);
        ck_assert(await_flag(&read->completions, 5000));
        ck_assert(ran_on_standby(read));
    }
    ck_assert_int_eq(write->completions, 0);
    server_start();
    ck_assert(await_flag(&write->completions, 10000));
    ck_assert(!ran_on_standby(write));
    end();
}
END_TEST

static int n_reads, n_failed_reads;
static bool reading;

static void read_on(const struct evpg_result *result, struct outcome *outcome)
{
    struct outcome *next;

    (void)outcome;
    n_reads += result != NULL;
    n_failed_reads += result && evpg_result_error(result);
    if (!reading)
        return;
    next = new_outcome();
    next->on_done = read_on;
    ck_assert_ptr_nonnull(submit(next, "select 1", EVPG_NO_PARAMS));
    evpg_request_set_flags(next->request, EVPG_STANDBY_OK | EVPG_READ_ONLY);
}

/* By its own connection: until then commits would wait for a standby, and so would these. */
static void set_synchronous(const char *names)
{
    char sql[100];

    snprintf(sql, sizeof(sql), "alter system set synchronous_standby_names = '%s'", names);
    free(admin(sql));
    free(admin("select pg_reload_conf()"));
}

/* Writes go to the standby that becomes the primary, under load, and nothing that was acknowledged
 * is missing there; reads go on meanwhile; all without anybody's help. */
START_TEST(promoted)
{
    struct outcome *one;
    char old_host[300], old_port[20];

    standby_make();
    set_synchronous("*");
    ledger_begin();
    begin_two(true, 3);
    await_standby(true);
    reading = true;
    read_on(NULL, NULL);
    for (int round = 0; round < 10; round++) {
        ledger_submit(20);
        run_for(5);
    }
    snprintf(old_host, sizeof(old_host), "%s", getenv("PGHOST"));
    snprintf(old_port, sizeof(old_port), "%s", getenv("PGPORT"));
    server_stop(SIGQUIT);
    run_for(50);
    one = ledger_submit(20);
    run_for(200);
    ck_assert_int_eq(one->completions, 0);
    n_failed_reads = n_reads = 0;
    run_for(200);
    ck_assert_int_gt(n_reads, 10);
    ck_assert_int_eq(n_failed_reads, 0);
    standby_promote();
    ck_assert(await_flag(&one->completions, 10000));
    ck_assert_outcome_ok(one);
    ledger_submit(100);
    reading = false;
    await_all();
    await_standby(false);
    setenv("PGHOST", standby_host(), 1);
    setenv("PGPORT", STANDBY_PORT, 1);
    ck_assert_int_ge(ledger_check(), 120);
    end();
    setenv("PGHOST", old_host, 1);
    setenv("PGPORT", old_port, 1);
    server_start();
    set_synchronous("");
    free(admin("drop table if exists ledger"));
}
END_TEST

/* By which session the standby answers. */
static char *session_on_standby(void)
{
    struct outcome *one = query("select pg_backend_pid()", EVPG_NO_PARAMS);

    evpg_request_set_flags(one->request, EVPG_STANDBY_OK);
    ck_assert(await_flag(&one->completions, 5000));
    ck_assert_outcome_ok(one);
    return strdup(cell(one, 0, 0));
}

static struct evpg_pool_stats look(void)
{
    struct evpg_pool_stats stats = EVPG_POOL_STATS();

    ck_assert_int_eq(evpg_pool_get_stats(db, &stats), 0);
    return stats;
}

static struct outcome *insert_until_denied(void)
{
    struct outcome *insert;

    do {
        insert = query("insert into denied values (1)", EVPG_NO_PARAMS);
        ck_assert(await_flag(&insert->completions, 5000));
        run_for(5);
    } while (!insert->error);
    return insert;
}

static void set_read_only(const char *change)
{
    free(admin(change));
    free(admin("select pg_reload_conf()"));
}

/* A server that does not write any more, without having been restarted, is let go, as are the other
 * connections to it, with what is under way on them finished; and had again. The standby's stay. */
START_TEST(writes_denied)
{
    struct outcome *denied, *later, *slow;
    char *before, *after;

    standby_make();
    begin_two(true, 3);
    free(admin("create table denied (i int)"));
    for (int i = 0; i < 3; i++)
        evpg_request_set_flags(query("select pg_sleep(0.1)", EVPG_NO_PARAMS)->request,
                               EVPG_EXCLUSIVE);
    await_all();
    await_standby(true);
    before = session_on_standby();
    slow = query("select pg_sleep(1.5), 'to its end'", EVPG_NO_PARAMS);
    evpg_request_set_flags(slow->request, EVPG_EXCLUSIVE);
    run_for(50);
    while (look().opening >
           0) /* it may find a server that writes, and does not any more when it is used */
        run_for(5);
    set_read_only("alter system set default_transaction_read_only = on");
    denied = insert_until_denied();
    ck_assert_outcome_sqlstate(denied, "25006");
    later = query("insert into denied values (2)", EVPG_NO_PARAMS);
    run_for(300);
    ck_assert_int_eq(later->completions, 0);
    ck_assert_int_eq(slow->completions, 0);
    after = session_on_standby();
    ck_assert_str_eq(after, before);
    ck_assert(await_flag(&slow->completions, 5000));
    ck_assert_outcome_ok(slow);
    set_read_only("alter system reset default_transaction_read_only");
    await_all();
    ck_assert_outcome_ok(later);
    ck_assert_uint_eq(look().connections_lost, 0);
    free(before);
    free(after);
    free(admin("drop table denied"));
    end();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("db_standby");
    TCase *tcase = tcase_create("standby");

    tcase_set_timeout(tcase, 120);
    tcase_add_loop_test(tcase, by_their_flags, 0, 2);
    tcase_add_loop_test(tcase, ends_as_a_whole, 0, 3);
    tcase_add_test(tcase, freed_by_what_is_cut_off);
    tcase_add_test(tcase, standby_lost);
    tcase_add_test(tcase, primary_lost);
    tcase_add_test(tcase, promoted);
    tcase_add_test(tcase, writes_denied);
    suite_add_tcase(suite, tcase);
    return run_suite(suite, true);
}
