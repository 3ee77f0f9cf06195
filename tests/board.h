/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * board: the example live_board under test, and what it says to those who look at it.
 */
#ifndef BOARD_H
#define BOARD_H

#include <stddef.h>

enum { MOST_ENTRIES = 100, MOST_VIEWERS = 500 }; /* as in live_board.h */

/* One event of a stream; what is longer is cut. */
struct said {
    char id[64], event[16], data[60000];
};

/* A stream, as a browser would have it. */
struct stream {
    int fd;
    size_t length;
    char text[200000]; /* that was not looked at yet */
    struct said said;  /* the last event */
};

/* Makes the database, and starts it; and the end of both. */
void board_begin(void);
void board_end(void);

/* Commits a completion of course 3 by somebody new. */
void complete(const char *who);

/* A stream; last_id: or NULL. */
struct stream *stream_open(const char *last_id);
void stream_close(struct stream *stream);

/* The same, and the board and that it is live have come. */
struct stream *stream_open_live(void);

/* The next event but pings. */
const struct said *stream_next(struct stream *stream);

/* The same, which must be that, with this in its data. */
const struct said *stream_expect(struct stream *stream, const char *event, const char *word);

/* How often a word is in a text. */
int count(const char *text, const char *word);

#endif
