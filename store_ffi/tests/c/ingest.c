/* Loading text from memory and files: modes, bad rows, progress, cancelling. */
#include "check.h"

struct told {
    int calls;
    int cancel_at;
    uint64_t line;
};

static int32_t on_progress(void *context, const store_progress *progress)
{
    struct told *told = context;
    CHECK(progress->rows_in > 0);
    return ++told->calls == told->cancel_at;
}

/* Closes what the ingest was started with: it goes on to its end. */
static int32_t close_table(void *context, const store_progress *progress)
{
    CHECK(progress->source_size == 0);
    CHECK(store_table_close(context) == STORE_OK);
    return 0;
}

static void on_row_error(void *context, uint64_t line, const char *message)
{
    struct told *told = context;
    told->line = line;
    CHECK(strstr(message, "age") != NULL);
}

#define TEXT "id\tname\tage\n1\tAda\t36\n2\tNA\told\n3\tCyd\tNA\n"

int main(int argc, char **argv)
{
    store_error *err = NULL;
    store_db *db = open_memory();
    store_table *table = make_people(db);
    store_ingest_options *options = NULL;
    store_ingest_report report;
    struct told told = { 0, 0, 0 };
    CHECK(argc == 2);
    CHECK_OK(store_ingest_options_new(&options, &err));
    CHECK_OK(store_ingest_options_format(options, STORE_FORMAT_TSV, &err));
    CHECK_OK(store_ingest_options_header(options, 1, &err));
    CHECK_OK(store_ingest_options_null(options, STORE_STR("NA"), &err));
    CHECK_OK(store_ingest_options_progress(options, on_progress, &told, &err));
    CHECK_OK(store_ingest_options_row_error(options, on_row_error, &told, &err));
    CHECK_OK(store_ingest_options_batch_rows(options, 1, &err));
    CHECK_STATUS(STORE_TYPE, store_ingest_buffer(table, STORE_STR(TEXT), options, &report, &err));
    CHECK(report.rows_in == 0 && count_people(table, NULL) == 1);

    CHECK_OK(store_ingest_options_on_error(options, STORE_ON_ERROR_COLLECT, &err));
    CHECK_OK(store_ingest_options_max_errors(options, 1, &err));
    CHECK_OK(store_ingest_options_mode(options, STORE_INGEST_UPSERT, &err));
    CHECK_OK(store_ingest_buffer(table, STORE_STR(TEXT), options, &report, &err));
    CHECK(report.rows_in == 3 && report.rows_loaded == 2 && report.rows_rejected == 1);
    CHECK(told.line == 3 && told.calls > 0 && count_people(table, NULL) == 2);

    told.calls = 0;
    told.cancel_at = 1;
    CHECK_OK(store_ingest_options_atomic(options, 1, &err));
    CHECK_OK(store_ingest_options_delimiter(options, ';', &err));
    CHECK_STATUS(STORE_CANCELLED,
                 store_ingest_buffer(table, STORE_STR("id;age\n7;7\n8;8\n"), options, NULL, &err));
    CHECK(count_people(table, NULL) == 2);

    FILE *file = fopen(argv[1], "w");
    CHECK(file != NULL && fputs("4,\"Dee, D\",4,\n5,Eve,5,2013-01-01T00:00:00Z\n", file) >= 0);
    CHECK(fclose(file) == 0);
    store_ingest_options_free(&options);
    CHECK_OK(store_ingest_options_new(&options, &err));
    CHECK_OK(store_ingest_options_format(options, STORE_FORMAT_CSV, &err));
    CHECK_OK(store_ingest_file(table, STORE_STR(argv[1]), options, &report, &err));
    CHECK(report.rows_loaded == 2 && report.batches == 1 && age_of(table, NULL, 5) == 5);
    CHECK_STATUS(STORE_NOT_FOUND, store_ingest_file(table, STORE_STR("/nowhere"), NULL, NULL, &err));

    store_table *second = NULL;
    CHECK_OK(store_table_open(db, STORE_STR("people"), &second, &err));
    CHECK_OK(store_ingest_options_progress(options, close_table, &second, &err));
    CHECK_OK(store_ingest_buffer(second, STORE_STR("6,Flo,6,\n"), options, &report, &err));
    CHECK(second == NULL && report.rows_loaded == 1 && age_of(table, NULL, 6) == 6);
    store_ingest_options_free(&options);
    store_table_close(&table);
    store_close(&db);
    return 0;
}
