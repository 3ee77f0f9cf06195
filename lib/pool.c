/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pool: a db that keeps several connections: its making, submits, and its end.
 *
 * Called by the application through db.c. Invariants: a request waits in one of the pool's two
 * queues until a connection has room for it, and is the connection's then; its db stays the pool.
 * No connection is opened, and no callback called, but from the loop or from evpg_free. The pool's
 * memory stays as long as that of any of its connections, which frames may be using, so whatever a
 * connection calls finds its pool.
 */
#include "pool.h"

#include "mem.h"
#include "pool_config.h"

#include <evpg/request.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

bool pool_is_inherited(const struct pool *pool)
{
    return pool->pid != getpid();
}

void pool_hold(struct pool *pool)
{
    pool->hold++;
}

static void destroy(struct pool *pool)
{
    struct pool *primary = pool->primary;

    types_forget(&pool->db.types);
    stats_finish(&pool->stats);
    for (int i = 0; pool->slots && i < pool->config.max_connections; i++)
        lease_finish(&pool->slots[i].lease);
    mem_free((char *)pool->config.server_reset_query);
    mem_free(pool->conninfo_text);
    mem_free(pool->slots);
    mem_free(pool);
    if (primary)
        pool_release(primary);
}

void pool_release(struct pool *pool)
{
    if (--pool->hold == 0 && pool->dying)
        destroy(pool);
}

size_t pool_n_waiting(const struct pool *pool)
{
    return pool->crowd->n_queued + pool->singles->n_queued;
}

size_t pool_n_waiting_all(const struct pool *pool)
{
    return pool_n_waiting(pool) + (pool->standby ? pool_n_waiting(pool->standby) : 0);
}

size_t pool_n_connections(const struct pool *pool)
{
    return (size_t)pool->config.max_connections - pool->count[SLOT_EMPTY];
}

size_t pool_n_up(const struct pool *pool)
{
    return pool_n_connections(pool) - pool->count[SLOT_OPENING];
}

bool pool_is_ending(const struct pool *pool)
{
    return pool->closing || pool->closed || (pool->primary && pool_is_ending(pool->primary));
}

size_t pool_min(const struct pool *pool)
{
    size_t min = (size_t)pool->config.min_connections;

    if (pool_is_ending(pool))
        return 0;
    return pool->wanted && min == 0 ? 1 : min;
}

void pool_kick(struct pool *pool)
{
    if (pool->kicked || pool->dying || pool_is_inherited(pool))
        return;
    if (pool->turning) {
        pool->again = true;
        return;
    }
    pool->kicked = true;
    event_active(pool->kick_event, EV_TIMEOUT, 0);
}

/* Why the pool takes nothing from the application; 0: it does. */
static int refusal_of(struct pool *pool)
{
    struct evpg_db *db = &pool->db;

    if (pool_is_inherited(pool))
        return db_refuse(db, EINVAL, "the pool belongs to the parent process");
    if (pool->dying)
        return db_refuse(db, ESHUTDOWN, "the pool is being freed");
    if (pool->closing || pool->closed)
        return db_refuse(db, ESHUTDOWN, "the pool is closed, or being closed");
    return 0;
}

static size_t waiting_bytes(const struct pool *pool)
{
    size_t bytes = pool->crowd->queued_bytes + pool->singles->queued_bytes;

    return bytes + (pool->standby ? waiting_bytes(pool->standby) : 0);
}

static size_t waiting_statements(const struct pool *pool)
{
    size_t more = pool->crowd->queued_more + pool->singles->queued_more;

    return pool_n_waiting(pool) + more + (pool->standby ? waiting_statements(pool->standby) : 0);
}

/* Why this request is refused; 0: it is not. */
static int refusal_of_request(struct pool *pool, const struct evpg_request *request)
{
    int max = pool->config.max_queued_requests;
    int64_t max_bytes = pool->config.max_queued_bytes;
    size_t bytes = waiting_bytes(pool) + request->size;

    if (request->pins)
        return db_refuse(
            &pool->db, EINVAL,
            "transaction control and LISTEN need one session: see evpg_transaction(), or "
            "acquire a lease");
    if (max >= 0 && waiting_statements(pool) + request->more >= (size_t)max)
        return db_refuse(&pool->db, ENOBUFS, "max_queued_requests (%d) is reached", max);
    if (max_bytes >= 0 && bytes > (uint64_t)max_bytes)
        return db_refuse(&pool->db, ENOBUFS, "max_queued_bytes (%lld) is reached",
                         (long long)max_bytes);
    return 0;
}

/* What it will need is seen when its turn comes: flags may be set until then. */
static int pool_submit(struct evpg_db *db, struct evpg_request *request)
{
    struct pool *pool = pool_of(db);
    int refusal = refusal_of(pool);

    if (refusal == 0)
        refusal = refusal_of_request(pool, request);
    if (refusal != 0)
        return refusal;
    request->serial = pool->next_serial++;
    request->unordered = true;
    conn_enqueue(pool->crowd, request);
    if (pool->config.query_timeout_ms > 0)
        evpg_request_set_timeout(request, pool->config.query_timeout_ms);
    pool_kick(pool);
    return 0;
}

static void free_events(struct pool *pool)
{
    if (pool_is_inherited(pool))
        return;
    if (pool->kick_event)
        event_free(pool->kick_event);
    if (pool->timer_event)
        event_free(pool->timer_event);
    if (pool->db.deadlines.timer)
        event_free(pool->db.deadlines.timer);
    pool->db.deadlines.timer = NULL; /* callbacks may still ask for deadlines */
}

