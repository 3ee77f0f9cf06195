/* SPDX-License-Identifier: BSD-2-Clause */
/* unit_stmt: the cache of prepared statements, without a server. */
#include "harness.h"

#include "mem.h"
#include "stmt.h"

#include <stdio.h>

static struct stmt_cache cache;
static char text[100][32];

static struct stmt_key key_of(const char *sql, const Oid *types, int n_types)
{
    struct stmt_key key;

    stmt_make_key(&key, sql, strlen(sql), types, n_types);
    return key;
}

/* The i-th of many statements. */
static struct stmt_key key_number(int i)
{
    snprintf(text[i], sizeof(text[i]), "select %d", i);
    return key_of(text[i], NULL, 0);
}

static struct stmt *use(int i)
{
    struct stmt_key key = key_number(i);
    struct stmt *stmt = stmt_find(&cache, &key);

    return stmt ? stmt : stmt_add(&cache, &key);
}

/* Tells the server to drop those that were evicted. */
static int drop_evicted(void)
{
    char name[STMT_NAME_SIZE];
    int n = 0;

    while (stmt_take_evicted(&cache, name))
        n++;
    return n;
}

static void use_and_release(int i)
{
    struct stmt *stmt = use(i);

    ck_assert_ptr_nonnull(stmt);
    stmt_release(stmt);
}

static bool knows(int i)
{
    struct stmt_key key = key_number(i);
    struct stmt *stmt = stmt_find(&cache, &key);

    if (stmt)
        stmt_release(stmt);
    return stmt;
}

START_TEST(what_was_used_last_stays)
{
    stmt_cache_start(&cache, 5, 1 << 20);
    for (int i = 1; i <= 9; i++) {
        use_and_release(0);
        use_and_release(i);
    }
    ck_assert_int_eq(cache.count, 5);
    ck_assert_int_eq(drop_evicted(), 5);
    ck_assert(knows(0) && knows(6) && knows(7) && knows(8) && knows(9));
    ck_assert(!knows(1) && !knows(5));
    stmt_cache_clear(&cache);
    ck_assert_int_eq(cache.count, 0);
    ck_assert_uint_eq(cache.bytes, 0);
}
END_TEST

START_TEST(one_in_use_is_not_evicted)
{
    struct stmt *used[2];

    stmt_cache_start(&cache, 2, 1 << 20);
    used[0] = use(0);
    used[1] = use(1);
    ck_assert_ptr_null(use(2));
    stmt_release(used[0]);
    use_and_release(2);
    ck_assert_int_eq(drop_evicted(), 1);
    ck_assert(!knows(0) && knows(1) && knows(2));
    stmt_cache_clear(&cache);
    stmt_release(used[1]);
}
END_TEST

START_TEST(bytes_are_counted)
{
    char *longer = malloc(10001);

    memset(longer, 'x', 10000);
    longer[10000] = '\0';
    stmt_cache_start(&cache, 100, 2000);
    for (int i = 0; i < 50; i++) {
        use_and_release(i);
        drop_evicted();
    }
    ck_assert_int_lt(cache.count, 20);
    ck_assert_int_gt(cache.count, 3);
    ck_assert_uint_le(cache.bytes, 2000);
    {
        struct stmt_key key = key_of(longer, NULL, 0);

        ck_assert_ptr_null(stmt_add(&cache, &key));
    }
    ck_assert_int_gt(cache.count, 3);
    stmt_cache_clear(&cache);
    free(longer);
}
END_TEST

START_TEST(types_tell_statements_apart)
{
    const Oid int4[] = {23}, int8[] = {20}, both[] = {23, 20};
    struct stmt_key keys[] = {key_of("select $1", int4, 1), key_of("select $1", int8, 1),
                              key_of("select $1", both, 2), key_of("select $1", NULL, 0)};
    struct stmt *stmts[4];

    stmt_cache_start(&cache, 10, 1 << 20);
    for (int i = 0; i < 4; i++) {
        stmts[i] = stmt_add(&cache, &keys[i]);
        ck_assert_ptr_nonnull(stmts[i]);
        for (int j = 0; j < i; j++)
            ck_assert_str_ne(stmt_name(stmts[i]), stmt_name(stmts[j]));
    }
    for (int i = 0; i < 4; i++) {
        ck_assert_ptr_eq(stmt_find(&cache, &keys[i]), stmts[i]);
        stmt_release(stmts[i]);
        stmt_release(stmts[i]);
    }
    stmt_cache_clear(&cache);
}
END_TEST

/* The cache is cleared, the statement is still on the wire. */
START_TEST(one_that_is_forgotten_lives_while_it_is_used)
{
    struct stmt *stmt;

    stmt_cache_start(&cache, 10, 1 << 20);
    stmt = use(1);
    stmt_forget(&cache, stmt);
    stmt_forget(&cache, stmt);
    ck_assert(!knows(1));
    ck_assert_int_eq(strncmp(stmt_name(stmt), "evpg_", 5), 0);
    stmt_release(stmt);
    stmt = use(2);
    stmt_cache_clear(&cache);
    ck_assert(!knows(2));
    stmt_release(stmt);
}
END_TEST

