/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef VALUE_NET_H
#define VALUE_NET_H

#include <evpg/scalar.h>

/* The readers give NULL, or the reason why it cannot be read, and set nothing then. Any bytes will
 * do. */
const char *value_net_uuid(const char *text, size_t length, unsigned char uuid[16]);
const char *value_net_binary_uuid(const void *bytes, size_t length, unsigned char uuid[16]);

/* inet and cidr; is_cidr is false: the text does not tell. */
const char *value_net_inet(const char *text, size_t length, struct evpg_inet_address *address);
const char *value_net_binary_inet(const void *bytes, size_t length,
                                  struct evpg_inet_address *address);

#endif
