/* SPDX-License-Identifier: 0BSD (do with it what you like) */
/* What the files of the example live_board share. */
#ifndef LIVE_BOARD_H
#define LIVE_BOARD_H

#include <evpg.h>

#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>

enum { MOST_ENTRIES = 100, MOST_VIEWERS = 500 };

/* One completion. */
struct entry {
    int64_t number; /* of the table: a later one is higher */
    int32_t student, course;
    char *json;
};

/* The latest of them, as far as they are known, the oldest first. */
struct board {
    struct entry entries[MOST_ENTRIES];
    int n;
    int64_t last;   /* the highest number that was seen */
    int64_t floor;  /* all that is above it, up to last, is here */
    uint64_t epoch; /* another one after each fresh read; 0: there was none */
    bool live;      /* changes are heard, and none was missed */
};

extern struct event_base *base;
extern struct evpg_db *pool;
extern bool stopping;
extern struct board board;

/* live_board_table.c: keeps the board like the table. False: it cannot. */
bool table_begin(const char *conninfo);
void table_end(void);

/* live_board_stream.c: a browser that wants to hear of changes. */
void stream_begin(struct evhttp_request *http);

/* The board has changed: all are told what they do not know. */
void streams_tell(void);

/* All are told that this is the end. */
void streams_end(void);

/* live_board_routes.c: what evhttp calls. */
void on_request(struct evhttp_request *http, void *arg);

/* Headers that each answer has. */
void add_headers(struct evhttp_request *http, const char *type);
void reply_text(struct evhttp_request *http, int status, const char *text);

/* live_board_page.c: a file of the page by its path, or NULL; and its type. */
const char *page_find(const char *path, const char **type);

#endif
