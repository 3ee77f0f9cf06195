/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * log: words for the application, through its hook.
 *
 * Called by db.c for each refused call. Invariants: nothing is ever printed; a line is formatted on
 * the stack and cut at LOG_LINE_SIZE; nothing is formatted when nobody listens.
 */
#include "log.h"

#include <stdio.h>

void log_write(struct evpg_db *db, const struct evpg_hooks *hooks, void *arg,
               enum evpg_log_level level, const char *format, va_list args)
{
    char line[LOG_LINE_SIZE];

    if (!hooks->log)
        return;
    vsnprintf(line, sizeof(line), format, args);
    hooks->log(db, level, line, arg);
}
