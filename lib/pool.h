/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef POOL_H
#define POOL_H

#include "backoff.h"
#include "cancel_job.h"
#include "conn.h"
#include "lease.h"

#include <evpg/pool.h>

#define POOL_NEVER INT64_MAX

/* Each state has a list, and is entered by slot_set_state alone. */
enum slot_state {
    SLOT_EMPTY,   /* no connection */
    SLOT_OPENING, /* its connection is being opened */
    SLOT_IDLE,    /* nothing is under way; the one that was used last comes first */
    SLOT_SHARED,  /* it runs one request or more of the pool's */
    SLOT_LEASED,  /* one user has it; the one that was leased first comes first */
    SLOT_RESET,   /* it runs something of our own, before it is idle again */
    SLOT_CLOSING, /* it is closed as soon as nothing is under way on it any more */
    N_SLOT_STATES
};

TAILQ_HEAD(slot_list, slot);

struct evpg_login;

/* Room for one connection. */
struct slot {
    TAILQ_ENTRY(slot) link;
    struct pool *pool;
    enum slot_state state;
    struct conn *conn;        /* NULL in EMPTY */
    struct conn *ending;      /* the one that was, while its requests are being completed */
    struct evpg_login *login; /* in OPENING, before there is a connection; or NULL */
    bool had_room;            /* when that was last looked at */
    bool whole;               /* what it runs has it to itself */
    bool reserved;            /* it gets no more, for one who needs it whole */
    bool spoiled;             /* what was left behind could not be undone */
    bool proven;              /* this connection has answered something */
    int uses;                 /* requests and leases so far */
    int64_t end_ns;           /* when it is too old; or POOL_NEVER */
    int64_t since_ns;         /* when its opening began, or ended; or what it runs in RESET */
    struct lease lease;

    int64_t used_ns; /* when it was last used */
    int64_t head_ns; /* since when the request that is running has been, at most */
};

struct pool_closing;

struct pool {
    struct evpg_db db;
    struct pool *standby; /* where requests go that may run on one; or NULL */
    struct pool *primary; /* whose standby this is; or NULL */
    struct evpg_db *face; /* what the application knows it as: its db, or its primary's */
    bool wanted;          /* of a standby: there was something to run on it */
    bool sort_again;      /* the standby has connections again */
    struct event_base *base;
    pid_t pid;
    char *conninfo_text; /* or NULL */
    struct evpg_pool_config config;
    struct evpg_conn_config connection; /* of each */

    struct stats stats; /* the standby's are the primary's */

    struct slot *slots; /* max_connections of them */
    struct slot_list in[N_SLOT_STATES];
    size_t count[N_SLOT_STATES];

    /* Requests wait in the queues of these two, which are never opened: those that may share a
     * connection, and those that need one to themselves. */
    struct conn *crowd, *singles;
    uint64_t next_serial;

    struct backoff backoff;
    size_t at_once;               /* how many attempts there may be */
    int64_t next_attempt_ns;      /* not before */
    bool ever;                    /* there was a connection */
    struct evpg_error last_error; /* of an attempt, if that failed; else its code is 0 */
    struct cancel_jobs cancel_jobs;
    int64_t upkeep_ns;        /* when one of them has to be looked after, at the latest */
    int64_t now_ns;           /* as of the last turn */
    struct event *kick_event; /* run once soon, in this pass of the loop */
    struct event *timer_event;
    int64_t timer_ns; /* when that comes */
    bool kicked;
    bool turning; /* a turn is being taken; and another one is wanted after it */
    bool again;

    bool is_high;                 /* as the application was told */
    struct pool_closing *closing; /* while evpg_close is under way */
    size_t n_cut_off;             /* since that was called */
    bool closed;
    bool was_up; /* when it began to end */

    int hold; /* connections that live, and frames that use it: it is freed when there are none */
    bool dying;
};

static inline struct pool *pool_of(struct evpg_db *db)
{
    return (struct pool *)db; /* its first member */
}

bool pool_is(const struct evpg_db *db);

bool pool_is_inherited(const struct pool *pool);

void pool_hold(struct pool *pool);
void pool_release(struct pool *pool);

/* How many requests wait for a connection; and with those that wait for its standby. */
size_t pool_n_waiting(const struct pool *pool);
size_t pool_n_waiting_all(const struct pool *pool);

/* How many slots have a connection, or one to come; and how many have one that is up. */
size_t pool_n_connections(const struct pool *pool);
size_t pool_n_up(const struct pool *pool);

