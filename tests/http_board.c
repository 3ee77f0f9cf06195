/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * http_board: the example live_board, by what it says to a plain client: what is committed is told,
 * after a gap the board is read afresh, a client that was away gets what it has missed; and clients
 * that do not behave cost others nothing.
 *
 * What a browser makes of that is tested by live_board.sh. Each case has a database of its own.
 */
#include "board.h"
#include "harness.h"
#include "oracle.h"
#include "server.h"
#include "service.h"

#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

START_TEST(what_is_committed_is_told)
{
    struct stream *one, *two;
    char first[64];

    board_begin();
    one = stream_open_live();
    two = stream_open_live();
    complete("Ana <script>\"\\");
    stream_expect(one, "entry", "\"who\" : \"Ana <script>\\\"\\\\\"");
    snprintf(first, sizeof(first), "%s", stream_expect(two, "entry", "Estruturas de Dados")->id);
    free(admin("update conclusoes set nota = 1.5 where numero = 7"));
    stream_expect(one, "entry", "\"mark\" : 1.5");
    ck_assert_str_ne(first, one->said.id);
    free(admin("begin; insert into alunos (nome) values ('x'); delete from conclusoes; rollback"));
    free(admin("delete from conclusoes where numero > 50"));
    ck_assert_int_eq(count(stream_expect(one, "board", "[{")->data, "\"key\""), 49);
    free(admin("truncate conclusoes"));
    ck_assert_str_eq(stream_expect(one, "board", "[")->data, "[]");
    stream_close(one);
    stream_close(two);
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
    stream = stream_open_live();
    complete("before");
    snprintf(id, sizeof(id), "%s", stream_expect(stream, "entry", "before")->id);
    stream_close(stream);
    if (_i == 1)
        free(admin("update conclusoes set nota = 2 where numero <= 150"));
    complete("away 1");
    complete("away 2");
    run_for(200);
    stream = stream_open(_i >= 2 ? odd[_i - 2] : id);
    if (_i == 0) {
        stream_expect(stream, "entry", "away 1");
        stream_expect(stream, "entry", "away 2");
    } else {
        stream_expect(stream, "board", "away 1");
        ck_assert_int_eq(count(stream->said.data, "away"), 2);
        ck_assert_int_eq(count(stream->said.data, "\"key\""), MOST_ENTRIES);
    }
    stream_expect(stream, "state", "live");
    complete("here");
    stream_expect(stream, "entry", "here");
    stream_close(stream);
    board_end();
}
END_TEST

/* All states and boards until it is live again; the last board. */
static const char *await_live(struct stream *stream)
{
    static char last[60000];

    *last = '\0';
    while (strcmp(stream_next(stream)->event, "state") != 0 ||
           strcmp(stream->said.data, "live") != 0)
        if (strcmp(stream->said.event, "board") == 0)
            snprintf(last, sizeof(last), "%s", stream->said.data);
    return last;
}

static void check_once(const struct stream *stream, const char *who, int n)
{
    ck_assert_msg(count(stream->said.data, who) == n, "%s: %d times", who,
                  count(stream->said.data, who));
}

/* On the board that has come last; or else, if that was read before it was committed, it is next.
 */
static void expect_once(struct stream *stream, const char *board, const char *who)
{
    ck_assert_int_le(count(board, who), 1);
    if (count(board, who) == 0)
        stream_expect(stream, "entry", who);
}

/* The listener's session ends, and something is committed before it has another one. */
START_TEST(a_gap)
{
    static const char *const who[] = {"before", "gap one", "gap two"};
    struct stream *stream;
    const char *board;

    board_begin();
    stream = stream_open_live();
    complete(who[0]);
    stream_expect(stream, "entry", who[0]);
    for (int i = 0; i < sized(3, 20); i++) {
        free(admin("delete from conclusoes using alunos where id = aluno_id and nome like 'gap%'"
                   "; delete from alunos where nome like 'gap%'"));
        stream_expect(stream, "board", who[0]);
        free(admin("select pg_terminate_backend(pid, 5000) from pg_stat_activity"
                   " where datname = current_database() and (query like 'LISTEN%' or query = '')"));
        complete(who[1]);
        complete(who[2]);
        stream_expect(stream, "state", "lost");
        board = await_live(stream);
        for (int j = 0; j < 3; j++)
            expect_once(stream, board, who[j]);
    }
    stream_close(stream);
    board_end();
}
END_TEST

