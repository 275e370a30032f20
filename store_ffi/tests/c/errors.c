/* Errors: bad arguments, stale handles, details; nothing crashes. */
#include "check.h"

static void stale_handles(void)
{
    store_error *err = NULL;
    store_db *db = open_memory(), *copy = db;
    store_table *table = make_people(db), *table_copy = table;
    store_txn *txn = NULL, *txn_copy = NULL;
    char *text = NULL;
    CHECK_OK(store_begin(db, &txn, &err));
    txn_copy = txn;
    CHECK_OK(store_commit(&txn, &err));
    CHECK_STATUS(STORE_INVALID, add_person(table, txn_copy, 1, "x", 1, &err));
    CHECK_STATUS(STORE_INVALID, store_commit(&txn_copy, &err));
    CHECK(txn_copy == NULL);
    store_table_close(&table);
    CHECK_STATUS(STORE_INVALID, add_person(table_copy, NULL, 1, "x", 1, &err));
    CHECK(store_table_close(&table_copy) == STORE_INVALID && table_copy == NULL);
    store_close(&db);
    CHECK_STATUS(STORE_INVALID, store_stats_json(copy, &text, &err));
    CHECK(store_close(&copy) == STORE_INVALID && copy == NULL && text == NULL);
    CHECK(store_close(&copy) == STORE_OK);
}

static void wrong_handles(void)
{
    store_error *err = NULL;
    store_db *db = open_memory(), *other = open_memory();
    store_table *table = make_people(db);
    store_txn *txn = NULL;
    char *text = NULL;
    uint64_t count = 0;
    store_query *query = NULL;
    CHECK_OK(store_begin(other, &txn, &err));
    CHECK_STATUS(STORE_INVALID, add_person(table, txn, 1, "x", 1, &err));
    CHECK_OK(store_query_new(table, &query, &err));
    CHECK_STATUS(STORE_INVALID, store_query_count(query, txn, &count, &err));
    CHECK_STATUS(STORE_INVALID, store_stats_json((store_db *)(void *)table, &text, &err));
    CHECK_STATUS(STORE_INVALID, store_stats_json((store_db *)(void *)((char *)db + 1), &text, &err));
    CHECK_OK(store_rollback(&txn, &err));
    store_query_free(&query);
    store_table_close(&table);
    store_close(&db);
    store_close(&other);
}

static void bad_arguments(void)
{
    store_error *err = NULL;
    store_db *db = open_memory();
    store_table *table = make_people(db), *second = table;
    store_ingest_options *options = NULL;
    store_value bad = store_value_int64(1);
    bool found = true;
    bad.kind = 99;
    CHECK_STATUS(STORE_INVALID, store_exists(table, NULL, &bad, 1, &found, &err));
    CHECK(!found);
    bad = store_value_text((const uint8_t *)"\xff", 1);
    CHECK_STATUS(STORE_INVALID, store_exists(table, NULL, &bad, 1, &found, &err));
    bad = store_value_text((const uint8_t *)"x", SIZE_MAX);
    CHECK_STATUS(STORE_INVALID, store_exists(table, NULL, &bad, 1, &found, &err));
    CHECK_STATUS(STORE_TYPE, add_person(table, NULL, 1, "x", (int64_t)1 << 40, &err));
    CHECK_STATUS(STORE_INVALID, store_insert(table, NULL, &bad, SIZE_MAX / 2, &err));
    CHECK_STATUS(STORE_INVALID, store_insert_rows(table, NULL, &bad, SIZE_MAX, 2, &err));
    CHECK_STATUS(STORE_INVALID, store_insert_rows(table, NULL, &bad, 0, 2, &err));
    CHECK_STATUS(STORE_INVALID, store_table_open(db, (const uint8_t *)"\xc3", 1, &second, &err));
    CHECK(second == NULL);
    CHECK_STATUS(STORE_INVALID, store_table_open(db, (const uint8_t *)"x", SIZE_MAX, &second, &err));
    CHECK_STATUS(STORE_DUPLICATE, store_table_create(db, STORE_STR("people"), STORE_STR(PEOPLE), NULL, &err));
    CHECK_STATUS(STORE_INVALID, store_table_create(db, STORE_STR("t"), STORE_STR("id what"), NULL, &err));
    CHECK_OK(store_ingest_options_new(&options, &err));
    CHECK_STATUS(STORE_INVALID, store_ingest_options_format(options, 7, &err));
    CHECK_STATUS(STORE_INVALID, store_ingest_options_mode(options, 0, &err));
    CHECK_STATUS(STORE_INVALID, store_ingest_options_on_error(options, -1, &err));
    CHECK_STATUS(STORE_INVALID, store_ingest_options_header(options, 2, &err));
    CHECK_STATUS(STORE_INVALID, store_ingest_options_batch_rows(options, 0, &err));
    store_ingest_options_free(&options);
    store_table_close(&table);
    store_close(&db);
}

