/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * @file evpg/notify.h
 * What comes without having been asked for: notifications, and the loss of a connection.
 */
#ifndef EVPG_NOTIFY_H
#define EVPG_NOTIFY_H

#include <evpg/common.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A notification of NOTIFY, borrowed by its callback. */
struct evpg_notification;

/**
 * Called for each notification, in the order in which the server sends them (PostgreSQL manual,
 * "NOTIFY"): also for those that this very session has sent. Which channels it listens to is up to
 * LISTEN and UNLISTEN, run by evpg_query(); a connection that is opened again must listen again,
 * and what was sent meanwhile is gone. A listener (evpg/listener.h) does that by itself.
 *
 * @param note borrowed until the callback returns
 * @param arg what evpg_setcb() was given
 */
typedef void (*evpg_notify_cb)(const struct evpg_notification *note, void *arg);

/**
 * Sets the callbacks of a connection that belong to no request. At any time; they replace those
 * before.
 *
 * @param conn NULL is allowed
 * @param on_notification or NULL: notifications are thrown away
 * @param on_lost or NULL. Called once when a connection that was open has been lost, after all
 *     requests that were on their way have been completed; those that had not been sent follow. It
 * may be opened again at once. Not called by evpg_free(), nor for a connection that never came up,
 *     which is on_open's news.
 * @param arg passed to both
 */
EVPG_EXPORT void evpg_setcb(struct evpg_db *conn, evpg_notify_cb on_notification,
                            evpg_db_cb on_lost, void *arg);

/** The connection it came on. */
EVPG_EXPORT struct evpg_db *evpg_notification_db(const struct evpg_notification *note);

/** The channel's name. */
EVPG_EXPORT const char *evpg_notification_channel(const struct evpg_notification *note);

/** The payload; "" when there is none. */
EVPG_EXPORT const char *evpg_notification_payload(const struct evpg_notification *note);

/** The process id of the server session that sent it. */
EVPG_EXPORT int evpg_notification_pid(const struct evpg_notification *note);

#ifdef __cplusplus
}
#endif

#endif
