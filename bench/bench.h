/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench: what the benchmark programs share, so that a pair differs in its client only.
 */
#ifndef BENCH_H
#define BENCH_H

#include <stdbool.h>
#include <stdint.h>

#define POINT_SQL "SELECT id, randomnumber FROM world WHERE id = $1"
#define POINT_COLUMNS 2
#define POINT_WARM_UP 1000

/* The server makes these rows while it sends them; a series in FROM would be kept first. */
#define ROWS_SQL                                                                                   \
    "select i, 'row number ' || i, i * 1.5::float8, now()"                                         \
    " from (select generate_series(1, $1) as i) as series"
#define ROWS_COLUMNS 4
#define ROWS_WARM_UP 1000

/* What batches insert into, and what empties it before the clock starts. */
#define BATCH_SQL "INSERT INTO entry VALUES ($1)"
#define BATCH_EMPTY "TRUNCATE entry"
#define BATCH_WARM_UP 1000

/* Typical values, no two rows alike: prices, and moments in microseconds. */
#define VALUES_SQL                                                                                 \
    "select i, 'row number ' || i, i / 100::float8,"                                               \
    " timestamptz '2024-02-29 12:00:00+00' + i * interval '7.654321 s'"                            \
    " from (select generate_series(1, $1) as i) as series"

/* How many requests are to be on their way at once, and which have been. */
struct load {
    const char *letters; /* the options that the program takes besides -n */
    bool unprepared;
    bool fresh_heap;           /* else holes are made in it first */
    bool pool, deadlines;      /* by a pool; each has a deadline */
    bool observed, named;      /* there is an event hook; each has a name, by which a pool counts */
    bool values, binary, scan; /* each is decoded; in what format; a whole row at once */
    unsigned depth;
    unsigned low; /* no more are sent while there are more than these on their way */
    unsigned total;
    unsigned sent;
    unsigned answered;
};

/* Reads the command line into the load, which holds the defaults, and makes the heap what it is
 * said to be. Ends the program when the command line is wrong. */
void bench_options(struct load *load, int argc, char **argv);

/* How many may be sent now; they count as sent. */
static inline unsigned load_take_room(struct load *load)
{
    unsigned on_way = load->sent - load->answered;
    unsigned room = load->depth - on_way;
    unsigned left = load->total - load->sent;

    if (on_way > load->low)
        return 0;
    room = room < left ? room : left;
    load->sent += room;
    return room;
}

static inline bool load_is_done(const struct load *load)
{
    return load->answered == load->total;
}

/* The id that the query with that number asks for: all 10,000 of them in turn, not in order. */
static inline int32_t point_id(unsigned number)
{
    return (int32_t)(number % 10000 * 7919 % 10000) + 1;
}

/* What the fields were, touched at their first byte. */
extern uint64_t bench_first_bytes; /* of the first column */
extern uint64_t bench_other_bytes; /* of all others */
extern unsigned bench_rows;

static inline void bench_touch(int column, const char *text)
{
    if (column == 0)
        bench_first_bytes += (unsigned char)*text;
    else
        bench_other_bytes += (unsigned char)*text;
}

/* The values of a row. */
static inline void bench_take(int32_t id, const char *text, double number, int64_t time)
{
    bench_first_bytes += (uint64_t)id;
    bench_other_bytes += (unsigned char)*text + (uint64_t)(number * 100) + (uint64_t)time;
    bench_rows++;
}

/* From here on it counts: the connection is up, the warm-up is over. */
void bench_start(void);

/* What bench_first_bytes must be at the end, in whatever order the ids have come: where their first
 * digits were touched, and where ids from 1 to the count were taken. */
uint64_t bench_expect_digits(unsigned count, int32_t (*id)(unsigned number));
uint64_t bench_expect_values(unsigned count);

/* Prints the line of figures; ends the program when other rows have come than were expected. */
void bench_report(unsigned count, uint64_t expected);

/* Ends the program. */
_Noreturn void bench_die(const char *what, const char *why);

#endif
