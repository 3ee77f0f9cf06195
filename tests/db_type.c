/* SPDX-License-Identifier: BSD-2-Clause */
/* db_type: the server's types are looked up by name and by OID, and known from then on. */
#include "harness.h"

#include <errno.h>

static struct outcome *look_up(const char *name)
{
    struct outcome *outcome = new_outcome();

    ck_assert_ptr_nonnull(submit_look_up(outcome, name, 0));
    return outcome;
}

static struct outcome *look_up_oid(uint32_t oid)
{
    struct outcome *outcome = new_outcome();

    ck_assert_ptr_nonnull(submit_look_up(outcome, NULL, oid));
    return outcome;
}

static const struct {
    const char *name, *written;
    uint32_t oid, array_oid, related_oid;
    enum evpg_type_kind kind;
} builtin[] = {
    {"integer", "integer", 23, 1007, 0, EVPG_TYPE_BASE},
    {"int4", "integer", 23, 1007, 0, EVPG_TYPE_BASE},
    {"timestamptz", "timestamp with time zone", 1184, 1185, 0, EVPG_TYPE_BASE},
    {"point", "point", 600, 1017, 0, EVPG_TYPE_BASE},
    {"name", "name", 19, 1003, 0, EVPG_TYPE_BASE},
    {"text[]", "text[]", 1009, 0, 25, EVPG_TYPE_ARRAY},
    {"int4range", "int4range", 3904, 3905, 23, EVPG_TYPE_RANGE},
    {"int4multirange", "int4multirange", 4451, 6150, 3904, EVPG_TYPE_MULTIRANGE},
    {"record", "record", 2249, 2287, 0, EVPG_TYPE_PSEUDO},
    {"information_schema.sql_identifier", "information_schema.sql_identifier", 0, 0, 19,
     EVPG_TYPE_DOMAIN},
    {"pg_class", "pg_class", 83, 0, 0, EVPG_TYPE_COMPOSITE},
};

START_TEST(types_of_the_servers_own)
{
    begin(_i);
    for (size_t i = 0; i < sizeof(builtin) / sizeof(*builtin); i++)
        look_up(builtin[i].name);
    await_all();
    check_all_succeeded();
    for (size_t i = 0; i < sizeof(builtin) / sizeof(*builtin); i++) {
        const struct evpg_type *type = evpg_type_named(db, builtin[i].name);

        ck_assert_msg(type != NULL, "%s", builtin[i].name);
        ck_assert_str_eq(type->name, builtin[i].written);
        ck_assert_int_eq(type->kind, builtin[i].kind);
        ck_assert_uint_eq(type->related_oid, builtin[i].related_oid);
        ck_assert(builtin[i].oid == 0 || type->oid == builtin[i].oid);
        ck_assert(builtin[i].array_oid == 0 || type->array_oid == builtin[i].array_oid);
        ck_assert_uint_eq(evpg_type_of(db, type->oid)->oid, type->oid);
    }
    ck_assert_ptr_null(evpg_type_named(db, "text"));
    ck_assert_ptr_null(evpg_type_of(db, 25));
    end();
}
END_TEST

/* It is sent and received, array and all, without its OID being known to the program. */
START_TEST(one_that_somebody_has_made)
{
    struct evpg_param moods[] = {evpg_text("sad"), evpg_null(), evpg_text("a, b")};
    struct evpg_array_value array = {.elements = moods, .n_elements = 3};
    const struct evpg_type *mood;
    struct outcome *sent;

    begin(_i);
    query("create schema \"My types\"", EVPG_NO_PARAMS);
    query("create type \"My types\".\"Mood\" as enum ('sad', 'a, b')", EVPG_NO_PARAMS);
    look_up("\"My types\".\"Mood\"");
    await_all();
    mood = evpg_type_named(db, "\"My types\".\"Mood\"");
    ck_assert_ptr_nonnull(mood);
    ck_assert_int_eq(mood->kind, EVPG_TYPE_ENUM);
    ck_assert_str_eq(mood->name, "\"My types\".\"Mood\"");
    array.element_type = mood->oid;
    array.type = mood->array_oid;
    sent = query("select $1::text, $2::text, pg_typeof($1)::text, pg_typeof($2)::text",
                 EVPG_PARAMS(evpg_typed(mood->oid, "sad"), evpg_array(&array)));
    query("drop schema \"My types\" cascade", EVPG_NO_PARAMS);
    await_all();
    check_all_succeeded();
    ck_assert_str_eq(cell(sent, 0, 0), "sad");
    ck_assert_str_eq(cell(sent, 0, 1), "{sad,NULL,\"a, b\"}");
    ck_assert_str_eq(cell(sent, 0, 2), "\"My types\".\"Mood\"");
    ck_assert_str_eq(cell(sent, 0, 3), "\"My types\".\"Mood\"[]");
    end();
}
END_TEST

