/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * http_board: the example live_board, by what it says to a plain client: what is committed is told,
 * after a gap the board is read afresh, a client that was away gets what it has missed; and clients
 * that do not behave cost others nothing.
 *
 * What a browser makes of that is tested by live_board.sh. Each case has a database of its own.
 */
#include "harness.h"
#include "oracle.h"
#include "server.h"
#include "service.h"

#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MOST_ENTRIES = 100, MOST_VIEWERS = 500 };

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

static char database[40];

static void load(const char *file)
{
    const char *top = getenv("top_srcdir");
    char command[400];

    snprintf(command, sizeof(command), "psql -X -q -v ON_ERROR_STOP=1 -f '%s/examples/%s'",
             top ? top : "../..", file);
    ck_assert_int_eq(system(command), 0);
}

static void board_begin(void)
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

static void board_end(void)
{
    char sql[80];

    service_end();
    setenv("PGDATABASE", "evpg", 1);
    snprintf(sql, sizeof(sql), "drop database %s with (force)", database);
    free(admin(sql));
}

/* HTTP/1.0 has no chunks. */
static struct stream *open_stream(const char *last_id)
{
    struct stream *stream = calloc(1, sizeof(*stream));
    char request[200];

    snprintf(request, sizeof(request), "GET /events HTTP/1.0\r\n%s%s%s\r\n",
             last_id ? "Last-Event-ID: " : "", last_id ? last_id : "", last_id ? "\r\n" : "");
    stream->fd = service_send(request);
    return stream;
}

static void close_stream(struct stream *stream)
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

/* More of it, within 5 s. */
static void receive(struct stream *stream)
{
    ssize_t n = recv(stream->fd, stream->text + stream->length,
                     sizeof(stream->text) - 1 - stream->length, 0);

    ck_assert_msg(n > 0, "nothing comes any more: %zd, after %s", n, stream->said.event);
    stream->length += (size_t)n;
    stream->text[stream->length] = '\0';
}

/* The next event but pings; the answer's head, and "retry", are blocks without one. */
static const struct said *next(struct stream *stream)
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

static const struct said *expect(struct stream *stream, const char *event, const char *word)
{
    const struct said *said = next(stream);

    ck_assert_msg(strcmp(said->event, event) == 0 && strstr(said->data, word), "not %s %s: %s %s",
                  event, word, said->event, said->data);
    return said;
}

static int count(const char *text, const char *word)
{
    int n = 0;

    while ((text = strstr(text, word))) {
        text += strlen(word);
        n++;
    }
    return n;
}

/* A completion of course 3 by somebody new. */
static void complete(const char *who)
{
    char sql[400];

    snprintf(sql, sizeof(sql),
             "with a as (insert into alunos (nome) values ('%s') returning id)"
             " insert into conclusoes select id, 3, current_date, 7 from a",
             who);
    free(admin(sql));
}

static struct stream *open_live_stream(void)
{
    struct stream *stream = open_stream(NULL);
    const struct said *said = expect(stream, "board", "Sofia");

    ck_assert_int_eq(count(said->data, "\"key\""), MOST_ENTRIES);
    expect(stream, "state", "live");
    return stream;
}

START_TEST(what_is_committed_is_told)
{
    struct stream *one, *two;
    char first[64];

    board_begin();
    one = open_live_stream();
    two = open_live_stream();
    complete("Ana <script>\"\\");
    expect(one, "entry", "\"who\" : \"Ana <script>\\\"\\\\\"");
    snprintf(first, sizeof(first), "%s", expect(two, "entry", "Estruturas de Dados")->id);
    free(admin("update conclusoes set nota = 1.5 where numero = 7"));
    expect(one, "entry", "\"mark\" : 1.5");
    ck_assert_str_ne(first, one->said.id);
    free(admin("begin; insert into alunos (nome) values ('x'); delete from conclusoes; rollback"));
    free(admin("delete from conclusoes where numero > 50"));
    ck_assert_int_eq(count(expect(one, "board", "[{")->data, "\"key\""), 49);
    free(admin("truncate conclusoes"));
    ck_assert_str_eq(expect(one, "board", "[")->data, "[]");
    close_stream(one);
    close_stream(two);
    board_end();
}
END_TEST

