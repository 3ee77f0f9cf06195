/* SPDX-License-Identifier: 0BSD (do with it what you like) */
/*
 * live_board_table: keeps the board like the table: hears when that changes, and looks what is new.
 *
 * One look at a time. It takes what has a higher number than all that was seen, or, when something
 * may have been missed, the latest entries afresh. One that fails is taken again a little later,
 * and until it has succeeded the board is not live.
 */
#include "live_board.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#define AN_ENTRY                                                                                   \
    "select f.numero, f.aluno_id, f.curso_id, json_build_object('key', f.aluno_id || '-' ||"       \
    " f.curso_id, 'who', left(a.nome, 200), 'course', left(c.titulo, 200), 'day',"                 \
    " f.concluido_em, 'mark', f.nota)::text"                                                       \
    " from conclusoes f join alunos a on a.id = f.aluno_id join cursos c on c.id = f.curso_id"

struct board board;
static struct evpg_listener *listener;
static struct event *retry;
static bool listening, looking, look_again;
static bool afresh = true; /* the next look is to take all */
static bool taking_all;    /* the one under way does */
static bool stale = true;  /* the last one has failed, or there was none */

static struct entry found[MOST_ENTRIES];
static int n_found;

static void look(void);

static void forget_found(void)
{
    while (n_found > 0)
        free(found[--n_found].json);
}

static void remove_entry(int i)
{
    free(board.entries[i].json);
    board.n--;
    memmove(&board.entries[i], &board.entries[i + 1],
            (size_t)(board.n - i) * sizeof(*board.entries));
}

/* One that was changed takes the place of what it was; else, without room, the oldest goes. */
static void add_entry(const struct entry *entry)
{
    for (int i = 0; i < board.n; i++)
        if (board.entries[i].student == entry->student && board.entries[i].course == entry->course)
            remove_entry(i);
    if (board.n == MOST_ENTRIES) {
        board.floor = board.entries[0].number;
        remove_entry(0);
    }
    board.entries[board.n++] = *entry;
    board.last = entry->number;
}

static uint64_t next_epoch(void)
{
    struct timeval now;

    if (board.epoch > 0)
        return board.epoch + 1;
    gettimeofday(&now, NULL);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_usec;
}

static void begin_afresh(void)
{
    while (board.n > 0)
        remove_entry(board.n - 1);
    board.last = 0;
    board.floor = n_found == MOST_ENTRIES ? found[0].number - 1 : 0;
    board.epoch = next_epoch();
}

static void take_found(void)
{
    if (taking_all)
        begin_afresh();
    for (int i = 0; i < n_found; i++)
        add_entry(&found[i]);
    look_again = look_again || (!taking_all && n_found == MOST_ENTRIES);
    n_found = 0;
}

static void note_state(void)
{
    board.live = listening && !stale && !afresh;
    streams_tell();
}

static enum evpg_flow on_entry(const struct evpg_row *row, void *arg)
{
    struct entry entry;
    const char *json;

    (void)arg;
    if (evpg_row_scan(row, EVPG_INTO(evpg_to_int64(&entry.number), evpg_to_int32(&entry.student),
                                     evpg_to_int32(&entry.course), evpg_to_text(&json))) < 0)
        return EVPG_FAIL;
    entry.json = strdup(json);
    if (!entry.json)
        abort();
    found[n_found++] = entry;
    return EVPG_NEXT;
}

static void on_looked(const struct evpg_result *result, void *arg)
{
    const struct evpg_error *error = evpg_result_error(result);
    const struct timeval soon = {0, 300000};

    (void)arg;
    looking = false;
    if (stopping) {
        forget_found();
        return;
    }
    stale = error != NULL;
    if (error) {
        fprintf(stderr, "look: %s\n", evpg_error_message(error));
        afresh = afresh || taking_all;
        forget_found();
        event_add(retry, &soon);
    } else {
        take_found();
    }
    note_state();
    if (!error && look_again)
        look();
}

static void submit_look(void)
{
    if (taking_all)
        looking = evpg_query(pool,
                             "select * from (" AN_ENTRY " order by f.numero desc limit $1) as e"
                             " order by 1",
                             EVPG_PARAMS(evpg_int32(MOST_ENTRIES)), on_entry, on_looked, NULL);
    else
        looking = evpg_query(pool, AN_ENTRY " where f.numero > $2 order by f.numero limit $1",
                             EVPG_PARAMS(evpg_int32(MOST_ENTRIES), evpg_int64(board.last)),
                             on_entry, on_looked, NULL);
}

/* What is asked for while one is under way needs another one: that may have looked too early. */
static void look(void)
{
    const struct timeval soon = {0, 300000};

    look_again = looking;
    if (looking || stopping)
        return;
    taking_all = afresh;
    afresh = false;
    submit_look();
    if (looking)
        return;
    perror("look");
    afresh = taking_all;
    stale = true;
    event_add(retry, &soon);
}

static void on_retry(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    (void)arg;
    look();
}

static void on_bell(const struct evpg_notification *note, void *arg)
{
    (void)arg;
    if (strcmp(evpg_notification_payload(note), "look") != 0)
        afresh = true;
    look();
}

/* Of what was changed before, nothing was heard. */
static void on_ready(struct evpg_subscription *subscription, bool gap, void *arg)
{
    (void)subscription;
    (void)arg;
    fprintf(stderr, gap ? "listening again\n" : "listening\n");
    listening = afresh = true;
    look();
}

static void on_lost(struct evpg_listener *losing, const struct evpg_error *error, void *arg)
{
    (void)losing;
    (void)arg;
    fprintf(stderr, "not listening: %s\n", evpg_error_message(error));
    listening = false;
    note_state();
}

bool table_begin(const char *conninfo)
{
    retry = evtimer_new(base, on_retry, NULL);
    listener = evpg_listener_new(
        base, conninfo,
        &EVPG_LISTENER_CONFIG(.probe_interval_ms = 10000, .reconnect_max_ms = 1000));
    if (!listener || !evpg_listener_listen(listener, "conclusoes", on_bell, on_ready, NULL)) {
        perror("live_board");
        return false;
    }
    evpg_listener_setcb(listener, on_lost, NULL);
    return true;
}

void table_end(void)
{
    evpg_listener_free(listener);
    listener = NULL;
    if (retry)
        event_free(retry);
    retry = NULL;
    while (board.n > 0)
        remove_entry(board.n - 1);
}
