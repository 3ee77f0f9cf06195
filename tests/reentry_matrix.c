/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * reentry_matrix: every callback does everything that is legal in it, in every state there is.
 *
 * A cell of the table is a callback, a deed, and what the connection is doing meanwhile. In each:
 * one completion of what was accepted and not abandoned, no row after it, nothing at all once
 * evpg_free has returned, and the loop ends when the connection is freed or closed. Cells that
 * cannot be are left out, by the table `callbacks` and by of_itself. A process runs the cells of
 * one callback and one deed; a watchdog ends it where one hangs. At the end it is said how many
 * have run, and which have failed.
 */
#include "deeds.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

enum state { IDLE, ONE, PIPELINE, MID_ROWS, PAUSED, N_STATES };
enum callback { ROW, DONE, OPEN, NOTICE, NOTIFICATION, LOSS, LOG, N_CALLBACKS };

enum { WATCHDOG_S = 20, ROWS = 1500, ROWS_BEFORE = 100 };

#define SERIES "select n, repeat('x', 100) from generate_series(1,1500) n"
#define NOISY_SERIES "select n, pg_temp.noisy(n) from generate_series(1,1500) n"
#define FATAL_SERIES                                                                               \
    "select n, repeat('x', 100), case when n = 1200 then pg_terminate_backend(pg_backend_pid())"   \
    " end from generate_series(1,1500) n"
#define NOISY                                                                                      \
    "create function pg_temp.noisy(n int) returns int language plpgsql as"                         \
    " $$begin raise notice '%', n; return n; end$$"

/* The cell, and how far it has come. */
static enum callback callback;
static enum state state;
static const struct deed *deed;
static bool armed, acted;
static struct outcome *watched; /* the one whose row or completion acts; else scene.series does */

enum { NOT_BEGUN, BEGUN, ENDED };
static unsigned char *progress; /* of each cell; shared by the processes */

/* The state is asked, not assumed. */
static bool is_in_state(void)
{
    const struct outcome *series = scene.series;

    if (state == IDLE)
        return all_done();
    if (series)
        return series->n_rows > 0 && series->n_rows < ROWS &&
               (series->completions == 0) == (callback != LOSS);
    for (int i = 0; i < scene.n_others && callback != LOSS; i++)
        if (scene.others[i]->completions != 0)
            return false;
    return true;
}

static void act(struct evpg_request *self, struct outcome *outcome)
{
    ck_assert(!scene.freed && !acted);
    ck_assert(is_in_state());
    acted = true;
    scene.self = self;
    scene.outcome = outcome;
    scene.down = callback == LOSS;
    deed->act();
}

static void be_refused(void)
{
    armed = true;
    ck_assert_ptr_null(evpg_query(db, "copy t to stdout", EVPG_NO_PARAMS, NULL, NULL, NULL));
    ck_assert_int_eq(errno, EINVAL);
}

/* What the callback has borrowed lasts until it returns, also when the connection is freed. */
static void act_in_row(const struct evpg_row *row, struct outcome *outcome)
{
    char value[16];

    snprintf(value, sizeof(value), "%s", evpg_row_text(row, 0));
    act(evpg_row_request(row), outcome);
    ck_assert_str_eq(evpg_row_text(row, 0), value);
}

static void act_amid_rows(const struct evpg_row *row, struct outcome *outcome)
{
    if (callback == ROW) {
        act_in_row(row, outcome);
    } else if (callback == DONE && !watched) {
        watched = try_post("select 'canceled'");
        evpg_request_cancel(watched->request);
    } else if (callback == NOTICE) {
        armed = true;
    } else if (callback == LOG && state == MID_ROWS) {
        be_refused();
    }
}

static enum evpg_flow on_row(const struct evpg_row *row, struct outcome *outcome)
{
    ck_assert(!scene.freed);
    if (outcome == watched && callback == ROW)
        act_in_row(row, outcome);
    if (outcome != scene.series || outcome->n_rows < ROWS_BEFORE || acted)
        return EVPG_NEXT;
    act_amid_rows(row, outcome);
    return state == PAUSED ? EVPG_PAUSE : EVPG_NEXT;
}

static void on_done(const struct evpg_result *result, struct outcome *outcome)
{
    ck_assert(!scene.freed);
    if (scene.freeing)
        ck_assert_int_eq(evpg_error_code(evpg_result_error(result)), EVPG_E_CLOSED);
    if (outcome == watched && callback == DONE)
        act(evpg_result_request(result), outcome);
    ck_assert_uint_eq(evpg_result_rows(result), (uint64_t)outcome->n_rows);
}

static void on_open(struct evpg_db *which, const struct evpg_error *error, void *arg)
{
    struct evpg_request **opening = arg;

    ck_assert_ptr_eq(which, db);
    ck_assert(!scene.freed && !error);
    scene.opened++;
    if (callback == OPEN && !acted) {
        scene.opened = 0;
        act(*opening, NULL);
    }
}

