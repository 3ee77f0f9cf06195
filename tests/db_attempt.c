/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * db_attempt: what one address after the other comes to: full backlogs, servers of the wrong kind,
 * long lists.
 *
 * The counterpart of lib/attempt.c, and of the order in lib/connect.c. TLS and passwords have tests
 * of their own.
 */
#include "oracle.h"

#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static void start(const char *conninfo, const struct evpg_conn_config *config)
{
    begin_closed(conninfo, config);
    ck_assert_ptr_nonnull(evpg_open(db, note_opening, NULL));
}

static void finish(void)
{
    if (open_error) {
        evpg_free(db);
        db = NULL;
    }
    end();
}

static void expect_open(const char *conninfo)
{
    start(conninfo, NULL);
    ck_assert(await_flag(&n_openings, 10000));
    ck_assert_msg(!open_error, "%s", open_error ? evpg_error_message(open_error) : "");
    finish();
}

static void expect_failure(const char *conninfo, enum evpg_code code, const char *sqlstate,
                           const char *named)
{
    start(conninfo, NULL);
    ck_assert(await_flag(&n_openings, 10000));
    ck_assert_ptr_nonnull(open_error);
    ck_assert_int_eq(evpg_error_code(open_error), code);
    ck_assert_str_eq(evpg_error_sqlstate(open_error), sqlstate);
    ck_assert_msg(strstr(evpg_error_message(open_error), named) != NULL, "\"%s\" in: %s", named,
                  evpg_error_message(open_error));
    finish();
}

static const char *const own_folder = "/tmp/evpg-backlog";

static int connect_to(const struct sockaddr_un *address)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

    if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0)
        return fd;
    close(fd);
    return -1;
}

struct full_socket {
    char folder[64];
    struct sockaddr_un address;
    int listener;
    int guests[8];
    int n_guests;
};

/* A socket that takes no more, until somebody accepts. */
static void make_full(struct full_socket *full)
{
    snprintf(full->folder, sizeof(full->folder), "%s.%d", own_folder, (int)getpid());
    mkdir(full->folder, 0700);
    full->address.sun_family = AF_UNIX;
    snprintf(full->address.sun_path, sizeof(full->address.sun_path), "%s/.s.PGSQL.5432",
             full->folder);
    full->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    ck_assert_int_eq(bind(full->listener, (struct sockaddr *)&full->address, sizeof(full->address)),
                     0);
    ck_assert_int_eq(listen(full->listener, 0), 0);
    while (full->n_guests < 8 && (full->guests[full->n_guests] = connect_to(&full->address)) >= 0)
        full->n_guests++;
    ck_assert_int_gt(full->n_guests, 0);
    ck_assert_int_lt(full->n_guests, 8);
}

static void unmake(struct full_socket *full)
{
    for (int i = 0; i < full->n_guests; i++)
        close(full->guests[i]);
    close(full->listener);
    unlink(full->address.sun_path);
    rmdir(full->folder);
}

static int count_arrivals(const struct full_socket *full)
{
    int count = 0, fd;

    while ((fd = accept(full->listener, NULL, NULL)) >= 0) {
        close(fd);
        count++;
    }
    return count;
}

/* 0: it goes on being full; 1: it is emptied after a while. */
START_TEST(full_backlog)
{
    struct full_socket full = {.n_guests = 0};
    char conninfo[128];

    make_full(&full);
    snprintf(conninfo, sizeof(conninfo), "host=%s port=5432", full.folder);
    start(conninfo, &EVPG_CONN_CONFIG(.server_connect_timeout_ms = 500));
    run_for(100);
    ck_assert_int_eq(n_openings, 0);
    if (_i == 1) {
        ck_assert_int_eq(count_arrivals(&full), full.n_guests);
        run_for(150);
        ck_assert_int_eq(count_arrivals(&full), 1);
    }
    ck_assert(await_flag(&n_openings, 5000));
    ck_assert_int_eq(evpg_error_code(open_error), _i == 0 ? EVPG_E_TIMEOUT : EVPG_E_CONNECT);
    unmake(&full);
    finish();
}
END_TEST

START_TEST(kinds_of_servers)
{
    static const char *const kinds[] = {"any", "read-write", "primary", "prefer-standby"};
    char conninfo[64];

    snprintf(conninfo, sizeof(conninfo), "target_session_attrs=%s", kinds[_i]);
    expect_open(conninfo);
}
END_TEST

START_TEST(prefer_standby_of_the_environment)
{
    char hosts[256];

    setenv("PGTARGETSESSIONATTRS", "prefer-standby", 1);
    snprintf(hosts, sizeof(hosts), "host=/nonexistent,%s port=%s", getenv("PGHOST"),
             getenv("PGPORT"));
    expect_open(hosts);
}
END_TEST

START_TEST(cf08_no_standby)
{
    expect_failure("target_session_attrs=standby", EVPG_E_CONNECT, "08001",
                   "target_session_attrs is \"standby\"");
}
END_TEST

/* One that has failed before may have left it. */
static void make_role(void)
{
    free(admin("drop role if exists guarded; create role guarded login password 'right'"));
}

START_TEST(no_password)
{
    char conninfo[128];

    make_role();
    snprintf(conninfo, sizeof(conninfo),
             "host=127.0.0.1 port=%s user=guarded passfile=/nonexistent",
             getenv("EVPG_TEST_TCP_PORT"));
    expect_failure(conninfo, EVPG_E_AUTH, "28000", "no password supplied");
    free(admin("drop role guarded"));
}
END_TEST

