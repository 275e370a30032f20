/* What the test programs share: checks that say where they failed, and a small table. */
#ifndef CHECK_H
#define CHECK_H

#include "store.h"

#include <stdio.h>
#include <stdlib.h>

#define CHECK(condition)                                                                 \
    do {                                                                                 \
        if (!(condition)) {                                                              \
            fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #condition);    \
            exit(1);                                                                     \
        }                                                                                \
    } while (0)

/* The call must come to this status, with an error exactly if it failed; `err` is in scope. */
#define CHECK_STATUS(wanted, call)                                                       \
    do {                                                                                 \
        store_status status_ = (call);                                                   \
        if (status_ != (wanted)) {                                                       \
            fprintf(stderr, "%s:%d: %s gave %s: %s\n", __FILE__, __LINE__, #call,        \
                    store_status_name((int32_t)status_), store_error_message(err));      \
            exit(1);                                                                     \
        }                                                                                \
        CHECK((err == NULL) == (status_ == STORE_OK));                                   \
        CHECK(store_error_code(err) == status_);                                         \
        CHECK(store_error_free(&err) == STORE_OK && err == NULL);                        \
    } while (0)

#define CHECK_OK(call) CHECK_STATUS(STORE_OK, call)

#define PEOPLE "id int64 key, name text index nocase, age int32 index, seen timestamp"

static inline store_db *open_memory(void)
{
    store_error *err = NULL;
    store_options *options = NULL;
    store_db *db = NULL;
    CHECK_OK(store_options_new(&options, &err));
    CHECK_OK(store_options_memory(options, 64 << 20, &err));
    CHECK_OK(store_open(STORE_STR(":memory:"), options, &db, &err));
    CHECK(store_options_free(&options) == STORE_OK && options == NULL);
    return db;
}

static inline store_table *make_people(store_db *db)
{
    store_error *err = NULL;
    store_table *table = NULL;
    CHECK_OK(store_table_create(db, STORE_STR("people"), STORE_STR(PEOPLE), &table, &err));
    return table;
}

static inline store_status add_person(store_table *table, store_txn *txn, int64_t id,
                                      const char *name, int64_t age, store_error **err)
{
    store_value row[4];
    row[0] = store_value_int64(id);
    row[1] = store_value_text(STORE_STR(name));
    row[2] = store_value_int64(age);
    row[3] = store_value_null();
    return store_insert(table, txn, row, 4, err);
}

static inline uint64_t count_people(store_table *table, store_txn *txn)
{
    store_error *err = NULL;
    store_query *query = NULL;
    uint64_t count = 0;
    CHECK_OK(store_query_new(table, &query, &err));
    CHECK_OK(store_query_count(query, txn, &count, &err));
    CHECK(store_query_free(&query) == STORE_OK);
    return count;
}

static inline int64_t age_of(store_table *table, store_txn *txn, int64_t id)
{
    store_error *err = NULL;
    store_row *row = NULL;
    int64_t age = -1;
    store_value key = store_value_int64(id);
    CHECK_OK(store_get(table, txn, &key, 1, &row, &err));
    CHECK_OK(store_row_int64(row, 2, &age, &err));
    CHECK(store_row_free(&row) == STORE_OK);
    return age;
}

static inline store_status set_age(store_table *table, store_txn *txn, int64_t id, int64_t age,
                                   store_error **err)
{
    store_value key = store_value_int64(id);
    store_cell cell = store_cell_of(STORE_STR("age"), store_value_int64(age));
    return store_update(table, txn, &key, 1, &cell, 1, NULL, err);
}

#endif