START_TEST(by_oid)
{
    const struct evpg_type *type;

    begin(_i);
    look_up_oid(1114);
    await_all();
    check_all_succeeded();
    type = evpg_type_of(db, 1114);
    ck_assert_str_eq(type->name, "timestamp without time zone");
    ck_assert_ptr_eq(evpg_type_named(db, "timestamp without time zone"), type);
    look_up("timestamp");
    await_all();
    ck_assert_ptr_eq(evpg_type_of(db, 1114), evpg_type_named(db, "timestamp"));
    ck_assert_ptr_eq(evpg_type_named(db, "timestamp without time zone"), type);
    look_up("timestamp");
    look_up_oid(1114);
    await_all();
    ck_assert_uint_eq(evpg_type_of(db, 1114)->array_oid, 1115);
    evpg_types_forget(db);
    ck_assert_ptr_null(evpg_type_of(db, 1114));
    ck_assert_ptr_null(evpg_type_named(db, "timestamp"));
    end();
}
END_TEST

static void check_missing(const struct outcome *outcome, const char *message)
{
    ck_assert_ptr_nonnull(outcome->error);
    ck_assert_int_eq(evpg_error_code(outcome->error), EVPG_E_VALUE);
    ck_assert_ptr_nonnull(strstr(evpg_error_message(outcome->error), message));
}

/* That is no error of the server's: the transaction goes on. */
START_TEST(there_is_none)
{
    struct outcome *named, *numbered, *after, *badly;

    begin(_i);
    query("begin", EVPG_NO_PARAMS);
    named = look_up("no_such_type");
    numbered = look_up_oid(4294967295u);
    after = query("select 1", EVPG_NO_PARAMS);
    query("commit", EVPG_NO_PARAMS);
    badly = look_up("a b c");
    await_all();
    check_missing(named, "there is no type no_such_type");
    check_missing(numbered, "there is no type with the OID 4294967295");
    ck_assert_outcome_ok(after);
    ck_assert_ptr_nonnull(badly->error);
    ck_assert_ptr_null(evpg_type_named(db, "no_such_type"));
    ck_assert_ptr_null(evpg_type_look_up(db, NULL, NULL, NULL));
    ck_assert_int_eq(errno, EINVAL);
    ck_assert_str_eq(last_log(), "the type's name is NULL");
    ck_assert_ptr_null(evpg_type_look_up(NULL, "x", NULL, NULL));
    ck_assert_ptr_null(evpg_type_named(NULL, "x"));
    ck_assert_ptr_null(evpg_type_named(db, NULL));
    ck_assert_ptr_null(evpg_type_of(NULL, 23));
    evpg_types_forget(NULL);
    end();
}
END_TEST

/* What nobody wants to be told of need not be known; and nothing is after a loss. */
START_TEST(abandoned_and_lost)
{
    struct outcome *abandoned;

    begin(ALONE);
    find_backend();
    abandoned = look_up("bool");
    for (int i = 0; i < 3; i++)
        event_base_loop(base, EVLOOP_NONBLOCK);
    if (abandoned->completions == 0)
        abandon(abandoned);
    query("select 1", EVPG_NO_PARAMS);
    look_up("bool");
    await_all();
    ck_assert_ptr_nonnull(evpg_type_named(db, "bool"));
    end_backend();
    query("select 1", EVPG_NO_PARAMS);
    look_up("int4");
    await_all();
    ck_assert_ptr_null(evpg_type_named(db, "bool"));
    evpg_free(db);
    db = NULL;
    end();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("db_type");
    TCase *tcase = tcase_create("type");

    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, types_of_the_servers_own, 0, N_MODES);
    tcase_add_loop_test(tcase, one_that_somebody_has_made, 0, N_MODES);
    tcase_add_loop_test(tcase, by_oid, 0, N_MODES);
    tcase_add_loop_test(tcase, there_is_none, 0, N_MODES);
    tcase_add_test(tcase, abandoned_and_lost);
    suite_add_tcase(suite, tcase);
    return run_suite(suite, true);
}
