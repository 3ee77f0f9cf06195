/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * db_metrics: what a pool writes for Prometheus: that it is well formed, agrees with what was done,
 * keeps names apart whatever they are made of, and takes little of the loop's time.
 *
 * The counterpart of lib/metrics.c; what the numbers mean is looked at by db_stats.
 */
#include "oracle.h"

#include <event2/buffer.h>
#include <stdio.h>
#include <time.h>

/* What stands behind a metric's name and labels, in the text; fails when it is not there. */
static double metric(const char *text, const char *name)
{
    const char *line = strstr(text, name);

    while (line && line != text && line[-1] != '\n')
        line = strstr(line + 1, name);
    ck_assert_msg(line != NULL, "no %s", name);
    return atof(line + strlen(name));
}

static char *write_metrics(const char *label)
{
    struct evbuffer *out = evbuffer_new();
    size_t length;
    char *text;

    ck_assert_int_eq(evpg_pool_write_metrics(db, out, label), 0);
    length = evbuffer_get_length(out);
    text = calloc(1, length + 1);
    evbuffer_remove(out, text, length);
    evbuffer_free(out);
    return text;
}

/* Each line is a comment, or a name, labels and a number; and ends. */
static void check_lines(const char *text)
{
    while (*text) {
        const char *end = strchr(text, '\n');
        const char *space = end;

        ck_assert_ptr_nonnull(end);
        while (space > text && *space != ' ')
            space--;
        ck_assert(strncmp(text, "evpg_", 5) == 0 || strncmp(text, "# HELP evpg_", 12) == 0 ||
                  strncmp(text, "# TYPE evpg_", 12) == 0);
        ck_assert(*text == '#' || strspn(space + 1, "0123456789.") == (size_t)(end - space - 1));
        text = end + 1;
    }
}

/* No name with its labels is there twice. */
static void check_unique(const char *text)
{
    for (const char *line = text; *line; line = strchr(line, '\n') + 1) {
        const char *end = strchr(line, '\n'), *again = end;
        char key[300];

        while (*end != ' ')
            end--;
        snprintf(key, sizeof(key), "\n%.*s", (int)(end + 1 - line), line);
        ck_assert_msg(*line == '#' || !strstr(again, key), "twice: %s", key);
    }
}

/* Names that differ only in what cannot be in a label, or in what is cut off amid a character. */
START_TEST(names_are_kept_apart)
{
    static const char most[] = "12345678901234567890123456789012345678901234567890123456789012";
    static const char *const ends[] = {"", "\xc3\xa9", "\xc4\xa9", "\xff", "\xfe"};
    char name[80], *text;

    begin_pool(ALONE, &EVPG_POOL_CONFIG(.max_connections = 1, .max_request_names = 20));
    for (int i = 0; i < 10; i++) {
        snprintf(name, sizeof(name), "%s%s", i % 2 ? most : "x", ends[i / 2]);
        evpg_request_set_name(query("select 1", EVPG_NO_PARAMS)->request, name);
    }
    await_all();
    ck_assert_ptr_nonnull(evpg_pool_name_stats(db, 9));
    text = write_metrics("main");
    check_lines(text);
    check_unique(text);
    free(text);
    end();
}
END_TEST

START_TEST(for_prometheus)
{
    struct outcome *named;
    char *text;

    begin_pool(ALONE, &EVPG_POOL_CONFIG(.max_connections = 1, .max_request_names = 10));
    named = query("select generate_series(1, 5)", EVPG_NO_PARAMS);
    evpg_request_set_name(named->request, "a \"name\"\\\n\xff\xc3\xa9");
    query("select 1 / 0", EVPG_NO_PARAMS);
    await_all();
    text = write_metrics("main");
    check_lines(text);
    check_unique(text);
    ck_assert(metric(text, "evpg_requests_submitted_total{pool=\"main\"} ") == 2);
    ck_assert(metric(text, "evpg_requests_failed_total{pool=\"main\"} ") == 1);
    ck_assert(metric(text, "evpg_rows_total{pool=\"main\"} ") == 5);
    ck_assert(metric(text, "evpg_connections_idle{pool=\"main\"} ") == 1);
    ck_assert(metric(text, "evpg_request_seconds_bucket{pool=\"main\",le=\"+Inf\"} ") == 2);
    ck_assert(metric(text, "evpg_request_seconds_bucket{pool=\"main\",le=\"67.108864\"} ") == 2);
    ck_assert(metric(text, "evpg_request_seconds_count{pool=\"main\"} ") == 2);
    ck_assert(metric(text, "evpg_request_seconds_sum{pool=\"main\"} ") > 0);
    ck_assert(metric(text, "evpg_named_request_seconds_count{pool=\"main\","
                           "name=\"a \\\"name\\\"\\\\\\\\\\n\\\\xff\xc3\xa9\"} ") == 1);
    free(text);
    text = write_metrics(NULL);
    check_lines(text);
    ck_assert(metric(text, "evpg_connections ") == 1);
    ck_assert(metric(text, "evpg_request_seconds_bucket{le=\"0.000064\"} ") == 0);
    free(text);
    end();
}
END_TEST

