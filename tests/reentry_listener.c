/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * reentry_listener: every call of a listener's in every callback of it, and in a child made by
 * fork; LI08.
 *
 * Three subscriptions on one channel, of which the one in the middle acts: the one before has been
 * called by then, and the one behind may be ended meanwhile.
 */
#include "hearing.h"

#include <errno.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

enum place { IN_NOTE, IN_READY, IN_LOST, N_PLACES };
enum deed { FREE, UNLISTEN, UNLISTEN_OTHER, UNLISTEN_ALL, LISTEN_SAME, LISTEN_NEW, SETCB, N_DEEDS };

static struct ear *ears[3], *added;
static enum deed deed;
static int n_deeds;

static void free_listener(void)
{
    struct evpg_listener *victim = listener;

    listener = NULL;
    for (int i = 0; i < 3; i++)
        ears[i]->ended = true;
    evpg_listener_free(victim);
    evpg_listener_unlisten(NULL);
}

static void act(void)
{
    if (n_deeds++ > 0)
        return;
    switch (deed) {
    case FREE:
        free_listener();
        return;
    case UNLISTEN:
        end_ear(ears[1]);
        evpg_listener_unlisten(ears[1]->subscription); /* still borrowed: nothing happens */
        return;
    case UNLISTEN_OTHER:
        end_ear(ears[2]);
        return;
    case UNLISTEN_ALL:
        for (int i = 0; i < 3; i++)
            end_ear(ears[i]);
        return;
    case LISTEN_SAME:
        added = hear("here");
        return;
    case LISTEN_NEW:
        added = hear("there");
        return;
    case SETCB:
        evpg_listener_setcb(listener, NULL, NULL);
        return;
    case N_DEEDS:
        break;
    }
}

static void act_in(struct ear *ear)
{
    (void)ear;
    act();
}

static void begin_three(enum place place)
{
    n_deeds = 0;
    added = NULL;
    hearing_begin(ALONE, &EVPG_LISTENER_CONFIG(.reconnect_min_ms = 10, .reconnect_max_ms = 50));
    for (int i = 0; i < 3; i++)
        ears[i] = hear("here");
    if (place == IN_READY)
        ears[1]->on_ready = act_in;
    if (place == IN_NOTE)
        ears[1]->on_note = act_in;
    when_lost = place == IN_LOST ? act : NULL;
}

/* What is still subscribed hears what comes after the deed, once, and the others nothing. */
static void check_the_others(void)
{
    int before[3];

    if (!listener)
        return;
    if (added)
        await_ready(added, 1);
    for (int i = 0; i < 3; i++) {
        while (!ears[i]->ended && !ears[i]->ready)
            turn();
        before[i] = ears[i]->n_heard;
    }
    notify("here", "after");
    notify("there", "after");
    if (added)
        await_heard(added, 1);
    for (int i = 0; i < 3; i++)
        if (!ears[i]->ended)
            await_heard(ears[i], before[i] + 1);
    run_for(30);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(ears[i]->n_heard, before[i] + !ears[i]->ended);
}

/* The deed is done in the first call of the callback. */
START_TEST(li08_deeds_in_callbacks)
{
    enum place place = _i / N_DEEDS;

    deed = _i % N_DEEDS;
    begin_three(place);
    while (place == IN_READY ? n_deeds == 0 : !ears[2]->ready)
        turn();
    if (place == IN_NOTE) {
        notify("here", "first");
        while (n_deeds == 0)
            turn();
        ck_assert_int_eq(ears[0]->n_heard, 1);
        ck_assert_int_eq(ears[1]->n_heard, 1);
        if (deed == FREE || deed == UNLISTEN_OTHER || deed == UNLISTEN_ALL)
            ck_assert_int_eq(ears[2]->n_heard, 0);
    }
    if (place == IN_LOST) {
        end_listener_backend();
        while (n_deeds == 0)
            turn();
    }
    check_the_others();
    hearing_end();
}
END_TEST

static void free_when_told(void)
{
    n_deeds++;
    free_listener();
}

/* When an attempt has failed, and when a channel was refused, by its name's encoding. */
START_TEST(freed_when_told)
{
    hearing_begin_behind(NULL, _i ? "client_encoding=UTF8" : "dbname=no_such_database");
    for (int i = 0; i < 3; i++)
        ears[i] = hear("bad \xff");
    when_lost = free_when_told;
    n_deeds = 0;
    while (n_deeds == 0)
        turn();
    run_for(30);
    ck_assert_int_eq(n_deeds, 1);
    hearing_end();
}
END_TEST

/* What libpq holds, and what was not told, goes with it. */
START_TEST(freed_in_a_flood)
{
    begin_three(IN_NOTE);
    deed = FREE;
    await_ready(ears[2], 1);
    free(admin("select pg_notify('here', i::text) from generate_series(1, 20000) as i"));
    while (n_deeds == 0)
        turn();
    ck_assert_int_eq(ears[0]->n_heard, 1);
    ck_assert_int_eq(ears[2]->n_heard, 0);
    hearing_end();
}
END_TEST