/* Both at once: there may be requests of one db in the other's queue. */
static void begin_to_die(struct pool *pool)
{
    pool->dying = true;
    free_events(pool);
    if (!pool->standby)
        return;
    pool_hold(pool->standby);
    begin_to_die(pool->standby);
}

static void finish_to_die(struct pool *pool)
{
    struct pool *standby = pool->standby;

    pool->standby = NULL;
    if (standby && !pool_is_inherited(standby))
        cancel_jobs_end(&standby->cancel_jobs);
    if (standby)
        pool_release(standby);
    pool_release(pool);
}

/* A callback that this calls may submit, which is refused, or free again, which finds nothing. */
static void pool_free(struct evpg_db *db)
{
    struct pool *pool = pool_of(db);
    struct evpg_error closed;

    if (pool->dying)
        return;
    pool_hold(pool);
    begin_to_die(pool);
    err_set(&closed, EVPG_E_CLOSED, EVPG_FATE_NOT_SENT, "the pool was freed");
    pool_cut_off(pool, &closed);
    if (!pool_is_inherited(pool))
        cancel_jobs_end(&pool->cancel_jobs);
    pool_close_finish(pool);
    finish_to_die(pool);
}

static void *pool_pgconn(struct evpg_db *db)
{
    (void)db;
    return NULL;
}

static struct conn *pool_session(struct evpg_db *db)
{
    (void)db;
    return NULL;
}

static const struct db_ops pool_ops = {
    .submit = pool_submit,
    .free = pool_free,
    .pgconn = pool_pgconn,
    .session = pool_session,
    .close = pool_close,
};

bool pool_is(const struct evpg_db *db)
{
    return db->ops == &pool_ops;
}

static bool copy_settings(struct pool *pool, const char *conninfo)
{
    const char *reset = pool->config.server_reset_query;

    pool->conninfo_text = mem_strdup(conninfo);
    pool->config.server_reset_query = mem_strdup(reset);
    pool->config.connection = &pool->connection;
    pool->backoff.min_ms = pool->config.reconnect_min_ms;
    pool->backoff.max_ms = pool->config.reconnect_max_ms;
    pool->backoff.seed = (uint64_t)budget_now_ns() ^ (uint64_t)(uintptr_t)pool ^ (uint64_t)getpid();
    return (!conninfo || pool->conninfo_text) && (!reset || pool->config.server_reset_query);
}

static bool make_slots(struct pool *pool)
{
    size_t n = (size_t)pool->config.max_connections;

    for (int i = 0; i < N_SLOT_STATES; i++)
        TAILQ_INIT(&pool->in[i]);
    pool->slots = mem_alloc(n * sizeof(*pool->slots));
    for (size_t i = 0; pool->slots && i < n; i++) {
        pool->slots[i].pool = pool;
        TAILQ_INSERT_TAIL(&pool->in[SLOT_EMPTY], &pool->slots[i], link);
    }
    pool->count[SLOT_EMPTY] = n;
    return pool->slots;
}

static bool make_parts(struct pool *pool)
{
    pool->kick_event = event_new(pool->base, -1, 0, pool_on_kick, pool);
    pool->timer_event = evtimer_new(pool->base, pool_on_timer, pool);
    pool->db.deadlines.timer = evtimer_new(pool->base, pool_on_deadline, pool);
    pool->crowd = pool_make_lobby(pool);
    pool->singles = pool_make_lobby(pool);
    return pool->kick_event && pool->timer_event && pool->db.deadlines.timer && pool->crowd &&
           pool->singles;
}

static void destroy_unmade(struct pool *pool)
{
    pool_hold(pool);
    pool->dying = true;
    free_events(pool);
    if (pool->crowd)
        evpg_free(&pool->crowd->db);
    if (pool->singles)
        evpg_free(&pool->singles->db);
    pool_release(pool);
    errno = ENOMEM;
}

struct pool *pool_make(struct event_base *base, const char *conninfo,
                       const struct evpg_pool_config *config,
                       const struct evpg_conn_config *connection, struct pool *primary)
{
    struct pool *pool = mem_alloc(sizeof(*pool));

    if (!pool)
        return NULL;
    pool->db.ops = &pool_ops;
    pool->primary = primary;
    pool->face = primary ? &primary->db : &pool->db;
    pool->db.stats = primary ? &primary->stats : &pool->stats;
    pool->stats.most_names = (size_t)config->max_request_names;
    pool->base = base;
    pool->pid = getpid();
    pool->config = *config;
    pool->connection = *connection;
    pool->cancel_jobs.on_room = pool_on_cancel_room;
    pool->cancel_jobs.arg = pool;
    pool->at_once = 1;
    pool->timer_ns = pool->upkeep_ns = POOL_NEVER;
    if (primary)
        pool_hold(primary);
    if (!copy_settings(pool, conninfo) || !make_slots(pool) || !make_parts(pool)) {
        destroy_unmade(pool);
        return NULL;
    }
    if (config->min_connections > 0)
        pool_kick(pool);
    return pool;
}

struct evpg_db *evpg_pool_new(struct event_base *base, const char *conninfo,
                              const struct evpg_pool_config *config)
{
    struct evpg_pool_config checked;
    struct evpg_conn_config connection;
    struct pool *pool;

    if (!base || !pool_config_take(&checked, &connection, config, NULL, 0)) {
        errno = EINVAL;
        return NULL;
    }
    pool = pool_make(base, conninfo, &checked, &connection, NULL);
    if (!pool)
        return NULL;
    if (!pool_make_standby(pool)) {
        evpg_free(&pool->db);
        errno = ENOMEM;
        return NULL;
    }
    return &pool->db;
}
