/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef PARAM_TEXT_H
#define PARAM_TEXT_H

#include "param_parts.h"

/* Whether it has a text form that the library can write, and so have all its parts. */
bool param_text_can(const struct evpg_param *param);

/* Writes one that is not NULL. */
void param_text_write(struct param_sink *sink, const struct evpg_param *param);

#endif
