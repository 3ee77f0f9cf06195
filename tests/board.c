/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * board: runs the example live_board on a database of its own, and reads its streams.
 *
 * Called by http_board. A stream is a blocking socket: what is expected must come within 20 s.
 * Check runs each test in a process of its own.
 */
#include "board.h"

#include "harness.h"
#include "service.h"

#include <stdio.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum { PATIENCE_S = 20 };

static char database[40];

static void load(const char *file)
{
    const char *top = getenv("top_srcdir");
    char command[400];

    snprintf(command, sizeof(command), "psql -X -q -v ON_ERROR_STOP=1 -f '%s/examples/%s'",
             top ? top : "../..", file);
    ck_assert_int_eq(system(command), 0);
}

void board_begin(void)
{
    const char *build = getenv("top_builddir");
    char sql[80], program[400];

    snprintf(database, sizeof(database), "evpg_board_%d", (int)getpid());
    snprintf(sql, sizeof(sql), "create database %s", database);
    free(admin(sql));
    setenv("PGDATABASE", database, 1);
    snprintf(program, sizeof(program), "%s/examples/live_board", build ? build : ".");
    setenv("EVPG_TEST_SERVICE", program, 1);
    load("cursos.sql");
    load("live_board.sql");
    service_begin(NULL, NULL);
}

void board_end(void)
{
    char sql[80];

    service_end();
    setenv("PGDATABASE", "evpg", 1);
    snprintf(sql, sizeof(sql), "drop database %s with (force)", database);
    free(admin(sql));
}

/* HTTP/1.0 has no chunks. */
struct stream *stream_open(const char *last_id)
{
    const struct timeval patience = {PATIENCE_S, 0};
    struct stream *stream = calloc(1, sizeof(*stream));
    char request[200];

    snprintf(request, sizeof(request), "GET /events HTTP/1.0\r\n%s%s%s\r\n",
             last_id ? "Last-Event-ID: " : "", last_id ? last_id : "", last_id ? "\r\n" : "");
    stream->fd = service_send(request);
    setsockopt(stream->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    return stream;
}

void stream_close(struct stream *stream)
{
    close(stream->fd);
    free(stream);
}

/* The rest of a line that begins so, or "". */
static void take_field(char *to, size_t size, const char *block, const char *name)
{
    const char *at = strstr(block, name);
    size_t length = at ? strcspn(at + strlen(name), "\n") : 0;

    snprintf(to, size, "%.*s", (int)length, at ? at + strlen(name) : "");
}

/* More of it, in time. */
static void receive(struct stream *stream)
{
    ssize_t n = recv(stream->fd, stream->text + stream->length,
                     sizeof(stream->text) - 1 - stream->length, 0);

    ck_assert_msg(n > 0, "nothing comes any more: %zd, after %s", n, stream->said.event);
    stream->length += (size_t)n;
    stream->text[stream->length] = '\0';
}

/* The next event but pings; the answer's head, and "retry", are blocks without one. */
const struct said *stream_next(struct stream *stream)
{
    struct said *said = &stream->said;
    char *end;

    do {
        while (!(end = strstr(stream->text, "\n\n")) && !(end = strstr(stream->text, "\r\n\r\n")))
            receive(stream);
        end += *end == '\r' ? 4 : 2;
        end[-1] = '\0';
        take_field(said->id, sizeof(said->id), stream->text, "id: ");
        take_field(said->event, sizeof(said->event), stream->text, "event: ");
        take_field(said->data, sizeof(said->data), stream->text, "data: ");
        stream->length -= (size_t)(end - stream->text);
        memmove(stream->text, end, stream->length + 1);
    } while (!*said->event || strcmp(said->event, "ping") == 0);
    return said;
}

const struct said *stream_expect(struct stream *stream, const char *event, const char *word)
{
    const struct said *said = stream_next(stream);

    ck_assert_msg(strcmp(said->event, event) == 0 && strstr(said->data, word), "not %s %s: %s %s",
                  event, word, said->event, said->data);
    return said;
}

int count(const char *text, const char *word)
{
    int n = 0;

    while ((text = strstr(text, word))) {
        text += strlen(word);
        n++;
    }
    return n;
}

void complete(const char *who)
{
    char sql[400];

    snprintf(sql, sizeof(sql),
             "with a as (insert into alunos (nome) values ('%s') returning id)"
             " insert into conclusoes select id, 3, current_date, 7 from a",
             who);
    free(admin(sql));
}

struct stream *stream_open_live(void)
{
    struct stream *stream = stream_open(NULL);
    const struct said *said = stream_expect(stream, "board", "Sofia");

    ck_assert_int_eq(count(said->data, "\"key\""), MOST_ENTRIES);
    stream_expect(stream, "state", "live");
    return stream;
}
