/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * replay: see replay.h.
 *
 * Called by the sweeps and by the tests of a server's sins. Invariants: messages go out in the
 * order of the recording, each once, but where the session's distortion says otherwise; a group
 * goes out when the client has asked for it, and not before; bytes are counted from the start of
 * the session, as they go out.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* memmem */
#endif

#include "replay.h"

#include "proxy.h"

#include <arpa/inet.h>
#include <check.h>
#include <event2/bufferevent.h>
#include <event2/listener.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

enum { MOST_HEARD = 65536 };

static uint32_t number_at(const unsigned char *bytes)
{
    uint32_t number;

    memcpy(&number, bytes, sizeof(number));
    return ntohl(number);
}

static void cut(struct recording *recording, struct evbuffer *bytes)
{
    size_t at = 0, most;

    recording->length = evbuffer_get_length(bytes);
    recording->bytes = malloc(recording->length);
    evbuffer_remove(bytes, recording->bytes, recording->length);
    most = recording->length / 5 + 1;
    recording->message = calloc(most, sizeof(size_t));
    recording->group = calloc(most, sizeof(size_t));
    recording->n_messages = recording->n_groups = 0;
    while (at < recording->length) {
        recording->message[recording->n_messages++] = at;
        ck_assert_uint_le(at + 5, recording->length);
        if (recording->bytes[at] == 'Z')
            recording->group[++recording->n_groups] = recording->n_messages;
        at += 1 + number_at(recording->bytes + at + 1);
    }
    recording->message[recording->n_messages] = at;
    ck_assert_uint_eq(at, recording->length);
    ck_assert_uint_eq(recording->group[recording->n_groups], recording->n_messages);
}

void recording_make(struct recording *recording, struct event_base *base, void (*run)(int port))
{
    struct evbuffer *bytes = evbuffer_new();
    struct proxy *proxy = proxy_new(base, getenv("PGHOST"), getenv("PGPORT"));

    proxy->settings.recording = bytes;
    run(proxy_port(proxy));
    cut(recording, bytes);
    proxy_free(proxy);
    evbuffer_free(bytes);
}

void recording_free(struct recording *recording)
{
    free(recording->bytes);
    free(recording->message);
    free(recording->group);
}

size_t recording_find(const struct recording *recording, size_t group, char type)
{
    size_t i = recording->group[group];

    while (i < recording->n_messages &&
           recording->bytes[recording->message[i]] != (unsigned char)type)
        i++;
    ck_assert_uint_lt(i, recording->n_messages);
    return i;
}

struct session {
    LIST_ENTRY(session) link;
    struct replay *replay;
    struct bufferevent *stream;
    struct distortion distortion;
    bool started, in_tls;
    size_t next;    /* message to be said */
    size_t n_asked; /* groups */
    size_t n_run;   /* statements, since then; and how many of those are to be answered now */
    size_t n_flushed;
    size_t n_bytes; /* said */
    bool at_end;
};

struct replay {
    struct event_base *base;
    const struct recording *recording;
    replay_choose_cb choose;
    struct evconnlistener *listener;
    int port, live;
    struct evbuffer *heard;
    const char *tls_answer, *tls_more;
    size_t tls_length;
    size_t stop_at;
    LIST_HEAD(, session) sessions;
};

static void free_session(struct session *session)
{
    LIST_REMOVE(session, link);
    session->replay->live--;
    bufferevent_free(session->stream);
    free(session);
}

