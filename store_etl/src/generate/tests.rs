//! What made flights promise: the same for a seed, unique keys, shapes of real traffic.

use super::airports::AIRPORTS;
use super::draw::Ranked;
use super::*;
use std::collections::{HashMap, HashSet};
use store_core::value::parse_value;
use store_core::{Schema, Type};

fn text(seed: u64, rows: u64) -> Vec<u8> {
    let mut out = Vec::new();
    write_flights(seed, rows, true, &mut out, |_, _| ()).expect("a vector takes every write");
    out
}

/// The bytes themselves are promised: a change of them is a change for everybody who names a seed.
#[test]
fn the_rows_of_a_seed_are_pinned() {
    let text = String::from_utf8(text(1, 3)).expect("ASCII");
    let expected = "\
flight_id\tlat\tlon\taltitude\tgs\torigin\tdest\tupdated_at
VXP893932\t40.85199\t-95.71009\t37000\t437\tKALB\tKDEN\t2026-01-01T00:00:00Z
EDV256164\t39.79327\t-93.08953\t34000\t420\tKDEN\tKCMH\t2026-01-01T00:00:03Z
AAL775984\t46.58273\t-121.15591\t17750\t286\tKSEA\tKLFT\t2026-01-01T00:00:00Z
";
    assert_eq!(text, expected);
}

#[test]
fn a_longer_run_begins_with_the_same_rows() {
    let long = text(9, 5000);
    assert!(long.starts_with(&text(9, 1234)));
    assert_ne!(long, text(10, 5000));
}

#[test]
fn ids_are_unique_and_readable() {
    let mut seen = HashSet::new();
    for flight in Flights::new(3).take(400_000) {
        assert!(seen.insert(flight.id), "{:?} comes twice", flight.id);
        let (airline, number) = flight.id.as_str().split_at(3);
        assert!(airline.bytes().all(|byte| byte.is_ascii_uppercase()), "{airline}");
        assert!((100_000..1_000_000).contains(&number.parse().expect("a number")), "{number}");
    }
}

#[test]
fn values_are_in_their_ranges_and_the_text_is_the_formats_own() {
    let mut lines = FlightLines::new();
    let mut line = Vec::new();
    // A day and more, so that the date changes.
    for flight in Flights::new(4).take(1_500_000).step_by(7) {
        assert!((24.0..50.0).contains(&flight.lat()) && (-126.0..-67.0).contains(&flight.lon()));
        assert!((0..=41_000).contains(&flight.altitude) && flight.altitude % 25 == 0);
        assert!((120..=520).contains(&flight.gs), "{flight:?}");
        assert_ne!(flight.origin, flight.dest);
        line.clear();
        lines.push(&flight, &mut line);
        let shown = std::str::from_utf8(&line).expect("ASCII").trim_end_matches('\n');
        let fields: Vec<&str> = shown.split('\t').collect();
        assert_eq!(fields.len(), 8, "{shown}");
        for (at, ty) in [(1, Type::Float64), (2, Type::Float64), (7, Type::Timestamp)] {
            let value = parse_value(fields[at].as_bytes(), ty).expect("it reads");
            assert_eq!(value.to_string(), fields[at], "{shown}");
        }
        assert_eq!(fields[1].parse(), Ok(flight.lat()));
    }
}

#[test]
fn traffic_is_skewed_and_mostly_at_cruise() {
    let flights: Vec<Flight> = Flights::new(5).take(200_000).collect();
    let mut origins = HashMap::new();
    for flight in &flights {
        *origins.entry(flight.origin).or_insert(0_u32) += 1;
    }
    assert_eq!(origins.len(), AIRPORTS.len());
    assert!((8_000..13_000).contains(&origins["KATL"]), "{}", origins["KATL"]);
    assert!((100..600).contains(&origins["KSAF"]), "{}", origins["KSAF"]);
    let cruising = flights.iter().filter(|flight| flight.altitude >= 28_000).count();
    assert!((164_000..170_000).contains(&cruising), "{cruising}");
}

#[test]
fn a_row_takes_what_it_is_said_to() {
    let per_row = text(6, 100_000).len() / 100_000;
    assert!((68..=74).contains(&per_row), "{per_row} bytes a row");
}

#[test]
fn the_schema_is_one() {
    let schema = Schema::parse("flights", FLIGHTS_SCHEMA).expect("it parses");
    let names: Vec<&str> = schema.columns.iter().map(|column| column.name.as_str()).collect();
    let header = text(1, 1);
    assert!(header.starts_with(names.join("\t").as_bytes()));
}

#[test]
fn ranks_get_what_their_weight_says() {
    let ranked = Ranked::new(3, 1); // 1, 1/2, 1/3 of 11/6
    let mut counts = [0; 3];
    (0..1 << 12).for_each(|bits| counts[ranked.choose(bits)] += 1);
    assert_eq!(counts, [2235, 1117, 744]);
}

