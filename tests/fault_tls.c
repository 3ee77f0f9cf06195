/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fault_tls: a server that answers wrongly when TLS is asked for, or wants the password in clear;
 * F21.
 */
#include "oracle.h"
#include "proxy.h"
#include "replay.h"

#include <stdio.h>

static struct recording recording;
static struct replay *replay;

/* As libpq's own, that means, without a limit: 0. */
static void open_within(const char *conninfo, int timeout_ms)
{
    db = evpg_conn_new(base, conninfo, &EVPG_CONN_CONFIG(.server_connect_timeout_ms = timeout_ms));
    n_openings = 0;
    ck_assert_ptr_nonnull(evpg_open(db, note_opening, NULL));
    ck_assert(await_flag(&n_openings, timeout_ms + 5000));
}

static void open_db(const char *conninfo)
{
    open_within(conninfo, 200);
}

static void free_db(void)
{
    evpg_free(db);
    db = NULL;
}

static void be_recorded(int port)
{
    char conninfo[64];

    snprintf(conninfo, sizeof(conninfo), "host=127.0.0.1 port=%d sslmode=disable", port);
    open_within(conninfo, 10000);
    ck_assert_ptr_null(open_error);
    free_db();
}

static void begin_replay(replay_choose_cb choose)
{
    base = event_base_new();
    recording_make(&recording, base, be_recorded);
    replay = replay_new(base, &recording, choose);
    heart_start();
}

static void end_replay(void)
{
    free_db();
    heart_stop();
    end();
    replay_free(replay);
    recording_free(&recording);
}

static const char error_answer[] = "E\0\0\0\x1cSFATAL\0C28000\0Mgo away\0\0";

/* What is said when TLS is asked for, and what the client makes of it. Older versions of libpq wait
 * in vain after what was stuffed into the answer, newer ones do not. */
static const struct {
    const char *name, *answer;
    size_t length;
    const char *more, *settings;
    bool opens;
    enum evpg_code code;
} tls_answers[] = {
    {"no, and it is wished for", "N", 1, NULL, "sslmode=prefer", true, 0},
    {"no, and it is required", "N", 1, NULL, "sslmode=require", false, EVPG_E_TLS},
    {"no, and it is to be verified", "N", 1, NULL, "sslmode=verify-full", false, EVPG_E_TLS},
    {"something else", "X", 1, NULL, "sslmode=require", false, EVPG_E_TLS},
    {"something else, though not required", "X", 1, NULL, "sslmode=prefer", false, EVPG_E_CONNECT},
    {"an error", error_answer, sizeof(error_answer) - 1, NULL, "sslmode=require", false,
     EVPG_E_TLS},
    {"yes, and more in clear", "Sstuffed", 8, NULL, "sslmode=require", false, 0},
    {"yes, and then no TLS", "S", 1, "R\1\1\1\1 no TLS at all, and that is that", "sslmode=require",
     false, EVPG_E_TLS},
    {"yes, and then nothing", "S", 1, NULL, "sslmode=require", false, EVPG_E_TIMEOUT},
    {"yes, and then the end", "S", 1, "", "sslmode=require", false, EVPG_E_TLS},
    {"nothing", "", 0, NULL, "sslmode=require", false, EVPG_E_TIMEOUT},
};

/* sslmode=verify-full is nothing without one. */
static const char *root_certificate(void)
{
    static char setting[200];

    snprintf(setting, sizeof(setting), "sslrootcert=%s/root.crt", getenv("EVPG_TEST_TLS"));
    return getenv("EVPG_TEST_TLS") ? setting : "";
}

/* Nothing of the login is said to a server that has not proved what it must; and there is an end,
 * by the deadline if need be. */
