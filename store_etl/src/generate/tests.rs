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
