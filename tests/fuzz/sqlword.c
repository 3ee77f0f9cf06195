/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sqlword: what lib/sqlword.c takes a statement for.
 *
 * An input is a statement. What it is does not depend on upper and lower case, nor on the blanks,
 * comments and semicolons before it, nor on what follows its end after a blank that is no word.
 */
#include "fuzz.h"

#include "sqlword.h"

#include <string.h>

const char fuzz_name[] = "sqlword";

static void check_same(const char *sql, const char *other)
{
    fuzz_require(sqlword_of(other) == sqlword_of(sql));
    fuzz_require(sqlword_is_planned(other) == sqlword_is_planned(sql));
}

static void check_case(const char *sql, char first, char last)
{
    char *other = fuzz_text(sql, strlen(sql));

    for (char *at = other; *at; at++)
        if (*at >= first && *at <= last)
            *at ^= 'a' ^ 'A';
    check_same(sql, other);
}

static void check_between(const char *before, const char *sql, const char *after)
{
    char *other = fuzz_room(strlen(before) + strlen(sql) + strlen(after) + 1);

    strcpy(other, before);
    strcat(other, sql);
    strcat(other, after);
    check_same(sql, other);
}

void fuzz_one(const unsigned char *bytes, size_t size)
{
    const char *sql = fuzz_text(bytes, size);

    check_case(sql, 'a', 'z');
    check_case(sql, 'A', 'Z');
    check_between(" ;\t\f\v\r\n", sql, " (");
    check_between("/* select /* begin */ */", sql, "\n;");
    check_between("-- copy\n", sql, " 'x'");
    if (sqlword_is_planned(sql))
        fuzz_require(sqlword_of(sql) == SQLWORD_PLAIN);
}
