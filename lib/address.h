/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef ADDRESS_H
#define ADDRESS_H

#include <stdbool.h>
#include <stddef.h>

/* One place to connect to. */
struct address {
    const char *host; /* as it was asked for; NULL: libpq's default, or only hostaddr is known */
    const char *hostaddr; /* numeric; NULL for a unix-domain socket */
    const char *port;
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

#endif
