/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * deeds: see deeds.h. What is refused, and with which errno, is looked at here; what becomes of the
 * requests is looked at by those who wait for them.
 */
#include "deeds.h"

#include <errno.h>

struct scene scene;

void free_now(void)
{
    struct evpg_db *victim = db;

    db = NULL;
    scene.freeing = true;
    evpg_free(victim);
    scene.freed = true;
    ck_assert(all_done());
}

/* One that is not done, a new one if need be; NULL: there is none, and none is accepted. */
static struct outcome *another(void)
{
    for (int i = scene.n_others; i-- > 0;)
        if (scene.others[i]->completions == 0)
            return scene.others[i];
    return try_post("select 1");
}

static void cancel_another(void)
{
    struct outcome *other = another();

    evpg_request_cancel(other ? other->request : NULL);
}

static void cancel_itself(void)
{
    evpg_request_cancel(scene.self);
}

static void abandon_another(void)
{
    struct outcome *other = another();

    if (other)
        abandon(other);
}

static void abandon_itself(void)
{
    if (scene.outcome)
        abandon(scene.outcome);
    else
        evpg_request_abandon(scene.self);
}

static int submit_until(int n)
{
    int accepted = 0;

    for (int i = 0; i < n; i++) {
        errno = 0;
        if (try_post("select 1"))
            accepted++;
        else
            ck_assert_int_eq(errno, scene.down ? ENOTCONN : ENOBUFS);
    }
    return accepted;
}

static void submit_many(void)
{
    int many = sized(1000, 10000);

    ck_assert_int_eq(submit_until(many), scene.down ? 0 : many);
}

/* Once refused, always refused: nothing is sent before the callback has returned. */
static void submit_too_many(void)
{
    int accepted = submit_until(sized(1000, 10000));

    ck_assert_int_le(accepted, MOST_QUEUED);
    ck_assert_int_ge(accepted, scene.down ? 0 : MOST_QUEUED - MOST_OTHERS);
}

static void on_closed(struct evpg_db *which, size_t cut_off, void *arg)
{
    (void)cut_off;
    ck_assert_ptr_eq(which, db);
    ck_assert_ptr_eq(arg, &scene);
    ck_assert(!scene.freed && all_done());
    scene.closed++;
}

static void close_within(int deadline_ms)
{
    ck_assert_int_eq(evpg_close(db, deadline_ms, on_closed, &scene), 0);
    ck_assert_int_eq(scene.closed, 0);
    errno = 0;
    ck_assert_ptr_null(try_post("select 'late'"));
    ck_assert_int_eq(errno, ESHUTDOWN);
}

static void close_at_once(void)
{
    close_within(0);
}

static void close_in_order(void)
{
    close_within(-1);
}

static void break_loop(void)
{
    event_base_loopbreak(base);
    scene.broke = true;
}

static void resume(void)
{
    struct outcome *paused = scene.series ? scene.series : scene.outcome;

    if (paused && paused->completions == 0)
        evpg_request_resume(paused->request);
}

static void count_opening(struct evpg_db *which, const struct evpg_error *error, void *arg)
{
    ck_assert_ptr_eq(which, db);
    ck_assert_ptr_eq(arg, &scene);
    ck_assert(!scene.freed && !error);
    scene.opened++;
}

/* Where there is a connection already, it is refused. */
static void open_again(void)
{
    errno = 0;
    scene.reopened = evpg_open(db, count_opening, &scene);
    ck_assert_int_eq(scene.reopened, scene.down);
    ck_assert_int_eq(errno, scene.down ? 0 : EINVAL);
    ck_assert_int_eq(scene.opened, 0);
}

const struct deed deeds[] = {
    {"cancel another", cancel_another, false, false, false},
    {"cancel itself", cancel_itself, true, false, false},
    {"abandon another", abandon_another, false, false, false},
    {"abandon itself", abandon_itself, true, false, false},
    {"submit many", submit_many, false, false, false},
    {"submit too many", submit_too_many, false, false, true},
    {"close at once", close_at_once, false, true, false},
    {"close in order", close_in_order, false, true, false},
    {"free", free_now, false, false, false},
    {"break the loop, then free", break_loop, false, false, false},
    {"resume", resume, false, false, false},
    {"open", open_again, false, false, false},
};
const int n_deeds = sizeof(deeds) / sizeof(*deeds);
