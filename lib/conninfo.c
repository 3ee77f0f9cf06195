/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * conninfo: reads a connection string as libpq does, and starts a connection to one address.
 *
 * Called by connect.c. Invariants: what is set where, and by what default, is libpq's own doing:
 * its PQconnectStartParams is called with a target_session_attrs that cannot be, and so fails after
 * having merged and checked string, service file, environment and defaults, but before it connects;
 * PQconninfo then tells the outcome. Passwords stay in here: libpq's complaints about a string that
 * it cannot read may quote one, and are not passed on.
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
    const char **keywords; /* of the string, with room for what we set, ended by NULL */
    const char **values;
    char *target; /* target_session_attrs, which merged cannot tell */
    int timeout_ms;
};

enum { SET = 5 }; /* target_session_attrs, host, hostaddr, port, gssencmode */

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

/* Whether what libpq quotes first is a keyword, and nothing that a password could be a part of but
 * for blanks; then it is copied. */
static bool find_keyword(const char *why, char *keyword, size_t size)
{
    const char *quoted = strchr(why, '"');
    size_t length = quoted ? strspn(quoted + 1, "abcdefghijklmnopqrstuvwxyz_") : 0;

    if (length == 0 || length >= size || quoted[1 + length] != '"')
        return false;
    memcpy(keyword, quoted + 1, length);
    keyword[length] = '\0';
    return true;
}

static bool is_uri(const char *text)
{
    return strncmp(text, "postgres://", 11) == 0 || strncmp(text, "postgresql://", 13) == 0;
}

/* Said alone: among other words it may be the string's. */
static bool is_want_of_memory(const char *why)
{
    return strncmp(why, "out of memory", 13) == 0;
}

/* libpq's words are used only where it has an option of no known name. */
static void complain(const char *text, const char *why, struct evpg_error *error)
{
    char keyword[64], *after = NULL;

    if (is_want_of_memory(why)) {
        out_of_memory(error);
        return;
    }
    if (find_keyword(why, keyword, sizeof(keyword)))
        after = strstr(text, keyword);
    if (after && after[strlen(keyword) + strspn(after + strlen(keyword), " \t\n")] == '=')
        err_set(error, EVPG_E_CONNECT, EVPG_FATE_NOT_SENT, "invalid connection option \"%s\"",
                keyword);
    else
        err_set(error, EVPG_E_CONNECT, EVPG_FATE_NOT_SENT,
                is_uri(text) ? "the connection string is not a valid URI"
                             : "the connection string is not a list of keyword=value");
}

static bool parse(struct conninfo *info, const char *text, struct evpg_error *error)
{
    char *why = NULL;

    text = text ? text : "";
    info->given = PQconninfoParse(text, &why);
    if (!info->given && why)
        complain(text, why, error);
    else if (!info->given)
        out_of_memory(error);
    PQfreemem(why);
    return info->given;
}

/* Whether an item of a list of hosts has this in it, not at its start, where it may be. */
static bool has_inside(const char *list, char what)
{
    for (const char *at = list; at && *at; at++)
        if (*at == what && at > list && at[-1] != ',')
            return true;
    return false;
}

/* A password with a "/" or "@" in it that was not encoded leaves its rest where host, port or
 * database belong; libpq takes that, and it would come to be told, and asked for. */
static bool is_torn(const struct conninfo *info)
{
    const char *port = option(info->given, "port"), *dbname = option(info->given, "dbname");

    if (port && port[strspn(port, "0123456789,")])
        return true;
    if (has_inside(option(info->given, "host"), '@'))
        return true;
    return !option(info->given, "user") && dbname && strchr(dbname, '@');
}

static bool check_uri(const struct conninfo *info, const char *text, struct evpg_error *error)
{
    if (!text || !is_uri(text) || !is_torn(info))
        return true;
    err_set(error, EVPG_E_CONNECT, EVPG_FATE_NOT_SENT,
            "the connection string is not a valid URI (in a password, write / as %%2F, @ as %%40)");
    return false;
}

static bool make_arrays(struct conninfo *info, struct evpg_error *error)
{
    size_t room = SET + 1, n = 0;

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
        info->keywords[n] = o->keyword;
        info->values[n++] = o->val;
    }
    return true;
}

/* Overrides what the string says; libpq ignores values that are empty. */
static void set(struct conninfo *info, const char *keyword, const char *value)
{
    size_t i = 0;

    while (info->keywords[i] && strcmp(info->keywords[i], keyword) != 0)
        i++;
    info->keywords[i] = keyword;
    info->values[i] = value ? value : "";
}

/* What libpq finds wrong with the settings is said here, before the first address is tried. */
static bool merge(struct conninfo *info, struct evpg_error *error)
{
    const char *asked = option(info->given, "target_session_attrs");
    PGconn *pg;

    set(info, "target_session_attrs", IMPOSSIBLE);
    pg = PQconnectStartParams(info->keywords, info->values, 0);
    set(info, "target_session_attrs", asked);
    if (!pg) {
        out_of_memory(error);
        return false;
    }
    if (strstr(PQerrorMessage(pg), IMPOSSIBLE)) {
        info->merged = PQconninfo(pg);
        if (!info->merged)
            out_of_memory(error);
    } else {
        err_set(error, is_want_of_memory(PQerrorMessage(pg)) ? EVPG_E_MEMORY : EVPG_E_CONNECT,
                EVPG_FATE_NOT_SENT, "%s", "");
        pq_append_login_message(error, PQerrorMessage(pg));
    }
    PQfinish(pg);
    return info->merged;
}

