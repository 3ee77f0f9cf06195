/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fault_process: what the process suffers: signals, writes to a socket that is gone, being stopped,
 * a consumer that is slow; F32, F33, F37, F39.
 */
#include "oracle.h"
#include "server.h"

#include <signal.h>
#include <stdio.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

static void forget_db(void)
{
    evpg_free(db);
    db = NULL;
}

static char *long_text(size_t length)
{
    char *text = malloc(length + 1);

    memset(text, 'x', length);
    text[length] = '\0';
    return text;
}

/* 0: SIGPIPE would end the process; 1: it is ignored. The session dies while there is something to
 * be written, and nothing has been read of that yet. */
START_TEST(f32_writes_to_nobody)
{
    char *text = long_text(1 << 20);
    struct outcome *last;

    signal(SIGPIPE, _i == 0 ? SIG_DFL : SIG_IGN);
    begin(ALONE);
    ledger_begin();
    find_backend();
    submit(new_outcome(), "select pg_sleep(30)", EVPG_NO_PARAMS);
    run_for(20);
    server_signal(backend_pid(), SIGTERM);
    usleep(200000);
    for (int i = 0; i < 5; i++)
        submit(new_outcome(), "select length($1)", EVPG_PARAMS(evpg_text(text)));
    last = ledger_submit(5);
    await_all();
    ck_assert_int_eq(evpg_error_code(last->error), EVPG_E_LOST);
    ledger_check();
    ck_assert(signal(SIGPIPE, SIG_DFL) == (_i == 0 ? SIG_DFL : SIG_IGN));
    forget_db();
    end();
    free(text);
}
END_TEST

static volatile sig_atomic_t n_signals;

static void on_alarm(int signal_number)
{
    (void)signal_number;
    n_signals++;
}

/* Without SA_RESTART, a thousand times a second: system calls fail with EINTR. */
static void start_storm(void)
{
    const struct sigaction action = {.sa_handler = on_alarm};
    const struct itimerval every = {{0, 1000}, {0, 1000}};

    ck_assert_int_eq(sigaction(SIGALRM, &action, NULL), 0);
    ck_assert_int_eq(setitimer(ITIMER_REAL, &every, NULL), 0);
}

static void stop_storm(void)
{
    const struct itimerval never = {{0, 0}, {0, 0}};

    ck_assert_int_eq(setitimer(ITIMER_REAL, &never, NULL), 0);
    ck_assert_int_gt(n_signals, 50);
}

START_TEST(f33_a_storm_of_signals)
{
    char *text = long_text(300000);
    struct outcome *rows, *large;

    ledger_begin();
    start_storm();
    begin(_i);
    rows = new_outcome();
    rows->discard = true;
    submit(rows, "select generate_series(1, $1::int4)",
           EVPG_PARAMS(evpg_int32(sized(100000, 2000000))));
    ledger_submit(1000);
    large = query("select length($1)", EVPG_PARAMS(evpg_text(text)));
    await_all();
    run_for(60);
    stop_storm();
    check_all_succeeded();
    ck_assert_int_eq(rows->n_rows, sized(100000, 2000000));
    ck_assert_str_eq(cell(large, 0, 0), "300000");
    ck_assert_int_eq(ledger_check(), 1000);
    end();
    free(text);
}
END_TEST

static int n_opened;

static void on_open(struct evpg_db *opened, const struct evpg_error *error, void *arg)
{
    (void)opened;
    (void)arg;
    ck_assert_msg(!error, "%s", error ? evpg_error_message(error) : "");
    n_opened++;
}

START_TEST(f33_openings_in_a_storm)
{
    char conninfo[64];

    snprintf(conninfo, sizeof(conninfo), "host=127.0.0.1 port=%s", getenv("EVPG_TEST_TCP_PORT"));
    start_storm();
    begin_closed(conninfo, NULL);
    for (int i = 1; i <= 50; i++) {
        n_opened = 0;
        ck_assert_ptr_nonnull(evpg_open(db, on_open, NULL));
        ck_assert(await_flag(&n_opened, 10000));
        if (i < 50) {
            forget_db();
            db = evpg_conn_new(base, conninfo, NULL);
        }
    }
    stop_storm();
    end();
}
END_TEST

/* Has this process stopped for so long, and go on. Returns the child to wait for. */
static pid_t stop_for(int ms)
{
    pid_t pid = fork();

    if (pid == 0) {
        kill(getppid(), SIGSTOP);
        usleep((useconds_t)ms * 1000);
        kill(getppid(), SIGCONT);
        _exit(0);
    }
    return pid;
}

/* What has come meanwhile counts, though the deadline has passed as well. */
START_TEST(f37_stopped_and_continued)
{
    struct outcome *answered;
    double start;
    pid_t pid;

    begin(ALONE);
    answered = query("select pg_sleep(0.1)::text || 'x'", EVPG_NO_PARAMS);
    run_for(20);
    start = now_ms();
    ck_assert_int_eq(evpg_close(db, 200, NULL, NULL), 0);
    pid = stop_for(sized(600, 10000));
    while (now_ms() - start < sized(500, 9000))
        usleep(1000);
    await_all();
    ck_assert_outcome_ok(answered);
    ck_assert_str_eq(cell(answered, 0, 0), "x");
    waitpid(pid, NULL, 0);
    forget_db();
    end();
}
END_TEST

static enum evpg_flow pause_often(const struct evpg_row *row, struct outcome *outcome)
{
    (void)row;
    return outcome->n_rows % 1000 == 0 ? EVPG_PAUSE : EVPG_NEXT;
}

static void resume(evutil_socket_t fd, short what, void *arg)
{
    struct outcome *outcome = arg;

    (void)fd;
    (void)what;
    if (outcome->completions == 0)
        evpg_request_resume(outcome->request);
}

/* Rows are held up with what sends them, not in memory; a query behind waits its turn. */
START_TEST(f39_a_slow_consumer)
{
    const struct timeval every = {0, sized(5000, 50000)};
    int many = sized(300000, 1000000);
    struct event *timer;
    struct outcome *slow, *behind;
    long before;

    begin(ALONE);
    slow = new_outcome();
    slow->discard = true;
    slow->on_row = pause_often;
    submit(slow, "select n, repeat('x', 200) from generate_series(1, $1::int4) n",
           EVPG_PARAMS(evpg_int32(many)));
    behind = query("select 'behind'", EVPG_NO_PARAMS);
    timer = event_new(base, -1, EV_PERSIST, resume, slow);
    event_add(timer, &every);
    while (slow->n_rows < 20000)
        turn();
    before = resident_kib();
    while (slow->n_rows < many / 2)
        turn();
    ck_assert(SANITIZED || resident_kib() - before <= 64);
    ck_assert_int_eq(behind->completions, 0);
    while (!all_done())
        turn();
    ck_assert_int_eq(slow->n_rows, many);
    ck_assert_str_eq(cell(behind, 0, 0), "behind");
    check_all_succeeded();
    event_free(timer);
    end();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("fault_process");
    TCase *tcase = tcase_create("process");

    tcase_set_timeout(tcase, sized(90, 1200));
    tcase_add_loop_test(tcase, f32_writes_to_nobody, 0, 2);
    tcase_add_loop_test(tcase, f33_a_storm_of_signals, 0, N_LARGE_MODES);
    tcase_add_test(tcase, f33_openings_in_a_storm);
    tcase_add_test(tcase, f37_stopped_and_continued);
    tcase_add_test(tcase, f39_a_slow_consumer);
    suite_add_tcase(suite, tcase);
    return run_suite(suite, true);
}