static void on_log(struct evpg_db *which, enum evpg_log_level level, const char *line, void *arg)
{
    (void)level;
    (void)line;
    (void)arg;
    ck_assert(!scene.freed);
    ck_assert_ptr_eq(which, db);
    if (callback == LOG && armed && !acted)
        act(NULL, NULL);
}

static void on_notice(struct evpg_db *which, const struct evpg_error *notice, void *arg)
{
    (void)arg;
    ck_assert(!scene.freed);
    ck_assert_ptr_eq(which, db);
    if (callback == NOTICE && armed && !acted)
        act(NULL, NULL);
    ck_assert_ptr_nonnull(evpg_error_field(notice, EVPG_FIELD_SEVERITY));
}

static void on_notification(const struct evpg_notification *note, void *arg)
{
    (void)arg;
    ck_assert(!scene.freed);
    if (callback == NOTIFICATION && !acted && is_in_state())
        act(NULL, NULL);
    ck_assert_str_eq(evpg_notification_channel(note), "here");
}

static void on_lost(struct evpg_db *which, const struct evpg_error *error, void *arg)
{
    (void)arg;
    ck_assert(!scene.freed);
    ck_assert_ptr_eq(which, db);
    ck_assert_int_eq(callback, LOSS);
    act(NULL, NULL);
    ck_assert_int_eq(evpg_error_code(error), EVPG_E_LOST);
}

/* What brings the connection into the state, and the callback about. */

struct outcome *try_post(const char *sql)
{
    struct outcome *outcome = new_outcome();

    outcome->on_row = on_row;
    outcome->on_done = on_done;
    outcome->discard = true;
    return submit(outcome, sql, EVPG_NO_PARAMS) ? outcome : NULL;
}

static struct outcome *post(const char *sql)
{
    struct outcome *outcome = try_post(sql);

    ck_assert_msg(outcome != NULL, "refused: %s", last_log());
    return outcome;
}

static void post_others(int n)
{
    while (n-- > 0)
        scene.others[scene.n_others++] = post("select pg_sleep(0.002)");
}

static void post_series_or_watched(void)
{
    if (state >= MID_ROWS)
        scene.series = post(SERIES);
    else
        watched = post("select 1");
}

static void provoke_row(void)
{
    post_series_or_watched();
    post_others(state == PIPELINE ? 4 : 0);
}

static void provoke_done(void)
{
    post_series_or_watched();
    post_others(state == PIPELINE ? 5 : state == ONE);
}

/* They wait for the opening, which is under way. */
static void provoke_open(void)
{
    post_others(state == PIPELINE ? 5 : state == ONE);
}

static void provoke_notice(void)
{
    post(NOISY);
    if (state == IDLE) {
        post("listen here");
        post("set trace_notify = on");
        post("set client_min_messages = debug1");
    }
    await_all();
    armed = state < MID_ROWS;
    if (state == IDLE)
        free(admin("notify here"));
    else if (state >= MID_ROWS)
        scene.series = post(NOISY_SERIES);
    else
        scene.others[scene.n_others++] = post("select pg_temp.noisy(1)");
    post_others(state == PIPELINE ? 4 : 0);
}

/* Amid rows it is seen only when they are there as soon as it is. */
static void provoke_notification(void)
{
    post("listen here");
    await_all();
    scene.n_others = 0;
    if (state == IDLE) {
        free(admin("notify here"));
        return;
    }
    post("select pg_notify('here', '')");
    if (state == MID_ROWS)
        scene.series = post(SERIES);
    post_others(state == PIPELINE ? 5 : 1);
    event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
    if (state == MID_ROWS)
        await_input(16000);
}

/* Where something is on the wire, there is also one that goes alone, and is not. */
static void provoke_loss(void)
{
    find_backend();
    if (state == MID_ROWS) {
        scene.series = post(FATAL_SERIES);
        return;
    }
    if (state != IDLE) {
        post("select pg_sleep(60)");
        post_others(state == PIPELINE ? 4 : 0);
        scene.others[scene.n_others++] = post("do $$begin end$$");
        run_for(10);
    }
    end_backend();
}

static void provoke_log(void)
{
    if (state >= MID_ROWS)
        scene.series = post(SERIES);
    post_others(state == PIPELINE ? 5 : state == ONE);
    if (state == MID_ROWS)
        return;
    if (state != IDLE && state != PAUSED)
        event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
    while (state == PAUSED && scene.series->n_rows < ROWS_BEFORE)
        turn();
    be_refused();
}

#define IN(state) (1U << (state))

/* No row comes when nothing was asked, and no rows in an opening; and a pause holds back what the
 * server says next: notifications, and the end of the connection. */
