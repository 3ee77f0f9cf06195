/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fault_sins: a server that says what it must not, in each phase of a connection; or floods it; or
 * whose bytes are changed; F13 to F15, F42.
 *
 * The server says again what the real one has said to the same requests. A request's values are of
 * a letter of its own.
 */
#include "oracle.h"
#include "replay.h"
#include "sins.h"

#include <arpa/inet.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

enum phase { OPENING, IDLE, IN_TRANSACTION, QUEUED, SENT, ROWS, PAUSED, CLOSING, N_PHASES };

static const char *const plan[] = {
    "select repeat('a', 20)",
    "select repeat('b', 20)",
    "begin",
    "select repeat('c', 20)",
    "commit",
    "select repeat('d', 20) from generate_series(1, 200)",
    "select repeat('e', 20)",
};

enum { N_REQUESTS = sizeof(plan) / sizeof(*plan), PATIENCE_MS = SANITIZED ? 200 : 60 };

static const char letters[] = "ab c de";

static struct recording recording;
static struct replay *replay;
static char conninfo[128];
static enum phase phase;
static struct outcome *request[N_REQUESTS];
static int n_lost, n_closed, n_heard;
static enum evpg_code lost_code;

static void on_lost(struct evpg_db *losing, const struct evpg_error *error, void *arg)
{
    (void)losing;
    (void)arg;
    n_lost++;
    lost_code = evpg_error_code(error);
}

