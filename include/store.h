/* store: an embeddable multi-version table store.
 *
 * Generated from the sources of the library: do not edit.
 *
 *   store_db *db = NULL;
 *   store_table *table = NULL;
 *   store_error *err = NULL;
 *   if (store_open(STORE_STR("flights.db"), NULL, &db, &err) != STORE_OK ||
 *       store_table_create(db, STORE_STR("seen"), STORE_STR("id int64 key, name text"), &table, &err) != STORE_OK) {
 *       fprintf(stderr, "%s\n", store_error_message(err));
 *       store_error_free(&err);
 *   }
 *   store_value row[] = { store_value_int64(7), store_value_text(STORE_STR("KAUS")) };
 *   store_insert(table, NULL, row, 2, &err);
 *   store_table_close(&table);
 *   store_close(&db);
 *
 * Handles are opaque. A call ending in _open, _begin, _new, _run or _get gives one through its
 * last parameter but one, and leaves NULL there when it fails; store_job_parse does too, and
 * store_job_run gives a report. A call ending in _close or _free takes it, sets the pointer to
 * NULL, and does nothing for NULL. Children keep their parents alive, so handles may be closed in
 * any order.
 *
 * Calls that can fail return a store_status, 0 for success. Their last parameter, which may be
 * NULL, is set to NULL on success and to a store_error on failure, which you free. There is no
 * hidden last error. An error left in *err by an earlier call is not freed: free it first.
 * Results are written to parameters whose names end in _out; on failure they hold 0 or NULL.
 *
 * Text is UTF-8, passed as a pointer and a length without a NUL at the end; STORE_STR makes both
 * of a C string. Memory passed in is yours and is not kept after the call. Bytes got from a call
 * are borrowed, and its comment says until when; a char * got through a char ** is yours, and
 * store_text_free frees it.
 *
 * NULL, impossible lengths, misaligned pointers, numbers that are no enum value, text that is not
 * UTF-8, a handle of another type and, as far as it can be seen, one that was closed are
 * STORE_INVALID, not undefined. A panic of the library is caught: STORE_PANIC, and the handles of
 * that call can only be closed afterwards (STORE_POISONED).
 *
 * Threads. Each comment ends with one of: thread-safe (any threads at once); one thread at a time
 * (a call from a second one is STORE_BUSY). Handles are bound to no thread: they may be handed on.
 * Close a handle when no other thread is in a call with it. After fork, a child must not use
 * handles of its parent: what begins or commits something is STORE_CLOSED there. It may close them.
 */


#ifndef STORE_H
#define STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifndef STORE_API
#if defined(__GNUC__) || defined(__clang__)
#define STORE_API __attribute__((visibility("default")))
#else
#define STORE_API
#endif
#endif

/* A C string as the two arguments of a text: pointer and length. Evaluates `s` twice. Since 0.1. */
#define STORE_STR(s) (const uint8_t *)(s), strlen(s)


/**
 * Major version of this header. Since 0.1.
 */
#define STORE_VERSION_MAJOR 0

/**
 * Minor version of this header. Since 0.1.
 */
#define STORE_VERSION_MINOR 1

/**
 * Patch version of this header. Since 0.1.
 */
#define STORE_VERSION_PATCH 0

/**
 * What a call came to. The numbers never change. Since 0.1.
 */
enum store_status
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * Done.
     */
    STORE_OK = 0,
    /**
     * Anything that has no code of its own.
     */
    STORE_ERROR = 1,
    /**
     * Another transaction wrote the same row first: retry in a new transaction.
     */
    STORE_CONFLICT = 2,
    /**
     * No such row, table, column or file.
     */
    STORE_NOT_FOUND = 3,
    /**
     * A key or unique value exists already.
     */
    STORE_DUPLICATE = 4,
    /**
     * The call or its arguments make no sense: NULL, bad length, bad enum, not UTF-8, a handle
     * that was closed, or one of another store.
     */
    STORE_INVALID = 5,
    /**
     * A value does not fit its column's type.
     */
    STORE_TYPE = 6,
    /**
     * NULL where a value must be.
     */
    STORE_NOT_NULL = 7,
    /**
     * The memory budget is used up.
     */
    STORE_OVER_BUDGET = 8,
    /**
     * The disk is full.
     */
    STORE_NO_SPACE = 9,
    /**
     * The limit for spilled bytes is used up.
     */
    STORE_DISK_LIMIT = 10,
    /**
     * Another process, thread, or too many transactions hold what is asked for.
     */
    STORE_BUSY = 11,
    /**
     * A sync failed earlier, so the store takes no more commits; or a panic broke this handle.
     */
    STORE_POISONED = 12,
    /**
     * A write on something opened for reading.
     */
    STORE_READ_ONLY = 13,
    /**
     * The store was closed.
     */
    STORE_CLOSED = 14,
    /**
     * The snapshot held back too much and was given up.
     */
    STORE_SNAPSHOT_TOO_OLD = 15,
    /**
     * The operating system refused a read or write.
     */
    STORE_IO = 16,
    /**
     * Bytes on disk are damaged.
     */
    STORE_CORRUPT = 17,
    /**
     * Known, but not supported here.
     */
    STORE_UNSUPPORTED = 18,
    /**
     * The caller cancelled the call.
     */
    STORE_CANCELLED = 19,
    /**
     * A bug in the library: it was caught, the handles of the call can only be closed.
     */
    STORE_PANIC = 20,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum store_status store_status;
#else
typedef int32_t store_status;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * The type of a column. Since 0.1.
 */
enum store_type
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * A type that this header does not know.
     */
    STORE_TYPE_UNKNOWN = 0,
    /**
     * True or false.
     */
    STORE_TYPE_BOOL = 1,
    /**
     * 16-bit integer.
     */
    STORE_TYPE_INT16 = 2,
    /**
     * 32-bit integer.
     */
    STORE_TYPE_INT32 = 3,
    /**
     * 64-bit integer.
     */
    STORE_TYPE_INT64 = 4,
    /**
     * 32-bit float.
     */
    STORE_TYPE_FLOAT32 = 5,
    /**
     * 64-bit float.
     */
    STORE_TYPE_FLOAT64 = 6,
    /**
     * UTF-8 text.
     */
    STORE_TYPE_TEXT = 7,
    /**
     * Any bytes.
     */
    STORE_TYPE_BYTES = 8,
    /**
     * Days since 1970-01-01.
     */
    STORE_TYPE_DATE = 9,
    /**
     * Microseconds since 1970-01-01T00:00:00Z.
     */
    STORE_TYPE_TIMESTAMP = 10,
    /**
     * Exact decimal numbers; store_table_column_digits tells of how many digits.
     */
    STORE_TYPE_DECIMAL = 11,
    /**
     * Internet addresses, IPv4 and IPv6.
     */
    STORE_TYPE_INET = 12,
    /**
     * Addresses of network cards, six bytes.
     */
    STORE_TYPE_MAC = 13,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum store_type store_type;
#else
typedef int32_t store_type;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * Which member of a store_value counts. Since 0.1.
 */
enum store_value_kind
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * No value; not the empty text.
     */
    STORE_VALUE_NULL = 0,
    /**
     * `integer`: 0 or 1.
     */
    STORE_VALUE_BOOL = 1,
    /**
     * `integer`: fits columns of int16, int32, int64, checked, and floats and decimals that hold it
     * exactly.
     */
    STORE_VALUE_INT64 = 2,
    /**
     * `real`: fits columns of float32 and float64, and decimals that hold it exactly: 0.5, not 0.1.
     */
    STORE_VALUE_DOUBLE = 3,
    /**
     * `bytes`: UTF-8.
     */
    STORE_VALUE_TEXT = 4,
    /**
     * `bytes`: any.
     */
    STORE_VALUE_BYTES = 5,
    /**
     * `integer`: days since 1970-01-01.
     */
    STORE_VALUE_DATE = 6,
    /**
     * `integer`: microseconds since 1970-01-01T00:00:00Z.
     */
    STORE_VALUE_TIMESTAMP = 7,
    /**
     * `units` and `scale`: fits columns of decimals that hold it exactly.
     */
    STORE_VALUE_DECIMAL = 8,
    /**
     * `inet`.
     */
    STORE_VALUE_INET = 9,
    /**
     * `mac`.
     */
    STORE_VALUE_MAC = 10,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum store_value_kind store_value_kind;
#else
typedef int32_t store_value_kind;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * The families of delimited text. Since 0.1.
 */
enum store_format
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * Tab-separated, raw: no quotes, no escapes. The default.
     */
    STORE_FORMAT_TSV = 1,
    /**
     * Comma-separated with double quotes (RFC 4180).
     */
    STORE_FORMAT_CSV = 2,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum store_format store_format;
#else
typedef int32_t store_format;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * What becomes of a row whose key exists. Since 0.1.
 */
enum store_ingest_mode
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * It is a bad row. The default.
     */
    STORE_INGEST_INSERT = 1,
    /**
     * Its columns are written over the row's.
     */
    STORE_INGEST_UPSERT = 2,
    /**
     * It replaces the row; columns not in the file take their defaults.
     */
    STORE_INGEST_REPLACE = 3,
    /**
     * It is left out.
     */
    STORE_INGEST_IGNORE = 4,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum store_ingest_mode store_ingest_mode;
#else
typedef int32_t store_ingest_mode;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * What becomes of a bad row. Since 0.1.
 */
enum store_on_error
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * It stops the ingest. The default.
     */
    STORE_ON_ERROR_STOP = 1,
    /**
     * It is counted and left out.
     */
    STORE_ON_ERROR_SKIP = 2,
    /**
     * It is counted, left out and told to the callback of store_ingest_options_row_error.
     */
    STORE_ON_ERROR_COLLECT = 3,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum store_on_error store_on_error;
#else
typedef int32_t store_on_error;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * What concurrent transactions may see of each other. Since 0.1.
 */
enum store_isolation
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * Reads one moment, and the first of two writers of a row wins. The default.
     */
    STORE_ISOLATION_SNAPSHOT = 1,
    /**
     * As if the transactions that wrote had run one after another.
     */
    STORE_ISOLATION_SERIALIZABLE = 2,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum store_isolation store_isolation;
