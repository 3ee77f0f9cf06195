/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * connect: from a connection string to a session, one address after the other.
 *
 * Called by conn.c, attempt.c, resolve.c and by the timer. Invariants: which address comes next is
 * decided here alone: in the string's order, or libpq's load_balance_hosts; a host name is looked
 * up when its turn comes; with prefer-standby there is a second round. Each lookup and each address
 * has a deadline of its own, and the opening one for all; one timer serves them. What became of
 * each is collected into one error.
 */
#include "connect.h"

#include "attempt.h"
#include "mem.h"
#include "resolve.h"

#include <stdio.h>
#include <string.h>

#define DEFAULT_TIMEOUT_MS 15000

/* Of the message about earlier attempts, what is kept beside the last one's, which decides. */
#define EARLIER_SIZE 260

void connect_forget(struct conn *conn)
{
    struct connecting *connecting = conn->connecting;

    if (!connecting)
        return;
    conn->connecting = NULL;
    resolve_drop(connecting->lookup);
    conninfo_free(connecting->conninfo);
    mem_free(connecting->found);
    mem_free(connecting);
}

/* libpq's messages name the place only where it got as far as that; and of a host's name and
 * address only the latter. */
static bool is_named(const struct address *address, const char *message)
{
    return strstr(message, address->port) && (!address->host || strstr(message, address->host));
}

static void name_address(struct evpg_error *error, const struct address *address)
{
    const char *host = address->host ? address->host : address->hostaddr;

    err_append(error, "%shost \"%s\"", *error->message ? "; " : "", host ? host : "");
    if (address->hostaddr && strcmp(host, address->hostaddr) != 0)
        err_append(error, " (%s)", address->hostaddr);
    err_append(error, " port %s:", address->port);
}

/* The last one gives the error its code. */
void connect_note(struct conn *conn, enum evpg_code code, const char *sqlstate, const char *message)
{
    struct evpg_error *attempts = &conn->connecting->attempts;
    const struct address *address = conn->connecting->address;

    err_shorten(attempts, EARLIER_SIZE);
    attempts->code = code;
    err_set_sqlstate(attempts, *sqlstate ? sqlstate : "08001");
    if (!is_named(address, message))
        name_address(attempts, address);
    else if (*attempts->message)
        err_append(attempts, ";");
    pq_append_login_message(attempts, message);
}

static void note_timeout(struct conn *conn, const char *what, int ms)
{
    struct evpg_error *attempts = &conn->connecting->attempts;

    err_shorten(attempts, EARLIER_SIZE);
    if (conn->connecting->address)
        name_address(attempts, conn->connecting->address);
    err_append(attempts, " not %s within %d ms", what, ms);
    attempts->code = EVPG_E_TIMEOUT;
    err_set_sqlstate(attempts, "08001");
}

void connect_out_of_memory(struct conn *conn)
{
    struct evpg_error why;

    err_set(&why, EVPG_E_MEMORY, EVPG_FATE_NOT_SENT, "out of memory");
    conn_down(conn, &why);
}

/* -1: no limit. */
static int timeout_ms(const struct conn *conn)
{
    int configured = conn->config.server_connect_timeout_ms;
    int asked = conninfo_timeout_ms(conn->connecting->conninfo);

    if (configured != 0)
        return configured;
    return asked ? asked : DEFAULT_TIMEOUT_MS;
}

static int64_t time_in(int ms)
{
    return ms < 0 ? CONNECT_NEVER : budget_now_ns() + (int64_t)ms * 1000000;
}

static int64_t first_of(const struct connecting *connecting)
{
    int64_t first = connecting->deadline_ns;

    first = first < connecting->end_ns ? first : connecting->end_ns;
    return first < connecting->go_on_ns ? first : connecting->go_on_ns;
}

