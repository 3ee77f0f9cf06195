/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * err: the error object that callbacks are handed, its message and its copies.
 *
 * Filled by whoever finds a failure; read by the application. Invariants: making an error allocates
 * nothing, so that reporting one cannot fail; a message is one line and is cut between characters,
 * taking the text for UTF-8; only err_copy's block owns what its pointers point at.
 */
#include "err.h"

#include "mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static bool is_control(char c)
{
    return (c >= 0 && c < ' ') || c == 127;
}

void err_flatten(char *text)
{
    char *to = text;

    for (const char *from = text; *from; from++) {
        bool blank = is_control(*from);

        if ((blank || *from == ' ') && to == text)
            continue;
        if (blank && to[-1] == ' ')
            continue;
        *to++ = *from;
        if (blank)
            to[-1] = ' ';
    }
    while (to > text && to[-1] == ' ')
        to--;
    *to = '\0';
}

/* Ends a text that was cut at the end of its buffer with an ellipsis, after a whole character. */
static void mark_as_cut(char *text, size_t size)
{
    size_t end = size - sizeof("...");

    while (end > 0 && ((unsigned char)text[end] & 0xC0) == 0x80)
        end--;
    memcpy(text + end, "...", sizeof("..."));
}

/* A long text is flattened only as far as it fits, so a message that holds many line feeds may come
 * out a little shorter than it could. */
static void __attribute__((format(printf, 2, 0)))
append(struct evpg_error *error, const char *format, va_list args)
{
    size_t used = strlen(error->message);
    size_t room = sizeof(error->message) - used;
    int length = vsnprintf(error->message + used, room, format, args);

    if (length >= 0 && (size_t)length >= room)
        mark_as_cut(error->message, sizeof(error->message));
    err_flatten(error->message);
}

void err_append(struct evpg_error *error, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    append(error, format, args);
    va_end(args);
}

void err_prefix(struct evpg_error *error, const char *name)
{
    char message[ERR_MESSAGE_SIZE];

    memcpy(message, error->message, sizeof(message));
    *error->message = '\0';
    err_append(error, "%s: %s", name, message);
}

void err_shorten(struct evpg_error *error, size_t size)
{
    if (strlen(error->message) < size)
        return;
    mark_as_cut(error->message, size);
}

void err_set(struct evpg_error *error, enum evpg_code code, enum evpg_fate fate, const char *format,
             ...)
{
    va_list args;

    memset(error, 0, sizeof(*error));
    error->code = code;
    error->fate = fate;
    va_start(args, format);
    append(error, format, args);
    va_end(args);
}

void err_set_sqlstate(struct evpg_error *error, const char *sqlstate)
{
    snprintf(error->sqlstate, sizeof(error->sqlstate), "%s", sqlstate ? sqlstate : "");
}

enum evpg_code evpg_error_code(const struct evpg_error *error)
{
    return error->code;
}

enum evpg_fate evpg_error_fate(const struct evpg_error *error)
{
    return error->fate;
}

enum evpg_phase evpg_error_phase(const struct evpg_error *error)
{
    return error->phase;
}

const char *evpg_error_sqlstate(const struct evpg_error *error)
{
    return error->sqlstate;
}

const char *evpg_error_message(const struct evpg_error *error)
{
    return error->message;
}

const char *evpg_error_field(const struct evpg_error *error, enum evpg_field field)
{
    return (unsigned)field < EVPG_FIELD_COUNT ? error->field[field] : NULL;
}

const char *evpg_error_query(const struct evpg_error *error)
{
    return error->query;
}

static size_t size_of(const char *text)
{
    return text ? strlen(text) + 1 : 0;
}

/* Copies a text to *end, which moves on. */
static const char *move_text(const char *text, char **end)
{
    char *copy = *end;
    size_t size = size_of(text);

    if (!text)
        return NULL;
    memcpy(copy, text, size);
    *end += size;
    return copy;
}

struct evpg_error *evpg_error_copy(const struct evpg_error *error)
{
    size_t size = sizeof(*error);
    struct evpg_error *copy;
    char *end;

    if (!error)
        return NULL;
    for (int i = 0; i < EVPG_FIELD_COUNT; i++)
        size += size_of(error->field[i]);
    copy = mem_alloc(size + size_of(error->query));
    if (!copy)
        return NULL;
    *copy = *error;
    end = (char *)(copy + 1);
    for (int i = 0; i < EVPG_FIELD_COUNT; i++)
        copy->field[i] = move_text(error->field[i], &end);
    copy->query = move_text(error->query, &end);
    return copy;
}

void evpg_error_free(struct evpg_error *copy)
{
    mem_free(copy);
}
