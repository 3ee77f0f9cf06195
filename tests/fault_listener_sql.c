/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fault_listener_sql: what the server's own limits do to those who listen, and to those who notify:
 * F23 to F25.
 *
 * What was notified in a transaction that fails is not heard; what is done once more is, once.
 */
#include "hearing.h"
#include "oracle.h"

#include <stdio.h>

static const struct evpg_listener_config quick = {
    .size = sizeof(quick), .reconnect_min_ms = 20, .reconnect_max_ms = 100};

static struct ear *ear;

static void begin_case(const struct evpg_listener_config *config, const char *more)
{
    hearing_begin_behind(config, more);
    heart_start();
    ear = hear("here");
    await_ready(ear, 1);
}

/* What another session was answered. */
struct said {
    struct evpg_db *by;
    int pending;
    char sqlstate[6]; /* the last; "" is success */
};

static void on_said(const struct evpg_result *result, void *arg)
{
    struct said *said = arg;
    const struct evpg_error *error = evpg_result_error(result);

    said->pending--;
    snprintf(said->sqlstate, sizeof(said->sqlstate), "%s", error ? evpg_error_sqlstate(error) : "");
}

static void say(struct said *said, const char *sql)
{
    said->pending++;
    ck_assert_ptr_nonnull(evpg_query(said->by, sql, EVPG_NO_PARAMS, NULL, on_said, said));
}

static void await_answers(const struct said *said)
{
    while (said->pending > 0)
        turn();
}

static void await_said(const struct said *said, const char *sqlstate)
{
    await_answers(said);
    ck_assert_str_eq(said->sqlstate, sqlstate);
}

static struct evpg_db *another(const char *conninfo)
{
    struct evpg_db *other = evpg_conn_new(base, conninfo, NULL);

    ck_assert_ptr_nonnull(evpg_open(other, NULL, NULL));
    return other;
}

static void make_table(void)
{
    free(admin("drop table if exists faulty;"
               "create table faulty as select n as id, 0 as n from generate_series(0, 1) as n"));
    heart_skip();
}

/* Nothing was lost, and what comes now is all that was heard. */
static void end_case(const char *all)
{
    notify("here", "end");
    while (strcmp(ear->payload, "end") != 0)
        turn();
    ck_assert_str_eq(ear->all, all);
    ck_assert_int_eq(n_lost, 0);
    ck_assert_int_eq(ear->n_ready, 1);
    heart_stop();
    hearing_end();
}

/* 57014: a session that listens runs nothing that could take too long. */
START_TEST(f23_statement_timeout)
{
    struct outcome *late;

    begin_case(&quick, "options='-c statement_timeout=100 -c lock_timeout=100'");
    run_for(300);
    query("set statement_timeout = 100", EVPG_NO_PARAMS);
    late = query("select pg_notify('here', 'late'), pg_sleep(5)", EVPG_NO_PARAMS);
    query("set statement_timeout = 0", EVPG_NO_PARAMS);
    await_all();
    ck_assert_outcome_sqlstate(late, "57014");
    ck_assert_int_eq(evpg_error_code(late->error), EVPG_E_SERVER);
    end_case("end ");
}
END_TEST

/* 55P03: for a lock that another session has. */
START_TEST(f23_lock_timeout)
{
    struct said other = {0};

    begin_case(&quick, "options='-c lock_timeout=100'");
    make_table();
    query("begin", EVPG_NO_PARAMS);
    query("lock table faulty", EVPG_NO_PARAMS);
    await_all();
    other.by = another("options='-c lock_timeout=100'");
    say(&other, "with late as (select pg_notify('here', 'late')) select * from late, faulty");
    await_said(&other, "55P03");
    evpg_free(other.by);
    query("notify here, 'in time'", EVPG_NO_PARAMS);
    query("commit", EVPG_NO_PARAMS);
    await_all();
    end_case("in time end ");
}
END_TEST

/* 25P03: a transaction that stands idle is ended with its session, and says nothing. */
START_TEST(f24_idle_in_transaction)
{
    struct said other = {0};

    begin_case(&quick, "options='-c idle_in_transaction_session_timeout=100'");
    other.by = another("options='-c idle_in_transaction_session_timeout=100'");
    say(&other, "begin");
    await_said(&other, "");
    say(&other, "notify here, 'unfinished'");
    await_said(&other, "");
    while (evpg_pgconn(other.by))
        turn();
    evpg_free(other.by);
    end_case("end ");
}
END_TEST