static const struct {
    const char *name;
    void (*provoke)(void);
    unsigned states;
    bool is_of_request;
} callbacks[N_CALLBACKS] = {
    {"row", provoke_row, IN(ONE) | IN(PIPELINE) | IN(MID_ROWS) | IN(PAUSED), true},
    {"done", provoke_done, IN(IDLE) | IN(ONE) | IN(PIPELINE) | IN(MID_ROWS) | IN(PAUSED), true},
    {"open", provoke_open, IN(IDLE) | IN(ONE) | IN(PIPELINE), true},
    {"notice", provoke_notice, IN(IDLE) | IN(ONE) | IN(PIPELINE) | IN(MID_ROWS) | IN(PAUSED),
     false},
    {"notification", provoke_notification, IN(IDLE) | IN(ONE) | IN(PIPELINE) | IN(MID_ROWS), false},
    {"loss", provoke_loss, IN(IDLE) | IN(ONE) | IN(PIPELINE) | IN(MID_ROWS), false},
    {"log", provoke_log, IN(IDLE) | IN(ONE) | IN(PIPELINE) | IN(MID_ROWS) | IN(PAUSED), false},
};

static const char *const states[N_STATES] = {"idle", "one on the wire", "a pipeline", "amid rows",
                                             "paused"};

static bool can_be(enum callback in, const struct deed *what, enum state when)
{
    return (callbacks[in].states & IN(when)) && (callbacks[in].is_of_request || !what->of_itself);
}

/* The running of the cells. */

static void begin_cell(void)
{
    static struct evpg_request *opening;

    memset(&scene, 0, sizeof(scene));
    armed = acted = false;
    watched = NULL;
    alarm(WATCHDOG_S);
    begin_closed(NULL, deed->limited ? &EVPG_CONN_CONFIG(.max_queued_requests = MOST_QUEUED)
                                     : &EVPG_CONN_CONFIG(0));
    evpg_set_hooks(db, &EVPG_HOOKS(.log = on_log, .notice = on_notice), NULL);
    evpg_setcb(db, on_notification, on_lost, NULL);
    opening = evpg_open(db, on_open, &opening);
    ck_assert_ptr_nonnull(opening);
    while (callback != OPEN && !scene.opened)
        turn();
    scene.opened = 0;
}

/* Two come when the server likes: a notice right behind the row that paused, and a notification
 * before the requests behind it are done. */
static void await_act(void)
{
    while (!acted) {
        turn();
        if (acted || state == IDLE)
            continue;
        if (callback == NOTICE && state == PAUSED && scene.series->n_rows >= ROWS_BEFORE)
            evpg_request_resume(scene.series->request);
        if (callback == NOTIFICATION && all_done())
            provoke_notification();
    }
}

static bool is_over(void)
{
    return scene.freed || scene.closed ||
           (all_done() && !deed->closes && scene.opened == scene.reopened);
}

static void await_end(void)
{
    if (scene.broke)
        free_now();
    while (!is_over()) {
        if (state == PAUSED && !deed->closes && scene.series->completions == 0)
            evpg_request_resume(scene.series->request);
        turn();
    }
}

/* Nothing is left in the loop: it returns by itself. */
static void check_loop_ends(void)
{
    ck_assert_int_eq(event_base_dispatch(base), 1);
    ck_assert_int_eq(scene.closed, deed->closes);
}

/* At the end, answers are still those of their questions; after a loss, on a new connection. */
static void run_cell(unsigned char *mine)
{
    *mine = BEGUN;
    begin_cell();
    callbacks[callback].provoke();
    await_act();
    await_end();
    if (scene.freed || scene.closed)
        check_loop_ends();
    if (!scene.freed && !evpg_pgconn(db))
        ck_assert_ptr_nonnull(evpg_open(db, on_open, NULL));
    end();
    alarm(0);
    *mine = ENDED;
}

START_TEST(of_a_callback_and_a_deed)
{
    callback = (enum callback)(_i / n_deeds);
    deed = &deeds[_i % n_deeds];
    signal(SIGALRM, SIG_DFL); /* which Check has taken */
    for (state = 0; state < N_STATES; state++)
        if (can_be(callback, deed, state))
            run_cell(&progress[_i * N_STATES + (int)state]);
}
END_TEST

/* How many have run; and which have not ended, for Check does not say it. */
static void tell_progress(int n_cells)
{
    int possible = 0, ended = 0;

    for (int i = 0; i < n_cells; i++) {
        enum callback in = (enum callback)(i / N_STATES / n_deeds);
        const struct deed *what = &deeds[i / N_STATES % n_deeds];
        enum state when = (enum state)(i % N_STATES);

        possible += can_be(in, what, when);
        ended += progress[i] == ENDED;
        if (progress[i] == BEGUN)
            printf("# failed: in %s: %s, %s\n", callbacks[in].name, what->name, states[when]);
    }
    printf("# %d cells have run, of %d; %d others cannot be\n", ended, possible,
           n_cells - possible);
}

int main(void)
{
    Suite *suite = suite_create("reentry_matrix");
    TCase *tcase = tcase_create("matrix");
    int status, n_cells = N_CALLBACKS * n_deeds * N_STATES;

    progress =
        mmap(NULL, (size_t)n_cells, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    tcase_set_timeout(tcase, N_STATES * WATCHDOG_S + 10);
    tcase_add_loop_test(tcase, of_a_callback_and_a_deed, 0, N_CALLBACKS * n_deeds);
    suite_add_tcase(suite, tcase);
    status = run_suite(suite, true);
    tell_progress(n_cells);
    return status;
}
