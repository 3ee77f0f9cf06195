/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * db_listener: what a listener hears, by which names, for whom, and from when on; LI01 to LI08; and
 * evpg_notify().
 *
 * The counterpart of lib/listener_channels.c and lib/op_notify.c; what is done when the connection
 * fails is tested by db_listener_lost and fault_listener.
 */
#include "hearing.h"

#include <errno.h>
#include <stdio.h>

static const int modes[] = {ALONE, TLS, FRAGMENTED_1021, FRAGMENTED_1};

enum { N_LISTENER_MODES = sizeof(modes) / sizeof(*modes) };

START_TEST(li01_one_hears)
{
    struct ear *hello;

    hearing_begin(modes[_i], NULL);
    find_backend();
    hello = hear("hello");
    await_ready(hello, 1);
    ck_assert_int_eq(hello->n_gaps, 0);
    notify("hello", "works");
    await_heard(hello, 1);
    ck_assert_str_eq(hello->payload, "works");
    ck_assert_int_eq(hello->pid, backend_pid());
    free(admin("notify hello"));
    await_heard(hello, 2);
    ck_assert_str_eq(hello->payload, "");
    run_for(30);
    ck_assert_int_eq(hello->n_heard, 2);
    ck_assert_int_eq(n_lost, 0);
    hearing_end();
}
END_TEST

static char quotes[64];

static const char *const names[] = {
    "wat-;.\xc3\xb8.\xc2\xa7",
    "12+\"34",
    "withUpperChar",
    "withupperchar",
    "a b",
    "\"",
    "\"\"",
    "select",
    "'",
    "\\",
    "%s%n",
    "$q$",
    " ",
    "new\nline",
    "\x01",
    "*",
    "a\"; drop table x; --",
    "sixty-three bytes are the most that the name of a channel can ",
    quotes};

enum { N_NAMES = sizeof(names) / sizeof(*names) };

/* All at once, so that one that is taken for another would show. */
START_TEST(li02_names)
{
    struct ear *ears[N_NAMES];
    char payload[20];

    memset(quotes, '"', 63);
    hearing_begin(modes[_i], NULL);
    for (int i = 0; i < N_NAMES; i++)
        ears[i] = hear(names[i]);
    await_ready(ears[N_NAMES - 1], 1);
    for (int i = 0; i < N_NAMES; i++) {
        snprintf(payload, sizeof(payload), "%d", i);
        notify(names[i], payload);
    }
    for (int i = 0; i < N_NAMES; i++) {
        await_heard(ears[i], 1);
        ck_assert_int_eq(atoi(ears[i]->payload), i);
        ck_assert_int_eq(ears[i]->n_heard, 1);
        ck_assert_str_eq(evpg_subscription_channel(ears[i]->subscription), names[i]);
    }
    hearing_end();
}
END_TEST

START_TEST(li03_two_on_one_channel)
{
    struct ear *one, *two;

    hearing_begin(modes[_i], NULL);
    one = hear("shared");
    two = hear("shared");
    await_ready(one, 1);
    await_ready(two, 1);
    notify("shared", "a");
    await_heard(one, 1);
    await_heard(two, 1);
    end_ear(one);
    notify("shared", "b");
    await_heard(two, 2);
    ck_assert_str_eq(one->all, "a ");
    ck_assert_str_eq(two->all, "a b ");
    hearing_end();
}
END_TEST

/* One that comes later to a channel that is listened to is told so, in a later turn. */
START_TEST(another_comes_later)
{
    struct ear *one, *two;

    hearing_begin(ALONE, NULL);
    one = hear("shared");
    await_ready(one, 1);
    notify("shared", "a");
    await_heard(one, 1);
    two = hear("shared");
    await_ready(two, 1);
    ck_assert_int_eq(two->n_gaps, 0);
    ck_assert_int_eq(one->n_ready, 1);
    notify("shared", "b");
    await_heard(two, 1);
    ck_assert_str_eq(two->all, "b ");
    ck_assert_str_eq(one->all, "a b ");
    hearing_end();
}
END_TEST

