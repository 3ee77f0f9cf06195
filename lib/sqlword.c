/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sqlword: what a statement is, told by its first words.
 *
 * Called for each statement that is submitted; pure. Invariants: PostgreSQL's grammar has the
 * statements told apart here begin with these words and with nothing else, so that after blanks,
 * comments (which nest) and semicolons no other place is left in which to hide one. Nothing beyond
 * the words is looked at, least of all what stands in quotes.
 */
#include "sqlword.h"

#include <stdbool.h>
#include <stddef.h>

struct word {
    const char *start;
    size_t length;
};

static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '$' || (unsigned char)c >= 0x80;
}

/* After the comment that starts here; at the end of the text when it is not closed. */
static const char *skip_nested(const char *at)
{
    int depth = 0;

    while (*at) {
        if (at[0] == '/' && at[1] == '*') {
            depth++;
            at += 2;
        } else if (at[0] == '*' && at[1] == '/') {
            at += 2;
            if (--depth == 0)
                break;
        } else {
            at++;
        }
    }
    return at;
}

static const char *skip_line(const char *at)
{
    while (*at && *at != '\n' && *at != '\r')
        at++;
    return at;
}

static const char *skip_to_word(const char *at)
{
    for (;;) {
        if (is_blank(*at) || *at == ';')
            at++;
        else if (at[0] == '-' && at[1] == '-')
            at = skip_line(at);
        else if (at[0] == '/' && at[1] == '*')
            at = skip_nested(at);
        else
            return at;
    }
}

static struct word next_word(const char **at)
{
    struct word word = {skip_to_word(*at), 0};

    while (is_word(word.start[word.length]))
        word.length++;
    *at = word.start + word.length;
    return word;
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* As the server folds keywords: ASCII only, whatever the locale. */
static bool is(struct word word, const char *name)
{
    for (size_t i = 0; i < word.length; i++)
        if (lower(word.start[i]) != name[i])
            return false;
    return name[word.length] == '\0';
}

static bool is_next(const char *at, const char *name)
{
    return is(next_word(&at), name);
}

/* Most statements are told to be none of these by how their first word begins. */
enum sqlword sqlword_of(const char *sql)
{
    static const struct {
        char first[12];
        const char *second; /* NULL: whatever follows */
        enum sqlword is;
    } known[] = {
        {"copy", NULL, SQLWORD_COPY},          {"begin", NULL, SQLWORD_BEGIN},
        {"start", NULL, SQLWORD_BEGIN},        {"commit", NULL, SQLWORD_COMMIT},
        {"end", NULL, SQLWORD_COMMIT},         {"prepare", "transaction", SQLWORD_COMMIT},
        {"rollback", NULL, SQLWORD_ROLLBACK},  {"abort", NULL, SQLWORD_ROLLBACK},
        {"savepoint", NULL, SQLWORD_ROLLBACK}, {"release", NULL, SQLWORD_ROLLBACK},
        {"listen", NULL, SQLWORD_LISTEN},      {"unlisten", NULL, SQLWORD_LISTEN},
        {"call", NULL, SQLWORD_ALONE},         {"do", NULL, SQLWORD_ALONE},
        {"vacuum", NULL, SQLWORD_ALONE},       {"cluster", NULL, SQLWORD_ALONE},
        {"reindex", NULL, SQLWORD_ALONE},      {"alter", NULL, SQLWORD_ALONE},
        {"create", "index", SQLWORD_ALONE},    {"create", "unique", SQLWORD_ALONE},
        {"create", "database", SQLWORD_ALONE}, {"drop", "index", SQLWORD_ALONE},
        {"drop", "database", SQLWORD_ALONE},
    };
    struct word first = next_word(&sql);
    char initial = lower(*first.start), next = initial ? lower(first.start[1]) : '\0';

    for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
        if (known[i].first[0] == initial && known[i].first[1] == next &&
            is(first, known[i].first) && (!known[i].second || is_next(sql, known[i].second)))
            return known[i].is;
    return SQLWORD_PLAIN;
}