#else
typedef int32_t store_isolation;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * When a commit returns. Since 0.1.
 */
enum store_durability
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    /**
     * When it would survive a loss of power. The default.
     */
    STORE_DURABILITY_SYNC = 1,
    /**
     * When others see it; durable soon after, within the bounds of store_options_async.
     */
    STORE_DURABILITY_ASYNC = 2,
    /**
     * When others see it; durable with the next checkpoint, store_sync or closing. For stores only.
     */
    STORE_DURABILITY_NONE = 3,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum store_durability store_durability;
#else
typedef int32_t store_durability;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

/**
 * The rows of a query, all as of one moment.
 *
 * It outlives its query, table, transaction and store. One thread at a time. Since 0.1.
 */
typedef struct store_cursor store_cursor;

/**
 * An open store.
 *
 * Thread-safe. Since 0.1.
 */
typedef struct store_db store_db;

/**
 * Why a call failed: a status, a sentence, and words for programs.
 *
 * Read by any thread, freed by store_error_free. Thread-safe. Since 0.1.
 */
typedef struct store_error store_error;

/**
 * How to read delimited text: made by store_ingest_options_new, changed by setters, freed by
 * store_ingest_options_free.
 *
 * One thread at a time. Since 0.1.
 */
typedef struct store_ingest_options store_ingest_options;

/**
 * A job: a list of steps, read from YAML.
 *
 * One thread at a time. Since 0.1.
 */
typedef struct store_job store_job;

/**
 * What is chosen about a job; each choice goes before what the job itself says. Made by
 * store_job_options_new, changed by setters, freed by store_job_options_free.
 *
 * One thread at a time. Since 0.1.
 */
typedef struct store_job_options store_job_options;

/**
 * How to open a store: made by store_options_new, changed by setters, freed by
 * store_options_free.
 *
 * One thread at a time. Since 0.1.
 */
typedef struct store_options store_options;

/**
 * A question about one table; it may be run many times.
 *
 * One thread at a time. Since 0.1.
 */
typedef struct store_query store_query;

/**
 * A row: a copy, which nothing changes and which outlives its table and store.
 *
 * One thread at a time. Since 0.1.
 */
typedef struct store_row store_row;

/**
 * An open table.
 *
 * Columns are known by their positions when it was opened. It goes on when columns are added behind
 * them. If one of them was dropped, or the table has no key of its own and a column was added, a call
 * that sees the table after the change is STORE_INVALID: open it again. Reads at a moment before the
 * change go on. After the table was dropped it is STORE_NOT_FOUND.
 * Thread-safe. Since 0.1.
 */
typedef struct store_table store_table;

/**
 * A transaction: it reads the store as it was when it began, plus its own
 * writes.
 *
 * The first of two transactions to write a row wins; the other gets STORE_CONFLICT at once and
 * can only be rolled back. One thread at a time. Since 0.1.
 */
typedef struct store_txn store_txn;

/**
 * Bytes with their length, borrowed. Since 0.1.
 */
typedef struct store_bytes {
    /**
     * The first byte; may be NULL if there is none.
     */
    const uint8_t *data;
    /**
     * How many.
     */
    size_t len;
} store_bytes;

/**
 * A decimal number without its point: high * 2^64 + low, at most 38 digits.
 *
 * In memory these are the bytes of an __int128, for compilers that have one. Since 0.1.
 */
typedef struct store_units {
    /**
     * The lower 64 bits.
     */
    uint64_t low;
    /**
     * The upper 64 bits, with the sign: -1 for a small negative number.
     */
    int64_t high;
} store_units;

/**
 * An internet address in network order, as in a struct in6_addr: an IPv4 address a.b.c.d is
 * ::ffff:a.b.c.d, its last four bytes. Since 0.1.
 */
typedef struct store_inet {
    /**
     * The bytes.
     */
    uint8_t bytes[16];
} store_inet;

/**
 * The address of a network card in network order. Since 0.1.
 */
typedef struct store_mac {
    /**
     * The bytes.
     */
    uint8_t bytes[6];
} store_mac;

/**
 * What a store_value holds. Since 0.1.
 */
typedef union store_value_data {
    /**
     * For BOOL, INT64, DATE and TIMESTAMP.
     */
    int64_t integer;
    /**
     * For DOUBLE.
     */
    double real;
    /**
     * For TEXT and BYTES.
     */
    struct store_bytes bytes;
    /**
     * For DECIMAL, beside `scale`.
     */
    struct store_units units;
    /**
     * For INET.
     */
    struct store_inet inet;
    /**
     * For MAC.
     */
    struct store_mac mac;
} store_value_data;

/**
 * A value: given to a call, or got from one.
 *
 * Bytes are borrowed: those given must live until the call returns, those got say until when.
 * Since 0.1.
 */
typedef struct store_value {
    /**
     * One of store_value_kind.
     */
    int32_t kind;
    /**
     * For DECIMAL: how many digits stand after the point. Else it says nothing.
     */
    int32_t scale;
    /**
     * The value.
     */
    union store_value_data data;
} store_value;

/**
 * A decimal number: its units divided by 10^scale. 12.50 is 1250 of scale 2. Since 0.1.
 */
typedef struct store_decimal {
    /**
     * The number without its point.
     */
    struct store_units units;
    /**
     * How many digits stand after the point, 0 to 38.
     */
    int32_t scale;
} store_decimal;

/**
 * A column's name with a value for it. Since 0.1.
 */
typedef struct store_cell {
    /**
     * The column's name: UTF-8.
     */
    struct store_bytes name;
    /**
     * Its value.
     */
    struct store_value value;
} store_cell;

/**
 * What a backup holds. Since 0.1.
 */
typedef struct store_backup_report {
    /**
     * The newest commit in it: it holds all up to this one, and no other.
     */
    uint64_t timestamp;
    /**
     * Files copied or written.
     */
    uint64_t files;
    /**
     * Their bytes.
     */
    uint64_t bytes;
    /**
     * Files that an earlier try had copied.
     */
    uint64_t files_kept;
    /**
     * Room to grow; 0.
     */
    uint64_t reserved[4];
} store_backup_report;

/**
 * How far an ingest is. It may grow at its end: only the library makes one. Since 0.1.
 */
typedef struct store_progress {
    /**
     * Rows read.
     */
    uint64_t rows_in;
    /**
     * Rows the table took, committed or not.
     */
    uint64_t rows_loaded;
    /**
     * Rows refused.
     */
    uint64_t rows_rejected;
    /**
     * Bytes of text read, after decompression.
     */
    uint64_t bytes;
    /**
     * Bytes read from the file, before decompression.
     */
    uint64_t source_bytes;
    /**
     * The file's size; 0 if it is not known.
     */
    uint64_t source_size;
} store_progress;

/**
 * Told how far an ingest is, after each batch; anything but 0 cancels it (STORE_CANCELLED).
 *
 * It may call the library, and must return: no longjmp, no exception. Since 0.1.
 */
typedef int32_t (*store_progress_fn)(void *context, const struct store_progress *progress);

/**
 * Told each refused row, when an ingest that collects them has ended well: its line, from 1, and
 * what is wrong with it, NUL-terminated, for the length of the call.
 *
 * It must return: no longjmp, no exception. Since 0.1.
 */
typedef void (*store_row_error_fn)(void *context, uint64_t line, const char *message);

/**
 * What an ingest did: rows_in is rows_loaded plus rows_rejected. Since 0.1.
 */
typedef struct store_ingest_report {
    /**
     * Rows read, without the header.
     */
    uint64_t rows_in;
    /**
     * Rows the table took.
     */
    uint64_t rows_loaded;
    /**
     * Rows refused.
     */
    uint64_t rows_rejected;
    /**
     * Bytes of text read, after decompression.
     */
    uint64_t bytes;
    /**
     * Commits made.
     */
    uint64_t batches;
    /**
     * Room to grow; 0.
     */
    uint64_t reserved[3];
} store_ingest_report;

/**
 * How far a job is. It may grow at its end: only the library makes one. Since 0.1.
 */
typedef struct store_job_progress {
    /**
     * Rows read by all scans.
     */
    uint64_t rows_in;
    /**
     * Rows written.
     */
    uint64_t rows_out;
    /**
     * Bytes of text read, after decompression.
     */
    uint64_t bytes;
    /**
     * Bytes read from files, before decompression.
     */
    uint64_t source_bytes;
    /**
     * Bytes of all these files; 0 if it is not known.
     */
    uint64_t source_size;
    /**
     * Bytes put aside so far.
     */
    uint64_t spill_bytes;
    /**
     * Bytes that the job has reserved now; without a store, resident bytes of the process.
     */
    uint64_t memory;
    /**
     * The most that these may be.
     */
    uint64_t cap;
} store_job_progress;

/**
 * Told how far a job is, after each batch; anything but 0 cancels it (STORE_CANCELLED).
 *
 * It may call the library, and must return: no longjmp, no exception. Since 0.1.
 */
typedef int32_t (*store_job_progress_fn)(void *context, const struct store_job_progress *progress);

/**
 * What a run of a job did. Since 0.1.
 */
typedef struct store_job_report {
    /**
     * Rows written.
     */
    uint64_t rows_out;
    /**
     * Rows that could not be read, where the job lets them be left out.
     */
    uint64_t rows_rejected;
    /**
     * Bytes put aside, in all.
     */
    uint64_t spill_bytes;
    /**
     * How often rows were put aside and read again, at most.
     */
    uint64_t passes;
    /**
     * The most memory in bytes, as stated before the run.
     */
    uint64_t predicted_peak;
    /**
     * The most memory that there was.
     */
    uint64_t measured_peak;
    /**
     * The cap on it.
     */
    uint64_t cap;
    /**
     * Room to grow; 0.
     */
    uint64_t reserved[4];
} store_job_report;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/* ---- version ---- */

/**
 * Returns the version of the library in use, as in "0.1.0": static, never freed.
 *
 * Compare it with STORE_VERSION_MAJOR and the others, which say what you compiled against.
 * Thread-safe. Since 0.1.
 */