bool connect_arm(struct conn *conn)
{
    int64_t first = first_of(conn->connecting);
    int64_t us = (first - budget_now_ns()) / 1000 + 1;
    const struct timeval time = {us / 1000000, us % 1000000}, now = {0, 0};

    if (first == CONNECT_NEVER)
        return event_del(conn->timer_event) == 0;
    return evtimer_add(conn->timer_event, us > 0 ? &time : &now) == 0;
}

/* There is no need of memory for a timer that is set already, and there is none without memory:
 * then the lookup's own deadline, or nothing, ends it. */
void connect_go_on(struct conn *conn)
{
    conn->connecting->go_on_ns = 0;
    if (!connect_arm(conn))
        event_active(conn->timer_event, EV_TIMEOUT, 0);
}

static void start_lookup(struct conn *conn)
{
    struct connecting *connecting = conn->connecting;

    conn_set_state(conn, CONN_RESOLVING);
    if (!connect_arm(conn) || !resolve_start(conn, connecting->address, &connecting->lookup))
        connect_out_of_memory(conn);
}

static void take_lookup(struct conn *conn)
{
    struct connecting *connecting = conn->connecting;
    const char *why;
    char message[200];

    connecting->found = resolve_take(connecting->lookup, &why);
    connecting->next_found = 0;
    if (connecting->found && conninfo_balances_load(connecting->conninfo))
        address_list_shuffle(connecting->found);
    if (why && *why) {
        snprintf(message, sizeof(message), "the host's name could not be looked up: %s", why);
        connect_note(conn, EVPG_E_CONNECT, "", message);
    }
    resolve_drop(connecting->lookup);
    connecting->lookup = NULL;
    if (connecting->found || why)
        connect_try_next(conn);
    else
        connect_out_of_memory(conn);
}

/* Those that a name was found to have come before the next of the list. */
static bool take_address(struct connecting *connecting)
{
    const struct address_list *list = conninfo_addresses(connecting->conninfo);

    if (connecting->found && connecting->next_found < connecting->found->count) {
        connecting->address = &connecting->found->at[connecting->next_found++];
        return true;
    }
    if (connecting->next >= list->count)
        return false;
    mem_free(connecting->found);
    connecting->found = NULL;
    connecting->address = &list->at[connecting->next++];
    return true;
}

/* False: this one has failed at once. */
static bool start(struct conn *conn)
{
    struct connecting *connecting = conn->connecting;

    connecting->deadline_ns = time_in(timeout_ms(conn));
    connecting->go_on_ns = CONNECT_NEVER;
    connecting->put_off = false;
    connecting->n_backlog_full = 0;
    if (connecting->address->unusable) {
        connect_note(conn, EVPG_E_CONNECT, "", connecting->address->unusable);
        return false;
    }
    if (connecting->address->is_name) {
        start_lookup(conn);
        return true;
    }
    conn_set_state(conn, CONN_CONNECTING);
    return attempt_start(conn);
}

/* libpq's texts on a server of the wrong kind do not name the setting. */
static void give_up(struct conn *conn)
{
    struct connecting *connecting = conn->connecting;
    const char *target = conninfo_target(connecting->conninfo);
    struct evpg_error why = connecting->attempts;

    if (why.code == EVPG_E_CONNECT && target && strcmp(target, "any") != 0)
        err_append(&why, " (target_session_attrs is \"%s\")", target);
    conn_down(conn, &why);
}

static bool begin_second_round(struct connecting *connecting)
{
    if (connecting->second_round || !conninfo_prefers_standby(connecting->conninfo))
        return false;
    connecting->second_round = true;
    connecting->next = 0;
    err_set(&connecting->attempts, EVPG_E_CONNECT, EVPG_FATE_NOT_SENT, "%s", "");
    return true;
}

/* Starts with the next address that does not fail at once; after the last, gives up. So it does
 * when a server has refused the login, as libpq does: the others are told apart by their places
 * only. */
