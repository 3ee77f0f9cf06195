/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kinds: the types of values that have a maker and a getter, as db_roundtrip needs them: by chance
 * a value, as a parameter and as SQL writes it, and whether a getter has the same.
 *
 * kinds_scalar.c, kinds_text.c and kinds_time.c have those that are one value, kinds_parts.c what
 * is made of others, kinds.c the list.
 */
#ifndef KINDS_H
#define KINDS_H

#include <evpg.h>

struct kind;

/* One value of a kind, and what has become of it. */
struct value {
    bool null; /* then only param is set */
    struct evpg_param param;
    char *literal;   /* as it is written between quotes */
    char *text;      /* what text the getter shall give, where it gives text; NULL: any */
    int64_t integer; /* numbers, times; and what orders the bounds of a range */
    double number;   /* in floating point */
    size_t length;   /* of bytes */
    unsigned char *bytes;
    struct evpg_inet_address address;
    struct evpg_timetz timetz;
    struct evpg_interval interval;
    struct value *parts; /* elements, bounds, fields */
    int n_parts;
    struct evpg_param *params; /* those of the parts */
    int32_t lengths[EVPG_ARRAY_MAX_DIMENSIONS], lower_bounds[EVPG_ARRAY_MAX_DIMENSIONS];
    struct evpg_array_value array;
    struct evpg_range_value range;
    struct evpg_composite_value composite;
    char *shown, *cast; /* for db_roundtrip: by the server, as it is and cast to text */
};

struct kind {
    const char *type; /* in SQL */
    uint32_t oid;     /* 0: not one of the server's own */
    void (*make)(struct value *value, const struct kind *kind);
    bool (*same)(const struct evpg_row *row, int column, const struct value *value,
                 const struct kind *kind);
    const struct kind *const *parts; /* elements' or bounds' kind, fields' kinds; ends with NULL */
};

/* All of them; trip is a composite that kinds_sql makes. */
extern const char kinds_sql[];
extern const struct kind *const kinds[];
extern const size_t n_kinds;

/* A value by chance; now and then it is NULL. */
void value_make(struct value *value, const struct kind *kind);

/* Frees what it has, not itself. */
void value_free(struct value *value);

/* Whether that is what the getters have; for parts, too. */
bool value_is(const struct evpg_row *row, int column, const struct value *value,
              const struct kind *kind);

/* As by printf(), to be freed. */
char *format(const char *how, ...) __attribute__((format(printf, 1, 2)));

/* Of arrays, ranges and composites. */
void make_array(struct value *value, const struct kind *kind);
void make_range(struct value *value, const struct kind *kind);
void make_composite(struct value *value, const struct kind *kind);
bool same_array(const struct evpg_row *row, int column, const struct value *value,
                const struct kind *kind);
bool same_range(const struct evpg_row *row, int column, const struct value *value,
                const struct kind *kind);
bool same_composite(const struct evpg_row *row, int column, const struct value *value,
                    const struct kind *kind);

extern const struct kind kind_int2, kind_int4, kind_int8, kind_oid, kind_xid, kind_xid8, kind_lsn,
    kind_float4, kind_float8, kind_bool, kind_numeric, kind_amount, kind_notation, kind_bound,
    kind_uuid, kind_inet, kind_cidr;
extern const struct kind kind_text, kind_name, kind_bytea, kind_json, kind_jsonb, kind_bit,
    kind_varbit;
extern const struct kind kind_date, kind_time, kind_timetz, kind_timestamp, kind_timestamptz,
    kind_timespec, kind_interval;

#endif
