/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef ADDRESS_H
#define ADDRESS_H

#include <stdbool.h>
#include <stddef.h>

/* One place to connect to. */
struct address {
    const char *host; /* as it was asked for; NULL: libpq's default, or only hostaddr is known */
    const char *hostaddr; /* numeric; NULL for a unix-domain socket, and for a name */
    const char *port;
    bool is_name;         /* the host is to be looked up first */
    const char *unusable; /* why it cannot be tried, or NULL */
};

/* All places, in the order in which to try them; one block, freed by mem_free. */
struct address_list {
    size_t count;
    struct address at[];
};

/* From libpq's three settings, each a list with commas, or NULL or "" (libpq manual, "Specifying
 * Multiple Hosts"). NULL with why set when their lengths do not fit, with *why NULL without
 * memory. */
struct address_list *address_list_new(const char *hosts, const char *hostaddrs, const char *ports,
                                      const char **why);

/* The addresses that a name has been found to have, some of them perhaps several times; as above,
 * but for the place's own texts, which are borrowed. NULL with *bad the text that is no numeric
 * address, or NULL without memory. */
struct address_list *address_list_found(const struct address *place, const char *const *found,
                                        size_t n_found, const char **bad);

/* Puts them in an order of chance (libpq's load_balance_hosts). */
void address_list_shuffle(struct address_list *list);

#endif
