/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CONNECT_H
#define CONNECT_H

#include "conn.h"

#define CONNECT_NEVER INT64_MAX

/* An opening that is under way. Times are those of budget_now_ns. */
struct connecting {
    struct conninfo *conninfo;
    size_t next;                   /* of conninfo's addresses */
    struct address_list *found;    /* by looking up the one before that; or NULL */
    size_t next_found;             /* of them */
    const struct address *address; /* that is being tried, or looked up */
    struct evpg_lookup *lookup;    /* under way, or NULL */
    struct evpg_error attempts;    /* what became of those tried so far */
    bool second_round;             /* of prefer-standby: any server will do */
    ConnStatusType stage;          /* in which libpq was when it was last called */
    unsigned n_backlog_full;       /* how often this address's backlog was full */
    int64_t deadline_ns;           /* of this address, or of its lookup */
    int64_t end_ns;                /* of the opening */
    int64_t go_on_ns;              /* when to go on, if nothing else leads to that */
    bool put_off;                  /* the deadlines were, once, for a loop that stood still */
};

/* From OPENING to RESOLVING or CONNECTING; ends in READY or, by conn_down, in DOWN. */
void connect_begin(struct conn *conn);

/* In the next turn of the loop: the lookup is over. */
void connect_go_on(struct conn *conn);

/* Notes why this address is none, and that its attempt is over; try the next one then. */
void connect_note(struct conn *conn, enum evpg_code code, const char *sqlstate,
                  const char *message);
void connect_try_next(struct conn *conn);

/* The end of it all, for want of memory. */
void connect_out_of_memory(struct conn *conn);

/* Sets the one timer to what comes first. False: no memory. */
bool connect_arm(struct conn *conn);

/* Forgets the opening, when it has succeeded or none shall be. */
void connect_forget(struct conn *conn);

void connect_on_timer(evutil_socket_t fd, short what, void *conn);

#endif
