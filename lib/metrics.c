/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * metrics: a pool's statistics in the text format of Prometheus.
 *
 * Called by the application. Invariants: built on the public statistics alone; the text is made
 * apart and added as a whole, or not at all; what stands in a label is text in UTF-8, whatever it
 * was made of, and what was different is so there, for nothing may be there twice.
 */
#include "mem.h"
#include "pool.h"

#include <errno.h>
#include <event2/buffer.h>
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

/* What is being written. Its lines are many, and come when the loop has other things to do: they
 * are put together without formats, a chunk at a time, each with labels that were made once. */
struct page {
    struct evbuffer *out;
    char *labels; /* of the lines that come next, the pool's first; without braces */
    size_t n_labels, n_pool_label;
    size_t length;
    bool failed;
    char chunk[4096];
};

static void flush(struct page *page)
{
    if (evbuffer_add(page->out, page->chunk, page->length) < 0)
        page->failed = true;
    page->length = 0;
}

/* Anything but a pool's label is shorter than a chunk. */
static void put_bytes(struct page *page, const char *bytes, size_t length)
{
    if (length > sizeof(page->chunk) - page->length)
        flush(page);
    if (length > sizeof(page->chunk)) {
        page->failed = evbuffer_add(page->out, bytes, length) < 0 || page->failed;
        return;
    }
    memcpy(page->chunk + page->length, bytes, length);
    page->length += length;
}

static void put(struct page *page, const char *text)
{
    put_bytes(page, text, strlen(text));
}

/* With so many digits at least. */
static void put_digits(struct page *page, uint64_t number, int least)
{
    char digits[20];
    size_t at = sizeof(digits);

    for (; number > 0 || least > 0; number /= 10, least--)
        digits[--at] = (char)('0' + number % 10);
    put_bytes(page, digits + at, sizeof(digits) - at);
}

static void put_seconds(struct page *page, uint64_t us)
{
    put_digits(page, us / 1000000, 1);
    put(page, ".");
    put_digits(page, us % 1000000, 6);
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

/* Whether something in it is, or looks like, a byte that is written as \xff is. Only then are its
 * backslashes doubled, so that what comes of it can be told from all that is written as it stands.
 */
static bool needs_doubling(const char *value)
{
    for (int length; *value; value += length) {
        length = length_of((const unsigned char *)value);
        if (length == 0 || (*value == '\\' && value[1] == 'x'))
            return true;
    }
    return false;
}

enum { MOST_FOR_BYTE = 5 };

static void append(struct page *page, const char *text, size_t length)
{
    memcpy(page->labels + page->n_labels, text, length);
    page->n_labels += length;
}

/* What Prometheus wants written otherwise in a label, and what is no character. */
static void append_character(struct page *page, const char *at, int length, bool doubling)
{
    static const char hex[] = "0123456789abcdef";
    unsigned char byte = (unsigned char)*at;

    if (byte == '\n')
        append(page, "\\n", 2);
    else if (byte == '"')
        append(page, "\\\"", 2);
    else if (byte == '\\')
        append(page, "\\\\\\\\", doubling ? 4 : 2);
    else if (length == 0)
        append(page, (char[]){'\\', '\\', 'x', hex[byte >> 4], hex[byte & 15]}, MOST_FOR_BYTE);
    else
        append(page, at, (size_t)length);
}

static void append_label(struct page *page, const char *start, const char *value)
{
    bool doubling = needs_doubling(value);

    append(page, start, strlen(start));
    while (*value) {
        int length = length_of((const unsigned char *)value);

        append_character(page, value, length, doubling);
        value += length > 0 ? length : 1;
    }
    append(page, "\"", 1);
}

/* name: of a request; NULL: the lines that come are of all. */
static void set_name(struct page *page, const char *name)
{
    page->n_labels = page->n_pool_label;
    if (name)
        append_label(page, page->n_labels > 0 ? ",name=\"" : "name=\"", name);
}

static void put_labels(struct page *page)
{
    if (page->n_labels == 0)
        return;
    put(page, "{");
    put_bytes(page, page->labels, page->n_labels);
    put(page, "}");
}

static void put_head(struct page *page, const char *name, const char *help, const char *type)
{
    put(page, "# HELP evpg_");
    put(page, name);
    put(page, " ");
    put(page, help);
    put(page, "\n# TYPE evpg_");
    put(page, name);
    put(page, " ");
    put(page, type);
    put(page, "\n");
}

/* A line up to the number. */
static void put_start(struct page *page, const char *name, const char *suffix)
{
    put(page, "evpg_");
    put(page, name);
    put(page, suffix);
    put_labels(page);
    put(page, " ");
}

static void put_number(struct page *page, const char *name, const char *suffix, uint64_t number)
{
    put_start(page, name, suffix);
    put_digits(page, number, 1);
    put(page, "\n");
}

static void put_bucket(struct page *page, const char *name, uint64_t bound_us, uint64_t number)
{
    put(page, "evpg_");
    put(page, name);
    put(page, "_bucket{");
    put_bytes(page, page->labels, page->n_labels);
    put(page, page->n_labels > 0 ? ",le=\"" : "le=\"");
    if (bound_us == UINT64_MAX)
        put(page, "+Inf");
    else
        put_seconds(page, bound_us);
    put(page, "\"} ");
    put_digits(page, number, 1);
    put(page, "\n");
}

/* Of the buckets' bounds the powers of two, from 64 us to 67 s. */
static bool is_shown(int bucket)
{
    return bucket % 4 == 3 && bucket >= 19 && bucket < 103;
}

static void put_histogram(struct page *page, const char *name,
                          const struct evpg_histogram *histogram)
{
    uint64_t below = 0;

    for (int bucket = 0; bucket < EVPG_HISTOGRAM_BUCKETS; bucket++) {
        below += histogram->bucket[bucket];
        if (is_shown(bucket))
            put_bucket(page, name, evpg_histogram_bound(bucket), below);
    }
    put_bucket(page, name, UINT64_MAX, histogram->count);
    put_start(page, name, "_sum");
    put_seconds(page, histogram->sum_us);
    put(page, "\n");
    put_number(page, name, "_count", histogram->count);
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
        put_number(page, metrics[i].name, "", *(const uint64_t *)find(stats, &metrics[i]));
    }
}

