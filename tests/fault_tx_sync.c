/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fault_tx_sync: errors at the Sync that a transaction's BEGIN and first statements share, one or
 * several, where all of them were answered well before. A real server has none there to say; this
 * one says again what the real one has said, and errors in between.
 */
#include "oracle.h"
#include "replay.h"
#include "txn.h"

#include <stdio.h>

static struct recording recording;
static struct replay *replay;
static char conninfo[128];

static void open_conn(void)
{
    db = evpg_conn_new(base, conninfo, &EVPG_CONN_CONFIG(.max_prepared_statements = -1));
    n_openings = 0;
    ck_assert_ptr_nonnull(evpg_open(db, note_opening, NULL));
    ck_assert(await_flag(&n_openings, 5000));
    ck_assert_msg(!open_error, "%s", open_error ? evpg_error_message(open_error) : "");
}

static void say_two(struct txn *txn)
{
    txn->of[0] = say(txn, "select 'one'");
    txn->of[1] = say(txn, "select 'two'");
    evpg_commit(txn->tx);
}

static struct txn *run_two(void)
{
    struct txn *txn = txn_on_db(say_two);

    await_txn(txn);
    return txn;
}

static void be_recorded(int port)
{
    snprintf(conninfo, sizeof(conninfo), "host=127.0.0.1 port=%d sslmode=disable", port);
    open_conn();
    check_committed(run_two());
    query("select 'three'", EVPG_NO_PARAMS);
    await_all();
    evpg_free(db);
}

enum { ERROR_BYTES = 37, MOST_ERRORS = 3 };

static unsigned char said[MOST_ERRORS * ERROR_BYTES + 6];

static size_t say_error(unsigned char *to)
{
    static const char body[] = "SERROR\0VERROR\0C40001\0Mscripted";

    memcpy(to, "E\0\0\0", 4);
    to[4] = (unsigned char)(4 + sizeof(body) + 1);
    memcpy(to + 5, body, sizeof(body));
    to[5 + sizeof(body)] = '\0';
    return 5 + sizeof(body) + 1;
}

/* In the place of the ReadyForQuery of BEGIN's group: so many errors, and the state. */
static struct distortion say_errors(long number)
{
    size_t length = 0;

    for (int i = 0; i < number % 10; i++)
        length += say_error(said + length);
    memcpy(said + length, "Z\0\0\0\5", 5);
    said[length + 5] = "TI"[number / 10];
    return (struct distortion){
        .kind = INSTEAD, .at = recording.group[2] - 1, .bytes = said, .length = length + 6};
}

static void begin_replay(int number)
{
    base = event_base_new();
    recording_make(&recording, base, be_recorded);
    replay = replay_new(base, &recording, say_errors);
    snprintf(conninfo, sizeof(conninfo), "host=127.0.0.1 port=%d sslmode=disable user=n%d",
             replay_port(replay), number);
    heart_start();
}

static void end_replay(void)
{
    heart_stop();
    evpg_free(db);
    db = NULL;
    while (replay_live(replay) > 0)
        turn();
    end();
    replay_free(replay);
    recording_free(&recording);
    free_txns();
}

/* However many there are, they are nothing of the statements', which were answered, nor of what
 * comes next; the transaction is committed, unless the server is in none any more. */
START_TEST(errors_at_sync)
{
    int n_errors = _i / 2;
    bool over = _i % 2;
    struct outcome *behind;
    struct txn *txn;

    begin_replay(10 * over + n_errors);
    open_conn();
    txn = run_two();
    behind = query("select 'three'", EVPG_NO_PARAMS);
    await_all();
    ck_assert_outcome_ok(behind);
    ck_assert_str_eq(cell(behind, 0, 0), "three");
    ck_assert_outcome_ok(txn->of[0]);
    ck_assert_outcome_ok(txn->of[1]);
    if (over)
        check_failed(txn, EVPG_E_ABORTED, EVPG_FATE_UNKNOWN, NULL);
    else
        check_committed(txn);
    end_replay();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("fault_tx_sync");
    TCase *tcase = tcase_create("sync");

    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, errors_at_sync, 0, 2 * (MOST_ERRORS + 1));
    suite_add_tcase(suite, tcase);
    return run_suite(suite, true);
}
