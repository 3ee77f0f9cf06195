/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sweep: see sweep.h.
 *
 * Called by the sweeps over a server's stream. All sessions run in one loop, so that those that
 * wait for a deadline cost no time. A request's values are of one letter, by which they are known
 * though a byte of them may have been changed.
 */
#include "sweep.h"

#include "handed.h"

#include <stdio.h>

/* Without progress for so long it is closed, and that may take so long. */
enum { PATIENCE_MS = SANITIZED ? 200 : 100, CLOSE_MS = 50, SLACK_MS = 3000 };

/* At once; how many in a batch; and how often the loop may turn for each of them, and besides: it
 * takes a pass for each, and for one that spins a hundred for each ms that it waits. */
enum { MANY = 64, BATCH = 200, PASSES_EACH = 3, PASSES_MORE = 500 };

#define TWENTY "repeat('%c', 20)"

static const struct {
    const char *sql;
    char letter; /* 0: it has no value */
    int rows;
    bool kept, script;
    const char *fails; /* with that SQLSTATE */
} plan[] = {
    {"listen sweep", 0, 0, false, false, NULL},
    {"select repeat('a', 20), 1", 'a', 1, false, false, NULL},
    {"select repeat('b', 20) from generate_series(1, 3)", 'b', 3, false, false, NULL},
    {"select repeat('c', 20)", 'c', 1, true, false, NULL},
    {"select 1 / 0", 0, 0, false, false, "22012"},
    {"select repeat('d', 20) from pg_notify('sweep', 'heard')", 'd', 1, false, false, NULL},
    {"do $$begin raise notice 'noticed'; end$$", 0, 0, true, false, NULL},
    {"select repeat('e', 20); select repeat('e', 20)", 'e', 2, false, true, NULL},
    {"select 'out of memory, lost synchronization'::int", 0, 0, false, true, "22P02"},
    {"select repeat('f', 20)", 'f', 1, false, false, NULL},
};

enum { N_REQUESTS = sizeof(plan) / sizeof(*plan) };

struct request {
    struct session *session;
    int i, accepted, completions, rows;
    bool ok;
};

struct session {
    long number;         /* -1: with the real server */
    bool true_answers;   /* whatever comes is what the real server has said */
    bool beyond_telling; /* whose answers are whose */
    struct evpg_db *db;
    struct request request[N_REQUESTS];
    int openings;
    bool opened;
    double progress_ms;
    bool closing, closed;
    double closing_ms;
};

struct recording recording;
struct sweep_counts sweep_counts;

static struct replay *replay;
static int port;
static replay_choose_cb choose;
static struct session sessions[MANY];
static int n_notified, n_noticed;

static void note_progress(struct session *session)
{
    session->progress_ms = now_ms();
}

/* Own letters must not be fewer than any other's. */
static void check_value(const struct request *request, const char *text)
{
    int counts[256] = {0};

    for (const char *at = text; at && *at; at++)
        counts[(unsigned char)*at]++;
    for (int c = 'a'; c <= 'f' && !request->session->beyond_telling; c++)
        ck_assert_msg(counts[c] < 10 || c == plan[request->i].letter,
                      "session %ld: request %d has \"%s\"", request->session->number, request->i,
                      text);
}

static enum evpg_flow on_row(const struct evpg_row *row, void *arg)
{
    struct request *request = arg;

    ck_assert_int_eq(request->completions, 0);
    note_progress(request->session);
    request->rows++;
    for (int i = 0; i < evpg_row_columns(row); i++)
        check_value(request, evpg_row_text(row, i));
    return EVPG_NEXT;
}

static void count(const struct evpg_error *error)
{
    if (!error) {
        sweep_counts.succeeded++;
        return;
    }
    sweep_counts.failed++;
    ck_assert_uint_le(evpg_error_code(error), EVPG_E_MEMORY);
    sweep_counts.by_code[evpg_error_code(error)]++;
}

static bool is_plans_error(const struct evpg_error *error)
{
    const char *sqlstate = evpg_error_sqlstate(error);

    return strcmp(sqlstate, "22012") == 0 || strcmp(sqlstate, "22P02") == 0;
}

/* The plan's errors are nobody else's in any case; and where nobody lies, what is answered is right
 * and complete, and all else is lost, whatever the words are. */
static void check_answer(const struct request *request, const struct evpg_error *error)
{
    const struct session *session = request->session;
    const char *own = plan[request->i].fails;
    enum evpg_code code = error ? evpg_error_code(error) : 0;

    if (error && is_plans_error(error) && !session->beyond_telling)
        ck_assert_msg(own && strcmp(own, evpg_error_sqlstate(error)) == 0,
                      "session %ld: request %d has another's error", session->number, request->i);
    if (!session->true_answers)
        return;
    ck_assert_msg(request->ok || (error && code != EVPG_E_SERVER),
                  "session %ld: request %d has succeeded, with %d rows", session->number,
                  request->i, request->rows);
    ck_assert_msg(code != EVPG_E_MEMORY && code != EVPG_E_PROTOCOL, "session %ld: request %d: %s",
                  session->number, request->i, error ? evpg_error_message(error) : "");
}

