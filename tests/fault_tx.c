/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fault_tx: a server that dies, stops, restarts or fails over in each phase of a transaction on a
 * pool: while its first statements run, while nothing of it is under way, while COMMIT is: F01 to
 * F04, F34.
 *
 * Each adds two rows to a ledger, which are both there or none, as its outcome says; and whoever
 * asks next gets an answer, on a connection that is in no transaction. The heart beats.
 */
#include "oracle.h"
#include "server.h"
#include "standby.h"
#include "txn.h"

#include <signal.h>
#include <stdio.h>

enum phase { RUNNING, AT_REST, COMMITTING, N_PHASES };

static enum phase phase;
static struct txn *txn, *first, *next;

static void note(struct txn *noted)
{
    char sql[64];

    snprintf(sql, sizeof(sql), "insert into ledger values (%d)", noted->number);
    noted->of[0] = say(noted, sql);
    noted->of[2] = say(noted, sql);
}

/* Both of its rows are there, or none, as its outcome says. */
static void check_ledger(const struct txn *ended)
{
    char sql[80], *text;
    int n;

    snprintf(sql, sizeof(sql), "select count(*) from ledger where op = %d", ended->number);
    text = admin(sql);
    n = atoi(text);
    free(text);
    ck_assert(n == 0 || n == 2);
    ck_assert(ended->error || n == 2);
    ck_assert(!ended->error || evpg_error_fate(ended->error) == EVPG_FATE_UNKNOWN || n == 0);
}

static void body(struct txn *begun)
{
    note(begun);
    if (phase == RUNNING)
        begun->of[1] = say(begun, "select pg_sleep(20)");
    if (phase == COMMITTING) {
        begun->of[1] = say(begun, "insert into slow values (1)");
        evpg_commit(begun->tx);
    }
}

static void note_and_commit(struct txn *begun)
{
    note(begun);
    evpg_commit(begun->tx);
}

/* A COMMIT that takes its time. */
static void make_slow(void)
{
    free(admin("drop table if exists slow; create table slow (i int); "
               "create or replace function slow_commit() returns trigger language plpgsql as "
               "'begin perform pg_sleep(20); return null; end'; "
               "create constraint trigger slow after insert on slow deferrable initially deferred "
               "for each row execute function slow_commit()"));
}

static void begin_phase(const char *conninfo)
{
    make_slow();
    ledger_begin();
    begin_pool_at(conninfo, &EVPG_POOL_CONFIG(.max_connections = 2, .query_wait_timeout_ms = 20000,
                                              .reconnect_max_ms = 200));
    txn = new_txn(note_and_commit);
    run_txn(txn, db, NULL);
    await_txn(txn);
    check_committed(txn);
    first = txn;
    txn = new_txn(body);
    txn->number = 1;
    run_txn(txn, db, NULL);
    ck_assert(await_flag(&txn->bodies, 5000));
    if (phase == AT_REST)
        ck_assert(await_flag(&txn->of[0]->completions, 5000));
    if (phase == COMMITTING)
        ck_assert(await_flag(&txn->of[1]->completions, 5000));
    run_for(100);
    ck_assert_int_eq(txn->done, 0);
    heart_start();
}

static void await_loss(void)
{
    await_txn(txn);
    check_failed(txn, EVPG_E_LOST, phase == COMMITTING ? EVPG_FATE_UNKNOWN : EVPG_FATE_NOT_EXECUTED,
                 NULL);
    heart_stop();
}

/* The next is on another connection, all of it. */
static void end_phase(void)
{
    next = new_txn(note_and_commit);
    next->number = 2;
    run_txn(next, db, NULL);
    await_txn(next);
    check_committed(next);
}

static void check_all(void)
{
    check_ledger(first);
    check_ledger(txn);
    check_ledger(next);
}

static void end_all(void)
{
    check_all();
    free(admin("drop table slow, ledger; drop function slow_commit"));
    end();
    free_txns();
    resources_check(8192);
}

static int session_of_txn(void)
{
    char *text =
        admin("select pid from pg_stat_activity where pid <> pg_backend_pid() and state in "
              "('active', 'idle in transaction') and backend_type = 'client backend' "
              "order by xact_start limit 1");
    int pid = atoi(text);

    free(text);
    ck_assert_int_gt(pid, 0);
    return pid;
}

START_TEST(f01_killed)
{
    phase = (enum phase)_i;
    resources_note();
    begin_phase(NULL);
    server_signal(session_of_txn(), SIGKILL);
    heart_skip();
    await_loss();
    server_await();
    end_phase();
    end_all();
}
END_TEST

START_TEST(f02_terminated)
{
    phase = (enum phase)_i;
    resources_note();
    begin_phase(NULL);
    server_signal(session_of_txn(), SIGTERM);
    heart_skip();
    await_loss();
    ck_assert_str_eq(evpg_error_sqlstate(txn->error), "57P01");
    end_phase();
    end_all();
}
END_TEST

START_TEST(f03_immediate_shutdown)
{
    phase = (enum phase)_i;
    resources_note();
    begin_phase(NULL);
    server_signal(server_pid(), SIGQUIT);
    await_loss();
    server_stop(SIGQUIT);
    server_start();
    end_phase();
    end_all();
}
END_TEST

START_TEST(f04_fast_restart)
{
    phase = (enum phase)_i;
    resources_note();
    begin_phase(NULL);
    server_signal(server_pid(), SIGINT);
    await_loss();
    server_stop(SIGINT);
    server_start();
    end_phase();
    end_all();
}
END_TEST

/* The primary dies in the midst of it, and the standby takes its place: what was not acknowledged
 * is not there, and the next transaction is the new primary's. */
START_TEST(f34_promotion)
{
    char conninfo[600], old_host[300], old_port[20];

    phase = (enum phase)_i;
    snprintf(old_host, sizeof(old_host), "%s", getenv("PGHOST"));
    snprintf(old_port, sizeof(old_port), "%s", getenv("PGPORT"));
    make_slow();
    standby_make();
    snprintf(conninfo, sizeof(conninfo),
             "host=%s,%s port=%s," STANDBY_PORT " target_session_attrs=read-write", old_host,
             standby_host(), old_port);
    begin_phase(conninfo);
    standby_catch_up();
    heart_forget();
    server_signal(server_pid(), SIGQUIT);
    await_loss();
    server_stop(SIGQUIT);
    standby_promote();
    end_phase();
    setenv("PGHOST", standby_host(), 1);
    setenv("PGPORT", STANDBY_PORT, 1);
    check_all();
    end();
    free_txns();
    setenv("PGHOST", old_host, 1);
    setenv("PGPORT", old_port, 1);
    server_start();
    free(admin("drop table if exists ledger, slow; drop function if exists slow_commit"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("fault_tx");
    TCase *tcase = tcase_create("tx");

    tcase_set_timeout(tcase, 120);
    tcase_add_loop_test(tcase, f01_killed, 0, N_PHASES);
    tcase_add_loop_test(tcase, f02_terminated, 0, N_PHASES);
    tcase_add_loop_test(tcase, f03_immediate_shutdown, 0, N_PHASES);
    tcase_add_loop_test(tcase, f04_fast_restart, 0, N_PHASES);
    tcase_add_loop_test(tcase, f34_promotion, 0, N_PHASES);
    suite_add_tcase(suite, tcase);
    return run_suite(suite, true);
}
