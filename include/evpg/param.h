/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * @file evpg/param.h
 * Parameters of a statement. Those of dates and times are in evpg/time.h, those made of others in
 * evpg/array.h.
 *
 * A maker copies numbers and only points at text and bytes, which must live until the call that
 * takes the parameter has returned. It never fails: what cannot be sent is refused by that call,
 * with errno EINVAL, and the log hook is told which parameter it was and why. What the server
 * cannot take for its type fails the request, with the server's SQLSTATE.
 *
 * Numbers, truth values, bytes, uuids, dates and times go to the server in binary format, and no
 * setting of the session's matters to them. What is given as text goes as text, which the server
 * reads as it reads a quoted literal, by its own settings. Where a type is named here, the server
 * is told of it; it converts the value where SQL does, say to a column of another type.
 */
#ifndef EVPG_PARAM_H
#define EVPG_PARAM_H

#include <evpg/common.h>

#ifdef __cplusplus
extern "C" {
#endif

/** One parameter. Made by the functions below; its members are for the library alone. */
struct evpg_param {
    uint32_t oid;    /**< the type as the server numbers it, or 0: it infers one */
    uint8_t kind;    /**< which maker made it */
    uint8_t format;  /**< 0 text, 1 binary */
    uint16_t unused; /**< 0 */
    uint64_t length; /**< of the value, in bytes */
    union {
        unsigned char inline_bytes[16]; /**< short values */
        const void *pointer;            /**< long ones */
    } value;                            /**< the value, as the server takes it */
};

/** A PostgreSQL integer (int4). */
EVPG_EXPORT struct evpg_param evpg_int32(int32_t value);

/** A PostgreSQL bigint (int8). */
EVPG_EXPORT struct evpg_param evpg_int64(int64_t value);

/** A PostgreSQL double precision (float8); NaN and the infinities are values like others. */
EVPG_EXPORT struct evpg_param evpg_double(double value);

/** A PostgreSQL smallint (int2). */
EVPG_EXPORT struct evpg_param evpg_int16(int16_t value);

/** A PostgreSQL real (float4). */
EVPG_EXPORT struct evpg_param evpg_float(float value);

/** A PostgreSQL oid. */
EVPG_EXPORT struct evpg_param evpg_oid(uint32_t value);

/** A PostgreSQL boolean. */
EVPG_EXPORT struct evpg_param evpg_bool(bool value);

/**
 * Text of no particular type: the server takes it as it takes a quoted literal, so this also
 * serves for dates, numerics, enums and all else that can be written as text. Where the statement
 * does not tell of which type it is to be, it is of type text, or an error (SQLSTATE 42P18).
 *
 * @param text ended by a NUL byte, in the connection's client_encoding; NULL is SQL's NULL, of no
 *     particular type
 */
EVPG_EXPORT struct evpg_param evpg_text(const char *text);

/**
 * The same, with a length instead of the NUL byte at its end.
 *
 * @param text NULL is SQL's NULL, whatever the length
 * @param length in bytes; a NUL byte within is refused by the call that takes the parameter
 */
EVPG_EXPORT struct evpg_param evpg_textn(const char *text, size_t length);

/**
 * Bytes for a PostgreSQL bytea.
 *
 * @param data NULL is SQL's NULL, of no particular type, whatever the length
 * @param length in bytes; 0, with data that is not NULL, is an empty bytea
 */
EVPG_EXPORT struct evpg_param evpg_bytes(const void *data, size_t length);

/**
 * A PostgreSQL uuid.
 *
 * @param bytes 16 of them, in the order in which they are written; they are copied. NULL is a NULL
 *     of that type
 */
EVPG_EXPORT struct evpg_param evpg_uuid(const unsigned char bytes[16]);

/**
 * A PostgreSQL numeric of any size, exactly.
 *
 * @param decimal "-1234.50", "1e-30", "NaN", "Infinity" or "-Infinity", ended by a NUL byte; what
 *     is no number is refused by the call that takes the parameter. NULL is a NULL of that type
 */
EVPG_EXPORT struct evpg_param evpg_numeric(const char *decimal);

/**
 * Text with a type, which the server then need not infer: of enums, money, macaddr, dates, types of
 * extensions, and all else. With evpg_text() in its place, `select $1` would be of type text.
 *
 * @param oid as the server numbers the type (PostgreSQL manual, "pg_type"); 0: as evpg_text()
 * @param text as the server reads it, by its settings, ended by a NUL byte; NULL is a NULL of that
 * type
 */
EVPG_EXPORT struct evpg_param evpg_typed(uint32_t oid, const char *text);

/** As evpg_typed(), for a PostgreSQL name, of which the server keeps the first 63 bytes. */
EVPG_EXPORT struct evpg_param evpg_name(const char *name);

/** As evpg_typed(), for a PostgreSQL json. */
EVPG_EXPORT struct evpg_param evpg_json(const char *json);

/** As evpg_typed(), for a PostgreSQL jsonb. */
EVPG_EXPORT struct evpg_param evpg_jsonb(const char *json);

/** As evpg_typed(), for a PostgreSQL inet: an address, with the length of its netmask or not. */
EVPG_EXPORT struct evpg_param evpg_inet(const char *address);

/** As evpg_typed(), for a PostgreSQL cidr: a network, without bits outside its mask. */
EVPG_EXPORT struct evpg_param evpg_cidr(const char *network);

/**
 * Bits, for a PostgreSQL bit or varbit.
 *
 * @param zeros_and_ones "0101", ended by a NUL byte; anything else in it is refused by the call
 *     that takes the parameter. NULL is a NULL of type varbit
 */
EVPG_EXPORT struct evpg_param evpg_bit(const char *zeros_and_ones);

/** SQL's NULL, of no particular type; one of a type is evpg_typed() with NULL. */
EVPG_EXPORT struct evpg_param evpg_null(void);

#ifdef __cplusplus
}

/** Helpers of EVPG_PARAMS(). */
namespace evpg_detail
{
/** Parameters side by side. */
template <size_t N> struct params {
    evpg_param at[N]; /**< in order */
};
/** Puts them there. */
template <class... P> params<sizeof...(P)> list(const P &...p)
{
    return {{p...}};
}
/** Declared only: its type tells how many there are. */
template <class... P> char (&count(const P &...))[sizeof...(P)];
} // namespace evpg_detail

/** The arguments params and n_params: EVPG_PARAMS(evpg_int64(42), evpg_text("Ana")). */
#define EVPG_PARAMS(...)                                                                           \
    ::evpg_detail::list(__VA_ARGS__).at, sizeof(::evpg_detail::count(__VA_ARGS__))

/** The arguments params and n_params where there are no parameters. */
#define EVPG_NO_PARAMS nullptr, 0
#else

/** The arguments params and n_params: EVPG_PARAMS(evpg_int64(42), evpg_text("Ana")). */
#define EVPG_PARAMS(...)                                                                           \
    (const struct evpg_param[]){__VA_ARGS__},                                                      \
        sizeof((const struct evpg_param[]){__VA_ARGS__}) / sizeof(struct evpg_param)

/** The arguments params and n_params where there are no parameters. */
#define EVPG_NO_PARAMS NULL, 0
#endif

#endif
