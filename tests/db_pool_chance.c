/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * db_pool_chance: a pool under all kinds of work, while the network fails, all by chance; then what
 * must hold is looked at: one completion each, nothing done twice and nothing acknowledged lost,
 * nothing left behind. EVPG_TEST_SEED=n has other things happen.
 */
#include "chance.h"
#include "oracle.h"
#include "proxy.h"

#include <stdio.h>

enum { LEASES = 6, RECENT = 64 };

static struct proxy *proxy;
static struct evpg_db *pool;

/* Who has acquired, or is about to. */
static struct holder {
    struct evpg_request *request;
    struct evpg_db *lease;
    int pending; /* of its requests */
} holders[LEASES];

static int n_operations;                    /* in the ledger */
static struct evpg_request *recent[RECENT]; /* handles, NULL when they are done */

static void on_lease(struct evpg_db *lease, const struct evpg_error *error, void *arg)
{
    struct holder *holder = arg;

    ck_assert((lease == NULL) == (error != NULL));
    holder->request = NULL;
    holder->lease = lease;
    if (lease && chance(4) == 0) {
        evpg_release(lease);
        holder->lease = NULL;
    }
}

static void give_back(struct holder *holder)
{
    struct evpg_db *lease = holder->lease;

    holder->lease = NULL;
    evpg_release(lease);
}

static enum evpg_flow on_row(const struct evpg_row *row, void *arg)
{
    struct holder *holder = arg;

    (void)row;
    if (holder->lease && chance(30) == 0)
        give_back(holder);
    return EVPG_NEXT;
}

static void on_done(const struct evpg_result *result, void *arg)
{
    struct holder *holder = arg;

    (void)result;
    holder->pending--;
    if (holder->lease && chance(6) == 0)
        give_back(holder);
}

static const char *const statements[] = {
    "begin",
    "select generate_series(1, 5)",
    "select 1/0",
    "commit",
    "rollback",
    "listen chance",
    "set application_name = 'mine'",
    "select pg_sleep(0.005)",
};

static void use_lease(struct holder *holder)
{
    const char *sql = statements[chance(8)];

    if (evpg_query(holder->lease, sql, EVPG_NO_PARAMS, on_row, on_done, holder))
        holder->pending++;
}

static void act_on_leases(void)
{
    struct holder *holder = &holders[chance(LEASES)];

    if (holder->lease && chance(8) == 0)
        give_back(holder);
    else if (holder->lease)
        use_lease(holder);
    else if (holder->request && chance(10) == 0)
        evpg_request_cancel(holder->request);
    else if (!holder->request)
        holder->request = evpg_acquire(pool, on_lease, holder);
}

static const char *const scripts[] = {"select 1; select 2", "select 1; begin",
                                      "select 1/0; select 2"};

static void act_on_pool(void)
{
    struct outcome *outcome;
    int i = (int)chance(RECENT);

    switch (chance(8)) {
    case 0:
        submit_script(new_outcome(), scripts[chance(3)]);
        break;
    case 1:
        evpg_request_cancel(recent[i]);
        break;
    case 2:
        outcome = new_outcome();
        evpg_request_set_flags(submit(outcome, "select generate_series(1, 100)", EVPG_NO_PARAMS),
                               chance(2) ? EVPG_EXCLUSIVE : EVPG_MAY_PAUSE | EVPG_BINARY);
        break;
    default:
        if (n_operations > 9000) /* the ledger has an end */
            break;
        outcome = ledger_submit((int)chance(5) + 1);
        n_operations = outcome->number;
        if (!recent[i])
            evpg_request_set_handle(outcome->request, &recent[i]);
    }
}

static void disturb(void)
{
    switch (chance(100)) {
    case 0:
        proxy_reset(proxy);
        break;
    case 1:
        proxy_close(proxy);
        break;
    case 2:
        proxy_refuse(proxy, true);
        proxy_reset(proxy);
        break;
    case 3:
        proxy->settings.piece = chance(2) ? 0 : 1 + chance(50);
        break;
    case 4:
        proxy->settings.cut_at = chance(2) ? -1 : (int64_t)chance(3000);
        break;
    case 5:
        free(admin("select pg_terminate_backend(pid) from pg_stat_activity"
                   " where application_name in ('by chance', 'mine') order by random() limit 1"));
        break;
    default:
        if (chance(10) == 0)
            proxy_refuse(proxy, false);
    }
}

static void heal(void)
{
    proxy_refuse(proxy, false);
    proxy->settings.piece = 0;
    proxy->settings.cut_at = -1;
    for (int i = 0; i < LEASES; i++)
        if (holders[i].lease)
            give_back(&holders[i]);
}

static bool are_quiet(void)
{
    for (int i = 0; i < LEASES; i++)
        if (holders[i].request || holders[i].lease || holders[i].pending > 0)
            return false;
    return all_done();
}

static void begin_by_chance(void)
{
    char conninfo[120];

    base = event_base_new();
    proxy = proxy_new(base, getenv("PGHOST"), getenv("PGPORT"));
    snprintf(conninfo, sizeof(conninfo),
             "host=127.0.0.1 port=%d sslmode=disable application_name='by chance'",
             proxy_port(proxy));
    begin_pool_at(conninfo,
                  &EVPG_POOL_CONFIG(.max_connections = 1 + (int)chance(4),
                                    .max_requests_per_connection = 1 + (int)chance(10),
                                    .max_uses = chance(2) ? -1 : 20,
                                    .server_lifetime_ms = chance(2) ? 300 : -1,
                                    .server_idle_timeout_ms = chance(2) ? 50 : -1,
                                    .server_check_delay_ms = 50,
                                    .min_connections = chance(2) ? 1 : -1, .reconnect_max_ms = 50,
                                    .query_wait_timeout_ms = 3000,
                                    .server_reset_query = chance(2) ? "reset all" : NULL));
    pool = db;
    query("select 1", EVPG_NO_PARAMS);
    await_all();
}

START_TEST(all_at_once)
{
    double end_ms;

    resources_note();
    chance_start((unsigned long)_i);
    ledger_begin();
    begin_by_chance();
    for (end_ms = now_ms() + sized(1500, 20000); now_ms() < end_ms; turn()) {
        for (unsigned i = chance(6); i > 0; i--)
            chance(3) == 0 ? act_on_leases() : act_on_pool();
        disturb();
    }
    for (end_ms = now_ms() + 15000; now_ms() < end_ms && !are_quiet(); turn())
        heal();
    ck_assert_msg(are_quiet(), "EVPG_TEST_SEED=%lu", chance_seed());
    ledger_check();
    end();
    resources_check(8192);
}
END_TEST

/* The pool is freed in the midst of it. */
START_TEST(freed_in_the_midst)
{
    chance_start((unsigned long)_i);
    ledger_begin();
    begin_by_chance();
    for (unsigned turns = chance(150); turns > 0; turns--) {
        for (unsigned i = chance(6); i > 0; i--)
            chance(3) == 0 ? act_on_leases() : act_on_pool();
        disturb();
        turn();
    }
    evpg_free(db);
    db = NULL;
    ck_assert(all_done());
    for (int i = 0; i < LEASES; i++)
        ck_assert_int_eq(holders[i].pending, 0);
    end();
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("db_pool_chance");
    TCase *tcase = tcase_create("chance");

    tcase_set_timeout(tcase, sized(60, 300));
    tcase_add_loop_test(tcase, all_at_once, 0, 6);
    tcase_add_loop_test(tcase, freed_in_the_midst, 0, 12);
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void)
{
    return run_suite(make_suite(), true);
}
