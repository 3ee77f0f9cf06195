/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * chaos_links: see chaos_links.h.
 *
 * Called by the tick of chaos.c, and from the library's callbacks. Some connections go directly to
 * the server, some through proxies that the faults are at, some by TLS where the server has it.
 * What is lost is opened again after a short while; what stands still for three seconds is closed.
 * Pools look after themselves: none may stand still, for their requests have deadlines.
 */
#include "chaos_links.h"

#include "chaos_ops.h"

#include <errno.h>
#include <stdio.h>

enum {
    N_POOLS = 2,
    STUCK_MS = 3000,
    CLOSE_MS = 500,
    CONNECT_MS = 2000,
    MOST_TOKENS = 300,
    QUERY_MS = 1500,
    CHECK_MS = 200,
    QUIET_MS = 3 * CHECK_MS, /* after it, a pool asks its connections before it uses them */
    SLACK_MS = 2000          /* how much longer than its bound something may take */
};

struct link links[N_LINKS];

static struct proxy *proxies[N_PROXIES];
static struct chance chance;
static bool resting;
static double tokens, last_tick_ms, next_renewal_ms;
static int n_opened, n_refused_openings, n_lost, n_stuck, n_cut_off, n_renewed, n_closed;

static void set_state(struct link *link, enum link_state state)
{
    link->state = state;
    link->moved_ms = link->since_ms = now_ms();
    link->bound_ms = 0;
    link->complained = false;
    if (state == LINK_DOWN)
        link->reopen_ms = link->moved_ms + chance_of(&chance, 10, 250);
}

static void link_fails(struct link *link, const char *what)
{
    if (!link->complained)
        chaos_fail("connection %d: %s", (int)(link - links), what);
    link->complained = true;
}

static void on_open(struct evpg_db *which, const struct evpg_error *error, void *arg)
{
    struct link *link = arg;

    if (which != link->db || --link->due != 0)
        link_fails(link, "evpg_open's callback, which was not due");
    n_opened += !error;
    n_refused_openings += error != NULL;
    if (error && (evpg_error_code(error) == EVPG_E_AUTH || evpg_error_code(error) > EVPG_E_CLOSED))
        link_fails(link, evpg_error_message(error));
    if (link->state == LINK_OPENING)
        set_state(link, error ? LINK_DOWN : LINK_UP);
}

static void on_lost(struct evpg_db *which, const struct evpg_error *error, void *arg)
{
    struct link *link = arg;

    if (which != link->db || (link->state != LINK_UP && link->state != LINK_CLOSING))
        link_fails(link, "lost, and was not up");
    if (evpg_error_code(error) != EVPG_E_LOST)
        link_fails(link, evpg_error_message(error));
    n_lost++;
    if (link->state == LINK_UP)
        set_state(link, LINK_DOWN);
}

static void on_closed(struct evpg_db *which, size_t cut_off, void *arg)
{
    struct link *link = arg;

    if (which != link->db || (link->state != LINK_CLOSING && link->state != LINK_FREEING))
        link_fails(link, "closed, and was not being closed");
    n_closed++;
    n_cut_off += (int)cut_off;
    if (link->state == LINK_FREEING)
        return;
    if (link->in_flight > 0)
        link_fails(link, "closed, and requests are not done");
    set_state(link, LINK_DOWN);
}

static struct evpg_db *make_pool(const char *conninfo)
{
    struct evpg_conn_config connection = EVPG_CONN_CONFIG(.cancel_wait_timeout_ms = 500);

    return evpg_pool_new(
        base, conninfo,
        &EVPG_POOL_CONFIG(.max_connections = 3, .connection = &connection,
                          .server_connect_timeout_ms = CONNECT_MS, .query_timeout_ms = QUERY_MS,
                          .reconnect_min_ms = 10, .reconnect_max_ms = 250,
                          .server_check_delay_ms = CHECK_MS, .server_check_timeout_ms = CHECK_MS));
}

static void make(struct link *link)
{
    if (link->is_pool) {
        link->db = make_pool(link->conninfo);
        set_state(link, LINK_UP);
        return;
    }
    link->db = evpg_conn_new(base, link->conninfo,
                             &EVPG_CONN_CONFIG(.server_connect_timeout_ms = CONNECT_MS));
    evpg_setcb(link->db, NULL, on_lost, link);
    set_state(link, LINK_DOWN);
}

static void open_link(struct link *link)
{
    if (link->is_pool) {
        evpg_free(link->db);
        make(link);
        return;
    }
    set_state(link, LINK_OPENING);
    link->bound_ms = CONNECT_MS + SLACK_MS;
    link->due++;
    if (evpg_open(link->db, on_open, link))
        return;
    link->due--;
    link_fails(link, "evpg_open refuses");
}

static void close_link(struct link *link, int deadline_ms)
{
    set_state(link, LINK_CLOSING);
    link->bound_ms = deadline_ms + SLACK_MS;
    if (evpg_close(link->db, deadline_ms, on_closed, link) != 0)
        link_fails(link, "evpg_close refuses");
}

/* Whatever it is doing. */
static void free_link(struct link *link)
{
    set_state(link, LINK_FREEING);
    evpg_free(link->db);
    if (link->in_flight != 0 || link->due != 0)
        link_fails(link, "freed, and requests are not done");
}

