/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * harness: what the tests that need a server share: a connection in one of several modes, requests
 * whose outcomes are recorded, and the oracles: one completion each, no row after it, and a marker
 * query at the end that must get its own answer.
 *
 *     START_TEST(q01_select_one)
 *     {
 *         struct outcome *one;
 *
 *         begin(_i);
 *         one = query("select 1", EVPG_NO_PARAMS);
 *         await_all();
 *         ck_assert_outcome_ok(one);
 *         ck_assert_str_eq(cell(one, 0, 0), "1");
 *         end();
 *     }
 *     END_TEST
 *
 * run by tcase_add_loop_test(tcase, q01_select_one, 0, N_MODES). Check runs each test in a process
 * of its own, so the state is static.
 */
#ifndef HARNESS_H
#define HARNESS_H

#include <evpg.h>

#include <check.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

/* How the tested requests reach the server. TLS needs scripts/with-postgres --tls, and is as ALONE
 * without. In PIPELINED every query() travels between two others;
 * in BINARY the values come in binary format, and cell() has them as text all the same, where there
 * is a getter; in the FRAGMENTED modes the server's bytes come in small pieces, through a proxy on
 * loopback. */
enum mode { ALONE, PIPELINED, BINARY, TLS, FRAGMENTED_1021, FRAGMENTED_1, N_MODES };

/* In place of N_MODES for cases that move more than 64 KiB: not byte by byte. */
#define N_LARGE_MODES FRAGMENTED_1

/* What became of one request. */
struct outcome {
    struct outcome *next;
    struct evpg_request *request;
    int completions;          /* done callbacks: to be 1 */
    int rows_after_done;      /* to be 0 */
    int order;                /* the how-manieth completion it was, from 0 */
    int n_rows;               /* row callbacks, or kept rows */
    int n_columns;            /* of the last row, else of the result */
    int statement;            /* of the last row */
    char **cells;             /* n_rows * n_columns, in order; NULL is NULL */
    size_t room;              /* in cells */
    struct evpg_error *error; /* a copy; NULL: success */
    char tag[64];
    uint64_t rows, affected;
    bool stopped;
    int columns; /* the result's */
    char *column_name[16];
    uint32_t column_type[16];
    bool kept;    /* submitted without a row callback */
    bool discard; /* rows are counted, not kept */
    int number;   /* for the test to tell outcomes apart */
    enum evpg_flow (*on_row)(const struct evpg_row *row, struct outcome *outcome); /* or NULL */
    void (*on_done)(const struct evpg_result *result, struct outcome *outcome);    /* or NULL */
};

extern struct event_base *base;
extern struct evpg_db *db; /* the connection under test; NULL it after freeing it */

/* Makes base and db, opens db and waits until it is open. */
void begin(int mode);

/* The same with a pool as db, which has nothing to be opened. */
void begin_pool(int mode, const struct evpg_pool_config *config);

/* The same at a place of its own; config is the whole one. */
void begin_pool_at(const char *conninfo, const struct evpg_pool_config *config);

/* The same without opening db: db is made with this connection string. */
void begin_closed(const char *conninfo, const struct evpg_conn_config *config);

/* Runs the marker query if db is still there, frees db, checks the oracles, frees everything.
 * Afterwards begin_closed() may be called again. */
void end(void);

/* Submits; the outcome is recorded, with all values as text. It must be accepted. */
struct outcome *query(const char *sql, const struct evpg_param *params, size_t n_params);

/* The same with rows kept for done: evpg_query without a row callback. */
struct outcome *query_kept(const char *sql, const struct evpg_param *params, size_t n_params);

/* An outcome to set on_row, on_done or discard in, then to be submitted by submit(). */
struct outcome *new_outcome(void);
struct evpg_request *submit(struct outcome *outcome, const char *sql,
                            const struct evpg_param *params, size_t n_params);

/* The same by evpg_script. */
struct evpg_request *submit_script(struct outcome *outcome, const char *sql);

/* The same by evpg_type_look_up; name NULL: by its OID. */
struct evpg_request *submit_look_up(struct outcome *outcome, const char *name, uint32_t oid);

/* For what submits in other ways: the callbacks of an outcome, which is their argument; what came
 * of submitting it, NULL if it was refused; and what the mode wants of it. */
enum evpg_flow record_row(const struct evpg_row *row, void *outcome);
void record_done(const struct evpg_result *result, void *outcome);
struct evpg_request *note_submit(struct outcome *outcome, struct evpg_request *request);
void use_mode(struct evpg_request *request);

/* evpg_request_abandon: from now on neither a row nor a completion is due, or allowed. And the same
 * without the call, of what shares that request. */
void abandon(struct outcome *outcome);
void forget_outcome(struct outcome *outcome);

/* Runs the loop until all that was submitted is done. Fails the test after 20 s. */
void await_all(void);

/* Runs the loop until *flag is not 0, at most that long; false: it was in vain. */
bool await_flag(const int *flag, int timeout_ms);

/* Whether all that was submitted is done. */
bool all_done(void);

/* All that was submitted has succeeded. */
void check_all_succeeded(void);

/* All that was submitted has failed so. */
void check_all_failed(enum evpg_code code, enum evpg_fate fate, enum evpg_phase phase);

/* Runs the loop for that long. */
void run_for(int ms);

/* One pass of the loop, of at most 20 ms. */
void turn(void);

/* One value of a recorded row; fails the test when there is no such row or column. */
const char *cell(const struct outcome *outcome, int row, int column);

/* Runs psql's worth of SQL on a second connection of its own, blocking; the first value or NULL. */
char *admin(const char *sql);

/* Notes which server process serves db, and tells it; and ends that one, returning when it is gone.
 */
void find_backend(void);
int backend_pid(void);
void end_backend(void);

/* Waits, with the loop standing still, until that much of the server's answers can be read. */
void await_input(int bytes);

/* A callback for evpg_open; how often it has been called, and a copy of its last error, or NULL. */
void note_opening(struct evpg_db *opened, const struct evpg_error *error, void *arg);
extern int n_openings;
extern struct evpg_error *open_error;

/* The lines the log hook got, newest last; the newest, or "". */
const char *last_log(void);

/* A port on 127.0.0.1 that leads to the server, in pieces of that many bytes. */
int proxied_port(int piece);

/* How much of something a test does: the first number, or by scripts/check --full the second. */
int sized(int small, int full);

/* A listener on 127.0.0.1 whose kernel accepts, and which never answers; to be closed. */
int deaf_listener(int *port);

/* A connection string for a server's certificate that is verified in full, by that file of
 * EVPG_TEST_TLS; "" without TLS. Valid until the next call. */
const char *tls_conninfo(const char *root);

/* Runs a suite as a TAP test; skips all when there is no server. For main(). */
int run_suite(Suite *suite, bool needs_server);

/* Both evaluate their arguments more than once. */
#define ck_assert_outcome_ok(outcome)                                                              \
    ck_assert_msg((outcome)->completions == 1 && !(outcome)->error, "completions %d, error: %s",   \
                  (outcome)->completions,                                                          \
                  (outcome)->error ? evpg_error_message((outcome)->error) : "none")

/* Failed with a SQLSTATE of the server's. */
#define ck_assert_outcome_sqlstate(outcome, state)                                                 \
    do {                                                                                           \
        ck_assert_int_eq((outcome)->completions, 1);                                               \
        ck_assert_msg((outcome)->error != NULL, "no error, expected %s", state);                   \
        ck_assert_str_eq(evpg_error_sqlstate((outcome)->error), state);                            \
    } while (0)

#endif
