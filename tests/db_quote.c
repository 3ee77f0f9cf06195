/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * db_quote: text and names as parts of SQL, in every client encoding that PostgreSQL has, and with
 * and without backslashes that escape.
 *
 * Tried on every character that has, in that encoding, a byte which means something in SQL: the
 * server makes them, in pieces, and tells what it has read.
 */
#include "harness.h"

#include <errno.h>
#include <event2/buffer.h>
#include <stdio.h>

/* The first ones cannot be a server's, because of such bytes within their characters. */
static const char *const encodings[] = {"SJIS",   "SHIFT_JIS_2004", "BIG5",   "GBK",
                                        "UHC",    "GB18030",        "JOHAB",  "UTF8",
                                        "EUC_JP", "SQL_ASCII",      "LATIN1", "WIN1252"};

enum { N_CLIENT_ONLY = 7 };
enum { N_ENCODINGS = sizeof(encodings) / sizeof(*encodings), MOST_PIECES = 20000 };

/* Pieces of up to 15 characters, as hex, so that a name of 63 bytes holds one; of those that the
 * server reads again, which for JOHAB are not all that it writes. */
static const char make_pieces[] =
    "create function pg_temp.pieces(encoding text, most int) returns setof text language plpgsql "
    "as $f$"
    " declare piece bytea = ''; c bytea; n int = 0; begin"
    " for i in 1 .. most loop continue when i between 55296 and 57343; begin"
    " c = convert_to(chr(i), encoding); perform convert_from(c, encoding);"
    " if position('\\x5c'::bytea in c) + position('\\x27'::bytea in c) + position('\\x22'::bytea "
    "in c)"
    " + position('\\x24'::bytea in c) + position('\\x71'::bytea in c) > 0 then"
    " piece = piece || c; n = n + 1; end if;"
    " if n = 15 then return next encode(piece, 'hex'); piece = ''; n = 0; end if;"
    " exception when others then null; end; end loop;"
    " return next encode(piece, 'hex'); end $f$";

static struct evbuffer *out;

/* What is in the buffer, as SQL; valid until the next call. */
static const char *sql(void)
{
    evbuffer_add(out, "", 1);
    return (const char *)evbuffer_pullup(out, -1);
}

static void unhex(const char *hex, char *text)
{
    unsigned byte;

    for (; sscanf(hex, "%2x", &byte) == 1; hex += 2)
        *text++ = (char)byte;
    *text = '\0';
}

static void start(void)
{
    evbuffer_free(out);
    out = evbuffer_new();
}

/* Unprepared: one that is prepared was read when it was. */
static struct outcome *ask(void)
{
    struct outcome *outcome = query(sql(), EVPG_NO_PARAMS);

    evpg_request_set_flags(outcome->request, EVPG_UNPREPARED);
    return outcome;
}

static struct outcome *ask_literal(const char *text, const char *encoding)
{
    start();
    evbuffer_add_printf(out, "select encode(convert_to(");
    ck_assert_int_eq(evpg_quote_literal(out, text), 0);
    evbuffer_add_printf(out, "::text, '%s'), 'hex')", encoding);
    return ask();
}

static struct outcome *ask_name(const char *text)
{
    start();
    evbuffer_add_printf(out, "select 1 as");
    ck_assert_int_eq(evpg_quote_ident(out, text), 0);
    return ask();
}

/* Each way round that a backslash can be taken; 0: it escapes. */
static void try_pieces(const struct outcome *pieces, const char *encoding, bool conforming)
{
    static struct outcome *literal[MOST_PIECES], *name[MOST_PIECES];
    char text[200];

    ck_assert_int_le(pieces->n_rows, MOST_PIECES);
    query(conforming ? "set standard_conforming_strings = on"
                     : "set standard_conforming_strings = off",
          EVPG_NO_PARAMS);
    for (int i = 0; i < pieces->n_rows; i++) {
        unhex(cell(pieces, i, 0), text);
        literal[i] = ask_literal(text, encoding);
        name[i] = *text && strlen(text) < 64 ? ask_name(text) : NULL;
    }
    await_all();
    for (int i = 0; i < pieces->n_rows; i++) {
        unhex(cell(pieces, i, 0), text);
        ck_assert_outcome_ok(literal[i]);
        ck_assert_str_eq(cell(literal[i], 0, 0), cell(pieces, i, 0));
        if (!name[i])
            continue;
        ck_assert_outcome_ok(name[i]);
        ck_assert_str_eq(name[i]->column_name[0], text);
    }
}

START_TEST(in_each_encoding)
{
    const char *encoding = encodings[_i];
    struct outcome *pieces;
    char setting[64];

    begin(ALONE);
    out = evbuffer_new();
    query(make_pieces, EVPG_NO_PARAMS);
    query("set escape_string_warning = off", EVPG_NO_PARAMS);
    pieces = query("select * from pg_temp.pieces($1, $2)",
                   EVPG_PARAMS(evpg_text(strcmp(encoding, "SQL_ASCII") == 0 ? "UTF8" : encoding),
                               evpg_int32(_i < N_CLIENT_ONLY ? 65535 : 1000)));
    snprintf(setting, sizeof(setting), "set client_encoding = '%s'", encoding);
    query(setting, EVPG_NO_PARAMS);
    await_all();
    ck_assert_outcome_ok(pieces);
    ck_assert_int_ge(pieces->n_rows, 1);
    encoding = strcmp(encoding, "SQL_ASCII") == 0 ? "UTF8" : encoding;
    try_pieces(pieces, encoding, true);
    try_pieces(pieces, encoding, false);
    evbuffer_free(out);
    end();
}
END_TEST

