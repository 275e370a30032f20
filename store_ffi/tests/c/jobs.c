/* Jobs: run, explain, validate, within a store's memory or without; refused, cancelled, side by side. */
#include "check.h"

#include <pthread.h>
#include <unistd.h>

struct told {
    int calls;
    bool cancels;              /* once something was put aside */
    store_job **closes;
    store_job *runs;           /* another job, which does not fit beside */
    uint64_t memory_max;
};

static int32_t on_progress(void *context, const store_job_progress *progress)
{
    struct told *told = context;
    store_error *err = NULL;
    told->calls++;
    CHECK(progress->memory <= progress->cap && progress->rows_out <= progress->rows_in * 2);
    if (progress->memory > told->memory_max)
        told->memory_max = progress->memory;
    if (told->closes != NULL)
        CHECK(store_job_close(told->closes) == STORE_OK && *told->closes == NULL);
    if (told->runs != NULL) {
        CHECK(store_job_run(told->runs, NULL, &err) == STORE_OVER_BUDGET);
        CHECK(strstr(store_error_message(err), "job sorted") != NULL);
        CHECK(strstr(store_error_message(err), "smallest memory that this job works in is ") != NULL);
        CHECK(store_error_free(&err) == STORE_OK);
        told->runs = NULL;
    }
    return told->cancels && progress->spill_bytes > 0;
}

static store_job_options *options_for(const char *to)
{
    store_error *err = NULL;
    store_job_options *options = NULL;
    CHECK_OK(store_job_options_new(&options, &err));
    CHECK_OK(store_job_options_set(options, STORE_STR("to"), STORE_STR(to), &err));
    CHECK_OK(store_job_options_spill_dir(options, STORE_STR("aside"), &err));
    return options;
}

static store_job *open_job(store_db *db, const char *file, store_job_options **options)
{
    store_error *err = NULL;
    store_job *job = NULL;
    CHECK_OK(store_job_open(db, STORE_STR(file), *options, &job, &err));
    CHECK(store_job_options_free(options) == STORE_OK && *options == NULL);
    return job;
}

/* The smallest memory that a job says it works in, and a little more. */
static uint64_t little_memory(store_db *db, const char *file)
{
    store_error *err = NULL;
    char *text = NULL;
    store_job_options *options = options_for("x.tsv");
    CHECK_OK(store_job_options_memory(options, 32 << 20, &err));
    store_job *job = open_job(db, file, &options);
    CHECK_OK(store_job_explain_json(job, &text, &err));
    const char *least = strstr(text, "\"min_cap\":");
    CHECK(least != NULL);
    uint64_t bytes = strtoull(strchr(least, ':') + 1, NULL, 10) + (256 << 10);
    CHECK(store_text_free(&text) == STORE_OK && store_job_close(&job) == STORE_OK);
    return bytes;
}

static void save(const char *name, const char *text)
{
    FILE *file = fopen(name, "w");
    CHECK(file != NULL && fputs(text, file) >= 0 && fclose(file) == 0);
}

static void runs_and_explains(store_db *db)
{
    store_error *err = NULL;
    store_job_report report;
    struct told told = { 0 };
    char *text = NULL;
    store_job_options *options = options_for("c.tsv");
    CHECK_OK(store_job_options_threads(options, 2, &err));
    store_job *job = open_job(NULL, "sorted.yaml", &options);
    CHECK_OK(store_job_validate(job, &err));
    CHECK_STATUS(STORE_NOT_FOUND, store_job_manifest_json(job, &text, &err));
    CHECK_OK(store_job_explain(job, &text, &err));
    save("explain.txt", text);
    CHECK(store_text_free(&text) == STORE_OK);
    CHECK_OK(store_job_explain_json(job, &text, &err));
    CHECK(strstr(text, "\"min_cap\":") != NULL && store_text_free(&text) == STORE_OK);
    CHECK_OK(store_job_run(job, &report, &err));
    CHECK(report.rows_out == 500 && report.measured_peak <= report.predicted_peak);
    CHECK_OK(store_job_manifest_json(job, &text, &err));
    CHECK(strstr(text, "\"of\":\"process\"") != NULL && store_text_free(&text) == STORE_OK);
    CHECK(store_job_close(&job) == STORE_OK && job == NULL);

    options = options_for("c.parquet");
    CHECK_OK(store_job_options_memory(options, 16 << 20, &err));
    CHECK_OK(store_job_options_manifest(options, STORE_STR("named.json"), &err));
    CHECK_OK(store_job_options_progress(options, on_progress, &told, &err));
    job = open_job(db, "sorted.yaml", &options);
    CHECK_OK(store_job_run(job, &report, &err));
    CHECK(report.cap == 16 << 20 && report.predicted_peak <= report.cap);
    CHECK(told.calls > 0 && told.memory_max > 0 && told.memory_max <= report.measured_peak);
    CHECK(access("named.json", R_OK) == 0);
    CHECK_OK(store_job_manifest_json(job, &text, &err));
    CHECK(strstr(text, "\"of\":\"job\"") != NULL && store_text_free(&text) == STORE_OK);
    CHECK_OK(store_job_run(job, NULL, &err));
    CHECK(store_job_close(&job) == STORE_OK);
}