static void on_done(const struct evpg_result *result, void *arg)
{
    struct request *request = arg;
    const struct evpg_error *error = evpg_result_error(result);

    note_progress(request->session);
    for (uint64_t i = 0; plan[request->i].kept && i < evpg_result_rows(result); i++)
        if (evpg_result_row(result, i))
            on_row(evpg_result_row(result, i), request);
    request->completions++;
    request->ok = !error == !plan[request->i].fails && request->rows == plan[request->i].rows &&
                  (!error || evpg_error_code(error) == EVPG_E_SERVER);
    check_answer(request, error);
    count(error);
    if (error)
        ck_assert(*evpg_error_message(error));
}

static void on_open(struct evpg_db *opened, const struct evpg_error *error, void *arg)
{
    struct session *session = arg;

    ck_assert_ptr_eq(opened, session->db);
    note_progress(session);
    session->openings++;
    session->opened = !error;
    sweep_counts.opened += !error;
}

static void on_closed(struct evpg_db *closed, size_t cut_off, void *arg)
{
    struct session *session = arg;
    double took = now_ms() - session->closing_ms;

    (void)cut_off;
    ck_assert_ptr_eq(closed, session->db);
    ck_assert(!session->closed);
    session->closed = true;
    sweep_counts.longest_ms = took > sweep_counts.longest_ms ? took : sweep_counts.longest_ms;
}

static void on_notification(const struct evpg_notification *note, void *arg)
{
    note_progress(arg);
    ck_assert_ptr_nonnull(evpg_notification_payload(note));
    n_notified += strcmp(evpg_notification_payload(note), "heard") == 0;
}

static void on_notice(struct evpg_db *noticed, const struct evpg_error *notice, void *arg)
{
    (void)noticed;
    note_progress(arg);
    n_noticed += strstr(evpg_error_message(notice), "noticed") != NULL;
}

static void submit_plan(struct session *session)
{
    for (int i = 0; i < N_REQUESTS; i++) {
        struct request *request = &session->request[i];
        evpg_row_cb rows = plan[i].kept ? NULL : on_row;

        request->session = session;
        request->i = i;
        request->accepted =
            plan[i].script ? evpg_script(session->db, plan[i].sql, rows, on_done, request) != NULL
                           : evpg_query(session->db, plan[i].sql, EVPG_NO_PARAMS, rows, on_done,
                                        request) != NULL;
        ck_assert(request->accepted);
        ck_assert_int_eq(request->completions, 0);
    }
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

static void start(struct session *session, long number)
{
    char user[32] = "", conninfo[128];

    memset(session, 0, sizeof(*session));
    session->number = number;
    session->true_answers = tells_the_truth(choose_any(number).kind);
    session->beyond_telling = is_beyond_telling(choose_any(number));
    if (number >= 0)
        snprintf(user, sizeof(user), "user=n%ld", number);
    snprintf(conninfo, sizeof(conninfo), "host=127.0.0.1 port=%d sslmode=disable %s", port, user);
    session->db = evpg_conn_new(base, conninfo, NULL);
    ck_assert_ptr_nonnull(session->db);
    evpg_set_hooks(session->db, &EVPG_HOOKS(.notice = on_notice), session);
    evpg_setcb(session->db, on_notification, NULL, session);
    ck_assert_ptr_nonnull(evpg_open(session->db, on_open, session));
    submit_plan(session);
    note_progress(session);
    sweep_counts.sessions++;
}

static bool is_over(const struct session *session)
{
    for (int i = 0; i < N_REQUESTS; i++)
        if (session->request[i].completions < session->request[i].accepted)
            return false;
    return session->openings && (!session->closing || session->closed);
}

static bool all_went_well(const struct session *session)
{
    for (int i = 0; i < N_REQUESTS; i++)
        if (!session->request[i].ok)
            return false;
    return session->opened;
}

/* True: and all of it went as it should. */
static bool finish(struct session *session)
{
    struct evpg_db *freed = session->db;

    session->db = NULL;
    evpg_free(freed);
    ck_assert_int_eq(session->openings, 1);
    for (int i = 0; i < N_REQUESTS; i++)
        ck_assert_msg(session->request[i].completions == session->request[i].accepted,
                      "session %ld: request %d was completed %d times", session->number, i,
                      session->request[i].completions);
    return all_went_well(session);
}

/* What waits for ever is closed, and that has an end. */
static void look_after(struct session *session)
{
    double now = now_ms();

    if (session->closing) {
        ck_assert_msg(now - session->closing_ms < CLOSE_MS + SLACK_MS, "session %ld hangs",
                      session->number);
        return;
    }
    if (now - session->progress_ms < PATIENCE_MS)
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
        struct session *session = &sessions[i];

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
    ck_assert_msg(passes < (last - first) * PASSES_EACH + PASSES_MORE,
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
    struct session *session = &sessions[0];

    n_notified = n_noticed = 0;
    start(session, number);
    while (!is_over(session))
        turn();
    ck_assert_msg(finish(session), "session %ld did not go well", number);
    ck_assert_int_eq(n_notified, 1);
    ck_assert_int_eq(n_noticed, 1);
}

static void be_recorded(int proxied)
{
    port = proxied;
    run_well(-1);
}

void sweep_begin(void)
{
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
