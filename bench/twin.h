/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * twin: libpq and libevent, put together by hand.
 */
#ifndef TWIN_H
#define TWIN_H

#include <libpq-fe.h>

#include <stdbool.h>
#include <stdint.h>

#if defined(LIBPQ_HAS_SEND_PIPELINE_SYNC) && !defined(EVPG_NO_LIBPQ17)
#define TWIN_SEND_SYNC 1
#endif
#if defined(LIBPQ_HAS_CHUNK_MODE) && !defined(EVPG_NO_LIBPQ17)
#define TWIN_CHUNKS 1
#define TWIN_ROWS_PER_CHUNK 64
#endif

struct event;
struct event_base;

/* As long as evpg's names of statements are. */
#define TWIN_STATEMENT "twin_0123456789abcdef"

struct twin_query {
    const char *sql;
    const char *name; /* NULL: it is not prepared */
    bool binary;      /* what it is answered by */
};

struct twin {
    struct event_base *base;
    PGconn *pg;
    struct event *readable;
    struct event *writable;
    void (*on_wake)(struct twin *twin); /* libpq may hold answers */
};

/* Connects, and prepares what is to be prepared, waiting; then everything is asynchronous. */
void twin_open(struct twin *twin, const struct twin_query *query,
               void (*on_wake)(struct twin *twin));

/* Ends the loop. */
void twin_close(struct twin *twin);

/* After the last query of a pass. */
void twin_flush(struct twin *twin);

/* Right after the call that made a query the first of those on their way. */
static inline void twin_stream_rows(struct twin *twin)
{
#ifdef TWIN_CHUNKS
    PQsetChunkedRowsMode(twin->pg, TWIN_ROWS_PER_CHUNK);
#else
    PQsetSingleRowMode(twin->pg);
#endif
}

/* One query and its Sync. first: none is on its way. */
void twin_send(struct twin *twin, const struct twin_query *query, int32_t value, bool first);

/* The same without a Sync; and a Sync. */
void twin_send_member(struct twin *twin, const struct twin_query *query, int32_t value);
void twin_send_sync(struct twin *twin);

/* Runs a statement on a connection of its own, waiting. */
void twin_run(const char *sql);

/* Ends the program if these are no rows. */
void twin_expect_rows(const PGresult *result);

/* Touches all fields of all rows. */
void twin_take_rows(const PGresult *result, int columns);

/* Decodes the rows of VALUES_SQL; before the first of a query, the types are looked at. */
void twin_take_values(const PGresult *result, bool binary, bool first);

#endif