START_TEST(li06_a_transaction)
{
    struct ear *ear;

    hearing_begin(modes[_i], NULL);
    ear = hear("t1");
    await_ready(ear, 1);
    query("begin", EVPG_NO_PARAMS);
    query("notify t1, 'a'", EVPG_NO_PARAMS);
    query("notify t1, 'a'", EVPG_NO_PARAMS);
    query("notify t1, 'b'", EVPG_NO_PARAMS);
    await_all();
    run_for(50);
    ck_assert_int_eq(ear->n_heard, 0);
    query("commit", EVPG_NO_PARAMS);
    await_heard(ear, 2);
    run_for(30);
    ck_assert_str_eq(ear->all, "a b ");
    hearing_end();
}
END_TEST

static void count_done(const struct evpg_result *result, void *arg)
{
    const struct evpg_error *error = evpg_result_error(result);

    if (error) {
        ck_assert_str_eq(evpg_error_sqlstate(error), "22023");
        ck_assert_int_eq(evpg_error_code(error), EVPG_E_SERVER);
    }
    ((int *)arg)[error != NULL]++;
}

/* 0: a connection, 1: a pool. */
START_TEST(li07_evpg_notify)
{
    static const char long_name[] =
        "0123456789012345678901234567890123456789012345678901234567890123";
    static char payload[8001];
    struct evpg_db *sender;
    struct ear *ear;
    int done[2] = {0};

    hearing_begin(ALONE, NULL);
    sender = _i ? evpg_pool_new(base, NULL, NULL) : db;
    ear = hear("A \"channel\"");
    await_ready(ear, 1);
    memset(payload, 'x', 7999);
    ck_assert_ptr_nonnull(evpg_notify(sender, "A \"channel\"", payload, count_done, done));
    ck_assert_ptr_nonnull(evpg_notify(sender, "A \"channel\"", NULL, count_done, done));
    payload[7999] = 'x';
    ck_assert_ptr_nonnull(evpg_notify(sender, "A \"channel\"", payload, count_done, done));
    ck_assert_ptr_nonnull(evpg_notify(sender, long_name, "x", count_done, done));
    ck_assert_ptr_nonnull(evpg_notify(sender, "", "x", count_done, done));
    ck_assert_ptr_nonnull(evpg_notify(sender, "nobody listens", "x", NULL, NULL));
    while (done[0] + done[1] < 5)
        turn();
    await_heard(ear, 2);
    ck_assert_int_eq(done[1], 3);
    ck_assert_int_eq((int)strlen(ear->all), sizeof(ear->all) - 1);
    ck_assert_str_eq(ear->payload, "");
    errno = 0;
    ck_assert(!evpg_notify(db, NULL, "x", NULL, NULL) && errno == EINVAL);
    ck_assert_ptr_nonnull(strstr(last_log(), "the channel is NULL"));
    ck_assert(!evpg_notify(NULL, "x", "x", NULL, NULL));
    if (_i)
        evpg_free(sender);
    hearing_end();
}
END_TEST

static char words[600];
static int n_words;

static void on_word(struct evpg_db *speaking, enum evpg_log_level level, const char *line,
                    void *arg)
{
    ck_assert_ptr_eq(speaking, evpg_listener_db(listener));
    ck_assert_int_eq(level, EVPG_LOG_WARNING);
    ck_assert_ptr_eq(arg, words);
    n_words++;
    snprintf(words, sizeof(words), "%s", line);
}

static void never(const struct evpg_notification *note, void *arg)
{
    (void)note;
    (void)arg;
    ck_abort_msg("heard");
}

static void refused(const char *channel, const char *word)
{
    int before = n_words;

    errno = 0;
    ck_assert_ptr_null(evpg_listener_listen(listener, channel, never, NULL, NULL));
    ck_assert_int_eq(errno, EINVAL);
    ck_assert_int_eq(n_words, before + 1);
    ck_assert_msg(strstr(words, word) != NULL, "%s", words);
}