STORE_API const char *store_version(void);

/* ---- status ---- */

/**
 * Returns the word of a status, as in "STORE_CONFLICT": static, never freed; NULL for a number
 * that is no status.
 *
 * Thread-safe. Since 0.1.
 */
STORE_API const char *store_status_name(int32_t status);

/* ---- errors ---- */

/**
 * Returns the status of the call that failed; STORE_OK for NULL.
 *
 * Thread-safe. Since 0.1.
 */
STORE_API store_status store_error_code(const struct store_error *error);

/**
 * Returns a sentence for people, NUL-terminated, valid until the error is freed; "" for NULL.
 *
 * Thread-safe. Since 0.1.
 */
STORE_API const char *store_error_message(const struct store_error *error);

/**
 * Returns true if the same work may succeed in a new transaction; false for NULL.
 *
 * Thread-safe. Since 0.1.
 */
STORE_API bool store_error_retryable(const struct store_error *error);

/**
 * Returns how many words for programs there are; 0 for NULL.
 *
 * Thread-safe. Since 0.1.
 */
STORE_API size_t store_error_detail_count(const struct store_error *error);

/**
 * Returns a word for programs (table, key, line ...), NUL-terminated, valid until the error is
 * freed; NULL beyond the last one.
 *
 * Thread-safe. Since 0.1.
 */
STORE_API const char *store_error_detail(const struct store_error *error, size_t index);

/**
 * Frees an error and sets *error to NULL; NULL is a no-op.
 *
 * STORE_INVALID: it was freed before. One thread at a time. Since 0.1.
 */
STORE_API store_status store_error_free(struct store_error **error);

/* ---- texts ---- */

/**
 * Frees a text that a call returned through a char ** and sets *text to NULL; NULL is a no-op.
 *
 * One thread at a time. Since 0.1.
 */
STORE_API store_status store_text_free(char **text);

/* ---- values ---- */

/**
 * Makes the value NULL. Thread-safe. Since 0.1.
 */
STORE_API struct store_value store_value_null(void);

/**
 * Makes a bool: 0 or 1. Thread-safe. Since 0.1.
 */
STORE_API struct store_value store_value_bool(int32_t value);

/**
 * Makes an integer, for columns of any width: checked when it is used. Thread-safe. Since 0.1.
 */
STORE_API struct store_value store_value_int64(int64_t value);

/**
 * Makes a float. Thread-safe. Since 0.1.
 */
STORE_API struct store_value store_value_double(double value);

/**
 * Makes a text of UTF-8, which stays the caller's: checked when it is used. Thread-safe. Since
 * 0.1.
 */
STORE_API struct store_value store_value_text(const uint8_t *text, size_t len);

/**
 * Makes a value of bytes, which stay the caller's. Thread-safe. Since 0.1.
 */
STORE_API struct store_value store_value_bytes(const uint8_t *bytes, size_t len);

/**
 * Makes a date: days since 1970-01-01. Thread-safe. Since 0.1.
 */
STORE_API struct store_value store_value_date(int32_t days);

/**
 * Makes a timestamp: microseconds since 1970-01-01T00:00:00Z. Thread-safe. Since 0.1.
 */
STORE_API struct store_value store_value_timestamp(int64_t micros);

/**
 * Makes a decimal: checked when it is used. Thread-safe. Since 0.1.
 */
STORE_API struct store_value store_value_decimal(struct store_decimal value);

/**
 * Makes an internet address. Thread-safe. Since 0.1.
 */
STORE_API struct store_value store_value_inet(struct store_inet address);

/**
 * Makes the address of a network card. Thread-safe. Since 0.1.
 */
STORE_API struct store_value store_value_mac(struct store_mac address);

/**
 * Reads a text as a value of a type, one of store_type: what store_row_show writes and more. A
 * decimal gets the digits after the point that the text has. Text and bytes stay the caller's.
 *
 * STORE_TYPE: the text is none of the type. Thread-safe. Since 0.1.
 */
STORE_API
store_status store_value_parse(int32_t type,
                               const uint8_t *text,
                               size_t len,
                               struct store_value *value_out,
                               struct store_error **err);

/**
 * Makes a cell: a column's name, which stays the caller's, with a value. Thread-safe. Since 0.1.
 */
STORE_API
struct store_cell store_cell_of(const uint8_t *name,
                                size_t name_len,
                                struct store_value value);

/* ---- options of a store ---- */

/**
 * Makes options with every default.
 *
 * *options_out is NULL on failure; free it with store_options_free. Thread-safe. Since 0.1.
 */
STORE_API
store_status store_options_new(struct store_options **options_out,
                               struct store_error **err);

/**
 * Sets the memory budget in bytes: everything the store holds.
 *
 * By default it is half of what the machine or its container allows. A budget too small is
 * STORE_OVER_BUDGET when the store is opened. One thread at a time. Since 0.1.
 */
STORE_API
store_status store_options_memory(struct store_options *options,
                                  uint64_t bytes,
                                  struct store_error **err);

/**
 * Sets whether to make the store if there is none (1, the default) or to fail with
 * STORE_NOT_FOUND (0).
 *
 * One thread at a time. Since 0.1.
 */
STORE_API
store_status store_options_create(struct store_options *options,
                                  int32_t create,
                                  struct store_error **err);

/**
 * Sets when commits return, one of store_durability; store_txn_durability may say otherwise.
 *
 * Without effect in memory. One thread at a time. Since 0.1.
 */
STORE_API
store_status store_options_durability(struct store_options *options,
                                      int32_t level,
                                      struct store_error **err);

/**
 * Sets how far asynchronous commits may be ahead of the disk: each is durable `delay_ms` after it
 * returned at the latest, and at most `bytes` of log have been acknowledged and are not durable.
 *
 * By default 100 ms and 4 MiB. A sync begins after half of the time; while one takes longer than the
 * other half, asynchronous commits wait. One thread at a time. Since 0.1.
 */
STORE_API
store_status store_options_async(struct store_options *options,
                                 uint64_t delay_ms,
                                 uint64_t bytes,
                                 struct store_error **err);

/**
 * Sets when checkpoints are written without being asked for: whenever the log since the last one has
 * `log_bytes`, and `age_ms` after the first commit that the last one does not have; 0 for never.
 *
 * By default 256 MiB and never. Commits go on meanwhile; a failure shows in store_stats_json. One thread
 * at a time. Since 0.1.
 */
STORE_API
store_status store_options_checkpoint(struct store_options *options,
                                      uint64_t log_bytes,
                                      uint64_t age_ms,
                                      struct store_error **err);

/**
 * Sets how many threads open the store: they load the checkpoint, apply the log and build the indexes;
 * by default as many as the machine runs at once. What is opened does not depend on it. With little
 * memory there are fewer.
 *
 * One thread at a time. Since 0.1.
 */
STORE_API
store_status store_options_threads(struct store_options *options,
                                   uint32_t threads,
                                   struct store_error **err);

/**
 * Sets whether to open the store for reading only (1) or as its owner (0, the default).
 *
 * For reading only it must be there, and another process may own it, or none: it is followed. What it
 * shows is durable, and each snapshot is a moment of the owner's; it keeps up by itself, some 20 ms
 * behind, and store_refresh brings it up at once. It has its rows and its memory budget for itself.
 * Everything that changes a store is STORE_READ_ONLY. One thread at a time. Since 0.1.
 */
STORE_API
store_status store_options_read_only(struct store_options *options,
                                     int32_t read_only,
                                     struct store_error **err);

/**
 * Sets how many bytes of log files and segments the store, opened as its owner, keeps for those who
 * follow it, beyond what it needs itself; by default 1 GiB. Who needs more gets
 * STORE_SNAPSHOT_TOO_OLD from store_refresh and has to open the store again.
 *
 * One thread at a time. Since 0.1.
 */
STORE_API
store_status store_options_follower_bytes(struct store_options *options,
                                          uint64_t bytes,
                                          struct store_error **err);

/**
 * Sets with 1 whether rows are moved out of memory by themselves, into segments on disk, when eleven
 * sixteenths of the budget are used; by default 0. Those go first that were written longest ago, or that
 * the column property `cold` of their table names. Who begins to write when thirteen are used waits up
 * to 10 s for it. A transaction may get STORE_OVER_BUDGET all the same, above all if it needs much at
 * once: it may succeed when it is begun again.
 *
 * Without effect in memory. One thread at a time. Since 0.1.
 */
STORE_API
store_status store_options_freeze(struct store_options *options,
                                  int32_t freeze,
                                  struct store_error **err);

/**
 * Frees options and sets *options to NULL; NULL is a no-op.
 *
 * STORE_INVALID: they were freed before. One thread at a time. Since 0.1.
 */
STORE_API store_status store_options_free(struct store_options **options);

/* ---- stores ---- */

/**
 * Opens the store in the directory `path`, and makes it if there is none; `:memory:` has no
 * files.
 *
 * `options` may be NULL for the defaults, and is not kept. *db_out is NULL on failure.
 * STORE_BUSY: another process owns this store. STORE_CORRUPT: its files are damaged.
 * Thread-safe. Since 0.1.
 */
STORE_API
store_status store_open(const uint8_t *path,
                        size_t path_len,
                        const struct store_options *options,
                        struct store_db **db_out,
                        struct store_error **err);

/**
 * Closes a store and sets *db to NULL; NULL is a no-op.
 *
 * Tables, transactions, queries and cursors of it stay usable: the store's files are let go
 * with the last of them. What was committed is made durable first; if that fails the store is closed
 * all the same, and STORE_POISONED or STORE_NO_SPACE say that commits which were not acknowledged as
 * durable may be lost. STORE_INVALID: it was closed before. No other thread may be in a call
 * with this handle. One thread at a time. Since 0.1.
 */
STORE_API
store_status store_close(struct store_db **db);

/**
 * Makes all that was committed until now durable, whatever its level: one sync.
 *
 * Thread-safe. Since 0.1.
 */
STORE_API store_status store_sync(const struct store_db *db, struct store_error **err);

