/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * quote: text and names as parts of SQL.
 *
 * Called by the application; pure. Invariants: it works on bytes, and is right in all encodings,
 * for in none of them are an apostrophe, a quotation mark or a dollar sign part of a longer
 * character (a backslash is, in some, as are letters); so nothing is escaped by a backslash, and
 * whether the server takes one as an escape does not matter. Room is made before anything is
 * written.
 */
#include <evpg/quote.h>

#include <event2/buffer.h>

#include <errno.h>
#include <string.h>

static int fail(int why)
{
    errno = why;
    return -1;
}

static size_t count(const char *text, char c)
{
    size_t n = 0;

    for (text = strchr(text, c); text; text = strchr(text + 1, c))
        n++;
    return n;
}

/* With the quotation mark around it, and twice where it stands within. */
static int add_doubled(struct evbuffer *out, const char *text, char quote)
{
    size_t length = strlen(text);
    const char *end;

    if (evbuffer_expand(out, length + count(text, quote) + 2) < 0)
        return fail(ENOMEM);
    evbuffer_add(out, &quote, 1);
    for (; (end = strchr(text, quote)); text = end + 1) {
        evbuffer_add(out, text, (size_t)(end - text) + 1);
        evbuffer_add(out, &quote, 1);
    }
    evbuffer_add(out, text, strlen(text));
    evbuffer_add(out, &quote, 1);
    return 0;
}

static size_t longest_run(const char *text, char c)
{
    size_t longest = 0, run = 0;

    for (; *text; text++) {
        run = *text == c ? run + 1 : 0;
        longest = run > longest ? run : longest;
    }
    return longest;
}

static void add_tag(struct evbuffer *out, size_t length)
{
    evbuffer_add(out, "$", 1);
    for (size_t i = 0; i < length; i++)
        evbuffer_add(out, "q", 1);
    evbuffer_add(out, "$", 1);
}

/* The tag has more q's in a row than the text, so that it is not in it, not even in part. In front
 * a blank, since a dollar sign may be part of a word. */
static int add_in_dollars(struct evbuffer *out, const char *text)
{
    size_t length = strlen(text), tag = longest_run(text, 'q') + 1;

    if (evbuffer_expand(out, length + 2 * (tag + 2) + 1) < 0)
        return fail(ENOMEM);
    evbuffer_add(out, " ", 1);
    add_tag(out, tag);
    evbuffer_add(out, text, length);
    add_tag(out, tag);
    return 0;
}

int evpg_quote_literal(struct evbuffer *out, const char *text)
{
    if (!out)
        return fail(EINVAL);
    if (!text)
        return evbuffer_add(out, "NULL", 4) < 0 ? fail(ENOMEM) : 0;
    return strchr(text, '\\') ? add_in_dollars(out, text) : add_doubled(out, text, '\'');
}

int evpg_quote_ident(struct evbuffer *out, const char *name)
{
    if (!out || !name || !*name)
        return fail(EINVAL);
    return add_doubled(out, name, '"');
}