/* Of what comes in the same turn it hears nothing: it is not ready yet; and later all. */
START_TEST(another_in_a_flood)
{
    begin_three(IN_NOTE);
    deed = LISTEN_SAME;
    await_ready(ears[2], 1);
    free(admin("select pg_notify('here', i::text) from generate_series(1, 20000) as i"));
    await_heard(ears[1], 20000);
    ck_assert_int_gt(added->n_heard, 0);
    ck_assert_int_le(added->n_heard, 20000);
    ck_assert_str_eq(added->payload, "20000");
    check_the_others();
    hearing_end();
}
END_TEST

/* At each turn of its life. */
START_TEST(freed_at_each_turn)
{
    begin_three(N_PLACES);
    for (int i = 0; i < _i; i++)
        event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
    hearing_end();
}
END_TEST

static int n_events, n_words;

static void on_word(struct evpg_db *speaking, enum evpg_log_level level, const char *line,
                    void *arg)
{
    (void)speaking;
    (void)level;
    (void)arg;
    n_words += strstr(line, "event hook") != NULL;
}

/* It observes: nothing may be changed in it. */
static void on_event(struct evpg_db *observed, enum evpg_event event,
                     const struct evpg_request *request, const struct evpg_error *error, void *arg)
{
    (void)event;
    (void)request;
    (void)error;
    (void)arg;
    ck_assert_ptr_eq(observed, evpg_listener_db(listener));
    n_events++;
    n_words = 0;
    errno = 0;
    ck_assert(!evpg_listener_listen(listener, "x", (evpg_notify_cb)abort, NULL, NULL));
    ck_assert_int_eq(errno, EINVAL);
    evpg_listener_unlisten(ears[0]->subscription);
    evpg_listener_free(listener);
    ck_assert_int_eq(n_words, 3);
}

START_TEST(the_event_hook_observes)
{
    begin_three(N_PLACES);
    evpg_set_hooks(evpg_listener_db(listener), &EVPG_HOOKS(.log = on_word, .event = on_event),
                   NULL);
    await_ready(ears[0], 1);
    end_listener_backend();
    await_ready(ears[0], 2);
    ck_assert_int_eq(n_events, 3); /* connected, lost, connected */
    check_the_others();
    evpg_set_hooks(evpg_listener_db(listener), NULL, NULL);
    hearing_end();
}
END_TEST

static void free_when_logging(struct evpg_db *speaking, enum evpg_log_level level, const char *line,
                              void *arg)
{
    (void)speaking;
    (void)level;
    ck_assert_ptr_nonnull(strstr(line, "max_queued_requests"));
    n_words++;
    if (n_words == *(int *)arg)
        free_listener();
}

/* Which is told when there is no room for one more LISTEN: at once, or a little later. Where it
 * does not mind, all are listened to in the end. */
START_TEST(freed_by_the_log_hook)
{
    struct evpg_conn_config narrow = EVPG_CONN_CONFIG(.max_queued_requests = 1);
    struct ear *last = NULL;
    char channel[20];

    hearing_begin(ALONE, &EVPG_LISTENER_CONFIG(.connection = &narrow));
    evpg_set_hooks(evpg_listener_db(listener), &EVPG_HOOKS(.log = free_when_logging), &_i);
    for (int i = 0; i < 30; i++) {
        snprintf(channel, sizeof(channel), "%d", i);
        last = hear(channel);
        ears[i % 3] = last;
    }
    n_words = 0;
    if (_i == 0)
        await_ready(last, 1);
    else
        while (listener)
            turn();
    ck_assert_int_ge(n_words, _i);
    hearing_end();
}
END_TEST

static int be_a_child(int what)
{
    errno = 0;
    if (evpg_listener_listen(listener, "x", (evpg_notify_cb)abort, NULL, NULL) || errno != EINVAL)
        return 1;
    evpg_listener_unlisten(ears[0]->subscription);
    if (what == 0)
        evpg_listener_free(listener);
    return 0;
}

/* The child's deeds are not the parent's. */
START_TEST(fork_goes_on)
{
    int status;
    pid_t child;

    begin_three(N_PLACES);
    for (int i = 0; i < _i / 2; i++)
        event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
    if (_i >= 8)
        await_ready(ears[2], 1);
    child = fork();
    if (child == 0)
        _exit(be_a_child(_i % 2));
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    check_the_others();
    ck_assert_int_eq(n_lost, 0);
    hearing_end();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("reentry_listener");
    TCase *tcase = tcase_create("listener");

    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, li08_deeds_in_callbacks, 0, N_PLACES * N_DEEDS);
    tcase_add_loop_test(tcase, freed_when_told, 0, 2);
    tcase_add_test(tcase, freed_in_a_flood);
    tcase_add_test(tcase, another_in_a_flood);
    tcase_add_loop_test(tcase, freed_at_each_turn, 0, sized(12, 60));
    tcase_add_test(tcase, the_event_hook_observes);
    tcase_add_loop_test(tcase, freed_by_the_log_hook, 0, 4);
    tcase_add_loop_test(tcase, fork_goes_on, 0, 10);
    suite_add_tcase(suite, tcase);
    return run_suite(suite, true);
}
