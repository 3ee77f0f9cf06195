/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * quote: text and names as parts of SQL, read again as the server's scanner reads them.
 *
 * An input is a text. What is read is the text, and ends where the constant ends, whether or not a
 * backslash escapes in quotes, and whatever follows.
 */
#include "fuzz.h"

#include <evpg/quote.h>

#include <event2/buffer.h>
#include <string.h>

const char fuzz_name[] = "quote";

/* What stands in quotes, doubled where it is a quote itself; the end, or NULL. */
static const char *read_quoted(const char *at, char quote, char *to)
{
    if (*at++ != quote)
        return NULL;
    for (; *at; *to++ = *at++) {
        if (*at == quote && at[1] != quote)
            break;
        at += *at == quote;
    }
    *to = '\0';
    return *at ? at + 1 : NULL;
}

/* PostgreSQL sources, scan.l: a dollar sign, perhaps a name, and a dollar sign, till it comes
 * again. */
static const char *read_in_dollars(const char *at, char *to)
{
    size_t tag = *at == '$' ? strcspn(at + 1, "$") + 2 : 0;
    const char *end;

    if (tag == 0 || strspn(at + 1, "q") != tag - 2)
        return NULL;
    for (end = at + tag; strncmp(end, at, tag) != 0; end++)
        if (!*end)
            return NULL;
    memcpy(to, at + tag, (size_t)(end - at) - tag);
    to[(size_t)(end - at) - tag] = '\0';
    return end + tag;
}

/* The SQL that a call has made, with something after it. */
static const char *written(struct evbuffer *out)
{
    size_t length;
    char *sql;

    evbuffer_add(out, ",q$", 3);
    length = evbuffer_get_length(out);
    sql = fuzz_room(length + 1);
    evbuffer_remove(out, sql, length);
    sql[length] = '\0';
    return sql;
}

void fuzz_one(const unsigned char *bytes, size_t size)
{
    const char *text = fuzz_text(bytes, size), *sql, *end;
    char *read = fuzz_room(3 * size + 8);
    struct evbuffer *out = evbuffer_new();

    fuzz_require(evpg_quote_literal(out, text) == 0);
    sql = written(out);
    fuzz_require(!strchr(text, '\\') || *sql == ' ');
    end = *sql == ' ' ? read_in_dollars(sql + 1, read) : read_quoted(sql, '\'', read);
    fuzz_require(end && strcmp(end, ",q$") == 0 && strcmp(read, text) == 0);
    fuzz_require(evpg_quote_ident(out, text) == (*text ? 0 : -1));
    sql = written(out);
    end = *text ? read_quoted(sql, '"', read) : NULL;
    fuzz_require(!*text || (end && strcmp(end, ",q$") == 0 && strcmp(read, text) == 0));
    evbuffer_free(out);
}