/* The server has them yet, so that their names are taken; one that is wanted again comes back. */
START_TEST(one_that_was_evicted_is_wanted_again)
{
    char names[3][STMT_NAME_SIZE];

    stmt_cache_start(&cache, 2, 1 << 20);
    for (int i = 0; i < 3; i++) {
        struct stmt *stmt = use(i);

        strcpy(names[i], stmt_name(stmt));
        stmt_release(stmt);
    }
    for (int i = 0; i < 30; i++) {
        struct stmt_key key = key_number(i % 3);
        struct stmt *stmt = stmt_find(&cache, &key);

        ck_assert_ptr_nonnull(stmt);
        ck_assert_str_eq(stmt_name(stmt), names[i % 3]);
        stmt_release(stmt);
        ck_assert_int_eq(cache.count, 2);
        ck_assert_int_eq(cache.n_evicted, 1);
    }
    ck_assert_int_eq(drop_evicted(), 1);
    for (int i = 0; i < 3; i++) {
        struct stmt *stmt = use(i);

        ck_assert_int_eq(strcmp(stmt_name(stmt), names[i]) != 0, i == 0);
        stmt_release(stmt);
    }
    stmt_cache_clear(&cache);
    ck_assert_uint_eq(cache.bytes, 0);
}
END_TEST

/* It is wanted again, and all the others are in use. */
START_TEST(one_that_was_evicted_has_no_place)
{
    struct stmt *other;

    stmt_cache_start(&cache, 1, 1 << 20);
    use_and_release(0);
    other = use(1);
    ck_assert_ptr_null(use(0));
    ck_assert_int_eq(cache.n_evicted, 1);
    stmt_release(other);
    use_and_release(0);
    ck_assert_int_eq(cache.n_evicted, 1);
    stmt_cache_clear(&cache);
}
END_TEST

/* As in a transaction block, in which none is dropped. */
START_TEST(few_wait_to_be_dropped)
{
    stmt_cache_start(&cache, 3, 1 << 20);
    for (int i = 0; i < 3 + STMT_MOST_EVICTED; i++)
        use_and_release(i);
    for (int i = 50; i < 60; i++)
        ck_assert_ptr_null(use(i));
    ck_assert_int_eq(cache.n_evicted, STMT_MOST_EVICTED);
    ck_assert_int_eq(cache.count, 3);
    ck_assert_int_eq(drop_evicted(), STMT_MOST_EVICTED);
    use_and_release(50);
    stmt_cache_clear(&cache);
    ck_assert_int_eq(cache.n_evicted, 0);
}
END_TEST

/* Its heir has another name; it is dropped when nobody uses it any more. */
START_TEST(one_that_is_retired)
{
    char name[STMT_NAME_SIZE], first_name[STMT_NAME_SIZE];
    struct stmt *first, *heir;

    stmt_cache_start(&cache, 10, 1 << 20);
    first = use(1);
    strcpy(first_name, stmt_name(first));
    stmt_retire(&cache, first);
    stmt_retire(&cache, first);
    ck_assert(!knows(1));
    heir = use(1);
    ck_assert_str_ne(stmt_name(heir), first_name);
    ck_assert(!stmt_take_evicted(&cache, name));
    stmt_release(first);
    ck_assert(stmt_take_evicted(&cache, name));
    ck_assert_str_eq(name, first_name);
    stmt_release(heir);
    stmt_cache_clear(&cache);
}
END_TEST

START_TEST(there_may_be_no_cache)
{
    stmt_cache_start(&cache, 0, 1 << 20);
    ck_assert_ptr_null(use(1));
    stmt_cache_clear(&cache);
}
END_TEST

/* Another statement has the hash, and so the name. */
START_TEST(a_hash_that_is_taken)
{
    struct stmt_key key = key_number(1), other = key_number(2);

    stmt_cache_start(&cache, 10, 1 << 20);
    use_and_release(1);
    other.hash = key.hash;
    ck_assert_ptr_null(stmt_find(&cache, &other));
    ck_assert_ptr_null(stmt_add(&cache, &other));
    ck_assert(knows(1));
    stmt_cache_clear(&cache);
}
END_TEST

static int countdown;

static void *failing(size_t size)
{
    return countdown-- == 0 ? NULL : malloc(size);
}

START_TEST(without_memory)
{
    stmt_cache_start(&cache, 10, 1 << 20);
    mem_source = failing;
    for (int k = 0; k < 3; k++) {
        countdown = k;
        ck_assert_ptr_null(use(1));
        ck_assert_int_eq(cache.count, 0);
    }
    countdown = 100;
    use_and_release(1);
    mem_source = malloc;
    stmt_cache_clear(&cache);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("unit_stmt");
    TCase *tcase = tcase_create("stmt");

    tcase_add_test(tcase, what_was_used_last_stays);
    tcase_add_test(tcase, one_in_use_is_not_evicted);
    tcase_add_test(tcase, bytes_are_counted);
    tcase_add_test(tcase, types_tell_statements_apart);
    tcase_add_test(tcase, one_that_is_forgotten_lives_while_it_is_used);
    tcase_add_test(tcase, one_that_was_evicted_is_wanted_again);
    tcase_add_test(tcase, one_that_was_evicted_has_no_place);
    tcase_add_test(tcase, few_wait_to_be_dropped);
    tcase_add_test(tcase, one_that_is_retired);
    tcase_add_test(tcase, there_may_be_no_cache);
    tcase_add_test(tcase, a_hash_that_is_taken);
    tcase_add_test(tcase, without_memory);
    suite_add_tcase(suite, tcase);
    return run_suite(suite, false);
}
