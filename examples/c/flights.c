/* Flights of 2013 in a store: loads them once, then asks.
 *
 *     cc -std=c11 -Iinclude examples/c/flights.c -Ltarget/release -lstore -o flights
 *     ./flights flights.db flights.tsv.gz
 *
 * argv[1] is a store's directory or :memory:, argv[2] tab-separated text with a header and NA.
 */
#include "store.h"

#include <stdio.h>
#include <stdlib.h>

#define SCHEMA                                                                                   \
    "year int16, month int16, day int16, dep_time int16, sched_dep_time int16, "                 \
    "dep_delay int16 index, arr_time int16, sched_arr_time int16, arr_delay int16, "             \
    "carrier text, flight int32, tailnum text, origin text index, dest text, air_time int16, "   \
    "distance int32, hour int16, minute int16, time_hour timestamp, "                            \
    "key(year, month, day, carrier, flight, origin, sched_dep_time)"

enum { DEP_DELAY = 5, CARRIER = 9, FLIGHT = 10, ORIGIN = 12, DEST = 13, DISTANCE = 15, KEY_COLUMNS = 7 };

/* Ends the program if a call failed, with what the library says about it. */
static void check(store_status status, store_error **err)
{
    if (status == STORE_OK)
        return;
    fprintf(stderr, "flights: %s: %s\n", store_status_name((int32_t)status), store_error_message(*err));
    store_error_free(err);
    exit(1);
}

static int32_t show_progress(void *context, const store_progress *progress)
{
    if (progress->rows_in % 100000 == 0)
        fprintf((FILE *)context, "%llu rows read\n", (unsigned long long)progress->rows_in);
    return 0; /* go on */
}

static void load(store_table *table, const char *path)
{
    store_error *err = NULL;
    store_ingest_options *options = NULL;
    store_ingest_report report;
    check(store_ingest_options_new(&options, &err), &err);
    check(store_ingest_options_header(options, 1, &err), &err);
    check(store_ingest_options_null(options, STORE_STR("NA"), &err), &err);
    check(store_ingest_options_progress(options, show_progress, stderr, &err), &err);
    check(store_ingest_file(table, STORE_STR(path), options, &report, &err), &err);
    store_ingest_options_free(&options);
    fprintf(stderr, "%llu rows loaded\n", (unsigned long long)report.rows_loaded);
}

/* Opens the table, and makes and fills it if there is none. */
static store_table *open_flights(store_db *db, const char *path)
{
    store_error *err = NULL;
    store_table *table = NULL;
    store_status status = store_table_open(db, STORE_STR("flights"), &table, &err);
    if (status == STORE_NOT_FOUND) {
        store_error_free(&err);
        check(store_table_create(db, STORE_STR("flights"), STORE_STR(SCHEMA), &table, &err), &err);
        load(table, path);
    } else {
        check(status, &err);
    }
    return table;
}

static store_query *new_query(store_table *table, const char *where)
{
    store_error *err = NULL;
    store_query *query = NULL;
    check(store_query_new(table, &query, &err), &err);
    if (where != NULL)
        check(store_query_where(query, STORE_STR(where), &err), &err);
    return query;
}

static unsigned long long count(store_table *table, const char *where)
{
    store_error *err = NULL;
    uint64_t rows = 0;
    store_query *query = new_query(table, where);
    check(store_query_count(query, NULL, &rows, &err), &err);
    store_query_free(&query);
    return rows;
}

static int next_row(store_cursor *cursor)
{
    store_error *err = NULL;
    bool has_row = false;
    check(store_cursor_next(cursor, &has_row, &err), &err);
    return has_row;
}

static int64_t sum_distance(store_table *table)
{
    store_error *err = NULL;
    store_cursor *cursor = NULL;
    int64_t sum = 0;
    store_query *query = new_query(table, "distance is not null");
    check(store_query_run(query, NULL, &cursor, &err), &err);
    while (next_row(cursor)) {
        int64_t distance = 0;
        check(store_cursor_int64(cursor, DISTANCE, &distance, &err), &err);
        sum += distance;
    }
    store_cursor_close(&cursor);
    store_query_free(&query);
    return sum;
}

