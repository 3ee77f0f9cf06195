/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sweep: see sweep.h.
 *
 * Called by the sweeps over a server's stream. All sessions run in one loop, so that those that
 * wait for a deadline cost no time.
 */
#include "sweep.h"

#include "handed.h"

#include <stdio.h>

/* To be closed may take so long. */
enum { CLOSE_MS = 50, SLACK_MS = 3000 };

/* At once; how many in a batch; and how often the loop may turn for each of them, and besides, with
 * one more for each ms that those wait which are closed in the end: it takes a pass for each, and
 * for one that spins a hundred for each ms. */
enum { MANY = 64, BATCH = 200, PASSES_EACH = 3, PASSES_MORE = 500 };

struct recording recording;
struct sweep_counts sweep_counts;

static struct replay *replay;
static int port;
static replay_choose_cb choose;
static const struct sweep_plan *plan;
static struct sweep_session sessions[MANY];

void sweep_progress(struct sweep_session *session)
{
    session->progress_ms = own_ms();
}

void sweep_count(const struct evpg_error *error)
{
    if (!error) {
        sweep_counts.succeeded++;
        return;
    }
    sweep_counts.failed++;
    ck_assert(*evpg_error_message(error));
    ck_assert_uint_le(evpg_error_code(error), EVPG_E_MEMORY);
    sweep_counts.by_code[evpg_error_code(error)]++;
}

static void on_open(struct evpg_db *opened, const struct evpg_error *error, void *arg)
{
    struct sweep_session *session = arg;

    ck_assert_ptr_eq(opened, session->db);
    sweep_progress(session);
    session->openings++;
    session->opened = !error;
    sweep_counts.opened += !error;
}

static void on_closed(struct evpg_db *closed, size_t cut_off, void *arg)
{
    struct sweep_session *session = arg;
    double took = own_ms() - session->closing_ms;

    (void)cut_off;
    ck_assert_ptr_eq(closed, session->db);
    ck_assert(!session->closed);
    session->closed = true;
    sweep_counts.longest_ms = took > sweep_counts.longest_ms ? took : sweep_counts.longest_ms;
}

static struct distortion choose_any(long number)
{
    static const struct distortion honest = {.kind = HONEST};

    return choose && number >= 0 ? choose(number) : honest;
}

static unsigned char type_of(size_t message)
{
    return message < recording.n_messages ? recording.bytes[recording.message[message]] : 0;
}

/* Whether an error comes before the next ReadyForQuery. */
static bool precedes_error(size_t message)
{
    do
        message++;
    while (type_of(message) != 0 && type_of(message) != 'E' && type_of(message) != 'Z');
    return type_of(message) == 'E';
}

/* The message that begins at that byte; n_messages: none. */
static size_t message_at(size_t byte)
{
    size_t message = 0;

    while (message < recording.n_messages && recording.message[message] != byte)
        message++;
    return message;
}

/* A ReadyForQuery is left out or comes late, and an error comes: that is how a commit fails, too.
 */
static bool is_beyond_telling(struct distortion how)
{
    size_t at = how.kind == FLIP ? message_at(how.at) : how.at;

    if (how.kind == SWAP)
        return type_of(at) == 'Z' && type_of(at + 1) == 'E';
    if (how.kind != SKIP && how.kind != INSTEAD && how.kind != FLIP)
        return false;
    return type_of(at) == 'Z' && precedes_error(at);
}

static bool tells_the_truth(enum distortion_kind kind)
{
    return kind == HONEST || kind == CUT || kind == CUT_HARD || kind == MUTE;
}

static void start(struct sweep_session *session, long number)
{
    char user[32] = "", conninfo[128];

    memset(session, 0, sizeof(*session));
    session->work = calloc(1, plan->size);
    session->number = number;
    session->how = choose_any(number);
    session->true_answers = tells_the_truth(session->how.kind);
    session->beyond_telling = is_beyond_telling(session->how);
    if (number >= 0)
        snprintf(user, sizeof(user), "user=n%ld", number);
    snprintf(conninfo, sizeof(conninfo), "host=127.0.0.1 port=%d sslmode=disable %s", port, user);
    session->db = evpg_conn_new(base, conninfo, NULL);
    ck_assert_ptr_nonnull(session->db);
    ck_assert_ptr_nonnull(evpg_open(session->db, on_open, session));
    plan->begin(session);
    sweep_progress(session);
    sweep_counts.sessions++;
}

