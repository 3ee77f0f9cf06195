/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * db_roundtrip: values by chance of each type go to a real server as parameters, and come back as
 * they were, in text and in binary format; and psql, which is given them as literals, says the same
 * of them as the server has said of the parameters.
 *
 * The types are the kinds of kinds.c. EVPG_TEST_SEED=n has other values, and each message of
 * failure names the seed. A round has some of each type; scripts/check --full has fifty rounds.
 */
#include "chance.h"
#include "harness.h"
#include "kinds.h"

#include <stdio.h>
#include <unistd.h>

/* Of each kind, and in a statement. */
enum { N_VALUES = 200, N_AT_ONCE = 40 };

static struct value **all; /* by the kinds' order */
static const struct kind *kind;
static struct value *values; /* of that kind */
static int n_seen;
static bool binary;

static void choose(size_t i)
{
    kind = kinds[i];
    values = all[i];
}

/* Which value of which kind has failed, and how it can be had again. */
#define check_value(condition, i, how, ...)                                                        \
    ck_assert_msg(condition, "EVPG_TEST_SEED=%lu, %s no. %d, '%.200s', %s: " how, chance_seed(),   \
                  kind->type, i, values[i].null ? "(null)" : values[i].literal,                    \
                  binary ? "in binary" : "as text", __VA_ARGS__)

static char *copy(const char *text)
{
    return text ? strdup(text) : NULL;
}

static bool same_text(const char *one, const char *other)
{
    return one && other ? strcmp(one, other) == 0 : one == other;
}

/* The value and the server's text of it, which is the same in either format. */
static enum evpg_flow check_row(const struct evpg_row *row, struct outcome *outcome)
{
    int i = outcome->number + outcome->n_rows - 1;
    struct value *value = &values[i];
    const struct evpg_error *error;
    bool same = value_is(row, 0, value, kind);

    error = evpg_row_error(row);
    check_value(same, i, "the getter has another value; %s; text: %.200s",
                error ? evpg_error_message(error) : "no error",
                binary ? "-" : evpg_row_text_or(row, 0, "(null)"));
    check_value(!kind->oid || evpg_row_type(row, 0) == kind->oid, i, "the type is %u",
                evpg_row_type(row, 0));
    if (binary) {
        check_value(same_text(value->cast, evpg_row_text(row, 1)), i, "the server's text: %.200s",
                    evpg_row_text_or(row, 1, "(null)"));
        return EVPG_NEXT;
    }
    value->shown = copy(evpg_row_text(row, 0));
    value->cast = copy(evpg_row_text(row, 1));
    return EVPG_NEXT;
}

static void check_done(const struct evpg_result *result, struct outcome *outcome)
{
    const struct evpg_error *error = evpg_result_error(result);

    ck_assert_msg(!error, "EVPG_TEST_SEED=%lu, %s, from no. %d: %s", chance_seed(), kind->type,
                  outcome->number, error ? evpg_error_message(error) : "");
    n_seen += outcome->n_rows;
}

/* A parameter says itself of which type it is, unless that is left to the server. */
static bool needs_cast(void)
{
    return kind->parts || kind == &kind_bit;
}

static char *make_sql(void)
{
    char *sql;
    size_t size;
    FILE *to = open_memstream(&sql, &size);

    fputs("values ", to);
    for (int i = 1; i <= N_AT_ONCE; i++)
        fprintf(to, "%s($%d%s%s, $%d::%s::text)", i > 1 ? "," : "", i, needs_cast() ? "::" : "",
                needs_cast() ? kind->type : "", i, kind->type);
    fclose(to);
    return sql;
}

static void send_values(const char *sql, int first)
{
    struct outcome *outcome = new_outcome();
    struct evpg_param params[N_AT_ONCE];

    for (int i = 0; i < N_AT_ONCE; i++)
        params[i] = values[first + i].param;
    outcome->number = first;
    outcome->on_row = check_row;
    outcome->on_done = check_done;
    outcome->discard = true;
    ck_assert_msg(submit(outcome, sql, params, N_AT_ONCE) != NULL, "EVPG_TEST_SEED=%lu, %s: %s",
                  chance_seed(), kind->type, last_log());
    evpg_request_set_flags(outcome->request, binary ? EVPG_BINARY : 0);
}

