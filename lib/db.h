/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef DB_H
#define DB_H

#include "deadline.h"
#include "stats.h"
#include "types.h"

#include <evpg/conn.h>
#include <evpg/hooks.h>

struct conn;

/* What a kind of db does. */
struct db_ops {
    /* Takes the request; or returns an errno, after the log hook was told, and takes nothing. */
    int (*submit)(struct evpg_db *db, struct evpg_request *request);
    void (*free)(struct evpg_db *db);
    void *(*pgconn)(struct evpg_db *db);
    /* The one connection it stands for; NULL: there is none. */
    struct conn *(*session)(struct evpg_db *db);
    /* evpg_close; NULL: it cannot be closed. */
    int (*close)(struct evpg_db *db, int deadline_ms, evpg_closed_cb on_closed, void *arg);
    /* A request of its ends, with that error or none; its callback comes next. Calls nobody. NULL:
     * it does not care. */
    void (*done)(struct evpg_db *db, struct evpg_request *request, const struct evpg_error *error);
    /* A call was refused, with that errno, for that reason. Calls nobody. NULL: as above. */
    void (*refused)(struct evpg_db *db, int refusal, const char *why);
};

/* The first member of every kind. */
struct evpg_db {
    const struct db_ops *ops;
    struct evpg_hooks hooks;
    void *hooks_arg;
    struct types types; /* that it knows */
    struct deadlines deadlines;
    struct stats *stats;   /* that count its requests; NULL: nobody counts them */
    bool observed;         /* the event hook is running */
    struct evpg_db *whole; /* that it is a part of, and goes with; or NULL */
};

/* Submits a request to it: 0; or an errno, and it was not taken. */
int db_submit(struct evpg_db *db, struct evpg_request *request);

/* Its callback comes next. Once for each request. */
void db_note_done(struct evpg_request *request, const struct evpg_error *error);

/* Whether the event hook is running, so that nothing may be changed: then the log hook is told. */
bool db_is_observed(struct evpg_db *db);

/* Calls the event hook. */
void db_observe(struct evpg_db *db, enum evpg_event event, const struct evpg_request *request,
                const struct evpg_error *error);

/* Tells of something, where anybody wants to hear of it. */
static inline void db_tell(struct evpg_db *db, enum evpg_event event,
                           const struct evpg_request *request, const struct evpg_error *error)
{
    if (db->hooks.event)
        db_observe(db, event, request, error);
}

/* Tells the log hook why a call is refused and sets errno to it. db, which may be NULL, may be gone
 * afterwards. Returns the errno. */
int db_refuse(struct evpg_db *db, int refusal, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* For want of memory a request could not be made. db may be NULL. */
void db_lacks_memory(struct evpg_db *db);

/* Tells the log hook of something that was not refused. db may be gone afterwards. */
void db_warn(struct evpg_db *db, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
