/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * chaos_probe: see chaos_probe.h.
 *
 * Called by the faults, one probe for each kind of them. The connection is freed in its own
 * callback; a try that fails is repeated soon, for its owner to say how long.
 */
#include "chaos_probe.h"

#include <stdio.h>

enum { AGAIN_MS = 100, CONNECT_MS = 2000, ANSWER_MS = 3000 };

static void try_again_later(struct probe *probe)
{
    struct evpg_db *failed = probe->db;

    probe->db = NULL;
    probe->until_ms = now_ms() + AGAIN_MS;
    evpg_free(failed);
}

static enum evpg_flow on_row(const struct evpg_row *row, void *arg)
{
    struct probe *probe = arg;

    if (strcmp(evpg_row_text_or(row, 0, ""), "healed") == 0)
        probe->answered = true;
    else
        chaos_fail("a fresh connection has got another's answer");
    return EVPG_NEXT;
}

static void on_done(const struct evpg_result *result, void *arg)
{
    struct probe *probe = arg;

    if (!probe->db)
        return;
    if (evpg_result_error(result))
        probe->answered = false;
    else if (!probe->answered)
        chaos_fail("a fresh connection has got no answer");
    try_again_later(probe);
}

static void on_open(struct evpg_db *which, const struct evpg_error *error, void *arg)
{
    struct probe *probe = arg;

    if (!probe->db)
        return;
    if (error ||
        !evpg_query(which, "select $1", EVPG_PARAMS(evpg_text("healed")), on_row, on_done, probe))
        try_again_later(probe);
}

static void try_now(struct probe *probe)
{
    probe->answered = false;
    probe->until_ms = now_ms() + CONNECT_MS + ANSWER_MS;
    probe->db = evpg_conn_new(base, probe->conninfo,
                              &EVPG_CONN_CONFIG(.server_connect_timeout_ms = CONNECT_MS));
    if (!probe->db || !evpg_open(probe->db, on_open, probe))
        chaos_fail("a fresh connection is refused");
}

void probe_begin(struct probe *probe, const char *conninfo)
{
    snprintf(probe->conninfo, sizeof(probe->conninfo), "%s", conninfo);
    probe->start_ms = now_ms();
    try_now(probe);
}

bool probe_tick(struct probe *probe)
{
    if (!probe->db && probe->answered)
        return true;
    if (now_ms() < probe->until_ms)
        return false;
    if (probe->db)
        probe_end(probe);
    else
        try_now(probe);
    return false;
}

void probe_end(struct probe *probe)
{
    probe->answered = false;
    if (probe->db)
        try_again_later(probe);
}