START_TEST(f21_answers_to_tls)
{
    char all[512];

    begin_replay(NULL);
    replay_answer_tls(replay, tls_answers[_i].answer, tls_answers[_i].length, tls_answers[_i].more);
    snprintf(all, sizeof(all), "host=127.0.0.1 port=%d user=somebody password=hunter2 %s %s",
             replay_port(replay), tls_answers[_i].settings, root_certificate());
    open_db(all);
    ck_assert_int_eq(!open_error, tls_answers[_i].opens);
    if (open_error && tls_answers[_i].code)
        ck_assert_msg(evpg_error_code(open_error) == tls_answers[_i].code, "%s: code %d: %s",
                      tls_answers[_i].name, evpg_error_code(open_error),
                      evpg_error_message(open_error));
    ck_assert_int_eq(replay_has_heard(replay, "somebody"), tls_answers[_i].opens);
    ck_assert(!replay_has_heard(replay, "hunter2"));
    end_replay();
}
END_TEST

static const char cleartext[] = "R\0\0\0\x8\0\0\0\3";

static struct distortion ask_for_password(long number)
{
    (void)number;
    return (struct distortion){
        .kind = INSTEAD, .at = 0, .bytes = cleartext, .length = sizeof(cleartext) - 1};
}

/* 0: as libpq has it by default, the password is told in clear to whoever asks; 1: it is not where
 * the channel is to be bound; 2: nor where TLS is required. */
START_TEST(f21_a_password_in_clear)
{
    static const char *const settings[] = {"", "channel_binding=require", "sslmode=require"};
    char all[512];

    begin_replay(ask_for_password);
    snprintf(all, sizeof(all), "host=127.0.0.1 port=%d user=n1 password=hunter2 %s",
             replay_port(replay), settings[_i]);
    open_db(all);
    run_for(20);
    ck_assert(replay_has_heard(replay, "hunter2") == (_i == 0));
    if (open_error)
        ck_assert(!strstr(evpg_error_message(open_error), "hunter2"));
    end_replay();
}
END_TEST

/* A byte of the real server's is changed while the login goes on: 0 by TLS, 1 by SCRAM in clear. It
 * is told, within the time, or it did not matter. */
START_TEST(f13_flips_in_a_login)
{
    struct proxy *proxy;
    char conninfo[400];
    int opened = 0, first = _i == 0 ? 1 : 0, last = _i == 0 ? 3000 : 300;

    base = event_base_new();
    proxy = proxy_new(base, "127.0.0.1", getenv("EVPG_TEST_TCP_PORT"));
    free(admin("drop role if exists flipped; create role flipped login password 'hunter2'"));
    snprintf(conninfo, sizeof(conninfo),
             "host=localhost hostaddr=127.0.0.1 port=%d %s user=flipped password=hunter2 %s",
             proxy_port(proxy), root_certificate(),
             _i == 0 ? "sslmode=verify-full" : "sslmode=disable");
    heart_start();
    for (int i = 0; i < sized(60, 2000); i++) {
        proxy->settings.flip_at = first + rand() % (last - first);
        proxy->settings.flip_mask = (uint8_t)(1 + rand() % 255);
        open_within(conninfo, 300);
        opened += !open_error;
        ck_assert(!open_error || *evpg_error_message(open_error));
        ck_assert(!open_error || !strstr(evpg_error_message(open_error), "hunter2"));
        free_db();
    }
    fprintf(stderr, "# %d logins, of which %d did not mind\n", sized(60, 2000), opened);
    heart_stop();
    end();
    free(admin("drop role flipped"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("fault_tls");
    TCase *tcase = tcase_create("tls");

    tcase_add_loop_test(tcase, f21_answers_to_tls, 0, sizeof(tls_answers) / sizeof(*tls_answers));
    tcase_add_loop_test(tcase, f21_a_password_in_clear, 0, 3);
    if (getenv("EVPG_TEST_TLS"))
        tcase_add_loop_test(tcase, f13_flips_in_a_login, 0, 2);
    tcase_set_timeout(tcase, sized(60, 600));
    suite_add_tcase(suite, tcase);
    return run_suite(suite, true);
}