/* Names of up to four parts of which each is, or looks like, one that has to be escaped. */
START_TEST(no_two_names_are_written_alike)
{
    static const char *const parts[] = {"", "\\", "xff", "\xff", "\n", "\""};
    enum { N_PARTS = 6, N_NAMES = N_PARTS * N_PARTS * N_PARTS * N_PARTS };
    char name[40], *text, *tail;

    begin_pool(ALONE, &EVPG_POOL_CONFIG(.max_connections = 1, .max_request_names = N_NAMES));
    for (int i = 0; i < N_NAMES; i++) {
        snprintf(name, sizeof(name), "%s%s%s%s", parts[i % 6], parts[i / 6 % 6], parts[i / 36 % 6],
                 parts[i / 216]);
        evpg_request_set_name(query("select 1", EVPG_NO_PARAMS)->request, name);
    }
    await_all();
    ck_assert_ptr_nonnull(evpg_pool_name_stats(db, 700)); /* 781 of them differ */
    text = write_metrics("main");
    check_lines(text);
    tail = strstr(text, "# HELP evpg_named_request_seconds ");
    ck_assert_ptr_nonnull(tail);
    *tail = '\0';
    check_unique(text);
    free(text);
    end();
}
END_TEST

/* What stands as it is does so still: only where they could be taken for something else are
 * backslashes doubled. */
START_TEST(backslashes)
{
    static const struct {
        const char *name, *label;
    } all[] = {{"a\\b", "a\\\\b"},
               {"\\xff", "\\\\\\\\xff"},
               {"\xff", "\\\\xff"},
               {"\\\xff", "\\\\\\\\\\\\xff"},
               {"\\\\", "\\\\\\\\"}};
    char line[100], *text;

    begin_pool(ALONE, &EVPG_POOL_CONFIG(.max_connections = 1, .max_request_names = 9));
    for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
        evpg_request_set_name(query("select 1", EVPG_NO_PARAMS)->request, all[i].name);
    await_all();
    text = write_metrics("main");
    for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
        snprintf(line, sizeof(line), "evpg_named_requests_failed_total{pool=\"main\",name=\"%s\"} ",
                 all[i].label);
        ck_assert(metric(text, line) == 0);
    }
    free(text);
    end();
}
END_TEST

/* A pool's label may be longer than what is put together at a time. */
START_TEST(long_label)
{
    static char label[10001], line[10100];
    char *text;

    memset(label, 'x', sizeof(label) - 1);
    begin_pool(ALONE, NULL);
    text = write_metrics(label);
    snprintf(line, sizeof(line), "evpg_connections{pool=\"%s\"} ", label);
    ck_assert(metric(text, line) == 0);
    check_lines(text);
    free(text);
    end();
}
END_TEST

static double processor_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

/* The loop stands still meanwhile. The best of some times: the machine may be busy. */
START_TEST(takes_little_time)
{
    double best = 1e9;
    char name[20];

    begin_pool(ALONE, &EVPG_POOL_CONFIG(.max_connections = 1, .max_request_names = 1000));
    for (int i = 0; i < 1000; i++) {
        snprintf(name, sizeof(name), "name %d", i);
        evpg_request_set_name(query("select 1", EVPG_NO_PARAMS)->request, name);
    }
    await_all();
    ck_assert_ptr_nonnull(evpg_pool_name_stats(db, 999));
    for (int i = 0; i < 10; i++) {
        struct evbuffer *out = evbuffer_new();
        double began = processor_ms(), ms;

        ck_assert_int_eq(evpg_pool_write_metrics(db, out, "main"), 0);
        ms = processor_ms() - began;
        best = ms < best ? ms : best;
        ck_assert_uint_gt(evbuffer_get_length(out), 1000000);
        evbuffer_free(out);
    }
    printf("# 1000 names are written in %.1f ms\n", best);
    ck_assert_double_lt(best, SANITIZED ? 80 : 8);
    end();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("db_metrics");
    TCase *tcase = tcase_create("metrics");

    tcase_set_timeout(tcase, sized(60, 300));
    tcase_add_test(tcase, names_are_kept_apart);
    tcase_add_test(tcase, no_two_names_are_written_alike);
    tcase_add_test(tcase, backslashes);
    tcase_add_test(tcase, long_label);
    tcase_add_test(tcase, for_prometheus);
    tcase_add_test(tcase, takes_little_time);
    suite_add_tcase(suite, tcase);
    return run_suite(suite, true);
}
