/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * resolve: from a host name to its addresses, by evdns or by the application's resolver.
 *
 * Called by connect.c, and by whoever resolves. Invariants: a lookup lives until its resolver has
 * finished it and its connection has dropped it, in whichever order; a connection hears of it from
 * a timer only, though a resolver may answer at once. An evdns_base of our own is made for one
 * lookup, so that an idle connection has none, and what the system's files say is news; it is freed
 * a turn of the loop after its last callback, for evdns may have others pending that look at it.
 */
#include "resolve.h"

#include "connect.h"
#include "mem.h"

#include <event2/dns.h>
#include <event2/util.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>

#define RESOLV_CONF "/etc/resolv.conf"

/* The most addresses of a name that are tried, and how long one may be as text. */
enum { MOST = 64, TEXT_SIZE = 96 };

#ifndef DNS_OPTION_NAMESERVERS_NO_DEFAULT
#define DNS_OPTION_NAMESERVERS_NO_DEFAULT 0
#endif

struct evpg_lookup {
    struct conn *conn;           /* NULL: it is not wanted any more */
    const struct address *place; /* borrowed while it is */
    bool held;                   /* the resolver has not finished it yet */
    bool starting;               /* the resolver is being called, and reads host */
    bool is_over;                /* the outcome is known */
    bool is_taken;               /* a turn of the loop or more after that */
    bool no_memory;
    struct address_list *found;
    char why[160]; /* there is nothing found */
    struct evdns_getaddrinfo_request *request;
    struct evdns_base *dns;  /* our own */
    struct event *end_event; /* frees that, and the lookup */
    char host[];             /* lives as long as the lookup, unlike place */
};

static void destroy(struct evpg_lookup *lookup)
{
    if (lookup->dns)
        evdns_base_free(lookup->dns, 0);
    if (lookup->end_event)
        event_free(lookup->end_event);
    mem_free(lookup->found);
    mem_free(lookup);
}

static void on_end(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    destroy(arg);
}

static void release(struct evpg_lookup *lookup)
{
    const struct timeval now = {0, 0};

    if (lookup->starting)
        return;
    if (!lookup->dns || lookup->is_taken)
        destroy(lookup);
    else if (evtimer_add(lookup->end_event, &now) < 0)
        event_active(lookup->end_event, EV_TIMEOUT, 0); /* which needs no memory */
}

static void set_why(struct evpg_lookup *lookup, const char *before, const char *why)
{
    snprintf(lookup->why, sizeof(lookup->why), "%s%s", before, why);
}

static void fail(struct evpg_lookup *lookup, const char *why)
{
    set_why(lookup, "", why);
    lookup->is_over = true;
    connect_go_on(lookup->conn);
}

static void end(struct evpg_lookup *lookup, const char *const *addresses, size_t count,
                const char *why)
{
    const char *bad = NULL;

    if (count == 0) {
        fail(lookup, why && *why ? why : "it has no address");
        return;
    }
    lookup->found = address_list_found(lookup->place, addresses, count < MOST ? count : MOST, &bad);
    lookup->no_memory = !lookup->found && !bad;
    if (bad)
        set_why(lookup, "its resolver gave what is no numeric address: ", bad);
    lookup->is_over = true;
    connect_go_on(lookup->conn);
}

/* From the resolver's side: it is through with the lookup. */
static void finish(struct evpg_lookup *lookup, const char *const *addresses, size_t count,
                   const char *why)
{
    lookup->held = false;
    if (!lookup->conn)
        release(lookup);
    else if (!lookup->is_over && !conn_is_inherited(lookup->conn))
        end(lookup, addresses, count, why);
}

bool evpg_lookup_is_wanted(const struct evpg_lookup *lookup)
{
    return lookup->conn && !lookup->is_over;
}

void evpg_lookup_finish(struct evpg_lookup *lookup, const char *const *addresses,
                        size_t n_addresses, const char *why)
{
    finish(lookup, addresses, n_addresses, why);
}

/* As texts, with a link-local address's interface. */
static size_t write_addresses(const struct evutil_addrinfo *list, char texts[MOST][TEXT_SIZE],
                              const char *pointers[MOST])
{
    size_t count = 0;

    for (; list && count < MOST; list = list->ai_next) {
        if (getnameinfo(list->ai_addr, (socklen_t)list->ai_addrlen, texts[count], TEXT_SIZE, NULL,
                        0, NI_NUMERICHOST) != 0)
            continue;
        pointers[count] = texts[count];
        count++;
    }
    return count;
}

