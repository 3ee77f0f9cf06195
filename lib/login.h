/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LOGIN_H
#define LOGIN_H

#include <evpg/login.h>

#include <stdbool.h>
#include <stdint.h>

#define LOGIN_NEVER INT64_MAX

struct evpg_error;

/* conninfo: what is used when the application names nothing, or NULL; borrowed until the login is
 * dropped. on_over(arg) is called, from inside evpg_login_finish(), when it is over: only to come
 * back to it in a later turn. NULL without memory. The hook is the caller's to call. */
struct evpg_login *login_new(const char *conninfo, bool is_for_standby, void (*on_over)(void *arg),
                             void *arg);

/* Nobody wants it any more; NULL is allowed. */
void login_drop(struct evpg_login *login);

bool login_is_over(const struct evpg_login *login);

/* When one that began then takes too long, by that setting; or LOGIN_NEVER. */
int64_t login_end_ns(int64_t began_ns, int timeout_ms);

/* Of one that is over, or has taken too long: whether there is to be no connection, and why. */
bool login_fails(const struct evpg_login *login, struct evpg_error *why);

/* Of one that is over and does not fail: what to connect with; or NULL. Until it is dropped. */
const char *login_conninfo(const struct evpg_login *login);

#endif
