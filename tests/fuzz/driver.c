/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * driver: the main program of a fuzz target where there is no libFuzzer: a test in two cases, its
 * samples and what comes of them by chance. It needs no server.
 *
 * Each input is known by its number, from which it is made: EVPG_TEST_SEED=n is that one alone, and
 * n,m are m from there on. They run in a process of their own, so that when that one ends in an
 * input, the number is known and the input can be written as a line for the file of samples.
 */
#include "fuzz.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MOST_SAMPLES = 500, MOST_MUTATIONS = 6, COUNT = 20000, FULL_COUNT = 1000000 };

/* Within so many seconds they are done, or one has no end. */
enum { LONG_S = 300, FULL_LONG_S = 7200 };

struct bytes {
    size_t size;
    unsigned char at[FUZZ_MOST_BYTES];
};

static struct bytes samples[MOST_SAMPLES];
static long n_samples;
static volatile long *current; /* input, as the other process tells */

static _Noreturn void bail_out(const char *why, const char *what)
{
    printf("Bail out! %s: %s\n", what, why);
    exit(1);
}

/* One byte of a line, of which *at moves on. */
static unsigned char read_byte(const char *file, const char **at)
{
    unsigned byte;

    if (**at != '\\')
        return (unsigned char)*(*at)++;
    *at += 2;
    if ((*at)[-1] == '\\')
        return '\\';
    if ((*at)[-1] != 'x' || sscanf(*at, "%2x", &byte) != 1)
        bail_out("neither \\\\ nor \\xHH", file);
    *at += 2;
    return (unsigned char)byte;
}

static void add_sample(const char *file, const char *line)
{
    struct bytes *sample = &samples[n_samples];

    if (n_samples++ == MOST_SAMPLES)
        bail_out("too many", file);
    while (*line && *line != '\n' && sample->size < FUZZ_MOST_BYTES)
        sample->at[sample->size++] = read_byte(file, &line);
}

static void read_samples(void)
{
    char file[1000], line[4 * FUZZ_MOST_BYTES];
    FILE *stream;

    snprintf(file, sizeof(file), "%s/tests/fuzz/%s.samples", TOP_SRCDIR, fuzz_name);
    stream = fopen(file, "r");
    while (stream && fgets(line, sizeof(line), stream))
        add_sample(file, line);
    if (!stream || n_samples == 0)
        bail_out("no samples", file);
    fclose(stream);
}

static uint64_t chance;

static size_t below(size_t end)
{
    chance ^= chance << 13;
    chance ^= chance >> 7;
    chance ^= chance << 17;
    return end > 0 ? (size_t)(chance >> 11) % end : 0;
}

/* Puts something in place of `taken` bytes. */
static void replace(struct bytes *bytes, size_t at, size_t taken, const void *put, size_t size)
{
    if (bytes->size - taken + size > FUZZ_MOST_BYTES)
        return;
    memmove(bytes->at + at + size, bytes->at + at + taken, bytes->size - at - taken);
    memcpy(bytes->at + at, put, size);
    bytes->size += size - taken;
}

/* What is often a matter of its own. */
static void put_often(struct bytes *bytes, size_t at, size_t taken)
{
    static const char bytes_often[] = "{}[](),;\"\\:=-+./ '@TPAZtf0129\0\1\2\xff\x80\x7f";
    static const char *const words[] = {"NULL",       "empty",     "infinity", "NaN", "99999999999",
                                        "2147483648", " BC",       "\\",       "ago", "-00:00:01",
                                        "days",       "294276-12", "{{",       "((",  "password="};
    static const char numbers[][4] = {"\0\0\0", "\0\0\0\1", "\xff\xff\xff\xff", "\x7f\xff\xff\xff",
                                      "\x80",   "\0\0\0\7", "\0\0\x27\x10",     "\0\0\xff\xff"};
    const char *word = words[below(sizeof(words) / sizeof(*words))];

    if (below(2))
        replace(bytes, at, taken, &bytes_often[below(sizeof(bytes_often))], 1);
    else if (below(2))
        replace(bytes, at, taken, word, strlen(word));
    else
        replace(bytes, at, taken, numbers[below(sizeof(numbers) / sizeof(*numbers))], 4);
}

