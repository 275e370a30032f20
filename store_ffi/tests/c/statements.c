/* Statements over rows that were looked at: increments, conditions, queries; and many rows at once. */
#include "check.h"

static void increments(store_db *db, store_table *table)
{
    store_error *err = NULL;
    store_txn *txn = NULL;
    store_value key = store_value_int64(1), nobody = store_value_int64(99), sum = store_value_int64(5);
    bool found = true;
    CHECK_OK(store_incr(table, NULL, &key, 1, STORE_STR("age"), store_value_int64(3), &sum, &found, &err));
    CHECK(found && sum.kind == STORE_VALUE_INT64 && sum.data.integer == 13);
    CHECK_OK(store_incr(table, NULL, &nobody, 1, STORE_STR("age"), store_value_int64(3), &sum, &found, &err));
    CHECK(!found && sum.kind == STORE_VALUE_NULL);
    CHECK_OK(store_incr(table, NULL, &key, 1, STORE_STR("age"), store_value_int64(-3), NULL, NULL, &err));
    CHECK_OK(store_begin(db, &txn, &err));
    CHECK_OK(store_incr(table, txn, &key, 1, STORE_STR("age"), store_value_int64(1), &sum, NULL, &err));
    CHECK(sum.data.integer == 11 && age_of(table, txn, 1) == 11 && age_of(table, NULL, 1) == 10);
    CHECK_STATUS(STORE_TYPE, store_incr(table, txn, &key, 1, STORE_STR("age"),
                                        store_value_int64(INT32_MAX), &sum, &found, &err));
    CHECK(!found && sum.kind == STORE_VALUE_NULL);
    CHECK_STATUS(STORE_TYPE, store_incr(table, txn, &key, 1, STORE_STR("age"), store_value_double(1.5), NULL, NULL, &err));
    CHECK_STATUS(STORE_TYPE, store_incr(table, txn, &key, 1, STORE_STR("name"), store_value_int64(1), NULL, NULL, &err));
    CHECK_STATUS(STORE_INVALID, store_incr(table, txn, &key, 1, STORE_STR("id"), store_value_int64(1), NULL, NULL, &err));
    CHECK_STATUS(STORE_NOT_FOUND, store_incr(table, txn, &key, 1, STORE_STR("size"), store_value_int64(1), NULL, NULL, &err));
    CHECK_OK(store_rollback(&txn, &err));
    CHECK(age_of(table, NULL, 1) == 10);
}

static void conditions(store_table *table)
{
    store_error *err = NULL;
    store_value key = store_value_int64(2);
    store_cell cell = store_cell_of(STORE_STR("age"), store_value_int64(21));
    bool updated = false;
    CHECK_OK(store_update_if(table, NULL, &key, 1, STORE_STR("age = 20"), &cell, 1, &updated, &err));
    CHECK(updated && age_of(table, NULL, 2) == 21);
    CHECK_OK(store_update_if(table, NULL, &key, 1, STORE_STR("age = 20"), &cell, 1, &updated, &err));
    CHECK(!updated);
    key = store_value_int64(99);
    CHECK_OK(store_update_if(table, NULL, &key, 1, STORE_STR("age = 20"), &cell, 1, &updated, &err));
    CHECK(!updated);
    CHECK_STATUS(STORE_INVALID, store_update_if(table, NULL, &key, 1, STORE_STR("age ="), &cell, 1, &updated, &err));
    CHECK_STATUS(STORE_NOT_FOUND, store_update_if(table, NULL, &key, 1, STORE_STR("size = 1"), &cell, 1, NULL, &err));
}

