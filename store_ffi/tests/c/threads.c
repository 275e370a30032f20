/* Threads read while one writes: every snapshot has a whole commit. A busy handle says so. */
#include "check.h"

#include <pthread.h>

#define ROWS 8
#define ROUNDS 200
#define READERS 3

static store_db *db;
static store_table *table;

/* Each commit gives every row the same age. */
static void *write_rounds(void *unused)
{
    store_error *err = NULL;
    for (int64_t round = 1; round <= ROUNDS; round++) {
        store_txn *txn = NULL;
        CHECK_OK(store_begin(db, &txn, &err));
        for (int64_t id = 0; id < ROWS; id++)
            CHECK_OK(set_age(table, txn, id, round, &err));
        CHECK_OK(store_commit(&txn, &err));
    }
    return unused;
}

static void *read_rounds(void *unused)
{
    store_error *err = NULL;
    store_query *query = NULL;
    int64_t age = 0, last = 0;
    CHECK_OK(store_query_new(table, &query, &err));
    while (last < ROUNDS) {
        store_cursor *cursor = NULL;
        bool has_row = false;
        int64_t rows = 0, first = 0;
        CHECK_OK(store_query_run(query, NULL, &cursor, &err));
        for (;;) {
            CHECK_OK(store_cursor_next(cursor, &has_row, &err));
            if (!has_row)
                break;
            CHECK_OK(store_cursor_int64(cursor, 2, &age, &err));
            first = rows++ == 0 ? age : first;
            CHECK(age == first);
        }
        CHECK(rows == ROWS && first >= last);
        last = first;
        store_cursor_close(&cursor);
    }
    store_query_free(&query);
    return unused;
}

int main(void)
{
    store_error *err = NULL;
    pthread_t threads[READERS + 1];
    db = open_memory();
    table = make_people(db);
    for (int64_t id = 0; id < ROWS; id++)
        CHECK_OK(add_person(table, NULL, id, "somebody", 0, &err));
    for (int i = 0; i <= READERS; i++)
        CHECK(pthread_create(&threads[i], NULL, i ? read_rounds : write_rounds, NULL) == 0);
    for (int i = 0; i <= READERS; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
    store_table_close(&table);
    store_close(&db);
    return 0;
}