static void put_histograms(struct page *page, const struct evpg_pool_stats *stats)
{
    for (size_t i = 0; i < COUNT(histograms); i++) {
        put_head(page, histograms[i].name, histograms[i].help, "histogram");
        put_histogram(page, histograms[i].name, find(stats, &histograms[i]));
    }
}

static void put_names(struct page *page, struct evpg_db *pool)
{
    const struct evpg_name_stats *name;

    if (!evpg_pool_name_stats(pool, 0))
        return;
    put_head(page, "named_requests_failed_total", "Requests of that name done with an error.",
             "counter");
    for (size_t i = 0; (name = evpg_pool_name_stats(pool, i)); i++) {
        set_name(page, name->name);
        put_number(page, "named_requests_failed_total", "", name->failed);
    }
    put_head(page, "named_request_seconds", "Requests of that name, until they were done.",
             "histogram");
    for (size_t i = 0; (name = evpg_pool_name_stats(pool, i)); i++) {
        set_name(page, name->name);
        put_histogram(page, "named_request_seconds", &name->total_time);
    }
}

static void put_all(struct page *page, struct evpg_db *pool, const struct evpg_pool_stats *stats)
{
    put_numbers(page, stats, gauges, COUNT(gauges), "gauge");
    put_numbers(page, stats, counters, COUNT(counters), "counter");
    put_histograms(page, stats);
    put_names(page, pool);
    flush(page);
}

/* With room for the labels of the longest name. label: NULL, none for the pool. */
static bool begin_page(struct page *page, const char *label)
{
    size_t most = (label ? strlen(label) : 0) + STATS_MOST_NAME_BYTES;

    page->out = evbuffer_new();
    page->labels = mem_alloc(MOST_FOR_BYTE * most + sizeof("pool=\"\",name=\"\""));
    if (!page->out || !page->labels)
        return false;
    if (label)
        append_label(page, "pool=\"", label);
    page->n_pool_label = page->n_labels;
    return true;
}

static void end_page(struct page *page)
{
    if (page->out)
        evbuffer_free(page->out);
    mem_free(page->labels);
    mem_free(page);
}

static bool write_page(struct page *page, struct evpg_db *pool, const char *label,
                       const struct evpg_pool_stats *stats, struct evbuffer *out)
{
    if (!begin_page(page, label))
        return false;
    put_all(page, pool, stats);
    return !page->failed && evbuffer_add_buffer(out, page->out) == 0;
}

int evpg_pool_write_metrics(struct evpg_db *pool, struct evbuffer *out, const char *label)
{
    struct evpg_pool_stats stats = {.size = sizeof(stats)};
    struct page *page;
    bool written;

    if (!out) {
        db_refuse(pool, EINVAL, "there is no buffer for the metrics");
        return -1;
    }
    if (evpg_pool_get_stats(pool, &stats) < 0)
        return -1;
    page = mem_alloc(sizeof(*page));
    if (!page)
        return -1;
    written = write_page(page, pool, label, &stats, out);
    end_page(page);
    if (!written)
        errno = ENOMEM;
    return written ? 0 : -1;
}
