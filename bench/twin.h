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

struct twin {
    struct event_base *base;
    PGconn *pg;
    struct event *readable;
    struct event *writable;
    void (*on_wake)(struct twin *twin); /* libpq may hold answers */
};

/* Connects, waiting; then everything is asynchronous. */
void twin_open(struct twin *twin, void (*on_wake)(struct twin *twin));

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
void twin_send(struct twin *twin, const char *sql, int32_t value, bool first);

/* Touches all fields of all rows, if these are rows, and ends the program if this is an error. */
void twin_take_rows(const PGresult *result, int columns);

#endif
