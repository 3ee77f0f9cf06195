/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * statements: what it takes to find out that a statement is prepared, without a server.
 *
 *     statements [-n LOOKUPS]
 *
 * A cache of 200 statements of 60 to 200 bytes, which are asked for in no order: for each the key
 * is made, its hash over all of the text included, the statement found, and released. Run by
 * bench/measure or by hand. Prints the nanoseconds that one takes. No twin: libpq leaves it to the
 * application to know what is prepared.
 */
#include "bench.h"
#include "stmt.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum { STATEMENTS = 200, LONGEST = 200 };

static struct load load = {.letters = "", .total = 10000000};
static char sql[STATEMENTS][LONGEST + 1];
static size_t length[STATEMENTS];
static const Oid types[] = {23, 25}; /* int4, text */

/* They differ in the middle, as those of one program do. */
static void make_statements(void)
{
    for (int i = 0; i < STATEMENTS; i++) {
        length[i] = (size_t)(60 + i * 7919 % 141);
        memset(sql[i], ' ', length[i]);
        snprintf(sql[i], length[i], "select id, name, price from table_%d where id = $1", i);
        sql[i][strlen(sql[i])] = ' ';
        memcpy(sql[i] + length[i] - 8, "= $2::t", 7);
    }
}

static struct stmt_key key_of(int i)
{
    struct stmt_key key;

    stmt_make_key(&key, sql[i], length[i], types, 2);
    return key;
}

static void look_up(struct stmt_cache *cache, unsigned count)
{
    for (unsigned i = 0, at = 0; i < count; i++, at = (at * 5 + 3) % STATEMENTS) {
        struct stmt_key key = key_of((int)((at + i) % STATEMENTS));
        struct stmt *stmt = stmt_find(cache, &key);

        if (!stmt)
            bench_die("wrong", "a statement is not found");
        stmt_release(stmt);
    }
}

static double now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

int main(int argc, char **argv)
{
    struct stmt_cache cache;
    double start;

    bench_options(&load, argc, argv);
    make_statements();
    stmt_cache_start(&cache, STATEMENTS, 1 << 20);
    for (int i = 0; i < STATEMENTS; i++) {
        struct stmt_key key = key_of(i);

        stmt_release(stmt_add(&cache, &key));
    }
    look_up(&cache, load.total / 10);
    start = now_ns();
    look_up(&cache, load.total);
    printf("%.1f\n", (now_ns() - start) / load.total);
    stmt_cache_clear(&cache);
    return 0;
}
