/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pq: the differences between libpq's versions, and its errors in our terms.
 *
 * Called by the layers above, which otherwise use libpq directly. Invariants: the only file that
 * looks at LIBPQ_HAS_*; none of its functions waits or calls the application. EVPG_NO_LIBPQ17 (from
 * configure --disable-libpq17) builds the paths of older versions on a newer one.
 */
#ifdef HAVE_CONFIG_H
#include <config.h>
#endif

#include "pq.h"

#include <ctype.h>
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#if defined(LIBPQ_HAS_SEND_PIPELINE_SYNC) && !defined(EVPG_NO_LIBPQ17)
#define HAVE_SEND_SYNC 1
#endif
#if defined(LIBPQ_HAS_CLOSE_PREPARED) && !defined(EVPG_NO_LIBPQ17)
#define HAVE_CLOSE 1
#endif
#if defined(LIBPQ_HAS_ASYNC_CANCEL) && !defined(EVPG_NO_LIBPQ17)
#define HAVE_ASYNC_CANCEL 1
#endif
#if defined(LIBPQ_HAS_CHUNK_MODE) && !defined(EVPG_NO_LIBPQ17)
#define HAVE_CHUNKS 1
#define ROWS_PER_CHUNK 64
#endif

/* Older ones lose or misplace results of a pipeline (release notes of these three versions). */
const char *pq_unusable(int version)
{
    static const struct {
        int from, good;
        const char *why;
    } series[] = {
        {0, 140011, "libpq is too old: 14.11 is the oldest that can be used"},
        {150000, 150006, "libpq 15 before 15.6 cannot be used"},
        {160000, 160002, "libpq 16 before 16.2 cannot be used"},
    };

    for (size_t i = sizeof(series) / sizeof(*series); i-- > 0;)
        if (version >= series[i].from)
            return version < series[i].good ? series[i].why : NULL;
    return NULL;
}

bool pq_send_sync(PGconn *pg)
{
#ifdef HAVE_SEND_SYNC
    return PQsendPipelineSync(pg) == 1;
#else
    return PQpipelineSync(pg) == 1;
#endif
}

bool pq_send_close(PGconn *pg, const char *name)
{
#ifdef HAVE_CLOSE
    return PQsendClosePrepared(pg, name) == 1;
#else
    char sql[80];

    snprintf(sql, sizeof(sql), "deallocate \"%.60s\"", name);
    return PQsendQueryParams(pg, sql, 0, NULL, NULL, NULL, NULL, 0) == 1;
#endif
}

bool pq_can_cancel(void)
{
#ifdef HAVE_ASYNC_CANCEL
    return true;
#else
    return false;
#endif
}

#ifdef HAVE_ASYNC_CANCEL
struct pg_cancel_conn *pq_cancel_start(PGconn *pg)
{
    PGcancelConn *cancel = PQcancelCreate(pg);

    if (cancel && PQcancelStart(cancel) == 1)
        return cancel;
    PQcancelFinish(cancel);
    return NULL;
}

PostgresPollingStatusType pq_cancel_poll(struct pg_cancel_conn *cancel)
{
    return PQcancelPoll(cancel);
}

int pq_cancel_socket(const struct pg_cancel_conn *cancel)
{
    return PQcancelSocket(cancel);
}

void pq_cancel_free(struct pg_cancel_conn *cancel)
{
    PQcancelFinish(cancel);
}
#else
struct pg_cancel_conn *pq_cancel_start(PGconn *pg)
{
    (void)pg;
    return NULL;
}

PostgresPollingStatusType pq_cancel_poll(struct pg_cancel_conn *cancel)
{
    (void)cancel;
    return PGRES_POLLING_FAILED;
}

int pq_cancel_socket(const struct pg_cancel_conn *cancel)
{
    (void)cancel;
    return -1;
}

void pq_cancel_free(struct pg_cancel_conn *cancel)
{
    (void)cancel;
}
#endif

bool pq_output_waits(PGconn *pg)
{
#ifdef HAVE_SEND_SYNC
    (void)pg;
    return false;
#else
    return PQflush(pg) != 0;
#endif
}

/* Where OpenSSL cannot be found to be asked, it may. */
static bool tls_hides_input(PGconn *pg)
{
    void *ssl = PQsslStruct(pg, "OpenSSL");
    int (*pending)(const void *ssl) = NULL;

    *(void **)&pending = dlsym(RTLD_DEFAULT, "SSL_pending");
    return !ssl || !pending || pending(ssl) > 0;
}

bool pq_hides_input(PGconn *pg)
{
    int version = PQlibVersion();

    if (!PQsslInUse(pg) || version >= 180006 || (version >= 170012 && version < 180000))
        return false;
    return tls_hides_input(pg);
}