/* 0: what was missed; 1: more than is known; 2..: an id that is not one of this board's. */
START_TEST(comes_back)
{
    static const char *const odd[] = {"1-300", "x", "99999999999999999999999-1", "-", ""};
    struct stream *stream;
    char id[64];

    board_begin();
    stream = open_live_stream();
    complete("before");
    snprintf(id, sizeof(id), "%s", expect(stream, "entry", "before")->id);
    close_stream(stream);
    if (_i == 1)
        free(admin("update conclusoes set nota = 2 where numero <= 150"));
    complete("away 1");
    complete("away 2");
    run_for(200);
    stream = open_stream(_i >= 2 ? odd[_i - 2] : id);
    if (_i == 0) {
        expect(stream, "entry", "away 1");
        expect(stream, "entry", "away 2");
    } else {
        expect(stream, "board", "away 1");
        ck_assert_int_eq(count(stream->said.data, "away"), 2);
        ck_assert_int_eq(count(stream->said.data, "\"key\""), MOST_ENTRIES);
    }
    expect(stream, "state", "live");
    complete("here");
    expect(stream, "entry", "here");
    close_stream(stream);
    board_end();
}
END_TEST

/* All states and boards until it is live again; the last board's data are left in said. */
static void await_live(struct stream *stream)
{
    static char last[60000];

    while (strcmp(next(stream)->event, "state") != 0 || strcmp(stream->said.data, "live") != 0)
        if (strcmp(stream->said.event, "board") == 0)
            snprintf(last, sizeof(last), "%s", stream->said.data);
    snprintf(stream->said.data, sizeof(stream->said.data), "%s", last);
}

static void check_once(const struct stream *stream, const char *const *who, int n)
{
    for (int i = 0; i < n; i++)
        ck_assert_msg(count(stream->said.data, who[i]) == 1, "%s: %d times", who[i],
                      count(stream->said.data, who[i]));
}

/* The listener's session ends, and something is committed before it has another one. */
START_TEST(a_gap)
{
    static const char *const who[] = {"before", "gap one", "gap two"};
    struct stream *stream;

    board_begin();
    stream = open_live_stream();
    complete(who[0]);
    expect(stream, "entry", who[0]);
    for (int i = 0; i < sized(3, 20); i++) {
        free(admin("delete from conclusoes using alunos where id = aluno_id and nome like 'gap%'"
                   "; delete from alunos where nome like 'gap%'"));
        expect(stream, "board", who[0]);
        free(admin("select pg_terminate_backend(pid, 5000) from pg_stat_activity"
                   " where datname = current_database() and query like 'LISTEN%'"));
        complete(who[1]);
        complete(who[2]);
        expect(stream, "state", "lost");
        await_live(stream);
        check_once(stream, who, 3);
    }
    close_stream(stream);
    board_end();
}
END_TEST

/* 0: fast, 1: immediate. As soon as it is up again something is committed. */
START_TEST(a_restart)
{
    static const char *const who[] = {"before", "at once", "later"};
    struct stream *stream;

    board_begin();
    stream = open_live_stream();
    complete(who[0]);
    expect(stream, "entry", who[0]);
    server_stop(_i ? SIGQUIT : SIGINT);
    expect(stream, "state", "lost");
    ck_assert_int_eq(service_ask("/healthz")->status, 503);
    ck_assert_int_eq(service_ask("/")->status, 200);
    ck_assert_int_eq(service_ask("/courses")->status, 503);
    server_start();
    complete(who[1]);
    await_live(stream);
    if (count(stream->said.data, who[1]) == 0)
        expect(stream, "entry", who[1]);
    complete(who[2]);
    expect(stream, "entry", who[2]);
    close_stream(stream);
    stream = open_stream(NULL);
    expect(stream, "board", "[");
    check_once(stream, who, 3);
    close_stream(stream);
    board_end();
}
END_TEST