static void queries(store_db *db, store_table *table)
{
    store_error *err = NULL;
    store_txn *txn = NULL;
    store_query *query = NULL;
    store_cell cells[2];
    uint64_t rows = 0;
    cells[0] = store_cell_of(STORE_STR("age"), store_value_int64(50));
    cells[1] = store_cell_of(STORE_STR("name"), store_value_null());
    CHECK_OK(store_query_new(table, &query, &err));
    CHECK_OK(store_query_where(query, STORE_STR("age >= 30"), &err));
    CHECK_OK(store_query_sort(query, STORE_STR("-age"), &err));
    CHECK_OK(store_query_limit(query, 3, &err));
    CHECK_OK(store_query_offset(query, 1, &err));
    CHECK_OK(store_begin(db, &txn, &err));
    CHECK_OK(store_query_update(query, txn, cells, 2, &rows, &err)); /* 80, 70 and 60 of 30 to 90 */
    CHECK(rows == 3 && age_of(table, txn, 8) == 50 && age_of(table, txn, 6) == 50);
    CHECK(age_of(table, txn, 9) == 90 && age_of(table, txn, 4) == 40 && age_of(table, NULL, 8) == 80);
    CHECK_OK(store_query_delete(query, txn, &rows, &err));
    CHECK(rows == 3 && count_people(table, txn) == 6);
    CHECK_OK(store_rollback(&txn, &err));
    cells[0] = store_cell_of(STORE_STR("id"), store_value_int64(50));
    CHECK_STATUS(STORE_INVALID, store_query_update(query, NULL, cells, 1, &rows, &err));
    cells[0] = store_cell_of(STORE_STR("age"), store_value_int64((int64_t)1 << 40));
    CHECK_STATUS(STORE_TYPE, store_query_update(query, NULL, cells, 1, &rows, &err));
    CHECK(rows == 0);
    CHECK_OK(store_query_delete(query, NULL, NULL, &err));
    CHECK(count_people(table, NULL) == 6);
    store_query_free(&query);
}

static void many_rows(store_table *table)
{
    store_error *err = NULL;
    store_row *rows[3];
    store_value keys[3] = { store_value_int64(1), store_value_int64(77), store_value_int64(2) };
    store_value values[6];
    store_bytes columns[2] = { { STORE_STR("age") }, { STORE_STR("name") } };
    uint64_t found = 0;
    int64_t age = 0;
    for (int i = 0; i < 3; i++) {
        values[i * 2] = store_value_int64(100 + i);
        values[i * 2 + 1] = store_value_text(STORE_STR("many"));
    }
    CHECK_OK(store_update_rows(table, NULL, keys, 1, columns, 2, values, 3, &found, &err));
    CHECK(found == 2 && age_of(table, NULL, 1) == 100 && age_of(table, NULL, 2) == 102);
    CHECK_OK(store_get_rows(table, NULL, keys, 1, 3, rows, &err));
    CHECK(rows[0] != NULL && rows[1] == NULL && rows[2] != NULL);
    CHECK_OK(store_row_int64(rows[2], 2, &age, &err));
    CHECK(age == 102);
    store_row_free(&rows[0]);
    store_row_free(&rows[2]);
    values[4] = store_value_text(STORE_STR("old"));
    CHECK(store_update_rows(table, NULL, keys, 1, columns, 2, values, 3, &found, &err) == STORE_TYPE);
    CHECK(strncmp(store_error_message(err), "key 2: ", 7) == 0 && found == 0);
    store_error_free(&err);
    CHECK(age_of(table, NULL, 1) == 100);
    columns[1] = columns[0];
    CHECK_STATUS(STORE_INVALID, store_update_rows(table, NULL, keys, 1, columns, 2, values, 3, NULL, &err));
    CHECK_STATUS(STORE_INVALID, store_update_rows(table, NULL, keys, 0, columns, 1, values, 3, NULL, &err));
    CHECK_STATUS(STORE_INVALID, store_get_rows(table, NULL, keys, 1, 3, NULL, &err));
    keys[2] = store_value_text(STORE_STR("x"));
    CHECK_STATUS(STORE_TYPE, store_get_rows(table, NULL, keys, 1, 3, rows, &err));
    CHECK(rows[0] == NULL && rows[2] == NULL);
}

int main(void)
{
    store_db *db = open_memory();
    store_table *table = make_people(db);
    store_error *err = NULL;
    for (int64_t id = 1; id <= 9; id++)
        CHECK_OK(add_person(table, NULL, id, "somebody", id * 10, &err));
    increments(db, table);
    conditions(table);
    queries(db, table);
    many_rows(table);
    store_table_close(&table);
    store_close(&db);
    return 0;
}