/* The one setting that the trick hides, by the same trick with another. */
static bool find_target(struct conninfo *info, struct evpg_error *error)
{
    const char *asked = option(info->given, "gssencmode");
    PQconninfoOption *merged;
    PGconn *pg;

    set(info, "gssencmode", IMPOSSIBLE);
    pg = PQconnectStartParams(info->keywords, info->values, 0);
    set(info, "gssencmode", asked);
    merged = pg ? PQconninfo(pg) : NULL;
    PQfinish(pg);
    if (merged && option(merged, "target_session_attrs"))
        info->target = mem_strdup(option(merged, "target_session_attrs"));
    if (!merged || (option(merged, "target_session_attrs") && !info->target))
        out_of_memory(error);
    PQconninfoFree(merged);
    return !error->code || error->code != EVPG_E_MEMORY;
}

static bool find_addresses(struct conninfo *info, struct evpg_error *error)
{
    const PQconninfoOption *merged = info->merged;
    const char *why;

    info->addresses = address_list_new(option(merged, "host"), option(merged, "hostaddr"),
                                       option(merged, "port"), &why);
    if (info->addresses && conninfo_balances_load(info))
        address_list_shuffle(info->addresses);
    if (!info->addresses && why)
        err_set(error, EVPG_E_CONNECT, EVPG_FATE_NOT_SENT, "%s", why);
    else if (!info->addresses)
        out_of_memory(error);
    return info->addresses;
}

/* libpq reads this one only where it waits itself: 0 and less is no limit, and 1 second counts
 * as 2. */
static bool read_timeout(struct conninfo *info, struct evpg_error *error)
{
    const char *text = option(info->merged, "connect_timeout");
    char *end = NULL;
    long seconds = text ? strtol(text, &end, 10) : 0;

    if (text && *text && (end == text || end[strspn(end, " ")])) {
        err_set(error, EVPG_E_CONNECT, EVPG_FATE_NOT_SENT,
                "invalid integer value \"%s\" for connection option \"connect_timeout\"", text);
        return false;
    }
    if (seconds == 1)
        seconds = 2;
    if (seconds > 0)
        info->timeout_ms = seconds > INT_MAX / 1000 ? INT_MAX : (int)seconds * 1000;
    else
        info->timeout_ms = text && *text ? -1 : 0;
    return true;
}

struct conninfo *conninfo_new(const char *text, struct evpg_error *error)
{
    struct conninfo *info = mem_alloc(sizeof(*info));

    if (!info) {
        out_of_memory(error);
        return NULL;
    }
    if (parse(info, text, error) && check_uri(info, text, error) && make_arrays(info, error) &&
        merge(info, error) && find_target(info, error) && read_timeout(info, error) &&
        find_addresses(info, error))
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
    mem_free(info->target);
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

const char *conninfo_target(const struct conninfo *info)
{
    return info->target;
}

bool conninfo_prefers_standby(const struct conninfo *info)
{
    return info->target && strcmp(info->target, "prefer-standby") == 0;
}

/* Older versions of libpq do not know it, and refuse it. */
bool conninfo_balances_load(const struct conninfo *info)
{
    const char *how = option(info->merged, "load_balance_hosts");

    return how && strcmp(how, "random") == 0;
}

bool conninfo_requires_tls(const struct conninfo *info)
{
    const char *mode = option(info->merged, "sslmode");

    return mode && (strcmp(mode, "require") == 0 || strncmp(mode, "verify", 6) == 0);
}

/* By its own default libpq asks for a Kerberos ticket for each connection, waiting for the network;
 * so the default is another here. What was set is kept: in the string, in the environment, or else
 * where it can be told from libpq's default. */
static const char *gssencmode(const struct conninfo *info)
{
    const char *given = option(info->given, "gssencmode");
    const char *environment = getenv("PGGSSENCMODE");
    const char *merged = option(info->merged, "gssencmode");

    if ((given && *given) || (environment && *environment))
        return merged;
    return merged && strcmp(merged, "prefer") != 0 ? merged : "disable";
}

/* libpq would look for a standby among this one address, and then take it for what it is. */
static const char *target(const struct conninfo *info, bool any_server)
{
    if (!conninfo_prefers_standby(info))
        return info->target;
    return any_server ? "any" : "standby";
}

PGconn *conninfo_start(struct conninfo *info, const struct address *address, bool any_server)
{
    set(info, "host", address->host);
    set(info, "hostaddr", address->hostaddr);
    set(info, "port", address->port);
    set(info, "gssencmode", gssencmode(info));
    set(info, "target_session_attrs", target(info, any_server));
    return PQconnectStartParams(info->keywords, info->values, 0);
}
