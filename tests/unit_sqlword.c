/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * unit_sqlword: what statements are told to be, and that nothing hides one.
 *
 * The counterpart of lib/sqlword.c; needs no server.
 */
#include "harness.h"

#include "sqlword.h"

#include <ctype.h>
#include <locale.h>
#include <stdio.h>

static const struct {
    const char *sql;
    enum sqlword is;
} cases[] = {
    {"", SQLWORD_PLAIN},
    {";", SQLWORD_PLAIN},
    {"select 1", SQLWORD_PLAIN},
    {"COPY t FROM STDIN", SQLWORD_COPY},
    {"copy(select 1) to stdout", SQLWORD_COPY},
    {"\t\r\n\v\f cOpY t to stdout", SQLWORD_COPY},
    {";;copy t to stdout", SQLWORD_COPY},
    {"-- select\ncopy t to stdout", SQLWORD_COPY},
    {"-- select\rcopy t to stdout", SQLWORD_COPY},
    {"--copy t to stdout", SQLWORD_PLAIN},
    {"/* a /* b */ c */copy t to stdout", SQLWORD_COPY},
    {"/* a /* b */ copy t to stdout", SQLWORD_PLAIN},
    {"/*/ */copy t to stdout", SQLWORD_COPY},
    {"/**/copy", SQLWORD_COPY},
    {"/* never closed", SQLWORD_PLAIN},
    {"/", SQLWORD_PLAIN},
    {"-", SQLWORD_PLAIN},
    {"copyright", SQLWORD_PLAIN},
    {"cop", SQLWORD_PLAIN},
    {"copy_t", SQLWORD_PLAIN},
    {"copy$", SQLWORD_PLAIN},
    {"copy\xc3\xa9", SQLWORD_PLAIN},
    {"\"copy\" t", SQLWORD_PLAIN},
    {"'copy'", SQLWORD_PLAIN},
    {"(copy t to stdout)", SQLWORD_PLAIN},
    {"select 'copy t to stdout'", SQLWORD_PLAIN},
    {"with x as (select 1) select 1", SQLWORD_PLAIN},
    {"BEGIN", SQLWORD_BEGIN},
    {"begin;", SQLWORD_BEGIN},
    {"Start Transaction", SQLWORD_BEGIN},
    {"commit", SQLWORD_COMMIT},
    {"END", SQLWORD_COMMIT},
    {"end work", SQLWORD_COMMIT},
    {"prepare transaction 'x'", SQLWORD_COMMIT},
    {"prepare /* c */ transaction 'x'", SQLWORD_COMMIT},
    {"prepare x as select 1", SQLWORD_PLAIN},
    {"rollback", SQLWORD_ROLLBACK},
    {"abort", SQLWORD_ROLLBACK},
    {"savepoint a", SQLWORD_ROLLBACK},
    {"release a", SQLWORD_ROLLBACK},
    {"listen x", SQLWORD_LISTEN},
    {"UNLISTEN *", SQLWORD_LISTEN},
    {"do $$begin end$$", SQLWORD_ALONE},
    {"do$$begin end$$", SQLWORD_PLAIN}, /* an identifier, as the server has it */
    {"call p()", SQLWORD_ALONE},
    {"vacuum", SQLWORD_ALONE},
    {"deallocate all", SQLWORD_DISCARD},
    {"DISCARD plans", SQLWORD_DISCARD},
    {"discards", SQLWORD_PLAIN},
    {"cluster t", SQLWORD_ALONE},
    {"reindex table t", SQLWORD_ALONE},
    {"alter table t add x int", SQLWORD_ALONE},
    {"create index on t (a)", SQLWORD_ALONE},
    {"create unique index on t (a)", SQLWORD_ALONE},
    {"create database x", SQLWORD_ALONE},
    {"drop -- which\n index i", SQLWORD_ALONE},
    {"drop database x", SQLWORD_ALONE},
    {"create table t()", SQLWORD_PLAIN},
    {"drop table t", SQLWORD_PLAIN},
    {"create", SQLWORD_PLAIN},
};

START_TEST(each_statement)
{
    ck_assert_msg(sqlword_of(cases[_i].sql) == cases[_i].is, "\"%s\" is told to be %d, not %d",
                  cases[_i].sql, sqlword_of(cases[_i].sql), cases[_i].is);
}
END_TEST

/* Keywords are folded as the server does it: ASCII only. In Turkish, i is no small I. */
static void check_upper_case(void)
{
    for (size_t n = 0; n < sizeof(cases) / sizeof(*cases); n++) {
        char *upper = strdup(cases[n].sql);

        for (char *c = upper; *c; c++)
            if (*c >= 'a' && *c <= 'z')
                *c = (char)(*c - 'a' + 'A');
        ck_assert_msg(sqlword_of(upper) == cases[n].is, "\"%s\" is told to be %d, not %d", upper,
                      sqlword_of(upper), cases[n].is);
        free(upper);
    }
}

START_TEST(upper_case)
{
    check_upper_case();
}
END_TEST

/* Made by localedef where it is not installed. */
static bool speak_turkish(void)
{
    char folder[] = "/tmp/evpg-locale.XXXXXX", command[200];
    bool found = setlocale(LC_ALL, "tr_TR.UTF-8");

    if (found || !mkdtemp(folder))
        return found;
    snprintf(command, sizeof(command), "localedef -i tr_TR -f UTF-8 %s/tr_TR.UTF-8 2>/dev/null",
             folder);
    found = system(command) == 0 && setenv("LOCPATH", folder, 1) == 0 &&
            setlocale(LC_ALL, "tr_TR.UTF-8");
    snprintf(command, sizeof(command), "rm -rf %s", folder);
    ck_assert_int_eq(system(command), 0);
    return found;
}

START_TEST(upper_case_in_turkish)
{
    if (!speak_turkish())
        return;
    ck_assert_int_ne(tolower('I'), 'i');
    check_upper_case();
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("unit_sqlword");
    TCase *tcase = tcase_create("sqlword");

    tcase_add_loop_test(tcase, each_statement, 0, (int)(sizeof(cases) / sizeof(*cases)));
    tcase_add_test(tcase, upper_case);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, upper_case_in_turkish);
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void)
{
    return run_suite(make_suite(), false);
}
