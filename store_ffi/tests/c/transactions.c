/* Transactions: commit, rollback, savepoints, two that conflict, writes of several rows. */
#include "check.h"

static void commits_and_rolls_back(store_db *db, store_table *table)
{
    store_error *err = NULL;
    store_txn *txn = NULL;
    CHECK_OK(store_begin(db, &txn, &err));
    CHECK_OK(add_person(table, txn, 1, "Ada", 36, &err));
    CHECK(count_people(table, txn) == 1 && count_people(table, NULL) == 0);
    CHECK_OK(store_commit(&txn, &err));
    CHECK(txn == NULL && count_people(table, NULL) == 1);
    CHECK_OK(store_begin(db, &txn, &err));
    CHECK_OK(set_age(table, txn, 1, 37, &err));
    CHECK(age_of(table, txn, 1) == 37 && age_of(table, NULL, 1) == 36);
    CHECK_OK(store_rollback(&txn, &err));
    CHECK(txn == NULL && age_of(table, NULL, 1) == 36);
    CHECK_OK(store_rollback(&txn, &err));
    CHECK_STATUS(STORE_INVALID, store_commit(&txn, &err));
}

static void savepoints_nest(store_db *db, store_table *table)
{
    store_error *err = NULL;
    store_txn *txn = NULL;
    uint64_t outer = 0, inner = 0;
    CHECK_OK(store_begin(db, &txn, &err));
    CHECK_OK(store_savepoint(txn, &outer, &err));
    CHECK_OK(set_age(table, txn, 1, 40, &err));
    CHECK_OK(store_savepoint(txn, &inner, &err));
    CHECK_OK(set_age(table, txn, 1, 41, &err));
    CHECK_OK(store_rollback_to(txn, inner, &err));
    CHECK(age_of(table, txn, 1) == 40);
    CHECK_STATUS(STORE_INVALID, store_release(txn, inner, &err));
    CHECK_OK(store_savepoint(txn, &inner, &err));
    CHECK_OK(store_release(txn, outer, &err));
    CHECK_STATUS(STORE_INVALID, store_rollback_to(txn, inner, &err));
    CHECK_OK(store_commit(&txn, &err));
    CHECK(age_of(table, NULL, 1) == 40);
}

static void first_updater_wins(store_db *db, store_table *table)
{
    store_error *err = NULL;
    store_txn *one = NULL, *two = NULL;
    CHECK_OK(store_begin(db, &one, &err));
    CHECK_OK(store_begin(db, &two, &err));
    CHECK_OK(set_age(table, one, 1, 50, &err));
    CHECK(set_age(table, two, 1, 51, &err) == STORE_CONFLICT);
    CHECK(store_error_retryable(err) && store_error_code(err) == STORE_CONFLICT);
    store_error_free(&err);
    CHECK_STATUS(STORE_CONFLICT, add_person(table, two, 9, "late", 1, &err));
    CHECK_STATUS(STORE_CONFLICT, store_commit(&two, &err));
    CHECK(two == NULL);
    CHECK_OK(store_commit(&one, &err));
    CHECK(age_of(table, NULL, 1) == 50);
}

/* Each reads what the other writes: one level lets both commit, the other lets one. */
static void write_skew(store_db *db, store_table *table)
{
    const int32_t levels[] = {STORE_ISOLATION_SNAPSHOT, STORE_ISOLATION_SERIALIZABLE};
    for (int i = 0; i < 2; i++) {
        store_error *err = NULL;
        store_txn *one = NULL, *two = NULL;
        CHECK_OK(store_begin_with(db, levels[i], false, &one, &err));
        CHECK_OK(store_begin_with(db, levels[i], false, &two, &err));
        CHECK(age_of(table, one, 1) == 50 && age_of(table, two, 2) == 50);
        CHECK_OK(set_age(table, one, 2, 50, &err));
        CHECK_OK(set_age(table, two, 1, 50, &err));
        CHECK_OK(store_commit(&one, &err));
        CHECK_STATUS(i == 0 ? STORE_OK : STORE_CONFLICT, store_commit(&two, &err));
    }
}

