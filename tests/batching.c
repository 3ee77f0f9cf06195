/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * batching: see batching.h. Uses the public interface only.
 */
#include "batching.h"

static struct evpg_batch *batch;
static struct outcome *members[EVPG_BATCH_MOST + 1];
static int count;

void begin_batch_on(struct evpg_db *of)
{
    ck_assert_ptr_null(batch);
    batch = evpg_batch_new(of);
    ck_assert_ptr_nonnull(batch);
    count = 0;
}

void begin_batch(void)
{
    begin_batch_on(db);
}

void add_member(struct outcome *outcome, const char *sql, const struct evpg_param *params,
                size_t n_params)
{
    if (count < EVPG_BATCH_MOST + 1)
        members[count++] = outcome;
    evpg_batch_add(batch, sql, params, n_params, outcome->kept ? NULL : record_row, record_done,
                   outcome);
}

struct outcome *member(const char *sql, const struct evpg_param *params, size_t n_params)
{
    struct outcome *outcome = new_outcome();

    add_member(outcome, sql, params, n_params);
    return outcome;
}

struct outcome *member_kept(const char *sql, const struct evpg_param *params, size_t n_params)
{
    struct outcome *outcome = new_outcome();

    outcome->kept = true;
    add_member(outcome, sql, params, n_params);
    return outcome;
}

struct outcome *try_batch(struct outcome *all)
{
    struct evpg_request *request = evpg_batch_submit(batch, record_done, all);

    batch = NULL;
    use_mode(request);
    for (int i = 0; i < count; i++)
        note_submit(members[i], request);
    note_submit(all, request);
    return all;
}

struct outcome *submit_batch(void)
{
    struct outcome *all = new_outcome();

    ck_assert_msg(try_batch(all)->request != NULL, "refused: %s", last_log());
    return all;
}

void check_order(const struct outcome *all)
{
    ck_assert_int_eq(all->completions, 1);
    for (int i = 0; i < count; i++) {
        ck_assert_int_eq(members[i]->completions, 1);
        ck_assert_int_eq(members[i]->order, all->order - count + i);
    }
}

void check_sequence(const struct outcome *all)
{
    ck_assert_int_eq(all->completions, 1);
    for (int i = 0; i < count; i++) {
        ck_assert_int_eq(members[i]->completions, 1);
        ck_assert_int_lt(members[i]->order, i + 1 < count ? members[i + 1]->order : all->order);
    }
}

struct outcome *member_at(int number)
{
    ck_assert_int_le(number, count);
    return members[number - 1];
}

int n_members(void)
{
    return count;
}
