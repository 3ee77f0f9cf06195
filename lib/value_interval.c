/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * value_interval: reads intervals from the text in which the server sends them.
 *
 * Called by row_time.c; pure. The server writes them in one of four styles (PostgreSQL sources,
 * datetime.c, EncodeInterval()), which the text itself tells: it starts with P in iso_8601 and with
 * @ in postgres_verbose; of the two others one has units and the other has none, and where both
 * write no more than hours, minutes and seconds they mean the same. Invariants: any text gives a
 * value or a reason; nothing is read beyond its end; no sum overflows; each unit comes once, the
 * larger ones first.
 */
#include "value_time.h"

#include "scan.h"

#include <string.h>

#define HOUR INT64_C(3600000000)
#define MINUTE 60000000
#define SECOND 1000000

enum unit { YEAR, MONTH, DAY, HOURS, MINUTES, SECONDS, END };

/* What has been read so far. */
struct sums {
    int64_t months, days, microseconds;
    enum unit next; /* the largest that may follow */
    bool too_large;
};

/* A number in front of a unit. */
struct amount {
    bool negative;
    int64_t whole;
    int64_t fraction; /* in millionths */
};

struct unit_name {
    const char *word; /* without its plural's s */
    char letter;      /* of iso_8601 */
    int64_t factor;
};

static const struct unit_name units[] = {
    [YEAR] = {"year", 'Y', 12},       [MONTH] = {"mon", 'M', 1},
    [DAY] = {"day", 'D', 1},          [HOURS] = {"hour", 'H', HOUR},
    [MINUTES] = {"min", 'M', MINUTE}, [SECONDS] = {"sec", 'S', SECOND},
};

/* Whether there is a minus; a plus is passed over. */
static bool scan_sign(const char **at)
{
    if (scan_char(at, '-'))
        return true;
    scan_char(at, '+');
    return false;
}

/* A sign, where there is one, and a number, of which seconds alone have decimals. */
static bool scan_amount(const char **at, struct amount *amount)
{
    amount->negative = scan_sign(at);
    return scan_digits(at, 1, 10, &amount->whole) && scan_fraction(at, &amount->fraction);
}

static void add(struct sums *sums, int64_t *sum, bool negative, uint64_t magnitude)
{
    int64_t number;

    if (magnitude > (uint64_t)INT64_MAX + negative) {
        sums->too_large = true;
        return;
    }
    number = negative ? (int64_t)(~magnitude + 1) : (int64_t)magnitude;
    if (number < 0 ? *sum < INT64_MIN - number : *sum > INT64_MAX - number)
        sums->too_large = true;
    else
        *sum += number;
}

static int64_t *sum_of(struct sums *sums, enum unit unit)
{
    if (unit >= HOURS)
        return &sums->microseconds;
    return unit == DAY ? &sums->days : &sums->months;
}

/* False: it is not its turn, or has decimals that it cannot have. */
static bool add_amount(struct sums *sums, const struct amount *amount, enum unit unit)
{
    int64_t factor = units[unit].factor;

    if (unit < sums->next || (amount->fraction != 0 && unit != SECONDS))
        return false;
    sums->next = unit + 1;
    if (amount->whole > INT64_MAX / factor)
        sums->too_large = true;
    else
        add(sums, sum_of(sums, unit), amount->negative,
            (uint64_t)(amount->whole * factor) + (uint64_t)amount->fraction);
    return true;
}

/* 04:05:06.7 */
static bool add_clock(const char **at, bool negative, struct sums *sums)
{
    uint64_t magnitude;

    if (sums->next > HOURS || !scan_clock(at, 1, 10, &magnitude))
        return false;
    sums->next = END;
    add(sums, &sums->microseconds, negative, magnitude);
    return true;
}

/* 3 days; flip changes the sign, as "ago" does. */
static bool add_part(const char **at, bool flip, struct sums *sums)
{
    struct amount amount;

    if (!scan_amount(at, &amount) || !scan_char(at, ' '))
        return false;
    amount.negative = amount.negative != flip;
    for (enum unit unit = YEAR; unit < END; unit++) {
        if (!scan_word(at, units[unit].word))
            continue;
        scan_char(at, 's');
        return add_amount(sums, &amount, unit);
    }
    return false;
}

static bool add_signed_clock(const char **at, struct sums *sums)
{
    bool negative = scan_sign(at);

    return add_clock(at, negative, sums);
}

/* 1 year -2 mons +3 days 04:05:06 */
static bool read_postgres(const char *at, struct sums *sums)
{
    do {
        const char *start = at;

        if (add_part(&at, false, sums))
            continue;
        at = start;
        if (!add_signed_clock(&at, sums))
            return false;
    } while (scan_char(&at, ' '));
    return !*at;
}