/**
 * Gives an open store another memory budget, in bytes, while it is in use.
 *
 * A larger one holds at once, up to the machine's memory or 64 times the first one. For a smaller one the store
 * lets go of caches, free pages, versions that nobody sees and, with store_options_freeze, rows, which go to
 * disk; then a checkpoint is written. STORE_OVER_BUDGET: more stays than it allows, after three seconds in
 * which it became no less, or it is out of bounds; the budget is what it was. Thread-safe. Since 0.1.
 */
STORE_API
store_status store_set_memory(const struct store_db *db,
                              uint64_t bytes,
                              struct store_error **err);

/**
 * Waits until all commits up to a position of the log are durable and visible: one wait for many.
 *
 * The position is that of store_commit_ticket. STORE_INVALID: nothing was committed up to there.
 * STORE_POISONED: only reopening the store tells whether they are durable. Thread-safe. Since 0.1.
 */
STORE_API
store_status store_wait_durable(const struct store_db *db,
                                uint64_t lsn,
                                struct store_error **err);

/**
 * Says whether all before a position of the log would survive a loss of power now; waits for
 * nothing.
 *
 * Thread-safe. Since 0.1.
 */
STORE_API
store_status store_is_durable(const struct store_db *db,
                              uint64_t lsn,
                              bool *durable_out,
                              struct store_error **err);

/**
 * Brings a store that was opened for reading only up to all that its owner had acknowledged as durable
 * when this was called; *timestamp_out, unless it is NULL, is that of its newest commit.
 *
 * It keeps up by itself, too. Readers go on meanwhile, and open snapshots stay what they are.
 * STORE_OVER_BUDGET: a commit does not fit, and is tried again. STORE_SNAPSHOT_TOO_OLD: it was too far
 * behind and the owner has let go of what it needed; it stays at what it has, open the store again. Does
 * nothing on a store that is owned. Thread-safe. Since 0.1.
 */
STORE_API
store_status store_refresh(const struct store_db *db,
                           uint64_t *timestamp_out,
                           struct store_error **err);

/**
 * Writes every row to disk, at one snapshot, and lets go of the log before it.
 *
 * Commits go on meanwhile. Does nothing in memory. Thread-safe. Since 0.1.
 */
STORE_API store_status store_checkpoint(const struct store_db *db, struct store_error **err);

/**
 * Copies the store, while it is in use, to a directory that is made or empty, where it opens as a
 * store of its own.
 *
 * If it ends early, the same call goes on where it was. *report_out may be NULL. STORE_INVALID:
 * something else is there. STORE_BUSY: another process uses the directory. Thread-safe. Since 0.1.
 */
STORE_API
store_status store_backup(const struct store_db *db,
                          const uint8_t *path,
                          size_t path_len,
                          struct store_backup_report *report_out,
                          struct store_error **err);

/**
 * Ends every query and cursor of this store that has begun: their next call that reads on returns
 * STORE_CANCELLED. What begins afterwards runs; writes are not touched.
 *
 * Reading on looks for it once for each page or batch of rows; rows that were gathered are sorted
 * first. Thread-safe. Since 0.1.
 */
STORE_API store_status store_interrupt(const struct store_db *db, struct store_error **err);

/* ---- transactions ---- */

/**
 * Begins a transaction.
 *
 * *txn_out is NULL on failure; end it with store_commit or store_rollback. STORE_BUSY: too many
 * are open. Thread-safe. Since 0.1.
 */
STORE_API
store_status store_begin(const struct store_db *db,
                         struct store_txn **txn_out,
                         struct store_error **err);

/**
 * Begins a transaction of a level, one of store_isolation; a read_only one refuses writes with
 * STORE_READ_ONLY and never aborts.
 *
 * A serializable one may get STORE_CONFLICT from store_commit: a commit since it began changed what
 * it read. *txn_out is NULL on failure; end it with store_commit or store_rollback. STORE_BUSY: too
 * many are open. Thread-safe. Since 0.1.
 */
STORE_API
store_status store_begin_with(const struct store_db *db,
                              int32_t isolation,
                              bool read_only,
                              struct store_txn **txn_out,
                              struct store_error **err);

/**
 * Sets when the commit of this transaction returns: STORE_DURABILITY_SYNC or STORE_DURABILITY_ASYNC,
 * whatever the store's own level is.
 *
 * STORE_INVALID: another level. One thread at a time. Since 0.1.
 */
STORE_API
store_status store_txn_durability(struct store_txn *txn,
                                  int32_t level,
                                  struct store_error **err);

/**
 * Commits and consumes *txn (set to NULL even on failure, unless it is in use: STORE_BUSY), without
 * waiting for the disk.
 *
 * The commit has its place in the order; it becomes visible when it is durable, which it will be
 * whether somebody waits or not. *lsn_out is the position in the log for store_wait_durable and
 * store_is_durable; the later of two waits for both. Until it is durable, whoever writes the same
 * rows gets STORE_CONFLICT. Errors are those of store_commit; what goes wrong later
 * store_wait_durable says. One thread at a time. Since 0.1.
 */
STORE_API
store_status store_commit_ticket(struct store_txn **txn,
                                 uint64_t *lsn_out,
                                 struct store_error **err);

/**
 * Commits and consumes *txn (set to NULL even on failure, unless it is in use: STORE_BUSY).
 *
 * Returns once the commit is visible, and durable unless transaction or store are asynchronous. After a failure everything is rolled back;
 * after STORE_POISONED only reopening the store tells whether the last commits are durable.
 * STORE_CONFLICT: retry in a new transaction. One thread at a time. Since 0.1.
 */
STORE_API
store_status store_commit(struct store_txn **txn,
                          struct store_error **err);

/**
 * Drops every write of a transaction and sets *txn to NULL; NULL is a no-op.
 *
 * One thread at a time. Since 0.1.
 */
STORE_API store_status store_rollback(struct store_txn **txn, struct store_error **err);

/**
 * Marks this point of a transaction; savepoints nest.
 *
 * *savepoint_out is a number for store_rollback_to and store_release, never 0.
 * One thread at a time. Since 0.1.
 */
STORE_API
store_status store_savepoint(struct store_txn *txn,
                             uint64_t *savepoint_out,
                             struct store_error **err);

/**
 * Undoes everything since the savepoint, and ends it and those inside it.
 *
 * STORE_INVALID: it is not open. One thread at a time. Since 0.1.
 */
STORE_API
store_status store_rollback_to(struct store_txn *txn,
                               uint64_t savepoint,
                               struct store_error **err);

/**
 * Keeps everything since the savepoint, and ends it and those inside it.
 *
 * STORE_INVALID: it is not open. One thread at a time. Since 0.1.
 */
STORE_API
store_status store_release(struct store_txn *txn,
                           uint64_t savepoint,
                           struct store_error **err);

/* ---- tables ---- */

/**
 * Makes a table, durable on return, and opens it.
 *
 * `schema` is the text form, as in
 * "id int64 key, name text notnull default '', seen timestamp index, index(name, id)": columns
 * with a type and the options key, index, unique, notnull, default VALUE; then key(...),
 * index(...) and unique(...) over several columns, or index NAME(...) and unique NAME(...). `nocase`
 * behind index or unique makes upper and lower case equal in its text. A table without a key gets a
 * hidden number
 * of the row. `table_out` may be NULL. STORE_DUPLICATE: there is a table of this name.
 * Thread-safe. Since 0.1.
 */
STORE_API
store_status store_table_create(const struct store_db *db,
                                const uint8_t *name,
                                size_t name_len,
                                const uint8_t *schema,
                                size_t schema_len,
                                struct store_table **table_out,
                                struct store_error **err);

/**
 * Opens a table.
 *
 * *table_out is NULL on failure; close it with store_table_close. STORE_NOT_FOUND: there is no
 * table of this name. Thread-safe. Since 0.1.
 */
STORE_API
store_status store_table_open(const struct store_db *db,
                              const uint8_t *name,
                              size_t name_len,
                              struct store_table **table_out,
                              struct store_error **err);

/**
 * Closes a table's handle and sets *table to NULL; NULL is a no-op.
 *
 * Rows, queries and cursors of it stay usable. STORE_INVALID: it was closed before. No other
 * thread may be in a call with this handle. One thread at a time. Since 0.1.
 */
STORE_API store_status store_table_close(struct store_table **table);

/**
 * Returns the names of all tables, in order, each followed by a line feed.
 *
 * Free *names_out with store_text_free. Thread-safe. Since 0.1.
 */
STORE_API
store_status store_table_names(const struct store_db *db,
                               char **names_out,
                               struct store_error **err);

/**
 * Returns the table's schema in the text form that store_table_create reads.
 *
 * Free *schema_out with store_text_free. Thread-safe. Since 0.1.
 */
STORE_API
store_status store_table_schema(const struct store_table *table,
                                char **schema_out,
                                struct store_error **err);

/**
 * Makes an index of the rows that are there, while other threads read and write, and returns
 * when it is complete and durable.
 *
 * `columns` are the names of its columns, most significant first, with commas between them, as in
 * "origin, altitude". `name` may be NULL: then it is called after them, as in "origin+altitude".
 * `unique` is 1 if no two rows may hold equal values (those with a NULL never collide), else 0.
 * `nocase` is 1 if upper and lower case are equal in its text, of which it needs some, else 0; the
 * name is "origin nocase" then, unless one is given.
 * Not for use inside a transaction: it waits for every transaction that wrote to this table before,
 * STORE_BUSY if one does not end within 10 seconds, or if another index of the table is being made.
 * STORE_DUPLICATE: there is an index of this name or over these columns, or rows have equal values:
 * the message names the keys of two. After an error nothing is left. Thread-safe. Since 0.1.
 */
STORE_API
store_status store_table_create_index(const struct store_table *table,
                                      const uint8_t *columns,
                                      size_t columns_len,
                                      const uint8_t *name,
                                      size_t name_len,
                                      int32_t unique,
                                      int32_t nocase,
                                      struct store_error **err);

/**
 * Drops the index of this name; durable on return. Cursors that walk it go on.
 *
 * STORE_NOT_FOUND: there is none. STORE_BUSY: an index of the table is being made. Thread-safe.
 * Since 0.1.
 */
