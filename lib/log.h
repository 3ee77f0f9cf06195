/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LOG_H
#define LOG_H

#include <evpg/hooks.h>

#include <stdarg.h>

#define LOG_LINE_SIZE 512

/* Gives one line to the hook, if there is one. The hook may free db: whoever calls this touches db
 * no more, or holds it. */
void log_write(struct evpg_db *db, const struct evpg_hooks *hooks, void *arg,
               enum evpg_log_level level, const char *format, va_list args)
    __attribute__((format(printf, 5, 0)));

#endif
