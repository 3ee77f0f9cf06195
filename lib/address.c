/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * address: from libpq's lists of hosts, numeric addresses and ports to places to connect to.
 *
 * Called by connect.c; pure. Invariants: libpq is only ever given a numeric address or a socket's
 * folder, since it would look names up while the loop waits; the host as it was asked for goes
 * with it, for TLS and .pgpass.
 */
#include "address.h"

#include "mem.h"

#include <arpa/inet.h>
#include <event2/util.h>
#include <string.h>
#include <strings.h>

#define DEFAULT_PORT "5432"

static const char *const loopback[] = {"127.0.0.1", "::1"};
enum { LOOPBACKS = 2 };

static bool is_numeric(const char *host)
{
    unsigned char binary[sizeof(struct in6_addr)];
    char copy[INET6_ADDRSTRLEN];
    size_t length = strcspn(host, "%");

    if (inet_pton(AF_INET, host, binary) == 1)
        return true;
    if (length >= sizeof(copy))
        return false;
    memcpy(copy, host, length);
    copy[length] = '\0';
    return inet_pton(AF_INET6, copy, binary) == 1;
}

static bool is_socket_folder(const char *host)
{
    return *host == '/' || *host == '@';
}

static size_t count_items(const char *list)
{
    size_t count = 1;

    if (!list || !*list)
        return 0;
    for (; *list; list++)
        count += *list == ',';
    return count;
}

/* Cuts the first item off a list, which moves on to the next. NULL: empty, or there is none. */
static const char *take_item(char **list)
{
    char *item = *list;
    char *comma = item ? strchr(item, ',') : NULL;

    *list = comma ? comma + 1 : NULL;
    if (comma)
        *comma = '\0';
    return item && *item ? item : NULL;
}

static void add(struct address_list *list, const char *host, const char *hostaddr, const char *port)
{
    list->at[list->count++] = (struct address){.host = host, .hostaddr = hostaddr, .port = port};
}

/* An empty item of a list would be libpq's default socket; but libpq cannot be given it in a way
 * that overrides a list from the environment, of which it would look up the names. */
static void add_host(struct address_list *list, const char *host, const char *hostaddr,
                     const char *port, bool alone)
{
    if (hostaddr || (!host && alone) || (host && is_socket_folder(host))) {
        add(list, host, hostaddr, port);
    } else if (!host) {
        add(list, host, NULL, port);
        list->at[list->count - 1].unusable = "an empty item in a list of hosts";
    } else if (is_numeric(host)) {
        add(list, host, host, port);
    } else if (strcasecmp(host, "localhost") == 0) {
        for (int i = 0; i < LOOPBACKS; i++)
            add(list, host, loopback[i], port);
    } else {
        add(list, host, NULL, port);
        list->at[list->count - 1].is_name = true;
    }
}

/* Moves a copy of a text to *end, which moves on. */
static char *move_text(const char *text, char **end)
{
    char *copy = *end;
    size_t size = strlen(text) + 1;

    memcpy(copy, text, size);
    *end += size;
    return copy;
}

static void fill(struct address_list *list, size_t count, char *hosts, char *hostaddrs, char *ports,
                 bool one_port)
{
    const char *port = NULL;

    for (size_t i = 0; i < count; i++) {
        const char *host = take_item(&hosts);
        const char *hostaddr = take_item(&hostaddrs);

        if (i == 0 || !one_port)
            port = take_item(&ports);
        add_host(list, host, hostaddr, port ? port : DEFAULT_PORT, count == 1);
    }
}

struct address_list *address_list_new(const char *hosts, const char *hostaddrs, const char *ports,
                                      const char **why)
{
    size_t n_hosts = count_items(hosts), n_hostaddrs = count_items(hostaddrs);
    size_t n_ports = count_items(ports);
    size_t count = n_hostaddrs ? n_hostaddrs : n_hosts ? n_hosts : 1;
    struct address_list *list;
    char *end;

    *why = NULL;
    if (n_hosts > 0 && n_hosts != count)
        *why = "the numbers of items in host and hostaddr differ";
    else if (n_ports > 1 && n_ports != count)
        *why = "the numbers of items in host and port differ";
    if (*why)
        return NULL;
    hosts = hosts ? hosts : "";
    hostaddrs = hostaddrs ? hostaddrs : "";
    ports = ports ? ports : "";
    list = mem_alloc(sizeof(*list) + count * LOOPBACKS * sizeof(*list->at) + strlen(hosts) +
                     strlen(hostaddrs) + strlen(ports) + 3);
    if (!list)
        return NULL;
    end = (char *)&list->at[count * LOOPBACKS];
    fill(list, count, move_text(hosts, &end), move_text(hostaddrs, &end), move_text(ports, &end),
         n_ports <= 1);
    return list;
}

static bool has(const struct address_list *list, const char *hostaddr)
{
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->at[i].hostaddr, hostaddr) == 0)
            return true;
    return false;
}

struct address_list *address_list_found(const struct address *place, const char *const *found,
                                        size_t n_found, const char **bad)
{
    size_t size = 0;
    struct address_list *list;
    char *end;

    *bad = NULL;
    for (size_t i = 0; i < n_found; i++) {
        if (!is_numeric(found[i])) {
            *bad = found[i];
            return NULL;
        }
        size += sizeof(*list->at) + strlen(found[i]) + 1;
    }
    list = mem_alloc(sizeof(*list) + size);
    if (!list)
        return NULL;
    end = (char *)&list->at[n_found];
    for (size_t i = 0; i < n_found; i++)
        if (!has(list, found[i]))
            add(list, place->host, move_text(found[i], &end), place->port);
    return list;
}

void address_list_shuffle(struct address_list *list)
{
    for (size_t left = list->count; left > 1; left--) {
        struct address last = list->at[left - 1];
        unsigned chance;

        evutil_secure_rng_get_bytes(&chance, sizeof(chance));
        list->at[left - 1] = list->at[chance % left];
        list->at[chance % left] = last;
    }
}
