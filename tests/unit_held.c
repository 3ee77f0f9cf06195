/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * unit_held: rows of a suspect, which are kept back until it is none any more, come once and in
 * their order, wherever memory runs out meanwhile.
 *
 * The counterpart of hold() in lib/op_rows.c, whose results are made by hand; needs no server. What
 * the pipeline does is done here: a result is taken when no rows are to be delivered.
 */
#include "mem.h"
#include "op_rows.h"

#include "harness.h"

#include <stdio.h>

static struct conn conn;
static struct op_rows *rows;
static struct budget budget;
static int countdown, n_failed, next_value, n_ends;
static bool sticky;

static void *failing(size_t size)
{
    if (countdown > 0 && --countdown == 0) {
        countdown = sticky ? 1 : 0;
        n_failed++;
        return NULL;
    }
    return malloc(size);
}

static enum evpg_flow on_row(const struct evpg_row *row, void *arg)
{
    int32_t value = 0;

    ck_assert_ptr_null(arg);
    ck_assert_int_eq(evpg_row_int32(row, 0, &value), 0);
    ck_assert_int_eq(value, ++next_value);
    ck_assert_int_eq(evpg_row_statement(row), 0);
    return EVPG_NEXT;
}

static void begin_request(void)
{
    rows = mem_alloc(sizeof(*rows));
    rows->base.conn = &conn;
    rows->base.state = REQ_ACTIVE;
    rows->base.suspect = true;
    rows->on_row = on_row;
    next_value = 0;
    n_failed = 0;
    mem_source = failing;
}

static void end_request(void)
{
    countdown = 0;
    ck_assert(!rows->base.has_rows && !rows->held && !rows->rows);
    op_rows_release(&rows->base);
    row_set_finish(&conn.row_set);
    memset(&conn, 0, sizeof(conn));
    mem_source = malloc;
}

/* So many rows from that number on, each with so many bytes beside it. */
static PGresult *make(ExecStatusType status, int first, int count, int bytes)
{
    char names[2][2] = {"n", "x"}, value[16], *ballast = calloc(1, (size_t)bytes + 1);
    PGresAttDesc columns[2] = {{.name = names[0], .typid = 23, .typlen = 4},
                               {.name = names[1], .typid = 25, .typlen = -1}};
    PGresult *result = PQmakeEmptyPGresult(NULL, status);

    ck_assert(PQsetResultAttrs(result, 2, columns));
    for (int i = 0; i < count; i++) {
        snprintf(value, sizeof(value), "%d", first + i);
        ck_assert(PQsetvalue(result, i, 0, value, (int)strlen(value)));
        ck_assert(PQsetvalue(result, i, 1, ballast, bytes));
    }
    free(ballast);
    return result;
}

/* libpq has seen a tag with its end; one that is made has none. */
static void take(PGresult *result)
{
    strcpy(rows->tag, "SELECT");
    ck_assert(op_rows_result(&rows->base, result, PQresultStatus(result)));
    for (int i = 0; rows->base.has_rows; i++) {
        budget_start(&budget);
        op_rows_deliver(&rows->base, &budget);
        ck_assert_int_lt(i, 1000);
    }
}

static void take_parts(int count, int bytes)
{
    for (int i = 1; i <= count; i++)
        take(make(PGRES_SINGLE_TUPLE, i, 1, bytes));
}

/* How its answer ends: by no rows, by some more, by an error. */
static void take_end(int how, int count)
{
    n_ends++;
    if (how == 0)
        take(make(PGRES_TUPLES_OK, 0, 0, 0));
    else if (how == 1)
        take(make(PGRES_TUPLES_OK, count + 1, 3, 10));
    else
        take(PQmakeEmptyPGresult(NULL, PGRES_FATAL_ERROR));
    ck_assert_int_eq(next_value, count + (how == 1 ? 3 : 0));
    ck_assert_uint_eq(rows->n_rows, (uint64_t)next_value);
    ck_assert(how == 2 || !rows->base.suspect);
}

static void run_one(int count, int bytes, int end)
{
    begin_request();
    take_parts(count, bytes);
    take_end(end, count);
    end_request();
}

/* Each allocation fails in turn, until none is left that could. */
START_TEST(each_allocation)
{
    static const int counts[] = {0, 1, 7, 8, 9, 40, 300};

    sticky = _i;
    for (int of = 0; of < 7 * 3 * 2; of++) {
        int failures = 0;

        for (int k = 1; k == 1 || n_failed > 0; k++) {
            countdown = k;
            run_one(counts[of / 6], of % 2 ? 3000 : 10, of / 2 % 3);
            failures += n_failed > 0;
            ck_assert_int_lt(k, 100);
        }
        ck_assert(failures > 0 || counts[of / 6] == 0);
    }
    ck_assert_int_gt(n_ends, 100);
}
END_TEST

/* All of it is forgotten, and comes a second time as if it were the first. */
START_TEST(sent_again)
{
    begin_request();
    take_parts(10, 10);
    ck_assert_int_eq(next_value, 0);
    op_rows_reset(rows);
    take_parts(10, 10);
    ck_assert_int_eq(next_value, 0);
    take_end(0, 10);
    end_request();
}
END_TEST

/* What is too much is not kept back, and what comes behind it is not, either. */
START_TEST(no_more_than_so_much)
{
    begin_request();
    take_parts(100, 3000);
    ck_assert_int_eq(next_value, 100);
    ck_assert(!rows->base.suspect);
    take_end(_i, 100);
    end_request();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("unit_held");
    TCase *tcase = tcase_create("held");

    tcase_add_loop_test(tcase, each_allocation, 0, 2);
    tcase_add_test(tcase, sent_again);
    tcase_add_loop_test(tcase, no_more_than_so_much, 0, 3);
    suite_add_tcase(suite, tcase);
    return run_suite(suite, false);
}
