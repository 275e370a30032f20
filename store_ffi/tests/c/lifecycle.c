/* A life of a store on disk: made, written, closed, opened again, looked after. argv[1]: where. */
#include "check.h"

static void write_rows(const char *path)
{
    store_error *err = NULL;
    store_db *db = NULL, *second = NULL;
    CHECK_OK(store_open(STORE_STR(path), NULL, &db, &err));
    CHECK_STATUS(STORE_BUSY, store_open(STORE_STR(path), NULL, &second, &err));
    CHECK(second == NULL);
    store_table *table = make_people(db);
    CHECK_OK(add_person(table, NULL, 1, "Ada", 36, &err));
    CHECK_OK(add_person(table, NULL, 2, "Blaise", 39, &err));
    CHECK_OK(store_checkpoint(db, &err));
    CHECK_OK(add_person(table, NULL, 3, "Chien-Shiung", 84, &err));
    CHECK(store_close(&db) == STORE_OK && db == NULL);
    /* The table keeps the store, and with it the lock. */
    CHECK_STATUS(STORE_BUSY, store_open(STORE_STR(path), NULL, &second, &err));
    CHECK(count_people(table, NULL) == 3);
    CHECK(store_table_close(&table) == STORE_OK && table == NULL);
}

static void read_rows(const char *path)
{
    store_error *err = NULL;
    store_db *db = NULL;
    store_table *table = NULL;
    char *text = NULL;
    const uint8_t *name = NULL;
    size_t len = 0, columns = 0, position = 0;
    store_type type = STORE_TYPE_UNKNOWN;
    CHECK_OK(store_open(STORE_STR(path), NULL, &db, &err));
    CHECK_OK(store_table_names(db, &text, &err));
    CHECK(strcmp(text, "people\n") == 0);
    CHECK(store_text_free(&text) == STORE_OK && text == NULL);
    CHECK_OK(store_table_open(db, STORE_STR("people"), &table, &err));
    CHECK(count_people(table, NULL) == 3 && age_of(table, NULL, 3) == 84);
    CHECK_OK(store_table_schema(table, &text, &err));
    CHECK(strcmp(text, PEOPLE) == 0);
    store_text_free(&text);
    CHECK_OK(store_table_column_count(table, &columns, &err));
    CHECK_OK(store_table_column(table, STORE_STR("age"), &position, &err));
    CHECK_OK(store_table_column_name(table, 1, &name, &len, &err));
    CHECK_OK(store_table_column_type(table, 3, &type, &err));
    CHECK(columns == 4 && position == 2 && len == 4 && memcmp(name, "name", 4) == 0);
    CHECK(type == STORE_TYPE_TIMESTAMP);
    CHECK_OK(store_check(db, &text, &err));
    CHECK(strstr(text, "\"faults\":[]") != NULL);
    store_text_free(&text);
    CHECK_OK(store_stats_json(db, &text, &err));
    CHECK(strstr(text, "\"rows\":3") != NULL);
    CHECK(strstr(text, "\"bytes_per_row\":") != NULL && strstr(text, "\"bytes_per_entry\":") != NULL);
    store_text_free(&text);
    store_table_close(&table);
    store_close(&db);
}