/* Of one that reads nothing, nothing is kept; when it reads again it gets the latest. */
START_TEST(does_not_read)
{
    struct stream *slow, *other;
    char who[20];
    long before;

    board_begin();
    slow = open_stream(NULL);
    other = open_live_stream();
    before = service_resident_kib();
    for (int i = 0; i < sized(40, 200); i++) {
        free(admin("update conclusoes set nota = nota where numero in"
                   " (select numero from conclusoes order by numero desc limit 99)"));
        snprintf(who, sizeof(who), "number %d", i);
        complete(who);
        while (!strstr(next(other)->data, who))
            continue;
    }
    if (!SANITIZED)
        ck_assert_int_lt(service_resident_kib() - before, 2048);
    run_for(100);
    while (!strstr(next(slow)->data, who))
        continue;
    complete("the last");
    while (!strstr(next(slow)->data, "the last"))
        continue;
    close_stream(slow);
    close_stream(other);
    board_end();
}
END_TEST

/* More streams come and go, by FIN or reset, than there may be at once; and they may send things.
 */
START_TEST(come_and_go)
{
    static char junk[10000];
    struct stream *stream;
    int fd;

    board_begin();
    for (int i = 0; i < MOST_VIEWERS + 100; i++) {
        fd = service_send("GET /events HTTP/1.1\r\nHost: a\r\n\r\n");
        if (i % 3 == 0)
            send(fd, junk, sizeof(junk), MSG_NOSIGNAL);
        if (i % 2)
            service_reset(fd);
        else
            close(fd);
        if (i % 50 == 0)
            run_for(20);
    }
    run_for(100);
    stream = open_live_stream();
    complete("x");
    expect(stream, "entry", "x");
    close_stream(stream);
    board_end();
}
END_TEST

enum { DESCRIPTORS = 40, TOO_MANY = 60 };

/* Some wait to be let in, and nothing spins; who is in hears all. */
START_TEST(too_many)
{
    int fds[TOO_MANY];
    struct stream *stream;
    double cpu;

    board_begin();
    stream = open_live_stream();
    service_limit_descriptors(DESCRIPTORS);
    for (int i = 0; i < TOO_MANY; i++)
        fds[i] = service_send("GET /events HTTP/1.0\r\n\r\n");
    run_for(300);
    cpu = service_cpu_ms();
    run_for(1000);
    ck_assert_double_lt(service_cpu_ms() - cpu, 300);
    complete("x");
    expect(stream, "entry", "x");
    for (int i = 0; i < TOO_MANY; i++)
        close(fds[i]);
    close_stream(stream);
    run_for(200);
    close_stream(open_stream(NULL));
    ck_assert_int_eq(service_ask("/healthz")->status, 200);
    board_end();
}
END_TEST

/* 0: in good order, 1: with the server stopped, 2: with viewers who do not read. */
START_TEST(is_stopped)
{
    struct stream *stream;
    double began;
    char rest[100];

    board_begin();
    stream = open_live_stream();
    if (_i == 1)
        server_stop(SIGINT);
    for (int i = 0; _i == 2 && i < 20; i++)
        service_send("GET /events HTTP/1.0\r\n\r\n");
    run_for(100);
    began = now_ms();
    ck_assert_int_eq(service_stop(SIGTERM), 0);
    ck_assert_double_lt(now_ms() - began, 3500);
    if (_i == 1)
        server_start();
    while (recv(stream->fd, rest, sizeof(rest), 0) > 0)
        continue;
    close_stream(stream);
    board_end();
}
END_TEST

