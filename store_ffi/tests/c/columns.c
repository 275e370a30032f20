/* Columns of a table that has rows, and tables that are dropped. */
#include "check.h"

static size_t column_count(store_db *db)
{
    store_error *err = NULL;
    store_table *table = NULL;
    size_t count = 0;
    CHECK_OK(store_table_open(db, STORE_STR("people"), &table, &err));
    CHECK_OK(store_table_column_count(table, &count, &err));
    store_table_close(&table);
    return count;
}

int main(void)
{
    store_error *err = NULL;
    store_db *db = open_memory();
    store_table *table = NULL, *again = NULL;
    store_txn *before = NULL;
    store_row *row = NULL;
    store_value key = store_value_int64(1);
    int64_t number = 0;
    size_t column = 0;
    char *text = NULL;
    CHECK_OK(store_table_create(db, STORE_STR("people"),
                                STORE_STR("id int64 key, name text, age int32 index, seen timestamp"), &table, &err));
    for (int id = 0; id < 100; id++)
        CHECK_OK(add_person(table, NULL, id, id % 2 ? "Ada" : "Blaise", 20 + id, &err));
    CHECK_OK(store_begin(db, &before, &err));
    CHECK_OK(store_table_add_column(table, STORE_STR("cats int32 notnull default 2"), &err));

    /* The handle goes on: its columns are where they were. One opened now has the new one. */
    CHECK_OK(store_get(table, NULL, &key, 1, &row, &err));
    CHECK_OK(store_row_int64(row, 2, &number, &err));
    CHECK(number == 21);
    store_row_free(&row);
    CHECK_OK(store_table_open(db, STORE_STR("people"), &again, &err));
    CHECK_OK(store_table_column(again, STORE_STR("cats"), &column, &err));
    CHECK(column == 4);
    CHECK_OK(store_get(again, NULL, &key, 1, &row, &err));
    CHECK_OK(store_row_int64(row, column, &number, &err));
    CHECK(number == 2);
    store_row_free(&row);
    /* A transaction from before sees the table as it was, and may not write to it. */
    CHECK_OK(store_get(table, before, &key, 1, &row, &err));
    store_row_free(&row);
    CHECK_STATUS(STORE_INVALID, store_get(again, before, &key, 1, &row, &err));
    CHECK_STATUS(STORE_CONFLICT, add_person(table, before, 200, "Chien", 30, &err));
    CHECK_OK(store_rollback(&before, &err));

    /* A dropped column moves those behind it: open again. */
    CHECK_OK(store_table_drop_column(again, STORE_STR("name"), &err));
    CHECK_STATUS(STORE_INVALID, store_get(table, NULL, &key, 1, &row, &err));
    CHECK_STATUS(STORE_INVALID, store_get(again, NULL, &key, 1, &row, &err));
    CHECK(column_count(db) == 4);

    CHECK_STATUS(STORE_INVALID, store_table_drop_column(table, STORE_STR("id"), &err));
    CHECK_STATUS(STORE_INVALID, store_table_drop_column(table, STORE_STR("age"), &err));
    CHECK_STATUS(STORE_NOT_FOUND, store_table_drop_column(table, STORE_STR("name"), &err));
    CHECK_STATUS(STORE_DUPLICATE, store_table_add_column(table, STORE_STR("cats int64"), &err));
    CHECK_STATUS(STORE_NOT_NULL, store_table_add_column(table, STORE_STR("dogs int64 notnull"), &err));
    CHECK_STATUS(STORE_INVALID, store_table_add_column(table, STORE_STR("dogs int64 index"), &err));
    CHECK_STATUS(STORE_INVALID, store_table_add_column(NULL, STORE_STR("dogs int64"), &err));
    CHECK_STATUS(STORE_INVALID, store_table_drop_column(table, NULL, 3, &err));

    CHECK_OK(store_table_drop(db, STORE_STR("people"), &err));
    CHECK_STATUS(STORE_NOT_FOUND, store_get(table, NULL, &key, 1, &row, &err));
    CHECK_STATUS(STORE_NOT_FOUND, store_table_drop(db, STORE_STR("people"), &err));
    CHECK_STATUS(STORE_INVALID, store_table_drop(NULL, STORE_STR("people"), &err));
    CHECK_OK(store_table_names(db, &text, &err));
    CHECK(strcmp(text, "") == 0);
    store_text_free(&text);
    CHECK_OK(store_stats_json(db, &text, &err));
    CHECK(strstr(text, "\"ended_tables\"") != NULL);
    store_text_free(&text);
    store_table_close(&again);
    store_table_close(&table);
    store_close(&db);
    return 0;
}
