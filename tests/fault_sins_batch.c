/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fault_sins_batch: a server that says what it must not, or whose bytes are changed, while a batch,
 * sets of parameters or a transaction are in some phase, on a connection and on a pool of one; F13
 * to F15.
 *
 * The server says again what the real one has said to the same requests. Values are of a letter of
 * their own.
 */
#include "batching.h"
#include "oracle.h"
#include "replay.h"
#include "sins.h"
#include "txn.h"

#include <stdio.h>

enum phase { SENT, ROWS, PAUSED, BETWEEN, CANCELED, CLOSING, IN_TX, WINDOWS, N_PHASES };

enum { N_ROWS = 200, N_SETS = 600, PATIENCE_MS = SANITIZED ? 200 : 60 };

static struct recording recording;
static struct replay *replay;
static char conninfo[128];
static enum phase phase;
static bool pooled, may_pause;
static struct outcome *all, *before, *behind;
static struct txn *txn;
static int n_closed, n_lost;

static void on_lost(struct evpg_db *losing, const struct evpg_error *error, void *arg)
{
    (void)losing;
    (void)error;
    (void)arg;
    n_lost++;
}

static void on_closed(struct evpg_db *closed, size_t cut_off, void *arg)
{
    (void)closed;
    (void)cut_off;
    (void)arg;
    n_closed++;
}

static enum evpg_flow take_row(const struct evpg_row *row, struct outcome *outcome)
{
    (void)row;
    return phase == PAUSED && outcome->n_rows == 10 ? EVPG_PAUSE : EVPG_NEXT;
}

static void submit_bundle(struct evpg_db *on)
{
    struct outcome *first = new_outcome();

    first->on_row = take_row;
    begin_batch_on(on);
    add_member(first, "select repeat('a', 20) from generate_series(1, 200)", EVPG_NO_PARAMS);
    member("set local work_mem = '1MB'", EVPG_NO_PARAMS);
    member_kept("select repeat('b', 20)", EVPG_NO_PARAMS);
    member("select repeat('c', 20) from generate_series(1, 2)", EVPG_NO_PARAMS);
    all = submit_batch();
    if (may_pause)
        evpg_request_set_flags(all->request, EVPG_MAY_PAUSE);
}

static void submit_sets(void)
{
    struct evpg_param sets[N_SETS];

    for (int i = 0; i < N_SETS; i++)
        sets[i] = evpg_int32(i);
    all = new_outcome();
    note_submit(all, evpg_many(db, "select $1", sets, 1, N_SETS, record_done, all));
    ck_assert_ptr_nonnull(all->request);
}

static void bundle_and_commit(struct txn *begun)
{
    submit_bundle(begun->tx);
    evpg_commit(begun->tx);
}

static void submit_all(void)
{
    all = NULL;
    txn = NULL;
    before = query("select repeat('p', 20)", EVPG_NO_PARAMS);
    if (phase == IN_TX)
        txn = txn_on_db(bundle_and_commit);
    else if (phase == WINDOWS)
        submit_sets();
    else
        submit_bundle(db);
    behind = query("select repeat('q', 20)", EVPG_NO_PARAMS);
}

/* Unprepared, so that the answer to a statement is its own. */
static void make_db(void)
{
    const struct evpg_conn_config *unprepared = &EVPG_CONN_CONFIG(.max_prepared_statements = -1);

    if (pooled) {
        db = evpg_pool_new(base, conninfo,
                           &EVPG_POOL_CONFIG(.max_connections = 1, .connection = unprepared));
        return;
    }
    db = evpg_conn_new(base, conninfo, unprepared);
    evpg_setcb(db, NULL, on_lost, NULL);
    ck_assert_ptr_nonnull(evpg_open(db, note_opening, NULL));
}

static bool is_over(void)
{
    return all_done() && (!txn || txn->done);
}

static bool is_anothers(const char *value, char own)
{
    for (const char *letter = "abcpq"; *letter; letter++)
        if (*letter != own && strchr(value, *letter))
            return true;
    return false;
}

/* Of what has succeeded, all has come, and no value is another's. A row more, amid rows, is a row
 * more. */
