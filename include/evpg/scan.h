/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * @file evpg/scan.h
 * Reading a whole row at once, into variables and members of structs:
 *
 *     evpg_row_scan(row, EVPG_INTO(evpg_to_int64(&id), evpg_to_text_or_null(&note),
 *                                  evpg_if_any(&has_end, evpg_to_timestamptz(&end))))
 *
 * Each place reads what the getter that it names reads, in the same units. NULL is an error, but
 * for evpg_to_text_or_null() and within evpg_if_any(). Text and bytes that are handed out are
 * borrowed as the row is: what is to be kept must be copied. A column of another type than these is
 * passed over by evpg_to_nothing(), and its getter called.
 */
#ifndef EVPG_SCAN_H
#define EVPG_SCAN_H

#include <evpg/common.h>
#include <evpg/time.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Where a column goes. Made by the functions below; its members are for the library alone. */
struct evpg_into {
    uint32_t kind;   /**< which maker made it */
    uint32_t unused; /**< 0 */
    void *to;        /**< the variable */
    void *more;      /**< a second one, or NULL */
    bool *any;       /**< of evpg_if_any(), or NULL */
};

/** As evpg_row_int16(). */
EVPG_EXPORT struct evpg_into evpg_to_int16(int16_t *value);
/** As evpg_row_int32(). */
EVPG_EXPORT struct evpg_into evpg_to_int32(int32_t *value);
/** As evpg_row_int64(). */
EVPG_EXPORT struct evpg_into evpg_to_int64(int64_t *value);
/** As evpg_row_uint32(). */
EVPG_EXPORT struct evpg_into evpg_to_uint32(uint32_t *value);
/** As evpg_row_float(). */
EVPG_EXPORT struct evpg_into evpg_to_float(float *value);
/** As evpg_row_double(). */
EVPG_EXPORT struct evpg_into evpg_to_double(double *value);
/** As evpg_row_bool(). */
EVPG_EXPORT struct evpg_into evpg_to_bool(bool *value);
/** As evpg_row_text(), borrowed as the row is. */
EVPG_EXPORT struct evpg_into evpg_to_text(const char **value);
/** The same, where NULL is NULL. */
EVPG_EXPORT struct evpg_into evpg_to_text_or_null(const char **value);
/** As evpg_row_bytes(), borrowed as the row is. */
EVPG_EXPORT struct evpg_into evpg_to_bytes(const void **value, size_t *length);
/** As evpg_row_numeric(), borrowed as the row is. */
EVPG_EXPORT struct evpg_into evpg_to_numeric(const char **value);
/** As evpg_row_json(), borrowed as the row is. */
EVPG_EXPORT struct evpg_into evpg_to_json(const char **value);
/** As evpg_row_uuid(), into 16 bytes. */
EVPG_EXPORT struct evpg_into evpg_to_uuid(unsigned char *bytes);
/** As evpg_row_date(): days since 2000-01-01. */
EVPG_EXPORT struct evpg_into evpg_to_date(int32_t *days);
/** As evpg_row_time(): microseconds since midnight. */
EVPG_EXPORT struct evpg_into evpg_to_time(int64_t *microseconds);
/** As evpg_row_timestamp(): microseconds since 2000-01-01 00:00:00. */
EVPG_EXPORT struct evpg_into evpg_to_timestamp(int64_t *microseconds);
/** As evpg_row_timestamptz(): microseconds since 2000-01-01 00:00:00 UTC. */
EVPG_EXPORT struct evpg_into evpg_to_timestamptz(int64_t *microseconds);
/** As evpg_row_interval(). */
EVPG_EXPORT struct evpg_into evpg_to_interval(struct evpg_interval *value);
/** Nowhere: the column is passed over. */
EVPG_EXPORT struct evpg_into evpg_to_nothing(void);

/**
 * Only if the column is not NULL, which is no error then.
 *
 * @param any set to whether there is a value; where there is none, what `into` points at is not set
 * @param into made by one of the functions above
 */
EVPG_EXPORT struct evpg_into evpg_if_any(bool *any, struct evpg_into into);

/**
 * Reads the columns of a row in order, each into the place for it, which EVPG_INTO() lists.
 *
 * @param into where they go; an array and its length are as good as EVPG_INTO()
 * @param n_into how many: as many as there are columns
 * @return 0; or -1 and evpg_row_error(), for the first that cannot be read: what comes before it is
 *     set, it and the rest are not. Nothing is set where the number of columns is another one.
 */
EVPG_EXPORT int evpg_row_scan(const struct evpg_row *row, const struct evpg_into *into,
                              size_t n_into);

#ifdef __cplusplus
}

/** Helpers of EVPG_INTO(). */
namespace evpg_detail
{
/** Places side by side. */
template <size_t N> struct places {
    evpg_into at[N]; /**< in order */
};
/** Puts them there. */
template <class... P> places<sizeof...(P)> into(const P &...p)
{
    return {{p...}};
}
/** Declared only: its type tells how many there are. */
template <class... P> char (&count_places(const P &...))[sizeof...(P)];
} // namespace evpg_detail

/** The arguments into and n_into of evpg_row_scan(). */
#define EVPG_INTO(...)                                                                             \
    ::evpg_detail::into(__VA_ARGS__).at, sizeof(::evpg_detail::count_places(__VA_ARGS__))
#else

/** The arguments into and n_into of evpg_row_scan(). */
#define EVPG_INTO(...)                                                                             \
    (const struct evpg_into[]){__VA_ARGS__},                                                       \
        sizeof((const struct evpg_into[]){__VA_ARGS__}) / sizeof(struct evpg_into)
#endif

#endif
