/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef WRITTEN_H
#define WRITTEN_H

#include <evpg/param.h>

/* The text that a number, a time or a uuid was written as is read again, and must be the same. */
void written_check(const struct evpg_param *param, const char *text);

#endif