static void check_values(const char *name)
{
    const char letters[] = "a bc";

    for (int i = 0; i < n_members(); i++)
        for (int n = 0; n < member_at(i + 1)->n_rows * member_at(i + 1)->n_columns; n++)
            ck_assert_msg(!is_anothers(member_at(i + 1)->cells[n], letters[i]),
                          "%s: member %d has %s", name, i + 1, member_at(i + 1)->cells[n]);
    ck_assert_int_ge(member_at(1)->n_rows, N_ROWS);
    ck_assert(phase == ROWS || phase == PAUSED || member_at(1)->n_rows == N_ROWS);
}

/* Canceled or closed too late, or a value has failed: some members may have succeeded then. */
static bool was_done(void)
{
    return all->error && evpg_error_fate(all->error) == EVPG_FATE_EXECUTED;
}

/* In order, once; all of it has succeeded, or nothing. */
static void check_told(const char *name)
{
    bool well = all && all->completions == 1 && !all->error;

    if (all && phase != WINDOWS)
        check_sequence(all);
    for (int i = 0; all && phase != WINDOWS && i < n_members(); i++)
        ck_assert_msg(!member_at(i + 1)->error == well || was_done(),
                      "%s: member %d has %s, and all has not", name, i + 1,
                      well ? "failed" : "succeeded");
    ck_assert_msg(!well || phase != WINDOWS || all->rows == N_SETS, "%s: %d sets", name,
                  well ? (int)all->rows : 0);
    if (!txn)
        return;
    ck_assert_int_eq(txn->done, 1);
    ck_assert_msg(txn->error || well, "%s: committed, without its batch", name);
}

static bool has_succeeded(void)
{
    return all && !all->error && (!txn || !txn->error);
}

static void forget_txn(void)
{
    free_txns();
    txn = NULL;
}

/* And of what is nobody's fault nothing is left. */
static void run_well(void)
{
    enum phase was = phase;

    phase = was == PAUSED ? ROWS : was;
    make_db();
    submit_all();
    while (!is_over())
        turn();
    ck_assert_msg(has_succeeded() && !before->error && !behind->error, "%s",
                  all->error ? evpg_error_message(all->error) : "");
    ck_assert_str_eq(cell(behind, 0, 0), "qqqqqqqqqqqqqqqqqqqq");
    check_told("without a sin");
    if (phase != WINDOWS)
        check_values("without a sin");
    evpg_free(db);
    db = NULL;
    forget_txn();
    phase = was;
}

static void be_recorded(int port)
{
    snprintf(conninfo, sizeof(conninfo), "host=127.0.0.1 port=%d sslmode=disable", port);
    run_well();
}

static void begin_replay(int cell, replay_choose_cb choose)
{
    phase = (enum phase)(cell / 2);
    pooled = cell % 2;
    may_pause = phase == PAUSED;
    base = event_base_new();
    recording_make(&recording, base, be_recorded);
    replay = replay_new(base, &recording, choose);
    snprintf(conninfo, sizeof(conninfo), "host=127.0.0.1 port=%d sslmode=disable user=n0",
             replay_port(replay));
    run_well();
    heart_start();
}

static void end_replay(void)
{
    replay_stop_at(replay, SIZE_MAX);
    run_well();
    heart_stop();
    end();
    replay_free(replay);
    recording_free(&recording);
}

/* The bundle's. */
static size_t largest_group(void)
{
    size_t largest = 0;

    for (size_t i = 1; i < recording.n_groups; i++)
        if (recording.group[i + 1] - recording.group[i] >
            recording.group[largest + 1] - recording.group[largest])
            largest = i;
    return largest;
}

/* Where the server stops to speak, until it sins. */
static size_t place(void)
{
    size_t group = largest_group(), rows = recording_find(&recording, group, 'D');

    if (phase == ROWS || phase == PAUSED)
        return rows + N_ROWS / 2;
    if (phase == BETWEEN || phase == CANCELED || phase == IN_TX)
        return rows + N_ROWS + 2;
    return recording.group[group] + (phase == WINDOWS ? 100 : 0);
}

