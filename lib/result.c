/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * result: what a done callback learns.
 *
 * Called by the application. Invariants: everything in it is borrowed from the request, which lives
 * until the callback has returned; views of kept rows are made only when one is asked for, all at
 * once, so that any number of them can be held.
 */
#include "result.h"

#include <string.h>

const struct evpg_error *evpg_result_error(const struct evpg_result *result)
{
    return result->error;
}

const char *evpg_result_tag(const struct evpg_result *result)
{
    return result->tag;
}

uint64_t evpg_result_rows(const struct evpg_result *result)
{
    return result->rows;
}

uint64_t result_count(const char *tag)
{
    uint64_t count = 0, scale = 1;
    size_t end = strlen(tag);

    for (; end > 0 && tag[end - 1] >= '0' && tag[end - 1] <= '9'; end--, scale *= 10)
        count += (uint64_t)(tag[end - 1] - '0') * scale;
    return end > 0 && tag[end - 1] == ' ' ? count : 0;
}

uint64_t evpg_result_affected(const struct evpg_result *result)
{
    return result->affected ? result->affected(result->request) : result_count(result->tag);
}

bool evpg_result_stopped(const struct evpg_result *result)
{
    return result->stopped;
}

int evpg_result_columns(const struct evpg_result *result)
{
    return result->last ? PQnfields(result->last) : 0;
}

static bool has_column(const struct evpg_result *result, int column)
{
    return column >= 0 && column < evpg_result_columns(result);
}

const char *evpg_result_column_name(const struct evpg_result *result, int column)
{
    return has_column(result, column) ? PQfname(result->last, column) : NULL;
}

uint32_t evpg_result_column_type(const struct evpg_result *result, int column)
{
    return has_column(result, column) ? PQftype(result->last, column) : 0;
}

int evpg_result_params(const struct evpg_result *result)
{
    return result->last ? PQnparams(result->last) : 0;
}

uint32_t evpg_result_param_type(const struct evpg_result *result, int param)
{
    return param >= 0 && param < evpg_result_params(result) ? PQparamtype(result->last, param) : 0;
}

static struct evpg_row *make_views(const struct evpg_result *result)
{
    struct evpg_row *views = row_set_alloc(result->set, result->rows * sizeof(*views));

    if (!views)
        return NULL;
    for (uint64_t i = 0; i < result->rows; i++)
        views[i] = row_of(result->set, result->last, (int)i, 0);
    return views;
}

const struct evpg_row *evpg_result_row(const struct evpg_result *result, uint64_t index)
{
    struct evpg_result *self = (struct evpg_result *)result;

    if (!result->kept || index >= result->rows)
        return NULL;
    if (!result->views)
        self->views = make_views(result);
    return result->views ? &result->views[index] : NULL;
}

struct evpg_request *evpg_result_request(const struct evpg_result *result)
{
    return result->request;
}

struct evpg_db *evpg_result_db(const struct evpg_result *result)
{
    return result->db;
}
