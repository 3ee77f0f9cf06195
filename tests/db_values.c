/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * db_values: what the server makes of single values, and says of those that it refuses: TY04, TY10,
 * TY13, TY15, TY16, TY18, TY19, TY31, TY48, TY50.
 *
 * Numbers are in db_scalar.c and db_params.c, dates and times in db_time.c, the rest in db_array.c.
 */
#include "harness.h"
#include "oracle.h"

#include <stdio.h>

START_TEST(ty04_bigint_out_of_range)
{
    struct outcome *outcome;

    begin(_i);
    outcome = query("select 9223372036854775807::int8 + 1", EVPG_NO_PARAMS);
    await_all();
    ck_assert_outcome_sqlstate(outcome, "22003");
    end();
}
END_TEST

static enum evpg_flow note_sum(const struct evpg_row *row, struct outcome *outcome)
{
    double sum = 0;

    (void)outcome;
    ck_assert_int_eq(evpg_row_double(row, 0, &sum), 0);
    outcome->number = sum == 0.3 ? 1 : sum == 0.1 + 0.2 ? 2 : 3;
    return EVPG_NEXT;
}

/* As text what the server has written, rounded; in binary format all of it. */
START_TEST(ty10_extra_float_digits)
{
    struct outcome *sum = NULL;

    begin(_i);
    query("set extra_float_digits = 0", EVPG_NO_PARAMS);
    sum = new_outcome();
    sum->on_row = note_sum;
    ck_assert_ptr_nonnull(submit(sum, "select 0.1::float8 + 0.2::float8", EVPG_NO_PARAMS));
    await_all();
    ck_assert_outcome_ok(sum);
    ck_assert_int_eq(sum->number, _i == BINARY ? 2 : 1);
    end();
}
END_TEST

static char megabyte[1 << 20];

static enum evpg_flow check_megabyte(const struct evpg_row *row, struct outcome *outcome)
{
    size_t length;

    (void)outcome;
    ck_assert_mem_eq(evpg_row_bytes(row, 0, &length), megabyte, sizeof(megabyte));
    ck_assert_uint_eq(length, sizeof(megabyte));
    return EVPG_NEXT;
}

START_TEST(ty13_a_megabyte_of_bytes)
{
    struct outcome *bytes = NULL;

    for (size_t i = 0; i < sizeof(megabyte); i++)
        megabyte[i] = (char)(i * 7 + i / 256);
    begin(_i);
    bytes = new_outcome();
    bytes->on_row = check_megabyte;
    bytes->discard = true;
    ck_assert_ptr_nonnull(
        submit(bytes, "select $1::bytea", EVPG_PARAMS(evpg_bytes(megabyte, sizeof(megabyte)))));
    await_all();
    ck_assert_outcome_ok(bytes);
    ck_assert_int_eq(bytes->n_rows, 1);
    end();
}
END_TEST

/* Lengths are in bytes. */
START_TEST(ty15_text)
{
    static const char *const texts[] = {"", "\xc3\xa9", "\xf0\x9f\x91\x8d\xf0\x9f\x8f\xbd",
                                        "\xef\xbf\xbf"};
    struct outcome *outcome;

    begin(_i);
    outcome = query("select $1::text, $2::text, $3::text, $4::text, octet_length($3)::text",
                    EVPG_PARAMS(evpg_text(texts[0]), evpg_text(texts[1]), evpg_text(texts[2]),
                                evpg_text(texts[3])));
    await_all();
    ck_assert_outcome_ok(outcome);
    for (int i = 0; i < 4; i++)
        ck_assert_str_eq(cell(outcome, 0, i), texts[i]);
    ck_assert_str_eq(cell(outcome, 0, 4), "8");
    end();
}
END_TEST

START_TEST(ty16_what_an_encoding_lacks)
{
    struct outcome *euro, *letter;

    begin(_i);
    query("set client_encoding = 'LATIN1'", EVPG_NO_PARAMS);
    euro = query("select chr(8364)", EVPG_NO_PARAMS);
    letter = query("select chr(233)", EVPG_NO_PARAMS);
    await_all();
    ck_assert_outcome_sqlstate(euro, "22P05");
    ck_assert_outcome_ok(letter);
    ck_assert_str_eq(cell(letter, 0, 0), "\xe9");
    end();
}
END_TEST

START_TEST(ty18_ty19_char_and_name)
{
    char name[71], cut[64];
    struct outcome *outcome;

    memset(name, 'x', 70);
    name[70] = '\0';
    memcpy(cut, name, 63);
    cut[63] = '\0';
    begin(_i);
    outcome = query("select 'a'::char(5), $1::text::name, $2::name",
                    EVPG_PARAMS(evpg_text(name), evpg_name(cut)));
    await_all();
    ck_assert_outcome_ok(outcome);
    ck_assert_str_eq(cell(outcome, 0, 0), "a    ");
    ck_assert_str_eq(cell(outcome, 0, 1), cut);
    ck_assert_str_eq(cell(outcome, 0, 2), cut);
    end();
}
END_TEST