/* @ 1 year -2 mons 4 hours 5 mins 6.7 secs ago */
static bool read_verbose(const char *at, struct sums *sums)
{
    static const char ago[] = " ago";
    size_t length = strlen(at);
    bool flip = length > strlen(ago) && strcmp(at + length - strlen(ago), ago) == 0;

    if (strcmp(at, "@ 0") == 0)
        return true;
    if (!scan_char(&at, '@'))
        return false;
    do {
        if (!scan_char(&at, ' ') || !add_part(&at, flip, sums))
            return false;
    } while (*at && strcmp(at, ago) != 0);
    return true;
}

/* The letter M stands for two units; the T is between them. */
static bool add_letter(const char **at, bool in_time, struct sums *sums)
{
    struct amount amount;

    if (!scan_amount(at, &amount))
        return false;
    for (enum unit unit = in_time ? HOURS : YEAR; unit < (in_time ? END : HOURS); unit++)
        if (scan_char(at, units[unit].letter))
            return add_amount(sums, &amount, unit);
    return false;
}

/* P1Y-2M3DT4H5M6.7S */
static bool read_iso(const char *at, struct sums *sums)
{
    bool in_time = false;

    if (!scan_char(&at, 'P'))
        return false;
    do {
        if (!in_time)
            in_time = scan_char(&at, 'T');
        if (!add_letter(&at, in_time, sums))
            return false;
    } while (*at);
    return true;
}

/* 1-2, of years and months, behind the sign. */
static bool add_years(const char **at, bool negative, struct sums *sums)
{
    int64_t years, months;

    if (!scan_digits(at, 1, 10, &years) || !scan_char(at, '-') || !scan_digits(at, 1, 2, &months) ||
        months > 11)
        return false;
    add(sums, &sums->months, negative, (uint64_t)(years * 12 + months));
    sums->next = DAY;
    return true;
}

static bool add_days(const char **at, bool negative, struct sums *sums)
{
    int64_t days;

    if (!scan_digits(at, 1, 10, &days) || !scan_char(at, ' '))
        return false;
    add(sums, &sums->days, negative, (uint64_t)days);
    return true;
}

/* +1-2 -3 +4:05:06, where all signs are written; at is behind the years and months. */
static bool read_sql_rest(const char *at, struct sums *sums)
{
    bool negative;

    if (!scan_char(&at, ' ') || (*at != '+' && *at != '-'))
        return false;
    negative = scan_sign(&at);
    if (!add_days(&at, negative, sums) || (*at != '+' && *at != '-'))
        return false;
    return add_signed_clock(&at, sums) && !*at;
}

/* 1-2, or 3 4:05:06; a sign in front is that of all. Or both, where each has a sign. A time alone
 * was read before, as that of the style postgres. */
static bool read_sql(const char *at, struct sums *sums)
{
    bool negative, is_signed = *at == '+' || *at == '-';
    const char *start;

    if (strcmp(at, "0") == 0)
        return true;
    negative = scan_sign(&at);
    start = at;
    if (add_years(&at, negative, sums))
        return !*at || (is_signed && read_sql_rest(at, sums));
    at = start;
    return add_days(&at, negative, sums) && add_clock(&at, negative, sums) && !*at;
}

static bool read_any(const char *text, struct sums *sums)
{
    if (*text == 'P')
        return read_iso(text, sums);
    if (*text == '@')
        return read_verbose(text, sums);
    if (read_postgres(text, sums))
        return true;
    *sums = (struct sums){.next = YEAR};
    return read_sql(text, sums);
}

/* As PostgreSQL 17 has it. */
static bool read_infinity(const char *text, struct evpg_interval *value)
{
    if (strcmp(text, "infinity") == 0)
        *value = (struct evpg_interval){INT64_MAX, INT32_MAX, INT32_MAX};
    else if (strcmp(text, "-infinity") == 0)
        *value = (struct evpg_interval){INT64_MIN, INT32_MIN, INT32_MIN};
    else
        return false;
    return true;
}

static bool fits(int64_t number)
{
    return number >= INT32_MIN && number <= INT32_MAX;
}

const char *value_read_interval(const char *text, struct evpg_interval *value)
{
    struct sums sums = {.next = YEAR};

    if (read_infinity(text, value))
        return NULL;
    if (!read_any(text, &sums))
        return "not an interval";
    if (sums.too_large || !fits(sums.months) || !fits(sums.days))
        return "out of range";
    *value = (struct evpg_interval){.microseconds = sums.microseconds,
                                    .days = (int32_t)sums.days,
                                    .months = (int32_t)sums.months};
    return NULL;
}
