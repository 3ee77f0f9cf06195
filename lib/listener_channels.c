/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * listener_channels: what a listener listens to, and who hears of it.
 *
 * Called by the application, by listener.c and by the answers to LISTEN and UNLISTEN. Invariants: a
 * channel has at most one request on its way, and stays until that is done, whatever the connection
 * does; one whose state is not what is wanted is on a list of work, or on its way; a loss is a new
 * epoch, in which nothing is listened to, and those that were are put to work again bit by bit; a
 * subscription is told that it is ready before its first notification, and gets none before; what
 * ends inside a callback stays in its lists until no frame uses them, and is not called any more; a
 * channel goes with its last subscription, when it is not listened to.
 */
#include "listener.h"

#include "mem.h"

#include <evpg/param.h>
#include <evpg/query.h>
#include <evpg/result.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define uthash_malloc mem_alloc
#define uthash_free(memory, size) mem_free(memory)
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

struct channel {
    UT_hash_handle hh;
    TAILQ_ENTRY(channel) link;
    struct channel_list *list; /* of work that it is on; or NULL */
    struct evpg_listener *listener;
    struct subscription_list subscriptions;
    struct evpg_subscription *untold; /* the first that may have to be told; or NULL */
    size_t n_wanted;                  /* of these, that are not dead */
    uint64_t on_epoch;                /* in this one it is listened to; 0: in none */
    bool asked;                       /* a LISTEN is on its way, or an UNLISTEN if it is on */
    char name[MOST_CHANNEL_BYTES + 1];
    char sql[sizeof("UNLISTEN \"\"") + 2 * MOST_CHANNEL_BYTES];
};

static bool is_on(const struct channel *channel)
{
    return channel->on_epoch == channel->listener->epoch;
}

/* What it is, is what is wanted. */
static bool is_right(const struct channel *channel)
{
    return is_on(channel) == (channel->n_wanted > 0);
}

static void leave_list(struct channel *channel)
{
    if (channel->list)
        TAILQ_REMOVE(channel->list, channel, link);
    channel->list = NULL;
}

static void join_list(struct channel *channel, struct channel_list *list)
{
    leave_list(channel);
    TAILQ_INSERT_TAIL(list, channel, link);
    channel->list = list;
    listener_wake(channel->listener);
}

static void free_channel(struct channel *channel)
{
    HASH_DELETE(hh, channel->listener->channels, channel);
    leave_list(channel);
    mem_free(channel);
}

/* From that one on, all that were not told yet. */
static void have_told(struct channel *channel, struct evpg_subscription *first)
{
    channel->untold = first;
    join_list(channel, &channel->listener->telling);
}

static bool is_known_to_be_on(const struct channel *channel)
{
    return channel->list == &channel->listener->telling ||
           channel->list == &channel->listener->heard;
}

/* After each change: what is to be done for it, if anything. It may be gone afterwards. */
static void settle(struct channel *channel)
{
    if (channel->asked)
        return;
    if (!is_right(channel)) {
        if (!channel->list || is_known_to_be_on(channel))
            join_list(channel, &channel->listener->todo);
        return;
    }
    if (is_on(channel) && is_known_to_be_on(channel))
        return;
    leave_list(channel);
    if (is_on(channel))
        have_told(channel, TAILQ_FIRST(&channel->subscriptions));
    else if (TAILQ_EMPTY(&channel->subscriptions))
        free_channel(channel);
}

static void refuse(struct channel *channel, const struct evpg_error *error)
{
    struct evpg_listener *listener = channel->listener;
    struct evpg_error told = *error;
    char prefix[MOST_CHANNEL_BYTES + 16];

    if (budget_now_ns() >= listener->retry_ns)
        listener->retry_ns = budget_now_ns() + backoff_fail_ns(&listener->retrying);
    join_list(channel, &listener->refused);
    snprintf(prefix, sizeof(prefix), "channel \"%s\"", channel->name);
    err_prefix(&told, prefix);
    settle(channel);
    listener_tell_lost(listener, &told);
}

/* Of one that has failed with its connection, or unsent, nothing is known, and nothing is said:
 * on_lost tells. */
static void on_answer(const struct evpg_result *result, void *arg)
{
    struct channel *channel = arg;
    struct evpg_listener *listener = channel->listener;
    const struct evpg_error *error = evpg_result_error(result);

    channel->asked = false;
    listener_is_answered(listener);
    if (listener->dying)
        return;
    if (error && listener->conn->state == CONN_READY) {
        refuse(channel, error);
        return;
    }
    if (!error)
        channel->on_epoch = is_on(channel) ? 0 : listener->epoch;
    settle(channel);
    if (!error)
        channels_tell_ready(listener);
}

