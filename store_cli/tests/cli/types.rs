//! Decimals and addresses from a file to every output.

use crate::place::Place;

const LOTS: &str = "price,host,card,big\n\
    12.5,192.0.2.1,08-00-2b-01-02-03,99999999999999999999999999999999999999\n\
    -0.05,2001:DB8::1,0800.2b01.02ff,0\n\
    1e3,::ffff:10.0.0.1,,-1\n";
const SCHEMA: &str = "price decimal(10,2) key, host inet index, card mac, big numeric(38)";

fn with_lots() -> Place {
    let place = Place::new();
    place.file("lots.csv", LOTS);
    let args = ["ingest", "db", "lots", "lots.csv", "--header", "--schema", SCHEMA];
    let run = place.run_args(&args);
    assert_eq!(run.code, 0, "{run:?}");
    place
}

#[test]
fn decimals_and_addresses_are_shown_in_every_format() {
    let place = with_lots();
    let nines = "9".repeat(38);
    assert_eq!(
        place.out("schema db lots"),
        "price decimal(10,2) key, host inet index, card mac, big decimal(38,0)\n"
    );
    assert!(place.out("schema db lots --json").contains("\"decimal(10,2)\""));
    assert_eq!(
        place.out("query db lots --sort price"),
        format!(
            "price\thost\tcard\tbig\n-0.05\t2001:db8::1\t08:00:2b:01:02:ff\t0\n\
             12.50\t192.0.2.1\t08:00:2b:01:02:03\t{nines}\n1000.00\t10.0.0.1\t\\N\t-1\n"
        )
    );
    assert_eq!(
        place.out("query db lots --sort=-host --format jsonl --limit 2"),
        format!(
            "{{\"price\":-0.05,\"host\":\"2001:db8::1\",\"card\":\"08:00:2b:01:02:ff\",\"big\":0}}\n\
             {{\"price\":12.50,\"host\":\"192.0.2.1\",\"card\":\"08:00:2b:01:02:03\",\"big\":{nines}}}\n"
        )
    );
    let table = place.out("query db lots --sort price --select price,host --format table");
    assert!(table.contains("│   -0.05 ┆ 2001:db8::1 │"), "{table}");
    let markdown = place.out("query db lots --select card --sort card --limit 1 --format markdown");
    assert_eq!(markdown, "| card |\n| --- |\n| 08:00:2b:01:02:03 |\n");
    // What was written is read back the same.
    let csv = place.out("query db lots --sort price --format csv");
    place.file("again.csv", &csv);
    let args = ["ingest", "db", "again", "again.csv", "--header", "--schema", SCHEMA];
    assert_eq!(place.run_args(&args).code, 0);
    assert_eq!(place.out("query db again --sort price --format csv"), csv);
}

#[test]
fn expressions_compare_decimals_as_numbers_and_addresses_as_text() {
    let place = with_lots();
    let count = |expression: &str| {
        let run = place.run_args(&["query", "db", "lots", "--count", "--where", expression]);
        assert_eq!(run.code, 0, "{run:?}");
        run.out.trim().to_owned()
    };
    for (expression, rows) in [
        ("price = 12.5", "1"),
        ("price > 12.499999 and price < 12.5000001", "1"),
        ("price in (12.50, -0.05, 7.125)", "2"),
        ("price between -1 and 1e3", "3"),
        ("price > 99999999999999999999", "0"),
        ("big = 99999999999999999999999999999999999999", "1"),
        ("big < -0.5", "1"),
        ("not price", "0"),
        ("host = '192.0.2.1'", "1"),
        ("host between '10.0.0.0' and '10.255.255.255'", "1"),
        ("host > '255.255.255.255'", "1"),
        ("card in ('08:00:2b:01:02:03', '00:00:00:00:00:00')", "1"),
        ("card is null", "1"),
    ] {
        assert_eq!(count(expression), rows, "{expression}");
    }
    let explained =
        place.run_args(&["query", "db", "lots", "--explain", "--where", "price = 12.5"]);
    assert!(explained.out.contains("key"), "{explained:?}");
}

#[test]
fn what_is_none_is_refused_with_its_column() {
    let place = with_lots();
    for (row, fault) in [
        (
            "1.005,::,,1",
            "column \"price\": 1.005 has more digits after the point than the 2 of decimal(10,2)",
        ),
        ("123456789,::,,1", "column \"price\": 123456789 is out of range for decimal(10,2)"),
        ("1.50 EUR,::,,1", "column \"price\": \"1.50 EUR\" is not a decimal(10,2): must be digits"),
        (
            "7,10.0.0.0/8,,1",
            "column \"host\": \"10.0.0.0/8\" is not an inet: must be an IPv4 or IPv6",
        ),
        ("7,::,0800,1", "column \"card\": \"0800\" is not a mac: must be six bytes in hexadecimal"),
        ("12.500,::,,1", "DUPLICATE"),
    ] {
        place.file("bad.csv", format!("price,host,card,big\n{row}\n"));
        let run = place.run("ingest db lots bad.csv --header --mode insert");
        assert_ne!(run.code, 0, "{run:?}");
        if fault != "DUPLICATE" {
            assert!(run.err.contains(fault), "{run:?}");
        }
    }
    let run = place.run_args(&["query", "db", "lots", "--where", "host = 'localhost'"]);
    assert!(run.err.contains("column \"host\": \"localhost\" is not an inet"), "{run:?}");
    let run = place.run_args(&["query", "db", "lots", "--where", "host = 7"]);
    assert!(run.err.contains("the number 7 cannot be compared with inet"), "{run:?}");
    assert_eq!(place.out("query db lots --count"), "3\n");
}

#[test]
fn no_schema_is_inferred_with_them() {
    let place = Place::new();
    place.file("lots.csv", LOTS);
    place.out("ingest db lots lots.csv --header");
    let schema = "price float64, host text, card text, big text\n";
    assert_eq!(place.out("schema db lots"), schema);
}
