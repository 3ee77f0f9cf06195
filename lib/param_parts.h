/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef PARAM_PARTS_H
#define PARAM_PARTS_H

#include "params.h"

#include <evpg/array.h>

/* Whether a parameter is made of others. */
static inline bool param_has_parts(const struct evpg_param *param)
{
    return param->kind >= PARAMS_ARRAY && param->kind <= PARAMS_COMPOSITE;
}

/* Whether such a one can be sent; if not, why, naming it by its number and the part. */
bool param_parts_check(const struct evpg_param *param, size_t number, char *why, size_t why_size);

/* How it travels: only for one that was checked. The size may be more than can be sent. */
int param_parts_format(const struct evpg_param *param);
uint32_t param_parts_type(const struct evpg_param *param);
uint64_t param_parts_size(const struct evpg_param *param);

/* Writes as many bytes as param_parts_size() says. */
void param_parts_write(const struct evpg_param *param, char *to);

/* For those who write. Where they write; when `to` is NULL they only count. */
struct param_sink {
    char *to;
    uint64_t size;
};

/* The type of a part, or 0: it is text or NULL, or the application has not said. */
uint32_t param_part_type(const struct evpg_param *param);

/* The type of an array's elements; 0: nobody knows. */
uint32_t param_element_type(const struct evpg_array_value *array);

/* How many dimensions there are, and the length and lower bound of one. */
int param_dimensions(const struct evpg_array_value *array);
int32_t param_length(const struct evpg_array_value *array, int dimension);
int32_t param_lower_bound(const struct evpg_array_value *array, int dimension);

/* Whether a bound is there. */
bool param_is_bound(const struct evpg_param *bound);

#endif