/* 0: fast, 1: immediate. As soon as it is up again something is committed. */
START_TEST(a_restart)
{
    static const char *const who[] = {"before", "at once", "later"};
    struct stream *stream;

    board_begin();
    stream = stream_open_live();
    complete(who[0]);
    stream_expect(stream, "entry", who[0]);
    server_stop(_i ? SIGQUIT : SIGINT);
    stream_expect(stream, "state", "lost");
    ck_assert_int_eq(service_ask("/healthz")->status, 503);
    ck_assert_int_eq(service_ask("/")->status, 200);
    ck_assert_int_eq(service_ask("/courses")->status, 503);
    server_start();
    complete(who[1]);
    expect_once(stream, await_live(stream), who[1]);
    complete(who[2]);
    stream_expect(stream, "entry", who[2]);
    stream_close(stream);
    stream = stream_open(NULL);
    stream_expect(stream, "board", "[");
    for (int i = 0; i < 3; i++)
        check_once(stream, who[i], 1);
    stream_close(stream);
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
    slow = stream_open(NULL);
    other = stream_open_live();
    before = service_resident_kib();
    for (int i = 0; i < sized(200, 600); i++) {
        free(admin("update conclusoes set nota = nota where numero in"
                   " (select numero from conclusoes order by numero desc limit 99)"));
        snprintf(who, sizeof(who), "number %d", i);
        complete(who);
        while (!strstr(stream_next(other)->data, who))
            continue;
    }
    if (!SANITIZED)
        ck_assert_int_lt(service_resident_kib() - before, 2048);
    run_for(100);
    while (!strstr(stream_next(slow)->data, who))
        continue;
    complete("the last");
    while (!strstr(stream_next(slow)->data, "the last"))
        continue;
    stream_close(slow);
    stream_close(other);
    board_end();
}
END_TEST

static int count_until_end(int fd)
{
    static char some[65536];
    ssize_t n;
    int all = 0;

    while ((n = recv(fd, some, sizeof(some), 0)) > 0)
        all += (int)n;
    ck_assert_int_eq((int)n, 0);
    return all;
}

/* Nor is one waited for that has taken nothing for half a minute: what it reads then comes to an
 * end, after what had been sent. */
START_TEST(does_not_read_for_long)
{
    int fd;

    board_begin();
    fd = service_send("GET /events HTTP/1.0\r\n\r\n");
    for (int i = 0; i < 300; i++) {
        free(admin("update conclusoes set nota = nota where numero in"
                   " (select numero from conclusoes order by numero desc limit 99)"));
        run_for(20);
    }
    run_for(35000);
    ck_assert_int_gt(count_until_end(fd), 65536);
    close(fd);
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
    stream = stream_open_live();
    complete("x");
    stream_expect(stream, "entry", "x");
    stream_close(stream);
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
    stream = stream_open_live();
    service_limit_descriptors(DESCRIPTORS);
    for (int i = 0; i < TOO_MANY; i++)
        fds[i] = service_send("GET /events HTTP/1.0\r\n\r\n");
    run_for(300);
    cpu = service_cpu_ms();
    run_for(1000);
    ck_assert_double_lt(service_cpu_ms() - cpu, 300);
    complete("x");
    stream_expect(stream, "entry", "x");
    for (int i = 0; i < TOO_MANY; i++)
        close(fds[i]);
    stream_close(stream);
    run_for(200);
    stream_close(stream_open(NULL));
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
    stream = stream_open_live();
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
    stream_close(stream);
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

static void check_value(const char *sql, const char *expected)
{
    char *value = admin(sql);

    ck_assert_str_eq(value, expected);
    free(value);
}

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
    check_value("select count(*) from conclusoes where numero > 300", "3");
    check_value("select count(*) from alunos where nome = '<b>'", "1");
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
    if (sized(0, 1))
        tcase_add_test(tcase, does_not_read_for_long);
    tcase_add_test(tcase, come_and_go);
    tcase_add_test(tcase, too_many);
    tcase_add_loop_test(tcase, is_stopped, 0, 3);
    tcase_add_test(tcase, post);
    tcase_add_test(tcase, post_and_go);
    tcase_add_test(tcase, the_page);
    suite_add_tcase(suite, tcase);
    return run_suite(suite, true);
}