static void reads_and_locks(store_db *db, store_table *table)
{
    store_error *err = NULL;
    store_txn *one = NULL, *two = NULL;
    store_value key = store_value_int64(1);
    bool found = false;
    CHECK_STATUS(STORE_INVALID, store_begin_with(db, 7, false, &one, &err));
    CHECK_OK(store_begin_with(db, STORE_ISOLATION_SERIALIZABLE, true, &one, &err));
    CHECK_STATUS(STORE_READ_ONLY, set_age(table, one, 1, 1, &err));
    CHECK_STATUS(STORE_READ_ONLY, store_lock(table, one, &key, 1, &found, &err));
    CHECK(age_of(table, one, 1) == 50);
    CHECK_OK(store_commit(&one, &err));
    CHECK_STATUS(STORE_INVALID, store_lock(table, NULL, &key, 1, &found, &err));
    CHECK_OK(store_begin(db, &one, &err));
    CHECK_OK(store_begin(db, &two, &err));
    CHECK_OK(store_lock(table, one, &key, 1, &found, &err));
    CHECK(found);
    CHECK_STATUS(STORE_CONFLICT, set_age(table, two, 1, 1, &err));
    CHECK_OK(store_rollback(&two, &err));
    CHECK_OK(store_commit(&one, &err));
}

static void many_rows_or_none(store_db *db, store_table *table)
{
    store_error *err = NULL;
    store_txn *txn = NULL;
    store_value rows[8];
    bool inserted = false;
    for (int i = 0; i < 2; i++) {
        rows[i * 4] = store_value_int64(10 + i);
        rows[i * 4 + 1] = store_value_null();
        rows[i * 4 + 2] = store_value_int64(i);
        rows[i * 4 + 3] = store_value_timestamp(i);
    }
    CHECK_OK(store_insert_rows(table, NULL, rows, 4, 2, &err));
    CHECK(count_people(table, NULL) == 3);
    rows[0] = store_value_int64(12); /* the second is a duplicate now */
    CHECK_OK(store_begin(db, &txn, &err));
    CHECK_STATUS(STORE_DUPLICATE, store_insert_rows(table, txn, rows, 4, 2, &err));
    CHECK(count_people(table, txn) == 3);
    CHECK_OK(store_upsert_rows(table, txn, rows, 4, 2, &err));
    CHECK_OK(store_upsert(table, txn, rows, 4, &inserted, &err));
    CHECK(!inserted && count_people(table, txn) == 4);
    CHECK_OK(store_commit(&txn, &err));
    store_cell cells[2];
    cells[0] = store_cell_of(STORE_STR("age"), store_value_int64(7));
    cells[1] = store_cell_of(STORE_STR("id"), store_value_int64(77));
    CHECK_OK(store_upsert_cells(table, NULL, cells, 2, &inserted, &err));
    CHECK(inserted && age_of(table, NULL, 77) == 7);
    CHECK_STATUS(STORE_DUPLICATE, store_insert_cells(table, NULL, cells, 2, &err));
    CHECK_OK(store_delete(table, NULL, &cells[1].value, 1, &inserted, &err));
    CHECK(inserted);
    CHECK_OK(store_delete(table, NULL, &cells[1].value, 1, &inserted, &err));
    CHECK(!inserted);
    CHECK_OK(store_exists(table, NULL, &cells[1].value, 1, &inserted, &err));
    CHECK(!inserted);
}

int main(void)
{
    store_db *db = open_memory();
    store_table *table = make_people(db);
    store_error *err = NULL;
    store_value bob = store_value_int64(2);
    commits_and_rolls_back(db, table);
    savepoints_nest(db, table);
    first_updater_wins(db, table);
    CHECK_OK(add_person(table, NULL, 2, "Bob", 50, &err));
    write_skew(db, table);
    reads_and_locks(db, table);
    CHECK_OK(store_delete(table, NULL, &bob, 1, NULL, &err));
    many_rows_or_none(db, table);
    store_table_close(&table);
    store_close(&db);
    return 0;
}
