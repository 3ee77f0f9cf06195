/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sweep_kill: the connection is killed at each step of a session, which is a pass of the loop: by
 * RST, by FIN, half of it, and by the server's ending the session.
 *
 * The server's bytes come in small pieces, for many steps. A ledger shows whether the fates of what
 * was cut off are true.
 */
#include "oracle.h"
#include "proxy.h"
#include "server.h"

#include <libpq-fe.h>
#include <signal.h>
#include <stdio.h>

enum killing { RESET, CLOSE, HALF_CLOSE, TERMINATE, N_KILLINGS };
enum { PIECE = 16, PATIENCE_MS = 5000 };

static const char *const names[N_KILLINGS] = {"RST", "FIN", "half an end", "SIGTERM"};

static struct proxy *proxy;
static char conninfo[128];
static int n_lost;

static void on_lost(struct evpg_db *losing, const struct evpg_error *error, void *arg)
{
    (void)losing;
    (void)arg;
    n_lost++;
    ck_assert_int_eq(evpg_error_code(error), EVPG_E_LOST);
}

/* False: there is no session yet. */
static bool terminate(void)
{
    PGconn *pg = evpg_pgconn(db);

    if (!pg || n_openings == 0)
        return false;
    server_signal(PQbackendPID(pg), SIGTERM);
    return true;
}

static bool kill_by(enum killing killing)
{
    if (killing == TERMINATE)
        return terminate();
    if (proxy->counters.live == 0)
        return false;
    if (killing == RESET)
        proxy_reset(proxy);
    else if (killing == CLOSE)
        proxy_close(proxy);
    else
        proxy_half_close(proxy);
    return true;
}

static void submit_session(void)
{
    struct outcome *rows = new_outcome();

    ledger_submit(2);
    rows->discard = true;
    submit(rows, "select generate_series(1, 50)", EVPG_NO_PARAMS);
    submit(new_outcome(), "select 1 / 0", EVPG_NO_PARAMS);
    submit_script(new_outcome(), "select 1; select 2");
    ledger_submit(1);
}

static void pass(void)
{
    const struct timeval soon = {0, 2000};

    event_base_loopexit(base, &soon);
    event_base_loop(base, EVLOOP_ONCE);
}

/* True: it was killed before all was done. */
static bool run_session(int step, enum killing killing)
{
    double end = now_ms() + PATIENCE_MS;
    bool killed = false;

    n_openings = n_lost = 0;
    db = evpg_conn_new(base, conninfo, NULL);
    evpg_setcb(db, NULL, on_lost, NULL);
    ck_assert_ptr_nonnull(evpg_open(db, note_opening, NULL));
    submit_session();
    for (int i = 0; i < step && !all_done(); i++)
        pass();
    if (!all_done())
        killed = kill_by(killing);
    while (!all_done() && now_ms() < end)
        pass();
    ck_assert_msg(all_done(), "step %d: a request hangs", step);
    ck_assert_int_eq(n_openings, 1);
    ck_assert_int_le(n_lost, 1);
    evpg_free(db);
    db = NULL;
    proxy_close(proxy);
    return killed;
}

START_TEST(each_step)
{
    int step = 0, last_killed = 0, in_ledger;

    resources_note();
    base = event_base_new();
    proxy = proxy_new(base, getenv("PGHOST"), getenv("PGPORT"));
    proxy->settings.piece = PIECE;
    snprintf(conninfo, sizeof(conninfo), "host=127.0.0.1 port=%d sslmode=disable",
             proxy_port(proxy));
    ledger_begin();
    heart_start();
    while (step - last_killed < 40 || step < 100)
        if (run_session(++step, (enum killing)_i))
            last_killed = step;
    heart_stop();
    in_ledger = ledger_check();
    fprintf(stderr, "# %s: %d steps, %d of the ledger\n", names[_i], last_killed, in_ledger);
    ck_assert_int_gt(in_ledger, 60);
    ck_assert_int_gt(last_killed, 60);
    end();
    resources_check(8192);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sweep_kill");
    TCase *tcase = tcase_create("kill");

    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, each_step, 0, N_KILLINGS);
    suite_add_tcase(suite, tcase);
    return run_suite(suite, true);
}
