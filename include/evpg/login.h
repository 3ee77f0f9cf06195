/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * @file evpg/login.h
 * The hook before_connect of a pool and of a listener: what to connect with, asked afresh for each
 * connection. For passwords that are good for minutes, secrets that change, servers that are to be
 * found out.
 */
#ifndef EVPG_LOGIN_H
#define EVPG_LOGIN_H

#include <evpg/common.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A connection that is about to be opened. */
struct evpg_login;

/**
 * Says what to connect with, by whatever means: must not wait, and must lead to exactly one
 * evpg_login_finish(), at once or later, in the thread of the loop. If that takes longer than
 * server_connect_timeout_ms (default here 15,000), the attempt has failed, with EVPG_E_TIMEOUT.
 *
 * @param login what to finish; valid until then, even when the pool or listener is freed first
 * @param arg of the configuration
 */
typedef void (*evpg_before_connect_cb)(struct evpg_login *login, void *arg);

/** Whether the outcome is still wanted. evpg_login_finish() is due in any case. */
EVPG_EXPORT bool evpg_login_is_wanted(const struct evpg_login *login);

/** Whether the connection is to be one to a standby, by a pool's standby_conninfo; while it is
 * wanted. */
EVPG_EXPORT bool evpg_login_is_for_standby(const struct evpg_login *login);

/**
 * Has a connection be opened, or not. Nothing is called back from inside this.
 *
 * @param login is gone when control is back in the loop
 * @param conninfo what to connect with, copied; NULL: the pool's, or the listener's
 * @param password to be used in place of one in conninfo, copied; NULL: none
 * @param why no connection is to be opened: the attempt has failed, and this becomes part of the
 *     error's message; NULL: it is to be opened
 */
EVPG_EXPORT void evpg_login_finish(struct evpg_login *login, const char *conninfo,
                                   const char *password, const char *why);

#ifdef __cplusplus
}
#endif

#endif
