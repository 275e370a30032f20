/* Decimals and addresses: written, read in every way, refused. argv[1]: where. */
#include "check.h"

#define SCHEMA "price decimal(10,2), big decimal(38,0) index, host inet, card mac, key(host, price)"

static store_value parse(int32_t type, const char *text)
{
    store_error *err = NULL;
    store_value value;
    CHECK_OK(store_value_parse(type, STORE_STR(text), &value, &err));
    return value;
}

static void add(store_table *table, const char *price, const char *big, const char *host)
{
    store_error *err = NULL;
    store_mac card = { { 8, 0, 0x2b, 1, 2, 255 } };
    store_value row[4];
    row[0] = parse(STORE_TYPE_DECIMAL, price);
    row[1] = parse(STORE_TYPE_DECIMAL, big);
    row[2] = parse(STORE_TYPE_INET, host);
    row[3] = store_value_mac(card);
    CHECK_OK(store_insert(table, NULL, row, 4, &err));
}

static void write_rows(const char *path)
{
    store_error *err = NULL;
    store_db *db = NULL;
    store_table *table = NULL;
    int32_t precision = 0, scale = 0;
    store_type type = STORE_TYPE_UNKNOWN;
    CHECK_OK(store_open(STORE_STR(path), NULL, &db, &err));
    CHECK_OK(store_table_create(db, STORE_STR("lots"), STORE_STR(SCHEMA), &table, &err));
    CHECK_OK(store_table_column_type(table, 0, &type, &err));
    CHECK(type == STORE_TYPE_DECIMAL);
    CHECK_OK(store_table_column_digits(table, 0, &precision, &scale, &err));
    CHECK(precision == 10 && scale == 2);
    CHECK_STATUS(STORE_TYPE, store_table_column_digits(table, 2, &precision, &scale, &err));
    CHECK(precision == 0 && scale == 0);
    add(table, "12.5", "99999999999999999999999999999999999999", "192.0.2.1");
    add(table, "-0.05", "-99999999999999999999999999999999999999", "2001:DB8::1");
    store_table_close(&table);
    store_close(&db);
}

static void read_row(store_table *table)
{
    store_error *err = NULL;
    store_row *row = NULL;
    store_decimal decimal;
    store_inet host;
    store_mac card;
    store_value key[2], value;
    const uint8_t *text = NULL;
    size_t len = 0;
    double real = 0;
    int64_t number = 0;
    /* Given as units of another scale, and as an IPv4 address in IPv6. */
    key[0] = parse(STORE_TYPE_INET, "::ffff:192.0.2.1");
    decimal.units.low = 12500;
    decimal.units.high = 0;
    decimal.scale = 3;
    key[1] = store_value_decimal(decimal);
    CHECK_OK(store_get(table, NULL, key, 2, &row, &err));
    CHECK_OK(store_row_decimal(row, 0, &decimal, &err));
    CHECK(decimal.units.low == 1250 && decimal.units.high == 0 && decimal.scale == 2);
    CHECK_OK(store_row_double(row, 0, &real, &err));
    CHECK(real == 12.5);
    CHECK_OK(store_row_show(row, 0, &text, &len, &err));
    CHECK(len == 5 && memcmp(text, "12.50", 5) == 0);
    CHECK_OK(store_row_decimal(row, 1, &decimal, &err));
    /* 10^38 - 1 is 0x4b3b4ca85a86c47a098a223fffffffff. */
    CHECK(decimal.units.high == 0x4b3b4ca85a86c47a && decimal.units.low == 0x098a223fffffffff);
    CHECK_OK(store_row_inet(row, 2, &host, &err));
    CHECK(memcmp(host.bytes, "\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\0\2\1", 16) == 0);
    CHECK_OK(store_row_show(row, 2, &text, &len, &err));
    CHECK(len == 9 && memcmp(text, "192.0.2.1", 9) == 0);
    CHECK_OK(store_row_mac(row, 3, &card, &err));
    CHECK(card.bytes[0] == 8 && card.bytes[5] == 255);
    CHECK_OK(store_row_value(row, 3, &value, &err));
    CHECK(value.kind == STORE_VALUE_MAC && memcmp(value.data.mac.bytes, card.bytes, 6) == 0);
    CHECK_OK(store_row_value(row, 0, &value, &err));
    CHECK(value.kind == STORE_VALUE_DECIMAL && value.scale == 2 && value.data.units.low == 1250);
    CHECK_STATUS(STORE_TYPE, store_row_int64(row, 0, &number, &err));
    CHECK_STATUS(STORE_TYPE, store_row_decimal(row, 2, &decimal, &err));
    CHECK(decimal.scale == 0 && decimal.units.low == 0);
    CHECK_STATUS(STORE_TYPE, store_row_inet(row, 3, &host, &err));
    CHECK_STATUS(STORE_TYPE, store_row_mac(row, 2, &card, &err));
    CHECK(store_row_free(&row) == STORE_OK);
}

