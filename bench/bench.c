/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench: the command line, the clock and the report of the benchmark programs.
 *
 * Called by the programs in pairs, which are run by bench/measure or by hand:
 *
 *     point_evpg, point_libpq [-d DEPTH] [-n QUERIES] [-e] [-u] [-f]
 *     rows_evpg, rows_libpq [-n ROWS] [-v [-b] [-s]] [-f]
 *     batch_evpg, batch_libpq [-d INSERTS IN ONE] [-n INSERTS] [-f]
 *
 * They connect by libpq's environment. Exit status: 0; 1 when something failed or came wrong; 2
 * usage. The figures are one line of name=value: wall is in seconds for all, user and sys are
 * processor time in microseconds for one query or row, sleeps how often it waited.
 */
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

uint64_t bench_first_bytes, bench_other_bytes;
unsigned bench_rows;

/* In microseconds; sleeps are how often the kernel had nothing for us and let others run. */
struct clock {
    double wall, user, sys, sleeps;
};

static struct clock start;

_Noreturn void bench_die(const char *what, const char *why)
{
    fprintf(stderr, "%s: %s\n", what, why);
    exit(1);
}

static const struct {
    char letter;
    const char *argument, *meaning;
} options[] = {
    {'n', " COUNT", "how many queries or rows"},
    {'d', " DEPTH", "how many queries are on their way at once"},
    {'e', "", "send one for each answer; else when half of them are answered"},
    {'u', "", "unprepared: the server parses the statement each time"},
    {'f', "", "a fresh heap, not one with holes"},
    {'v', "", "values are decoded, not only looked at"},
    {'p', "", "by a pool of one connection; libpq has no such thing"},
    {'t', "", "each has a deadline; libpq has no such thing"},
    {'o', "", "an event hook observes all; libpq has no such thing"},
    {'m', "", "each has one of two names, which a pool counts by; libpq has no such thing"},
    {'b', "", "values in binary format"},
    {'s', "", "a whole row at once, by evpg_row_scan(); libpq has no such thing"},
};

static _Noreturn void usage(const char *program, const char *letters)
{
    fprintf(stderr, "usage: %s [OPTIONS]\n", program);
    for (size_t i = 0; i < sizeof(options) / sizeof(*options); i++)
        if (options[i].letter == 'n' || strchr(letters, options[i].letter))
            fprintf(stderr, "  -%c%s  %s\n", options[i].letter, options[i].argument,
                    options[i].meaning);
    exit(2);
}

static unsigned read_number(const char *text)
{
    char *end;
    unsigned long value = strtoul(text, &end, 10);

    if (*end || value < 1 || value > 100000000) {
        fprintf(stderr, "%s: not a number from 1 to 100000000\n", text);
        exit(2);
    }
    return (unsigned)value;
}

/* As that of a program that has been at work for a while. On a fresh one it is luck whether libpq's
 * blocks happen to find a hole that is as large as they are. */
static void make_holes(void)
{
    enum { BLOCKS = 64 };
    void *blocks[BLOCKS];

    for (int i = 0; i < BLOCKS; i++)
        blocks[i] = malloc((size_t)(i * 7919 % 30000 + 3000));
    for (int i = 0; i < BLOCKS; i += 2)
        free(blocks[i]);
}

void bench_options(struct load *load, int argc, char **argv)
{
    bool each = false;
    char letters[16];
    int option;

    snprintf(letters, sizeof(letters), "n:%s", load->letters);
    while ((option = getopt(argc, argv, letters)) != -1) {
        if (option == '?')
            usage(argv[0], load->letters);
        if (option == 'd')
            load->depth = read_number(optarg);
        if (option == 'n')
            load->total = read_number(optarg);
        each = each || option == 'e';
        load->unprepared = load->unprepared || option == 'u';
        load->fresh_heap = load->fresh_heap || option == 'f';
        load->values = load->values || option == 'v';
        load->binary = load->binary || option == 'b';
        load->scan = load->scan || option == 's';
        load->pool = load->pool || option == 'p';
        load->deadlines = load->deadlines || option == 't';
        load->observed = load->observed || option == 'o';
        load->named = load->named || option == 'm';
    }
    if (optind < argc)
        usage(argv[0], load->letters);
    load->low = each ? load->depth : load->depth / 2;
    if (!load->fresh_heap)
        make_holes();
}

static double seconds_to_us(struct timeval time)
{
    return (double)time.tv_sec * 1e6 + (double)time.tv_usec;
}

static struct clock read_clock(void)
{
    struct rusage usage;
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    getrusage(RUSAGE_SELF, &usage);
    return (struct clock){(double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3,
                          seconds_to_us(usage.ru_utime), seconds_to_us(usage.ru_stime),
                          (double)usage.ru_nvcsw};
}

void bench_start(void)
{
    bench_first_bytes = bench_other_bytes = bench_rows = 0;
    start = read_clock();
}

uint64_t bench_expect_digits(unsigned count, int32_t (*id)(unsigned number))
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < count; i++) {
        int32_t digits = id(i);

        while (digits > 9)
            digits /= 10;
        sum += '0' + (unsigned)digits;
    }
    return sum;
}

uint64_t bench_expect_values(unsigned count)
{
    return (uint64_t)count * (count + 1) / 2;
}

void bench_report(unsigned count, uint64_t expected)
{
    struct clock end = read_clock();

    if (bench_rows != count)
        bench_die("wrong", "not as many rows as were asked for");
    if (bench_first_bytes != expected)
        bench_die("wrong", "not the rows that were asked for");
    printf("count=%u wall=%.6f user=%.4f sys=%.4f sleeps=%.4f check=%llu\n", count,
           (end.wall - start.wall) / 1e6, (end.user - start.user) / count,
           (end.sys - start.sys) / count, (end.sleeps - start.sleeps) / count,
           (unsigned long long)bench_other_bytes);
}
