/* SPDX-License-Identifier: 0BSD (do with it what you like) */
/*
 * listen: prints the tasks in a table as they are added, by whomever, also across a restart of the
 * server: a notification only rings the bell, and what is there to be seen is looked up.
 *
 *     listen [CONNINFO]     default: libpq's environment (PGHOST, PGDATABASE, ...)
 *
 * While it runs, in another terminal:
 *
 *     psql -c "insert into evpg_task (title) values ('buy milk')"
 *     pg_ctl restart
 *     psql -c "insert into evpg_task (title) values ('stop')"
 *
 * The last ends it, and the table with it. Until it listens for the first time a failure ends it,
 * too, with status 1: a mistake shows at once.
 */
#include <evpg.h>

#include <event2/event.h>

#include <stdio.h>
#include <string.h>

static struct event_base *base;
static struct evpg_db *pool;
static struct evpg_listener *listener;
static int64_t last; /* the last task that was seen */
static bool looking, look_again, stopping, has_listened, failed;

static void stop(void)
{
    evpg_listener_free(listener);
    listener = NULL;
    evpg_close(pool, 5000, NULL, NULL);
}

static void look(void);

static void on_second(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    (void)arg;
    if (listener)
        look();
}

static enum evpg_flow on_task(const struct evpg_row *row, void *arg)
{
    const char *title;

    (void)arg;
    if (evpg_row_scan(row, EVPG_INTO(evpg_to_int64(&last), evpg_to_text(&title))) < 0)
        return EVPG_FAIL;
    printf("task: %s\n", title);
    stopping = stopping || strcmp(title, "stop") == 0;
    return EVPG_NEXT;
}

static void on_looked(const struct evpg_result *result, void *arg)
{
    const struct timeval second = {1, 0};

    (void)arg;
    looking = false;
    if (stopping) {
        evpg_script(pool, "drop table evpg_task; drop function evpg_task_added", NULL, NULL, NULL);
        stop();
    } else if (evpg_result_error(result)) {
        fprintf(stderr, "look: %s\n", evpg_error_message(evpg_result_error(result)));
        event_base_once(base, -1, EV_TIMEOUT, on_second, NULL, &second);
    } else if (look_again) {
        look();
    }
}

/* One look at a time, and one more when the bell has rung meanwhile. The numbers are in the order
 * of the commits as long as one session at a time adds tasks. */
static void look(void)
{
    look_again = looking;
    if (looking)
        return;
    looking = evpg_query(pool, "select id, title from evpg_task where id > $1 order by id",
                         EVPG_PARAMS(evpg_int64(last)), on_task, on_looked, NULL) != NULL;
}

static void on_bell(const struct evpg_notification *note, void *arg)
{
    (void)note;
    (void)arg;
    look();
}

/* From now on the bell is heard; what was added before is looked up. */
static void on_ready(struct evpg_subscription *subscription, bool gap, void *arg)
{
    (void)arg;
    has_listened = true;
    printf("%s to %s\n", gap ? "listening again" : "listening",
           evpg_subscription_channel(subscription));
    look();
}

static void on_lost(struct evpg_listener *losing, const struct evpg_error *error, void *arg)
{
    (void)losing;
    (void)arg;
    fprintf(stderr, "not listening: %s\n", evpg_error_message(error));
    failed = !has_listened;
    if (failed)
        stop();
}

static void on_set_up(const struct evpg_result *result, void *arg)
{
    (void)arg;
    failed = evpg_result_error(result) != NULL;
    if (failed)
        fprintf(stderr, "listen: %s\n", evpg_error_message(evpg_result_error(result)));
    if (failed || !evpg_listener_listen(listener, "evpg_tasks", on_bell, on_ready, NULL))
        stop();
}

int main(int argc, char **argv)
{
    const char *conninfo = argc > 1 ? argv[1] : NULL;

    setvbuf(stdout, NULL, _IOLBF, 0);
    base = event_base_new();
    pool = evpg_pool_new(base, conninfo, NULL);
    listener = evpg_listener_new(base, conninfo, NULL);
    if (!pool || !listener ||
        !evpg_script(pool,
                     "create table evpg_task (id bigserial primary key, title text not null);"
                     "create function evpg_task_added() returns trigger language plpgsql as"
                     " 'begin notify evpg_tasks; return null; end';"
                     "create trigger added after insert on evpg_task"
                     " execute function evpg_task_added()",
                     NULL, on_set_up, NULL)) {
        perror("listen");
        return 1;
    }
    evpg_listener_setcb(listener, on_lost, NULL);
    event_base_dispatch(base);
    evpg_free(pool);
    event_base_free(base);
    return failed;
}
