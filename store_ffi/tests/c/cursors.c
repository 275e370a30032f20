/* Cursors: filters, order, borrowed bytes; they outlive everything they came from. */
#include "check.h"

static store_cursor *run(store_query *query, store_txn *txn)
{
    store_error *err = NULL;
    store_cursor *cursor = NULL;
    CHECK_OK(store_query_run(query, txn, &cursor, &err));
    return cursor;
}

static int64_t next_id(store_cursor *cursor)
{
    store_error *err = NULL;
    bool has_row = false;
    int64_t id = -1;
    CHECK_OK(store_cursor_next(cursor, &has_row, &err));
    if (!has_row) {
        CHECK_STATUS(STORE_INVALID, store_cursor_int64(cursor, 0, &id, &err));
        return -1;
    }
    CHECK_OK(store_cursor_int64(cursor, 0, &id, &err));
    return id;
}

static void reads_cells(store_cursor *cursor)
{
    store_error *err = NULL;
    const uint8_t *name = NULL, *shown = NULL;
    size_t len = 0;
    bool null = false;
    double age = 0;
    store_value value;
    CHECK_OK(store_cursor_text(cursor, 1, &name, &len, &err));
    CHECK(len == 20 && memcmp(name, "a name of many bytes", 20) == 0);
    CHECK_OK(store_cursor_bytes(cursor, 1, &name, &len, &err));
    CHECK_OK(store_cursor_show(cursor, 2, &shown, &len, &err));
    CHECK(len == 1 && *shown == '9' && memcmp(name, "a name", 6) == 0);
    CHECK_OK(store_cursor_double(cursor, 2, &age, &err));
    CHECK_OK(store_cursor_is_null(cursor, 3, &null, &err));
    CHECK_OK(store_cursor_value(cursor, 3, &value, &err));
    CHECK(age == 9.0 && null && value.kind == STORE_VALUE_NULL);
    CHECK_STATUS(STORE_NOT_NULL, store_cursor_int64(cursor, 3, &value.data.integer, &err));
    CHECK_STATUS(STORE_TYPE, store_cursor_bool(cursor, 2, &null, &err));
    CHECK_STATUS(STORE_INVALID, store_cursor_is_null(cursor, 4, &null, &err));
}

int main(void)
{
    store_error *err = NULL;
    store_db *db = open_memory();
    store_table *table = make_people(db);
    store_query *query = NULL;
    store_txn *txn = NULL;
    char *text = NULL;
    uint64_t count = 0;
    for (int64_t id = 0; id < 10; id++)
        CHECK_OK(add_person(table, NULL, id, "a name of many bytes", id, &err));
    CHECK_OK(store_query_new(table, &query, &err));
    CHECK_OK(store_query_where(query, STORE_STR("age >= 3"), &err));
    CHECK_OK(store_query_where(query, STORE_STR("name like 'a name%' and name !~ '\\d'"), &err));
    CHECK_STATUS(STORE_TYPE, store_query_where(query, STORE_STR("age like '3%'"), &err));
    CHECK_STATUS(STORE_INVALID, store_query_where(query, STORE_STR("name ~ '('"), &err));
    CHECK_OK(store_query_where(query, STORE_STR("age <> 8"), &err));
    CHECK_STATUS(STORE_INVALID, store_query_where(query, STORE_STR("age >"), &err));
    CHECK_STATUS(STORE_TYPE, store_query_where(query, STORE_STR("age = 'x'"), &err));
    CHECK_STATUS(STORE_NOT_FOUND, store_query_where(query, STORE_STR("aged = 1"), &err));
    CHECK_STATUS(STORE_NOT_FOUND, store_query_index(query, STORE_STR("nowhere"), &err));
    CHECK_OK(store_query_index(query, STORE_STR("age"), &err));
    CHECK_OK(store_query_explain(query, &text, &err));
    CHECK(strstr(text, "index `age`") != NULL && strstr(text, "as asked") != NULL);
    store_text_free(&text);
    CHECK_OK(store_query_analyze(query, NULL, &text, &err));
    CHECK(strstr(text, "; read 6, matched 6, gave 6 rows in ") != NULL);
    store_text_free(&text);
    CHECK_OK(store_query_index(query, STORE_STR("name nocase"), &err));
    CHECK_OK(store_query_count(query, NULL, &count, &err));
    CHECK(count == 6);
    CHECK_OK(store_query_index(query, STORE_STR(""), &err));
    CHECK_OK(store_query_sort(query, STORE_STR("name, -age"), &err));
    CHECK_STATUS(STORE_NOT_FOUND, store_query_sort(query, STORE_STR("aged"), &err));
    CHECK_OK(store_query_count(query, NULL, &count, &err));
    CHECK(count == 6);
    CHECK_OK(store_query_limit(query, 2, &err));
    CHECK_OK(store_query_explain(query, &text, &err));
    CHECK(text[0] != 0);
    store_text_free(&text);
    /* What has begun ends, what begins later does not. */
    store_cursor *begun = run(query, NULL);
    bool has_row = true;
    CHECK_OK(store_interrupt(db, &err));
    CHECK_STATUS(STORE_CANCELLED, store_cursor_next(begun, &has_row, &err));
    CHECK(!has_row);
    store_cursor_close(&begun);
    store_cursor *top = run(query, NULL);
    CHECK_OK(store_query_offset(query, 1, &err));
    CHECK_OK(store_begin(db, &txn, &err));
    CHECK_OK(set_age(table, txn, 9, 0, &err));
    store_cursor *inside = run(query, txn);
    store_query *all = NULL;
    CHECK_OK(store_query_new(table, &all, &err));
    store_cursor *rows = run(all, NULL);

    /* Parents first: the cursors still read what they saw. */
    CHECK_OK(store_rollback(&txn, &err));
    store_value key = store_value_int64(9);
    CHECK_OK(store_delete(table, NULL, &key, 1, NULL, &err));
    store_query_free(&query);
    store_query_free(&all);
    store_table_close(&table);
    store_close(&db);
    CHECK(next_id(top) == 9);
    reads_cells(top);
    CHECK(next_id(top) == 7 && next_id(top) == -1 && next_id(top) == -1);
    CHECK(next_id(inside) == 6 && next_id(inside) == 5 && next_id(inside) == -1);
    for (count = 0; next_id(rows) >= 0; count++) {}
    CHECK(count == 10);
    CHECK(store_cursor_close(&top) == STORE_OK && top == NULL);
    store_cursor_close(&inside);
    store_cursor_close(&rows);
    return 0;
}
