/* Indexes of a table that has rows. */
#include "check.h"

static char *explain(store_table *table, const char *expression)
{
    store_error *err = NULL;
    store_query *query = NULL;
    char *text = NULL;
    CHECK_OK(store_query_new(table, &query, &err));
    CHECK_OK(store_query_where(query, STORE_STR(expression), &err));
    CHECK_OK(store_query_explain(query, &text, &err));
    store_query_free(&query);
    return text;
}

static int starts_with(char *text, const char *start)
{
    int found = strncmp(text, start, strlen(start)) == 0;
    store_text_free(&text);
    return found;
}

int main(void)
{
    store_error *err = NULL;
    store_db *db = open_memory();
    store_table *table = NULL;
    char *text = NULL;
    CHECK_OK(store_table_create(db, STORE_STR("people"),
                                STORE_STR("id int64 key, name text, age int32, seen timestamp"), &table, &err));
    for (int id = 0; id < 100; id++)
        CHECK_OK(add_person(table, NULL, id, id % 2 ? "Ada" : "Blaise", 20 + id, &err));
    CHECK(starts_with(explain(table, "age = 30"), "scan"));
    CHECK_OK(store_table_create_index(table, STORE_STR("age"), NULL, 0, 1, 0, &err));
    CHECK(starts_with(explain(table, "age = 30"), "index `age`"));
    CHECK_OK(store_table_create_index(table, STORE_STR("name, age"), STORE_STR("by_name"), 0, 0, &err));
    CHECK(starts_with(explain(table, "name = 'Ada' and age < 30"), "index `by_name`"));
    CHECK_OK(store_table_schema(table, &text, &err));
    CHECK(strstr(text, "index by_name(name, age)") != NULL);
    store_text_free(&text);

    CHECK_STATUS(STORE_DUPLICATE, add_person(table, NULL, 200, "Chien", 30, &err));
    CHECK_STATUS(STORE_DUPLICATE, store_table_create_index(table, STORE_STR("age"), NULL, 0, 0, 0, &err));
    CHECK_STATUS(STORE_NOT_FOUND, store_table_create_index(table, STORE_STR("x"), NULL, 0, 0, 0, &err));
    CHECK_STATUS(STORE_INVALID, store_table_create_index(table, STORE_STR("name"), NULL, 0, 2, 0, &err));
    CHECK(store_table_create_index(table, STORE_STR("name"), NULL, 0, 1, 0, &err) == STORE_DUPLICATE);
    CHECK(strstr(store_error_message(err), "both have") != NULL);
    store_error_free(&err);

    CHECK_STATUS(STORE_INVALID, store_table_create_index(table, STORE_STR("age"), NULL, 0, 0, 1, &err));
    CHECK_OK(store_table_create_index(table, STORE_STR("name"), NULL, 0, 0, 1, &err));
    CHECK_OK(store_table_drop_index(table, STORE_STR("name nocase"), &err));

    CHECK_OK(store_table_drop_index(table, STORE_STR("age"), &err));
    CHECK(starts_with(explain(table, "age = 30"), "scan"));
    CHECK_OK(add_person(table, NULL, 200, "Chien", 30, &err));
    CHECK_STATUS(STORE_NOT_FOUND, store_table_drop_index(table, STORE_STR("age"), &err));
    CHECK_OK(store_check(db, &text, &err));
    CHECK(strstr(text, "\"faults\":[]") != NULL);
    store_text_free(&text);
    store_table_close(&table);
    store_close(&db);
    return 0;
}
