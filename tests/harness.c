/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * harness: see harness.h. Uses the public interface only, but for admin(), which is plain libpq.
 */
#include "harness.h"

#include "oracle.h"
#include "outcome.h"

#include "proxy.h"

#include <arpa/inet.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define PATIENCE_MS sized(20000, 120000)

struct event_base *base;
struct evpg_db *db;

static int mode;
static struct outcome *outcomes, **last_outcome = &outcomes;
static int pending, completed;
static char log_line[1024];

enum evpg_flow record_row(const struct evpg_row *row, void *arg)
{
    struct outcome *outcome = arg;

    ck_assert_ptr_eq(evpg_row_request(row), outcome->request);
    outcome_record(outcome, row, mode == BINARY);
    return outcome->on_row ? outcome->on_row(row, outcome) : EVPG_NEXT;
}

void record_done(const struct evpg_result *result, void *arg)
{
    struct outcome *outcome = arg;

    ck_assert_ptr_eq(evpg_result_request(result), outcome->request);
    for (uint64_t i = 0; outcome->kept && i < evpg_result_rows(result); i++)
        if (evpg_result_row(result, i))
            outcome_record(outcome, evpg_result_row(result, i), mode == BINARY);
    if (outcome->completions++ == 0)
        pending--;
    outcome->order = completed++;
    outcome_record_result(outcome, result);
    if (outcome->on_done)
        outcome->on_done(result, outcome);
}

struct outcome *new_outcome(void)
{
    struct outcome *outcome = calloc(1, sizeof(*outcome));

    *last_outcome = outcome;
    last_outcome = &outcome->next;
    return outcome;
}

struct evpg_request *note_submit(struct outcome *outcome, struct evpg_request *request)
{
    ck_assert_int_eq(outcome->completions, 0);
    outcome->request = request;
    if (request)
        pending++;
    else
        outcome->completions = -1; /* none is due */
    return request;
}

void use_mode(struct evpg_request *request)
{
    if (mode == BINARY)
        evpg_request_set_flags(request, EVPG_BINARY);
}

struct evpg_request *submit(struct outcome *outcome, const char *sql,
                            const struct evpg_param *params, size_t n_params)
{
    struct evpg_request *request;

    request = evpg_query(db, sql, params, n_params, outcome->kept ? NULL : record_row, record_done,
                         outcome);
    use_mode(request);
    return note_submit(outcome, request);
}

struct evpg_request *submit_script(struct outcome *outcome, const char *sql)
{
    return note_submit(
        outcome, evpg_script(db, sql, outcome->kept ? NULL : record_row, record_done, outcome));
}

struct evpg_request *submit_look_up(struct outcome *outcome, const char *name, uint32_t oid)
{
    struct evpg_request *request;

    outcome->kept = true;
    request = name ? evpg_type_look_up(db, name, record_done, outcome)
                   : evpg_type_look_up_oid(db, oid, record_done, outcome);
    use_mode(request);
    return note_submit(outcome, request);
}

void forget_outcome(struct outcome *outcome)
{
    if (outcome->completions == 0) {
        outcome->completions = -1;
        pending--;
    }
}

void abandon(struct outcome *outcome)
{
    forget_outcome(outcome);
    evpg_request_abandon(outcome->request);
}

static struct outcome *submit_between(const char *sql, const struct evpg_param *params,
                                      size_t n_params, bool kept)
{
    struct outcome *before = mode == PIPELINED ? new_outcome() : NULL;
    struct outcome *outcome = new_outcome();
    struct outcome *after = mode == PIPELINED ? new_outcome() : NULL;

    if (before)
        ck_assert_ptr_nonnull(submit(before, "select 'before'", EVPG_NO_PARAMS));
    outcome->kept = kept;
    ck_assert_msg(submit(outcome, sql, params, n_params) != NULL, "refused: %s", last_log());
    if (after)
        ck_assert_ptr_nonnull(submit(after, "select 'after'", EVPG_NO_PARAMS));
    return outcome;
}

struct outcome *query(const char *sql, const struct evpg_param *params, size_t n_params)
{
    return submit_between(sql, params, n_params, false);
}

struct outcome *query_kept(const char *sql, const struct evpg_param *params, size_t n_params)
{
    return submit_between(sql, params, n_params, true);
}