static void read_cells(void)
{
    store_error *err = NULL;
    store_db *db = open_memory();
    store_table *table = NULL;
    store_row *row = NULL;
    bool yes = false, null = true;
    int64_t number = 0;
    double real = 0;
    const uint8_t *bytes = NULL, *again = NULL;
    size_t len = 0;
    store_value value, key = store_value_int64(1);
    CHECK_OK(store_table_create(
        db, STORE_STR("kinds"),
        STORE_STR("id int64 key, yes bool, half float64, word text, raw bytes, day date, at timestamp"),
        &table, &err));
    store_value cells[7] = { key,
                             store_value_bool(1),
                             store_value_double(0.5),
                             store_value_text(STORE_STR("caf\xc3\xa9")),
                             store_value_bytes((const uint8_t *)"\0\xff", 2),
                             store_value_date(15706),
                             store_value_timestamp(1) };
    CHECK_OK(store_insert(table, NULL, cells, 7, &err));
    CHECK_OK(store_get(table, NULL, &key, 1, &row, &err));
    store_table_close(&table);
    store_close(&db);
    CHECK_OK(store_row_is_null(row, 1, &null, &err));
    CHECK_OK(store_row_bool(row, 1, &yes, &err));
    CHECK_OK(store_row_double(row, 2, &real, &err));
    CHECK(!null && yes && real == 0.5);
    CHECK_OK(store_row_text(row, 3, &bytes, &len, &err));
    CHECK(len == 5 && memcmp(bytes, "caf\xc3\xa9", 5) == 0);
    CHECK_OK(store_row_bytes(row, 4, &bytes, &len, &err));
    CHECK(len == 2 && bytes[1] == 0xff);
    CHECK_OK(store_row_int64(row, 5, &number, &err));
    CHECK_OK(store_row_show(row, 5, &bytes, &len, &err));
    CHECK(number == 15706 && len == 10 && memcmp(bytes, "2013-01-01", 10) == 0);
    CHECK_OK(store_row_show(row, 6, &again, &len, &err));
    CHECK(memcmp(bytes, "2013-01-01", 10) == 0); /* still lent */
    CHECK_OK(store_row_value(row, 6, &value, &err));
    CHECK(value.kind == STORE_VALUE_TIMESTAMP && value.data.integer == 1);
    CHECK_STATUS(STORE_TYPE, store_row_int64(row, 3, &number, &err));
    CHECK_STATUS(STORE_INVALID, store_row_int64(row, 7, &number, &err));
    CHECK(store_row_free(&row) == STORE_OK && row == NULL);
}

static void back_up(const char *path)
{
    store_error *err = NULL;
    store_db *db = NULL, *copy = NULL;
    store_table *table = NULL;
    store_backup_report report = { 0 };
    char place[4096];
    CHECK(snprintf(place, sizeof place, "%s.copy", path) < (int)sizeof place);
    CHECK_OK(store_open(STORE_STR(path), NULL, &db, &err));
    CHECK_OK(store_backup(db, STORE_STR(place), &report, &err));
    CHECK(report.files >= 2 && report.bytes > 4096 && report.timestamp > 0 && report.files_kept == 0);
    CHECK_STATUS(STORE_INVALID, store_backup(db, STORE_STR(place), NULL, &err));
    CHECK_OK(store_open(STORE_STR(place), NULL, &copy, &err));
    CHECK_OK(store_table_open(copy, STORE_STR("people"), &table, &err));
    CHECK(count_people(table, NULL) == 3);
    store_table_close(&table);
    store_close(&copy);
    store_close(&db);
}

/* A second opening of a store that is owned, for reading only. */
static void followed(const char *path)
{
    store_error *err = NULL;
    store_db *db = NULL, *reader = NULL;
    store_table *table = NULL, *same = NULL;
    store_options *options = NULL;
    char *text = NULL;
    uint64_t timestamp = 0;
    CHECK_OK(store_options_new(&options, &err));
    CHECK_OK(store_options_follower_bytes(options, 64 << 20, &err));
    CHECK_OK(store_open(STORE_STR(path), options, &db, &err));
    CHECK_STATUS(STORE_BUSY, store_open(STORE_STR(path), options, &reader, &err));
    CHECK_STATUS(STORE_INVALID, store_options_read_only(options, 2, &err));
    CHECK_OK(store_options_read_only(options, 1, &err));
    CHECK_OK(store_options_read_only(options, 0, &err));
    CHECK_STATUS(STORE_BUSY, store_open(STORE_STR(path), options, &reader, &err));
    CHECK_OK(store_options_read_only(options, 1, &err));
    CHECK_OK(store_open(STORE_STR(path), options, &reader, &err));
    CHECK_OK(store_table_open(db, STORE_STR("people"), &table, &err));
    CHECK_OK(store_table_open(reader, STORE_STR("people"), &same, &err));
    uint64_t before = count_people(same, NULL);
    CHECK(before == count_people(table, NULL));
    CHECK_OK(add_person(table, NULL, 77, "Hedy", 38, &err));
    CHECK_OK(store_refresh(reader, &timestamp, &err));
    CHECK_OK(store_refresh(reader, NULL, &err));
    CHECK(timestamp > 0 && count_people(same, NULL) == before + 1);
    CHECK_STATUS(STORE_READ_ONLY, add_person(same, NULL, 78, "Ida", 1, &err));
    CHECK_STATUS(STORE_READ_ONLY, store_checkpoint(reader, &err));
    CHECK_OK(store_stats_json(reader, &text, &err));
    CHECK(strstr(text, "\"has_owner\":true"));
    store_text_free(&text);
    CHECK_OK(store_stats_json(db, &text, &err));
    CHECK(strstr(text, "\"following\":null") && strstr(text, "\"held_bytes\":"));
    store_text_free(&text);
    CHECK_OK(store_refresh(db, NULL, &err));
    store_options_free(&options);
    store_table_close(&table);
    store_table_close(&same);
    store_close(&reader);
    store_close(&db);
}

