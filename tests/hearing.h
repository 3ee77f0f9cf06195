/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hearing: a listener under test, and what its subscriptions have heard.
 *
 *     hearing_begin(ALONE, NULL);
 *     one = hear("hello");
 *     await_ready(one, 1);
 *     ... what is to be heard ...
 *     hearing_end();
 *
 * Oracles that are asked in every case: nothing is heard before on_ready; the gap is told the
 * second time and not the first; each callback names what it is of; nothing is called back after
 * the end of a subscription or of the listener.
 */
#ifndef HEARING_H
#define HEARING_H

#include "harness.h"
#include "proxy.h"

/* One subscription. */
struct ear {
    struct ear *next;
    struct evpg_subscription *subscription;
    bool ready;  /* between on_ready and on_lost */
    bool ended;  /* by end_ear() */
    int n_ready; /* calls of on_ready */
    int n_gaps;  /* of these, with gap true */
    int n_heard;
    int pid;            /* of the last sender */
    char payload[8200]; /* the last */
    char all[400];      /* payloads, as far as there is room, each with a blank behind it */
    int number;         /* for the test */
    void (*on_note)(struct ear *ear);
    void (*on_ready)(struct ear *ear);
};

extern struct evpg_listener *listener; /* NULL it after freeing it */

/* What its on_lost was told. */
extern int n_lost;
extern enum evpg_code lost_code;
extern char lost_sqlstate[6], lost_message[600];
extern void (*when_lost)(void); /* or NULL */

/* Makes base, db (a connection of its own, to send with) and the listener, by the mode: ALONE, TLS,
 * FRAGMENTED_1021 or FRAGMENTED_1. */
void hearing_begin(int mode, const struct evpg_listener_config *config);

/* The same at a place of its own; base is made if it is not there, and db is left alone. */
void hearing_begin_at(const char *conninfo, const struct evpg_listener_config *config);

/* The same by way of a proxy; more: what to add to the connection string. */
struct proxy *hearing_begin_behind(const struct evpg_listener_config *config, const char *more);

/* Frees the listener; nothing calls back; then end(). */
void hearing_end(void);

/* Subscribes. It must be accepted. */
struct ear *hear(const char *channel);

/* Unsubscribes. */
void end_ear(struct ear *ear);

/* Runs the loop until on_ready has been called that often; fails the test after 20 s. */
void await_ready(const struct ear *ear, int times);

/* The same for as many notifications in all. */
void await_heard(const struct ear *ear, int times);

/* Notifies from db, and waits until that is done. */
void notify(const char *channel, const char *payload);

/* Which server process serves the listener; and ends it, by another session. */
int listener_pid(void);
void end_listener_backend(void);

#endif