/* What is sent, and what the answer begins with. */
static const struct {
    const char *head, *body, *answer;
} posts[] = {
    {"", "who=Ana+Z&course=3&mark=9.5", "HTTP/1.1 200 "},
    {"", "who=Ana+Z&course=3&mark=9.5", "HTTP/1.1 200 "},
    {"", "who=%3Cb%3E&course=3&mark=", "HTTP/1.1 200 "},
    {"Origin: http://b\r\n", "who=Ana&course=3&mark=9.5", "HTTP/1.1 403 "},
    {"Origin: http://a\r\n", "who=Ana+Y&course=3&mark=9.5", "HTTP/1.1 200 "},
    {"", "who=Ana&course=99&mark=9.5", "HTTP/1.1 400 "},
    {"", "who=Ana&course=3&mark=11", "HTTP/1.1 400 "},
    {"", "who=Ana&course=3&mark=NaN", "HTTP/1.1 400 "},
    {"", "who=Ana&course=3;drop&mark=1", "HTTP/1.1 400 "},
    {"", "who=%FF&course=3&mark=1", "HTTP/1.1 400 "},
    {"", "who=+%20&course=3", "HTTP/1.1 400 "},
    {"", "course=3", "HTTP/1.1 400 "},
    {"", "who=x", "HTTP/1.1 400 "},
    {"", "&&&=", "HTTP/1.1 400 "},
    {"", "", "HTTP/1.1 400 "},
};

START_TEST(post)
{
    char request[1000], answer[4000];

    board_begin();
    for (size_t i = 0; i < sizeof(posts) / sizeof(*posts); i++) {
        snprintf(request, sizeof(request),
                 "POST /completions HTTP/1.1\r\nHost: a\r\nConnection: close\r\n%s"
                 "Content-Length: %zu\r\n\r\n%s",
                 posts[i].head, strlen(posts[i].body), posts[i].body);
        service_read(service_send(request), answer, sizeof(answer));
        ck_assert_msg(strncmp(answer, posts[i].answer, strlen(posts[i].answer)) == 0, "%s: %s",
                      posts[i].body, answer);
    }
    ck_assert_str_eq(admin("select count(*) from conclusoes where numero > 300"), "3");
    ck_assert_str_eq(admin("select count(*) from alunos where nome = '<b>'"), "1");
    board_end();
}
END_TEST

/* Clients that send it and do not wait for the answer; and one that sends too much. */
START_TEST(post_and_go)
{
    static const char text[] = "POST /completions HTTP/1.1\r\nHost: a\r\nContent-Length: 20\r\n\r\n"
                               "who=gone&course=3   ";
    char answer[4000];

    board_begin();
    for (int i = 0; i < sized(20, 200); i++) {
        service_halt();
        service_reset(service_send(text));
        service_go_on();
        run_for(5);
    }
    service_read(service_send("POST /completions HTTP/1.1\r\nHost: a\r\n"
                              "Content-Length: 100000\r\n\r\nwho=x"),
                 answer, sizeof(answer));
    ck_assert_int_eq(strncmp(answer, "HTTP/1.1 413 ", 13), 0);
    ck_assert_int_eq(service_ask("/healthz")->status, 200);
    board_end();
}
END_TEST

START_TEST(the_page)
{
    board_begin();
    ck_assert_ptr_nonnull(strstr(service_ask("/")->body, "<script src=\"live_board.js\" defer>"));
    ck_assert_ptr_nonnull(strstr(service_ask("/live_board.js")->body, "new EventSource("));
    ck_assert_ptr_nonnull(strstr(service_ask("/live_board.css")->body, "prefers-color-scheme"));
    ck_assert_ptr_nonnull(
        strstr(service_ask("/courses")->body, "\"Programa\xc3\xa7\xc3\xa3o em C\""));
    ck_assert_int_eq(service_ask("/completions")->status, 404);
    ck_assert_int_eq(service_ask("/nothing")->status, 404);
    board_end();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("http_board");
    TCase *tcase = tcase_create("board");

    tcase_set_timeout(tcase, sized(90, 300));
    tcase_add_test(tcase, what_is_committed_is_told);
    tcase_add_loop_test(tcase, comes_back, 0, 7);
    tcase_add_test(tcase, a_gap);
    tcase_add_loop_test(tcase, a_restart, 0, 2);
    tcase_add_test(tcase, does_not_read);
    tcase_add_test(tcase, come_and_go);
    tcase_add_test(tcase, too_many);
    tcase_add_loop_test(tcase, is_stopped, 0, 3);
    tcase_add_test(tcase, post);
    tcase_add_test(tcase, post_and_go);
    tcase_add_test(tcase, the_page);
    suite_add_tcase(suite, tcase);
    return run_suite(suite, true);
}