static bool is_over(const struct sweep_session *session)
{
    return plan->is_over(session) && session->openings && (!session->closing || session->closed);
}

/* True: and all of it went as it should. */
static bool finish(struct sweep_session *session)
{
    struct evpg_db *freed = session->db;
    bool went_well;

    session->db = NULL;
    evpg_free(freed);
    ck_assert_int_eq(session->openings, 1);
    went_well = plan->went_well(session) && session->opened;
    free(session->work);
    return went_well;
}

/* What waits for ever is closed, and that has an end. */
static void look_after(struct sweep_session *session)
{
    double now = own_ms();

    if (session->closing) {
        ck_assert_msg(now - session->closing_ms < CLOSE_MS + SLACK_MS, "session %ld hangs",
                      session->number);
        return;
    }
    if (now - session->progress_ms < plan->patience_ms)
        return;
    session->closing = true;
    session->closing_ms = now;
    sweep_counts.cut_off++;
    ck_assert_int_eq(evpg_close(session->db, CLOSE_MS, on_closed, session), 0);
}

/* Returns how many have ended. */
static long take_care(void)
{
    long n_ended = 0;

    for (int i = 0; i < MANY; i++) {
        struct sweep_session *session = &sessions[i];

        if (session->db && is_over(session)) {
            finish(session);
            n_ended++;
        } else if (session->db) {
            look_after(session);
        }
    }
    return n_ended;
}

static long launch(long number, long last)
{
    for (int i = 0; i < MANY && number < last; i++)
        if (!sessions[i].db)
            start(&sessions[i], number++);
    return number;
}

static void run_batch(long first, long last)
{
    long next = first, n_left = last - first, passes = 0;

    for (; n_left > 0; passes++) {
        next = launch(next, last);
        turn();
        n_left -= take_care();
    }
    ck_assert_msg(passes < (last - first) * PASSES_EACH + PASSES_MORE +
                               plan->patience_ms * (BATCH / MANY + 1),
                  "something spins: %ld passes for %ld sessions", passes, last - first);
    sweep_counts.passes += passes;
}

void sweep_run(long first, long n_sessions, replay_choose_cb how)
{
    long last = first + n_sessions;

    choose = how;
    for (long from = first; from < last; from += BATCH)
        run_batch(from, from + BATCH < last ? from + BATCH : last);
}

static void run_well(long number)
{
    struct sweep_session *session = &sessions[0];

    start(session, number);
    while (!is_over(session))
        turn();
    ck_assert_msg(finish(session), "session %ld did not go well", number);
}

static void be_recorded(int proxied)
{
    port = proxied;
    run_well(-1);
}

void sweep_begin(const struct sweep_plan *what)
{
    plan = what;
    base = event_base_new();
    recording_make(&recording, base, be_recorded);
    replay = replay_new(base, &recording, choose_any);
    port = replay_port(replay);
    choose = NULL;
    run_well(0);
    memset(&sweep_counts, 0, sizeof(sweep_counts));
    heart_start();
}

/* Of many sessions that are made, lost and freed in the same turns of one loop, in a process that
 * does the server's part as well. */
static void check_heart(void)
{
    const double most_ms = SANITIZED ? 500 : 200;
    double worst = heart_end();

    ck_assert_msg(worst <= most_ms, "the heartbeat's worst gap was %.1f ms", worst);
    fprintf(stderr, "# worst gap %.1f ms\n", worst);
}

void sweep_end(void)
{
    check_heart();
    choose = NULL;
    run_well(0);
    run_for(20);
    ck_assert_int_eq(replay_live(replay), 0);
    ck_assert_int_eq(handed_results(), 0);
    replay_free(replay);
    recording_free(&recording);
    event_base_free(base);
}

void sweep_tell(const char *what)
{
    const struct sweep_counts *n = &sweep_counts;

    fprintf(
        stderr,
        "# %s: %ld sessions in %ld passes, %ld opened, %ld cut off by the deadline (the longest in"
        " %.0f ms); requests: %ld succeeded, %ld failed: server %ld, lost %ld, protocol %ld,"
        " memory %ld\n",
        what, n->sessions, n->passes, n->opened, n->cut_off, n->longest_ms, n->succeeded, n->failed,
        n->by_code[EVPG_E_SERVER], n->by_code[EVPG_E_LOST], n->by_code[EVPG_E_PROTOCOL],
        n->by_code[EVPG_E_MEMORY]);
}
