use crate::sync::join_all;
use crate::{
    ColumnSpec, Decimal, Error, Field, Inet, Keyed, Kind, Mac, Record, Schema, Store, Type,
    TypedPredicate, TypedTable, ValueRef,
    query::{Predicate, column},
};
use std::net::{IpAddr, Ipv4Addr};

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
    #[record(decimal(10, 2), index, default = Decimal::new(15, 1).unwrap())]
    price: Decimal,
    amount: Decimal,
    #[record(decimal(38))]
    maybe_count: Option<Decimal>,
    host: Inet,
    maybe_address: Option<IpAddr>,
    card: Mac,
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
        price: "-0.05".parse().unwrap(),
        amount: "999999999999999.999".parse().unwrap(),
        maybe_count: Some(Decimal::new(10_i128.pow(38) - 1, 0).unwrap()),
        host: "2001:db8::1".parse().unwrap(),
        maybe_address: Some(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        card: Mac::from_octets([1, 2, 3, 4, 5, 255]),
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
        .column("price", Type::Decimal { precision: 10, scale: 2 })
        .notnull()
        .index()
        .default(Decimal::new(15, 1).unwrap())
        .column("amount", Type::Decimal { precision: 18, scale: 3 })
        .notnull()
        .column("maybe_count", Type::Decimal { precision: 38, scale: 0 })
        .column("host", Type::Inet)
        .notnull()
        .column("maybe_address", Type::Inet)
        .column("card", Type::Mac)
        .notnull()
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
    let key = (i16::MIN, i64::MAX - 2);
    assert_eq!(records[1].key(), key);
    assert_eq!(table.get(&snapshot, key).unwrap(), Some(all_types(2)));
}

#[test]
fn a_decimal_that_its_column_cannot_hold_is_refused() {
    let store = Store::in_memory().unwrap();
    let table = store.table::<AllTypes>().unwrap();
    for (price, fault) in [
        (
            "0.005",
            "column \"price\": 0.005 has more digits after the point than the 2 of decimal(10,2)",
        ),
        ("100000000", "column \"price\": 100000000 is out of range for decimal(10,2)"),
    ] {
        let record = AllTypes { price: price.parse().unwrap(), ..all_types(1) };
        let error = store.write(|txn| table.insert(txn, &record)).unwrap_err();
        assert_eq!((error.kind(), error.to_string().as_str()), (Kind::Type, fault));
    }
    let record = AllTypes { price: "1.5000".parse().unwrap(), ..all_types(1) };
    store.write(|txn| table.insert(txn, &record)).unwrap();
    let snapshot = store.snapshot().unwrap();
    let cheap = table.query(&snapshot).filter(column("price").eq(record.price)).collect().unwrap();
    assert_eq!((cheap.len(), cheap[0].price.to_string().as_str()), (1, "1.50"));
    let above = column("price").gt(Decimal::new(1_499, 3).unwrap());
    assert_eq!(table.query(&snapshot).filter(above).count().unwrap(), 1);
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
    let key = first.key();
    assert_eq!(flights.get(&store.snapshot().unwrap(), key).unwrap(), Some(changed));
    assert!(store.write(|txn| flights.update(txn, &first)).unwrap());
    // A reference to an owned text is a key too.
    let found = flights.get(&store.snapshot().unwrap(), &first.flight_id).unwrap();
    assert_eq!(found.as_ref(), Some(&first));
    assert!(store.write(|txn| flights.delete(txn, key)).unwrap());
    assert!(!flights.exists(&store.snapshot().unwrap(), key).unwrap());
    assert!(!store.write(|txn| flights.update(txn, &first)).unwrap());
    assert!(!flights.exists(&store.snapshot().unwrap(), key).unwrap(), "an update makes no row");
}

#[test]
fn a_transaction_reads_the_records_it_wrote() {
    let (store, flights) = flights();
    let mut txn = store.begin().unwrap();
    flights.insert(&mut txn, &flight("DAL7", 1)).unwrap();
    assert_eq!(flights.get(&txn, "DAL7").unwrap(), Some(flight("DAL7", 1)));
    assert_eq!(flights.query(&txn).collect().unwrap(), [flight("DAL7", 1)]);
    assert_eq!(flights.query(&store.snapshot().unwrap()).count().unwrap(), 0);
}