static void on_notification(const struct evpg_notification *note, void *arg)
{
    (void)note;
    (void)arg;
    n_heard++;
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

static void submit_from(int first, int last)
{
    for (int i = first; i < last; i++) {
        request[i] = new_outcome();
        request[i]->number = i;
        request[i]->on_row = take_row;
        submit(request[i], plan[i], EVPG_NO_PARAMS);
    }
}

/* Unprepared, so that the answer to a request is its own. */
static struct evpg_db *make_conn(void)
{
    return evpg_conn_new(base, conninfo, &EVPG_CONN_CONFIG(.max_prepared_statements = -1));
}

static void open_db(void)
{
    n_openings = 0;
    ck_assert_ptr_nonnull(evpg_open(db, note_opening, NULL));
}

static void await_open(void)
{
    ck_assert(await_flag(&n_openings, 5000));
    ck_assert_msg(!open_error, "%s", open_error ? evpg_error_message(open_error) : "");
}

static void be_recorded(int port)
{
    snprintf(conninfo, sizeof(conninfo), "host=127.0.0.1 port=%d sslmode=disable", port);
    db = make_conn();
    phase = SENT;
    open_db();
    submit_from(0, N_REQUESTS);
    await_all();
    check_all_succeeded();
    evpg_free(db);
}

static void begin_replay(replay_choose_cb choose)
{
    base = event_base_new();
    recording_make(&recording, base, be_recorded);
    replay = replay_new(base, &recording, choose);
    snprintf(conninfo, sizeof(conninfo), "host=127.0.0.1 port=%d sslmode=disable user=n0",
             replay_port(replay));
    db = NULL;
    heart_start();
}

static void end_replay(void)
{
    heart_stop();
    end();
    replay_free(replay);
    recording_free(&recording);
}

/* Where the server stops to speak, until it sins. */
static size_t place(void)
{
    if (phase == OPENING)
        return recording_find(&recording, 0, 'S') + 3;
    if (phase == ROWS || phase == PAUSED)
        return recording_find(&recording, 6, 'D') + 150;
    return phase == IDLE || phase == IN_TRANSACTION ? SIZE_MAX : recording.group[1];
}

static void enter(void)
{
    n_lost = n_closed = 0;
    db = make_conn();
    evpg_setcb(db, on_notification, on_lost, NULL);
    replay_stop_at(replay, place());
    open_db();
    if (phase != OPENING)
        await_open();
    if (phase != IDLE && phase != IN_TRANSACTION)
        submit_from(0, N_REQUESTS);
    else
        submit_from(0, phase == IDLE ? 2 : 3);
    if (phase == QUEUED)
        evpg_request_set_flags(request[0]->request, EVPG_EXCLUSIVE);
    if (phase == IDLE || phase == IN_TRANSACTION)
        await_all();
    else if (phase == ROWS || phase == PAUSED)
        while (request[5]->n_rows < 10)
            turn();
    else
        for (int i = 0; i < 3; i++)
            event_base_loop(base, EVLOOP_NONBLOCK);
    if (phase == CLOSING)
        ck_assert_int_eq(evpg_close(db, -1, on_closed, NULL), 0);
}

static void go_on(void)
{
    if (phase == PAUSED)
        run_for(5);
    replay_go_on(replay);
    if (phase == PAUSED)
        evpg_request_resume(request[5]->request);
    if (phase != IDLE && phase != IN_TRANSACTION)
        return;
    for (int i = 0; i < 3; i++)
        event_base_loop(base, EVLOOP_NONBLOCK);
    submit_from(phase == IDLE ? 2 : 3, N_REQUESTS);
}

/* Whether all came to its end within that time; nothing spins meanwhile. */
static bool comes_to_an_end(int ms)
{
    double end = now_ms() + ms;
    int passes = 0;

    for (; now_ms() < end && !(all_done() && (phase != CLOSING || n_closed)); passes++)
        turn();
    ck_assert_msg(passes < 300 + 2 * ms, "something spins: %d passes in %d ms", passes, ms);
    return all_done() && (phase != CLOSING || n_closed);
}

/* Done by themselves; or, where something waits for ever, by a deadline. True: by that. */
static bool finish(int patience_ms)
{
    if (comes_to_an_end(patience_ms))
        return false;
    if (phase != CLOSING) {
        ck_assert_int_eq(evpg_close(db, 20, on_closed, NULL), 0);
        ck_assert(await_flag(&n_closed, SANITIZED ? 3000 : 300));
    }
    evpg_free(db);
    db = NULL;
    ck_assert(all_done());
    ck_assert_int_eq(n_closed, 1);
    return true;
}

static int count_letters(const char *text, char letter)
{
    int count = 0;

    for (; text && *text; text++)
        count += *text == letter;
    return count;
}

/* Nobody has a value of somebody else's, though a letter of it may be changed. */
static void check_values(const char *name)
{
    for (int i = 0; i < N_REQUESTS; i++)
        for (int n = 0; n < request[i]->n_rows * request[i]->n_columns; n++)
            for (const char *letter = "abcde"; *letter; letter++)
                ck_assert_msg(*letter == letters[i] ||
                                  count_letters(request[i]->cells[n], *letter) < 10,
                              "%s: request %d has %s", name, i, request[i]->cells[n]);
}

static bool all_succeeded(void)
{
    for (int i = 0; i < N_REQUESTS; i++)
        if (request[i]->completions != 1 || request[i]->error)
            return false;
    return true;
}

static void check_sent(const struct sin *sin, bool stuck)
{
    bool well = all_succeeded();

    if (sin->end == HARMLESS)
        ck_assert_msg(well && !stuck && !n_lost, "%s was to be passed over", sin->name);
    if (sin->end == REFUSED)
        ck_assert_msg(n_lost && lost_code == EVPG_E_PROTOCOL, "%s: code %d", sin->name, lost_code);
    if (sin->end == ENDED)
        ck_assert_msg(n_lost && lost_code == EVPG_E_LOST, "%s: code %d", sin->name, lost_code);
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
    check_values(sin->name);
    if (phase == SENT)
        check_sent(sin, stuck);
    if (phase == IDLE && sin->end == ENDED)
        ck_assert_msg(n_lost && lost_code == EVPG_E_LOST, "%s: code %d", sin->name, lost_code);
    if (phase == IDLE && strncmp(sin->name, "an error", 8) == 0 && sin->end == REFUSED)
        ck_assert_msg(n_lost, "%s was passed over", sin->name);
    ck_assert_msg(stuck || n_lost || phase == OPENING || phase == CLOSING || all_succeeded() ||
                      sin->end == ANY_END,
                  "%s: neither did all go well nor is it lost", sin->name);
    evpg_free(db);
    free(bytes);
}

/* And the next connection finds all as it should be. */
static void run_well(void)
{
    phase = SENT;
    replay_stop_at(replay, SIZE_MAX);
    db = make_conn();
    open_db();
    submit_from(0, N_REQUESTS);
    await_all();
    ck_assert(all_succeeded());
    ck_assert_int_eq(request[5]->n_rows, 200);
    evpg_free(db);
    db = NULL;
}

START_TEST(each_sin_in_each_phase)
{
    begin_replay(NULL);
    for (size_t i = 0; i < n_sins; i++) {
        phase = (enum phase)_i;
        suffer(&sins[i]);
    }
    run_well();
    end_replay();
}
END_TEST

/* Somewhere in what is still to come. */
static struct distortion flip_later(long number)
{
    size_t group = phase == IDLE ? 3 : phase == IN_TRANSACTION ? 4 : 0;
    size_t first = recording.message[group ? recording.group[group] : place()];
    unsigned x = (unsigned)number * 2654435761u;

    return (struct distortion){.kind = FLIP,
                               .at = first + (x >> 8) % (recording.length - first),
                               .mask = (unsigned char)(1 + x % 255)};
}

START_TEST(f13_flips_in_each_phase)
{
    char name[32], *user;

    begin_replay(flip_later);
    user = strstr(conninfo, "=n0") + 1;
    for (int i = 0; i < sized(100, 3000); i++) {
        phase = (enum phase)_i;
        snprintf(name, sizeof(name), "n%d", i);
        strcpy(user, name);
        enter();
        go_on();
        finish(PATIENCE_MS);
        check_values(name);
        evpg_free(db);
    }
    db = NULL;
    end_replay();
}
END_TEST

static int n_noticed;

static void on_notice(struct evpg_db *noticed, const struct evpg_error *notice, void *arg)
{
    (void)noticed;
    (void)notice;
    (void)arg;
    n_noticed++;
}

enum { N_FLOODS = 3 };

/* In pieces, so that what is held back is not the test's own. */
static void flood(const struct sin *sin, int times)
{
    long before = resident_kib(), most = before;
    size_t length;
    void *bytes = sin_bytes(sin, &length);

    for (int i = 0; i < times; i += sin->times) {
        replay_say(replay, bytes, length);
        if (phase != PAUSED)
            turn();
        most = resident_kib() > most ? resident_kib() : most;
    }
    free(bytes);
    fprintf(stderr, "# %s: grown by %ld KiB at the most\n", sin->name, most - before);
    ck_assert(SANITIZED || phase == PAUSED || most - before <= 1024);
}

/* What floods the connection passes by, and is not kept; while rows are paused, nobody reads it. */
START_TEST(f42_floods)
{
    static const enum phase phases[] = {IDLE, ROWS, PAUSED};
    static const struct sin floods[N_FLOODS] = {
        {"notifications", HARMLESS, {{'A', "\0\0\0\1x\0y", 8, 0}}, 500},
        {"notices", HARMLESS, {{'N', "SNOTICE\0C00000\0Mscripted\0", 26, 0}}, 500},
        {"parameters", HARMLESS, {{'S', "x\0y", 4, 0}}, 500},
    };
    const int times[N_FLOODS] = {200000, 100000, 200000};
    int kind = _i % N_FLOODS;

    begin_replay(NULL);
    phase = phases[_i / N_FLOODS];
    n_heard = n_noticed = 0;
    enter();
    evpg_set_hooks(db, &EVPG_HOOKS(.notice = on_notice), NULL);
    flood(&floods[kind], times[kind]);
    go_on();
    await_all();
    while (n_heard < (kind == 0 ? times[kind] : 0) || n_noticed < (kind == 1 ? times[kind] : 0))
        turn();
    ck_assert(all_succeeded());
    ck_assert_int_eq(n_heard, kind == 0 ? times[kind] : 0);
    ck_assert_int_eq(n_noticed, kind == 1 ? times[kind] : 0);
    evpg_free(db);
    db = NULL;
    end_replay();
}
END_TEST

static int pair[2], n_woken;
static struct event *pair_event;

static void on_pair(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    (void)arg;
    n_woken++;
    event_del(pair_event);
}

/* libpq has closed its socket, and this one has the same number. */
static void use_descriptor_again(struct evpg_db *noticed, const struct evpg_error *notice,
                                 void *old_descriptor)
{
    (void)noticed;
    (void)notice;
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    ck_assert_int_eq(pair[0], *(int *)old_descriptor);
    pair_event = event_new(base, pair[0], EV_READ | EV_PERSIST, on_pair, NULL);
    event_add(pair_event, NULL);
}

static struct distortion end_by_reset(long number)
{
    (void)number;
    return (struct distortion){.kind = CUT_HARD, .at = SIZE_MAX};
}

/* A notice so long that libpq, which is cut off by a reset, has not read all of it when it closes
 * its socket; it is told afterwards, and nothing of ours is left in the loop then that belongs to
 * the socket. */
START_TEST(a_descriptor_is_used_again)
{
    enum { LENGTH = 40000 };
    static unsigned char notice[1 + 4 + LENGTH];
    const uint32_t said = htonl(4 + LENGTH);
    int descriptor;

    memset(notice, 'x', sizeof(notice));
    notice[0] = 'N';
    memcpy(notice + 1, &said, 4);
    memcpy(notice + 5, "SNOTICE\0C00000\0M", 16);
    memset(notice + sizeof(notice) - 2, 0, 2);
    begin_replay(end_by_reset);
    phase = IDLE;
    enter();
    descriptor = PQsocket(evpg_pgconn(db));
    evpg_set_hooks(db, &EVPG_HOOKS(.notice = use_descriptor_again), &descriptor);
    replay_say(replay, notice, sizeof(notice));
    replay_end(replay);
    ck_assert(await_flag(&n_lost, 1000));
    ck_assert_ptr_nonnull(pair_event);
    ck_assert_int_eq(write(pair[1], "x", 1), 1);
    ck_assert(await_flag(&n_woken, 1000));
    event_free(pair_event);
    close(pair[0]);
    close(pair[1]);
    evpg_free(db);
    db = NULL;
    end_replay();
}
END_TEST

/* A message that claims to be long takes no memory before it has come. */
START_TEST(f14_claims)
{
    long before;

    begin_replay(NULL);
    phase = SENT;
    run_well();
    before = resident_kib();
    for (size_t i = 0; i < n_sins; i++)
        if (sins[i].message[0].claims > 1000)
            suffer(&sins[i]);
    fprintf(stderr, "# grown by %ld KiB\n", resident_kib() - before);
    ck_assert(SANITIZED || resident_kib() - before <= 1024);
    run_well();
    end_replay();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("fault_sins");
    TCase *tcase = tcase_create("sins");

    tcase_set_timeout(tcase, 120);
    tcase_add_loop_test(tcase, each_sin_in_each_phase, 0, N_PHASES);
    tcase_add_loop_test(tcase, f13_flips_in_each_phase, 0, N_PHASES);
    tcase_add_test(tcase, a_descriptor_is_used_again);
    tcase_add_test(tcase, f14_claims);
    tcase_add_loop_test(tcase, f42_floods, 0, 3 * N_FLOODS);
    suite_add_tcase(suite, tcase);
    return run_suite(suite, true);
}
