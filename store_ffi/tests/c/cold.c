/* Rows that leave memory and come back. argv[1]: where. */
#include "check.h"

enum { MANY = 200000, BATCH = 200 };

/* Rows from this number on, in one transaction. */
static store_status add_batch(store_db *db, store_table *table, int from, store_error **err)
{
    store_txn *txn = NULL;
    store_status done = store_begin(db, &txn, err);
    for (int id = from; done == STORE_OK && id < from + BATCH; id++) {
        store_value row[2] = {store_value_int64(id),
                              store_value_text(STORE_STR("one of a great many people"))};
        done = store_insert(table, txn, row, 2, err);
    }
    if (done == STORE_OK)
        return store_commit(&txn, err);
    store_rollback(&txn, NULL);
    return done;
}

/* A table of some twenty megabytes in a store that may hold eight. */
static void more_than_memory(const char *path)
{
    store_error *err = NULL;
    store_options *options = NULL;
    store_db *db = NULL;
    store_table *table = NULL;
    CHECK_OK(store_options_new(&options, &err));
    CHECK_OK(store_options_memory(options, 8 << 20, &err));
    CHECK_OK(store_options_durability(options, STORE_DURABILITY_NONE, &err));
    CHECK_STATUS(STORE_INVALID, store_options_freeze(options, 2, &err));
    CHECK_OK(store_options_freeze(options, 1, &err));
    CHECK_OK(store_open(STORE_STR(path), options, &db, &err));
    CHECK_OK(store_table_create(db, STORE_STR("many"), STORE_STR("id int64 key, name text"),
                                &table, &err));
    for (int id = 0, refused = 0; id < MANY;) {
        store_status done = add_batch(db, table, id, &err);
        if (done == STORE_OVER_BUDGET && refused++ < 20) {
            store_error_free(&err); /* the next store_begin waits until rows are frozen */
            continue;
        }
        CHECK_OK(done);
        id += BATCH;
    }
    CHECK(count_people(table, NULL) == MANY);
    store_table_close(&table);
    store_close(&db);
    store_options_free(&options);
}

static void another_budget(store_db *db)
{
    store_error *err = NULL;
    char *stats = NULL;
    CHECK_OK(store_set_memory(db, 16 << 20, &err));
    CHECK_STATUS(STORE_OVER_BUDGET, store_set_memory(db, 100, &err));
    CHECK_OK(store_stats_json(db, &stats, &err));
    CHECK(strstr(stats, "\"memory_limit\":16777216") != NULL);
    store_text_free(&stats);
}

int main(int argc, char **argv)
{
    store_error *err = NULL;
    store_db *db = NULL;
    uint64_t rows = 0;
    char many[4096];
    CHECK(argc == 2);
    snprintf(many, sizeof many, "%s-many", argv[1]);
    more_than_memory(many);
    CHECK_OK(store_open(STORE_STR(argv[1]), NULL, &db, &err));
    store_table *table = make_people(db);
    for (int id = 0; id < 100; id++)
        CHECK_OK(add_person(table, NULL, id, id % 2 ? "Ada" : "Blaise", 20 + id, &err));
    CHECK_OK(store_table_freeze(table, STORE_STR("age < 60"), &rows, &err));
    CHECK(rows == 40 && count_people(table, NULL) == 100 && age_of(table, NULL, 7) == 27);
    CHECK_OK(store_table_thaw(table, STORE_STR("id < 10"), &rows, &err));
    CHECK(rows == 10 && count_people(table, NULL) == 100);
    CHECK_OK(store_table_freeze(table, NULL, 0, NULL, &err));
    CHECK(count_people(table, NULL) == 100 && age_of(table, NULL, 99) == 119);
    another_budget(db);
    CHECK(count_people(table, NULL) == 100 && age_of(table, NULL, 99) == 119);
    CHECK(store_table_freeze(table, STORE_STR("nobody = 1"), &rows, &err) == STORE_NOT_FOUND);
    store_error_free(&err);
    store_table_close(&table);
    CHECK(store_close(&db) == STORE_OK);

    CHECK_OK(store_open(STORE_STR(argv[1]), NULL, &db, &err));
    CHECK_OK(store_table_open(db, STORE_STR("people"), &table, &err));
    CHECK(count_people(table, NULL) == 100 && age_of(table, NULL, 99) == 119);
    store_table_close(&table);
    store_close(&db);

    db = open_memory();
    table = make_people(db);
    CHECK_STATUS(STORE_UNSUPPORTED, store_table_freeze(table, NULL, 0, &rows, &err));
    store_table_close(&table);
    store_close(&db);
    return 0;
}