START_TEST(li07_bad_names)
{
    static const char longer[] = "this name has sixty-four bytes, which is more than a channel has";

    hearing_begin(ALONE, NULL);
    evpg_set_hooks(evpg_listener_db(listener), &EVPG_HOOKS(.log = on_word), words);
    ck_assert_uint_eq(strlen(longer), 64);
    refused(longer, "\"this name has sixty-four bytes, which is more than a channel has\"");
    refused("", "\"\"");
    refused(NULL, "NULL");
    ck_assert_ptr_null(evpg_listener_listen(listener, "x", NULL, NULL, NULL));
    ck_assert_ptr_null(evpg_listener_listen(NULL, "x", never, NULL, NULL));
    ck_assert_int_eq(errno, EINVAL);
    evpg_listener_unlisten(NULL);
    evpg_listener_setcb(NULL, NULL, NULL);
    evpg_listener_free(NULL);
    ck_assert_ptr_null(evpg_listener_db(NULL));
    run_for(50);
    ck_assert_int_eq(listener_pid(), 0);
    hearing_end();
}
END_TEST

/* It is a db, for hooks and settings only. */
START_TEST(the_db_takes_no_work)
{
    struct evpg_db *face;

    hearing_begin(ALONE, NULL);
    face = evpg_listener_db(listener);
    await_ready(hear("x"), 1);
    evpg_set_hooks(face, &EVPG_HOOKS(.log = on_word), words);
    ck_assert_ptr_nonnull(evpg_pgconn(face));
    ck_assert_ptr_nonnull(evpg_parameter(face, "server_version"));
    errno = 0;
    ck_assert(!evpg_query(face, "select 1", EVPG_NO_PARAMS, NULL, NULL, NULL) && errno == EINVAL);
    ck_assert(!evpg_open(face, NULL, NULL) && errno == EINVAL);
    ck_assert(!evpg_acquire(face, note_opening, NULL) && errno == EINVAL);
    ck_assert(evpg_close(face, 0, NULL, NULL) < 0 && errno == EINVAL);
    evpg_setcb(face, never, NULL, NULL);
    ck_assert_int_eq(n_words, 5);
    listener = NULL;
    evpg_free(face);
    run_for(20);
    hearing_end();
}
END_TEST

static bool has_sent(const struct proxy *proxy, const char *sql)
{
    run_for(60);
    return proxy_has_captured(proxy, sql);
}

/* With the last subscription, and not before; and not where somebody has come again meanwhile. */
START_TEST(unlisten_is_sent)
{
    struct proxy *proxy = hearing_begin_behind(NULL, "");
    struct ear *one = hear("here"), *two = hear("here"), *three;

    await_ready(two, 1);
    end_ear(one);
    ck_assert(!has_sent(proxy, "UNLISTEN"));
    end_ear(two);
    three = hear("here");
    await_ready(three, 1);
    ck_assert(!has_sent(proxy, "UNLISTEN"));
    end_ear(three);
    while (!proxy_has_captured(proxy, "UNLISTEN \"here\""))
        turn();
    three = hear("here");
    await_ready(three, 1);
    ck_assert_int_eq(three->n_gaps, 0);
    notify("here", "again");
    await_heard(three, 1);
    one = hear("never");
    end_ear(one);
    ck_assert(!has_sent(proxy, "never"));
    ck_assert_int_eq(n_lost, 0);
    hearing_end();
}
END_TEST

/* While LISTEN, or UNLISTEN, is on its way. */
START_TEST(changes_of_mind)
{
    struct ear *ear;

    hearing_begin(FRAGMENTED_1, NULL);
    await_ready(hear("other"), 1);
    for (int i = 0; i < 42; i++) {
        ear = hear("here");
        for (int j = 0; j < i % 7; j++)
            turn();
        end_ear(ear);
        for (int j = 0; j < i / 7; j++)
            turn();
    }
    ear = hear("here");
    await_ready(ear, 1);
    notify("here", "x");
    await_heard(ear, 1);
    ck_assert_int_eq(ear->n_heard, 1);
    ck_assert_int_eq(n_lost, 0);
    hearing_end();
}
END_TEST

