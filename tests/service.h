/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * service: the example program http_service as a child process, and an HTTP client of it in `base`.
 */
#ifndef SERVICE_H
#define SERVICE_H

#include <stdbool.h>
#include <stddef.h>

/* What was answered to one request; freed with all others by service_end(). */
struct answer {
    struct answer *next;
    int status;        /* 0: there was no answer */
    bool done;         /* the answer has come, or none will */
    double began, end; /* now_ms() */
    char *body;
    char try_again[16]; /* the header X-Try-Again, or "" */
    struct evhttp_connection *connection;
    void (*on_done)(struct answer *answer); /* or NULL */
    int number;                             /* for the test */
};

/* Makes `base` and the tables, and starts it; standby_conninfo: or NULL. */
void service_start(const char *conninfo, const char *standby_conninfo);

/* The same, and waits until it is well. */
void service_begin(const char *conninfo, const char *standby_conninfo);

/* How many of its queries sleep at the server, where other tests' may still do so. */
int service_sleeping(void);

/* Waits until so many do; fails the test after 10 s. */
void service_await_sleeping(int n);

/* Asks for a path. */
struct answer *service_get(const char *path, void (*on_done)(struct answer *answer));

/* The same, and waits for the answer. */
struct answer *service_ask(const char *path);

/* One of its metrics, by all that stands before the number; fails the test when there is none. */
double service_metric(const char *name);

/* One of its pool's, without evpg_ before its name and other labels. */
int service_count(const char *name);

/* It answers by what the database says. */
void service_check_well(void);

/* The most that its loop was late by its own doing, as it says itself, in ms; and it was not, by
 * much: a timer of 10 ms had no gap of more than 50 ms (ten times that under sanitizers). */
double service_lag_ms(void);
void service_check_lag(void);

/* Hangs up. */
void service_hang_up(struct answer *answer);

/* Waits until all have been answered; fails the test after 20 s. */
void service_await_all(void);

/* A client of the plainest kind: a connection, whose end takes so many bytes before they are read
 * (0: the usual number); its descriptor. And one with some text sent. */
int service_connect(int receive_bytes);
int service_send(const char *text);

/* Its end by a reset, as that of a client which is killed while answers are on their way to it. */
void service_reset(int fd);

/* All that it gets until the other end is closed, which it must be within 5 s; closes it. */
void service_read(int fd, char *text, size_t size);

/* Stops the process, so that all that clients do meanwhile is there at once; and has it go on. */
void service_halt(void);
void service_go_on(void);

/* What it has used of the processor, in milliseconds. */
double service_cpu_ms(void);

/* The memory that it has at the moment. */
long service_resident_kib(void);

/* How many descriptors it may have. */
void service_limit_descriptors(unsigned n);

/* Sends it a signal, and waits for its end: its exit status. */
int service_stop(int signal_number);

/* Stops it, if that was not done, and frees all; it must have ended with 0. */
void service_end(void);

#endif