STORE_API
store_status store_table_drop_index(const struct store_table *table,
                                    const uint8_t *name,
                                    size_t name_len,
                                    struct store_error **err);

/**
 * Adds a column behind the others, while other threads read; durable on return.
 *
 * `column` is its name, type and options in the text form of store_table_create, as in "squawk int32
 * notnull default 2000"; without key, index and unique. Rows that are there get the default, or NULL;
 * with notnull it needs one. Reads at a moment before the change see the table as it was; a
 * transaction from before that wants to write to the table then is a STORE_CONFLICT.
 * Not for use inside a transaction: it waits for every transaction that wrote to this table before,
 * STORE_BUSY if one does not end within 10 seconds, or if the table is being changed already; others
 * wait with their first write. All rows are copied: STORE_OVER_BUDGET if there is no room for that.
 * After an error nothing has changed. Thread-safe. Since 0.1.
 */
STORE_API
store_status store_table_add_column(const struct store_table *table,
                                    const uint8_t *column,
                                    size_t column_len,
                                    struct store_error **err);

/**
 * Drops the column of this name, as store_table_add_column adds one.
 *
 * STORE_NOT_FOUND: there is none. STORE_INVALID: it is in the key or in an index, or the only one.
 * Thread-safe. Since 0.1.
 */
STORE_API
store_status store_table_drop_column(const struct store_table *table,
                                     const uint8_t *name,
                                     size_t name_len,
                                     struct store_error **err);

/**
 * Drops the table of this name; durable on return, and the name is free.
 *
 * Reads at a moment before go on through handles that are open. Not for use inside a transaction
 * that has written to the table: it is waited for. STORE_NOT_FOUND: there is no table of this name.
 * STORE_BUSY: a transaction that wrote to it does not end within 10 seconds, or the table is being
 * changed. Thread-safe. Since 0.1.
 */
STORE_API
store_status store_table_drop(const struct store_db *db,
                              const uint8_t *name,
                              size_t name_len,
                              struct store_error **err);

/**
 * Returns how many columns the table had when it was opened.
 *
 * Thread-safe. Since 0.1.
 */
STORE_API
store_status store_table_column_count(const struct store_table *table,
                                      size_t *count_out,
                                      struct store_error **err);

/**
 * Returns the position, from 0, of the column of this name.
 *
 * STORE_NOT_FOUND: there is none. Thread-safe. Since 0.1.
 */
STORE_API
store_status store_table_column(const struct store_table *table,
                                const uint8_t *name,
                                size_t name_len,
                                size_t *column_out,
                                struct store_error **err);

/**
 * Returns the name of the column at a position: UTF-8 without NUL at the end, valid until the
 * table's handle is closed.
 *
 * Thread-safe. Since 0.1.
 */
STORE_API
store_status store_table_column_name(const struct store_table *table,
                                     size_t column,
                                     const uint8_t **name_out,
                                     size_t *name_len_out,
                                     struct store_error **err);

/**
 * Returns the type of the column at a position.
 *
 * Thread-safe. Since 0.1.
 */
STORE_API
store_status store_table_column_type(const struct store_table *table,
                                     size_t column,
                                     store_type *type_out,
                                     struct store_error **err);

/**
 * Returns how many digits the decimals of the column at a position have: in all, and after the
 * point.
 *
 * STORE_TYPE: the column holds no decimals. Thread-safe. Since 0.1.
 */
STORE_API
store_status store_table_column_digits(const struct store_table *table,
                                       size_t column,
                                       int32_t *precision_out,
                                       int32_t *scale_out,
                                       struct store_error **err);

/* ---- reading a row ---- */

/**
 * Returns a copy of the row with this key; free it with store_row_free.
 *
 * `key` has a value for each key column, in their order. `txn` may be NULL: the row as of now.
 * STORE_NOT_FOUND: there is none; *row_out is NULL. Thread-safe, but for the transaction. Since
 * 0.1.
 */
STORE_API
store_status store_get(const struct store_table *table,
                       struct store_txn *txn,
                       const struct store_value *key,
                       size_t key_len,
                       struct store_row **row_out,
                       struct store_error **err);

/**
 * Tells whether there is a row with this key.
 *
 * `txn` may be NULL: as of now. Thread-safe, but for the transaction. Since 0.1.
 */
STORE_API
store_status store_exists(const struct store_table *table,
                          struct store_txn *txn,
                          const struct store_value *key,
                          size_t key_len,
                          bool *exists_out,
                          struct store_error **err);

/* ---- rows ---- */

/**
 * Tells whether the column at a position is NULL.
 *
 * One thread at a time. Since 0.1.
 */
STORE_API
store_status store_row_is_null(struct store_row *row,
                               size_t column,
                               bool *null_out,
                               struct store_error **err);

/**
 * Returns the bool in the column at a position.
 *
 * STORE_NOT_NULL: it is NULL. STORE_TYPE: the column is no bool. One thread at a time. Since 0.1.
 */
STORE_API
store_status store_row_bool(struct store_row *row,
                            size_t column,
                            bool *value_out,
                            struct store_error **err);

/**
 * Returns the integer in the column at a position; also a bool as 0 or 1, a date as days, a
 * timestamp as microseconds.
 *
 * STORE_NOT_NULL: it is NULL. STORE_TYPE: the column is none of these. One thread at a time.
 * Since 0.1.
 */
STORE_API
store_status store_row_int64(struct store_row *row,
                             size_t column,
                             int64_t *value_out,
                             struct store_error **err);

/**
 * Returns the float, integer or decimal in the column at a position as a double: the nearest one.
 *
 * STORE_NOT_NULL: it is NULL. STORE_TYPE: the column is no number. One thread at a time.
 * Since 0.1.
 */
STORE_API
store_status store_row_double(struct store_row *row,
                              size_t column,
                              double *value_out,
                              struct store_error **err);

/**
 * Returns the decimal in the column at a position, or the integer as one.
 *
 * STORE_NOT_NULL: it is NULL. STORE_TYPE: the column is neither. One thread at a time.
 * Since 0.1.
 */
STORE_API
store_status store_row_decimal(struct store_row *row,
                               size_t column,
                               struct store_decimal *value_out,
                               struct store_error **err);

/**
 * Returns the internet address in the column at a position.
 *
 * STORE_NOT_NULL: it is NULL. STORE_TYPE: the column is no inet. One thread at a time.
 * Since 0.1.
 */
STORE_API
store_status store_row_inet(struct store_row *row,
                            size_t column,
                            struct store_inet *value_out,
                            struct store_error **err);

/**
 * Returns the address of a network card in the column at a position.
 *
 * STORE_NOT_NULL: it is NULL. STORE_TYPE: the column is no mac. One thread at a time.
 * Since 0.1.
 */
STORE_API
store_status store_row_mac(struct store_row *row,
                           size_t column,
                           struct store_mac *value_out,
                           struct store_error **err);

/**
 * Returns the text in the column at a position: UTF-8 without NUL at the end, borrowed
 * until the row is freed.
 *
 * STORE_NOT_NULL: it is NULL. STORE_TYPE: the column is no text. One thread at a time.
 * Since 0.1.
 */
STORE_API
store_status store_row_text(struct store_row *row,
                            size_t column,
                            const uint8_t **data_out,
                            size_t *len_out,
                            struct store_error **err);

/**
 * Returns the bytes, or the text, in the column at a position, borrowed
 * until the row is freed.
 *
 * STORE_NOT_NULL: it is NULL. STORE_TYPE: the column is neither. One thread at a time.
 * Since 0.1.
 */
STORE_API
store_status store_row_bytes(struct store_row *row,
                             size_t column,
                             const uint8_t **data_out,
                             size_t *len_out,
                             struct store_error **err);

/**
 * Returns the value in the column at a position, whatever its type, as text that reads back as
 * the same value; nothing for NULL. Bytes are given as they are. Borrowed
 * until the row is freed.
 *
 * One thread at a time. Since 0.1.
 */
STORE_API
store_status store_row_show(struct store_row *row,
                            size_t column,
                            const uint8_t **data_out,
                            size_t *len_out,
                            struct store_error **err);

/**
 * Returns the value in the column at a position with its kind; bytes in it are borrowed
 * until the row is freed.
 *
 * One thread at a time. Since 0.1.
 */
STORE_API
store_status store_row_value(struct store_row *row,
                             size_t column,
                             struct store_value *value_out,
                             struct store_error **err);

/**
 * Frees a row and sets *row to NULL; NULL is a no-op.
 *
 * STORE_INVALID: it was freed before. One thread at a time. Since 0.1.
 */
STORE_API store_status store_row_free(struct store_row **row);

/* ---- writing rows ---- */

/**
 * Inserts a row of all columns, in order.
 *
 * `txn` may be NULL: the call commits on its own, and retries conflicts. STORE_DUPLICATE: the
 * key or a unique value exists. Thread-safe, but for the transaction. Since 0.1.
 */
STORE_API
store_status store_insert(const struct store_table *table,
                          struct store_txn *txn,
                          const struct store_value *values,
                          size_t values_len,
                          struct store_error **err);

/**
 * Inserts a row of some columns, by name; the others take their defaults.
 *
 * `txn` may be NULL: the call commits on its own, and retries conflicts. STORE_DUPLICATE: the
 * key or a unique value exists. Thread-safe, but for the transaction. Since 0.1.
 */
STORE_API
store_status store_insert_cells(const struct store_table *table,
                                struct store_txn *txn,
                                const struct store_cell *cells,
                                size_t cells_len,
                                struct store_error **err);

/**
 * Writes a row of all columns over the one with its key, or inserts it.
 *
 * `txn` may be NULL: the call commits on its own, and retries conflicts. *inserted_out, which
 * may be NULL, tells whether it was inserted. Thread-safe, but for the transaction. Since 0.1.
 */
STORE_API
store_status store_upsert(const struct store_table *table,
                          struct store_txn *txn,
                          const struct store_value *values,
                          size_t values_len,
                          bool *inserted_out,
                          struct store_error **err);

