/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * unit_address: from lists of hosts, numeric addresses and ports to places, in order.
 *
 * The counterpart of lib/address.c; needs no server.
 */
#include "harness.h"

#include "address.h"
#include "mem.h"

static void check_place(const struct address *address, const char *host, const char *hostaddr,
                        const char *port)
{
    ck_assert_pstr_eq(address->host, host);
    ck_assert_pstr_eq(address->hostaddr, hostaddr);
    ck_assert_str_eq(address->port, port);
    ck_assert_ptr_null(address->unusable);
}

static struct address_list *make(const char *hosts, const char *hostaddrs, const char *ports)
{
    const char *why = NULL;
    struct address_list *list = address_list_new(hosts, hostaddrs, ports, &why);

    ck_assert_ptr_null(why);
    ck_assert_ptr_nonnull(list);
    return list;
}

START_TEST(nothing_is_the_default_socket)
{
    struct address_list *list = make(NULL, "", NULL);

    ck_assert_uint_eq(list->count, 1);
    check_place(&list->at[0], NULL, NULL, "5432");
    mem_free(list);
}
END_TEST

START_TEST(kinds_of_hosts)
{
    struct address_list *list =
        make("/run/x,@abstract,127.0.0.1,::1,fe80::1%eth0,LocalHost,db.example", NULL, "7");

    ck_assert_uint_eq(list->count, 8);
    check_place(&list->at[0], "/run/x", NULL, "7");
    check_place(&list->at[1], "@abstract", NULL, "7");
    check_place(&list->at[2], "127.0.0.1", "127.0.0.1", "7");
    check_place(&list->at[3], "::1", "::1", "7");
    check_place(&list->at[4], "fe80::1%eth0", "fe80::1%eth0", "7");
    check_place(&list->at[5], "LocalHost", "127.0.0.1", "7");
    check_place(&list->at[6], "LocalHost", "::1", "7");
    ck_assert_str_eq(list->at[7].host, "db.example");
    ck_assert(list->at[7].is_name && !list->at[6].is_name);
    mem_free(list);
}
END_TEST

START_TEST(numeric_beside_the_name)
{
    struct address_list *list = make("db.example,other.example", "10.0.0.1,10.0.0.2", "1,2");

    ck_assert_uint_eq(list->count, 2);
    check_place(&list->at[0], "db.example", "10.0.0.1", "1");
    check_place(&list->at[1], "other.example", "10.0.0.2", "2");
    mem_free(list);
}
END_TEST

START_TEST(only_numeric)
{
    struct address_list *list = make("", "10.0.0.1,10.0.0.2", ",2");

    check_place(&list->at[0], NULL, "10.0.0.1", "5432");
    check_place(&list->at[1], NULL, "10.0.0.2", "2");
    mem_free(list);
}
END_TEST

START_TEST(one_port_serves_all)
{
    struct address_list *list = make("/a,/b,/c", NULL, "99");

    for (size_t i = 0; i < 3; i++)
        ck_assert_str_eq(list->at[i].port, "99");
    mem_free(list);
}
END_TEST

START_TEST(empty_items)
{
    struct address_list *list = make("/a,,/c", NULL, "1,,3");

    ck_assert_uint_eq(list->count, 3);
    check_place(&list->at[0], "/a", NULL, "1");
    ck_assert_str_eq(list->at[1].unusable, "an empty item in a list of hosts");
    check_place(&list->at[2], "/c", NULL, "3");
    mem_free(list);
}
END_TEST

START_TEST(lists_that_do_not_fit)
{
    const char *why;

    ck_assert_ptr_null(address_list_new("a,b", "10.0.0.1", NULL, &why));
    ck_assert_str_eq(why, "the numbers of items in host and hostaddr differ");
    ck_assert_ptr_null(address_list_new("a,b,c", NULL, "1,2", &why));
    ck_assert_str_eq(why, "the numbers of items in host and port differ");
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("unit_address");
    TCase *tcase = tcase_create("address");

    tcase_add_test(tcase, nothing_is_the_default_socket);
    tcase_add_test(tcase, kinds_of_hosts);
    tcase_add_test(tcase, numeric_beside_the_name);
    tcase_add_test(tcase, only_numeric);
    tcase_add_test(tcase, one_port_serves_all);
    tcase_add_test(tcase, empty_items);
    tcase_add_test(tcase, lists_that_do_not_fit);
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void)
{
    return run_suite(make_suite(), false);
}
