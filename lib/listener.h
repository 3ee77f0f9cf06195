/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LISTENER_H
#define LISTENER_H

#include "backoff.h"
#include "conn.h"

#include <evpg/listener.h>

enum { MOST_CHANNEL_BYTES = 63 };

struct evpg_subscription {
    TAILQ_ENTRY(evpg_subscription) link;      /* of its channel */
    TAILQ_ENTRY(evpg_subscription) dead_link; /* of the listener's dead */
    struct channel *channel;
    evpg_notify_cb on_notification;
    evpg_ready_cb on_ready; /* or NULL */
    void *arg;
    uint64_t ready_epoch; /* in this one it gets what comes; 0: it never did */
    bool dead;            /* evpg_listener_unlisten was called */
};

TAILQ_HEAD(subscription_list, evpg_subscription);
TAILQ_HEAD(channel_list, channel);

struct evpg_listener {
    struct evpg_db db;
    struct conn *conn; /* NULL when its memory has gone */
    pid_t pid;         /* of the process that made it */
    struct evpg_listener_config config;
    struct evpg_conn_config connection;
    char *conninfo_text; /* as it was given, or NULL */
    evpg_listener_cb on_lost;
    void *arg;

    struct channel *channels;      /* uthash's */
    struct channel_list todo;      /* for which a LISTEN or UNLISTEN is to be sent */
    struct channel_list refused;   /* the same, when retry_ns has come */
    struct channel_list telling;   /* listened to, and some are to be told so */
    struct channel_list heard;     /* listened to, and all know */
    struct subscription_list dead; /* to be freed when no frame uses them */
    uint64_t epoch;                /* from 1, and one more after each loss */
    size_t n_subscriptions;        /* that are not dead */

    struct event *timer; /* for all that is due */
    bool awake;          /* it comes in the next turn of the loop */
    struct backoff connecting, retrying;
    int64_t attempt_ns;       /* when to connect */
    struct evpg_login *login; /* while the application is asked what to connect with; else NULL */
    int64_t login_ns;         /* since when */
    int64_t retry_ns;         /* when to ask again for what was refused */
    int64_t opened_ns;        /* when this connection was made */
    int64_t heard_ns;         /* when the server last said something */
    int64_t asked_ns;         /* since when an answer is due */
    size_t n_asked;           /* how many are */
    bool put_off;             /* the deadline of these, once, for a loop that stood still */

    int hold; /* how many frames of ours are using this; it is freed when none is, nor conn */
    bool dying;
};

/* Around everything that calls the application back. */
void listener_hold(struct evpg_listener *listener);
void listener_release(struct evpg_listener *listener);

/* In the next turn of the loop: does what is to be done. */
void listener_wake(struct evpg_listener *listener);

/* The server is asked something; and has said something. */
void listener_asks(struct evpg_listener *listener);
void listener_hears(struct evpg_listener *listener);
void listener_is_answered(struct evpg_listener *listener);

/* Calls on_lost. The listener may be dying afterwards. */
void listener_tell_lost(struct evpg_listener *listener, const struct evpg_error *why);

/* Why it takes no calls: 0; or an errno, and the log hook has been told. */
int listener_refusal(struct evpg_listener *listener);

/* Of one whose connection is down: opens it, or asks what to connect with, or goes on with that, if
 * it is due. The listener may be dying afterwards. */
void listener_connect(struct evpg_listener *listener);

/* The next attempt is some time after this one, which has failed. */
void listener_put_off(struct evpg_listener *listener);

/* When its login takes too long; and it is not wanted any more. */
int64_t listener_login_end(const struct evpg_listener *listener);
void listener_drop_login(struct evpg_listener *listener);

/* Sends LISTEN and UNLISTEN where they are due, in slices. */
void channels_send(struct evpg_listener *listener);

/* What was refused is asked for once more. */
void channels_retry(struct evpg_listener *listener);

/* Calls on_ready where it is due, in slices. The listener may be dying afterwards. */
void channels_tell_ready(struct evpg_listener *listener);

/* Nothing is listened to any more. */
void channels_lost(struct evpg_listener *listener);

/* Frees what has ended, and everything. */
void channels_sweep(struct evpg_listener *listener);
void channels_free(struct evpg_listener *listener);

/* The connection's callback. */
void channels_on_notification(const struct evpg_notification *note, void *listener);

#endif