void connect_try_next(struct conn *conn)
{
    struct connecting *connecting = conn->connecting;
    struct budget budget;

    connecting->n_backlog_full = 0;
    budget_start(&budget);
    while (connecting->attempts.code != EVPG_E_AUTH) {
        if (!budget_take(&budget)) {
            connecting->deadline_ns = CONNECT_NEVER;
            connect_go_on(conn);
            return;
        }
        if (take_address(connecting)) {
            if (start(conn))
                return;
        } else if (!begin_second_round(connecting)) {
            break;
        }
    }
    give_up(conn);
}

static void go_on(struct conn *conn)
{
    struct connecting *connecting = conn->connecting;

    connecting->go_on_ns = CONNECT_NEVER;
    if (connecting->lookup)
        take_lookup(conn);
    else if (connecting->n_backlog_full == 0 || !attempt_start(conn))
        connect_try_next(conn);
}

static void time_out_address(struct conn *conn)
{
    struct connecting *connecting = conn->connecting;

    connecting->deadline_ns = CONNECT_NEVER;
    if (connecting->lookup) {
        note_timeout(conn, "looked up", timeout_ms(conn));
        resolve_give_up(connecting->lookup);
        return;
    }
    note_timeout(conn, "connected", timeout_ms(conn));
    attempt_abandon(conn);
    connect_try_next(conn);
}

static void time_out(struct conn *conn)
{
    struct evpg_error why;

    note_timeout(conn, "opened", conn->config.open_timeout_ms);
    why = conn->connecting->attempts;
    conn_down(conn, &why);
}

static void wait_on(struct conn *conn)
{
    if (!connect_arm(conn))
        connect_out_of_memory(conn);
}

static void push_back(int64_t *deadline_ns, int64_t to)
{
    *deadline_ns = *deadline_ns < to ? to : *deadline_ns;
}

/* Once for each address: a loop that is always late must not make it last for ever. */
static bool has_stood_still(struct connecting *connecting, int64_t now)
{
    int64_t deadline = connecting->deadline_ns;

    deadline = deadline < connecting->end_ns ? deadline : connecting->end_ns;
    if (connecting->put_off || now - deadline < BUDGET_STALL_NS)
        return false;
    connecting->put_off = true;
    push_back(&connecting->deadline_ns, now + BUDGET_STALL_NS);
    push_back(&connecting->end_ns, now + BUDGET_STALL_NS);
    return true;
}

/* The loop's clock is coarse, and stands still during a turn: a timer may come early. */
void connect_on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct conn *conn = arg;
    struct connecting *connecting = conn->connecting;
    int64_t now = budget_now_ns();

    (void)fd;
    (void)what;
    conn_hold(conn);
    if (now < first_of(connecting) || has_stood_still(connecting, now))
        wait_on(conn);
    else if (now >= connecting->end_ns)
        time_out(conn);
    else if (now >= connecting->go_on_ns)
        go_on(conn);
    else
        time_out_address(conn);
    conn_release(conn);
}

static bool make(struct conn *conn, struct evpg_error *why)
{
    struct connecting *connecting = mem_alloc(sizeof(*connecting));

    conn->connecting = connecting;
    if (connecting)
        connecting->conninfo = conninfo_new(conn->conninfo_text, why);
    else
        err_set(why, EVPG_E_MEMORY, EVPG_FATE_NOT_SENT, "out of memory");
    return connecting && connecting->conninfo;
}

void connect_begin(struct conn *conn)
{
    const char *unusable = pq_unusable(PQlibVersion());
    struct evpg_error why;

    conn_set_state(conn, CONN_CONNECTING);
    err_set(&why, EVPG_E_CONNECT, EVPG_FATE_NOT_SENT, "%s", unusable ? unusable : "");
    if (unusable || !make(conn, &why)) {
        conn_down(conn, &why);
        return;
    }
    conn->connecting->attempts = why;
    conn->connecting->end_ns =
        time_in(conn->config.open_timeout_ms ? conn->config.open_timeout_ms : -1);
    conn->connecting->go_on_ns = conn->connecting->deadline_ns = CONNECT_NEVER;
    connect_try_next(conn);
}
