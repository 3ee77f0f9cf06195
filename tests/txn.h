/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * txn: transactions for the tests: what became of each is noted, and its statements are the
 * harness's outcomes.
 */
#ifndef TXN_H
#define TXN_H

#include "harness.h"

struct txn {
    int done, bodies;         /* to be 1, and the attempts */
    struct evpg_error *error; /* a copy; NULL: committed */
    char tag[64];
    struct evpg_request *request;
    struct evpg_db *tx; /* while there is one */
    struct outcome *of[8];
    int number, order; /* the test's; when it was done among all */
    struct txn *inner;
    void (*body)(struct txn *txn);
    void (*on_done)(struct txn *txn); /* or NULL */
    struct txn *next;
};

/* Makes one, to be freed by free_txns(); it is not submitted. */
struct txn *new_txn(void (*body)(struct txn *txn));

/* Submits it to a db of any kind; it must be accepted. */
void run_txn(struct txn *txn, struct evpg_db *on, const struct evpg_tx_config *config);

/* The same as one, on db, with the defaults. */
struct txn *txn_on_db(void (*body)(struct txn *txn));

/* A statement of it, which must be accepted. */
struct outcome *say(struct txn *txn, const char *sql);

/* The same, with an outcome made before. */
void say_with(struct txn *txn, struct outcome *outcome, const char *sql);

void await_txn(struct txn *txn);
void free_txns(void);

/* begin() with a table t (i int). */
void begin_for_txn(int mode);

/* How many rows of t there are. */
void check_rows(const char *expected);

/* Fails the test if it is not committed. */
void check_committed(const struct txn *txn);

/* It has failed so; state NULL: any. */
void check_failed(const struct txn *txn, enum evpg_code code, enum evpg_fate fate,
                  const char *state);

/* A body that inserts a row and commits. */
void insert_and_commit(struct txn *txn);

#endif