/* The server refuses one, by its name's encoding: the others do not mind, and it is not alone. */
START_TEST(one_is_refused)
{
    struct ear *bad, *good, *late;

    hearing_begin_behind(&EVPG_LISTENER_CONFIG(.reconnect_min_ms = 20, .reconnect_max_ms = 50),
                         "client_encoding=UTF8");
    bad = hear("bad \xff");
    good = hear("good");
    await_ready(good, 1);
    ck_assert_int_eq(lost_code, EVPG_E_SERVER);
    ck_assert_str_eq(lost_sqlstate, "22021");
    ck_assert_msg(strncmp(lost_message, "channel \"bad ", 13) == 0, "%s", lost_message);
    run_for(300);
    ck_assert_int_le(n_lost, 30);
    while (n_lost < 3)
        turn();
    late = hear("late");
    await_ready(late, 1);
    notify("good", "x");
    await_heard(good, 1);
    ck_assert_int_eq(bad->n_ready, 0);
    ck_assert_int_eq(good->n_ready, 1);
    end_ear(bad);
    run_for(300);
    n_lost = 0;
    run_for(300);
    ck_assert_int_eq(n_lost, 0);
    hearing_end();
}
END_TEST

START_TEST(configurations_that_cannot_be)
{
    struct evpg_conn_config wrong = EVPG_CONN_CONFIG(.open_timeout_ms = -2);
    struct evpg_listener_config configs[] = {
        EVPG_LISTENER_CONFIG(.probe_interval_ms = -2),
        EVPG_LISTENER_CONFIG(.probe_timeout_ms = -2),
        EVPG_LISTENER_CONFIG(.reconnect_min_ms = -1),
        EVPG_LISTENER_CONFIG(.reconnect_max_ms = -1),
        EVPG_LISTENER_CONFIG(.reconnect_min_ms = 11, .reconnect_max_ms = 10),
        EVPG_LISTENER_CONFIG(.connection = &wrong),
        {.size = 3},
    };
    struct evpg_listener_config preset = evpg_listener_config_default();

    base = event_base_new();
    for (size_t i = 0; i < sizeof(configs) / sizeof(*configs); i++) {
        errno = 0;
        ck_assert(!evpg_listener_new(base, "", &configs[i]) && errno == EINVAL);
    }
    ck_assert(!evpg_listener_new(NULL, "", NULL) && errno == EINVAL);
    ck_assert_uint_eq(preset.size, sizeof(preset));
    listener = evpg_listener_new(base, "", &EVPG_LISTENER_CONFIG(.reconnect_max_ms = 10));
    ck_assert_ptr_nonnull(listener);
    event_base_dispatch(base); /* nothing to listen to: nothing to wait for */
    hearing_end();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("db_listener");
    TCase *tcase = tcase_create("listener");

    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, li01_one_hears, 0, N_LISTENER_MODES);
    tcase_add_loop_test(tcase, li02_names, 0, N_LISTENER_MODES);
    tcase_add_loop_test(tcase, li03_two_on_one_channel, 0, N_LISTENER_MODES);
    tcase_add_test(tcase, another_comes_later);
    tcase_add_loop_test(tcase, li06_a_transaction, 0, N_LISTENER_MODES);
    tcase_add_loop_test(tcase, li07_evpg_notify, 0, 2);
    tcase_add_test(tcase, li07_bad_names);
    tcase_add_test(tcase, the_db_takes_no_work);
    tcase_add_test(tcase, unlisten_is_sent);
    tcase_add_test(tcase, changes_of_mind);
    tcase_add_test(tcase, one_is_refused);
    tcase_add_test(tcase, configurations_that_cannot_be);
    suite_add_tcase(suite, tcase);
    return run_suite(suite, true);
}
