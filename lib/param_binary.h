/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef PARAM_BINARY_H
#define PARAM_BINARY_H

#include "param_parts.h"

/* Whether it has a binary form, and so have all its parts. */
bool param_binary_can(const struct evpg_param *param);

/* Writes one that is not NULL. */
void param_binary_write(struct param_sink *sink, const struct evpg_param *param);

#endif