static void refuses(store_db *db)
{
    store_error *err = NULL;
    store_job *job = NULL;
    store_job_report report;
    store_job_options *options = options_for("refused.tsv");
    CHECK_OK(store_job_options_memory(options, 100000, &err));
    job = open_job(db, "sorted.yaml", &options);
    CHECK(store_job_run(job, &report, &err) == STORE_OVER_BUDGET && report.cap == 0);
    CHECK(store_error_detail_count(err) == 1);
    const char *least = store_error_detail(err, 0);
    const char *named = strstr(store_error_message(err), "the smallest that works is ");
    CHECK(named != NULL && strstr(named, least) != NULL);
    uint64_t least_bytes = strtoull(least, NULL, 10);
    CHECK(store_error_free(&err) == STORE_OK);
    CHECK_STATUS(STORE_OVER_BUDGET, store_job_explain(job, &(char *){ NULL }, &err));
    CHECK(access("refused.tsv", F_OK) != 0 && store_job_close(&job) == STORE_OK);

    options = options_for("least.tsv");
    CHECK_OK(store_job_options_memory(options, least_bytes, &err));
    job = open_job(db, "sorted.yaml", &options);
    CHECK_OK(store_job_run(job, &report, &err));
    CHECK(report.cap == least_bytes && store_job_close(&job) == STORE_OK);

    const char *unknown = "steps:\n  - scan: { source: in.tsv, heading: true }\n  - sink: { destination: x.tsv }\n";
    CHECK(store_job_parse(db, STORE_STR(unknown), NULL, &job, &err) == STORE_INVALID && job == NULL);
    CHECK(strstr(store_error_message(err), "job:2:29: unknown key \"heading\"") != NULL);
    CHECK(strstr(store_error_message(err), "heading: true }\n") != NULL);
    CHECK(strrchr(store_error_message(err), '^') != NULL);
    CHECK(strcmp(store_error_detail(err, 0), "job") == 0 && strcmp(store_error_detail(err, 1), "2") == 0);
    CHECK(store_error_free(&err) == STORE_OK);
    save("unknown.yaml", unknown);
    CHECK(store_job_open(db, STORE_STR("unknown.yaml"), NULL, &job, &err) == STORE_INVALID);
    CHECK(strstr(store_error_message(err), "unknown.yaml:2:29: ") != NULL);
    CHECK(store_error_free(&err) == STORE_OK);
    CHECK_STATUS(STORE_NOT_FOUND, store_job_open(db, STORE_STR("absent.yaml"), NULL, &job, &err));
    CHECK_STATUS(STORE_INVALID, store_job_open(db, STORE_STR("sorted.yaml"), NULL, &job, &err));
    options = options_for("x.tsv");
    CHECK_STATUS(STORE_INVALID, store_job_options_threads(options, 0, &err));
    CHECK_STATUS(STORE_INVALID, store_job_options_threads(options, 257, &err));
    CHECK_OK(store_job_options_set(options, STORE_STR("nobody"), STORE_STR("1"), &err));
    CHECK_STATUS(STORE_INVALID, store_job_open(db, STORE_STR("sorted.yaml"), options, &job, &err));
    CHECK(store_job_options_free(&options) == STORE_OK);
}

static void ends_early(store_db *db)
{
    store_error *err = NULL;
    struct told told = { .cancels = true };
    uint64_t memory = little_memory(db, "rows.yaml");
    store_job_options *options = options_for("cancelled.tsv");
    CHECK_OK(store_job_options_memory(options, memory, &err));
    CHECK_OK(store_job_options_progress(options, on_progress, &told, &err));
    store_job *job = open_job(db, "rows.yaml", &options);
    CHECK_STATUS(STORE_CANCELLED, store_job_run(job, NULL, &err));
    CHECK(told.calls > 0 && access("cancelled.tsv", F_OK) != 0 && rmdir("aside") == 0);
    CHECK_STATUS(STORE_NOT_FOUND, store_job_run(job, NULL, &err)); /* no such spill directory */
    CHECK(store_job_close(&job) == STORE_OK);

    options = options_for("limited.tsv");
    CHECK_OK(store_job_options_spill_dir(options, STORE_STR("."), &err));
    CHECK_OK(store_job_options_memory(options, memory, &err));
    CHECK_OK(store_job_options_disk_limit(options, 100000, &err));
    job = open_job(db, "rows.yaml", &options);
    CHECK_STATUS(STORE_DISK_LIMIT, store_job_run(job, NULL, &err));
    CHECK(access("limited.tsv", F_OK) != 0 && store_job_close(&job) == STORE_OK);
}

