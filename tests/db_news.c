/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * db_news: notices, notifications and the loss of a connection; CF01.
 *
 * The counterpart of lib/news.c: what comes unasked comes at its place among the answers, from the
 * loop, and its callbacks may do anything.
 */
#include "harness.h"

#include <stdio.h>
#include <unistd.h>

enum deed { WATCH, FREE, SUBMIT };

static int n_notices, n_notifications, n_losses, n_rows_at_notice, n_done_at_notice;
static char last_notice[200], last_payload[9000], last_channel[100];
static int last_pid;
static enum deed deed;
static struct outcome *watched;

static void act(void)
{
    struct evpg_db *victim = db;

    if (deed == FREE && db) {
        db = NULL;
        evpg_free(victim);
    } else if (deed == SUBMIT) {
        deed = WATCH;
        ck_assert_ptr_nonnull(submit(new_outcome(), "select 'from a callback'", EVPG_NO_PARAMS));
    }
}

static void on_notice(struct evpg_db *noticing, const struct evpg_error *notice, void *arg)
{
    ck_assert_ptr_eq(noticing, db);
    ck_assert_ptr_eq(arg, &n_notices);
    n_notices++;
    snprintf(last_notice, sizeof(last_notice), "%s", evpg_error_message(notice));
    ck_assert_ptr_nonnull(evpg_error_field(notice, EVPG_FIELD_SEVERITY));
    if (watched) {
        n_rows_at_notice = watched->n_rows;
        n_done_at_notice = watched->completions;
    }
    act();
}

static void on_notification(const struct evpg_notification *note, void *arg)
{
    ck_assert_ptr_eq(arg, &n_notifications);
    ck_assert_ptr_eq(evpg_notification_db(note), db);
    n_notifications++;
    snprintf(last_channel, sizeof(last_channel), "%s", evpg_notification_channel(note));
    snprintf(last_payload, sizeof(last_payload), "%s", evpg_notification_payload(note));
    last_pid = evpg_notification_pid(note);
    act();
}

static void on_lost(struct evpg_db *losing, const struct evpg_error *error, void *arg)
{
    ck_assert_ptr_eq(losing, db);
    ck_assert_ptr_eq(arg, &n_notifications);
    ck_assert_int_eq(evpg_error_code(error), EVPG_E_LOST);
    n_losses++;
    if (deed == FREE)
        act();
}

static void begin_watching(int mode)
{
    begin(mode);
    evpg_set_hooks(db, &EVPG_HOOKS(.notice = on_notice), &n_notices);
    evpg_setcb(db, on_notification, on_lost, &n_notifications);
}

START_TEST(cf01_notices)
{
    struct outcome *raise, *drop;

    begin_watching(_i);
    raise = query("do $$begin raise notice 'hello, world'; end$$", EVPG_NO_PARAMS);
    await_all();
    ck_assert_outcome_ok(raise);
    ck_assert_int_eq(n_notices, 1);
    ck_assert_str_eq(last_notice, "NOTICE 00000: hello, world");
    drop = query("drop table if exists nope", EVPG_NO_PARAMS);
    await_all();
    ck_assert_outcome_ok(drop);
    ck_assert_int_eq(n_notices, 2);
    ck_assert_ptr_nonnull(strstr(last_notice, "\"nope\" does not exist, skipping"));
    end();
}
END_TEST

#define NOISY                                                                                      \
    "create function pg_temp.noisy(n int) returns int language plpgsql as"                         \
    " $$begin raise warning '%', n; return n; end$$"

/* Before the completion that was sent after it; and not much before its row. */
START_TEST(at_their_place)
{
    begin_watching(_i);
    query(NOISY, EVPG_NO_PARAMS);
    watched = query("select pg_temp.noisy(n) from generate_series(1,500) n", EVPG_NO_PARAMS);
    await_all();
    ck_assert_outcome_ok(watched);
    ck_assert_int_eq(n_notices, 500);
    ck_assert_int_eq(n_done_at_notice, 0);
    ck_assert_int_ge(n_rows_at_notice, 400);
    ck_assert_str_eq(last_notice, "WARNING 01000: 500");
    end();
}
END_TEST

/* Nobody watches: nothing is printed, nothing is kept. */
START_TEST(unwatched)
{
    begin(_i);
    query(NOISY, EVPG_NO_PARAMS);
    query("select pg_temp.noisy(1)", EVPG_NO_PARAMS);
    query("listen here", EVPG_NO_PARAMS);
    query("notify here", EVPG_NO_PARAMS);
    await_all();
    end();
}
END_TEST