fn transactions(seed: u64, rows: u64) -> String {
    let mut out = Vec::new();
    write_transactions(seed, rows, true, &mut out, |_, _| ()).expect("a vector takes every write");
    String::from_utf8(out).expect("ASCII")
}

fn accounts(seed: u64, rows: u64) -> String {
    let mut out = Vec::new();
    write_accounts(seed, rows, true, &mut out, |_, _| ()).expect("a vector takes every write");
    String::from_utf8(out).expect("ASCII")
}

#[test]
fn transactions_and_accounts_of_a_seed_are_pinned() {
    let expected = "\
txn_id\tts\taccount_id\tmerchant\tcategory\tamount\tcurrency\tstatus
1\t2025-12-25T10:40:48Z\t1011011\tM16049\tphone\t771.20\tEUR\tcompleted
2\t2025-10-10T16:38:43Z\t2182515\tM09872\tpetrol\t4998.38\tEUR\tcompleted
3\t2025-04-19T22:12:13Z\t1969796\tM38487\tpetrol\t5.70\tSEK\tcompleted
";
    assert_eq!(transactions(1, 3), expected);
    let expected = "\
account_id\tname\tcountry\tsegment\topened
1271828\tGrace Adams\tCH\tpremium\t2008-06-22
2536431\tOlga Jansen\tES\tretail\t1998-04-08
1801034\tKofi Bauer\tNL\tcorporate\t2007-01-29
";
    assert_eq!(accounts(1, 3), expected);
    assert!(transactions(9, 5000).starts_with(&transactions(9, 1234)));
    assert_ne!(transactions(9, 10), transactions(10, 10));
}

#[test]
fn transactions_have_the_shapes_that_are_said() {
    const ROWS: u64 = 300_000;
    let schema = Schema::parse("transactions", TRANSACTIONS_SCHEMA).expect("it parses");
    let text = transactions(2, ROWS);
    assert!((69..=73).contains(&(text.len() as u64 / ROWS)), "{} bytes", text.len() as u64 / ROWS);
    let mut seen: Vec<HashMap<&str, u32>> = vec![HashMap::new(); 8];
    let mut lines = text.lines();
    let names: Vec<&str> = schema.columns.iter().map(|column| column.name.as_str()).collect();
    assert_eq!(lines.next(), Some(names.join("\t").as_str()));
    for (nth, line) in lines.enumerate() {
        let fields: Vec<&str> = line.split('\t').collect();
        assert_eq!(fields.len(), 8, "{line}");
        for (at, field) in fields.iter().enumerate() {
            *seen[at].entry(field).or_insert(0) += 1;
            if nth % 97 == 0 {
                let value = parse_value(field.as_bytes(), schema.columns[at].ty).expect("it reads");
                assert_eq!(value.to_string(), *field, "{line}");
            }
        }
    }
    assert_eq!((seen[0].len() as u64, seen[4].len(), seen[6].len()), (ROWS, 20, 8));
    assert!(
        seen[2].len() > 200_000 && seen[3].len() > 40_000,
        "{} {}",
        seen[2].len(),
        seen[3].len()
    );
    let busiest = seen[2].values().max().expect("some");
    assert!((130..300).contains(busiest), "{busiest}");
    assert!((243_000..249_000).contains(&seen[7]["completed"]), "{:?}", seen[7]);
    let days: HashSet<&str> = seen[1].keys().map(|ts| &ts[..10]).collect();
    assert_eq!(days.len(), 364);
}

#[test]
fn accounts_are_those_of_the_transactions_each_once() {
    let schema = Schema::parse("accounts", ACCOUNTS_SCHEMA).expect("it parses");
    let text = accounts(2, ACCOUNTS);
    let mut ids = HashSet::new();
    let (mut countries, mut segments) = (HashSet::new(), HashSet::new());
    for (nth, line) in text.lines().skip(1).enumerate() {
        let fields: Vec<&str> = line.split('\t').collect();
        if nth % 997 == 0 {
            for (column, field) in schema.columns.iter().zip(&fields) {
                let value = parse_value(field.as_bytes(), column.ty).expect("it reads");
                assert_eq!(value.to_string(), *field, "{line}");
            }
        }
        assert!(ids.insert(fields[0]), "{line}");
        countries.insert(fields[2]);
        segments.insert(fields[3]);
    }
    assert_eq!((ids.len() as u64, countries.len(), segments.len()), (ACCOUNTS, 30, 5));
    for line in transactions(3, 1000).lines().skip(1) {
        assert!(ids.contains(line.split('\t').nth(2).expect("eight fields")), "{line}");
    }
}
