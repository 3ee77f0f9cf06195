/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * require: ck_assert for what serves programs without Check as well: unless it fails, Check is not
 * asked; when it does, stderr has it too, and a program without Check ends with status 1.
 */
#ifndef REQUIRE_H
#define REQUIRE_H

#include <check.h>
#include <stdio.h>

#define require(condition)                                                                         \
    ((condition) ? (void)0                                                                         \
                 : (fprintf(stderr, "# %s:%d: %s\n", __FILE__, __LINE__, #condition),              \
                    ck_abort_msg("%s", #condition)))

#endif
