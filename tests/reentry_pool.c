/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * reentry_pool: each callback that a pool has does what is legal in it, in several states; F28,
 * F29.
 *
 * A cell is a callback, a deed and a state. The scene is a pool of two connections at most, with a
 * lease, requests under way and waiting, one that has a deadline, and another connection in the
 * same loop. Each accepted request, evpg_acquire and evpg_close is completed exactly once; nothing
 * calls back once evpg_free has returned; and then the loop ends by itself.
 */
#include "harness.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

enum callback { ROW, DONE, LEASE, LEASE_ROW, LOGIN, WATER, LOG, CLOSED, N_CALLBACKS };
enum deed {
    FREE,
    CLOSE,
    CLOSE_AT_ONCE,
    CANCEL,
    ABANDON,
    SUBMIT,
    SUBMIT_TO_THE_CAP,
    RELEASE,
    ACQUIRE,
    FREE_OTHERS,
    N_DEEDS
};
enum state { COLD, BUSY, LOST, N_STATES };
enum { CAP = 10000, MOST = CAP + 100, WATCHDOG_S = 60 };

static const char *const callbacks[] = {
    "row", "done", "lease callback", "row of a lease", "login", "water", "log", "closed"};

struct one {
    struct evpg_request *request;
    int accepted, completions;
    bool abandoned;
};

static enum callback callback;
static enum deed deed;
static enum state state;
static struct one ones[MOST];
static int n_ones;
static struct evpg_db *lease, *other;
static bool begun, acted, freed, freeing;
static int closes, closed;

static void act(void);

static void act_in(enum callback here)
{
    ck_assert(!freed);
    if (callback == here && begun && !acted && !freeing)
        act();
}

static enum evpg_flow on_row(const struct evpg_row *row, void *arg)
{
    const struct one *one = arg;

    ck_assert_int_eq(one->completions, 0);
    act_in(ROW);
    ck_assert_str_eq(evpg_row_text(row, 0), "1");
    return EVPG_NEXT;
}

static enum evpg_flow on_lease_row(const struct evpg_row *row, void *arg)
{
    const struct one *one = arg;

    ck_assert_int_eq(one->completions, 0);
    act_in(LEASE_ROW);
    ck_assert_str_eq(evpg_row_text(row, 0), "1");
    return EVPG_NEXT;
}

static void complete(struct one *one)
{
    ck_assert(!freed && !one->abandoned);
    ck_assert_int_eq(++one->completions, 1);
}

static void on_done(const struct evpg_result *result, void *arg)
{
    complete(arg);
    if (freeing)
        ck_assert_ptr_nonnull(evpg_result_error(result));
    act_in(DONE);
    (void)evpg_result_rows(result);
}

static struct one *next_one(void)
{
    ck_assert_int_lt(n_ones, MOST);
    ones[n_ones] = (struct one){0};
    return &ones[n_ones++];
}

/* False: refused. */
static bool post(struct evpg_db *where, const char *sql, evpg_row_cb rows)
{
    struct one *one = next_one();

    errno = 0;
    one->request = evpg_query(where, sql, EVPG_NO_PARAMS, rows, on_done, one);
    one->accepted = one->request != NULL;
    ck_assert(one->request || errno == ENOBUFS || errno == ESHUTDOWN || errno == ENOTCONN);
    return one->request;
}

static void on_lease(struct evpg_db *got, const struct evpg_error *error, void *arg)
{
    complete(arg);
    ck_assert_int_eq(got == NULL, error != NULL);
    if (got && lease) {
        evpg_release(got);
        return;
    }
    lease = got ? got : lease;
    if (got)
        post(got, "select 1 from generate_series(1, 3)", on_lease_row);
    act_in(LEASE);
}

static void acquire(void)
{
    struct one *one = next_one();

    one->request = evpg_acquire(db, on_lease, one);
    one->accepted = one->request != NULL;
    ck_assert(one->request || errno == ENOBUFS || errno == ESHUTDOWN);
}

static void give_back(void)
{
    struct evpg_db *given = lease;

    lease = NULL;
    evpg_release(given);
}

static void on_closed(struct evpg_db *which, size_t cut_off, void *arg)
{
    (void)cut_off;
    (void)arg;
    ck_assert_ptr_eq(which, db);
    ck_assert_int_eq(++closed, 1);
    act_in(CLOSED);
}

static void close_pool(int deadline_ms)
{
    if (evpg_close(db, deadline_ms, on_closed, NULL) == 0)
        closes++;
    else
        ck_assert_int_eq(errno, EALREADY);
}

static void free_pool(void)
{
    if (freed)
        return;
    freeing = true;
    lease = NULL;
    evpg_free(db);
    freed = true;
    for (int i = 0; i < n_ones; i++)
        ck_assert_int_eq(ones[i].completions, ones[i].accepted && !ones[i].abandoned);
    ck_assert_int_eq(closed, closes);
}

static void cancel_all(bool abandoning)
{
    for (int i = 0; i < n_ones; i++) {
        struct one *one = &ones[i];

        if (!one->accepted || one->completions || one->abandoned)
            continue;
        if (!abandoning) {
            evpg_request_cancel(one->request);
        } else if (i % 2) {
            one->abandoned = true;
            evpg_request_abandon(one->request);
        }
    }
}

