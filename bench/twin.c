/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * twin: what evpg is measured against, a loop of libpq and libevent as an expert writes it by hand.
 *
 * Called by point_libpq.c, rows_libpq.c and batch_libpq.c. It does what the wire needs and nothing
 * else: no queue, no copies, no callbacks for a request, no deadline, no budget, no judgement of
 * errors. Reading has one persistent event, writing one that is added only when the socket takes no
 * more. Each wake-up reads once and then takes all that libpq holds. The parameter travels as
 * evpg_int32() sends it.
 */
#ifdef HAVE_CONFIG_H
#include <config.h>
#endif

#include "twin.h"

#include "bench.h"

#include <event2/event.h>

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#define INT4_OID 23

static _Noreturn void die(const struct twin *twin, const char *what)
{
    bench_die(what, PQerrorMessage(twin->pg));
}

void twin_flush(struct twin *twin)
{
    int waits = PQflush(twin->pg);

    if (waits < 0)
        die(twin, "flush");
    if (waits > 0)
        event_add(twin->writable, NULL);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    struct twin *twin = arg;

    (void)fd;
    (void)what;
    if (!PQconsumeInput(twin->pg))
        die(twin, "read");
    twin->on_wake(twin);
}

/* libpq reads when it cannot write: there may be answers. */
static void on_writable(evutil_socket_t fd, short what, void *arg)
{
    struct twin *twin = arg;

    (void)fd;
    (void)what;
    twin_flush(twin);
    twin->on_wake(twin);
}

static const Oid param_type = INT4_OID;

static void prepare(const struct twin *twin, const struct twin_query *query)
{
    PGresult *result = PQprepare(twin->pg, query->name, query->sql, 1, &param_type);

    if (PQresultStatus(result) != PGRES_COMMAND_OK)
        die(twin, "prepare");
    PQclear(result);
}

void twin_open(struct twin *twin, const struct twin_query *query,
               void (*on_wake)(struct twin *twin))
{
    int fd;

    twin->on_wake = on_wake;
    twin->pg = PQconnectdb("");
    if (PQstatus(twin->pg) != CONNECTION_OK)
        die(twin, "connect");
    if (query->name)
        prepare(twin, query);
    if (PQsetnonblocking(twin->pg, 1) != 0 || PQenterPipelineMode(twin->pg) != 1)
        die(twin, "connect");
    fd = PQsocket(twin->pg);
    twin->base = event_base_new();
    twin->readable = event_new(twin->base, fd, EV_READ | EV_PERSIST, on_readable, twin);
    twin->writable = event_new(twin->base, fd, EV_WRITE, on_writable, twin);
    if (!twin->readable || !twin->writable || event_add(twin->readable, NULL) < 0)
        bench_die("libevent", "no memory");
}

void twin_close(struct twin *twin)
{
    event_free(twin->readable);
    event_free(twin->writable);
    PQfinish(twin->pg);
}

static bool send_sync(PGconn *pg)
{
#ifdef TWIN_SEND_SYNC
    return PQsendPipelineSync(pg) == 1;
#else
    return PQpipelineSync(pg) == 1;
#endif
}

static bool send_query(PGconn *pg, const struct twin_query *query, const char *value)
{
    static const int length = 4, format = 1;

    if (query->name)
        return PQsendQueryPrepared(pg, query->name, 1, &value, &length, &format, query->binary) ==
               1;
    return PQsendQueryParams(pg, query->sql, 1, &param_type, &value, &length, &format,
                             query->binary) == 1;
}

void twin_send_member(struct twin *twin, const struct twin_query *query, int32_t value)
{
    uint32_t wire = htonl((uint32_t)value);
    char bytes[4];

    memcpy(bytes, &wire, sizeof(bytes));
    if (!send_query(twin->pg, query, bytes))
        die(twin, "send");
}

void twin_send_sync(struct twin *twin)
{
    if (!send_sync(twin->pg))
        die(twin, "send");
}

void twin_send(struct twin *twin, const struct twin_query *query, int32_t value, bool first)
{
    twin_send_member(twin, query, value);
    if (first)
        twin_stream_rows(twin);
    twin_send_sync(twin);
}

void twin_run(const char *sql)
{
    PGconn *pg = PQconnectdb("");
    PGresult *result = PQexec(pg, sql);

    if (PQresultStatus(result) != PGRES_COMMAND_OK)
        bench_die(sql, PQerrorMessage(pg));
    PQclear(result);
    PQfinish(pg);
}

/* Only an empty value can be NULL. */
static void touch_row(const PGresult *result, int row, int columns)
{
    for (int i = 0; i < columns; i++)
        if (PQgetlength(result, row, i) > 0 || !PQgetisnull(result, row, i))
            bench_touch(i, PQgetvalue(result, row, i));
    bench_rows++;
}

static bool has_rows(ExecStatusType status)
{
#ifdef TWIN_CHUNKS
    if (status == PGRES_TUPLES_CHUNK)
        return true;
#endif
    return status == PGRES_SINGLE_TUPLE || status == PGRES_TUPLES_OK;
}

void twin_expect_rows(const PGresult *result)
{
    if (!has_rows(PQresultStatus(result)))
        bench_die("answer", PQresultErrorMessage(result));
}

void twin_take_rows(const PGresult *result, int columns)
{
    int rows = PQntuples(result);

    for (int row = 0; row < rows; row++)
        touch_row(result, row, columns);
}