/**
 * Writes some columns, by name, over the row with their key, or inserts it with defaults for the
 * others.
 *
 * `txn` may be NULL: the call commits on its own, and retries conflicts. *inserted_out, which
 * may be NULL, tells whether it was inserted. Thread-safe, but for the transaction. Since 0.1.
 */
STORE_API
store_status store_upsert_cells(const struct store_table *table,
                                struct store_txn *txn,
                                const struct store_cell *cells,
                                size_t cells_len,
                                bool *inserted_out,
                                struct store_error **err);

/**
 * Changes some columns, by name, of the row with this key; key columns cannot be changed.
 *
 * `txn` may be NULL: the call commits on its own, and retries conflicts. *found_out, which may
 * be NULL, tells whether there was such a row; that there is none is no error. Thread-safe, but
 * for the transaction. Since 0.1.
 */
STORE_API
store_status store_update(const struct store_table *table,
                          struct store_txn *txn,
                          const struct store_value *key,
                          size_t key_len,
                          const struct store_cell *cells,
                          size_t cells_len,
                          bool *found_out,
                          struct store_error **err);

/**
 * Deletes the row with this key.
 *
 * `txn` may be NULL: the call commits on its own, and retries conflicts. *found_out, which may
 * be NULL, tells whether there was such a row; that there is none is no error. Thread-safe, but
 * for the transaction. Since 0.1.
 */
STORE_API
store_status store_delete(const struct store_table *table,
                          struct store_txn *txn,
                          const struct store_value *key,
                          size_t key_len,
                          bool *found_out,
                          struct store_error **err);

/**
 * Keeps others from writing the row with this key until the transaction ends; they may read it.
 *
 * *found_out, which may be NULL, tells whether there is such a row; that there is none is no error.
 * STORE_CONFLICT: another transaction writes it, or has written it since this one began.
 * Thread-safe, but for the transaction. Since 0.1.
 */
STORE_API
store_status store_lock(const struct store_table *table,
                        struct store_txn *txn,
                        const struct store_value *key,
                        size_t key_len,
                        bool *found_out,
                        struct store_error **err);

/* ---- many rows at once ---- */

/**
 * Inserts many rows of all columns, or none of them: `values` holds row after row, `rows` times
 * `columns` values.
 *
 * The error names the position of the row that was refused, and what the transaction wrote before
 * stays. `txn` may be NULL: the call commits on its own, once. STORE_DUPLICATE: a key or a unique
 * value exists. Thread-safe, but for the transaction. Since 0.1.
 */
STORE_API
store_status store_insert_rows(const struct store_table *table,
                               struct store_txn *txn,
                               const struct store_value *values,
                               size_t columns,
                               size_t rows,
                               struct store_error **err);

/**
 * Upserts many rows of all columns, or none of them: `values` holds row after row, `rows` times
 * `columns` values.
 *
 * The error names the position of the row that was refused, and what the transaction wrote before
 * stays. `txn` may be NULL: the call commits on its own, once. Thread-safe, but for the
 * transaction. Since 0.1.
 */
STORE_API
store_status store_upsert_rows(const struct store_table *table,
                               struct store_txn *txn,
                               const struct store_value *values,
                               size_t columns,
                               size_t rows,
                               struct store_error **err);

/**
 * Changes some columns of the rows with these keys, or of none of them: `keys` holds key after key,
 * `rows` times `key_len` values, and `values` row after row, `rows` times `columns_len` values, one
 * for each of the columns, which are named once.
 *
 * Much faster than store_update row by row. A key that no row has is passed over; *found_out, which
 * may be NULL, says how many have one. The error names the position of the key that was refused,
 * and what the transaction wrote before stays. `txn` may be NULL: the call commits on its own, and
 * retries conflicts. Thread-safe, but for the transaction. Since 0.1.
 */
STORE_API
store_status store_update_rows(const struct store_table *table,
                               struct store_txn *txn,
                               const struct store_value *keys,
                               size_t key_len,
                               const struct store_bytes *columns,
                               size_t columns_len,
                               const struct store_value *values,
                               size_t rows,
                               uint64_t *found_out,
                               struct store_error **err);

/**
 * Returns copies of the rows with these keys: `keys` holds key after key, `rows` times `key_len`
 * values, and `rows_out` has room for `rows` pointers. A key that no row has leaves NULL there.
 *
 * Much faster than store_get row by row. Free each row with store_row_free. `txn` may be NULL: the
 * rows as of now, all at one moment. Thread-safe, but for the transaction. Since 0.1.
 */
STORE_API
store_status store_get_rows(const struct store_table *table,
                            struct store_txn *txn,
                            const struct store_value *keys,
                            size_t key_len,
                            size_t rows,
                            struct store_row **rows_out,
                            struct store_error **err);

/* ---- queries ---- */

/**
 * Makes a query for every row of the table.
 *
 * *query_out is NULL on failure; free it with store_query_free. Thread-safe. Since 0.1.
 */
STORE_API
store_status store_query_new(const struct store_table *table,
                             struct store_query **query_out,
                             struct store_error **err);

/**
 * Keeps the rows for which an SQL expression is true, as in
 * "altitude > 10000 and origin in ('KAUS', 'KDFW')"; several calls must all hold.
 *
 * Patterns: LIKE, ILIKE, GLOB, MATCH (a glob without case), ~ or REGEXP, ~* (without case), as in
 * "name like 'UAL%'". STORE_INVALID: the text is no expression, or a pattern is wrong; the message
 * shows the place. STORE_NOT_FOUND: an unknown column. STORE_TYPE: a value does not fit its column. The query is unchanged then.
 * One thread at a time. Since 0.1.
 */
STORE_API
store_status store_query_where(struct store_query *query,
                               const uint8_t *expression,
                               size_t expression_len,
                               struct store_error **err);

/**
 * Orders the rows by columns, as in "origin, -altitude" or "altitude desc nulls first".
 *
 * NULLs come last either way unless said otherwise, ties follow the key. It replaces an order
 * set before; an empty text is none. One thread at a time. Since 0.1.
 */
STORE_API
store_status store_query_sort(struct store_query *query,
                              const uint8_t *columns,
                              size_t columns_len,
                              struct store_error **err);

/**
 * Gives at most this many rows.
 *
 * One thread at a time. Since 0.1.
 */
STORE_API
store_status store_query_limit(struct store_query *query,
                               uint64_t rows,
                               struct store_error **err);

/**
 * Leaves out the first rows.
 *
 * One thread at a time. Since 0.1.
 */
STORE_API
store_status store_query_offset(struct store_query *query,
                                uint64_t rows,
                                struct store_error **err);

/**
 * Has the query walk the index of this name, whatever would be chosen otherwise; an empty name
 * leaves the choice to the store.
 *
 * STORE_NOT_FOUND: there is no such index; the query is unchanged then. Running the query is
 * STORE_INVALID if neither its filter nor its order can use the index.
 * One thread at a time. Since 0.1.
 */
STORE_API
store_status store_query_index(struct store_query *query,
                               const uint8_t *name,
                               size_t name_len,
                               struct store_error **err);

/**
 * Runs the query: *cursor_out stands before its first row; close it with store_cursor_close.
 *
 * `txn` may be NULL: the rows as of now, read as the cursor moves, however long that takes. With
 * a transaction the rows are those it sees now, its own writes included, copied in advance; the
 * cursor is then independent of it. One thread at a time. Since 0.1.
 */
STORE_API
store_status store_query_run(struct store_query *query,
                             struct store_txn *txn,
                             struct store_cursor **cursor_out,
                             struct store_error **err);

/**
 * Returns how many rows match, after offset and limit.
 *
 * `txn` may be NULL: as of now. One thread at a time. Since 0.1.
 */
STORE_API
store_status store_query_count(struct store_query *query,
                               struct store_txn *txn,
                               uint64_t *count_out,
                               struct store_error **err);

/**
 * Returns one line that says how the rows would be found, about how many there are, and why.
 *
 * Free *text_out with store_text_free. One thread at a time. Since 0.1.
 */
STORE_API
store_status store_query_explain(struct store_query *query,
                                 char **text_out,
                                 struct store_error **err);

/**
 * Runs the query to its end and returns one line: what store_query_explain says, then how many
 * rows were read, how many of them matched and were given, and the time it took.
 *
 * `txn` may be NULL: as of now. Free *text_out with store_text_free. One thread at a time.
 * Since 0.1.
 */
STORE_API
store_status store_query_analyze(struct store_query *query,
                                 struct store_txn *txn,
                                 char **text_out,
                                 struct store_error **err);

/**
 * Frees a query and sets *query to NULL; NULL is a no-op. Its cursors stay usable.
 *
 * STORE_INVALID: it was freed before. One thread at a time. Since 0.1.
 */
STORE_API store_status store_query_free(struct store_query **query);

/* ---- writing rows by what they hold ---- */

/**
 * Adds to a column of the row with this key: an integer to an integer, any number to a float. NULL
 * counts as 0.
 *
 * `txn` may be NULL: the call commits on its own, and retries conflicts, so no increment is lost.
 * *sum_out, which may be NULL, is the new value, or NULL if there is no such row, which
 * *found_out, which may be NULL, tells and which is no error. STORE_TYPE: the sum is out of the
 * column's range, or the column is no number; nothing has changed. Thread-safe, but for the
 * transaction. Since 0.1.
 */
STORE_API
store_status store_incr(const struct store_table *table,
                        struct store_txn *txn,
                        const struct store_value *key,
                        size_t key_len,
                        const uint8_t *column,
                        size_t column_len,
                        struct store_value amount,
                        struct store_value *sum_out,
                        bool *found_out,
                        struct store_error **err);

/**
 * Changes some columns, by name, of the row with this key if an SQL expression is true for it, as
 * in "state = 'free'".
 *
 * `txn` may be NULL: the call commits on its own, and retries conflicts. *updated_out, which may
 * be NULL, tells whether it was changed; that the expression is not true, or that there is no such
 * row, is no error. Errors of the expression are those of store_query_where. Thread-safe, but for
 * the transaction. Since 0.1.
 */