static void submit_up_to(int count)
{
    while (count-- > 0 && post(db, "select 1", on_row))
        ;
}

static void free_others(void)
{
    evpg_free(other);
    other = NULL;
}

static void act(void)
{
    acted = true;
    if (deed == FREE)
        free_pool();
    else if (deed == CLOSE || deed == CLOSE_AT_ONCE)
        close_pool(deed == CLOSE ? -1 : 0);
    else if (deed == CANCEL || deed == ABANDON)
        cancel_all(deed == ABANDON);
    else if (deed == SUBMIT || deed == SUBMIT_TO_THE_CAP)
        submit_up_to(deed == SUBMIT ? 10 : CAP + 50);
    else if (deed == RELEASE)
        give_back();
    else if (deed == ACQUIRE)
        acquire();
    else
        free_others();
}

static void before_connect(struct evpg_login *login, void *arg)
{
    (void)arg;
    act_in(LOGIN);
    evpg_login_finish(login, NULL, NULL, NULL);
}

static void on_water(struct evpg_db *pool, bool high, void *arg)
{
    (void)high;
    (void)arg;
    ck_assert_ptr_eq(pool, db);
    act_in(WATER);
}

static void on_log(struct evpg_db *which, enum evpg_log_level level, const char *line, void *arg)
{
    (void)which;
    (void)level;
    (void)arg;
    act_in(LOG);
    ck_assert_uint_gt(strlen(line), 0);
}

static void be_refused(void)
{
    ck_assert_ptr_null(evpg_query(db, "begin", EVPG_NO_PARAMS, NULL, NULL, NULL));
}

static bool is_done(void)
{
    for (int i = 0; i < n_ones; i++)
        if (ones[i].accepted && !ones[i].abandoned && !ones[i].completions)
            return false;
    return closed == closes;
}

static void await_done(void)
{
    while (!freed && !is_done()) {
        if (closes && lease)
            give_back();
        turn();
    }
}

static void load_pool(void)
{
    acquire();
    for (int i = 0; i < 30; i++)
        if (!freed)
            post(db, i % 10 ? "select 1" : "select 1 from pg_sleep(0.01)", on_row);
    post(db, "select 1 from pg_sleep(20)", on_row);
    evpg_request_set_timeout(ones[n_ones - 1].request, 20);
}

static void end_sessions(void)
{
    free(admin("select count(pg_terminate_backend(pid, 5000)) from pg_stat_activity"
               " where application_name = 'reentry_pool'"));
}

/* Where a state leaves nothing that would call back, the pool is asked once more; so the lease is
 * given back before. */
static void provoke(void)
{
    begun = state == COLD;
    load_pool();
    for (int i = 0; state != COLD && i < 100 && !(lease && ones[1].completions); i++)
        turn();
    give_back();
    begun = true;
    if (state == LOST)
        end_sessions();
    if (state != COLD)
        load_pool();
    if (callback == LOG)
        be_refused();
    if (callback == CLOSED)
        close_pool(-1);
}

static void begin_cell(void)
{
    n_ones = closes = closed = 0;
    begun = acted = freed = freeing = false;
    lease = NULL;
    alarm(WATCHDOG_S);
    base = event_base_new();
    db = evpg_pool_new(base, "application_name=reentry_pool",
                       &EVPG_POOL_CONFIG(.max_connections = 2, .max_requests_per_connection = 4,
                                         .max_queued_requests = CAP, .high_water = 10,
                                         .low_water = 2, .reconnect_max_ms = 5,
                                         .query_wait_timeout_ms = 10000, .on_water = on_water,
                                         .before_connect = before_connect));
    other = evpg_conn_new(base, NULL, NULL);
    evpg_set_hooks(db, &EVPG_HOOKS(.log = on_log), NULL);
    ck_assert_ptr_nonnull(evpg_open(other, NULL, NULL));
}

/* Whether the callback came, so that the deed was done. */
static bool run_cell(void)
{
    begin_cell();
    provoke();
    await_done();
    free_pool();
    free_others();
    ck_assert_int_eq(event_base_dispatch(base), 1);
    event_base_free(base);
    base = NULL;
    db = NULL;
    alarm(0);
    return acted;
}

START_TEST(of_a_callback_and_a_deed)
{
    int n_acted = 0, first, last;

    callback = (enum callback)(_i / N_DEEDS);
    deed = (enum deed)(_i % N_DEEDS);
    first = sized((int)(callback + deed) % N_STATES, 0);
    last = sized(first + 1, N_STATES);
    signal(SIGALRM, SIG_DFL); /* which Check has taken */
    for (state = (enum state)first; state < (enum state)last; state++)
        n_acted += run_cell();
    fprintf(stderr, "# %s, deed %d: %d of %d\n", callbacks[callback], deed, n_acted, last - first);
    ck_assert(n_acted >= 1 || callback == LOGIN);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("reentry_pool");
    TCase *tcase = tcase_create("matrix");

    tcase_set_timeout(tcase, N_STATES * WATCHDOG_S + 10);
    tcase_add_loop_test(tcase, of_a_callback_and_a_deed, 0, N_CALLBACKS * N_DEEDS);
    suite_add_tcase(suite, tcase);
    return run_suite(suite, true);
}
