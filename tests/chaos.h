/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * chaos: what the files of the program tests/chaos share: see chaos.c.
 */
#ifndef CHAOS_H
#define CHAOS_H

#include "oracle.h"

enum { OPERATIONS_PER_SECOND = 1500, TICK_MS = 10 };

/* How long the run is, what decides over chance, and whether each fault is told as it happens. */
struct chaos_options {
    int seconds;
    uint64_t seed;
    bool verbose;
};
extern struct chaos_options options;

/* An oracle's verdict against the library: it is told at once, and the run goes on. */
void chaos_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Progress, on stderr. */
void chaos_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Since the start. */
double chaos_seconds(void);

/* Numbers by chance, of a series of their own: from `least` to `most`; and once in so many. */
struct chance {
    uint64_t state;
};
int chance_of(struct chance *chance, int least, int most);
bool once_in(struct chance *chance, int many);

/* The first value of a query on a connection of its own, blocking; NULL: there is none. */
char *chaos_ask(const char *sql);

/* Runs the loop until that is so, or for so long; whether it is so. */
bool chaos_run_until(bool (*is_so)(void), int ms);

#endif