START_TEST(notifications_of_its_own)
{
    begin_watching(_i);
    query("listen \"a channel\"", EVPG_NO_PARAMS);
    query("select pg_notify('a channel', repeat('é', 3999))", EVPG_NO_PARAMS);
    await_all();
    ck_assert(await_flag(&n_notifications, 5000));
    ck_assert_str_eq(last_channel, "a channel");
    ck_assert_uint_eq(strlen(last_payload), 7998);
    ck_assert_int_gt(last_pid, 0);
    query("notify \"a channel\"", EVPG_NO_PARAMS);
    query("unlisten *", EVPG_NO_PARAMS);
    query("notify \"a channel\", 'nobody listens'", EVPG_NO_PARAMS);
    await_all();
    run_for(30);
    ck_assert_int_eq(n_notifications, 2);
    ck_assert_str_eq(last_payload, "");
    end();
}
END_TEST

/* While the connection is idle: it is read all the same. */
START_TEST(notifications_of_others)
{
    begin_watching(_i);
    query("listen idle", EVPG_NO_PARAMS);
    await_all();
    free(admin("notify idle, 'wake up'"));
    ck_assert(await_flag(&n_notifications, 5000));
    ck_assert_str_eq(last_payload, "wake up");
    end();
}
END_TEST

START_TEST(loss)
{
    begin_watching(_i);
    watched = new_outcome();
    ck_assert_ptr_nonnull(
        submit(watched, "select pg_terminate_backend(pg_backend_pid())", EVPG_NO_PARAMS));
    await_all();
    ck_assert_int_eq(n_losses, 1);
    run_for(20);
    ck_assert_int_eq(n_losses, 1);
    evpg_free(db);
    ck_assert_int_eq(n_losses, 1);
    db = NULL;
    end();
}
END_TEST

/* In each of the three, with a pipeline behind. */
static const char *const sources[] = {
    "do $$begin raise notice 'n'; raise notice 'n'; end$$",
    "notify here",
    "select pg_terminate_backend(pg_backend_pid())",
};

static void run_deed(enum deed wanted, int source)
{
    begin_watching(ALONE);
    query("listen here", EVPG_NO_PARAMS);
    await_all();
    deed = wanted;
    for (int i = 0; i < 10; i++)
        ck_assert_ptr_nonnull(
            submit(new_outcome(), i == 2 ? sources[source] : "select 1", EVPG_NO_PARAMS));
    await_all();
    run_for(30);
    if (source == 2) {
        evpg_free(db);
        db = NULL;
    }
    end();
}

START_TEST(free_in_a_callback)
{
    run_deed(FREE, _i);
    ck_assert_ptr_null(db);
    ck_assert_int_eq(n_notices + n_notifications + n_losses, 1);
}
END_TEST

START_TEST(submit_in_a_callback)
{
    run_deed(SUBMIT, _i);
}
END_TEST

/* Thousands that come in one piece are spread over turns of the loop, and none is lost. 0: notices,
 * which a large row before them has made room for in libpq; 1: notifications, all at the commit. */
START_TEST(f42_floods)
{
    static const char *const floods[] = {
        "do $$begin for i in 1..20000 loop raise notice 'n'; end loop; end$$",
        "select pg_notify('here', i::text) from generate_series(1, 20000) as i"};
    int n = 0, most_in_a_turn = 0;

    begin_watching(ALONE);
    query("listen here", EVPG_NO_PARAMS);
    query("select length(repeat('x', 8000000)), repeat('x', 8000000)", EVPG_NO_PARAMS);
    await_all();
    ck_assert_ptr_nonnull(submit(new_outcome(), floods[_i], EVPG_NO_PARAMS));
    usleep(300000);
    while (n < 20000) {
        int before = n;

        event_base_loop(base, EVLOOP_ONCE);
        n = n_notices + n_notifications;
        most_in_a_turn = n - before > most_in_a_turn ? n - before : most_in_a_turn;
    }
    ck_assert_int_eq(_i == 0 ? n_notices : n_notifications, 20000);
    ck_assert_int_le(most_in_a_turn, 2 * 256);
    await_all();
    if (_i == 1)
        ck_assert_str_eq(last_payload, "20000");
    end();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("db_news");
    TCase *tcase = tcase_create("news");

    tcase_set_timeout(tcase, 30);
    tcase_add_loop_test(tcase, cf01_notices, 0, N_MODES);
    tcase_add_loop_test(tcase, at_their_place, 0, N_LARGE_MODES);
    tcase_add_loop_test(tcase, unwatched, 0, N_MODES);
    tcase_add_loop_test(tcase, notifications_of_its_own, 0, N_MODES);
    tcase_add_loop_test(tcase, notifications_of_others, 0, N_MODES);
    tcase_add_loop_test(tcase, loss, 0, N_MODES);
    tcase_add_loop_test(tcase, f42_floods, 0, 2);
    tcase_add_loop_test(tcase, free_in_a_callback, 0, 3);
    tcase_add_loop_test(tcase, submit_in_a_callback, 0, 3);
    suite_add_tcase(suite, tcase);
    return run_suite(suite, true);
}