/* Closed in good order, or freed and made anew. */
static void renew(struct link *link)
{
    n_renewed++;
    if (link->state == LINK_UP && once_in(&chance, 2)) {
        close_link(link, CONNECT_MS);
        return;
    }
    free_link(link);
    make(link);
}

static void look_after(struct link *link, double now)
{
    double still = now - link->moved_ms;

    if (link->state == LINK_DOWN && now >= link->reopen_ms) {
        open_link(link);
    } else if (link->state == LINK_UP && link->in_flight > 0 && still > STUCK_MS) {
        n_stuck++;
        if (link->is_pool)
            link_fails(link, "the pool stands still");
        close_link(link, CLOSE_MS);
    } else if (link->bound_ms > 0 && now - link->since_ms > link->bound_ms) {
        link_fails(link,
                   link->state == LINK_OPENING ? "opening does not end" : "closing does not end");
    }
}

bool link_has_room(const struct link *link)
{
    return !resting && link->in_flight < MOST_IN_FLIGHT &&
           (link->state == LINK_UP || (link->state == LINK_OPENING && link->in_flight < 5));
}

/* All of a tick goes to one or two connections, so that requests travel together. */
static void spend_tokens(double now)
{
    tokens += (now - last_tick_ms) * OPERATIONS_PER_SECOND / 1000;
    tokens = tokens < MOST_TOKENS ? tokens : MOST_TOKENS;
    last_tick_ms = now;
    for (int tries = 0; tries < 4 && tokens >= 1; tries++) {
        struct link *link = &links[chance_of(&chance, 0, N_LINKS - 1)];

        for (int n = chance_of(&chance, 1, 30); n > 0 && tokens >= 1 && link_has_room(link); n--) {
            ops_submit(link);
            tokens--;
        }
    }
}

void links_tick(void)
{
    double now = now_ms();

    for (int i = 0; i < N_LINKS; i++)
        look_after(&links[i], now);
    if (!resting && now >= next_renewal_ms) {
        renew(&links[chance_of(&chance, 0, N_LINKS - 1)]);
        next_renewal_ms = now + chance_of(&chance, 1000, 8000);
    }
    spend_tokens(now);
}

/* To the socket, or to the port where there is TLS. */
static struct proxy *new_proxy(bool tls)
{
    const char *port = getenv("EVPG_TEST_TCP_PORT");

    return tls && port ? proxy_new(base, "127.0.0.1", port)
                       : proxy_new(base, getenv("PGHOST"), getenv("PGPORT"));
}

static void set_way(struct link *link, struct proxy *proxy, bool tls)
{
    char port[16] = "";

    link->proxy = proxy;
    if (proxy)
        snprintf(port, sizeof(port), "%d", proxy_port(proxy));
    if (tls && getenv("EVPG_TEST_TLS"))
        snprintf(link->conninfo, sizeof(link->conninfo),
                 "host=localhost hostaddr=127.0.0.1 port=%s sslmode=verify-full"
                 " sslrootcert=%s/root.crt",
                 proxy ? port : getenv("EVPG_TEST_TCP_PORT"), getenv("EVPG_TEST_TLS"));
    else if (proxy)
        snprintf(link->conninfo, sizeof(link->conninfo), "host=127.0.0.1 port=%s sslmode=disable",
                 port);
}

void links_begin(void)
{
    static const struct {
        int proxy; /* -1: none */
        bool tls;
    } ways[N_LINKS] = {{-1, false}, {-1, false}, {-1, true}, {0, false},  {0, false},
                       {1, false},  {1, true},   {2, true},  {-1, false}, {0, false}};

    chance.state = options.seed + 2;
    for (int i = 0; i < N_PROXIES; i++)
        proxies[i] = new_proxy(i > 0);
    for (int i = 0; i < N_LINKS; i++) {
        set_way(&links[i], ways[i].proxy < 0 ? NULL : proxies[ways[i].proxy], ways[i].tls);
        links[i].is_pool = i >= N_LINKS - N_POOLS;
        make(&links[i]);
    }
    last_tick_ms = now_ms();
    next_renewal_ms = last_tick_ms + 2000;
}

void links_rest(void)
{
    resting = true;
}

bool links_at_rest(void)
{
    for (int i = 0; i < N_LINKS; i++)
        if (links[i].state != LINK_UP || links[i].in_flight > 0 ||
            (links[i].is_pool && now_ms() - links[i].moved_ms < QUIET_MS))
            return false;
    return ops_all_done();
}

void links_explain(void)
{
    static const char *const states[] = {"down", "opening", "up", "closing", "being freed"};

    for (int i = 0; i < N_LINKS; i++)
        chaos_say("connection %d is %s, %d requests are not done", i, states[links[i].state],
                  links[i].in_flight);
}

void links_ask(void)
{
    for (int i = 0; i < N_LINKS; i++)
        ops_submit_last(&links[i]);
}

bool links_have_answered(void)
{
    return ops_last_due() == 0;
}

void links_end(void)
{
    for (int i = 0; i < N_LINKS; i++)
        free_link(&links[i]);
    proxy_free_all();
}

void links_report(void)
{
    printf("connections: opened %d, not opened %d, lost %d, stood still %d\n", n_opened,
           n_refused_openings, n_lost, n_stuck);
    printf("  renewed %d, closed %d, requests cut off %d\n", n_renewed, n_closed, n_cut_off);
}
