/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hearing: see hearing.h.
 *
 * Called by the tests of listeners. The state is static: Check runs each test in a process of its
 * own.
 */
#include "hearing.h"

#include "oracle.h"

#include <libpq-fe.h>
#include <stdio.h>

enum { PATIENCE_MS = 20000 };

struct evpg_listener *listener;
int n_lost;
enum evpg_code lost_code;
char lost_sqlstate[6], lost_message[600];
void (*when_lost)(void);

static struct ear *ears, **last_ear = &ears;

static void on_note(const struct evpg_notification *note, void *arg)
{
    struct ear *ear = arg;
    size_t length = strlen(ear->all);

    ck_assert(ear->ready && !ear->ended && listener);
    ck_assert_ptr_eq(evpg_notification_db(note), evpg_listener_db(listener));
    ck_assert_str_eq(evpg_notification_channel(note), evpg_subscription_channel(ear->subscription));
    ear->n_heard++;
    ear->pid = evpg_notification_pid(note);
    snprintf(ear->payload, sizeof(ear->payload), "%s", evpg_notification_payload(note));
    snprintf(ear->all + length, sizeof(ear->all) - length, "%s ", evpg_notification_payload(note));
    if (ear->on_note)
        ear->on_note(ear);
}

static void on_ready(struct evpg_subscription *subscription, bool gap, void *arg)
{
    struct ear *ear = arg;

    ck_assert_ptr_eq(subscription, ear->subscription);
    ck_assert(!ear->ready && !ear->ended && listener);
    ck_assert_int_eq(gap, ear->n_ready > 0);
    ear->ready = true;
    ear->n_ready++;
    ear->n_gaps += gap;
    if (ear->on_ready)
        ear->on_ready(ear);
}

/* What the server says of one channel is not the end of the others. */
static void on_lost(struct evpg_listener *losing, const struct evpg_error *error, void *arg)
{
    ck_assert_ptr_eq(losing, listener);
    ck_assert_ptr_eq(arg, &n_lost);
    n_lost++;
    lost_code = evpg_error_code(error);
    snprintf(lost_sqlstate, sizeof(lost_sqlstate), "%s", evpg_error_sqlstate(error));
    snprintf(lost_message, sizeof(lost_message), "%s", evpg_error_message(error));
    for (struct ear *ear = ears; ear && lost_code != EVPG_E_SERVER; ear = ear->next)
        ear->ready = false;
    if (when_lost)
        when_lost();
}

void hearing_begin_at(const char *conninfo, const struct evpg_listener_config *config)
{
    if (!base)
        base = event_base_new();
    listener = evpg_listener_new(base, conninfo, config);
    ck_assert_ptr_nonnull(listener);
    evpg_listener_setcb(listener, on_lost, &n_lost);
}

struct proxy *hearing_begin_behind(const struct evpg_listener_config *config, const char *more)
{
    struct proxy *proxy;
    char conninfo[200];

    begin(ALONE);
    proxy = proxy_new(base, getenv("PGHOST"), getenv("PGPORT"));
    snprintf(conninfo, sizeof(conninfo), "host=127.0.0.1 port=%d sslmode=disable %s",
             proxy_port(proxy), more);
    hearing_begin_at(conninfo, config);
    return proxy;
}

void hearing_begin(int mode, const struct evpg_listener_config *config)
{
    if (mode == FRAGMENTED_1 || mode == FRAGMENTED_1021) {
        hearing_begin_behind(config, "")->settings.piece = mode == FRAGMENTED_1 ? 1 : 1021;
        return;
    }
    begin(ALONE);
    hearing_begin_at(mode == TLS ? tls_conninfo("root.crt") : "", config);
}

void hearing_end(void)
{
    struct evpg_listener *freed = listener;
    struct ear *ear;

    listener = NULL;
    evpg_listener_free(freed);
    run_for(30);
    while ((ear = ears)) {
        ears = ear->next;
        free(ear);
    }
    last_ear = &ears;
    end();
}

struct ear *hear(const char *channel)
{
    struct ear *ear = calloc(1, sizeof(*ear));

    ear->subscription = evpg_listener_listen(listener, channel, on_note, on_ready, ear);
    ck_assert_ptr_nonnull(ear->subscription);
    ck_assert_int_eq(ear->n_ready, 0);
    *last_ear = ear;
    last_ear = &ear->next;
    return ear;
}

void end_ear(struct ear *ear)
{
    ear->ended = true;
    evpg_listener_unlisten(ear->subscription);
}

static void await_count(const int *count, int wanted)
{
    double end = now_ms() + PATIENCE_MS;

    while (*count < wanted && now_ms() < end)
        turn();
    ck_assert_msg(*count >= wanted, "%d of %d, the last loss is \"%s\"", *count, wanted,
                  lost_message);
}

void await_ready(const struct ear *ear, int times)
{
    await_count(&ear->n_ready, times);
}

void await_heard(const struct ear *ear, int times)
{
    await_count(&ear->n_heard, times);
}

void notify(const char *channel, const char *payload)
{
    struct outcome *sent =
        query("select pg_notify($1, $2)", EVPG_PARAMS(evpg_text(channel), evpg_text(payload)));

    await_count(&sent->completions, 1);
    ck_assert_outcome_ok(sent);
}

int listener_pid(void)
{
    PGconn *pg = evpg_pgconn(evpg_listener_db(listener));

    return pg ? PQbackendPID(pg) : 0;
}

void end_listener_backend(void)
{
    char sql[80];

    snprintf(sql, sizeof(sql), "select pg_terminate_backend(%d, 5000)", listener_pid());
    free(admin(sql));
}
