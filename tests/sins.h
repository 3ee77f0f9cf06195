/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sins: what a server must not say, or not there; each has a name.
 */
#ifndef SINS_H
#define SINS_H

#include <event2/buffer.h>
#include <stddef.h>

/* What becomes of a connection whose server says this where the answer to a request is due, and
 * then goes on as it should. */
enum sin_end {
    HARMLESS, /* nothing: it is legal there, or passed over */
    REFUSED,  /* the connection is closed: EVPG_E_PROTOCOL */
    ENDED,    /* the server ended the session: EVPG_E_LOST */
    ANY_END   /* one of these: it depends on libpq's version, or on memory */
};

struct sin {
    const char *name;
    enum sin_end end;
    struct {
        char type; /* 0: there is no such message */
        const char *body;
        size_t length;
        int claims; /* the length that is said; 0: the true one */
    } message[3];
    int times; /* all that over and over; 0: once */
};

extern const struct sin sins[];
extern const size_t n_sins;

/* The bytes of one; to be freed. */
void *sin_bytes(const struct sin *sin, size_t *length);

#endif
