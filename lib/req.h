/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef REQ_H
#define REQ_H

#include "deadline.h"
#include "err.h"
#include "pq.h"

#include <sys/queue.h>

struct conn;
struct budget;

enum req_state {
    REQ_QUEUED,   /* waits to be sent */
    REQ_SENT,     /* on the wire, behind others */
    REQ_ACTIVE,   /* the head: its results come */
    REQ_SETTLING, /* its results have ended; its Sync is to be answered */
    REQ_DONE      /* on no list, its done callback is running or has run */
};

/* What an operation does. All but finish and release are called by the pipeline. */
struct req_ops {
    /* Hands it to libpq, without Sync. False: libpq refused, and the connection is to be closed. */
    bool (*send)(struct evpg_request *request, PGconn *pg);
    /* Whether its rows shall come as they arrive. */
    bool (*streams)(const struct evpg_request *request);
    /* Takes one result, of this status, to free it: rows, an end, or an error. False: not one that
     * can come. */
    bool (*result)(struct evpg_request *request, PGresult *result, ExecStatusType status);
    /* Calls the row callback for rows that result() left, within the budget.
     * The connection may be gone, and the request done, afterwards. */
    void (*deliver)(struct evpg_request *request, struct budget *budget);
    /* Takes the answer to what was sent before it, to prepare it; to free it. NULL: there never is
     * such a thing. */
    void (*prelude)(struct evpg_request *request, PGresult *result);
    /* One of several answers has ended. True: another one is to come, for which it is ready. NULL:
     * there is one only. */
    bool (*next)(struct evpg_request *request);
    /* For one that is unsent in part: sends more of it, if it is time, and the Sync behind the
     * last. Called after next; where that was the last answer to what was sent, it is time. False:
     * as send. */
    bool (*more)(struct evpg_request *request, PGconn *pg);
    /* Whether it has failed for no reason of its own, so that it may be sent once more, as if it
     * never was, if nothing of it was seen. NULL: never. */
    bool (*stale)(const struct evpg_request *request);
    /* Whether nothing of it was seen, and it has not been sent twice. Where stale is, these are. */
    bool (*unseen)(const struct evpg_request *request);
    /* Makes it as new. */
    void (*reset)(struct evpg_request *request);
    /* Its turn has come, and nothing is on the wire. From now on, until conn_complete, it has the
     * connection to itself: what it puts before itself in the queue is sent, and nothing else. The
     * application may be called. NULL: it is one that is sent. */
    void (*begin)(struct evpg_request *request);
    /* Throws away the rows that are still to come: done fails with that code. */
    void (*discard)(struct evpg_request *request, enum evpg_code code);
    /* Its deadline has passed after it began; conn is held. NULL: it is left behind on the wire. */
    void (*overdue)(struct evpg_request *request, struct evpg_error *why);
    /* Forgets its callbacks and their argument, for good. */
    void (*abandon)(struct evpg_request *request);
    /* Calls the done callback. cut says why the server's answer does not count; NULL: it does. Of
     * one with several callbacks it may be called from inside of one of these, for the rest. */
    void (*finish)(struct evpg_request *request, struct evpg_error *cut);
    /* Frees it. */
    void (*release)(struct evpg_request *request);
};

/* The first member of every operation. */
struct evpg_request {
    const struct req_ops *ops;
    struct evpg_db *db;
    struct conn *conn; /* that has taken it; NULL before */
    TAILQ_ENTRY(evpg_request) link;
    struct evpg_request *group; /* whose Sync is its own; itself: it is that, see group.h */
    enum req_state state;
    unsigned life;     /* of conn's that it was submitted in */
    uint64_t serial;   /* of a pool's: the how-manieth it is */
    int64_t done_ns;   /* when its answer was complete, if it was */
    int64_t queued_ns; /* and when it was submitted; of a lease's, too */
    size_t size;       /* of its memory, all in all */
    size_t more;       /* its statements, beyond one: they count where requests do */
    unsigned flags;    /* of evpg_request_set_flags */
    char *name;        /* of evpg_request_set_name; or NULL */
    unsigned preludes; /* answers that come before its own */
    bool parted;       /* these have a Sync of their own, which is to be answered */
    bool renewed;      /* it is sent for the second time */
    bool alone;        /* nothing else may be on the wire */
    bool pins;         /* it is about the session: not for one that others use as well */
    bool off_pipeline; /* by the simple protocol: without a Sync, and several statements, perhaps */
    bool special;      /* a group, or one that begins: it is not just sent */
    bool in_stats;     /* a pool's statistics count it */
    bool part;         /* our own of a transaction: counted with that, not by itself */
    bool in_block;     /* of a transaction: it stays on its connection, and is undone with it */
    bool ended_block;  /* a script that has ended a transaction, or begun one */
    bool made_save;    /* a script that has made a savepoint */
    bool went_back;    /* a script that has rolled back before it made any */
    bool unsent;       /* the rest of it, and its Sync, is sent by more */
    bool has_rows;     /* deliver has something to do */
    bool answered;     /* its last result has come */
    bool ends;         /* and the end of its results is next, for which libpq needs no more input */
    bool ended;        /* its callback has been called, or is about to be */
    bool row_seen;     /* its first row has come */
    bool resumed;      /* evpg_request_resume was called since the last row callback began */
    bool canceled;     /* by the application */
    uint8_t
        withdrawn;  /* a code, of one that is canceled, unsent, and not by the application; or 0 */
    bool abandoned; /* nobody is to be told anything any more */
    bool unwanted;  /* on the wire, and the server is to be asked to stop it */
    bool sorted;    /* a pool has looked whether it may run on a standby */
    bool unordered; /* a pool's own: nobody relies on its place among others */
    bool suspect;   /* on the wire when the server was asked to stop another */
    bool hit;       /* the server says that it was stopped */
    bool struck;    /* it was, when another of its transaction was to be */
    int timeout_ms; /* that its deadline was made from */
    struct deadline deadline;
    struct evpg_request **slot; /* of evpg_request_set_handle, or NULL */
    bool failed_at_sync;        /* an error has come after it, whose end is still to come */
    size_t said; /* off the pipeline: how much of libpq's message is about this one's own error */
};

TAILQ_HEAD(req_list, evpg_request);

/* Sets the variable of evpg_request_set_handle to NULL, unless another request has it now. */
void req_clear_handle(struct evpg_request *request);

/* Adds to an error what it is about: the statement, and the request's name. */
void req_describe(const struct evpg_request *request, const char *sql, struct evpg_error *error);

/* What a script has done to the transaction that it is in, by the tag of one of its statements. */
void req_note_tag(struct evpg_request *request, const char *tag);

/* Frees a request. */
void req_release(struct evpg_request *request);

enum evpg_phase req_phase(const struct evpg_request *request, bool connecting);

/* Why a request fails that the server will not answer: code and message of `why`, with this
 * request's fate and phase. */
void req_cut(const struct evpg_request *request, const struct evpg_error *why, bool connecting,
             struct evpg_error *cut);

#endif
