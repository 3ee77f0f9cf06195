/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef POOL_CONFIG_H
#define POOL_CONFIG_H

#include <evpg/pool.h>

/* A pool's configuration, checked, with its defaults put in; NULL: all defaults. What it points to
 * is borrowed, but for the connection's settings, which are put in *connection. False: why says
 * what is wrong, and names the setting. */
bool pool_config_take(struct evpg_pool_config *to, struct evpg_conn_config *connection,
                      const struct evpg_pool_config *from, char *why, size_t why_size);

#endif