/* What somebody would try. */
START_TEST(hard_ones)
{
    static const char *const texts[] = {"",
                                        "'",
                                        "''",
                                        "\\",
                                        "\\'",
                                        "'\\",
                                        "$",
                                        "$$",
                                        "$q$",
                                        "\\$q$",
                                        "\\$q",
                                        "\\$qq$",
                                        "\\$qq",
                                        "\\$qqq",
                                        "$q\\",
                                        "\\q$qq$q",
                                        "a'b\\'c",
                                        "\\\\",
                                        "\n\\n",
                                        "\\$",
                                        "it's",
                                        "\\x27",
                                        "E'\\''",
                                        "U&'\\00'",
                                        "--",
                                        "/*\\*/",
                                        "';select 1;--",
                                        "\\';--",
                                        "\\$qq$;--",
                                        "\"",
                                        "\"\"",
                                        "a\"b\\\"c",
                                        "\\$q\xc3\xa9$",
                                        "\\\xc3\xa9$",
                                        "$1",
                                        "\\ $q1$",
                                        "NULL",
                                        "?",
                                        "%s\\%s"};
    enum { N = sizeof(texts) / sizeof(*texts) };
    struct outcome *literal[N], *glued[N];

    begin(_i);
    out = evbuffer_new();
    for (int i = 0; i < N; i++) {
        start();
        evbuffer_add_printf(out, "select ");
        ck_assert_int_eq(evpg_quote_literal(out, texts[i]), 0);
        literal[i] = query(sql(), EVPG_NO_PARAMS);
        start();
        evbuffer_add_printf(out, "select(x||");
        evpg_quote_literal(out, texts[i]);
        evbuffer_add_printf(out, "||x)from(values(");
        evpg_quote_literal(out, texts[i]);
        evbuffer_add_printf(out, "))as x(x)where");
        evpg_quote_literal(out, texts[i]);
        evbuffer_add_printf(out, "=x");
        glued[i] = query(sql(), EVPG_NO_PARAMS);
    }
    await_all();
    for (int i = 0; i < N; i++) {
        char thrice[100];

        ck_assert_outcome_ok(literal[i]);
        ck_assert_str_eq(cell(literal[i], 0, 0), texts[i]);
        snprintf(thrice, sizeof(thrice), "%s%s%s", texts[i], texts[i], texts[i]);
        ck_assert_outcome_ok(glued[i]);
        ck_assert_str_eq(cell(glued[i], 0, 0), thrice);
    }
    evbuffer_free(out);
    end();
}
END_TEST

/* A character that is not whole, before what ends the text. */
START_TEST(half_a_character)
{
    static const char *const halves[] = {"\x81", "\xe9\\\x81", "\xa1\\"};

    begin(ALONE);
    out = evbuffer_new();
    for (int e = 0; e < N_CLIENT_ONLY; e++)
        for (int i = 0; i < 3; i++) {
            char setting[64];
            struct outcome *literal;

            snprintf(setting, sizeof(setting), "set client_encoding = '%s'", encodings[e]);
            query(setting, EVPG_NO_PARAMS);
            literal = ask_literal(halves[i], "UTF8");
            await_all();
            ck_assert(!literal->error ||
                      strcmp(evpg_error_sqlstate(literal->error), "22021") == 0 ||
                      strcmp(evpg_error_sqlstate(literal->error), "22P05") == 0);
        }
    evbuffer_free(out);
    end();
}
END_TEST

START_TEST(refused)
{
    out = evbuffer_new();
    errno = 0;
    ck_assert_int_eq(evpg_quote_literal(NULL, "x"), -1);
    ck_assert_int_eq(errno, EINVAL);
    ck_assert_int_eq(evpg_quote_ident(NULL, "x"), -1);
    ck_assert_int_eq(evpg_quote_ident(out, NULL), -1);
    ck_assert_int_eq(evpg_quote_ident(out, ""), -1);
    ck_assert_uint_eq(evbuffer_get_length(out), 0);
    ck_assert_int_eq(evpg_quote_literal(out, NULL), 0);
    ck_assert_str_eq(sql(), "NULL");
    evbuffer_free(out);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("db_quote");
    TCase *tcase = tcase_create("quote");

    tcase_set_timeout(tcase, 120);
    tcase_add_loop_test(tcase, in_each_encoding, 0, N_ENCODINGS);
    tcase_add_loop_test(tcase, hard_ones, 0, N_MODES);
    tcase_add_test(tcase, half_a_character);
    tcase_add_test(tcase, refused);
    suite_add_tcase(suite, tcase);
    return run_suite(suite, true);
}
