/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * conninfo: reads a connection string as libpq does, and starts a connection to one address.
 *
 * Called by connect.c. Invariants: what is set where, and by what default, is libpq's own doing:
 * its PQconnectStartParams is called with a gssencmode that cannot be, and so fails after having
 * merged string, service file, environment and defaults, but before it connects; PQconninfo then
 * tells the outcome. Passwords stay in here.
 */
#include "conninfo.h"

#include "mem.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define IMPOSSIBLE "evpg-reads-the-settings"

struct conninfo {
    PQconninfoOption *given;  /* by the string alone */
    PQconninfoOption *merged; /* with all that libpq adds */
    struct address_list *addresses;
    const char **keywords; /* of the string, with room for what we add, ended by NULL */
    const char **values;
    size_t count; /* of the string's */
    int timeout_ms;
};

enum { ADDED = 4 }; /* host, hostaddr, port, gssencmode */

static const char *option(const PQconninfoOption *options, const char *keyword)
{
    for (; options->keyword; options++)
        if (strcmp(options->keyword, keyword) == 0)
            return options->val;
    return NULL;
}

static void out_of_memory(struct evpg_error *error)
{
    err_set(error, EVPG_E_MEMORY, EVPG_FATE_NOT_SENT, "out of memory");
}

static bool parse(struct conninfo *info, const char *text, struct evpg_error *error)
{
    char *why = NULL;

    info->given = PQconninfoParse(text ? text : "", &why);
    if (!info->given && why)
        err_set(error, EVPG_E_CONNECT, EVPG_FATE_NOT_SENT, "connection string: %s", why);
    else if (!info->given)
        out_of_memory(error);
    PQfreemem(why);
    return info->given;
}

static bool make_arrays(struct conninfo *info, struct evpg_error *error)
{
    size_t room = ADDED + 1;

    for (const PQconninfoOption *o = info->given; o->keyword; o++)
        room++;
    info->keywords = mem_alloc(2 * room * sizeof(*info->keywords));
    if (!info->keywords) {
        out_of_memory(error);
        return false;
    }
    info->values = info->keywords + room;
    for (const PQconninfoOption *o = info->given; o->keyword; o++) {
        if (!o->val)
            continue;
        info->keywords[info->count] = o->keyword;
        info->values[info->count++] = o->val;
    }
    return true;
}

static void set(const struct conninfo *info, size_t *n, const char *keyword, const char *value)
{
    if (!value)
        return;
    info->keywords[info->count + *n] = keyword;
    info->values[info->count + *n] = value;
    ++*n;
}

static PGconn *start(const struct conninfo *info, size_t n)
{
    info->keywords[info->count + n] = NULL;
    info->values[info->count + n] = NULL;
    return PQconnectStartParams(info->keywords, info->values, 0);
}

/* What libpq finds wrong with the settings is said here, before the first address is tried. */
static bool merge(struct conninfo *info, struct evpg_error *error)
{
    size_t n = 0;
    PGconn *pg;

    set(info, &n, "gssencmode", IMPOSSIBLE);
    pg = start(info, n);
    if (!pg) {
        out_of_memory(error);
        return false;
    }
    if (strstr(PQerrorMessage(pg), IMPOSSIBLE)) {
        info->merged = PQconninfo(pg);
        if (!info->merged)
            out_of_memory(error);
    } else {
        err_set(error, EVPG_E_CONNECT, EVPG_FATE_NOT_SENT, "%s", "");
        pq_append_login_message(error, PQerrorMessage(pg));
    }
    PQfinish(pg);
    return info->merged;
}

static bool find_addresses(struct conninfo *info, struct evpg_error *error)
{
    const PQconninfoOption *merged = info->merged;
    const char *why;

    info->addresses = address_list_new(option(merged, "host"), option(merged, "hostaddr"),
                                       option(merged, "port"), &why);
    if (!info->addresses && why)
        err_set(error, EVPG_E_CONNECT, EVPG_FATE_NOT_SENT, "%s", why);
    else if (!info->addresses)
        out_of_memory(error);
    return info->addresses;
}

/* libpq reads this one only where it waits itself: 0 and less is none, and 1 second counts as 2. */
static bool read_timeout(struct conninfo *info, struct evpg_error *error)
{
    const char *text = option(info->merged, "connect_timeout");
    char *end = NULL;
    long seconds = text ? strtol(text, &end, 10) : 0;

    if (text && (end == text || end[strspn(end, " ")])) {
        err_set(error, EVPG_E_CONNECT, EVPG_FATE_NOT_SENT,
                "invalid integer value \"%s\" for connection option \"connect_timeout\"", text);
        return false;
    }
    if (seconds == 1)
        seconds = 2;
    if (seconds > 0)
        info->timeout_ms = seconds > INT_MAX / 1000 ? INT_MAX : (int)seconds * 1000;
    return true;
}

struct conninfo *conninfo_new(const char *text, struct evpg_error *error)
{
    struct conninfo *info = mem_alloc(sizeof(*info));

    if (!info) {
        out_of_memory(error);
        return NULL;
    }
    if (parse(info, text, error) && make_arrays(info, error) && merge(info, error) &&
        read_timeout(info, error) && find_addresses(info, error))
        return info;
    conninfo_free(info);
    return NULL;
}

void conninfo_free(struct conninfo *info)
{
    if (!info)
        return;
    PQconninfoFree(info->given);
    PQconninfoFree(info->merged);
    mem_free(info->addresses);
    mem_free(info->keywords);
    mem_free(info);
}

const struct address_list *conninfo_addresses(const struct conninfo *info)
{
    return info->addresses;
}

int conninfo_timeout_ms(const struct conninfo *info)
{
    return info->timeout_ms;
}

PGconn *conninfo_start(const struct conninfo *info, const struct address *address)
{
    const char *gssencmode = option(info->given, "gssencmode");
    size_t n = 0;

    if (!gssencmode)
        gssencmode = getenv("PGGSSENCMODE");
    set(info, &n, "host", address->host);
    set(info, &n, "hostaddr", address->hostaddr);
    set(info, &n, "port", address->port);
    set(info, &n, "gssencmode", gssencmode && *gssencmode ? gssencmode : "disable");
    return start(info, n);
}