/* Once all is sent. */
static void on_written(struct bufferevent *stream, void *arg)
{
    struct session *session = arg;
    const struct linger now = {1, 0};

    if (!session->at_end || session->distortion.kind == MUTE ||
        evbuffer_get_length(bufferevent_get_output(stream)) > 0)
        return;
    if (session->distortion.kind == CUT_HARD)
        setsockopt(bufferevent_getfd(stream), SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    free_session(session);
}

static bool is_of_bytes(enum distortion_kind kind)
{
    return kind == FLIP || kind == CUT || kind == CUT_HARD || kind == MUTE;
}

/* Bytes of the recording or others: here a byte's distortion takes hold. */
static void write_bytes(struct session *session, const void *bytes, size_t length)
{
    const struct distortion *how = &session->distortion;
    struct evbuffer *output = bufferevent_get_output(session->stream);
    size_t at = how->at - session->n_bytes;
    bool here = is_of_bytes(how->kind) && how->at >= session->n_bytes && at < length;
    unsigned char changed = here ? ((const unsigned char *)bytes)[at] ^ how->mask : 0;

    if (session->at_end)
        return;
    session->n_bytes += length;
    if (!here) {
        evbuffer_add(output, bytes, length);
        return;
    }
    evbuffer_add(output, bytes, at);
    session->at_end = how->kind != FLIP;
    if (how->kind == FLIP) {
        evbuffer_add(output, &changed, 1);
        evbuffer_add(output, (const char *)bytes + at + 1, length - at - 1);
    }
}

static void write_message(struct session *session, size_t i)
{
    const struct recording *recording = session->replay->recording;

    if (i < recording->n_messages)
        write_bytes(session, recording->bytes + recording->message[i],
                    recording->message[i + 1] - recording->message[i]);
}

/* One message, or what comes of it. */
static void say_message(struct session *session, size_t i)
{
    const struct distortion *how = &session->distortion;
    bool here = !is_of_bytes(how->kind) && how->at == i;

    if (how->kind == SWAP && how->at + 1 == i)
        return;
    if (here && (how->kind == SAY || how->kind == INSTEAD))
        write_bytes(session, how->bytes, how->length);
    if (here && how->kind == SWAP)
        write_message(session, i + 1);
    if (here && (how->kind == INSTEAD || how->kind == SKIP))
        return;
    write_message(session, i);
    if (here && how->kind == SAY_TWICE)
        write_message(session, i);
}

/* Behind the answers to so many statements of a group. */
static size_t behind_answers(const struct recording *recording, size_t group, size_t n)
{
    size_t i = recording->group[group];

    for (; n > 0 && i < recording->n_messages; i++)
        n -= recording->bytes[recording->message[i]] == 'C';
    return i;
}

/* As far as was asked. */
static void go_on(struct session *session)
{
    const struct recording *recording = session->replay->recording;
    size_t n_groups =
        session->n_asked < recording->n_groups ? session->n_asked : recording->n_groups;
    size_t end = behind_answers(recording, n_groups, session->n_flushed);

    while (session->next < end && session->next < session->replay->stop_at)
        say_message(session, session->next++);
    if (session->at_end)
        on_written(session->stream, session); /* where nothing is left to be sent */
}

/* "user", its end, its value: "n123". */
static void find_number(struct session *session, const unsigned char *startup, size_t length)
{
    const char *user = memmem(startup, length, "user\0n", 6);

    if (user && session->replay->choose)
        session->distortion = session->replay->choose(strtol(user + 6, NULL, 10));
}

/* Where the answer was "S", what comes next is TLS, and no message of ours. */
static bool take_tls_request(struct session *session, struct evbuffer *input)
{
    const struct replay *replay = session->replay;

    session->in_tls = *replay->tls_answer != 'N';
    bufferevent_write(session->stream, replay->tls_answer, replay->tls_length);
    evbuffer_drain(input, 8);
    return false;
}

static void answer_in_tls(struct session *session)
{
    const char *more = session->replay->tls_more;

    if (more && *more)
        bufferevent_write(session->stream, more, strlen(more));
    else if (more)
        free_session(session);
}

/* False: it has not come whole, or never will. */
static bool take_startup(struct session *session, struct evbuffer *input)
{
    size_t length = evbuffer_get_length(input);
    const unsigned char *bytes = evbuffer_pullup(input, -1);

    if (session->in_tls && length > 0) {
        answer_in_tls(session);
        return false;
    }
    if (session->in_tls || length < 8 || length < number_at(bytes))
        return false;
    length = number_at(bytes);
    if (length == 8)
        return take_tls_request(session, input);
    find_number(session, bytes, length);
    evbuffer_drain(input, length);
    session->started = true;
    session->n_asked = 1;
    return true;
}

/* What it means by that type: all is to be answered, or what was asked for so far. */
static void note_message(struct session *session, unsigned char type)
{
    session->n_run += type == 'E';
    if (type == 'H')
        session->n_flushed = session->n_run;
    if (type != 'S' && type != 'Q')
        return;
    session->n_asked++;
    session->n_run = session->n_flushed = 0;
}

static bool take_message(struct session *session, struct evbuffer *input)
{
    unsigned char head[5];
    size_t length;

    if (evbuffer_copyout(input, head, sizeof(head)) < (ev_ssize_t)sizeof(head))
        return false;
    length = 1 + number_at(head + 1);
    if (evbuffer_get_length(input) < length)
        return false;
    evbuffer_drain(input, length);
    note_message(session, *head);
    return true;
}

static void on_readable(struct bufferevent *stream, void *arg)
{
    struct session *session = arg;
    struct evbuffer *input = bufferevent_get_input(stream);
    size_t length = evbuffer_get_length(input);

    if (evbuffer_get_length(session->replay->heard) < MOST_HEARD)
        evbuffer_add(session->replay->heard, evbuffer_pullup(input, -1), length);
    if (!session->started && !take_startup(session, input))
        return;
    while (take_message(session, input))
        continue;
    go_on(session);
}

static void on_event(struct bufferevent *stream, short what, void *arg)
{
    (void)stream;
    (void)what;
    free_session(arg);
}

static void on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *address,
                      int length, void *arg)
{
    struct replay *replay = arg;
    struct session *session = calloc(1, sizeof(*session));
    const int yes = 1;

    (void)listener;
    (void)address;
    (void)length;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
    session->replay = replay;
    session->stream = bufferevent_socket_new(replay->base, fd, BEV_OPT_CLOSE_ON_FREE);
    bufferevent_set_max_single_write(session->stream, 1 << 20); /* its end comes right behind */
    bufferevent_setcb(session->stream, on_readable, on_written, on_event, session);
    bufferevent_enable(session->stream, EV_READ | EV_WRITE);
    LIST_INSERT_HEAD(&replay->sessions, session, link);
    replay->live++;
}