static void wake(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    (void)arg;
}

void turn(void)
{
    const struct timeval soon = {0, 20000};
    struct event *timer = evtimer_new(base, wake, NULL);

    evtimer_add(timer, &soon);
    event_base_loop(base, EVLOOP_ONCE);
    event_free(timer);
}

bool all_done(void)
{
    return pending == 0;
}

void await_all(void)
{
    long end = now_ms() + PATIENCE_MS;

    while (pending > 0 && now_ms() < end)
        turn();
    ck_assert_msg(pending == 0, "%d requests were never completed", pending);
}

void check_all_succeeded(void)
{
    for (const struct outcome *outcome = outcomes; outcome; outcome = outcome->next)
        ck_assert_outcome_ok(outcome);
}

void check_all_failed(enum evpg_code code, enum evpg_fate fate, enum evpg_phase phase)
{
    for (const struct outcome *outcome = outcomes; outcome; outcome = outcome->next) {
        ck_assert_int_eq(outcome->completions, 1);
        ck_assert_ptr_nonnull(outcome->error);
        ck_assert_int_eq(evpg_error_code(outcome->error), code);
        ck_assert_int_eq(evpg_error_fate(outcome->error), fate);
        ck_assert_int_eq(evpg_error_phase(outcome->error), phase);
    }
}

bool await_flag(const int *flag, int timeout_ms)
{
    long end = now_ms() + timeout_ms;

    while (!*flag && now_ms() < end)
        turn();
    return *flag;
}

void run_for(int ms)
{
    const int never = 0;

    await_flag(&never, ms);
}

static void on_log(struct evpg_db *logger, enum evpg_log_level level, const char *line, void *arg)
{
    (void)logger;
    (void)level;
    (void)arg;
    ck_assert_ptr_null(strchr(line, '\n'));
    snprintf(log_line, sizeof(log_line), "%s", line);
}

const char *last_log(void)
{
    return log_line;
}

int n_openings;
struct evpg_error *open_error;

void note_opening(struct evpg_db *opened, const struct evpg_error *error, void *arg)
{
    (void)opened;
    (void)arg;
    n_openings++;
    evpg_error_free(open_error);
    open_error = evpg_error_copy(error);
}

static void on_open(struct evpg_db *opened, const struct evpg_error *error, void *arg)
{
    int *is_open = arg;

    ck_assert_ptr_eq(opened, db);
    ck_assert_msg(!error, "open: %s", error ? evpg_error_message(error) : "");
    *is_open = 1;
}

void begin_closed(const char *conninfo, const struct evpg_conn_config *config)
{
    base = event_base_new();
    db = evpg_conn_new(base, conninfo, config);
    ck_assert_ptr_nonnull(db);
    evpg_set_hooks(db, &EVPG_HOOKS(.log = on_log), NULL);
}

int proxied_port(int piece)
{
    struct proxy *proxy = proxy_new(base, getenv("PGHOST"), getenv("PGPORT"));

    proxy->settings.piece = (size_t)piece;
    return proxy_port(proxy);
}

const char *tls_conninfo(const char *root)
{
    static char conninfo[256];

    if (!getenv("EVPG_TEST_TLS"))
        return "";
    snprintf(conninfo, sizeof(conninfo),
             "host=localhost hostaddr=127.0.0.1 port=%s sslmode=verify-full sslrootcert=%s/%s",
             getenv("EVPG_TEST_TCP_PORT"), getenv("EVPG_TEST_TLS"), root);
    return conninfo;
}

static const char *conninfo_of_mode(void)
{
    static char conninfo[256];

    if (mode == TLS)
        return tls_conninfo("root.crt");
    if (mode != FRAGMENTED_1 && mode != FRAGMENTED_1021)
        return "";
    snprintf(conninfo, sizeof(conninfo), "host=127.0.0.1 port=%d sslmode=disable",
             proxied_port(mode == FRAGMENTED_1 ? 1 : 1021));
    return conninfo;
}

static void make_pool(const char *conninfo, const struct evpg_pool_config *config)
{
    db = evpg_pool_new(base, conninfo, config);
    ck_assert_ptr_nonnull(db);
    evpg_set_hooks(db, &EVPG_HOOKS(.log = on_log), NULL);
}