#[test]
fn queries_filter_sort_and_cut() {
    let (store, flights) = flights();
    let all: Vec<Flight> = (0..10).map(|n| flight(&format!("F{n}"), n % 5)).collect();
    store.write(|txn| all.iter().try_for_each(|flight| flights.insert(txn, flight))).unwrap();
    let snapshot = store.snapshot().unwrap();
    let query = || flights.query(&snapshot).filter(Flight::ALTITUDE.gt(2));
    assert_eq!(query().count().unwrap(), 4);
    let sorted = || query().sort(Flight::ALTITUDE.desc()).sort(Flight::FLIGHT_ID.desc()).offset(1);
    assert_eq!(sorted().limit(2).collect().unwrap(), [flight("F4", 4), flight("F8", 3)]);
    assert_eq!(sorted().first().unwrap(), Some(flight("F4", 4)));
    assert_eq!(sorted().offset(4).first().unwrap(), None);
    let by_words = flights.query(&snapshot).filter(column("altitude").gt(2));
    let by_words = by_words.sort("-altitude").sort("-flight_id").offset(1).limit(2);
    assert_eq!(by_words.collect().unwrap(), sorted().limit(2).collect().unwrap());
    assert_eq!(query().sort("-").collect().unwrap_err().kind(), Kind::Invalid);
    assert!(query().explain().unwrap().contains("altitude"));
    let unknown = query().sort("speed").collect().unwrap_err();
    assert_eq!(unknown.kind(), Kind::NotFound);
}

#[test]
fn columns_make_the_predicates_of_their_names() {
    let same = |typed: TypedPredicate<AllTypes>, text: &str| {
        assert_eq!(typed.to_string(), text);
        let parsed = Predicate::parse(text).unwrap().bind(&AllTypes::schema().unwrap()).unwrap();
        assert_eq!(typed.untyped().bind(&AllTypes::schema().unwrap()).unwrap(), parsed, "{text}");
    };
    let text = "it's".to_owned();
    same(AllTypes::TEXT.ne(&text), "text != 'it''s'");
    same(AllTypes::TEXT.ge(text), "text >= 'it''s'");
    same(AllTypes::NUMBER.eq(5), "number = 5");
    same(AllTypes::TYPE.lt(5), "type < 5");
    same(AllTypes::WIDE.le(2.0), "wide <= 2.0");
    same(AllTypes::TEXT.gt("a"), "text > 'a'");
    same(AllTypes::SET.range(1, 9), "(group >= 1 AND group < 9)");
    same(AllTypes::SET.between(1, 9), "group BETWEEN 1 AND 9");
    same(AllTypes::MAYBE_INT.in_values([1, 2]), "maybe_int IN (1, 2)");
    same(AllTypes::MAYBE_TEXT.in_values(["x", "y"]), "maybe_text IN ('x', 'y')");
    same(AllTypes::MAYBE_WIDE.is_null(), "maybe_wide IS NULL");
    same(AllTypes::MAYBE_BYTES.is_not_null(), "maybe_bytes IS NOT NULL");
    same(AllTypes::FLAG.is_true(), "flag");
    same(AllTypes::MAYBE_FLAG.is_false(), "NOT maybe_flag");
    let either = AllTypes::FLAG.eq(true).or(AllTypes::NUMBER.eq(1)).and(column("number").ne(2));
    same(either.not(), "NOT ((flag = TRUE OR number = 1) AND number != 2)");
    let bytes = AllTypes::BYTES.eq(&[0, 255][..]).untyped();
    assert_eq!(bytes, column("bytes").eq(vec![0_u8, 255]));
}

#[test]
fn a_struct_names_keys_and_indexes_over_several_fields_and_its_constants() {
    #[derive(Record, Debug, PartialEq)]
    #[record(crate = "crate", key(day, flight), index(from, to), unique(gate, day))]
    struct Leg {
        #[record(rename = "flight id", constant = FLIGHT)]
        flight: String,
        day: i32,
        #[record(index)]
        from: String,
        to: Option<String>,
        gate: Option<i16>,
    }
    impl Leg {
        const FLIGHT_ID: &str = "the user's own";
    }
    let schema = Leg::schema().unwrap();
    assert_eq!(schema.key, [1, 0]);
    let indexes: Vec<_> =
        schema.indexes.iter().map(|index| (index.columns.clone(), index.unique)).collect();
    assert_eq!(indexes, [(vec![2], false), (vec![2, 3], false), (vec![4, 1], true)]);
    assert_eq!((Leg::FLIGHT.name(), Leg::FLIGHT_ID), ("flight id", "the user's own"));

    let store = Store::in_memory().unwrap();
    let legs = store.table::<Leg>().unwrap();
    let leg = |flight: &str, day| Leg {
        flight: flight.to_owned(),
        day,
        from: "AUS".to_owned(),
        to: (day > 1).then(|| "DFW".to_owned()),
        gate: None,
    };
    let all = [leg("UAL123", 1), leg("UAL123", 2), leg("DAL7", 2)];
    store.write(|txn| all.iter().try_for_each(|leg| legs.insert(txn, leg))).unwrap();
    let snapshot = store.snapshot().unwrap();
    assert_eq!(all[1].key(), (2, "UAL123"));
    assert_eq!(legs.get(&snapshot, (2, "UAL123")).unwrap().as_ref(), Some(&all[1]));
    let found = legs.get_many(&snapshot, [(2, "DAL7"), (3, "DAL7"), all[0].key()]).unwrap();
    assert_eq!(found, [Some(leg("DAL7", 2)), None, Some(leg("UAL123", 1))]);
    let query = legs.query(&snapshot).filter(Leg::FLIGHT.eq("UAL123"));
    let days = |legs: Vec<Leg>| legs.iter().map(|leg| leg.day).collect::<Vec<_>>();
    assert_eq!(days(query.sort(Leg::TO.asc().nulls_first()).collect().unwrap()), [1, 2]);
    let query = legs.query(&snapshot).filter(Leg::FLIGHT.eq("UAL123"));
    assert_eq!(days(query.sort(Leg::TO.asc()).collect().unwrap()), [2, 1]);
}