STORE_API
store_status store_update_if(const struct store_table *table,
                             struct store_txn *txn,
                             const struct store_value *key,
                             size_t key_len,
                             const uint8_t *expression,
                             size_t expression_len,
                             const struct store_cell *cells,
                             size_t cells_len,
                             bool *updated_out,
                             struct store_error **err);

/**
 * Changes some columns, by name, of every row of the query, to the same values: of all of them or
 * of none.
 *
 * Which rows these are is decided before the first is changed, and each is changed once; key
 * columns cannot be changed. The error names the row that was refused, and what the transaction
 * wrote before stays. `txn` may be NULL: the call commits on its own, and retries conflicts.
 * *rows_out, which may be NULL, is how many rows there were. One thread at a time. Since 0.1.
 */
STORE_API
store_status store_query_update(struct store_query *query,
                                struct store_txn *txn,
                                const struct store_cell *cells,
                                size_t cells_len,
                                uint64_t *rows_out,
                                struct store_error **err);

/**
 * Deletes every row of the query, or none of them.
 *
 * Otherwise as store_query_update. One thread at a time. Since 0.1.
 */
STORE_API
store_status store_query_delete(struct store_query *query,
                                struct store_txn *txn,
                                uint64_t *rows_out,
                                struct store_error **err);

/* ---- rows out of memory and back ---- */

/**
 * Moves the rows for which an SQL expression is true out of memory, into segments on disk; all rows if it
 * has no bytes.
 *
 * They stay rows of the table. *rows_out, which may be NULL, is how many were moved; those that others
 * write just then stay. STORE_UNSUPPORTED: the store has no files. Errors of the expression are those of
 * store_query_where. Thread-safe. Since 0.1.
 */
STORE_API
store_status store_table_freeze(const struct store_table *table,
                                const uint8_t *expression,
                                size_t expression_len,
                                uint64_t *rows_out,
                                struct store_error **err);

/**
 * Brings the cold rows for which an SQL expression is true back to memory; all if it has no bytes.
 *
 * *rows_out, which may be NULL, is how many there were. Thread-safe. Since 0.1.
 */
STORE_API
store_status store_table_thaw(const struct store_table *table,
                              const uint8_t *expression,
                              size_t expression_len,
                              uint64_t *rows_out,
                              struct store_error **err);

/* ---- cursors ---- */

/**
 * Moves to the next row; *has_row_out is false at the end.
 *
 * What was borrowed from the row before is gone. One thread at a time. Since 0.1.
 */
STORE_API
store_status store_cursor_next(struct store_cursor *cursor,
                               bool *has_row_out,
                               struct store_error **err);

/**
 * Tells whether the column at a position is NULL.
 *
 * One thread at a time. Since 0.1.
 */
STORE_API
store_status store_cursor_is_null(struct store_cursor *cursor,
                                  size_t column,
                                  bool *null_out,
                                  struct store_error **err);

/**
 * Returns the bool in the column at a position.
 *
 * STORE_NOT_NULL: it is NULL. STORE_TYPE: the column is no bool. One thread at a time. Since 0.1.
 */
STORE_API
store_status store_cursor_bool(struct store_cursor *cursor,
                               size_t column,
                               bool *value_out,
                               struct store_error **err);

/**
 * Returns the integer in the column at a position; also a bool as 0 or 1, a date as days, a
 * timestamp as microseconds.
 *
 * STORE_NOT_NULL: it is NULL. STORE_TYPE: the column is none of these. One thread at a time.
 * Since 0.1.
 */
STORE_API
store_status store_cursor_int64(struct store_cursor *cursor,
                                size_t column,
                                int64_t *value_out,
                                struct store_error **err);

/**
 * Returns the float, integer or decimal in the column at a position as a double: the nearest one.
 *
 * STORE_NOT_NULL: it is NULL. STORE_TYPE: the column is no number. One thread at a time.
 * Since 0.1.
 */
STORE_API
store_status store_cursor_double(struct store_cursor *cursor,
                                 size_t column,
                                 double *value_out,
                                 struct store_error **err);

/**
 * Returns the decimal in the column at a position, or the integer as one.
 *
 * STORE_NOT_NULL: it is NULL. STORE_TYPE: the column is neither. One thread at a time.
 * Since 0.1.
 */
STORE_API
store_status store_cursor_decimal(struct store_cursor *cursor,
                                  size_t column,
                                  struct store_decimal *value_out,
                                  struct store_error **err);

/**
 * Returns the internet address in the column at a position.
 *
 * STORE_NOT_NULL: it is NULL. STORE_TYPE: the column is no inet. One thread at a time.
 * Since 0.1.
 */
STORE_API
store_status store_cursor_inet(struct store_cursor *cursor,
                               size_t column,
                               struct store_inet *value_out,
                               struct store_error **err);

/**
 * Returns the address of a network card in the column at a position.
 *
 * STORE_NOT_NULL: it is NULL. STORE_TYPE: the column is no mac. One thread at a time.
 * Since 0.1.
 */
STORE_API
store_status store_cursor_mac(struct store_cursor *cursor,
                              size_t column,
                              struct store_mac *value_out,
                              struct store_error **err);

/**
 * Returns the text in the column at a position: UTF-8 without NUL at the end, borrowed
 * until store_cursor_next or store_cursor_close.
 *
 * STORE_NOT_NULL: it is NULL. STORE_TYPE: the column is no text. One thread at a time.
 * Since 0.1.
 */
STORE_API
store_status store_cursor_text(struct store_cursor *cursor,
                               size_t column,
                               const uint8_t **data_out,
                               size_t *len_out,
                               struct store_error **err);

/**
 * Returns the bytes, or the text, in the column at a position, borrowed
 * until store_cursor_next or store_cursor_close.
 *
 * STORE_NOT_NULL: it is NULL. STORE_TYPE: the column is neither. One thread at a time.
 * Since 0.1.
 */
STORE_API
store_status store_cursor_bytes(struct store_cursor *cursor,
                                size_t column,
                                const uint8_t **data_out,
                                size_t *len_out,
                                struct store_error **err);

/**
 * Returns the value in the column at a position, whatever its type, as text that reads back as
 * the same value; nothing for NULL. Bytes are given as they are. Borrowed
 * until store_cursor_next or store_cursor_close.
 *
 * One thread at a time. Since 0.1.
 */
STORE_API
store_status store_cursor_show(struct store_cursor *cursor,
                               size_t column,
                               const uint8_t **data_out,
                               size_t *len_out,
                               struct store_error **err);

/**
 * Returns the value in the column at a position with its kind; bytes in it are borrowed
 * until store_cursor_next or store_cursor_close.
 *
 * One thread at a time. Since 0.1.
 */
STORE_API
store_status store_cursor_value(struct store_cursor *cursor,
                                size_t column,
                                struct store_value *value_out,
                                struct store_error **err);

/**
 * Closes a cursor and sets *cursor to NULL; NULL is a no-op.
 *
 * STORE_INVALID: it was closed before. One thread at a time. Since 0.1.
 */
STORE_API store_status store_cursor_close(struct store_cursor **cursor);

/* ---- numbers and checks ---- */

/**
 * Returns the store in numbers as a JSON object: memory, transactions, log, and each table with
 * its indexes.
 *
 * Free *json_out with store_text_free. Thread-safe. Since 0.1.
 */
STORE_API
store_status store_stats_json(const struct store_db *db,
                              char **json_out,
                              struct store_error **err);

/**
 * Returns what opening the store found as a JSON object: checkpoint_rows, records, log_rows,
 * index_entries, timestamp, cut (null, or file, offset and bytes of an unfinished write at the end of
 * the log), loading_ms, replaying_ms, indexing_ms. In memory it is the word null.
 *
 * Free *json_out with store_text_free. Thread-safe. Since 0.1.
 */
STORE_API
store_status store_recovery_json(const struct store_db *db,
                                 char **json_out,
                                 struct store_error **err);

/**
 * Verifies the checksums of the checkpoint, and that every index agrees with its table.
 *
 * STORE_CORRUPT: something is wrong; each detail of the error is one fault. *json_out, which
 * may be NULL, gets a JSON object of what was looked at, in either case; free it with
 * store_text_free. Thread-safe. Since 0.1.
 */
STORE_API
store_status store_check(const struct store_db *db,
                         char **json_out,
                         struct store_error **err);

/* ---- options of an ingest ---- */

/**
 * Makes options with every default: TSV, no header, insert, stop at the first bad row.
 *
 * *options_out is NULL on failure; free it with store_ingest_options_free. Thread-safe. Since
 * 0.1.
 */
STORE_API
store_status store_ingest_options_new(struct store_ingest_options **options_out,
                                      struct store_error **err);

/**
 * Sets the format: one of store_format.
 *
 * One thread at a time. Since 0.1.
 */
STORE_API
store_status store_ingest_options_format(struct store_ingest_options *options,
                                         int32_t format,
                                         struct store_error **err);

/**
 * Sets whether the first record names the columns (1) or they are those of the table in order
 * (0, the default).
 *
 * One thread at a time. Since 0.1.
 */
STORE_API
store_status store_ingest_options_header(struct store_ingest_options *options,
                                         int32_t header,
                                         struct store_error **err);

/**
 * Adds a field that means NULL, such as "NA". An empty field is NULL in any case, except in text
 * columns.
 *
 * One thread at a time. Since 0.1.
 */
STORE_API
store_status store_ingest_options_null(struct store_ingest_options *options,
                                       const uint8_t *marker,
                                       size_t marker_len,
                                       struct store_error **err);

/**
 * Sets the ASCII character between fields; by default a tab for TSV, a comma for CSV.
 *
 * One thread at a time. Since 0.1.
 */
STORE_API
store_status store_ingest_options_delimiter(struct store_ingest_options *options,
                                            uint8_t delimiter,
                                            struct store_error **err);

/**
 * Sets whether TSV has backslash escapes, with \N for NULL (1), or none (0, the default).
 *
 * One thread at a time. Since 0.1.
 */
STORE_API
store_status store_ingest_options_backslash(struct store_ingest_options *options,
                                            int32_t backslash,
                                            struct store_error **err);

/**
 * Sets what becomes of a row whose key exists: one of store_ingest_mode.
 *
 * One thread at a time. Since 0.1.
 */
