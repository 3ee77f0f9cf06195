/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef ERR_H
#define ERR_H

#include <evpg/error.h>

#define ERR_MESSAGE_SIZE 512

/* Self-contained but for what its pointers borrow: the server's fields (of a PGresult) and the
 * query (of the request). Lives on the stack of whoever reports it, or in a connection. */
struct evpg_error {
    enum evpg_code code;
    enum evpg_fate fate;
    enum evpg_phase phase;
    char sqlstate[6];
    char message[ERR_MESSAGE_SIZE];
    const char *field[EVPG_FIELD_COUNT];
    const char *query;
};

/* Sets code, fate and message; all else is empty. */
void err_set(struct evpg_error *error, enum evpg_code code, enum evpg_fate fate, const char *format,
             ...) __attribute__((format(printf, 4, 5)));

void err_set_sqlstate(struct evpg_error *error, const char *sqlstate);

/* Adds to the message, as one line. */
void err_append(struct evpg_error *error, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Puts a name and a colon before the message. */
void err_prefix(struct evpg_error *error, const char *name);

/* Cuts a message that is longer, so that there is room for more. */
void err_shorten(struct evpg_error *error, size_t size);

/* Makes a text one line: runs of control characters become one space, at the ends none. */
void err_flatten(char *text);

#endif
