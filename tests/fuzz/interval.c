/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * interval: what lib/value_interval.c reads, in all of the server's four styles.
 *
 * An input is t and text, or b and binary format. What is read is written in binary format, and in
 * each style as the server writes it, with the largest units that there are or without them, and
 * read again; and a clock is what it is by sums of its own.
 */
#include "fuzz.h"

#include "value_time.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

const char fuzz_name[] = "interval";

static bool is_same(const struct evpg_interval *one, const struct evpg_interval *other)
{
    return one->microseconds == other->microseconds && one->days == other->days &&
           one->months == other->months;
}

static void check_text(const char *text, const struct evpg_interval *value)
{
    struct evpg_interval again;

    fuzz_require(!value_read_interval(text, &again));
    fuzz_require(is_same(&again, value));
}

static uint64_t magnitude(int64_t number)
{
    return number < 0 ? -(uint64_t)number : (uint64_t)number;
}

/* Hours, minutes and seconds: with a sign each, and as a clock. */
struct clock {
    int64_t hours;
    int minutes, seconds, microseconds;
    const char *minus; /* of the seconds, where they are not below -1 */
};

static struct clock clock_of(int64_t microseconds)
{
    int64_t seconds = microseconds / 1000000;
    int rest = (int)(microseconds % 1000000);

    return (struct clock){seconds / 3600, (int)(seconds / 60 % 60), (int)(seconds % 60),
                          rest < 0 ? -rest : rest, microseconds % 60000000 < 0 ? "-" : ""};
}

static const char *print_clock(int64_t microseconds, const char *plus)
{
    uint64_t size = magnitude(microseconds);

    return fuzz_print("%s%02" PRIu64 ":%02d:%02d.%06d", microseconds < 0 ? "-" : plus,
                      size / 3600000000, (int)(size / 60000000 % 60), (int)(size / 1000000 % 60),
                      (int)(size % 1000000));
}

static int positive(int number)
{
    return number < 0 ? -number : number;
}

static void check_styles(const struct evpg_interval *value)
{
    struct clock clock = clock_of(value->microseconds);
    int years = value->months / 12, months = value->months % 12, seconds = positive(clock.seconds);

    check_text(fuzz_print("%d years %d mons %d days %s", years, months, value->days,
                          print_clock(value->microseconds, "+")),
               value);
    check_text(fuzz_print("%d mons %d days %s", value->months, value->days,
                          print_clock(value->microseconds, "")),
               value);
    check_text(fuzz_print("@ %d years %d mons %d days %" PRId64 " hours %d mins %s%d.%06d secs",
                          years, months, value->days, clock.hours, clock.minutes, clock.minus,
                          seconds, clock.microseconds),
               value);
    check_text(fuzz_print("P%dY%dM%dDT%" PRId64 "H%dM%s%d.%06dS", years, months, value->days,
                          clock.hours, clock.minutes, clock.minus, seconds, clock.microseconds),
               value);
    check_text(fuzz_print("%c%u-%u %+d %s", value->months < 0 ? '-' : '+',
                          (unsigned)(magnitude(value->months) / 12),
                          (unsigned)(magnitude(value->months) % 12), value->days,
                          print_clock(value->microseconds, "+")),
               value);
}

/* Those of one field alone, with "ago" for the sign. */
static void check_ago(const struct evpg_interval *value)
{
    struct clock clock = clock_of(value->microseconds);

    if (value->months != 0 || value->days != 0 || value->microseconds >= 0 || clock.hours == 0)
        return;
    check_text(fuzz_print("@ %" PRIu64 " hours %d mins %d.%06d secs ago", magnitude(clock.hours),
                          positive(clock.minutes), positive(clock.seconds), clock.microseconds),
               value);
}

static void check(const struct evpg_interval *value)
{
    static const struct evpg_interval most = {INT64_MAX, INT32_MAX, INT32_MAX};
    static const struct evpg_interval least = {INT64_MIN, INT32_MIN, INT32_MIN};
    unsigned char *bytes = fuzz_room(VALUE_INTERVAL_SIZE);
    struct evpg_interval again;

    value_write_interval(value, bytes);
    fuzz_require(!value_binary_interval(bytes, VALUE_INTERVAL_SIZE, &again));
    fuzz_require(is_same(&again, value));
    if (is_same(value, &most) || is_same(value, &least))
        check_text(value->days > 0 ? "infinity" : "-infinity", value);
    check_styles(value);
    check_ago(value);
}

/* A clock alone, with six decimals, by sums of its own. */
static void check_clock(const char *text, bool good, const struct evpg_interval *value)
{
    long long hours;
    int minutes, seconds, fraction, end = 0, sign = *text == '-' ? -1 : 1;
    int64_t sum;

    text += *text == '-';
    if (sscanf(text, "%10lld:%2d:%2d.%6d%n", &hours, &minutes, &seconds, &fraction, &end) < 4 ||
        text[end] || strspn(text, "0123456789:.") != strlen(text) || text[end - 7] != '.')
        return;
    sum = (hours * 3600 + minutes * 60 + seconds) * sign;
    if (__builtin_mul_overflow(sum, 1000000, &sum) ||
        __builtin_add_overflow(sum, fraction * sign, &sum))
        fuzz_require(!good);
    else if (good)
        fuzz_require(value->microseconds == sum && value->days == 0 && value->months == 0);
}

static bool read_text(const char *text, struct evpg_interval *value)
{
    bool good = fuzz_good(value_read_interval(text, value));

    check_clock(text, good, value);
    return good;
}

void fuzz_one(const unsigned char *bytes, size_t size)
{
    struct evpg_interval value;

    if (size == 0)
        return;
    if (*bytes == 'b'
            ? fuzz_good(value_binary_interval(fuzz_copy(bytes + 1, size - 1), size - 1, &value))
            : read_text(fuzz_text(bytes + 1, size - 1), &value))
        check(&value);
}
