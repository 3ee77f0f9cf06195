/* SPDX-License-Identifier: 0BSD (do with it what you like) */
/*
 * scan: whole rows go into structs, one call for each row, with types, range, NULLs and the number
 * of columns checked.
 *
 *     scan [CONNINFO]     default: libpq's environment (PGHOST, PGDATABASE, ...)
 *
 * Exit status: 0, or 1 when something failed.
 */
#include <evpg.h>

#include <event2/event.h>

#include <inttypes.h>
#include <stdio.h>

struct order {
    int64_t id;
    char customer[40];
    int64_t cents;
    bool paid;
    bool has_shipped; /* else shipped is not set */
    int32_t shipped;  /* a day, counted from 2000-01-01 */
    char note[40];    /* "" for NULL */
};

struct orders {
    struct order order[10];
    int count;
    int failed;
};

/* Text is borrowed until the callback returns, so it is copied. */
static void keep(char *to, size_t size, const char *text)
{
    snprintf(to, size, "%s", text ? text : "");
}

/* One place for each column, in their order. With a place left out the request would fail with
 *
 *     the row has 6 columns, and 5 are wanted
 *
 * and with evpg_to_int32() for the customer with
 *
 *     column 1 "customer" (text): not an integer type
 */
static enum evpg_flow on_order(const struct evpg_row *row, void *arg)
{
    struct orders *orders = arg;
    struct order *order = &orders->order[orders->count];
    const char *customer, *note;

    if (orders->count == 10)
        return EVPG_STOP;
    if (evpg_row_scan(row,
                      EVPG_INTO(evpg_to_int64(&order->id), evpg_to_text(&customer),
                                evpg_to_int64(&order->cents), evpg_to_bool(&order->paid),
                                evpg_if_any(&order->has_shipped, evpg_to_date(&order->shipped)),
                                evpg_to_text_or_null(&note))) < 0)
        return EVPG_FAIL; /* evpg_row_error(row) becomes the request's error */
    keep(order->customer, sizeof(order->customer), customer);
    keep(order->note, sizeof(order->note), note);
    orders->count++;
    return EVPG_NEXT;
}

static void show(const struct order *order)
{
    struct evpg_civil day;

    printf("%" PRId64 ": %s, %" PRId64 ".%02d, %s", order->id, order->customer, order->cents / 100,
           (int)(order->cents % 100), order->paid ? "paid" : "not paid");
    if (order->has_shipped && evpg_date_to_civil(order->shipped, &day) == 0)
        printf(", shipped %04d-%02d-%02d", day.year, day.month, day.day);
    printf("%s%s\n", *order->note ? ", " : "", order->note);
}

static void on_done(const struct evpg_result *result, void *arg)
{
    struct orders *orders = arg;

    if (evpg_result_error(result)) {
        orders->failed = 1;
        fprintf(stderr, "scan: %s\n", evpg_error_message(evpg_result_error(result)));
    }
    for (int i = 0; i < orders->count; i++)
        show(&orders->order[i]);
    evpg_free(evpg_result_db(result));
}

int main(int argc, char **argv)
{
    static struct orders orders;
    struct event_base *base = event_base_new();
    struct evpg_db *db = evpg_conn_new(base, argc > 1 ? argv[1] : NULL, NULL);

    if (!db || !evpg_open(db, NULL, NULL) ||
        !evpg_query(db,
                    "select * from (values"
                    " (1::bigint, 'Ana', 12990::bigint, true, date '2026-11-25', 'a gift'),"
                    " (2, 'Bruno', 500, false, null, null),"
                    " (3, 'Carla', 7001, true, null, 'call first'))"
                    " as orders (id, customer, cents, paid, shipped, note) order by id",
                    EVPG_NO_PARAMS, on_order, on_done, &orders)) {
        perror("scan");
        return 1;
    }
    event_base_dispatch(base);
    event_base_free(base);
    return orders.failed;
}