/* Good handles, but nowhere to put the result. */
static void bad_places(void)
{
    store_error *err = NULL;
    store_db *db = open_memory();
    store_table *table = make_people(db);
    store_query *query = NULL;
    store_value key = store_value_int64(1);
    uint64_t counts[2] = { 0, 0 };
    uint64_t *crooked = (uint64_t *)(void *)((char *)counts + 1);
    const uint8_t *name = NULL;
    CHECK_OK(store_query_new(table, &query, &err));
    CHECK_STATUS(STORE_INVALID, store_get(table, NULL, &key, 1, NULL, &err));
    CHECK_STATUS(STORE_INVALID, store_exists(table, NULL, &key, 1, NULL, &err));
    CHECK_STATUS(STORE_INVALID, store_begin(db, NULL, &err));
    CHECK_STATUS(STORE_INVALID, store_table_open(db, STORE_STR("people"), NULL, &err));
    CHECK_STATUS(STORE_INVALID, store_table_column_name(table, 0, &name, NULL, &err));
    CHECK_STATUS(STORE_INVALID, store_query_run(query, NULL, NULL, &err));
    CHECK_STATUS(STORE_INVALID, store_query_count(query, NULL, NULL, &err));
    CHECK_STATUS(STORE_INVALID, store_query_count(query, NULL, crooked, &err));
    CHECK_STATUS(STORE_INVALID, store_exists(table, NULL, NULL, 1, (bool *)counts, &err));
    CHECK_STATUS(STORE_INVALID, store_exists(table, NULL, &key, 2, (bool *)counts, &err));
    CHECK(counts[0] == 0 && counts[1] == 0);
    store_query_free(&query);
    store_table_close(&table);
    store_close(&db);
}

static void errors_tell(void)
{
    store_error *err = NULL;
    store_db *db = open_memory(), *none = db;
    store_table *table = make_people(db);
    store_row *row = NULL;
    store_options *options = NULL;
    store_value key = store_value_int64(42);
    CHECK(store_get(table, NULL, &key, 1, &row, &err) == STORE_NOT_FOUND && row == NULL);
    CHECK(strcmp(store_error_message(err), "no row 42 in `people`") == 0);
    CHECK(store_error_detail_count(err) == 2 && !store_error_retryable(err));
    CHECK(strcmp(store_error_detail(err, 0), "people") == 0);
    CHECK(strcmp(store_error_detail(err, 1), "42") == 0 && store_error_detail(err, 2) == NULL);
    store_error *copy = err;
    CHECK(store_error_free(&err) == STORE_OK && store_error_free(&copy) == STORE_INVALID);
    CHECK(store_get(table, NULL, &key, 1, &row, NULL) == STORE_NOT_FOUND);
    CHECK_OK(store_options_new(&options, &err));
    CHECK_OK(store_options_create(options, 0, &err));
    CHECK_STATUS(STORE_NOT_FOUND, store_open(STORE_STR("/nowhere/store"), options, &none, &err));
    CHECK(none == NULL);
    CHECK_OK(store_options_memory(options, 1, &err));
    CHECK_STATUS(STORE_OVER_BUDGET, store_open(STORE_STR(":memory:"), options, &none, &err));
    store_options_free(&options);
    CHECK(strcmp(store_status_name(STORE_PANIC), "STORE_PANIC") == 0);
    CHECK(store_status_name(21) == NULL && store_status_name(-1) == NULL);
    store_table_close(&table);
    store_close(&db);
}

int main(void)
{
    stale_handles();
    wrong_handles();
    bad_arguments();
    bad_places();
    errors_tell();
    return 0;
}
