/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * req: what all requests have in common: how far one has come, and what that makes of its fate.
 *
 * Called by the session engine. Invariants: a request is on exactly one list until it is done, then
 * on none; what was never sent is NOT_SENT, what was sent and not answered is UNKNOWN.
 */
#include "req.h"

#include "db.h"
#include "mem.h"

#include <evpg/request.h>

#include <string.h>

enum evpg_phase req_phase(const struct evpg_request *request, bool connecting)
{
    switch (request->state) {
    case REQ_SENT:
        return EVPG_PHASE_SENT;
    case REQ_ACTIVE:
        return EVPG_PHASE_RUNNING;
    case REQ_SETTLING:
    case REQ_DONE:
        return EVPG_PHASE_SETTLING;
    case REQ_QUEUED:
        break;
    }
    return connecting ? EVPG_PHASE_CONNECTING : EVPG_PHASE_QUEUED;
}

void req_cut(const struct evpg_request *request, const struct evpg_error *why, bool connecting,
             struct evpg_error *cut)
{
    *cut = *why;
    cut->fate = request->in_block ? EVPG_FATE_NOT_EXECUTED : EVPG_FATE_UNKNOWN;
    if (request->state == REQ_QUEUED)
        cut->fate = EVPG_FATE_NOT_SENT;
    cut->phase = req_phase(request, connecting);
}

void req_clear_handle(struct evpg_request *request)
{
    if (request->slot && *request->slot == request)
        *request->slot = NULL;
    request->slot = NULL;
}

/* BEGIN: for there was no block, or now is another. */
void req_note_tag(struct evpg_request *request, const char *tag)
{
    if (strcmp(tag, "BEGIN") == 0 || strcmp(tag, "START TRANSACTION") == 0)
        request->ended_block = true;
    else if (strcmp(tag, "SAVEPOINT") == 0)
        request->made_save = true;
    else if (strcmp(tag, "ROLLBACK") == 0)
        request->went_back = request->went_back || !request->made_save;
}

void evpg_request_set_handle(struct evpg_request *request, struct evpg_request **slot)
{
    if (!request || request->state == REQ_DONE || request->abandoned)
        return;
    req_clear_handle(request);
    request->slot = slot;
    if (slot)
        *slot = request;
}

void req_describe(const struct evpg_request *request, const char *sql, struct evpg_error *error)
{
    error->query = sql;
    if (request->name)
        err_prefix(error, request->name);
}

void req_release(struct evpg_request *request)
{
    mem_free(request->name);
    request->ops->release(request);
}

void evpg_request_set_name(struct evpg_request *request, const char *name)
{
    char *copy = mem_strdup(name);

    if (!request || request->state == REQ_DONE || (name && !copy)) {
        mem_free(copy);
        return;
    }
    mem_free(request->name);
    request->name = copy;
}

const char *evpg_request_name(const struct evpg_request *request)
{
    return request ? request->name : NULL;
}

static const unsigned known_flags = EVPG_BINARY | EVPG_EXCLUSIVE | EVPG_UNPREPARED |
                                    EVPG_READ_ONLY | EVPG_MAY_PAUSE | EVPG_STANDBY_OK;

void evpg_request_set_flags(struct evpg_request *request, unsigned flags)
{
    if (!request)
        return;
    if (request->state != REQ_QUEUED)
        db_warn(request->db, "flags of a request that has been sent");
    else if (flags & ~known_flags)
        db_warn(request->db, "flags that this version does not know: 0x%x", flags & ~known_flags);
    else if (flags & EVPG_BINARY && request->off_pipeline)
        db_warn(request->db, "a script's values come in text format only");
    else
        request->flags = flags;
}
