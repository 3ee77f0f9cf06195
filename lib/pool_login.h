/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef POOL_LOGIN_H
#define POOL_LOGIN_H

#include "pool.h"

/* Asks the application what to connect with. The pool may be dying afterwards. False: no memory. */
bool pool_login_start(struct slot *slot);

/* Goes on with those that are over, and gives up those that take too long. The pool may be dying
 * afterwards. */
void pool_login_turn(struct pool *pool);

/* When one of them takes too long. */
int64_t pool_login_end(const struct slot *slot);

/* Nobody wants it any more; a slot without one is allowed. */
void pool_login_drop(struct slot *slot);

#endif