static void send_all(bool in_binary)
{
    char *sql = make_sql();

    binary = in_binary;
    n_seen = 0;
    for (int first = 0; first < N_VALUES; first += N_AT_ONCE)
        send_values(sql, first);
    await_all();
    ck_assert_int_eq(n_seen, N_VALUES);
    free(sql);
}

/* --- psql */

static void write_literal(FILE *to, const struct value *value)
{
    if (value->null) {
        fprintf(to, "(null::%s)", kind->type);
        return;
    }
    fputs("('", to);
    for (const char *at = value->literal; *at; at++)
        fputs(*at == '\'' ? "''" : (char[]){*at, '\0'}, to);
    fprintf(to, "'::%s)", kind->type);
}

static void write_literals(FILE *to)
{
    for (int i = 0; i < N_VALUES; i++) {
        fputs(i % N_AT_ONCE == 0 ? "values " : ",", to);
        write_literal(to, &values[i]);
        fputs(i % N_AT_ONCE == N_AT_ONCE - 1 ? ";\n" : "", to);
    }
}

static void write_script(char *path)
{
    FILE *to = fdopen(mkstemp(path), "w");

    ck_assert_ptr_nonnull(to);
    for (size_t i = 0; i < n_kinds; i++) {
        choose(i);
        write_literals(to);
    }
    fclose(to);
}

/* Its records end with a NUL byte, which no value has in it. */
static void compare_with(FILE *psql)
{
    char *line = NULL;
    size_t size = 0;

    for (int i = 0; i < N_VALUES; i++) {
        const char *shown = values[i].shown ? values[i].shown : "(null)";

        check_value(getdelim(&line, &size, '\0', psql) > 0, i, "%s", "psql has printed no more");
        check_value(strcmp(line, shown) == 0, i, "psql prints %.200s, and evpg's text is %.200s",
                    line, shown);
    }
    free(line);
}

static void compare_with_psql(void)
{
    char path[300], command[400];
    FILE *psql;

    snprintf(path, sizeof(path), "%s/script.XXXXXX", getenv("PGHOST"));
    binary = false;
    write_script(path);
    snprintf(command, sizeof(command),
             "PGCLIENTENCODING=UTF8 psql -XAtq0 -v ON_ERROR_STOP=1 -P null='(null)' -f '%s'", path);
    psql = popen(command, "r");
    ck_assert_ptr_nonnull(psql);
    for (size_t i = 0; i < n_kinds; i++) {
        choose(i);
        compare_with(psql);
    }
    ck_assert_int_eq(fgetc(psql), EOF);
    ck_assert_int_eq(pclose(psql), 0);
    unlink(path);
}

static void make_values(size_t i, int round)
{
    all[i] = calloc(N_VALUES, sizeof(**all));
    choose(i);
    chance_start((unsigned long)round * 1000 + i);
    for (int k = 0; k < N_VALUES; k++)
        value_make(&values[k], kind);
}

static void free_values(void)
{
    for (size_t i = 0; i < n_kinds; i++) {
        for (int k = 0; k < N_VALUES; k++)
            value_free(&all[i][k]);
        free(all[i]);
    }
    free(all);
}

START_TEST(there_and_back)
{
    free(admin(kinds_sql));
    all = calloc(n_kinds, sizeof(*all));
    begin(ALONE);
    for (size_t i = 0; i < n_kinds; i++) {
        make_values(i, _i);
        send_all(false);
        send_all(true);
    }
    end();
    compare_with_psql();
    free_values();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("db_roundtrip");
    TCase *tcase = tcase_create("roundtrip");

    tcase_set_timeout(tcase, 120);
    tcase_add_loop_test(tcase, there_and_back, 0, sized(1, 50));
    suite_add_tcase(suite, tcase);
    return run_suite(suite, true);
}
