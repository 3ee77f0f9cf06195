/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SETTINGS_H
#define SETTINGS_H

#include <evpg/conn.h>

/* Whether a configuration, whose first member is its size, was made by one of its makers, and has
 * nothing beyond the `known` bytes that this library knows. */
bool settings_are_known(const void *from, size_t known);

/* A connection's configuration, checked, with its defaults put in; NULL: all defaults. False: it
 * has a value, or a member, that is not known. */
bool settings_take(struct evpg_conn_config *to, const struct evpg_conn_config *from);

#endif
