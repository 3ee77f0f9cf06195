/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * db_mixed: dates, times, intervals and uuids beside text in one composite or array, all of which
 * then goes as text: they mean what they mean by themselves, whatever the session's settings are.
 */
#include "harness.h"

#include <stdio.h>

static const char make_type[] =
    "create type pg_temp.mixed as (t text, d date, c time, z timetz, s timestamp, m timestamptz,"
    " i interval, u uuid)";

/* As it came, and as the server puts it together. */
static const char compare[] =
    "select ($1::pg_temp.mixed)::text, row($2, $3, $4, $5, $6, $7, $8, $9)::pg_temp.mixed::text";

static const char *const settings[] = {
    "set datestyle = 'ISO, DMY'",      "set datestyle = 'SQL, DMY'",
    "set datestyle = 'SQL, MDY'",      "set datestyle = 'German'",
    "set datestyle = 'Postgres, YMD'", "set intervalstyle = 'sql_standard'",
    "set intervalstyle = 'iso_8601'",  "set intervalstyle = 'postgres_verbose'",
    "set timezone = 'Asia/Kathmandu'", "set timezone = 'America/St_Johns'"};

enum { N_SETTINGS = sizeof(settings) / sizeof(*settings), N_VALUES = 200 };

static const int32_t dates[] = {0,         -1,        59,      60,       2921939,
                                2921940,   -730485,   -730120, -2451545, 2145031948,
                                INT32_MAX, INT32_MIN, 9000};
static const int64_t moments[] = {0,
                                  -1,
                                  1,
                                  999999,
                                  INT64_C(9223371331199999999),
                                  INT64_C(-211813488000000000),
                                  INT64_MAX,
                                  INT64_MIN,
                                  INT64_C(-63113904000000000),
                                  INT64_C(817776000123456)};
static const struct evpg_interval intervals[] = {
    {0, 0, 0},   {1, 0, 0},           {-1, 0, 0},
    {0, -1, 0},  {0, 0, -1},          {-3600000000, 1, -14},
    {1, -2, 3},  {86400000000, 0, 1}, {INT64_C(7730000000000000), 100, -1200},
    {-1, -2, 3}, {-500000, 0, -25}};

#define ANY(values) values[rand() % (int)(sizeof(values) / sizeof(*(values)))]

static void fill(struct evpg_param fields[8])
{
    unsigned char uuid[16];

    for (int i = 0; i < 16; i++)
        uuid[i] = (unsigned char)rand();
    fields[0] = evpg_text("a \"text\", with (everything)");
    fields[1] = evpg_date(ANY(dates));
    fields[2] = evpg_time(rand() % 20 ? rand() * INT64_C(40) : 86400000000);
    fields[3] =
        evpg_timetz_param((struct evpg_timetz){rand() * INT64_C(40), rand() % 115199 - 57599});
    fields[4] = evpg_timestamp(ANY(moments));
    fields[5] = evpg_timestamptz(ANY(moments));
    fields[6] = evpg_interval_param(ANY(intervals));
    fields[7] = evpg_uuid(uuid);
    for (int i = 1; i < 8; i++)
        if (rand() % 10 == 0)
            fields[i] = evpg_null();
}

static struct outcome *ask(void)
{
    struct evpg_param fields[8], params[9];
    const struct evpg_composite_value mixed = {.fields = fields, .n_fields = 8};

    fill(fields);
    params[0] = evpg_composite(&mixed);
    memcpy(params + 1, fields, sizeof(fields));
    return query(compare, params, 9);
}

START_TEST(in_a_composite)
{
    static struct outcome *outcomes[N_SETTINGS][N_VALUES];

    begin(ALONE);
    srand(_i + 1);
    query(make_type, EVPG_NO_PARAMS);
    for (int s = 0; s < N_SETTINGS; s++) {
        query(settings[s], EVPG_NO_PARAMS);
        for (int i = 0; i < N_VALUES; i++)
            outcomes[s][i] = ask();
    }
    await_all();
    for (int s = 0; s < N_SETTINGS; s++)
        for (int i = 0; i < N_VALUES; i++) {
            ck_assert_outcome_ok(outcomes[s][i]);
            ck_assert_msg(strcmp(cell(outcomes[s][i], 0, 0), cell(outcomes[s][i], 0, 1)) == 0,
                          "seed %d, %s: %s is not %s", _i + 1, settings[s],
                          cell(outcomes[s][i], 0, 0), cell(outcomes[s][i], 0, 1));
        }
    end();
}
END_TEST

START_TEST(in_an_array)
{
    const struct evpg_param days[] = {evpg_text("2026-11-25"), evpg_date(0), evpg_null(),
                                      evpg_date(INT32_MIN)};
    const struct evpg_array_value array = {.element_type = 1082, .elements = days, .n_elements = 4};
    struct outcome *outcome;

    begin(_i);
    outcome = query("select $1::text", EVPG_PARAMS(evpg_array(&array)));
    await_all();
    ck_assert_outcome_ok(outcome);
    ck_assert_str_eq(cell(outcome, 0, 0), "{2026-11-25,2000-01-01,NULL,-infinity}");
    end();
}
END_TEST

/* The server refuses what it could not hold, as it does by itself. */
START_TEST(out_of_range)
{
    const struct evpg_param fields[] = {evpg_text("x"), evpg_date(-2451546)};
    const struct evpg_composite_value mixed = {.fields = fields, .n_fields = 2};
    struct outcome *outcome;

    begin(ALONE);
    query("create type pg_temp.dated as (t text, d date)", EVPG_NO_PARAMS);
    outcome = query("select $1::pg_temp.dated::text", EVPG_PARAMS(evpg_composite(&mixed)));
    await_all();
    ck_assert_outcome_sqlstate(outcome, "22007");
    ck_assert_ptr_nonnull(strstr(evpg_error_message(outcome->error), "out of range"));
    end();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("db_mixed");
    TCase *tcase = tcase_create("mixed");

    tcase_set_timeout(tcase, sized(30, 300));
    tcase_add_loop_test(tcase, in_a_composite, 0, sized(2, 20));
    tcase_add_loop_test(tcase, in_an_array, 0, N_MODES);
    tcase_add_test(tcase, out_of_range);
    suite_add_tcase(suite, tcase);
    return run_suite(suite, true);
}
