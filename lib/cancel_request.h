/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CANCEL_REQUEST_H
#define CANCEL_REQUEST_H

#include <stddef.h>
#include <stdbool.h>
#include <stdint.h>

struct conn;
struct evpg_error;
struct evpg_request;
struct cancel_job;
struct event;

/* Of one connection: the cancel request that is under way, and what it may hit. */
struct canceling {
    struct cancel_job *job;      /* or NULL: none is under way */
    struct evpg_request *target; /* that it is meant for, until that is answered */
    bool unsettled;              /* it may still hit what is on the wire */
    size_t n_unwanted;           /* requests on the wire that are to be stopped */
    struct evpg_request *graced; /* the head that gets a little time to end by itself */
    int64_t grace_ns;            /* until then */
    int64_t wait_ns;             /* how long job and target are waited for; 0: for ever */
    int64_t ask_ns;              /* when the server is asked once more; 0: it is not */
    unsigned n_asked;            /* how often it was, about this target, or that was put off */
    bool heard;                  /* the session has said something since ask_ns was set */
    int64_t lacking_ns;          /* since when there is no room for another job; 0: there is */
    struct event *timer;         /* of grace, wait and asking */
};

/* The server is to be asked to stop this one, which is on the wire, when it has come to it. */
void cancel_request_want(struct conn *conn, struct evpg_request *request);

/* Sends a cancel request, if one is due now. */
void cancel_request_look(struct conn *conn);

/* A request has been answered, and has left the wire. */
void cancel_request_answered(struct conn *conn, struct evpg_request *request);

/* The server says that it was stopped. */
void cancel_request_note_hit(struct evpg_request *request);

/* Why one is that was struck. */
void cancel_request_explain(struct evpg_error *why);

/* The connection is no more. */
void cancel_request_forget(struct conn *conn);

/* The timer of struct canceling. */
void cancel_request_on_timer(int fd, short what, void *conn);

#endif
