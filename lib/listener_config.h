/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LISTENER_CONFIG_H
#define LISTENER_CONFIG_H

#include <evpg/listener.h>

#include <stdbool.h>

/* Fills in the defaults, and those of the connection, which `to` leads to. False: it cannot be. */
bool listener_config_take(struct evpg_listener_config *to, struct evpg_conn_config *connection,
                          const struct evpg_listener_config *from);

#endif