void begin_pool(int wanted, const struct evpg_pool_config *config)
{
    mode = wanted;
    base = event_base_new();
    make_pool(conninfo_of_mode(), config);
}

void begin_pool_at(const char *conninfo, const struct evpg_pool_config *config)
{
    mode = ALONE;
    if (!base)
        base = event_base_new();
    make_pool(conninfo, config);
}

void begin(int wanted)
{
    static int is_open;

    is_open = 0;
    mode = wanted;
    base = event_base_new();
    db = evpg_conn_new(base, conninfo_of_mode(), NULL);
    ck_assert_ptr_nonnull(db);
    evpg_set_hooks(db, &EVPG_HOOKS(.log = on_log), NULL);
    ck_assert_ptr_nonnull(evpg_open(db, on_open, &is_open));
    ck_assert_int_eq(is_open, 0);
    ck_assert(await_flag(&is_open, PATIENCE_MS));
}

static void run_marker(void)
{
    struct outcome *marker = new_outcome();

    ck_assert_msg(submit(marker, "select $1", EVPG_PARAMS(evpg_text("a marker"))) != NULL,
                  "marker: %s", last_log());
    await_all();
    ck_assert_outcome_ok(marker);
    ck_assert_str_eq(cell(marker, 0, 0), "a marker");
}

void end(void)
{
    struct outcome *outcome;

    if (db)
        run_marker();
    evpg_free(db);
    while ((outcome = outcomes)) {
        outcomes = outcome->next;
        ck_assert_int_eq(abs(outcome->completions), 1);
        ck_assert_int_eq(outcome->rows_after_done, 0);
        outcome_free(outcome);
    }
    last_outcome = &outcomes;
    evpg_error_free(open_error);
    open_error = NULL;
    proxy_free_all();
    event_base_free(base);
    base = NULL;
}

char *admin(const char *sql)
{
    PGconn *pg = PQconnectdb("options='-c client_min_messages=error'");
    PGresult *result = PQexec(pg, sql);
    char *value = NULL;

    ck_assert_msg(PQresultStatus(result) == PGRES_TUPLES_OK ||
                      PQresultStatus(result) == PGRES_COMMAND_OK,
                  "%s: %s", sql, PQerrorMessage(pg));
    if (PQntuples(result) > 0 && !PQgetisnull(result, 0, 0))
        value = strdup(PQgetvalue(result, 0, 0));
    PQclear(result);
    PQfinish(pg);
    return value;
}

static char backend[16];

static enum evpg_flow note_backend(const struct evpg_row *row, struct outcome *outcome)
{
    (void)outcome;
    snprintf(backend, sizeof(backend), "%s", evpg_row_text(row, 0));
    return EVPG_NEXT;
}

void find_backend(void)
{
    struct outcome *pid = new_outcome();

    pid->on_row = note_backend;
    ck_assert_ptr_nonnull(submit(pid, "select pg_backend_pid()::text", EVPG_NO_PARAMS));
    await_all();
}

int backend_pid(void)
{
    return atoi(backend);
}

void end_backend(void)
{
    char sql[80];

    snprintf(sql, sizeof(sql), "select pg_terminate_backend(%s, 5000)", backend);
    free(admin(sql));
}

void await_input(int bytes)
{
    int waiting = 0;

    while (waiting < bytes && ioctl(PQsocket(evpg_pgconn(db)), FIONREAD, &waiting) == 0)
        usleep(1000);
}

int sized(int small, int full)
{
    return getenv("EVPG_TEST_FULL") ? full : small;
}

int deaf_listener(int *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t length = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    ck_assert_int_eq(listen(fd, 5), 0);
    getsockname(fd, (struct sockaddr *)&address, &length);
    *port = ntohs(address.sin_port);
    return fd;
}

int run_suite(Suite *suite, bool needs_server)
{
    SRunner *runner = srunner_create(suite);
    int failed;

    if (needs_server && !getenv("EVPG_TEST_SERVER")) {
        puts("1..0 # SKIP no server: run it by scripts/with-postgres --tcp");
        srunner_free(runner);
        return 0;
    }
    srunner_set_tap(runner, "-");
    srunner_run_all(runner, CK_SILENT);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0;
}