STORE_API
store_status store_ingest_options_mode(struct store_ingest_options *options,
                                       int32_t mode,
                                       struct store_error **err);

/**
 * Sets what becomes of a bad row: one of store_on_error.
 *
 * One thread at a time. Since 0.1.
 */
STORE_API
store_status store_ingest_options_on_error(struct store_ingest_options *options,
                                           int32_t on_error,
                                           struct store_error **err);

/**
 * Sets how many bad rows are borne; by default 100 when they are collected, any number when they
 * are skipped.
 *
 * One thread at a time. Since 0.1.
 */
STORE_API
store_status store_ingest_options_max_errors(struct store_ingest_options *options,
                                             uint64_t max_errors,
                                             struct store_error **err);

/**
 * Sets a file for the refused records, as they stood.
 *
 * One thread at a time. Since 0.1.
 */
STORE_API
store_status store_ingest_options_reject(struct store_ingest_options *options,
                                         const uint8_t *path,
                                         size_t path_len,
                                         struct store_error **err);

/**
 * Sets how many rows are read between two commits, and between two calls of the progress
 * callback. A batch is committed sooner where its text is a 64th of the store's memory.
 *
 * One thread at a time. Since 0.1.
 */
STORE_API
store_status store_ingest_options_batch_rows(struct store_ingest_options *options,
                                             uint64_t rows,
                                             struct store_error **err);

/**
 * Sets whether to commit once at the end, or nothing (1), or after each batch (0, the default).
 *
 * One thread at a time. Since 0.1.
 */
STORE_API
store_status store_ingest_options_atomic(struct store_ingest_options *options,
                                         int32_t atomic,
                                         struct store_error **err);

/**
 * Sets who is told how far the ingest is; NULL for nobody. `context` is handed back as it is.
 *
 * One thread at a time. Since 0.1.
 */
STORE_API
store_status store_ingest_options_progress(struct store_ingest_options *options,
                                           store_progress_fn callback,
                                           void *context,
                                           struct store_error **err);

/**
 * Sets who is told the rows that STORE_ON_ERROR_COLLECT collects; NULL for nobody. `context` is
 * handed back as it is.
 *
 * One thread at a time. Since 0.1.
 */
STORE_API
store_status store_ingest_options_row_error(struct store_ingest_options *options,
                                            store_row_error_fn callback,
                                            void *context,
                                            struct store_error **err);

/**
 * Frees options and sets *options to NULL; NULL is a no-op.
 *
 * STORE_INVALID: they were freed before. One thread at a time. Since 0.1.
 */
STORE_API store_status store_ingest_options_free(struct store_ingest_options **options);

/* ---- loading text ---- */

/**
 * Loads a file of delimited text, a commit per batch; gzip and zstd are recognised, "-" is standard input.
 *
 * `options` may be NULL for the defaults, and is not kept. *report_out, which may be NULL, is
 * all 0 on failure. On a failure the batches committed before stay, as the message says; nothing
 * of the batch at hand does. Thread-safe, but for the options. Since 0.1.
 */
STORE_API
store_status store_ingest_file(const struct store_table *table,
                               const uint8_t *path,
                               size_t path_len,
                               const struct store_ingest_options *options,
                               struct store_ingest_report *report_out,
                               struct store_error **err);

/**
 * Loads delimited text from memory, as store_ingest_file does from a file.
 *
 * Thread-safe, but for the options. Since 0.1.
 */
STORE_API
store_status store_ingest_buffer(const struct store_table *table,
                                 const uint8_t *bytes,
                                 size_t bytes_len,
                                 const struct store_ingest_options *options,
                                 struct store_ingest_report *report_out,
                                 struct store_error **err);

/* ---- options of a job ---- */

/**
 * Makes options with nothing chosen.
 *
 * *options_out is NULL on failure; free it with store_job_options_free. Thread-safe. Since 0.1.
 */
STORE_API
store_status store_job_options_new(struct store_job_options **options_out,
                                   struct store_error **err);

/**
 * Sets the most memory in bytes: of the job itself if it runs within a store, else of the whole
 * process.
 *
 * By default what the job says, else half of what the store's budget has left, or half of what the
 * machine or its container allows. One thread at a time. Since 0.1.
 */
STORE_API
store_status store_job_options_memory(struct store_job_options *options,
                                      uint64_t bytes,
                                      struct store_error **err);

/**
 * Sets the directory where rows are put aside that do not fit in memory; by default the job's, else
 * the system's for temporary files.
 *
 * One thread at a time. Since 0.1.
 */
STORE_API
store_status store_job_options_spill_dir(struct store_job_options *options,
                                         const uint8_t *path,
                                         size_t path_len,
                                         struct store_error **err);

/**
 * Sets how many bytes may be put aside at any time; more are STORE_DISK_LIMIT.
 *
 * One thread at a time. Since 0.1.
 */
STORE_API
store_status store_job_options_disk_limit(struct store_job_options *options,
                                          uint64_t bytes,
                                          struct store_error **err);

/**
 * Sets how many threads may be at work, the caller's among them, from 1; by default as many as the
 * machine runs at once. The callback is always called by the caller's.
 *
 * One thread at a time. Since 0.1.
 */
STORE_API
store_status store_job_options_threads(struct store_job_options *options,
                                       uint32_t threads,
                                       struct store_error **err);

/**
 * Adds a value for ${name} in the text of the job. A name that the job does not ask for is
 * STORE_INVALID when it is opened.
 *
 * One thread at a time. Since 0.1.
 */
STORE_API
store_status store_job_options_set(struct store_job_options *options,
                                   const uint8_t *name,
                                   size_t name_len,
                                   const uint8_t *value,
                                   size_t value_len,
                                   struct store_error **err);

/**
 * Sets the file of the manifest; by default it is beside the file that the job writes, under its
 * name with .manifest.json.
 *
 * One thread at a time. Since 0.1.
 */
STORE_API
store_status store_job_options_manifest(struct store_job_options *options,
                                        const uint8_t *path,
                                        size_t path_len,
                                        struct store_error **err);

/**
 * Sets who is told how far the job is; NULL for nobody. `context` is handed back as it is.
 *
 * One thread at a time. Since 0.1.
 */
STORE_API
store_status store_job_options_progress(struct store_job_options *options,
                                        store_job_progress_fn callback,
                                        void *context,
                                        struct store_error **err);

/**
 * Frees options and sets *options to NULL; NULL is a no-op.
 *
 * STORE_INVALID: they were freed before. One thread at a time. Since 0.1.
 */
STORE_API store_status store_job_options_free(struct store_job_options **options);

/* ---- jobs ---- */

/**
 * Reads a job from a YAML file; what it takes rows from is not looked at yet.
 *
 * With a store, a table whose db: names the store's directory is one of that store as it is open
 * (of a store in memory if it is ":memory:"), and the memory of a run is taken out of the store's
 * budget. With NULL for `db` the memory is that of the whole process, and the stores of tables
 * are opened for the run. `options` may be NULL for none, and is not kept. *job_out is NULL on
 * failure; the job keeps the store alive. STORE_INVALID: the error's message shows file, line and
 * place, its details are file and line. Thread-safe, but for the options. Since 0.1.
 */
STORE_API
store_status store_job_open(const struct store_db *db,
                            const uint8_t *path,
                            size_t path_len,
                            const struct store_job_options *options,
                            struct store_job **job_out,
                            struct store_error **err);

/**
 * Reads a job from YAML in memory, as store_job_open does from a file; errors call it "job".
 *
 * Thread-safe, but for the options. Since 0.1.
 */
STORE_API
store_status store_job_parse(const struct store_db *db,
                             const uint8_t *yaml,
                             size_t yaml_len,
                             const struct store_job_options *options,
                             struct store_job **job_out,
                             struct store_error **err);

/**
 * Checks a job against its inputs and tables without running it.
 *
 * One thread at a time. Since 0.1.
 */
STORE_API store_status store_job_validate(const struct store_job *job, struct store_error **err);

/**
 * Returns what a run would do, step by step, and the memory of each part, as text.
 *
 * STORE_OVER_BUDGET: the memory chosen is less than the smallest that works, which the message and
 * the first detail say. Free *text_out with store_text_free. One thread at a time. Since 0.1.
 */
STORE_API
store_status store_job_explain(const struct store_job *job,
                               char **text_out,
                               struct store_error **err);

/**
 * Returns the same as a JSON object: plan_hash, phases, memory.
 *
 * Free *json_out with store_text_free. One thread at a time. Since 0.1.
 */
STORE_API
store_status store_job_explain_json(const struct store_job *job,
                                    char **json_out,
                                    struct store_error **err);

/**
 * Runs a job to its end; it may be run again. *report_out, which may be NULL, is all 0 on failure.
 *
 * After a failure no file is left but those that were there before; rows of a table that was written
 * to are committed by 10,000, and those stay. STORE_OVER_BUDGET: the job does not fit within the
 * memory chosen, or the store's budget has not that much left, and the message says who holds it;
 * the first detail is the smallest memory that works. Nothing was read then. STORE_DISK_LIMIT,
 * STORE_NO_SPACE: there is no room to put rows aside, or to write. STORE_CANCELLED: the callback
 * said so. STORE_BUSY: the job is running, or another process owns the store of a table. The
 * callback may close the handle. One thread at a time. Since 0.1.
 */
STORE_API
store_status store_job_run(const struct store_job *job,
                           struct store_job_report *report_out,
                           struct store_error **err);

/**
 * Returns the manifest of the last run that ended well, as a JSON object: inputs and output with
 * their digests, rows of each step, memory, what was put aside.
 *
 * STORE_NOT_FOUND: none has. Free *json_out with store_text_free. One thread at a time. Since 0.1.
 */
STORE_API
store_status store_job_manifest_json(const struct store_job *job,
                                     char **json_out,
                                     struct store_error **err);

/**
 * Closes a job and sets *job to NULL; NULL is a no-op. A run that has begun goes on.
 *
 * STORE_INVALID: it was closed before. One thread at a time. Since 0.1.
 */
STORE_API store_status store_job_close(struct store_job **job);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* STORE_H */
