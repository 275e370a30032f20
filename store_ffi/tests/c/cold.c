/* Rows that leave memory and come back. argv[1]: where. */
#include "check.h"

int main(int argc, char **argv)
{
    store_error *err = NULL;
    store_db *db = NULL;
    uint64_t rows = 0;
    CHECK(argc == 2);
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
