/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * metrics: a pool's statistics in the text format of Prometheus.
 *
 * Called by the application. Invariants: built on the public statistics alone; the text is made
 * apart and added as a whole, or not at all; what stands in a label is text in UTF-8, whatever it
 * was made of, and what was different is so there, for nothing may be there twice.
 */
#include "pool.h"

#include <errno.h>
#include <event2/buffer.h>
#include <inttypes.h>
#include <string.h>

/* One number among the statistics. */
struct metric {
    const char *name, *help;
    size_t offset;
};

#define METRIC(name, member, help)                                                                 \
    {                                                                                              \
        name, help, offsetof(struct evpg_pool_stats, member)                                       \
    }

static const struct metric gauges[] = {
    METRIC("connections", connections, "Connections that there are, or are being opened."),
    METRIC("connections_opening", opening, "Connections that are being opened."),
    METRIC("connections_idle", idle, "Connections that have nothing to do."),
    METRIC("connections_busy", busy, "Connections that run requests."),
    METRIC("connections_standby", standby_connections, "Connections to standbys."),
    METRIC("connections_leased", leased, "Connections that are leased."),
    METRIC("requests_waiting", waiting, "Requests that wait for a connection."),
    METRIC("requests_waiting_bytes", waiting_bytes, "Memory of the requests that wait."),
    METRIC("requests_running", running, "Requests that were given to connections."),
    METRIC("cancel_requests_running", canceling, "Cancel requests that are under way."),
};

static const struct metric counters[] = {
    METRIC("requests_submitted_total", submitted, "Requests that were accepted."),
    METRIC("requests_refused_total", refused, "Requests that were not accepted."),
    METRIC("requests_succeeded_total", succeeded, "Requests done without an error."),
    METRIC("requests_failed_total", failed, "Requests done with an error."),
    METRIC("requests_timed_out_total", timed_out, "Requests whose time was up."),
    METRIC("requests_canceled_total", canceled, "Requests that were canceled."),
    METRIC("requests_lost_total", lost, "Requests lost with their connection."),
    METRIC("requests_cut_off_total", cut_off, "Requests cut off by a close."),
    METRIC("requests_abandoned_total", abandoned, "Requests that were abandoned."),
    METRIC("requests_sent_again_total", sent_again, "Requests that were sent a second time."),
    METRIC("rows_total", rows, "Rows that were delivered."),
    METRIC("leases_total", leases, "Leases that were given out."),
    METRIC("connects_total", connected, "Connections that were opened."),
    METRIC("connect_failures_total", connect_failures, "Connection attempts that failed."),
    METRIC("connections_lost_total", connections_lost, "Connections that were lost."),
    METRIC("cancel_requests_total", cancel_requests, "Cancel requests sent to the server."),
};

static const struct metric histograms[] = {
    METRIC("queue_seconds", queue_time, "From a request's submission until it was sent."),
    METRIC("connect_seconds", connect_time, "From an attempt to connect until it had succeeded."),
    METRIC("first_row_seconds", first_row_time, "From a request's submission to its first row."),
    METRIC("request_seconds", total_time, "From a request's submission until it was done."),
};

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

/* What is being written. */
struct page {
    struct evbuffer *out;
    const char *label;
    bool failed;
};

