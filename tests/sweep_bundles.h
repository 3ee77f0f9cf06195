/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sweep_bundles: the items of a session with bundles, and what each amounts to; see the .c files.
 */
#ifndef SWEEP_BUNDLES_H
#define SWEEP_BUNDLES_H

#include "sweep.h"

enum kind { QUERY, BATCH, MANY, TX };
enum { MOST_MEMBERS = 4 };

struct member_plan {
    const char *sql; /* of a query and of sets, too; NULL: there is none */
    char letter;     /* of its values; 0: it has none */
    int rows;
    bool kept;
};

struct item_plan {
    enum kind kind;
    int within;        /* the item whose transaction it is in; 0: none */
    const char *fails; /* with that SQLSTATE */
    bool fails_at_end; /* and not in a member */
    int n_sets;
    struct member_plan member[MOST_MEMBERS];
};

struct item;

struct member {
    struct item *item;
    const struct member_plan *plan;
    int told, rows;
    bool failed, shifted, ok; /* shifted: with values of another one's */
};

struct item {
    struct sweep_session *session;
    int number;
    int accepted, completions, bodies;
    int n_told;      /* members */
    bool failed, ok; /* ok: as planned, which may be a failure */
    struct member member[MOST_MEMBERS];
};

/* Those of this process, in the order in which they are submitted. */
extern const struct item_plan *items;
extern int n_items;

/* Whether what an item is told fits to what was done to its session. */
void bundles_judge(const struct item *item, const struct evpg_error *error);

#endif
