use crate::sync::join_all;
use crate::{Error, Field, Kind, Record, Schema, Store, Type, TypedTable, ValueRef, query::column};

#[derive(Record, Clone, Debug, PartialEq)]
#[record(table = "flights")]
#[expect(clippy::struct_field_names, reason = "what the data calls it")]
struct Flight {
    #[record(key)]
    flight_id: String,
    #[record(index)]
    altitude: i32,
    lat: f64,
    origin: Option<String>,
}

fn flight(flight_id: &str, altitude: i32) -> Flight {
    let origin = (altitude > 0).then(|| "KAUS".to_owned());
    Flight { flight_id: flight_id.to_owned(), altitude, lat: 0.5, origin }
}

fn flights() -> (Store, TypedTable<Flight>) {
    let store = Store::in_memory().unwrap();
    let table = store.table::<Flight>().unwrap();
    (store, table)
}

/// Every type, every option.
#[derive(Record, Clone, Debug, PartialEq)]
#[record(crate = "crate")]
struct AllTypes {
    #[record(key)]
    r#type: i16,
    #[record(key, rename = "group")]
    set: i64,
    flag: bool,
    #[record(unique, default = -1)]
    number: i32,
    #[record(default = 1.5_f32)]
    small: f32,
    wide: f64,
    #[record(index, default = "none")]
    text: String,
    bytes: Vec<u8>,
    maybe_flag: Option<bool>,
    maybe_int: Option<i16>,
    maybe_wide: Option<f64>,
    maybe_text: Option<String>,
    maybe_bytes: Option<Vec<u8>>,
}

fn all_types(number: i32) -> AllTypes {
    AllTypes {
        r#type: i16::MIN,
        set: i64::MAX - i64::from(number),
        flag: true,
        number,
        small: f32::MIN_POSITIVE,
        wide: -1e300,
        text: "a text that is longer than a cell of sixteen bytes".to_owned(),
        bytes: vec![0, 255, 7],
        maybe_flag: Some(false),
        maybe_int: Some(-3),
        maybe_wide: None,
        maybe_text: Some(String::new()),
        maybe_bytes: None,
    }
}

#[test]
fn the_struct_declares_the_schema() {
    let expected = Schema::builder("all_types")
        .column("type", Type::Int16)
        .column("group", Type::Int64)
        .column("flag", Type::Bool)
        .notnull()
        .column("number", Type::Int32)
        .notnull()
        .unique()
        .default(-1)
        .column("small", Type::Float32)
        .notnull()
        .default(1.5_f32)
        .column("wide", Type::Float64)
        .notnull()
        .column("text", Type::Text)
        .notnull()
        .index()
        .default("none")
        .column("bytes", Type::Bytes)
        .notnull()
        .column("maybe_flag", Type::Bool)
        .column("maybe_int", Type::Int16)
        .column("maybe_wide", Type::Float64)
        .column("maybe_text", Type::Text)
        .column("maybe_bytes", Type::Bytes)
        .key_of(&["type", "group"])
        .build()
        .unwrap();
    assert_eq!(AllTypes::schema().unwrap(), expected);
}

#[test]
fn every_type_survives_the_round_trip() {
    let store = Store::in_memory().unwrap();
    let table = store.table::<AllTypes>().unwrap();
    let records = [all_types(1), all_types(2)];
    store.write(|txn| records.iter().try_for_each(|record| table.insert(txn, record))).unwrap();
    let snapshot = store.snapshot().unwrap();
    assert_eq!(table.query(&snapshot).sort("number").collect().unwrap(), records);
    let key = [i16::MIN.into(), (i64::MAX - 2).into()];
    assert_eq!(table.get(&snapshot, &key).unwrap(), Some(all_types(2)));
}