/* A part of another sample, or of its own. */
static void put_part(struct bytes *bytes, size_t at, const struct bytes *other)
{
    unsigned char part[FUZZ_MOST_BYTES];
    size_t from = below(other->size), size = below(other->size - from + 1);

    memcpy(part, other->at + from, size);
    replace(bytes, at, 0, part, size);
}

static void mutate(struct bytes *bytes)
{
    size_t at = below(bytes->size), one = bytes->size > 0;

    switch (below(7)) {
    case 0:
        put_often(bytes, at, 0);
        break;
    case 1:
        put_often(bytes, at, one);
        break;
    case 2:
        replace(bytes, at, below(4) ? one : bytes->size - at, "", 0);
        break;
    case 3:
        put_part(bytes, at, &samples[below((size_t)n_samples)]);
        break;
    case 4:
        put_part(bytes, at, bytes);
        break;
    case 5:
        bytes->at[at] ^= (unsigned char)(1 << below(8));
        break;
    default:
        bytes->at[at] = (unsigned char)below(256);
    }
}

/* The samples have the numbers below 0. */
static void make_input(long number, struct bytes *bytes)
{
    *bytes = samples[number < 0 ? -1 - number : number % n_samples];
    chance = (uint64_t)number * 0x9E3779B97F4A7C15u + 0x1234567;
    for (size_t n = number < 0 ? 0 : 1 + below(MOST_MUTATIONS); n > 0; n--)
        mutate(bytes);
}

static _Noreturn void run_inputs(long first, long count)
{
    static struct bytes bytes;

    alarm(getenv("EVPG_TEST_FULL") ? FULL_LONG_S : LONG_S);
    for (*current = first; *current < first + count; ++*current) {
        unsigned char *exact;

        make_input(*current, &bytes);
        exact = malloc(bytes.size);
        memcpy(exact, bytes.at, bytes.size);
        LLVMFuzzerTestOneInput(exact, bytes.size);
        free(exact);
    }
    printf("# the longest took %.1f ms\n", fuzz_longest_ms());
    exit(0);
}

static void tell_input(long number, int status)
{
    static struct bytes bytes;

    printf("# %s %d in %s %ld, unless it is a leak; as a line:\n# ",
           WIFSIGNALED(status) ? "signal" : "status",
           WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status),
           number < 0 ? "sample" : "EVPG_TEST_SEED", number < 0 ? -number : number);
    make_input(number, &bytes);
    for (size_t i = 0; i < bytes.size; i++) {
        if (bytes.at[i] == '\\')
            printf("\\\\");
        else
            printf(bytes.at[i] >= ' ' && bytes.at[i] <= '~' ? "%c" : "\\x%02x", bytes.at[i]);
    }
    puts("");
}

/* One case. */
static bool run(int number, const char *what, long first, long count)
{
    int status = 0;
    pid_t child;

    fflush(stdout);
    child = fork();
    if (child == 0)
        run_inputs(first, count);
    if (child < 0 || waitpid(child, &status, 0) != child)
        bail_out("no process", "fork");
    if (status != 0)
        tell_input(*current, status);
    printf("%s %d - %s: %ld %s\n", status ? "not ok" : "ok", number, fuzz_name, count, what);
    return status == 0;
}

int main(void)
{
    const char *seed = getenv("EVPG_TEST_SEED");
    const char *comma = seed ? strchr(seed, ',') : NULL;
    long first = seed ? atol(seed) : 0;
    long count = getenv("EVPG_TEST_FULL") ? FULL_COUNT : COUNT;
    bool good;

    if (seed)
        count = comma ? atol(comma + 1) : 1;
    read_samples();
    current =
        mmap(NULL, sizeof(*current), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (current == MAP_FAILED)
        bail_out("no memory", "mmap");
    puts("1..2");
    good = run(1, "samples", -n_samples, n_samples);
    good = run(2, "inputs by chance", first, count) && good;
    return good ? 0 : 1;
}
