/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bundles_judge: see sweep_bundles.h: what may be told of an item, by what was said of it.
 *
 * An item is acknowledged by the ReadyForQuery of the last of its groups of messages. Where the
 * server tells the truth and ends, it has succeeded only if that had come whole; where it falls
 * silent, also if that had; and otherwise its error's fate is right. Where it lies, by whole
 * messages, an answer too many or too few in a group does not pass for success. What is planned to
 * fail never does.
 */
#include "sweep_bundles.h"

enum { WINDOW = 512 }; /* of sets */

struct groups {
    size_t first, last;
};

static unsigned char type_of(size_t message)
{
    return message < recording.n_messages ? recording.bytes[recording.message[message]] : 0;
}

static bool ends_transaction(size_t group)
{
    for (size_t i = recording.group[group]; i < recording.group[group + 1]; i++) {
        const char *tag = (const char *)recording.bytes + recording.message[i] + 5;

        if (type_of(i) == 'C' && (strcmp(tag, "COMMIT") == 0 || strcmp(tag, "ROLLBACK") == 0))
            return true;
    }
    return false;
}

/* The first group is the login's; each item has one, and a transaction all to its end. */
static struct groups find_groups(int number)
{
    struct groups of = {1, 1};

    for (int i = 0; i <= number; i++) {
        if (items[i].within)
            continue;
        of.first = i > 0 ? of.last + 1 : 1;
        of.last = of.first;
        while (items[i].kind == TX && !ends_transaction(of.last))
            ck_assert_uint_lt(++of.last, recording.n_groups);
    }
    ck_assert_uint_lt(of.last, recording.n_groups);
    return of;
}

static size_t start_of(size_t group)
{
    return recording.message[recording.group[group]];
}

/* Of an item whose answer has begun. While sets are left to be sent nothing can have come of any;
 * the last are sent when half of the window is answered, or later, but before its end. */
static bool is_right_fate(const struct item *item, const struct groups *of, enum evpg_fate fate)
{
    size_t at = item->session->how.at, n_answered = 0;
    bool windows = items[item->number].n_sets > WINDOW;

    for (size_t i = recording.group[of->first]; recording.message[i + 1] <= at; i++)
        n_answered += type_of(i) == 'C';
    if (windows && n_answered >= WINDOW / 2 && n_answered < WINDOW)
        return fate == EVPG_FATE_NOT_EXECUTED || fate == EVPG_FATE_UNKNOWN;
    if (at < start_of(of->last) || (windows && n_answered < WINDOW))
        return fate == EVPG_FATE_NOT_EXECUTED;
    return fate == EVPG_FATE_UNKNOWN;
}

static void check_fate(const struct item *item, const struct groups *of,
                       const struct evpg_error *error)
{
    enum evpg_fate fate = evpg_error_fate(error);
    bool right = fate != EVPG_FATE_EXECUTED;

    if (item->session->how.at >= start_of(of->first))
        right =
            items[item->number].fails ? fate != EVPG_FATE_NOT_SENT : is_right_fate(item, of, fate);
    ck_assert_msg(right, "session %ld: item %d: fate %d: %s", item->session->number, item->number,
                  fate, evpg_error_message(error));
}

/* Closed in the midst of what would have come: the machine is slow. */
static bool is_late(const struct sweep_session *session)
{
    return session->closing && session->how.kind != MUTE;
}

static void judge_truth(const struct item *item, const struct groups *of,
                        const struct evpg_error *error)
{
    const struct distortion *how = &item->session->how;
    bool acknowledged = how->kind == HONEST || how->at >= start_of(of->last + 1);
    enum evpg_code code = error ? evpg_error_code(error) : 0;

    if (!item->ok)
        ck_assert_msg(error && code != EVPG_E_SERVER && code != EVPG_E_MEMORY &&
                          code != EVPG_E_PROTOCOL,
                      "session %ld: item %d: %d, %s", item->session->number, item->number, code,
                      error ? evpg_error_message(error) : "succeeded, but not as planned");
    if (!items[item->number].fails)
        ck_assert_msg(!item->ok || acknowledged, "session %ld: item %d was not acknowledged",
                      item->session->number, item->number);
    if (how->kind == MUTE)
        ck_assert_msg(item->ok || !acknowledged, "session %ld: item %d was acknowledged",
                      item->session->number, item->number);
    if (!item->ok && !is_late(item->session))
        check_fate(item, of, error);
}

static bool is_end(unsigned char type)
{
    return type == 'C' || type == 'Z' || type == 'E' || type == 'I';
}

/* Before a statement that is prepared, a command's end too many may pass for the end of that, which
 * is then passed over. */
static bool may_be_passed_over(size_t message)
{
    while (type_of(message) != 'Z' && type_of(message) != '1')
        message++;
    return type_of(message) == '1';
}

/* By one message that ends something. An error for a Sync amid a transaction is of no account: it
 * is the COMMIT that counts. */
static bool is_spoilt(const struct item *item, const struct groups *of)
{
    const struct distortion *how = &item->session->how;
    unsigned char said = how->length > 0 ? *(const unsigned char *)how->bytes : 0;
    unsigned char type = type_of(how->at);

    if (how->at < recording.group[of->first] || how->at >= recording.group[of->last + 1])
        return false;
    if (said == 'C' && may_be_passed_over(how->at))
        return false;
    if (said == 'Z' && type == 'Z')
        return false; /* the first of them is the right one */
    if (said == 'E' && type == 'Z' && items[item->number].kind == TX)
        return false;
    if (how->kind == SAY || how->kind == INSTEAD)
        return is_end(said) != (how->kind == INSTEAD && is_end(type));
    if (how->kind == SKIP)
        return is_end(type);
    if (how->kind == SAY_TWICE)
        return type == 'E' || (type == 'C' && !may_be_passed_over(how->at));
    return how->kind == SWAP && type == 'C' && type_of(how->at + 1) == 'Z';
}

/* It would have succeeded, but for what is said there. */
static bool is_failed_commit(const struct item *item)
{
    return items[item->number].fails_at_end && type_of(item->session->how.at) == 'E';
}

static void judge_lie(const struct item *item, const struct groups *of,
                      const struct evpg_error *error)
{
    const struct sweep_session *session = item->session;

    if (session->how.kind == FLIP || session->beyond_telling || is_failed_commit(item))
        return;
    ck_assert_msg(error || !items[item->number].fails, "session %ld: item %d has not failed",
                  session->number, item->number);
    ck_assert_msg(error || !is_spoilt(item, of), "session %ld: item %d has succeeded",
                  session->number, item->number);
}

void bundles_judge(const struct item *item, const struct evpg_error *error)
{
    struct groups of;

    if (item->session->number < 0 || items[item->number].within)
        return;
    of = find_groups(item->number);
    if (item->session->true_answers)
        judge_truth(item, &of, error);
    else
        judge_lie(item, &of, error);
}