/* 57P05: the server ends a session that has said nothing for so long. A probe that comes sooner
 * keeps it. */
START_TEST(f24_idle_session_is_kept)
{
    struct evpg_listener_config probing = quick;

    probing.probe_interval_ms = 100;
    begin_case(&probing, "options='-c idle_session_timeout=3000'");
    run_for(4500);
    end_case("end ");
}
END_TEST

START_TEST(f24_idle_session)
{
    hearing_begin_behind(&quick, "options='-c idle_session_timeout=100'");
    heart_start();
    ear = hear("here");
    await_ready(ear, 4);
    ck_assert_int_eq(ear->n_gaps, 3);
    ck_assert_int_ge(n_lost, 3);
    ck_assert_int_eq(lost_code, EVPG_E_LOST);
    ck_assert_str_eq(lost_sqlstate, "57P05");
    heart_stop();
    hearing_end();
}
END_TEST

/* 40P01: the victim's is not heard; done once more, it is. */
START_TEST(f25_deadlock)
{
    struct said two[2] = {{0}};
    int victim;

    begin_case(&quick, "");
    make_table();
    for (int i = 0; i < 2; i++)
        two[i].by = another("options='-c deadlock_timeout=50ms'");
    for (int i = 0; i < 2; i++) {
        say(&two[i], "begin");
        say(&two[i], i ? "notify here, '1'" : "notify here, '0'");
        say(&two[i],
            i ? "update faulty set n = 1 where id = 1" : "update faulty set n = 1 where id = 0");
    }
    for (int i = 0; i < 2; i++)
        await_said(&two[i], "");
    for (int i = 0; i < 2; i++)
        say(&two[i],
            i ? "update faulty set n = 2 where id = 0" : "update faulty set n = 2 where id = 1");
    for (int i = 0; i < 2; i++)
        await_answers(&two[i]);
    victim = *two[1].sqlstate ? 1 : 0;
    await_said(&two[victim], "40P01");
    await_said(&two[!victim], "");
    say(&two[victim], "rollback");
    say(&two[!victim], "commit");
    await_said(&two[victim], "");
    await_said(&two[!victim], "");
    await_heard(ear, 1);
    say(&two[victim], victim ? "notify here, '1'" : "notify here, '0'");
    await_said(&two[victim], "");
    for (int i = 0; i < 2; i++)
        evpg_free(two[i].by);
    end_case(victim ? "0 1 end " : "1 0 end ");
}
END_TEST

/* 40001, at the COMMIT, where notifications would be sent. */
START_TEST(f25_serialization)
{
    struct said two[2] = {{0}};

    begin_case(&quick, "");
    make_table();
    for (int i = 0; i < 2; i++) {
        two[i].by = another("options='-c default_transaction_isolation=serializable'");
        say(&two[i], "begin");
        say(&two[i], "select sum(n) from faulty");
        say(&two[i], i ? "notify here, '1'" : "notify here, '0'");
        await_said(&two[i], "");
    }
    for (int i = 0; i < 2; i++)
        say(&two[i],
            i ? "update faulty set n = 1 where id = 1" : "update faulty set n = 1 where id = 0");
    for (int i = 0; i < 2; i++)
        await_said(&two[i], "");
    say(&two[0], "commit");
    await_said(&two[0], "");
    say(&two[1], "commit");
    await_said(&two[1], "40001");
    for (int i = 0; i < 2; i++)
        evpg_free(two[i].by);
    end_case("0 end ");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("fault_listener_sql");
    TCase *tcase = tcase_create("faults");

    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, f23_statement_timeout);
    tcase_add_test(tcase, f23_lock_timeout);
    tcase_add_test(tcase, f24_idle_in_transaction);
    tcase_add_test(tcase, f24_idle_session_is_kept);
    tcase_add_test(tcase, f24_idle_session);
    tcase_add_test(tcase, f25_deadlock);
    tcase_add_test(tcase, f25_serialization);
    suite_add_tcase(suite, tcase);
    return run_suite(suite, true);
}
