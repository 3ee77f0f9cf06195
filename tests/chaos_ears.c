/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * chaos_ears: see chaos_ears.h.
 *
 * Called by chaos.c, and from the library's callbacks. Numbers are sent, one at a time, each with a
 * row that goes with it, so that what became of it is known. Between on_ready and on_lost each
 * listener must hear all of them, once and in order; before and after, nothing; and a gap must be
 * told when there was one. A number whose fate is unknown may be heard or not, but not later than
 * one that was sent after it: the function that notifies sees to that.
 */
#include "chaos_ears.h"

#include "chaos_links.h"

#include <libpq-fe.h>
#include <stdio.h>

enum { PER_SECOND = 1000 / TICK_MS, PROBE_MS = 400, QUERY_MS = 1500 };

enum state { NOT_DONE, DONE, UNKNOWN };

static struct ear {
    struct evpg_listener *listener;
    const char *conninfo;
    bool listens;      /* between on_ready and on_lost */
    bool was_ready;    /* so that there is a gap before the next time */
    int64_t heard;     /* the last */
    int64_t must_hear; /* from this one on, those that are sent after on_ready */
} ears[N_EARS];

static struct evpg_db *sender;
static unsigned char *book; /* by number: what became of it */
static int64_t room, sent;
static bool sending, resting, asking;
static int64_t asked; /* the last number of all, when it is done */
static struct chance chance;
static double next_renewal_ms;
static int n_heard, n_losses, n_gaps, n_renewed, n_unknown;

static int number_of(const struct ear *ear)
{
    return (int)(ear - ears);
}

/* All that it must have heard before this one are those whose success is known. */
static void check_missing(const struct ear *ear, int64_t number)
{
    int64_t first = ear->heard + 1 > ear->must_hear ? ear->heard + 1 : ear->must_hear;

    for (int64_t missed = first; missed < number; missed++)
        if (book[missed] == DONE)
            chaos_fail("listener %d has heard %lld after %lld, and not %lld", number_of(ear),
                       (long long)number, (long long)ear->heard, (long long)missed);
}

static void on_note(const struct evpg_notification *note, void *arg)
{
    struct ear *ear = arg;
    int64_t number = strtoll(evpg_notification_payload(note), NULL, 10);

    n_heard++;
    if (!ear->listens)
        chaos_fail("listener %d hears, and is not ready", number_of(ear));
    if (number < 1 || number > sent)
        chaos_fail("listener %d has heard what nobody sent", number_of(ear));
    else if (number <= ear->heard)
        chaos_fail("listener %d has heard %lld after %lld", number_of(ear), (long long)number,
                   (long long)ear->heard);
    else if (book[number] == NOT_DONE && (number < sent || !sending))
        chaos_fail("listener %d has heard %lld, which was not done", number_of(ear),
                   (long long)number);
    else
        check_missing(ear, number);
    ear->heard = number;
}

static void on_ready(struct evpg_subscription *subscription, bool gap, void *arg)
{
    struct ear *ear = arg;

    (void)subscription;
    if (ear->listens || gap != ear->was_ready)
        chaos_fail("listener %d is ready%s, %s", number_of(ear), gap ? " after a gap" : "",
                   ear->listens ? "and was" : "which is not so");
    n_gaps += gap;
    ear->listens = ear->was_ready = true;
    ear->must_hear = sent + 1;
}

/* Where the server is being stopped, it may still refuse what the listener asks for. */
static void on_lost(struct evpg_listener *listener, const struct evpg_error *error, void *arg)
{
    struct ear *ear = arg;

    (void)listener;
    if (evpg_error_code(error) == EVPG_E_AUTH || evpg_error_code(error) > EVPG_E_CLOSED)
        chaos_fail("listener %d: %s", number_of(ear), evpg_error_message(error));
    if (evpg_error_code(error) == EVPG_E_SERVER)
        return;
    n_losses += ear->listens;
    ear->listens = false;
}

static void make(struct ear *ear)
{
    static const struct evpg_conn_config connection = {.size = sizeof(connection),
                                                       .server_connect_timeout_ms = 2000};

    ear->listener = evpg_listener_new(
        base, ear->conninfo,
        &EVPG_LISTENER_CONFIG(.probe_interval_ms = PROBE_MS, .probe_timeout_ms = PROBE_MS,
                              .reconnect_min_ms = 10, .reconnect_max_ms = 250,
                              .connection = &connection));
    evpg_listener_setcb(ear->listener, on_lost, ear);
    ear->listens = ear->was_ready = false;
    if (!evpg_listener_listen(ear->listener, "chaos", on_note, on_ready, ear))
        chaos_fail("listener %d does not listen", number_of(ear));
}