#[test]
fn the_number_of_a_schema_tells_what_the_check_tells_of_columns_and_key() {
    let (_, flights) = flights();
    assert_eq!(Flight::schema_hash().unwrap(), flights.untyped().schema().hash());
    let other = Schema::parse(
        "flights",
        "flight_id text key, altitude int32 notnull, lat float64 notnull, origin text",
    );
    assert_eq!(other.unwrap().hash(), Flight::schema_hash().unwrap(), "indexes do not count");
    assert_ne!(AllTypes::schema_hash().unwrap(), Flight::schema_hash().unwrap());
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
    let (host, card) = (Inet::from_octets([0; 16]), Mac::from_octets([0; 6]));
    let cells = [1.into(), 2.into(), true.into(), 0.5.into(), ValueRef::Bytes(&[])];
    // Whole numbers and floats are decimals if they are that exactly.
    let cells = cells.into_iter().chain([ValueRef::Int(7), host.into(), card.into()]);
    let (columns, cells) = ([0, 1, 2, 5, 7, 14, 16, 18], cells.collect::<Vec<_>>());
    store.write(|txn| table.untyped().insert_columns(txn, &columns, &cells)).unwrap();
    let found = table.query(&store.snapshot().unwrap()).collect().unwrap().remove(0);
    assert_eq!((found.number, found.small, found.text.as_str()), (-1, 1.5, "none"));
    assert_eq!(found.maybe_flag, None);
    let shown = (found.price.to_string(), found.amount.to_string());
    assert_eq!(shown, ("1.50".to_owned(), "7.000".to_owned()));
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
    assert_eq!(
        mismatch(all(plain)),
        "an index over (altitude) is not there (`Table::create_index` makes it)"
    );
    let unique = id().key().field::<i32>("altitude").unique().field::<f64>("lat");
    assert_eq!(mismatch(all(unique)), "the index over (altitude) is unique there, not unique here");
}

#[test]
fn a_table_may_have_more_indexes_than_its_record() {
    let store = Store::in_memory().unwrap();
    let flights = store.table::<Flight>().unwrap();
    flights.untyped().create_index(&crate::IndexSpec::on(&["lat", "origin"])).unwrap();
    assert!(store.table::<Flight>().is_ok());
    flights.untyped().drop_index("altitude").unwrap();
    assert!(store.table::<Flight>().is_err());
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

#[test]
fn a_typed_table_whose_columns_changed_is_to_be_opened_again() {
    let (store, flights) = flights();
    store.write(|txn| flights.insert(txn, &flight("UAL123", 35_000))).unwrap();
    let before = store.snapshot().unwrap();
    let untyped = store.open_table("flights").unwrap();
    untyped.add_column(&ColumnSpec::new("squawk", Type::Int32)).unwrap();
    assert!(flights.get(&before, "UAL123").unwrap().is_some());
    let now = store.snapshot().unwrap();
    let refused = |result: crate::Result<()>| {
        let error = result.unwrap_err();
        assert_eq!(error.kind(), Kind::Invalid, "{error}");
        assert!(error.to_string().contains("open the table again"), "{error}");
    };
    refused(flights.get(&now, "UAL123").map(drop));
    refused(flights.query(&now).collect().map(drop));
    refused(store.write(|txn| flights.insert(txn, &flight("DAL7", 0))));
    refused(store.write(|txn| flights.delete(txn, "UAL123")).map(drop));
    assert!(store.table::<Flight>().unwrap_err().to_string().contains("\"squawk\" is not here"));
    untyped.drop_column("squawk").unwrap();
    let again = store.table::<Flight>().unwrap();
    assert!(again.get(&store.snapshot().unwrap(), "UAL123").unwrap().is_some());
    refused(again.get(&now, "UAL123").map(drop));
}