/* Levels of durability, tickets, checkpoints by themselves, and what opening found. */
static void levels(const char *path)
{
    store_error *err = NULL;
    store_db *db = NULL;
    store_table *table = NULL;
    store_options *options = NULL;
    store_txn *txn = NULL;
    char *text = NULL;
    uint64_t lsn = 0, later = 0;
    bool durable = false;
    CHECK_OK(store_options_new(&options, &err));
    CHECK_STATUS(STORE_INVALID, store_options_durability(options, 0, &err));
    CHECK_OK(store_options_durability(options, STORE_DURABILITY_ASYNC, &err));
    CHECK_OK(store_options_async(options, 250, 1 << 20, &err));
    CHECK_OK(store_options_checkpoint(options, 1 << 30, 0, &err));
    CHECK_OK(store_options_threads(options, 2, &err));
    CHECK_OK(store_open(STORE_STR(path), options, &db, &err));
    CHECK_OK(store_recovery_json(db, &text, &err));
    CHECK(strstr(text, "\"checkpoint_rows\":2") && strstr(text, "\"log_rows\":1") && strstr(text, "\"cut\":null"));
    store_text_free(&text);
    CHECK_OK(store_stats_json(db, &text, &err));
    CHECK(strstr(text, "\"durability\":\"async\"") && strstr(text, "\"async_delay_ms\":250"));
    CHECK(strstr(text, "\"checkpoint_error\":null"));
    store_text_free(&text);
    CHECK_OK(store_table_open(db, STORE_STR("people"), &table, &err));
    CHECK_OK(add_person(table, NULL, 10, "Dorothy", 98, &err));
    CHECK_OK(store_sync(db, &err));

    CHECK_OK(store_begin(db, &txn, &err));
    CHECK_STATUS(STORE_INVALID, store_txn_durability(txn, STORE_DURABILITY_NONE, &err));
    CHECK_OK(store_txn_durability(txn, STORE_DURABILITY_SYNC, &err));
    CHECK_OK(add_person(table, txn, 11, "Emmy", 53, &err));
    CHECK_STATUS(STORE_INVALID, store_commit_ticket(&txn, NULL, &err));
    CHECK(txn != NULL);
    CHECK_OK(store_commit_ticket(&txn, &lsn, &err));
    CHECK(txn == NULL && lsn > 0);
    CHECK_OK(store_begin(db, &txn, &err));
    CHECK_OK(add_person(table, txn, 12, "Fanny", 41, &err));
    CHECK_OK(store_commit_ticket(&txn, &later, &err));
    CHECK(later > lsn);
    CHECK_OK(store_wait_durable(db, later, &err));
    CHECK_OK(store_is_durable(db, lsn, &durable, &err));
    CHECK(durable && count_people(table, NULL) == 6);
    CHECK_OK(store_is_durable(db, later + 1, &durable, &err));
    CHECK(!durable);
    CHECK_STATUS(STORE_INVALID, store_wait_durable(db, later + 1, &err));
    CHECK(store_table_close(&table) == STORE_OK && store_close(&db) == STORE_OK);
    CHECK(store_options_free(&options) == STORE_OK);
    CHECK_OK(store_open(STORE_STR(":memory:"), NULL, &db, &err));
    CHECK_OK(store_recovery_json(db, &text, &err));
    CHECK(strcmp(text, "null") == 0);
    store_text_free(&text);
    CHECK(store_close(&db) == STORE_OK);
}

int main(int argc, char **argv)
{
    CHECK(argc == 2);
    CHECK(strcmp(store_version(), "0.1.0") == 0 && STORE_VERSION_MINOR == 1);
    write_rows(argv[1]);
    read_rows(argv[1]);
    back_up(argv[1]);
    read_cells();
    levels(argv[1]);
    followed(argv[1]);
    return 0;
}
