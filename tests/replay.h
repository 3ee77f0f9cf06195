/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * replay: a server that says again what a real one has said, and does wrong at one place.
 *
 * It runs in the tested program's own loop. What it says comes from a recording of the real
 * server's bytes, which is cut into messages, and into groups that end with ReadyForQuery: the
 * first is the answer to the startup message, each other one to a Sync or a simple Query. A Flush
 * is answered as far as statements were asked for, where none of them fails. So it answers in time,
 * and right for as long as it is asked the same things again.
 *
 * Each session tells by its user's name, "n123", which number it has, and is distorted accordingly.
 */
#ifndef REPLAY_H
#define REPLAY_H

#include <event2/buffer.h>
#include <event2/event.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum distortion_kind {
    HONEST,
    SAY,       /* something else before a message */
    INSTEAD,   /* and in its place */
    SKIP,      /* a message */
    SAY_TWICE, /* a message */
    SWAP,      /* a message with the next one */
    FLIP,      /* bits of a byte */
    CUT,       /* the connection, before a byte, by FIN */
    CUT_HARD,  /* and by RST */
    MUTE       /* from a byte on nothing more is said */
};

struct distortion {
    enum distortion_kind kind;
    size_t at;         /* which message, or which byte of the stream */
    const void *bytes; /* what is said */
    size_t length;
    unsigned char mask; /* which bits */
};

/* The real server's bytes, and where each message begins. */
struct recording {
    unsigned char *bytes;
    size_t length;
    size_t *message; /* n_messages + 1 offsets */
    size_t n_messages;
    size_t *group; /* n_groups + 1 messages: where each group begins */
    size_t n_groups;
};

/* Records what the real server says to one client, which `run` has connect to a port of 127.0.0.1,
 * without TLS. Fails the test where that is not whole messages, in whole groups. */
void recording_make(struct recording *recording, struct event_base *base, void (*run)(int port));
void recording_free(struct recording *recording);

/* The first message of that type, from a group on. */
size_t recording_find(const struct recording *recording, size_t group, char type);

struct replay;

/* What the session with that number shall suffer; NULL: all are honest. */
typedef struct distortion (*replay_choose_cb)(long number);

struct replay *replay_new(struct event_base *base, const struct recording *recording,
                          replay_choose_cb choose);
void replay_free(struct replay *replay);
int replay_port(const struct replay *replay);

/* No session hears the messages from that one on, until replay_go_on(). */
void replay_stop_at(struct replay *replay, size_t message);
void replay_go_on(struct replay *replay);

/* All sessions hear this now. */
void replay_say(struct replay *replay, const void *bytes, size_t length);

/* All sessions end: at once; or when what was said is sent. */
void replay_hang_up(struct replay *replay);
void replay_end(struct replay *replay);

/* What is said when a client asks for TLS, and when it goes on regardless; "": that is the end. By
 * default "N", and nothing. Not copied. */
void replay_answer_tls(struct replay *replay, const char *answer, size_t length, const char *more);

/* Whether clients have said that; and how many bytes in all. */
bool replay_has_heard(const struct replay *replay, const char *text);
size_t replay_heard(const struct replay *replay);

/* How many clients there are. */
int replay_live(const struct replay *replay);

#endif
