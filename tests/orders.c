/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * orders: see orders.h.
 *
 * Called by http_service and http_faults. The state is static: Check runs each test in a process of
 * its own.
 */
#include "orders.h"

#include "harness.h"
#include "oracle.h"
#include "service.h"

#include <stdio.h>

enum { CLIENTS = 16, MOST = 200000, MOST_MS = SANITIZED ? 6000 : 3000 };

int orders_placed, orders_unknown, orders_failed;
static int n_orders;
static bool ordering;
static struct answer *orders[MOST];

static void place_order(void);

static void on_order(struct answer *answer)
{
    orders[answer->number] = answer;
    ck_assert_msg(answer->status == 200 || answer->status == 503 || answer->status == 504,
                  "an order was answered by %d: %s", answer->status, answer->body);
    orders_placed += answer->status == 200;
    orders_failed += answer->status != 200;
    orders_unknown += strcmp(answer->try_again, "unknown") == 0;
    if (ordering)
        place_order();
}

static void place_order(void)
{
    char path[50];
    int number = ++n_orders;

    ck_assert_int_lt(number, MOST);
    snprintf(path, sizeof(path), "/order?id=%d", number);
    service_get(path, on_order)->number = number;
}

void orders_begin(void)
{
    n_orders = orders_placed = orders_unknown = orders_failed = 0;
    ordering = true;
    for (int i = 0; i < CLIENTS; i++)
        place_order();
}

void orders_await(int more)
{
    int wanted = orders_placed + more;
    double end = now_ms() + 15000;

    while (orders_placed < wanted && now_ms() < end)
        turn();
    ck_assert_int_ge(orders_placed, wanted);
}

/* How often each is there must be what its client was told. */
static void check_order(const struct answer *answer, int times)
{
    if (answer->status == 200)
        ck_assert_int_eq(times, 1);
    else if (strcmp(answer->try_again, "yes") == 0)
        ck_assert_int_eq(times, 0);
    else
        ck_assert_int_le(times, 1);
}

/* How often each is there, as a digit each; to be freed. */
static char *list_orders(void)
{
    char sql[200];

    snprintf(sql, sizeof(sql),
             "select string_agg(n::text, '' order by i) from (select i, least(9, (select count(*)"
             " from orders where id = i)) as n from generate_series(1, %d) as i) as t",
             n_orders);
    free(admin("create index if not exists orders_id on orders (id)"));
    return admin(sql);
}

void orders_end(void)
{
    double worst = 0;
    char *list;

    ordering = false;
    service_await_all();
    list = list_orders();
    for (int i = 1; i <= n_orders; i++) {
        double ms = orders[i]->end - orders[i]->began;

        ck_assert_int_gt(orders[i]->status, 0);
        check_order(orders[i], list[i - 1] - '0');
        worst = ms > worst ? ms : worst;
    }
    free(list);
    printf("# %d orders, %d placed, %d unknown; the slowest was answered in %.0f ms\n", n_orders,
           orders_placed, orders_unknown, worst);
    ck_assert(worst < MOST_MS);
}