static void put(struct page *page, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void put(struct page *page, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    if (!page->failed && evbuffer_add_vprintf(page->out, format, args) < 0)
        page->failed = true;
    va_end(args);
}

static bool follow(const unsigned char *at, int n)
{
    while (n-- > 0)
        if ((*++at & 0xc0) != 0x80)
            return false;
    return true;
}

/* How many bytes the character there has; 0: it is none. */
static int length_of(const unsigned char *at)
{
    if (*at < 0x80)
        return 1;
    if (*at >= 0xc2 && *at < 0xe0 && follow(at, 1))
        return 2;
    if (*at >= 0xe0 && *at < 0xf0 && follow(at, 2) && !(*at == 0xe0 && at[1] < 0xa0) &&
        !(*at == 0xed && at[1] >= 0xa0))
        return 3;
    if (*at >= 0xf0 && *at < 0xf5 && follow(at, 3) && !(*at == 0xf0 && at[1] < 0x90) &&
        !(*at == 0xf4 && at[1] >= 0x90))
        return 4;
    return 0;
}

static void put_character(struct page *page, const char *at, int length)
{
    if (*at == '\n')
        put(page, "\\n");
    else if (*at == '"' || *at == '\\')
        put(page, "\\%c", *at);
    else if (length == 0)
        put(page, "\\\\x%02x", (unsigned char)*at);
    else
        put(page, "%.*s", length, at);
}

static void put_label(struct page *page, const char *name, const char *value)
{
    put(page, "%s=\"", name);
    while (*value) {
        int length = length_of((const unsigned char *)value);

        put_character(page, value, length);
        value += length > 0 ? length : 1;
    }
    put(page, "\"");
}

/* name: of a request, or NULL; bound_us: of a bucket, or 0: there is none. */
static void put_labels(struct page *page, const char *name, uint64_t bound_us)
{
    const char *before = "{";

    if (page->label) {
        put(page, "%s", before);
        put_label(page, "pool", page->label);
        before = ",";
    }
    if (name) {
        put(page, "%s", before);
        put_label(page, "name", name);
        before = ",";
    }
    if (bound_us == UINT64_MAX)
        put(page, "%sle=\"+Inf\"", before);
    else if (bound_us > 0)
        put(page, "%sle=\"%" PRIu64 ".%06" PRIu64 "\"", before, bound_us / 1000000,
            bound_us % 1000000);
    if (page->label || name || bound_us > 0)
        put(page, "}");
}

static void put_head(struct page *page, const char *name, const char *help, const char *type)
{
    put(page, "# HELP evpg_%s %s\n# TYPE evpg_%s %s\n", name, help, name, type);
}

static void put_number(struct page *page, const char *name, const char *request, uint64_t number)
{
    put(page, "evpg_%s", name);
    put_labels(page, request, 0);
    put(page, " %" PRIu64 "\n", number);
}

static void put_bucket(struct page *page, const char *name, const char *request, uint64_t bound_us,
                       uint64_t number)
{
    put(page, "evpg_%s_bucket", name);
    put_labels(page, request, bound_us);
    put(page, " %" PRIu64 "\n", number);
}

/* Of the buckets' bounds the powers of two, from 64 us to 67 s. */
static bool is_shown(int bucket)
{
    return bucket % 4 == 3 && bucket >= 19 && bucket < 103;
}

static void put_histogram(struct page *page, const char *name, const char *request,
                          const struct evpg_histogram *histogram)
{
    uint64_t below = 0;

    for (int bucket = 0; bucket < EVPG_HISTOGRAM_BUCKETS; bucket++) {
        below += histogram->bucket[bucket];
        if (is_shown(bucket))
            put_bucket(page, name, request, evpg_histogram_bound(bucket), below);
    }
    put_bucket(page, name, request, UINT64_MAX, histogram->count);
    put(page, "evpg_%s_sum", name);
    put_labels(page, request, 0);
    put(page, " %" PRIu64 ".%06" PRIu64 "\n", histogram->sum_us / 1000000,
        histogram->sum_us % 1000000);
    put(page, "evpg_%s_count", name);
    put_labels(page, request, 0);
    put(page, " %" PRIu64 "\n", histogram->count);
}

static const void *find(const struct evpg_pool_stats *stats, const struct metric *metric)
{
    return (const char *)stats + metric->offset;
}

static void put_numbers(struct page *page, const struct evpg_pool_stats *stats,
                        const struct metric *metrics, size_t n, const char *type)
{
    for (size_t i = 0; i < n; i++) {
        put_head(page, metrics[i].name, metrics[i].help, type);
        put_number(page, metrics[i].name, NULL, *(const uint64_t *)find(stats, &metrics[i]));
    }
}

static void put_histograms(struct page *page, const struct evpg_pool_stats *stats)
{
    for (size_t i = 0; i < COUNT(histograms); i++) {
        put_head(page, histograms[i].name, histograms[i].help, "histogram");
        put_histogram(page, histograms[i].name, NULL, find(stats, &histograms[i]));
    }
}

static void put_names(struct page *page, struct evpg_db *pool)
{
    const struct evpg_name_stats *name;

    if (!evpg_pool_name_stats(pool, 0))
        return;
    put_head(page, "named_requests_failed_total", "Requests of that name done with an error.",
             "counter");
    for (size_t i = 0; (name = evpg_pool_name_stats(pool, i)); i++)
        put_number(page, "named_requests_failed_total", name->name, name->failed);
    put_head(page, "named_request_seconds", "Requests of that name, until they were done.",
             "histogram");
    for (size_t i = 0; (name = evpg_pool_name_stats(pool, i)); i++)
        put_histogram(page, "named_request_seconds", name->name, &name->total_time);
}

static void put_all(struct page *page, struct evpg_db *pool, const struct evpg_pool_stats *stats)
{
    put_numbers(page, stats, gauges, COUNT(gauges), "gauge");
    put_numbers(page, stats, counters, COUNT(counters), "counter");
    put_histograms(page, stats);
    put_names(page, pool);
}

int evpg_pool_write_metrics(struct evpg_db *pool, struct evbuffer *out, const char *label)
{
    struct evpg_pool_stats stats = {.size = sizeof(stats)};
    struct page page = {.label = label};

    if (!out) {
        db_refuse(pool, EINVAL, "there is no buffer for the metrics");
        return -1;
    }
    if (evpg_pool_get_stats(pool, &stats) < 0)
        return -1;
    page.out = evbuffer_new();
    page.failed = !page.out;
    if (!page.failed)
        put_all(&page, pool, &stats);
    page.failed = page.failed || evbuffer_add_buffer(out, page.out) < 0;
    if (page.out)
        evbuffer_free(page.out);
    if (page.failed)
        errno = ENOMEM;
    return page.failed ? -1 : 0;
}