/* So many that not all fit in a message, and all fail at once. */
static char *many_hosts(int count, const char *last)
{
    char *text = calloc((size_t)count, 32);
    size_t length = 0;

    length += (size_t)sprintf(text, "host=");
    for (int i = 0; i < count; i++)
        length += (size_t)sprintf(text + length, "/nonexistent/%d,", i);
    sprintf(text + length, "%s", last);
    return text;
}

START_TEST(the_last_of_many_is_told)
{
    char *hosts = many_hosts(40, "/the/last/one");

    expect_failure(hosts, EVPG_E_CONNECT, "08001", "/the/last/one");
    free(hosts);
}
END_TEST

static struct event *beat;

/* Once in each pass of the loop: one that is due now comes however coarse the clock is. */
static void count_beat(evutil_socket_t fd, short what, void *arg)
{
    const struct timeval now = {0, 0};

    (void)fd;
    (void)what;
    ++*(int *)arg;
    event_add(beat, &now);
}

/* Other work of the loop has its turn between them. */
START_TEST(many_are_spread_over_turns)
{
    char *hosts = many_hosts(3000, "/the/last/one");
    int beats = 0;

    start(hosts, NULL);
    beat = evtimer_new(base, count_beat, &beats);
    count_beat(-1, 0, &beats);
    while (!n_openings)
        event_base_loop(base, EVLOOP_ONCE);
    ck_assert_int_gt(beats, 3000 / 256);
    event_free(beat);
    free(hosts);
    finish();
}
END_TEST

/* Whether it is opened though the loop stands still for longer than the deadline. */
static bool is_opened_late(const char *conninfo)
{
    bool opened;

    n_openings = 0;
    start(conninfo, &EVPG_CONN_CONFIG(.server_connect_timeout_ms = 200));
    for (int i = 0; i < 2; i++)
        event_base_loop(base, EVLOOP_ONCE);
    ck_assert_int_eq(n_openings, 0);
    usleep(400000);
    ck_assert(await_flag(&n_openings, 5000));
    opened = !open_error;
    finish();
    return opened;
}

/* The loop did other things for longer than the deadline: the answer that has come counts. What is
 * still to come then has little time, which a busy machine may not give it: so there are tries. */
START_TEST(f37_a_loop_that_stands_still)
{
    bool opened = false;
    char conninfo[128];

    make_role();
    snprintf(conninfo, sizeof(conninfo),
             "host=127.0.0.1 port=%s user=guarded password=right dbname=evpg sslmode=disable",
             getenv("EVPG_TEST_TCP_PORT"));
    for (int tries = 0; tries < 5 && !opened; tries++)
        opened = is_opened_late(conninfo);
    ck_assert(opened);
    free(admin("drop role guarded"));
}
END_TEST

static void note_closed(struct evpg_db *which, size_t cut_off, void *arg)
{
    (void)which;
    (void)cut_off;
    *(int *)arg = 1;
}

static void dawdle(evutil_socket_t fd, short what, void *arg)
{
    const struct timeval now = {0, 0};

    (void)fd;
    (void)what;
    usleep(120000);
    evtimer_add(*(struct event **)arg, &now);
}

/* 0: the address's deadline; 1: the opening's; 2: evpg_close's. All come, though every timer is
 * late. */
START_TEST(a_loop_that_is_always_late)
{
    int port, fd = deaf_listener(&port), closed = 0;
    char conninfo[80];
    struct event *slow;
    double begun;

    snprintf(conninfo, sizeof(conninfo), "host=127.0.0.1 port=%d", port);
    start(conninfo, &EVPG_CONN_CONFIG(.server_connect_timeout_ms = _i == 0 ? 300 : -1,
                                      .open_timeout_ms = _i == 1 ? 300 : -1));
    slow = evtimer_new(base, dawdle, &slow);
    dawdle(-1, EV_TIMEOUT, &slow);
    submit(new_outcome(), "select 1", EVPG_NO_PARAMS);
    if (_i == 2)
        ck_assert_int_eq(evpg_close(db, 300, note_closed, &closed), 0);
    begun = now_ms();
    ck_assert(await_flag(_i == 2 ? &closed : &n_openings, 3000));
    ck_assert_double_lt(now_ms() - begun, 1500);
    event_free(slow);
    close(fd);
    evpg_free(db);
    db = NULL;
    end();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("db_attempt");
    TCase *tcase = tcase_create("attempt");

    tcase_set_timeout(tcase, 30);
    tcase_add_loop_test(tcase, full_backlog, 0, 2);
    tcase_add_loop_test(tcase, kinds_of_servers, 0, 4);
    tcase_add_test(tcase, prefer_standby_of_the_environment);
    tcase_add_test(tcase, cf08_no_standby);
    tcase_add_test(tcase, no_password);
    tcase_add_test(tcase, the_last_of_many_is_told);
    tcase_add_test(tcase, many_are_spread_over_turns);
    tcase_add_test(tcase, f37_a_loop_that_stands_still);
    tcase_add_loop_test(tcase, a_loop_that_is_always_late, 0, 3);
    suite_add_tcase(suite, tcase);
    return run_suite(suite, true);
}