struct replay *replay_new(struct event_base *base, const struct recording *recording,
                          replay_choose_cb choose)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t length = sizeof(address);
    struct replay *replay = calloc(1, sizeof(*replay));

    signal(SIGPIPE, SIG_IGN); /* which a bufferevent raises */
    replay->base = base;
    replay->recording = recording;
    replay->choose = choose;
    replay->stop_at = SIZE_MAX;
    replay->heard = evbuffer_new();
    replay_answer_tls(replay, "N", 1, NULL);
    LIST_INIT(&replay->sessions);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    replay->listener = evconnlistener_new_bind(base, on_accept, replay, LEV_OPT_CLOSE_ON_FREE, 512,
                                               (struct sockaddr *)&address, sizeof(address));
    ck_assert_ptr_nonnull(replay->listener);
    getsockname(evconnlistener_get_fd(replay->listener), (struct sockaddr *)&address, &length);
    replay->port = ntohs(address.sin_port);
    return replay;
}

void replay_free(struct replay *replay)
{
    replay_hang_up(replay);
    evconnlistener_free(replay->listener);
    evbuffer_free(replay->heard);
    free(replay);
}

int replay_port(const struct replay *replay)
{
    return replay->port;
}

int replay_live(const struct replay *replay)
{
    return replay->live;
}

void replay_answer_tls(struct replay *replay, const char *answer, size_t length, const char *more)
{
    replay->tls_answer = answer;
    replay->tls_length = length;
    replay->tls_more = more;
}

bool replay_has_heard(const struct replay *replay, const char *text)
{
    return evbuffer_search(replay->heard, text, strlen(text), NULL).pos >= 0;
}

size_t replay_heard(const struct replay *replay)
{
    return evbuffer_get_length(replay->heard);
}

void replay_stop_at(struct replay *replay, size_t message)
{
    replay->stop_at = message;
}

void replay_go_on(struct replay *replay)
{
    struct session *session, *next;

    replay->stop_at = SIZE_MAX;
    for (session = LIST_FIRST(&replay->sessions); session; session = next) {
        next = LIST_NEXT(session, link);
        go_on(session);
    }
}

void replay_say(struct replay *replay, const void *bytes, size_t length)
{
    struct session *session;

    LIST_FOREACH(session, &replay->sessions, link)
    write_bytes(session, bytes, length);
}

void replay_hang_up(struct replay *replay)
{
    while (!LIST_EMPTY(&replay->sessions))
        free_session(LIST_FIRST(&replay->sessions));
}

void replay_end(struct replay *replay)
{
    struct session *session;

    LIST_FOREACH(session, &replay->sessions, link)
    session->at_end = true;
}