/* By itself LISTEN goes alone on its connection: here nobody minds its company, and all travel
 * together. */
static bool ask(struct channel *channel)
{
    static const size_t un = sizeof("UN") - 1;
    struct evpg_listener *listener = channel->listener;
    struct evpg_request *request =
        evpg_query(&listener->conn->db, channel->sql + (is_on(channel) ? 0 : un), EVPG_NO_PARAMS,
                   NULL, on_answer, channel);

    if (!request)
        return false;
    request->alone = false;
    channel->asked = true;
    leave_list(channel);
    listener_asks(listener);
    return true;
}

/* Of those that were listened to before a loss: they are in front of the others. False: the budget
 * is spent. */
static bool resume(struct channel_list *list, struct budget *budget)
{
    struct channel *channel;

    while ((channel = TAILQ_FIRST(list)) && !is_on(channel)) {
        if (!budget_take(budget))
            return false;
        settle(channel);
    }
    return true;
}

/* Without room or memory for one more, the answer to another leads back here, or time does. The log
 * hook, which is told of the one, may free the listener. */
void channels_send(struct evpg_listener *listener)
{
    struct channel *channel;
    struct budget budget;

    budget_start(&budget);
    if (!resume(&listener->telling, &budget) || !resume(&listener->heard, &budget)) {
        listener_wake(listener);
        return;
    }
    while ((channel = TAILQ_FIRST(&listener->todo)) && budget_take(&budget)) {
        if (is_right(channel)) { /* nobody wants it any more, and it is not listened to */
            settle(channel);
            continue;
        }
        if (ask(channel))
            continue;
        if (listener->dying || listener->n_asked > 0)
            return;
        listener->retry_ns = budget_now_ns() + backoff_fail_ns(&listener->retrying);
        while ((channel = TAILQ_FIRST(&listener->todo)))
            join_list(channel, &listener->refused);
        return;
    }
    if (!TAILQ_EMPTY(&listener->todo))
        listener_wake(listener);
}

void channels_retry(struct evpg_listener *listener)
{
    struct channel *channel;

    while ((channel = TAILQ_FIRST(&listener->refused)))
        join_list(channel, &listener->todo);
    listener->retry_ns = 0;
}

static bool is_ready(const struct evpg_subscription *subscription)
{
    return subscription->ready_epoch == subscription->channel->listener->epoch;
}

/* The next one that may have to be told; or its channel is through. */
static struct evpg_subscription *take_untold(struct channel *channel)
{
    struct evpg_subscription *subscription = channel->untold;

    if (subscription)
        channel->untold = TAILQ_NEXT(subscription, link);
    else
        join_list(channel, &channel->listener->heard);
    return subscription;
}

static void tell_ready(struct evpg_subscription *subscription)
{
    bool gap = subscription->ready_epoch > 0;

    if (subscription->dead || is_ready(subscription))
        return;
    subscription->ready_epoch = subscription->channel->listener->epoch;
    if (subscription->on_ready)
        subscription->on_ready(subscription, gap, subscription->arg);
}

/* Those of an earlier connection are left to resume(). */
void channels_tell_ready(struct evpg_listener *listener)
{
    struct evpg_subscription *subscription;
    struct channel *channel;
    struct budget budget;

    listener_hold(listener);
    budget_start(&budget);
    while (!listener->dying && (channel = TAILQ_FIRST(&listener->telling)) && is_on(channel) &&
           budget_take(&budget)) {
        subscription = take_untold(channel);
        if (subscription)
            tell_ready(subscription);
    }
    if (!TAILQ_EMPTY(&listener->telling))
        listener_wake(listener);
    listener_release(listener);
}

void channels_on_notification(const struct evpg_notification *note, void *arg)
{
    struct evpg_listener *listener = arg;
    struct evpg_subscription *subscription;
    struct channel *channel;

    listener_hears(listener);
    HASH_FIND_STR(listener->channels, evpg_notification_channel(note), channel);
    if (!channel)
        return;
    listener_hold(listener);
    TAILQ_FOREACH (subscription, &channel->subscriptions, link) {
        if (listener->dying)
            break;
        if (!subscription->dead && is_ready(subscription))
            subscription->on_notification(note, subscription->arg);
    }
    listener_release(listener);
}

/* However many there are: each of them sees it by the epoch. */
void channels_lost(struct evpg_listener *listener)
{
    listener->epoch++;
}

static void free_subscription(struct evpg_subscription *subscription)
{
    struct channel *channel = subscription->channel;

    if (channel->untold == subscription)
        channel->untold = TAILQ_NEXT(subscription, link);
    TAILQ_REMOVE(&channel->subscriptions, subscription, link);
    mem_free(subscription);
}

