/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * db_scalar: values of more types go there and come back as they were, in text and in binary
 * format.
 *
 * The counterpart of lib/params_scalar.c and lib/row_scalar.c against a real server. What a getter
 * gives is written as the server casts it to text, and compared with what the server itself says.
 */
#include "harness.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>

#define UUID "38a4ff5a-3a56-11e6-a6c2-c8f73323c6d4"

static const unsigned char uuid[16] = {0x38, 0xa4, 0xff, 0x5a, 0x3a, 0x56, 0x11, 0xe6,
                                       0xa6, 0xc2, 0xc8, 0xf7, 0x33, 0x23, 0xc6, 0xd4};

static void write_uuid(const unsigned char *bytes, char *text)
{
    for (int i = 0; i < 16; i++)
        text += sprintf(text, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", bytes[i]);
}

static void write_inet(const struct evpg_inet_address *address, char *text)
{
    ck_assert_ptr_nonnull(
        inet_ntop(address->family == 4 ? AF_INET : AF_INET6, address->address, text, 64));
    sprintf(text + strlen(text), "/%d", address->bits);
}

static void write_unsigned(const struct evpg_row *row, int column, char *text)
{
    uint32_t narrow;
    uint64_t wide;

    ck_assert_int_eq(evpg_row_uint64(row, column, &wide), 0);
    if (evpg_row_type(row, column) == 3220) {
        sprintf(text, "%X/%X", (unsigned)(wide >> 32), (unsigned)wide);
        return;
    }
    sprintf(text, "%llu", (unsigned long long)wide);
    ck_assert_int_eq(evpg_row_uint32(row, column, &narrow),
                     evpg_row_type(row, column) == 5069 ? -1 : 0);
    ck_assert(evpg_row_type(row, column) == 5069 || narrow == wide);
}

/* A value as its getter has it, in text[256] or elsewhere. */
static const char *read_value(const struct evpg_row *row, int column, char *text)
{
    int16_t small;
    float number;
    unsigned char bytes[16];
    struct evpg_inet_address address;

    switch (evpg_row_type(row, column)) { /* by pg_type.dat */
    case 21:
        ck_assert_int_eq(evpg_row_int16(row, column, &small), 0);
        sprintf(text, "%d", small);
        return text;
    case 26:
    case 28:
    case 29:
    case 3220:
    case 5069:
        write_unsigned(row, column, text);
        return text;
    case 700:
        ck_assert_int_eq(evpg_row_float(row, column, &number), 0);
        sprintf(text, "%.9g", number);
        return text;
    case 1700:
        return evpg_row_numeric(row, column);
    case 2950:
        ck_assert_int_eq(evpg_row_uuid(row, column, bytes), 0);
        write_uuid(bytes, text);
        return text;
    case 650:
    case 869:
        ck_assert_int_eq(evpg_row_inet(row, column, &address), 0);
        ck_assert_int_eq(address.is_cidr, evpg_row_type(row, column) == 650);
        write_inet(&address, text);
        return text;
    case 114:
    case 3802:
        return evpg_row_json(row, column);
    case 1560:
    case 1562:
        return evpg_row_bit(row, column);
    default:
        return evpg_row_text(row, column);
    }
}

/* Rows of a value and the server's text of it. */
static enum evpg_flow compare(const struct evpg_row *row, struct outcome *outcome)
{
    char text[256];

    (void)outcome;
    if (evpg_row_type(row, 0) == 700) /* the same number may be written otherwise */
        ck_assert(strtof(read_value(row, 0, text), NULL) == strtof(evpg_row_text(row, 1), NULL));
    else
        ck_assert_pstr_eq(read_value(row, 0, text), evpg_row_text(row, 1));
    return EVPG_NEXT;
}

static struct outcome *query_compared(const char *sql, const struct evpg_param *params, size_t n)
{
    struct outcome *outcome = new_outcome();

    outcome->on_row = compare;
    ck_assert_ptr_nonnull(submit(outcome, sql, params, n));
    return outcome;
}

/* What comes back of one, its type, and what the server says it is. */
static void check_there_and_back(struct evpg_param param, const char *type, const char *text)
{
    struct outcome *back =
        query_compared("select $1, $1::text, pg_typeof($1)::text", EVPG_PARAMS(param));

    await_all();
    ck_assert_outcome_ok(back);
    ck_assert_str_eq(cell(back, 0, 2), type);
    ck_assert_pstr_eq(cell(back, 0, 1), text);
}

START_TEST(there_and_back)
{
    begin(_i);
    check_there_and_back(evpg_int16(INT16_MIN), "smallint", "-32768"); /* TY01 */
    check_there_and_back(evpg_int16(INT16_MAX), "smallint", "32767");
    check_there_and_back(evpg_float(0.1f), "real", "0.1");
    check_there_and_back(evpg_oid(4294967295), "oid", "4294967295"); /* TY47 */
    check_there_and_back(evpg_typed(28, "4294967295"), "xid", "4294967295");
    check_there_and_back(evpg_typed(29, "7"), "cid", "7");
    check_there_and_back(evpg_typed(5069, "18446744073709551615"), "xid8", "18446744073709551615");
    check_there_and_back(evpg_typed(3220, "FFFFFFFF/FFFFFFFF"), "pg_lsn", "FFFFFFFF/FFFFFFFF");
    check_there_and_back(evpg_numeric("-1234.50"), "numeric", "-1234.50");
    check_there_and_back(evpg_numeric("1.5e3"), "numeric", "1500");
    check_there_and_back(evpg_numeric("NaN"), "numeric", "NaN");
    check_there_and_back(evpg_uuid(uuid), "uuid", UUID); /* TY29 */
    check_there_and_back(evpg_json("{\"a\":[1,2],  \"a\":0}"), "json",
                         "{\"a\":[1,2],  \"a\":0}"); /* TY30 */
    check_there_and_back(evpg_jsonb("{\"a\":[1,2],  \"a\":0}"), "jsonb", "{\"a\": 0}");
    check_there_and_back(evpg_inet("127.0.0.1"), "inet", "127.0.0.1/32"); /* TY45 */
    check_there_and_back(evpg_inet("10.0.0.1/30"), "inet", "10.0.0.1/30");
    check_there_and_back(evpg_inet("::1"), "inet", "::1/128");
    check_there_and_back(evpg_cidr("127.0.0.0/8"), "cidr", "127.0.0.0/8");
    check_there_and_back(evpg_bit(""), "bit varying", ""); /* TY46 */
    check_there_and_back(evpg_bit("000000001"), "bit varying", "000000001");
    check_there_and_back(evpg_name("a name"), "name", "a name");
    end();
}
END_TEST

START_TEST(nulls_have_a_type)
{
    begin(_i);
    check_there_and_back(evpg_numeric(NULL), "numeric", NULL);
    check_there_and_back(evpg_json(NULL), "json", NULL);
    check_there_and_back(evpg_jsonb(NULL), "jsonb", NULL);
    check_there_and_back(evpg_bit(NULL), "bit varying", NULL);
    check_there_and_back(evpg_name(NULL), "name", NULL);
    for (int i = 0; i < 4; i++) {
        const struct evpg_param nulls[] = {evpg_uuid(NULL), evpg_inet(NULL), evpg_cidr(NULL),
                                           evpg_typed(790, NULL)};
        static const char *const types[] = {"uuid", "inet", "cidr", "money"};
        struct outcome *back = query("select $1, pg_typeof($1)::text", &nulls[i], 1);

        await_all();
        ck_assert_outcome_ok(back);
        ck_assert_ptr_null(cell(back, 0, 0));
        ck_assert_str_eq(cell(back, 0, 1), types[i]);
    }
    end();
}
END_TEST

/* Whether a numeric in binary format has all its digits; TY06 and TY07. */
START_TEST(ty06_ty07_numerics)
{
    char *has_infinity =
        admin("select 1 where current_setting('server_version_num')::int >= 140000");
    struct outcome *back;

    begin(_i);
    back = query_compared(
        "select v, v::text from unnest('{0, 0.00, 1.00000, 10000, 0.0001, -3123.2311100000, 1e1000,"
        "1e-1000, NaN, 1e131071, 9999, 99990000, -0.00009, 0.5, 1e-16383}'::numeric[]) v "
        "union all select v, v::text from (select (repeat('1', 118) || '.' || repeat('0', 160) ||"
        "'1')::numeric as v) w",
        EVPG_NO_PARAMS);
    await_all();
    ck_assert_outcome_ok(back);
    ck_assert_int_eq(back->n_rows, 16);
    ck_assert_str_eq(cell(back, 2, 1), "1.00000");
    if (has_infinity) {
        back = query_compared("select v, v::text from unnest('{Infinity, -Infinity}'::numeric[]) v",
                              EVPG_NO_PARAMS);
        await_all();
        ck_assert_outcome_ok(back);
        ck_assert_int_eq(back->n_rows, 2);
    }
    free(has_infinity);
    end();
}
END_TEST

static const struct {
    const char *sql, *hex;
} bytes[] = {
    {"(-32768)::int2", "8000"}, /* TY01 */
    {"32767::int2", "7fff"},
    {"'-9223372036854775808'::int8", "8000000000000000"}, /* TY02 */
    {"9223372036854775807::int8", "7fffffffffffffff"},
    {"0::numeric", "0000000000000000"}, /* TY06 */
    {"0.00::numeric", "0000000000000002"},
    {"1.00000::numeric", "00010000000000050001"},
    {"10000::numeric", "00010001000000000001"},
    {"0.0001::numeric", "0001ffff000000040001"},
    {"-3123.2311100000::numeric", "000300004000000a0c33090703e8"},
    {"'a'::\"char\"", "61"}, /* TY17 */
    {"''::\"char\"", "00"},
    {"'" UUID "'::uuid", "38a4ff5a3a5611e6a6c2c8f73323c6d4"},   /* TY29 */
    {"'{\"a\":[1,2],  \"a\":0}'::jsonb", "017b2261223a20307d"}, /* TY30 */
    {"'127.0.0.1'::inet", "022000047f000001"},                  /* TY45 */
    {"'10.0.0.1/30'::inet", "021e00040a000001"},
    {"'::1'::inet", "0380001000000000000000000000000000000001"},
    {"'127.0.0.0/8'::cidr", "020801047f000000"},
    {"B''::varbit", "00000000"}, /* TY46 */
    {"B'000000001'::varbit", "000000090080"},
    {"4294967295::oid", "ffffffff"}, /* TY47 */
    {"'18446744073709551615'::xid8", "ffffffffffffffff"},
    {"'FFFFFFFF/FFFFFFFF'::pg_lsn", "ffffffffffffffff"},
    {"'(4294967295,65535)'::tid", "ffffffffffff"},
};

static enum evpg_flow check_hex(const struct evpg_row *row, struct outcome *outcome)
{
    size_t length;
    const unsigned char *at = evpg_row_bytes(row, 0, &length);
    char hex[64] = "";

    for (size_t i = 0; i < length; i++)
        sprintf(hex + 2 * i, "%02x", at[i]);
    ck_assert_str_eq(hex, bytes[outcome->number].hex);
    return EVPG_NEXT;
}

/* What the unit tests take for the server's bytes is. */
START_TEST(exact_bytes)
{
    begin(BINARY);
    for (size_t i = 0; i < sizeof(bytes) / sizeof(*bytes); i++) {
        struct outcome *outcome = new_outcome();
        char sql[200];

        snprintf(sql, sizeof(sql), "select %s", bytes[i].sql);
        outcome->number = (int)i;
        outcome->on_row = check_hex;
        ck_assert_ptr_nonnull(submit(outcome, sql, EVPG_NO_PARAMS));
    }
    await_all();
    check_all_succeeded();
    end();
}
END_TEST

static enum evpg_flow check_amounts(const struct evpg_row *row, struct outcome *outcome)
{
    int64_t value = 77;

    (void)outcome;
    ck_assert_int_eq(evpg_row_decimal(row, 0, 2, &value), 0);
    ck_assert_int_eq(value, 1230);
    ck_assert_int_eq(evpg_row_decimal(row, 0, 0, &value), -1);
    ck_assert_str_eq(evpg_error_message(evpg_row_error(row)),
                     "column 0 \"a\" (numeric): it has more digits after the point than are asked "
                     "for");
    ck_assert_int_eq(evpg_row_decimal(row, 1, 2, &value), 0);
    ck_assert_int_eq(value, INT64_MIN);
    ck_assert_int_eq(evpg_row_decimal(row, 1, 3, &value), -1);
    ck_assert_str_eq(evpg_error_message(evpg_row_error(row)),
                     "column 1 \"b\" (numeric): out of range for 64 bits");
    ck_assert_int_eq(evpg_row_decimal(row, 2, 2, &value), -1);
    ck_assert_str_eq(evpg_error_message(evpg_row_error(row)),
                     "column 2 \"c\" (numeric): not a finite number");
    ck_assert_int_eq(value, INT64_MIN);
    return EVPG_NEXT;
}

START_TEST(amounts)
{
    struct outcome *outcome;

    begin(_i);
    outcome = new_outcome();
    outcome->on_row = check_amounts;
    ck_assert_ptr_nonnull(submit(outcome,
                                 "select 12.3::numeric(20,4) as a, -92233720368547758.08 as b, "
                                 "'NaN'::numeric as c",
                                 EVPG_NO_PARAMS));
    await_all();
    ck_assert_outcome_ok(outcome);
    end();
}
END_TEST

START_TEST(types_of_ones_own)
{
    struct outcome *mood, *typed, *bits, *long_bits, *both, *name;

    begin(_i);
    query("create type pg_temp.mood as enum ('sad', 'happy')", EVPG_NO_PARAMS);
    mood = query("select 'pg_temp.mood'::regtype::oid::int8", EVPG_NO_PARAMS);
    query("create temp table t(five bit(5))", EVPG_NO_PARAMS);
    await_all();
    typed = query("select ($1 > 'sad')::text, $2::text, $3::text",
                  EVPG_PARAMS(evpg_typed((uint32_t)atoll(cell(mood, 0, 0)), "happy"),
                              evpg_typed(829, "08:00:2b:01:02:03"), evpg_typed(1700, "1.50")));
    bits = query("insert into t values ($1) returning five::text", EVPG_PARAMS(evpg_bit("10101")));
    long_bits = query("insert into t values ($1)", EVPG_PARAMS(evpg_bit("101010")));
    both = query("select ($1 & B'011')::text", EVPG_PARAMS(evpg_bit("110")));
    name = query("select count(*)::text from pg_class where relname = $1",
                 EVPG_PARAMS(evpg_name("pg_class")));
    await_all();
    ck_assert_outcome_ok(typed);
    ck_assert_str_eq(cell(typed, 0, 0), "true");
    ck_assert_str_eq(cell(typed, 0, 1), "08:00:2b:01:02:03");
    ck_assert_str_eq(cell(typed, 0, 2), "1.50");
    ck_assert_str_eq(cell(bits, 0, 0), "10101");
    ck_assert_outcome_sqlstate(long_bits, "22026");
    ck_assert_str_eq(cell(both, 0, 0), "010");
    ck_assert_str_eq(cell(name, 0, 0), "1");
    end();
}
END_TEST

START_TEST(bad_input)
{
    struct outcome *bad[6], *next;

    begin(_i);
    bad[0] = query("select $1", EVPG_PARAMS(evpg_inet("nowhere")));
    bad[1] = query("select $1", EVPG_PARAMS(evpg_cidr("10.0.0.1/8")));
    bad[2] = query("select $1", EVPG_PARAMS(evpg_json("{")));
    bad[3] = query("select $1", EVPG_PARAMS(evpg_jsonb("")));
    bad[4] = query("select $1", EVPG_PARAMS(evpg_typed(2950, "1234")));
    bad[5] = query("select $1", EVPG_PARAMS(evpg_numeric("1e200000")));
    next = query("select $1::text", EVPG_PARAMS(evpg_inet("::1")));
    await_all();
    for (int i = 0; i < 5; i++)
        ck_assert_outcome_sqlstate(bad[i], "22P02");
    ck_assert_outcome_sqlstate(bad[5], "22003");
    ck_assert_str_eq(cell(next, 0, 0), "::1/128");
    end();
}
END_TEST

START_TEST(refused_before_sending)
{
    struct outcome *next;

    begin(_i);
    errno = 0;
    ck_assert_ptr_null(evpg_query(
        db, "select $1, $2", EVPG_PARAMS(evpg_int32(1), evpg_numeric("1,5")), NULL, NULL, NULL));
    ck_assert_int_eq(errno, EINVAL);
    ck_assert_ptr_nonnull(strstr(last_log(), "parameter $2: not a decimal number"));
    next = query("select $1::text", EVPG_PARAMS(evpg_numeric("1.5")));
    await_all();
    ck_assert_str_eq(cell(next, 0, 0), "1.5");
    end();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("db_scalar");
    TCase *small = tcase_create("small");
    TCase *large = tcase_create("large");

    tcase_set_timeout(small, 30);
    tcase_set_timeout(large, 120);
    tcase_add_loop_test(small, there_and_back, 0, N_MODES);
    tcase_add_loop_test(small, nulls_have_a_type, 0, N_MODES);
    tcase_add_loop_test(large, ty06_ty07_numerics, 0, N_LARGE_MODES);
    tcase_add_test(small, exact_bytes);
    tcase_add_loop_test(small, amounts, 0, N_MODES);
    tcase_add_loop_test(small, types_of_ones_own, 0, N_MODES);
    tcase_add_loop_test(small, bad_input, 0, N_MODES);
    tcase_add_loop_test(small, refused_before_sending, 0, N_MODES);
    suite_add_tcase(suite, small);
    suite_add_tcase(suite, large);
    return run_suite(suite, true);
}
