/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * batching: batches whose outcomes are recorded: one for each member, one for the batch.
 *
 *     begin_batch();
 *     one = member("insert into t values ($1)", EVPG_PARAMS(evpg_int32(1)));
 *     all = submit_batch();
 *     await_all();
 *     ck_assert_outcome_ok(all);
 */
#ifndef BATCHING_H
#define BATCHING_H

#include "harness.h"

/* Begins one for that db, or for `db`. */
void begin_batch_on(struct evpg_db *of);
void begin_batch(void);

/* Adds a member. */
struct outcome *member(const char *sql, const struct evpg_param *params, size_t n_params);

/* The same, with its rows kept; and with an outcome to set on_row, on_done or discard in before. */
struct outcome *member_kept(const char *sql, const struct evpg_param *params, size_t n_params);
void add_member(struct outcome *outcome, const char *sql, const struct evpg_param *params,
                size_t n_params);

/* Submits it: it must be accepted; or may be refused, and request is NULL. */
struct outcome *submit_batch(void);
struct outcome *try_batch(struct outcome *all);

/* Each has been told of once, the members in order, and then the batch: by `all` which was
 * submitted last. */
void check_order(const struct outcome *all);

/* The same, where others may have been told in between. */
void check_sequence(const struct outcome *all);

/* Its number, from 1, and how many members the last batch has. */
struct outcome *member_at(int number);
int n_members(void);

/* Failed so. */
#define ck_assert_failed_as(outcome, wanted, fate)                                                 \
    do {                                                                                           \
        ck_assert_int_eq((outcome)->completions, 1);                                               \
        ck_assert_ptr_nonnull((outcome)->error);                                                   \
        ck_assert_msg(evpg_error_code((outcome)->error) == (wanted), "%s",                         \
                      evpg_error_message((outcome)->error));                                       \
        ck_assert_int_eq(evpg_error_fate((outcome)->error), fate);                                 \
    } while (0)

/* Its message has that in it. */
#define ck_assert_says(outcome, text)                                                              \
    ck_assert_msg((outcome)->error &&strstr(evpg_error_message((outcome)->error), text),           \
                  "does not say '%s': %s", text,                                                   \
                  (outcome)->error ? evpg_error_message((outcome)->error) : "no error")

#endif