#[test]
fn records_are_written_and_read_back() {
    let (store, flights) = flights();
    let first = flight("UAL123", 35_000);
    assert!(store.write(|txn| flights.upsert(txn, &first)).unwrap());
    let changed = flight("UAL123", 0);
    assert!(!store.write(|txn| flights.upsert(txn, &changed)).unwrap());
    let again = store.write(|txn| flights.insert(txn, &first)).unwrap_err();
    assert_eq!(again.kind(), Kind::Duplicate);
    let key = ["UAL123".into()];
    assert_eq!(flights.get(&store.snapshot().unwrap(), &key).unwrap(), Some(changed));
    assert!(store.write(|txn| flights.delete(txn, &key)).unwrap());
    assert!(!flights.exists(&store.snapshot().unwrap(), &key).unwrap());
}

#[test]
fn a_transaction_reads_the_records_it_wrote() {
    let (store, flights) = flights();
    let mut txn = store.begin().unwrap();
    flights.insert(&mut txn, &flight("DAL7", 1)).unwrap();
    assert_eq!(flights.get(&txn, &["DAL7".into()]).unwrap(), Some(flight("DAL7", 1)));
    assert_eq!(flights.query(&txn).collect().unwrap(), [flight("DAL7", 1)]);
    assert_eq!(flights.query(&store.snapshot().unwrap()).count().unwrap(), 0);
}

#[test]
fn queries_filter_sort_and_cut() {
    let (store, flights) = flights();
    let all: Vec<Flight> = (0..10).map(|n| flight(&format!("F{n}"), n % 5)).collect();
    store.write(|txn| all.iter().try_for_each(|flight| flights.insert(txn, flight))).unwrap();
    let snapshot = store.snapshot().unwrap();
    let query = || flights.query(&snapshot).filter(column("altitude").gt(2));
    assert_eq!(query().count().unwrap(), 4);
    let found = query().sort("-altitude").sort("-flight_id").offset(1).limit(2).collect().unwrap();
    assert_eq!(found, [flight("F4", 4), flight("F8", 3)]);
    assert!(query().explain().unwrap().contains("altitude"));
    let unknown = query().sort("speed").collect().unwrap_err();
    assert_eq!(unknown.kind(), Kind::NotFound);
}

#[test]
fn a_record_without_a_key_has_a_hidden_one() {
    #[derive(Record, Debug, PartialEq)]
    struct PageVisit {
        page: String,
    }
    let store = Store::in_memory().unwrap();
    let visits = store.table::<PageVisit>().unwrap();
    assert!(visits.untyped().schema().has_hidden_key());
    let visit = PageVisit { page: "/".to_owned() };
    store.write(|txn| visits.insert(txn, &visit)).unwrap();
    assert!(store.write(|txn| visits.upsert(txn, &visit)).unwrap(), "nothing to write over");
    let found = visits.query(&store.snapshot().unwrap()).collect().unwrap();
    assert_eq!(found, [PageVisit { page: "/".to_owned() }, visit]);
    assert!(store.table::<PageVisit>().is_ok());
}

#[test]
fn defaults_serve_those_who_name_no_value() {
    let store = Store::in_memory().unwrap();
    let table = store.table::<AllTypes>().unwrap();
    let cells = [1.into(), 2.into(), true.into(), 0.5.into(), ValueRef::Bytes(&[])];
    store.write(|txn| table.untyped().insert_columns(txn, &[0, 1, 2, 5, 7], &cells)).unwrap();
    let found = table.query(&store.snapshot().unwrap()).collect().unwrap().remove(0);
    assert_eq!((found.number, found.small, found.text.as_str()), (-1, 1.5, "none"));
    assert_eq!(found.maybe_flag, None);
}

/// What `Store::table::<Flight>()` says of a table that was made otherwise.
fn mismatch(schema: crate::SchemaBuilder) -> String {
    let store = Store::in_memory().unwrap();
    store.create_table(schema.build().unwrap()).unwrap();
    let error: Error = store.table::<Flight>().unwrap_err();
    assert_eq!((error.kind(), error.details()), (Kind::Invalid, &["flights".to_owned()][..]));
    let message = error.to_string();
    let (record, difference) = message.split_once(" does not fit table `flights`: ").unwrap();
    assert!(record.starts_with("record `") && record.ends_with("Flight`"), "{record}");
    difference.to_owned()
}

