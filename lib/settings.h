/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SETTINGS_H
#define SETTINGS_H

#include <evpg/conn.h>

/* A connection's configuration, checked, with its defaults put in; NULL: all defaults. False: it
 * has a value, or a member, that is not known. */
bool settings_take(struct evpg_conn_config *to, const struct evpg_conn_config *from);

#endif