START_TEST(ty31_jsonb)
{
    struct outcome *nul, *half, *whole, *no_json;

    begin(_i);
    nul = query("select $1", EVPG_PARAMS(evpg_jsonb("\"\\u0000\"")));
    half = query("select $1", EVPG_PARAMS(evpg_jsonb("\"\\ud83d\"")));
    whole = query("select $1 ->> 'k', $2", EVPG_PARAMS(evpg_jsonb("{\"k\":\"\\ud83d\\ude00\"}"),
                                                       evpg_json("{\"a\":[1,2],  \"a\":0}")));
    no_json = query("select $1", EVPG_PARAMS(evpg_json("{")));
    await_all();
    ck_assert_outcome_sqlstate(nul, "22P05");
    ck_assert_outcome_sqlstate(half, "22P02");
    ck_assert_outcome_ok(whole);
    ck_assert_str_eq(cell(whole, 0, 0), "\xf0\x9f\x98\x80");
    ck_assert_str_eq(cell(whole, 0, 1), "{\"a\":[1,2],  \"a\":0}");
    ck_assert_outcome_sqlstate(no_json, "22P02");
    end();
}
END_TEST

static enum evpg_flow check_money(const struct evpg_row *row, struct outcome *outcome)
{
    static const char least[] = {(char)0x80, 0, 0, 0, 0, 0, 0, 0};
    const void *bytes;
    size_t length;
    int64_t number;

    (void)outcome;
    bytes = evpg_row_bytes(row, 0, &length);
    ck_assert_uint_eq(evpg_row_type(row, 0), 790);
    if (length == 8)
        ck_assert_mem_eq(bytes, least, 8);
    else
        ck_assert_str_eq(evpg_row_text(row, 0), "-$92,233,720,368,547,758.08");
    ck_assert_int_eq(evpg_row_int64(row, 0, &number), -1);
    return EVPG_NEXT;
}

/* Text by lc_monetary; by way of numeric it is a number. */
START_TEST(ty48_money)
{
    struct outcome *money = NULL, *amount;

    begin(_i);
    query("set lc_monetary = 'C'", EVPG_NO_PARAMS);
    money = new_outcome();
    money->on_row = check_money;
    ck_assert_ptr_nonnull(submit(money, "select '-92233720368547758.08'::money", EVPG_NO_PARAMS));
    amount = query("select $1::numeric", EVPG_PARAMS(evpg_typed(790, "12.34")));
    await_all();
    ck_assert_outcome_ok(money);
    ck_assert_int_eq(money->n_rows, 1);
    ck_assert_outcome_ok(amount);
    ck_assert_str_eq(cell(amount, 0, 0), "12.34");
    end();
}
END_TEST

START_TEST(ty50_a_domain)
{
    struct outcome *refused, *taken;

    begin(_i);
    query(
        "create domain pg_temp.sid as bytea constraint sid_check check (octet_length(value) = 16)",
        EVPG_NO_PARAMS);
    refused = query("select $1::pg_temp.sid", EVPG_PARAMS(evpg_bytes("", 1)));
    taken = query("select $1::pg_temp.sid", EVPG_PARAMS(evpg_bytes("0123456789abcdef", 16)));
    await_all();
    ck_assert_outcome_sqlstate(refused, "23514");
    ck_assert_str_eq(evpg_error_field(refused->error, EVPG_FIELD_CONSTRAINT), "sid_check");
    ck_assert_str_eq(evpg_error_field(refused->error, EVPG_FIELD_DATATYPE), "sid");
    ck_assert_outcome_ok(taken);
    ck_assert_str_eq(cell(taken, 0, 0), "\\x30313233343536373839616263646566");
    end();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("db_values");
    TCase *tcase = tcase_create("values");

    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, ty04_bigint_out_of_range, 0, N_MODES);
    tcase_add_loop_test(tcase, ty10_extra_float_digits, 0, N_MODES);
    tcase_add_loop_test(tcase, ty13_a_megabyte_of_bytes, 0, N_LARGE_MODES);
    tcase_add_loop_test(tcase, ty15_text, 0, N_MODES);
    tcase_add_loop_test(tcase, ty16_what_an_encoding_lacks, 0, N_MODES);
    tcase_add_loop_test(tcase, ty18_ty19_char_and_name, 0, N_MODES);
    tcase_add_loop_test(tcase, ty31_jsonb, 0, N_MODES);
    tcase_add_loop_test(tcase, ty48_money, 0, N_MODES);
    tcase_add_loop_test(tcase, ty50_a_domain, 0, N_MODES);
    suite_add_tcase(suite, tcase);
    return run_suite(suite, true);
}