static void enter(void)
{
    n_closed = n_lost = 0;
    replay_stop_at(replay, place());
    make_db();
    submit_all();
    while (!before->completions || (phase == IN_TX && !all) ||
           ((phase == ROWS || phase == PAUSED) && member_at(1)->n_rows < 10))
        turn();
    for (int i = 0; i < 3; i++)
        event_base_loop(base, EVLOOP_NONBLOCK);
    if (phase == CANCELED)
        evpg_request_cancel(all->request);
    if (phase == CLOSING)
        ck_assert_int_eq(evpg_close(db, -1, on_closed, NULL), 0);
}

static void go_on(void)
{
    if (phase == PAUSED)
        run_for(5);
    replay_go_on(replay);
    if (phase == PAUSED)
        evpg_request_resume(all->request);
}

/* Done by themselves; or, where something waits for ever, by a deadline. True: by that. */
static bool finish(int patience_ms)
{
    double end = now_ms() + patience_ms;
    int passes = 0;

    for (; now_ms() < end && !is_over(); passes++)
        turn();
    ck_assert_msg(passes < 300 + 2 * patience_ms, "something spins: %d passes", passes);
    if (is_over())
        return false;
    if (phase == CLOSING)
        evpg_free(db);
    else
        ck_assert_int_eq(evpg_close(db, 20, on_closed, NULL), 0);
    if (phase != CLOSING)
        ck_assert(await_flag(&n_closed, SANITIZED ? 3000 : 300));
    db = phase == CLOSING ? NULL : db;
    ck_assert(is_over());
    return true;
}

static void check_sent(const struct sin *sin, bool stuck)
{
    bool well = has_succeeded();

    if (sin->end == HARMLESS)
        ck_assert_msg(well && !stuck && !behind->error, "%s was to be passed over", sin->name);
    if (sin->end == REFUSED || sin->end == ENDED)
        ck_assert_msg(!well, "%s has passed for an answer", sin->name);
    if (sin->end != HARMLESS && sin->end != ANY_END && !pooled)
        ck_assert_msg(n_lost, "%s: the connection is kept", sin->name);
}

static void suffer(const struct sin *sin)
{
    size_t length;
    void *bytes = sin_bytes(sin, &length);
    bool stuck;

    enter();
    replay_say(replay, bytes, length);
    go_on();
    stuck = finish(sin->end == HARMLESS ? 5000 : PATIENCE_MS);
    check_told(sin->name);
    if (phase != WINDOWS && has_succeeded())
        check_values(sin->name);
    if (phase == SENT)
        check_sent(sin, stuck);
    evpg_free(db);
    db = NULL;
    forget_txn();
    free(bytes);
}

START_TEST(each_sin)
{
    size_t step = (size_t)sized(4, 1);

    begin_replay(_i, NULL);
    for (size_t i = (size_t)_i % step; i < n_sins; i += step)
        suffer(&sins[i]);
    end_replay();
}
END_TEST

/* Somewhere in what is still to come. */
static struct distortion flip_later(long number)
{
    size_t first = recording.message[place()];
    unsigned x = (unsigned)number * 2654435761u;

    if (number == 0)
        return (struct distortion){.kind = HONEST};
    return (struct distortion){.kind = FLIP,
                               .at = first + (x >> 8) % (recording.length - first),
                               .mask = (unsigned char)(1 + x % 255)};
}

START_TEST(f13_flips)
{
    char name[32], *user;

    begin_replay(_i, flip_later);
    user = strstr(conninfo, "=n0") + 1;
    for (int i = 1; i <= sized(20, 1000); i++) {
        snprintf(name, sizeof(name), "n%d", i);
        strcpy(user, name);
        enter();
        go_on();
        finish(PATIENCE_MS);
        check_told(name);
        evpg_free(db);
        db = NULL;
        forget_txn();
    }
    strcpy(user, "n0");
    end_replay();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("fault_sins_batch");
    TCase *tcase = tcase_create("sins");

    tcase_set_timeout(tcase, sized(120, 1200));
    tcase_add_loop_test(tcase, each_sin, 0, 2 * N_PHASES);
    tcase_add_loop_test(tcase, f13_flips, 0, 2 * N_PHASES);
    suite_add_tcase(suite, tcase);
    return run_suite(suite, true);
}