static void on_found(int result, struct evutil_addrinfo *list, void *arg)
{
    struct evpg_lookup *lookup = arg;
    char texts[MOST][TEXT_SIZE];
    const char *pointers[MOST];
    size_t count = result == 0 ? write_addresses(list, texts, pointers) : 0;

    if (list)
        evutil_freeaddrinfo(list);
    lookup->request = NULL;
    finish(lookup, pointers, count, result == 0 ? NULL : evutil_gai_strerror(result));
}

/* Together with INITIALIZE_NAMESERVERS this flag would keep the loop from ending; without it, the
 * base does only while a question is open. Where the file names no server, evdns would ask on this
 * very host: we say that there is none. */
static bool make_dns(struct evpg_lookup *lookup)
{
    struct event_base *base = lookup->conn->base;

    lookup->end_event = evtimer_new(base, on_end, lookup);
    if (!lookup->end_event)
        return false;
    lookup->dns = evdns_base_new(base, EVDNS_BASE_DISABLE_WHEN_INACTIVE);
    if (!lookup->dns)
        return false;
    evdns_base_resolv_conf_parse(lookup->dns, DNS_OPTIONS_ALL | DNS_OPTION_NAMESERVERS_NO_DEFAULT,
                                 RESOLV_CONF);
    return true;
}

/* evdns calls back for what is canceled, too, soon. */
static void cancel(struct evpg_lookup *lookup)
{
    struct evdns_getaddrinfo_request *request = lookup->request;

    lookup->request = NULL; /* without memory evdns would not survive a second time */
    if (request)
        evdns_getaddrinfo_cancel(request);
}

static void give_up(struct evpg_lookup *lookup, const char *why)
{
    fail(lookup, why);
    cancel(lookup);
}

/* With no name server evdns would never call back, but for a name of the hosts file. */
static void ask(struct evpg_lookup *lookup, struct evdns_base *dns)
{
    const struct evutil_addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct evdns_getaddrinfo_request *request =
        evdns_getaddrinfo(dns, lookup->host, NULL, &hints, on_found, lookup);

    if (lookup->is_over)
        return;
    lookup->held = request;
    lookup->request = request;
    if (!request)
        fail(lookup, "it is no name that can be asked for");
    else if (evdns_base_count_nameservers(dns) == 0)
        give_up(lookup, "there is no name server");
}

static bool ask_evdns(struct evpg_lookup *lookup)
{
    struct evdns_base *dns = lookup->conn->config.dns_base;

    if (!dns && !make_dns(lookup))
        return false;
    ask(lookup, dns ? dns : lookup->dns);
    return true;
}

/* Whatever that leads to, also to the end of the connection and of the lookup. */
static void ask_resolver(struct evpg_lookup *lookup)
{
    const struct evpg_conn_config *config = &lookup->conn->config;

    lookup->held = lookup->starting = true;
    config->resolve(lookup, lookup->host, config->resolve_arg);
    lookup->starting = false;
    if (!lookup->conn && !lookup->held)
        release(lookup);
}

bool resolve_start(struct conn *conn, const struct address *place, struct evpg_lookup **slot)
{
    struct evpg_lookup *lookup = mem_alloc(sizeof(*lookup) + strlen(place->host) + 1);

    if (!lookup)
        return false;
    strcpy(lookup->host, place->host);
    lookup->conn = conn;
    lookup->place = place;
    *slot = lookup;
    if (conn->config.resolve) {
        ask_resolver(lookup);
        return true;
    }
    if (ask_evdns(lookup))
        return true;
    *slot = NULL;
    destroy(lookup);
    return false;
}

void resolve_give_up(struct evpg_lookup *lookup)
{
    give_up(lookup, "");
}

struct address_list *resolve_take(struct evpg_lookup *lookup, const char **why)
{
    struct address_list *found = lookup->found;

    lookup->found = NULL;
    lookup->is_taken = true;
    *why = lookup->no_memory ? NULL : lookup->why;
    return found;
}

/* In a child of the process that asked, nothing may be done to its events. */
void resolve_drop(struct evpg_lookup *lookup)
{
    bool inherited = lookup && conn_is_inherited(lookup->conn);

    if (!lookup)
        return;
    lookup->conn = NULL;
    if (inherited && (lookup->dns || lookup->request))
        return;
    if (!lookup->held)
        release(lookup);
    else
        cancel(lookup);
}