/* What a callback does with handles, and a job beside it that does not fit. */
static void calls_back(store_db *db)
{
    store_error *err = NULL;
    struct told told = { 0 };
    store_job_options *options = options_for("beside.tsv");
    CHECK_OK(store_job_options_spill_dir(options, STORE_STR("."), &err));
    CHECK_OK(store_job_options_memory(options, 40 << 20, &err));
    store_job *beside = open_job(db, "rows.yaml", &options);
    options = options_for("closed.tsv");
    CHECK_OK(store_job_options_spill_dir(options, STORE_STR("."), &err));
    CHECK_OK(store_job_options_memory(options, 40 << 20, &err));
    CHECK_OK(store_job_options_progress(options, on_progress, &told, &err));
    store_job *job = open_job(db, "sorted.yaml", &options);
    store_job *copy = job;
    told.runs = beside;
    CHECK_OK(store_job_run(job, NULL, &err));
    CHECK(told.runs == NULL);
    CHECK_OK(store_job_run(beside, NULL, &err));
    told.closes = &job;
    CHECK_OK(store_job_run(job, NULL, &err));
    CHECK(job == NULL && access("closed.tsv", R_OK) == 0);
    CHECK_STATUS(STORE_INVALID, store_job_run(copy, NULL, &err));
    CHECK_STATUS(STORE_INVALID, store_job_validate((store_job *)(void *)db, &err));
    CHECK(store_job_close(&beside) == STORE_OK);
}

static void uses_the_open_store(void)
{
    store_error *err = NULL;
    store_db *db = NULL;
    store_table *counts = NULL;
    store_job *job = NULL;
    store_row *row = NULL;
    store_value cells[2] = { store_value_int64(7), store_value_int64(1000) };
    int64_t n = 0;
    CHECK_OK(store_open(STORE_STR("db"), NULL, &db, &err));
    CHECK_OK(store_table_create(db, STORE_STR("counts"), STORE_STR("key int64 key, n int64"), &counts, &err));
    CHECK_OK(store_insert(counts, NULL, cells, 2, &err));
    CHECK_OK(store_job_open(NULL, STORE_STR("counts.yaml"), NULL, &job, &err));
    CHECK_STATUS(STORE_BUSY, store_job_run(job, NULL, &err));
    CHECK(store_job_close(&job) == STORE_OK);
    CHECK_OK(store_job_open(db, STORE_STR("counts.yaml"), NULL, &job, &err));
    CHECK(store_close(&db) == STORE_OK); /* the job keeps it */
    CHECK_OK(store_job_run(job, NULL, &err));
    CHECK_OK(store_get(counts, NULL, cells, 1, &row, &err));
    CHECK_OK(store_row_int64(row, 1, &n, &err));
    CHECK(n == 1120 && store_row_free(&row) == STORE_OK);
    CHECK(store_job_close(&job) == STORE_OK && store_table_close(&counts) == STORE_OK);
}

static store_db *shared_db;

static void *run_beside(void *to)
{
    store_error *err = NULL;
    store_job_options *options = options_for(to);
    CHECK_OK(store_job_options_spill_dir(options, STORE_STR("."), &err));
    CHECK_OK(store_job_options_memory(options, 20 << 20, &err));
    store_job *job = open_job(shared_db, strstr(to, "rows") ? "rows.yaml" : "sorted.yaml", &options);
    CHECK_OK(store_job_run(job, NULL, &err));
    CHECK(store_job_close(&job) == STORE_OK);
    return NULL;
}

int main(int argc, char **argv)
{
    char names[2][16] = { "rows_c.tsv", "beside_c.tsv" };
    pthread_t threads[2];
    CHECK(argc == 2 && chdir(argv[1]) == 0);
    shared_db = open_memory();
    runs_and_explains(shared_db);
    refuses(shared_db);
    ends_early(shared_db);
    calls_back(shared_db);
    uses_the_open_store();
    for (int i = 0; i < 2; i++)
        CHECK(pthread_create(&threads[i], NULL, run_beside, names[i]) == 0);
    for (int i = 0; i < 2; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
    CHECK(store_close(&shared_db) == STORE_OK);
    return 0;
}