static void print_cell(store_cursor *cursor, size_t column)
{
    store_error *err = NULL;
    const uint8_t *text = NULL;
    size_t len = 0;
    check(store_cursor_show(cursor, column, &text, &len, &err), &err);
    printf(" %.*s", (int)len, (const char *)text);
}

static void print_latest(store_table *table)
{
    store_error *err = NULL;
    store_cursor *cursor = NULL;
    store_query *query = new_query(table, "dep_delay is not null");
    check(store_query_sort(query, STORE_STR("-dep_delay"), &err), &err);
    check(store_query_limit(query, 3, &err), &err);
    check(store_query_run(query, NULL, &cursor, &err), &err);
    while (next_row(cursor)) {
        printf("late:");
        print_cell(cursor, CARRIER);
        print_cell(cursor, FLIGHT);
        print_cell(cursor, ORIGIN);
        print_cell(cursor, DEST);
        print_cell(cursor, DEP_DELAY);
        printf("\n");
    }
    store_cursor_close(&cursor);
    store_query_free(&query);
}

/* UA 1545 of 2013-01-01, in the order of the key's columns. */
static void make_key(store_value key[KEY_COLUMNS])
{
    key[0] = store_value_int64(2013);
    key[1] = store_value_int64(1);
    key[2] = store_value_int64(1);
    key[3] = store_value_text(STORE_STR("UA"));
    key[4] = store_value_int64(1545);
    key[5] = store_value_text(STORE_STR("EWR"));
    key[6] = store_value_int64(515);
}

static long long delay_of(store_table *table, store_txn *txn)
{
    store_error *err = NULL;
    store_row *row = NULL;
    int64_t delay = 0;
    store_value key[KEY_COLUMNS];
    make_key(key);
    check(store_get(table, txn, key, KEY_COLUMNS, &row, &err), &err);
    check(store_row_int64(row, DEP_DELAY, &delay, &err), &err);
    store_row_free(&row);
    return delay;
}

static void set_delay(store_table *table, store_txn *txn, int64_t delay)
{
    store_error *err = NULL;
    store_value key[KEY_COLUMNS];
    store_cell cell = store_cell_of(STORE_STR("dep_delay"), store_value_int64(delay));
    make_key(key);
    check(store_update(table, txn, key, KEY_COLUMNS, &cell, 1, NULL, &err), &err);
}

/* Changes a row and rolls back, then changes it and commits; ends as it began. */
static void change(store_db *db, store_table *table)
{
    store_error *err = NULL;
    store_txn *txn = NULL;
    long long before = delay_of(table, NULL);
    check(store_begin(db, &txn, &err), &err);
    set_delay(table, txn, before + 100);
    printf("in a transaction: %lld\n", delay_of(table, txn));
    check(store_rollback(&txn, &err), &err);
    printf("rolled back: %lld\n", delay_of(table, NULL));
    check(store_begin(db, &txn, &err), &err);
    set_delay(table, txn, before + 1);
    check(store_commit(&txn, &err), &err);
    printf("committed: %lld\n", delay_of(table, NULL));
    set_delay(table, NULL, before); /* a transaction of its own */
}

int main(int argc, char **argv)
{
    store_error *err = NULL;
    store_db *db = NULL;
    store_table *table = NULL;
    if (argc != 3) {
        fprintf(stderr, "usage: flights STORE FLIGHTS.tsv.gz\n");
        return 2;
    }
    check(store_open(STORE_STR(argv[1]), NULL, &db, &err), &err);
    table = open_flights(db, argv[2]);
    printf("rows: %llu\n", count(table, NULL));
    printf("distance: %lld\n", (long long)sum_distance(table));
    printf("UA: %llu\n", count(table, "carrier = 'UA'"));
    printf("B6: %llu\n", count(table, "carrier = 'B6'"));
    printf("EV: %llu\n", count(table, "carrier = 'EV'"));
    printf("late from JFK: %llu\n", count(table, "origin = 'JFK' and dep_delay >= 60"));
    printf("UA 1545: %lld\n", delay_of(table, NULL));
    print_latest(table);
    change(db, table);
    store_table_close(&table);
    store_close(&db);
    return 0;
}