static void read_cursor(store_table *table)
{
    store_error *err = NULL;
    store_query *query = NULL;
    store_cursor *cursor = NULL;
    store_decimal decimal;
    store_inet host;
    store_mac card;
    bool has_row = false;
    const char *where = "big < 0 and price < -0.049 and host >= '2001::' and card = '08-00-2b-01-02-ff'";
    CHECK_OK(store_query_new(table, &query, &err));
    CHECK_OK(store_query_where(query, STORE_STR(where), &err));
    CHECK_OK(store_query_run(query, NULL, &cursor, &err));
    store_query_free(&query);
    CHECK_OK(store_cursor_next(cursor, &has_row, &err));
    CHECK(has_row);
    CHECK_OK(store_cursor_decimal(cursor, 0, &decimal, &err));
    CHECK(decimal.units.low == (uint64_t)-5 && decimal.units.high == -1 && decimal.scale == 2);
    CHECK_OK(store_cursor_inet(cursor, 2, &host, &err));
    CHECK(host.bytes[0] == 0x20 && host.bytes[15] == 1);
    CHECK_OK(store_cursor_mac(cursor, 3, &card, &err));
    CHECK(card.bytes[5] == 255);
    CHECK_OK(store_cursor_next(cursor, &has_row, &err));
    CHECK(!has_row);
    CHECK(store_cursor_close(&cursor) == STORE_OK);
}

static void refuse(store_table *table)
{
    store_error *err = NULL;
    store_value value, row[4];
    CHECK_STATUS(STORE_TYPE, store_value_parse(STORE_TYPE_DECIMAL, STORE_STR("1,5"), &value, &err));
    CHECK(value.kind == STORE_VALUE_NULL);
    CHECK_STATUS(STORE_TYPE, store_value_parse(STORE_TYPE_INET, STORE_STR("1.2.3"), &value, &err));
    CHECK_STATUS(STORE_TYPE, store_value_parse(STORE_TYPE_MAC, STORE_STR("01"), &value, &err));
    CHECK_STATUS(STORE_INVALID, store_value_parse(99, STORE_STR("1"), &value, &err));
    value = parse(STORE_TYPE_DATE, "1970-01-02");
    CHECK(value.kind == STORE_VALUE_DATE && value.data.integer == 1);
    row[0] = parse(STORE_TYPE_DECIMAL, "1.005");
    row[1] = store_value_int64(1);
    row[2] = parse(STORE_TYPE_INET, "::");
    row[3] = store_value_null();
    CHECK(store_insert(table, NULL, row, 4, &err) == STORE_TYPE);
    CHECK(strcmp(store_error_message(err),
                 "column \"price\": 1.005 has more digits after the point than the 2 of decimal(10,2)") == 0);
    store_error_free(&err);
    row[0] = store_value_double(0.1);
    CHECK_STATUS(STORE_TYPE, store_insert(table, NULL, row, 4, &err));
    row[0] = store_value_double(0.25);
    CHECK_OK(store_insert(table, NULL, row, 4, &err));
}

int main(int argc, char **argv)
{
    store_error *err = NULL;
    store_db *db = NULL;
    store_table *table = NULL;
    CHECK(argc == 2);
    CHECK(sizeof(store_value) == 24);
    write_rows(argv[1]);
    CHECK_OK(store_open(STORE_STR(argv[1]), NULL, &db, &err));
    CHECK_OK(store_table_open(db, STORE_STR("lots"), &table, &err));
    read_row(table); /* from the log */
    CHECK_OK(store_checkpoint(db, &err));
    store_table_close(&table);
    store_close(&db);
    CHECK_OK(store_open(STORE_STR(argv[1]), NULL, &db, &err));
    CHECK_OK(store_table_open(db, STORE_STR("lots"), &table, &err));
    read_row(table); /* from segments */
    read_cursor(table);
    refuse(table);
    store_table_close(&table);
    store_close(&db);
    return 0;
}