bool pq_stream_rows(PGconn *pg)
{
#ifdef HAVE_CHUNKS
    if (PQpipelineStatus(pg) != PQ_PIPELINE_OFF)
        return PQsetChunkedRowsMode(pg, ROWS_PER_CHUNK) == 1;
#endif
    return PQsetSingleRowMode(pg) == 1;
}

/* There is no call for that. But one that sends a request begins so, before it looks whether there
 * is one to send; the error that it leaves is gone with the next call that sends. */
void pq_stop_streaming(PGconn *pg)
{
    PQsendQuery(pg, NULL);
}

bool pq_is_row_part(ExecStatusType status)
{
#ifdef HAVE_CHUNKS
    if (status == PGRES_TUPLES_CHUNK)
        return true;
#endif
    return status == PGRES_SINGLE_TUPLE;
}

static bool has_severity(const PGresult *result, const char *wanted)
{
    const char *severity = PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED);

    if (!severity)
        severity = PQresultErrorField(result, PG_DIAG_SEVERITY);
    return severity && strcmp(severity, wanted) == 0;
}

bool pq_is_fatal(const PGresult *result)
{
    return has_severity(result, "FATAL") || has_severity(result, "PANIC");
}

/* libpq 15 and newer empty the connection's message whenever the next entry of the pipeline begins.
 */
bool pq_has_lost_track(const PGconn *pg, const PGresult *answer)
{
    const char *said = PQerrorMessage(pg);
    bool error = answer && PQresultStatus(answer) == PGRES_FATAL_ERROR;

    if (!*said && !error)
        return false;
    if (PQlibVersion() < 150000 || PQstatus(pg) == CONNECTION_BAD)
        return false;
    return !error || strcmp(said, PQresultErrorMessage(answer)) != 0;
}

bool pq_is_want_of_memory(const char *message)
{
    return strstr(message, "out of memory") || strstr(message, "cannot allocate memory");
}

bool pq_is_tls_error(const char *message)
{
    return strstr(message, "SSL error");
}

static bool has_sqlstate(const PGresult *error, const char *wanted)
{
    const char *sqlstate = PQresultErrorField(error, PG_DIAG_SQLSTATE);

    return sqlstate && strcmp(sqlstate, wanted) == 0;
}

/* 0A000 is "cached plan must not change result type"; a type that was dropped is missed in words
 * that are not translated. */
static bool says(const PGresult *error, int field, const char *what)
{
    const char *said = PQresultErrorField(error, field);

    return said && strstr(said, what);
}

/* By what no language of the server's messages changes: the function, in PostgreSQL's own code. */
static bool is_changed_plan(const PGresult *error)
{
    return has_sqlstate(error, "0A000") &&
           (says(error, PG_DIAG_SOURCE_FUNCTION, "RevalidateCachedQuery") ||
            says(error, PG_DIAG_MESSAGE_PRIMARY, "cached plan must not change result type"));
}

/* Errors of these kinds can also be a function's own. */
enum pq_stale pq_staleness(const PGresult *error, const char *name)
{
    if (has_sqlstate(error, "26000") && says(error, PG_DIAG_MESSAGE_PRIMARY, name))
        return PQ_MISSING;
    if (is_changed_plan(error))
        return PQ_OUTDATED;
    if (has_sqlstate(error, "XX000") &&
        says(error, PG_DIAG_MESSAGE_PRIMARY, "cache lookup failed for type"))
        return PQ_OUTDATED;
    return PQ_FRESH;
}

bool pq_is_stopped(const PGresult *error)
{
    return has_sqlstate(error, "57014");
}

bool pq_is_prepared_already(const PGresult *error)
{
    return has_sqlstate(error, "42P05");
}

bool pq_is_local_error(const PGresult *result)
{
    return PQresultStatus(result) == PGRES_FATAL_ERROR &&
           !PQresultErrorField(result, PG_DIAG_SQLSTATE);
}

bool pq_is_stray_error(const PGresult *notice)
{
    return pq_is_fatal(notice) || has_severity(notice, "ERROR");
}

static enum evpg_code loss_code(enum evpg_code otherwise, const char *message)
{
    if (pq_is_want_of_memory(message))
        return EVPG_E_MEMORY;
    return strstr(message, "lost synchronization") ? EVPG_E_PROTOCOL : otherwise;
}

void pq_set_loss(struct evpg_error *error, enum evpg_code otherwise, const char *message)
{
    enum evpg_code code = loss_code(otherwise, message);

    err_set(error, code, EVPG_FATE_UNKNOWN, "%s", message);
    if (code != EVPG_E_MEMORY)
        err_set_sqlstate(error, code == EVPG_E_PROTOCOL ? "08P01" : "08006");
}

