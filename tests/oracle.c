/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * oracle: see oracle.h.
 *
 * Called by the tests of faults. The state is static: Check runs each test in a process of its own.
 */
#include "oracle.h"

#include "require.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

#define PERIOD_MS 10
#define MOST_MS (SANITIZED ? 500 : 50)
#define PATIENCE_MS 5000

double now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

/* Open while the heart beats, for a test may use descriptors up. */
static int schedstat = -1;

/* How long this thread has waited for a processor so far, in ms: other programs' doing. */
static double waited_ms(void)
{
    char text[128];
    ssize_t length = schedstat < 0 ? 0 : pread(schedstat, text, sizeof(text) - 1, 0);
    double waited_ns = 0;

    text[length > 0 ? length : 0] = '\0';
    return sscanf(text, "%*f %lf", &waited_ns) == 1 ? waited_ns / 1e6 : 0;
}

double own_ms(void)
{
    return now_ms() - waited_ms();
}

static struct event *heart;
static double last_beat_ms, last_waited_ms, worst_gap_ms;

static void on_beat(evutil_socket_t fd, short what, void *arg)
{
    double gap = now_ms() - last_beat_ms - (waited_ms() - last_waited_ms);

    (void)fd;
    (void)what;
    (void)arg;
    worst_gap_ms = gap > worst_gap_ms ? gap : worst_gap_ms;
    heart_skip();
}

void heart_skip(void)
{
    last_beat_ms = now_ms();
    last_waited_ms = waited_ms();
}

void heart_forget(void)
{
    worst_gap_ms = 0;
    heart_skip();
}

void heart_start(void)
{
    const struct timeval period = {0, PERIOD_MS * 1000};

    schedstat = open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC);
    heart = event_new(base, -1, EV_PERSIST, on_beat, NULL);
    heart_forget();
    event_add(heart, &period);
}

double heart_worst(void)
{
    return worst_gap_ms;
}

double heart_end(void)
{
    run_for(3 * PERIOD_MS);
    event_free(heart);
    close(schedstat);
    schedstat = -1;
    return worst_gap_ms;
}

void heart_stop(void)
{
    double worst = heart_end();

    ck_assert_msg(worst <= MOST_MS, "the heartbeat's worst gap was %.1f ms", worst);
    fprintf(stderr, "# worst gap %.1f ms\n", worst);
}

enum { MOST_OPERATIONS = 10000 };

static struct outcome *operations[MOST_OPERATIONS];
static int n_operations;

void ledger_begin(void)
{
    free(admin("drop table if exists ledger; create table ledger (op int8)"));
    n_operations = 0;
}

int64_t ledger_enter(struct outcome *operation)
{
    ck_assert_int_lt(n_operations, MOST_OPERATIONS);
    operation->number = n_operations;
    operations[n_operations++] = operation;
    return operation->number;
}

struct outcome *ledger_submit(int count)
{
    struct outcome *operation = n_operations ? operations[n_operations - 1] : NULL;

    for (int i = 0; i < count; i++) {
        operation = new_outcome();
        submit(operation, LEDGER_SQL, EVPG_PARAMS(evpg_int64(ledger_enter(operation))));
    }
    return operation;
}

static void count_in_ledger(int counts[])
{
    char *text = admin("select coalesce(string_agg(op::text, ',' order by op), '') from ledger");
    char *end = text;

    memset(counts, 0, MOST_OPERATIONS * sizeof(*counts));
    while (*end) {
        long op = strtol(end, &end, 10);

        ck_assert(op >= 0 && op < n_operations);
        counts[op]++;
        end += *end == ',';
    }
    free(text);
}

/* -1, a refusal, is as good as NOT_SENT. */
static void check_operation(const struct outcome *operation, int count)
{
    bool done = operation->completions == 1 && !operation->error;
    bool unknown = operation->error && evpg_error_fate(operation->error) == EVPG_FATE_UNKNOWN;

    ck_assert_msg(count <= 1, "operation %d was done %d times", operation->number, count);
    ck_assert_msg(!done || count == 1, "operation %d was acknowledged, and is lost",
                  operation->number);
    ck_assert_msg(done || unknown || count == 0, "operation %d was said not to be done, and was",
                  operation->number);
}

int ledger_check(void)
{
    static int counts[MOST_OPERATIONS];
    int sum = 0;

    count_in_ledger(counts);
    for (int i = 0; i < n_operations; i++) {
        check_operation(operations[i], counts[i]);
        sum += counts[i];
    }
    free(admin("drop table ledger"));
    return sum;
}

long resident_kib(void)
{
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");

    require(fscanf(file, "%*d %ld", &pages) == 1);
    fclose(file);
    return pages * sysconf(_SC_PAGESIZE) / 1024;
}

int open_descriptors(void)
{
    DIR *folder = opendir("/proc/self/fd");
    int count = 0;

    while (readdir(folder))
        count++;
    closedir(folder);
    return count;
}

static int count_backends(void)
{
    char *text =
        admin("select count(*) from pg_stat_activity where backend_type = 'client backend'");
    int count = atoi(text);

    free(text);
    return count;
}

static int descriptors, backends;
static long kib;

void resources_note(void)
{
    backends = count_backends();
    descriptors = open_descriptors();
    kib = resident_kib();
}

/* What was freed counts no more, also where malloc has kept it. */
static long kept_kib(void)
{
#ifdef __GLIBC__
    malloc_trim(0);
#endif
    return resident_kib();
}

/* In time: a thread that asked a server for a cancel, when nobody waits for it any more, sees the
 * end of its connection at its own pace. */
void resources_check(long more_kib)
{
    double end = now_ms() + PATIENCE_MS;
    int left;

    while (((left = count_backends()) > backends || open_descriptors() > descriptors) &&
           now_ms() < end)
        usleep(20000);
    ck_assert_msg(left <= backends, "a session is left: %s",
                  admin("select string_agg(pid || ' ' || state || ' ' || query, '; ') from"
                        " pg_stat_activity where backend_type = 'client backend'"));
    ck_assert_int_eq(open_descriptors(), descriptors);
    if (!SANITIZED)
        ck_assert_msg(kept_kib() - kib <= more_kib, "grown by %ld KiB", resident_kib() - kib);
}