#[test]
fn the_first_difference_is_named() {
    let id = || Schema::builder("flights").field::<String>("flight_id");
    let altitude = || id().key().field::<i32>("altitude").index();
    let lat = || altitude().field::<f64>("lat");
    let all = |builder: crate::SchemaBuilder| builder.field::<Option<String>>("origin");

    assert_eq!(mismatch(id().key()), "column \"altitude\" is not there");
    assert_eq!(
        mismatch(id().key().field::<f64>("lat")),
        "column 2 is \"lat\" there, \"altitude\" here"
    );
    assert_eq!(
        mismatch(id().key().field::<i64>("altitude")),
        "column \"altitude\" is int64 there, int32 here"
    );
    assert_eq!(
        mismatch(lat().field::<String>("origin")),
        "column \"origin\" is notnull there, nullable here"
    );
    assert_eq!(mismatch(all(lat()).field::<i32>("speed")), "column \"speed\" is not here");
    let no_key = id().field::<i32>("altitude").index().field::<f64>("lat");
    assert_eq!(mismatch(all(no_key)), "the key is hidden there, (flight_id) here");
    let wider = all(altitude().field::<f64>("lat").key());
    assert_eq!(mismatch(wider), "the key is (flight_id, lat) there, (flight_id) here");
    let plain = id().key().field::<i32>("altitude").field::<f64>("lat");
    assert_eq!(mismatch(all(plain)), "an index over (altitude) is not there");
    let unique = id().key().field::<i32>("altitude").unique().field::<f64>("lat");
    assert_eq!(mismatch(all(unique)), "the index over (altitude) is unique there, not unique here");
    let more = all(lat()).index_of(&["lat", "origin"], false);
    assert_eq!(mismatch(more), "an index over (lat, origin) is not here");
}

#[test]
fn a_table_in_a_file_is_opened_again() {
    let place = tempfile::tempdir().unwrap();
    let open = || Store::options().memory(64 << 20).open(place.path()).unwrap();
    let store = open();
    let flights = store.table::<Flight>().unwrap();
    store.write(|txn| flights.insert(txn, &flight("UAL123", 9))).unwrap();
    drop((flights, store));

    let store = open();
    let flights = store.table::<Flight>().unwrap();
    let found = flights.query(&store.snapshot().unwrap()).collect().unwrap();
    assert_eq!(found, [flight("UAL123", 9)]);
}

#[test]
fn threads_that_make_one_table_all_get_it() {
    let store = Store::in_memory().unwrap();
    std::thread::scope(|scope| {
        let make = |number| {
            let flights = store.table::<Flight>().unwrap();
            let flight = flight(&format!("F{number}"), number);
            store.write(|txn| flights.insert(txn, &flight)).unwrap();
        };
        join_all((0..4).map(|number| scope.spawn(move || make(number))));
    });
    let flights = store.table::<Flight>().unwrap();
    assert_eq!(flights.query(&store.snapshot().unwrap()).count().unwrap(), 4);
}

#[test]
fn a_cell_that_does_not_fit_is_an_error_that_names_the_column() {
    let (store, flights) = flights();
    store.write(|txn| flights.insert(txn, &flight("UAL123", 0))).unwrap();
    let snapshot = store.snapshot().unwrap();
    let row = flights.untyped().get(&snapshot, &["UAL123".into()]).unwrap().unwrap();
    let row = row.as_ref();
    let kind = |error: Error| (error.kind(), error.to_string());
    let origin = "column \"origin\" of `flights`: NULL where the field is no `Option`";
    assert_eq!(kind(row.field::<String>(3).unwrap_err()), (Kind::NotNull, origin.to_owned()));
    assert_eq!(row.field::<bool>(0).unwrap_err().kind(), Kind::Type);
    assert_eq!(row.field::<bool>(4).unwrap_err().kind(), Kind::Invalid);
    let wide = i16::from_value(ValueRef::Int(40_000)).unwrap_err();
    assert_eq!(kind(wide), (Kind::Type, "40000 is out of range for int16".to_owned()));
}
