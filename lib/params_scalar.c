/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * params_scalar: makes parameters of more types than params.c does.
 *
 * Called by the application. Invariants are those of params.c. Numbers and uuids travel in binary;
 * what the server's binary format is laborious for, or differs between its versions, is text with
 * the type's OID, which the server reads with the type's own input function.
 */
#include "params.h"
#include "type.h"

#include <string.h>

struct evpg_param evpg_int16(int16_t value)
{
    return params_number(TYPE_INT2, (uint16_t)value, 2);
}

struct evpg_param evpg_float(float value)
{
    uint32_t bits;

    memcpy(&bits, &value, sizeof(bits));
    return params_number(TYPE_FLOAT4, bits, 4);
}

struct evpg_param evpg_oid(uint32_t value)
{
    return params_number(TYPE_OID, value, 4);
}

struct evpg_param evpg_name(const char *name)
{
    return params_text(TYPE_NAME, PARAMS_TEXT, name);
}

struct evpg_param evpg_numeric(const char *decimal)
{
    return params_text(TYPE_NUMERIC, PARAMS_NUMERIC, decimal);
}

struct evpg_param evpg_uuid(const unsigned char bytes[16])
{
    struct evpg_param param = params_text(TYPE_UUID, PARAMS_NULL, NULL);

    if (!bytes)
        return param;
    param.kind = PARAMS_INLINE;
    param.format = 1;
    param.length = 16;
    memcpy(param.value.inline_bytes, bytes, 16);
    return param;
}

struct evpg_param evpg_json(const char *json)
{
    return params_text(TYPE_JSON, PARAMS_TEXT, json);
}

struct evpg_param evpg_jsonb(const char *json)
{
    return params_text(TYPE_JSONB, PARAMS_TEXT, json);
}

struct evpg_param evpg_inet(const char *address)
{
    return params_text(TYPE_INET, PARAMS_TEXT, address);
}

struct evpg_param evpg_cidr(const char *network)
{
    return params_text(TYPE_CIDR, PARAMS_TEXT, network);
}

/* A varbit, since it has a length of its own: a bit is one bit wherever none is said. The server
 * turns it into a bit(n) by itself. */
struct evpg_param evpg_bit(const char *zeros_and_ones)
{
    return params_text(TYPE_VARBIT, PARAMS_BITS, zeros_and_ones);
}

struct evpg_param evpg_typed(uint32_t oid, const char *text)
{
    return params_text(oid, PARAMS_TEXT, text);
}