static void make_function(void)
{
    free(chaos_ask("drop table if exists chimes; create table chimes (number int8);"
                   "create or replace function chime(n int8) returns bool language plpgsql as $$"
                   "begin"
                   " perform pg_advisory_xact_lock(20210);"
                   " if exists (select from chimes where number >= n) then return false; end if;"
                   " insert into chimes values (n);"
                   " perform pg_notify('chaos', n::text);"
                   " delete from chimes where number < n;"
                   " return true;"
                   "end $$"));
}

void ears_begin(void)
{
    static const int ways[N_EARS] = {0, 3, 6, 7};

    make_function();
    room = (int64_t)(options.seconds + 200) * PER_SECOND;
    book = calloc((size_t)room, 1);
    memset(book, NOT_DONE, (size_t)room);
    chance.state = options.seed + 3;
    next_renewal_ms = now_ms() + 2000;
    sender = evpg_pool_new(base, NULL,
                           &EVPG_POOL_CONFIG(.max_connections = 1, .query_timeout_ms = QUERY_MS,
                                             .reconnect_min_ms = 10, .reconnect_max_ms = 250));
    for (int i = 0; i < N_EARS; i++) {
        ears[i].conninfo = links[ways[i]].conninfo;
        make(&ears[i]);
    }
}

static enum evpg_flow on_answer(const struct evpg_row *row, void *arg)
{
    (void)arg;
    return evpg_row_text(row, 0)[0] == 't' ? EVPG_NEXT : EVPG_FAIL;
}

static void on_sent(const struct evpg_result *result, void *arg)
{
    const struct evpg_error *error = evpg_result_error(result);
    bool unknown = error && evpg_error_fate(error) == EVPG_FATE_UNKNOWN;

    (void)arg;
    sending = false;
    book[sent] = !error ? DONE : unknown ? UNKNOWN : NOT_DONE;
    if (error && evpg_error_fate(error) == EVPG_FATE_EXECUTED)
        book[sent] = UNKNOWN; /* a cancel came too late, or it was not done */
    n_unknown += book[sent] == UNKNOWN;
    if (asking && !error)
        asked = sent;
}

static void send_next(void)
{
    if (sending || sent + 1 >= room)
        return;
    sent++;
    sending = evpg_query(sender, "select chime($1)", EVPG_PARAMS(evpg_int64(sent)), on_answer,
                         on_sent, NULL);
}

static void renew(struct ear *ear)
{
    n_renewed++;
    evpg_listener_free(ear->listener);
    make(ear);
}

void ears_tick(void)
{
    if (!resting || (asking && asked == 0))
        send_next();
    if (resting || now_ms() < next_renewal_ms)
        return;
    renew(&ears[chance_of(&chance, 0, N_EARS - 1)]);
    next_renewal_ms = now_ms() + chance_of(&chance, 1000, 8000);
}

void ears_rest(void)
{
    resting = true;
}

bool ears_at_rest(void)
{
    for (int i = 0; i < N_EARS; i++)
        if (!ears[i].listens)
            return false;
    return !sending;
}

void ears_ask(void)
{
    asking = true;
}

bool ears_have_answered(void)
{
    for (int i = 0; i < N_EARS; i++)
        if (ears[i].heard != asked)
            return false;
    return asked > 0;
}

int ear_pid(int i)
{
    PGconn *pg = evpg_pgconn(evpg_listener_db(ears[i].listener));

    return pg ? PQbackendPID(pg) : 0;
}

void ears_explain(void)
{
    for (int i = 0; i < N_EARS; i++)
        chaos_say("listener %d %s, has heard %lld of %lld", i,
                  ears[i].listens ? "listens" : "does not listen", (long long)ears[i].heard,
                  (long long)sent);
}

void ears_end(void)
{
    for (int i = 0; i < N_EARS; i++)
        evpg_listener_free(ears[i].listener);
    evpg_free(sender);
    free(book);
}

void ears_report(void)
{
    printf("listeners: sent %lld, of unknown fate %d, heard %d, lost %d, gaps %d, renewed %d\n",
           (long long)sent, n_unknown, n_heard, n_losses, n_gaps, n_renewed);
}