/* Whether it is being closed, or is closed. */
bool pool_is_ending(const struct pool *pool);

/* How many there are to be whether they are needed or not. */
size_t pool_min(const struct pool *pool);

/* Soon a turn: in this pass of the loop; or, from inside of one, in the next pass, for else the
 * loop might never come to anything else. */
void pool_kick(struct pool *pool);

/* pool_turn.c: looks after everything. For the two events. */
void pool_on_kick(evutil_socket_t fd, short what, void *pool);
void pool_on_timer(evutil_socket_t fd, short what, void *pool);

/* Those whose cancel requests had to wait may send them. */
void pool_on_cancel_room(void *pool);

/* The deadlines of its requests, wherever they are. */
void pool_on_deadline(evutil_socket_t fd, short what, void *pool);

/* pool_dispatch.c: gives waiting requests to connections, and has more opened if need be. The pool
 * may be dying afterwards. */
void pool_dispatch(struct pool *pool);

/* Whether one that is running has been for so long that others should not come behind it. */
bool pool_is_slow(const struct slot *slot);

/* Whether an opening began a short while ago. */
bool pool_is_young(const struct slot *slot);

/* pool_lease.c: whether a request is for a lease; and gives one to it. The pool may be dying
 * afterwards. */
bool pool_is_acquire(const struct evpg_request *request);
void pool_lease_out(struct slot *slot, struct evpg_request *request);

/* Undoes what was left behind: a transaction, what the session listens to; and runs that query, or
 * NULL. */
void pool_reset(struct slot *slot, bool unlisten, const char *query);

/* Asks it whether it is still there. */
void pool_check(struct slot *slot);

/* pool_standby.c: makes a pool's second one. False: there is no memory. */
bool pool_make_standby(struct pool *pool);

/* Gives the standby what may run there, if it has connections that can. */
void pool_sort_out(struct pool *pool);

/* Of a standby that has none: who waits goes back to the primary. */
void pool_fall_back(struct pool *standby);

/* Whether this connection's server is not what it has to be; then all connections to it are let go.
 */
void pool_look_at_role(struct slot *slot);

/* pool_upkeep.c: looks after those that are too old, not used, or silent. */
void pool_upkeep(struct pool *pool);

/* Something about it will be due. */
void pool_upkeep_note(const struct slot *slot);

/* pool_connect.c: begins to open a connection. */
void pool_open_slot(struct slot *slot);

/* Goes on when it is known what to connect with. */
void pool_connect_slot(struct slot *slot, const char *conninfo);

/* The opening of one has failed. The pool may be dying afterwards. */
void pool_fail_slot(struct slot *slot, const struct evpg_error *why);

/* An attempt has failed, or a connection that was no better: no other for a while. */
void pool_note_failure(struct pool *pool, const struct evpg_error *why);

/* pool.c: for pool_standby.c. NULL without memory. */
struct pool *pool_make(struct event_base *base, const char *conninfo,
                       const struct evpg_pool_config *config,
                       const struct evpg_conn_config *connection, struct pool *primary);

/* pool_slots.c */
void slot_set_state(struct slot *slot, enum slot_state state);

/* A connection of its own, which is not opened yet; NULL without memory. */
struct conn *slot_make_conn(struct slot *slot, const char *conninfo);

/* Gives it a request that waits. */
void slot_give(struct slot *slot, struct evpg_request *request);

/* Nothing is under way on it any more. */
void slot_settle(struct slot *slot);

/* Closes its connection at once, and completes what is under way on it for that reason. */
void slot_end(struct slot *slot, const struct evpg_error *why);

/* Closes its connection, at once or when nothing is under way on it. */
void slot_close(struct slot *slot);

/* Makes one of the two connections where requests wait; NULL without memory. */
struct conn *pool_make_lobby(struct pool *pool);

/* pool_close.c: evpg_close. */
int pool_close(struct evpg_db *db, int deadline_ms, evpg_closed_cb on_closed, void *arg);

/* Goes on with it. The pool may be dying afterwards. */
void pool_close_turn(struct pool *pool);

/* For evpg_free: the close ends with it. */
void pool_close_finish(struct pool *pool);

/* When it has to be looked at again. */
int64_t pool_close_deadline(const struct pool *pool);

/* Ends all connections, and completes all requests at once, counting them in n_cut_off. The pool
 * may be dying afterwards. */
void pool_cut_off(struct pool *pool, const struct evpg_error *why);

#endif
