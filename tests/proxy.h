/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * proxy: stands between the library and a server, and does what networks do.
 *
 * It runs in the tested program's own loop. Its settings may be changed while it runs, and count
 * for the connections that there are and for those that come. What it reads it sends on at once or,
 * with `piece`, so many bytes in each turn of the loop; where one side does not read, the other
 * feels it.
 */
#ifndef PROXY_H
#define PROXY_H

#include <event2/event.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { PROXY_CAPTURE = 4096 };

struct proxy_settings {
    size_t piece;        /* of what goes to the client, in bytes; 0: all there is */
    size_t client_piece; /* of what goes to the server */
    int delay_ms;        /* the most each piece is held back, by chance; 0: not */
    bool hold;           /* nothing is read or written, as if the cable was cut */
    bool black_hole;     /* all is read and acknowledged, and goes nowhere */
    bool silent;         /* connections are accepted and lead nowhere */
    int64_t cut_at;      /* after so many bytes of the server's in a connection; -1: never */
    bool cut_by_reset;   /* by RST, not FIN */
    int64_t flip_at;     /* which byte of the server's in a connection is changed; -1: none */
    uint8_t flip_mask;   /* which of its bits */
    struct evbuffer *recording; /* to which all that the server says is added; or NULL */
};

struct proxy_counters {
    int accepted;                          /* connections so far */
    int live;                              /* connections now */
    uint64_t from_client, from_server;     /* bytes read */
    uint64_t to_client;                    /* bytes sent on */
    unsigned char captured[PROXY_CAPTURE]; /* the first bytes of all clients */
    size_t n_captured;
};

struct proxy {
    struct proxy_settings settings;
    struct proxy_counters counters;
    struct proxy_parts *parts;
};

/* host: a socket's folder, where it starts with /, or a numeric IPv4 address. */
struct proxy *proxy_new(struct event_base *base, const char *host, const char *port);

/* The port where it listens. */
int proxy_port(const struct proxy *proxy);

/* Listens at another IPv4 address than 127.0.0.1, at a port that is free there. */
void proxy_move(struct proxy *proxy, const char *address);

/* After a change of `hold`, to the connections that there are. */
void proxy_apply(struct proxy *proxy);

/* Ends all connections on the client's side: by RST, by FIN; or only the server's half of them. */
void proxy_reset(struct proxy *proxy);
void proxy_close(struct proxy *proxy);
void proxy_half_close(struct proxy *proxy);

/* Refuses new connections, or accepts them again. */
void proxy_refuse(struct proxy *proxy, bool refuse);

/* Lets new connections wait to be accepted, with what they send, as the kernel does; and goes on.
 */
void proxy_let_wait(struct proxy *proxy, bool wait);

/* Whether a client has sent these bytes among the first; of text, without the byte at its end. */
bool proxy_has_captured(const struct proxy *proxy, const char *text);

/* Ends it and its connections; and all that there are. */
void proxy_free(struct proxy *proxy);
void proxy_free_all(void);

#endif
