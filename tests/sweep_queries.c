/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sweep_queries: see sweep.h: ten requests of all kinds but bundled ones.
 *
 * A request's values are of one letter, by which they are known though a byte of them may have been
 * changed.
 */
#include "sweep.h"

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
    struct sweep_session *session;
    int i, accepted, completions, rows;
    bool ok;
};

struct queries {
    struct request request[N_REQUESTS];
    int n_notified, n_noticed;
};

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
    sweep_progress(request->session);
    request->rows++;
    for (int i = 0; i < evpg_row_columns(row); i++)
        check_value(request, evpg_row_text(row, i));
    return EVPG_NEXT;
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
    const struct sweep_session *session = request->session;
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

    sweep_progress(request->session);
    for (uint64_t i = 0; plan[request->i].kept && i < evpg_result_rows(result); i++)
        if (evpg_result_row(result, i))
            on_row(evpg_result_row(result, i), request);
    request->completions++;
    request->ok = !error == !plan[request->i].fails && request->rows == plan[request->i].rows &&
                  (!error || evpg_error_code(error) == EVPG_E_SERVER);
    check_answer(request, error);
    sweep_count(error);
}

static void on_notification(const struct evpg_notification *note, void *arg)
{
    struct sweep_session *session = arg;
    struct queries *queries = session->work;

    sweep_progress(session);
    ck_assert_ptr_nonnull(evpg_notification_payload(note));
    queries->n_notified += strcmp(evpg_notification_payload(note), "heard") == 0;
}

static void on_notice(struct evpg_db *noticed, const struct evpg_error *notice, void *arg)
{
    struct sweep_session *session = arg;
    struct queries *queries = session->work;

    (void)noticed;
    sweep_progress(session);
    queries->n_noticed += strstr(evpg_error_message(notice), "noticed") != NULL;
}

static void begin_queries(struct sweep_session *session)
{
    struct queries *queries = session->work;

    evpg_set_hooks(session->db, &EVPG_HOOKS(.notice = on_notice), session);
    evpg_setcb(session->db, on_notification, NULL, session);
    for (int i = 0; i < N_REQUESTS; i++) {
        struct request *request = &queries->request[i];
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

static bool is_over(const struct sweep_session *session)
{
    const struct queries *queries = session->work;

    for (int i = 0; i < N_REQUESTS; i++)
        if (queries->request[i].completions < queries->request[i].accepted)
            return false;
    return true;
}

static bool went_well(const struct sweep_session *session)
{
    const struct queries *queries = session->work;
    bool well = queries->n_notified == 1 && queries->n_noticed == 1;

    for (int i = 0; i < N_REQUESTS; i++) {
        ck_assert_msg(queries->request[i].completions == queries->request[i].accepted,
                      "session %ld: request %d was completed %d times", session->number, i,
                      queries->request[i].completions);
        well = well && queries->request[i].ok;
    }
    return well;
}

const struct sweep_plan sweep_queries = {SANITIZED ? 200 : 100, sizeof(struct queries),
                                         begin_queries, is_over, went_well};
