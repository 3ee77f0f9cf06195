/* SPDX-License-Identifier: 0BSD (do with it what you like) */
/* What the files of the example http_service share. */
#ifndef HTTP_SERVICE_H
#define HTTP_SERVICE_H

#include <evpg.h>

#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>

enum { MOST_QUERIES = 500, DEADLINE_MS = 1000 };

extern struct event_base *base;
extern struct evpg_db *pool;
extern bool stopping, overloaded;

/* One HTTP request that waits for the database. */
struct job {
    struct evhttp_request *http;
    struct event *hangup;  /* the client's */
    struct event *written; /* looks whether that can be watched yet */
    struct evbuffer *body;
    const char *type;
    bool as_array;
    int status; /* 200; or what has gone wrong */
    int n, left;
    struct evpg_request *queries[MOST_QUERIES]; /* that are under way; else NULL */
    int32_t id[MOST_QUERIES], number[MOST_QUERIES];
};

/* How many there are, and what is called when one has ended. */
extern int open_jobs;
void job_ended(void);

/* Answers without the database. */
void reply(struct evhttp_request *http, int status, const char *type, struct evbuffer *body);
void reply_text(struct evhttp_request *http, int status, const char *text);

/* Makes a job of n queries. */
struct job *job_start(struct evhttp_request *http, const char *type, int n);

/* Submits one of them; NULL: it was refused, and the job has its status. */
struct evpg_request *job_submit(struct job *job, int which, const char *name, const char *sql,
                                const struct evpg_param *params, size_t n_params,
                                evpg_row_cb on_row, evpg_done_cb on_done);

/* What became of one of them; error may be NULL. */
void job_note_error(struct job *job, const struct evpg_error *error);

/* Answers, and ends the job. */
void job_finish(struct job *job);

/* http_service_lag.c: how late the loop is. 0, or -1: it will not be known. */
int lag_start(void);
void lag_stop(void);

/* As metrics for Prometheus. */
void lag_write(struct evbuffer *out);

/* http_service_routes.c: what evhttp calls. */
void on_request(struct evhttp_request *http, void *arg);

#endif
