/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bundle: for the tests of lib/group.c, a group of a few statements with nothing of its own but a
 * completion. There is one at a time; what became of it and its members is noted here.
 */
#ifndef BUNDLE_H
#define BUNDLE_H

#include "group.h"
#include "op_query.h"

#include "harness.h"

#define BUNDLE_MOST 1200

/* What became of a member, or of the bundle. */
struct end {
    int done, n_rows, order;
    enum evpg_code code; /* 0: success */
    enum evpg_fate fate;
    char sqlstate[6], message[200];
};

extern struct end ends[BUNDLE_MOST], whole;
extern int n_members, n_done;
extern struct group *bundle; /* NULL when it is done */

/* Called in the callbacks of these members, from 1; 0: of none. */
extern int act_in_done, act_in_row;
extern void (*act)(void);

void start(void);
void add(const char *sql);
void add_with(const char *sql, const struct evpg_param *params, size_t n);
void send_bundle(void);
void await_whole(void);

/* All of them are done once, in order, and the bundle last. */
void check_order(void);
void check(int i, enum evpg_code code, enum evpg_fate fate);

/* A connection with a table t of numbers that are to be unique in the end. */
void begin_with_table(int mode);
void check_count(const char *expected);

void free_db(void);

#endif
