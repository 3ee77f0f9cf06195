/* SPDX-License-Identifier: 0BSD (do with it what you like) */
/*
 * http_service_lag: how late the loop of http_service is, for /metrics.
 *
 * All that is done in one loop waits for what is being done in it: a callback that takes long shows
 * nowhere but in everything else being late. So a timer of 10 ms looks how late it is itself. Where
 * the machine has too much to do, all programs are late; on Linux it is known how long this one has
 * waited for a processor, and what remains without that is its own doing.
 */
#include "http_service.h"

#include <fcntl.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum { PERIOD_US = 10000, N_BOUNDS = 8 };

static const char *const bounds[N_BOUNDS] = {"0.001", "0.005", "0.01", "0.025",
                                             "0.05",  "0.1",   "0.25", "1"};
static const double bounds_s[N_BOUNDS] = {0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1};

static struct event *timer;
static int schedstat = -1;
static double last_s, last_waited_s;
static double sum_s, max_s, own_max_s;
static unsigned long long n_ticks, n_within[N_BOUNDS];

static double now_s(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* For a processor, so far: the second number that the kernel has for a thread. */
static double waited_s(void)
{
    char text[128];
    ssize_t length = pread(schedstat, text, sizeof(text) - 1, 0);
    double waited_ns = 0;

    text[length > 0 ? length : 0] = '\0';
    return sscanf(text, "%*f %lf", &waited_ns) == 1 ? waited_ns / 1e9 : 0;
}

static void count(double lag_s, double own_s)
{
    n_ticks++;
    sum_s += lag_s;
    max_s = lag_s > max_s ? lag_s : max_s;
    own_max_s = own_s > own_max_s ? own_s : own_max_s;
    for (int i = 0; i < N_BOUNDS; i++)
        n_within[i] += lag_s <= bounds_s[i];
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
    double now = now_s(), waited = waited_s();
    double lag = now - last_s - PERIOD_US / 1e6;

    (void)fd;
    (void)what;
    (void)arg;
    count(lag > 0 ? lag : 0, lag - (waited - last_waited_s));
    last_s = now;
    last_waited_s = waited;
}

int lag_start(void)
{
    const struct timeval period = {0, PERIOD_US};

    schedstat = open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC);
    last_s = now_s();
    last_waited_s = waited_s();
    timer = event_new(base, -1, EV_PERSIST, on_tick, NULL);
    return timer ? event_add(timer, &period) : -1;
}

void lag_stop(void)
{
    if (timer)
        event_free(timer);
    if (schedstat >= 0)
        close(schedstat);
}

static void write_max(struct evbuffer *out, const char *name, const char *help, double max)
{
    evbuffer_add_printf(out, "# HELP http_service_%s %s\n# TYPE http_service_%s gauge\n", name,
                        help, name);
    evbuffer_add_printf(out, "http_service_%s %.6f\n", name, max);
}

void lag_write(struct evbuffer *out)
{
    write_max(out, "loop_lag_seconds_max", "The most that the loop was late, since the start.",
              max_s);
    write_max(out, "loop_lag_own_seconds_max", "The same without its waits for a processor.",
              own_max_s);
    evbuffer_add_printf(out, "# HELP http_service_loop_lag_seconds How late the loop is.\n"
                             "# TYPE http_service_loop_lag_seconds histogram\n");
    for (int i = 0; i < N_BOUNDS; i++)
        evbuffer_add_printf(out, "http_service_loop_lag_seconds_bucket{le=\"%s\"} %llu\n",
                            bounds[i], n_within[i]);
    evbuffer_add_printf(out, "http_service_loop_lag_seconds_bucket{le=\"+Inf\"} %llu\n", n_ticks);
    evbuffer_add_printf(out, "http_service_loop_lag_seconds_sum %.6f\n", sum_s);
    evbuffer_add_printf(out, "http_service_loop_lag_seconds_count %llu\n", n_ticks);
}