void channels_sweep(struct evpg_listener *listener)
{
    struct evpg_subscription *subscription;

    while ((subscription = TAILQ_FIRST(&listener->dead))) {
        struct channel *channel = subscription->channel;

        TAILQ_REMOVE(&listener->dead, subscription, dead_link);
        free_subscription(subscription);
        settle(channel);
    }
}

void channels_free(struct evpg_listener *listener)
{
    struct evpg_subscription *subscription;
    struct channel *channel, *next;

    for (channel = listener->channels; channel; channel = next) {
        next = channel->hh.next;
        while ((subscription = TAILQ_FIRST(&channel->subscriptions)))
            free_subscription(subscription);
        free_channel(channel);
    }
}

/* As an identifier, with each quotation mark twice: no encoding has one within a character. */
static void write_sql(struct channel *channel)
{
    static const char words[] = "UNLISTEN \"";
    char *to = channel->sql + sizeof(words) - 1;

    memcpy(channel->sql, words, sizeof(words) - 1);
    for (const char *from = channel->name; *from; from++) {
        if (*from == '"')
            *to++ = '"';
        *to++ = *from;
    }
    *to++ = '"';
    *to = '\0';
}

/* One that uthash had no memory for is not in the table. */
static struct channel *make_channel(struct evpg_listener *listener, const char *name)
{
    struct channel *channel = mem_alloc(sizeof(*channel));

    if (!channel)
        return NULL;
    channel->listener = listener;
    TAILQ_INIT(&channel->subscriptions);
    memcpy(channel->name, name, strlen(name) + 1);
    write_sql(channel);
    HASH_ADD_STR(listener->channels, name, channel);
    if (channel->hh.tbl)
        return channel;
    mem_free(channel);
    errno = ENOMEM;
    return NULL;
}

static struct channel *find_or_make_channel(struct evpg_listener *listener, const char *name)
{
    struct channel *channel;

    HASH_FIND_STR(listener->channels, name, channel);
    return channel ? channel : make_channel(listener, name);
}

static int refusal_of(struct evpg_listener *listener, const char *name,
                      evpg_notify_cb on_notification)
{
    int refusal = listener_refusal(listener);

    if (refusal != 0)
        return refusal;
    if (!name || !on_notification)
        return db_refuse(&listener->db, EINVAL, "the channel or its callback is NULL");
    if (!*name)
        return db_refuse(&listener->db, EINVAL, "the channel \"\" has an empty name");
    if (strlen(name) > MOST_CHANNEL_BYTES)
        return db_refuse(&listener->db, EINVAL,
                         "the channel \"%s\" has a name of %zu bytes: %d is the most", name,
                         strlen(name), MOST_CHANNEL_BYTES);
    return 0;
}

static void add(struct channel *channel, struct evpg_subscription *subscription)
{
    subscription->channel = channel;
    TAILQ_INSERT_TAIL(&channel->subscriptions, subscription, link);
    channel->n_wanted++;
    channel->listener->n_subscriptions++;
    settle(channel);
    if (is_on(channel) && is_known_to_be_on(channel) && !channel->untold)
        have_told(channel, subscription);
    listener_wake(channel->listener);
}

struct evpg_subscription *evpg_listener_listen(struct evpg_listener *listener, const char *name,
                                               evpg_notify_cb on_notification,
                                               evpg_ready_cb on_ready, void *arg)
{
    struct evpg_subscription *subscription;
    struct channel *channel;

    if (!listener)
        errno = EINVAL;
    if (!listener || refusal_of(listener, name, on_notification) != 0)
        return NULL;
    subscription = mem_alloc(sizeof(*subscription));
    channel = subscription ? find_or_make_channel(listener, name) : NULL;
    if (!channel) {
        mem_free(subscription);
        return NULL;
    }
    subscription->on_notification = on_notification;
    subscription->on_ready = on_ready;
    subscription->arg = arg;
    add(channel, subscription);
    return subscription;
}

void evpg_listener_unlisten(struct evpg_subscription *subscription)
{
    struct evpg_listener *listener = subscription ? subscription->channel->listener : NULL;

    if (!listener || listener->dying || subscription->dead || listener_refusal(listener) != 0)
        return;
    listener_hold(listener);
    subscription->dead = true;
    TAILQ_INSERT_TAIL(&listener->dead, subscription, dead_link);
    subscription->channel->n_wanted--;
    listener->n_subscriptions--;
    listener_wake(listener);
    listener_release(listener);
}

const char *evpg_subscription_channel(const struct evpg_subscription *subscription)
{
    return subscription->channel->name;
}
