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

struct statement {
    const char *first, *second; /* second NULL: whatever follows */
    enum sqlword is;
};

/* In the order of the alphabet. */
static const struct statement known[] = {
    {"abort", NULL, SQLWORD_ROLLBACK},     {"alter", NULL, SQLWORD_ALONE},
    {"begin", NULL, SQLWORD_BEGIN},        {"call", NULL, SQLWORD_ALONE},
    {"cluster", NULL, SQLWORD_ALONE},      {"commit", NULL, SQLWORD_COMMIT},
    {"copy", NULL, SQLWORD_COPY},          {"create", "database", SQLWORD_ALONE},
    {"create", "index", SQLWORD_ALONE},    {"create", "unique", SQLWORD_ALONE},
    {"deallocate", NULL, SQLWORD_DISCARD}, {"discard", NULL, SQLWORD_DISCARD},
    {"do", NULL, SQLWORD_ALONE},           {"drop", "database", SQLWORD_ALONE},
    {"drop", "index", SQLWORD_ALONE},      {"end", NULL, SQLWORD_COMMIT},
    {"listen", NULL, SQLWORD_LISTEN},      {"prepare", "transaction", SQLWORD_COMMIT},
    {"reindex", NULL, SQLWORD_ALONE},      {"release", NULL, SQLWORD_ROLLBACK},
    {"rollback", NULL, SQLWORD_ROLLBACK},  {"savepoint", NULL, SQLWORD_ROLLBACK},
    {"start", NULL, SQLWORD_BEGIN},        {"unlisten", NULL, SQLWORD_LISTEN},
    {"vacuum", NULL, SQLWORD_ALONE},       {"", NULL, SQLWORD_PLAIN},
};

#define NONE (sizeof(known) / sizeof(*known) - 1)

/* Of each letter, where in that the words that begin with it are. */
static const unsigned char known_from[26] = {0,    2,    3,  10,   15,   NONE, NONE, NONE, NONE,
                                             NONE, NONE, 16, NONE, NONE, NONE, 17,   NONE, 18,
                                             21,   NONE, 23, 24,   NONE, NONE, NONE, NONE};

static bool is_next(const char *at, const char *name)
{
    return is(next_word(&at), name);
}

/* Asked of each statement, and most are none of these: the word is not looked at then. */
enum sqlword sqlword_of(const char *sql)
{
    const char *at = skip_to_word(sql);
    char initial = lower(*at);
    struct word first;

    if (initial < 'a' || initial > 'z' || known_from[initial - 'a'] == NONE)
        return SQLWORD_PLAIN;
    first = next_word(&at);
    for (size_t i = known_from[initial - 'a']; known[i].first[0] == initial; i++)
        if (is(first, known[i].first) && (!known[i].second || is_next(at, known[i].second)))
            return known[i].is;
    return SQLWORD_PLAIN;
}

bool sqlword_pins(enum sqlword word)
{
    return word == SQLWORD_BEGIN || word == SQLWORD_COMMIT || word == SQLWORD_ROLLBACK ||
           word == SQLWORD_LISTEN;
}

bool sqlword_is_planned(const char *sql)
{
    static const char *const planned[] = {"select", "insert", "update", "delete",
                                          "with",   "values", "table",  "merge"};
    const char *at = skip_to_word(sql);
    struct word first;

    while (*at == '(')
        at = skip_to_word(at + 1);
    first = next_word(&at);
    for (size_t i = 0; i < sizeof(planned) / sizeof(*planned); i++)
        if (is(first, planned[i]))
            return true;
    return false;
}
