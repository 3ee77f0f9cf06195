/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * chaos_ledger: see chaos_ledger.h.
 *
 * Called by the load, and by chaos.c at the end. One byte for each operation: its state, and above
 * that how often its number was found in the table. All of them are there, and touched, before the
 * load begins, so that the growth of memory is the library's alone.
 */
#include "chaos_ledger.h"

#include "chaos.h"

#include <inttypes.h>
#include <libpq-fe.h>
#include <stdio.h>

enum state { FREE, UNDER_WAY, ACKNOWLEDGED, NOT_DONE, UNKNOWN, N_STATES };

enum { STATE = 7, FOUND = 8 }; /* a mask, and one time found */

static unsigned char *book;
static int64_t room, used;

void book_begin(int64_t most)
{
    free(chaos_ask("drop table if exists ledger"));
    free(chaos_ask("create table ledger (op int8)"));
    room = most;
    used = 0;
    book = malloc((size_t)room);
    memset(book, FREE, (size_t)room);
}

int64_t book_next(void)
{
    if (used == room)
        return -1;
    book[used] = UNDER_WAY;
    return used++;
}

static enum state state_of(const struct evpg_error *error)
{
    if (!error || evpg_error_fate(error) == EVPG_FATE_EXECUTED)
        return ACKNOWLEDGED;
    return evpg_error_fate(error) == EVPG_FATE_UNKNOWN ? UNKNOWN : NOT_DONE;
}

void book_note(int64_t number, const struct evpg_error *error)
{
    book[number] = (unsigned char)state_of(error);
}

void book_note_refusal(int64_t number)
{
    book[number] = NOT_DONE;
}

static void count_row(const char *text)
{
    int64_t number = strtoll(text, NULL, 10);

    if (number < 0 || number >= used)
        chaos_fail("the ledger has %s, which nobody wrote", text);
    else if (book[number] < 255 - FOUND)
        book[number] = (unsigned char)(book[number] + FOUND);
}

/* How many rows there are; -1: it cannot be read, and nothing can be said. */
static int64_t read_table(void)
{
    PGconn *pg = PQconnectdb("");
    int64_t rows = 0;
    PGresult *result;

    if (!PQsendQuery(pg, "select op from ledger") || !PQsetSingleRowMode(pg)) {
        chaos_fail("the ledger cannot be read: %s", PQerrorMessage(pg));
        rows = -1;
    }
    while ((result = PQgetResult(pg))) {
        if (PQresultStatus(result) == PGRES_SINGLE_TUPLE) {
            count_row(PQgetvalue(result, 0, 0));
            rows++;
        } else if (PQresultStatus(result) != PGRES_TUPLES_OK) {
            chaos_fail("the ledger cannot be read: %s", PQresultErrorMessage(result));
            rows = -1;
        }
        PQclear(result);
    }
    PQfinish(pg);
    return rows;
}

struct sums {
    int64_t in_state[N_STATES], found[N_STATES], twice;
};

static struct sums add_up(void)
{
    struct sums sums = {0};

    for (int64_t number = 0; number < used; number++) {
        enum state state = (enum state)(book[number] & STATE);
        int times = book[number] / FOUND;

        sums.in_state[state]++;
        sums.found[state] += times > 0;
        sums.twice += times > 1;
        if (times > 1)
            chaos_fail("operation %" PRId64 " was done %d times", number, times);
        if (state == ACKNOWLEDGED && times == 0)
            chaos_fail("operation %" PRId64 " was acknowledged, and is lost", number);
        if (state == NOT_DONE && times > 0)
            chaos_fail("operation %" PRId64 " was said not to be done, and was", number);
        if (state == UNDER_WAY)
            chaos_fail("operation %" PRId64 " never ended", number);
    }
    return sums;
}

static void report_sums(const struct sums *sums)
{
    const int64_t *in_state = sums->in_state, *found = sums->found;

    printf("  acknowledged %" PRId64 ", lost %" PRId64 "\n", in_state[ACKNOWLEDGED],
           in_state[ACKNOWLEDGED] - found[ACKNOWLEDGED]);
    printf("  said not to be done %" PRId64 ", done %" PRId64 "\n", in_state[NOT_DONE],
           found[NOT_DONE]);
    printf("  of unknown fate %" PRId64 ": done %" PRId64 ", not done %" PRId64 "\n",
           in_state[UNKNOWN], found[UNKNOWN], in_state[UNKNOWN] - found[UNKNOWN]);
    printf("  done twice %" PRId64 "\n", sums->twice);
}

void book_check(void)
{
    int64_t rows = read_table();
    struct sums sums;

    printf("ledger: %" PRId64 " operations, %" PRId64 " rows\n", used, rows);
    if (rows >= 0) {
        sums = add_up();
        report_sums(&sums);
        free(chaos_ask("drop table ledger"));
    }
    free(book);
}