static const int diag[EVPG_FIELD_COUNT] = {
    [EVPG_FIELD_SEVERITY] = PG_DIAG_SEVERITY_NONLOCALIZED,
    [EVPG_FIELD_SQLSTATE] = PG_DIAG_SQLSTATE,
    [EVPG_FIELD_MESSAGE] = PG_DIAG_MESSAGE_PRIMARY,
    [EVPG_FIELD_DETAIL] = PG_DIAG_MESSAGE_DETAIL,
    [EVPG_FIELD_HINT] = PG_DIAG_MESSAGE_HINT,
    [EVPG_FIELD_POSITION] = PG_DIAG_STATEMENT_POSITION,
    [EVPG_FIELD_INTERNAL_POSITION] = PG_DIAG_INTERNAL_POSITION,
    [EVPG_FIELD_INTERNAL_QUERY] = PG_DIAG_INTERNAL_QUERY,
    [EVPG_FIELD_CONTEXT] = PG_DIAG_CONTEXT,
    [EVPG_FIELD_SCHEMA] = PG_DIAG_SCHEMA_NAME,
    [EVPG_FIELD_TABLE] = PG_DIAG_TABLE_NAME,
    [EVPG_FIELD_COLUMN] = PG_DIAG_COLUMN_NAME,
    [EVPG_FIELD_DATATYPE] = PG_DIAG_DATATYPE_NAME,
    [EVPG_FIELD_CONSTRAINT] = PG_DIAG_CONSTRAINT_NAME,
    [EVPG_FIELD_FILE] = PG_DIAG_SOURCE_FILE,
    [EVPG_FIELD_LINE] = PG_DIAG_SOURCE_LINE,
    [EVPG_FIELD_ROUTINE] = PG_DIAG_SOURCE_FUNCTION,
};

static void append_message(struct evpg_error *error, const PGresult *result)
{
    const char *const *field = error->field;

    if (!field[EVPG_FIELD_MESSAGE]) {
        err_append(error, "%s", PQresultErrorMessage(result));
        return;
    }
    if (field[EVPG_FIELD_SEVERITY])
        err_append(error, "%s", field[EVPG_FIELD_SEVERITY]);
    err_append(error, "%s%s: %s", *error->message ? " " : "", error->sqlstate,
               field[EVPG_FIELD_MESSAGE]);
    if (field[EVPG_FIELD_POSITION])
        err_append(error, " (at character %s)", field[EVPG_FIELD_POSITION]);
}

void pq_set_error(struct evpg_error *error, enum evpg_code code, enum evpg_fate fate,
                  const PGresult *result)
{
    err_set(error, code, fate, "%s", "");
    for (int i = 0; i < EVPG_FIELD_COUNT; i++)
        error->field[i] = PQresultErrorField(result, diag[i]);
    err_set_sqlstate(error, error->field[EVPG_FIELD_SQLSTATE]);
    append_message(error, result);
}

/* Each SQLSTATE has a digit, and "FATAL" has none. */
static bool is_sqlstate(const char *text)
{
    int digits = 0;

    for (int i = 0; i < 5; i++) {
        if (isdigit((unsigned char)text[i]))
            digits++;
        else if (text[i] < 'A' || text[i] > 'Z')
            return false;
    }
    return digits > 0 && text[5] == ':';
}

/* Verbose is "FATAL:  28P01: password ...": the words may be translated, the code is not. */
void pq_login_sqlstate(const char *message, char sqlstate[6])
{
    sqlstate[0] = '\0';
    for (const char *at = strchr(message, ':'); at; at = strchr(at + 1, ':')) {
        size_t blanks = strspn(at + 1, " ");

        if (blanks == 0 || !is_sqlstate(at + 1 + blanks))
            continue;
        memcpy(sqlstate, at + 1 + blanks, 5);
        sqlstate[5] = '\0';
        return;
    }
}

/* "LOCATION:  auth_failed, auth.c:335", in any language. */
static bool is_location(const char *line, size_t length)
{
    size_t end = length;

    while (end > 0 && isdigit((unsigned char)line[end - 1]))
        end--;
    return end < length && end >= 3 && strncmp(line + end - 3, ".c:", 3) == 0;
}

/* Lines that begin with a tab are advice, such as to look whether the server is running. */
void pq_append_login_message(struct evpg_error *error, const char *message)
{
    while (*message) {
        size_t length = strcspn(message, "\n");

        if (*message != '\t' && !is_location(message, length))
            err_append(error, "%s%.*s", *error->message ? " " : "", (int)length, message);
        message += length;
        message += strspn(message, "\n");
    }
}
