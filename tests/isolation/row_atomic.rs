//! I10: a failed type check, `notnull` or unique check changes nothing: not a field, not an index.

use crate::store;
use store_core::query::{Predicate, column};
use store_core::{Kind, Schema, Store, Table, Txn, Type, Value};
use store_tests::rows::{assert_sound, drain, matching};

/// Every kind of column that can refuse, in an order that puts good changes before bad ones.
fn table(store: &Store) -> Table {
    let schema = Schema::builder("t")
        .column("id", Type::Int64)
        .key()
        .column("a", Type::Int32)
        .index()
        .column("text", Type::Text)
        .index()
        .column("need", Type::Text)
        .notnull()
        .column("code", Type::Int64)
        .unique()
        .column("small", Type::Int16)
        .column("email", Type::Text)
        .unique()
        .build();
    store.create_table(schema.unwrap()).unwrap()
}

const LONG: &str = "a text that is longer than its cell";

fn filled() -> (Store, Table) {
    let store = store();
    let table = table(&store);
    let write = store.write(|txn| {
        for id in 0..60_i64 {
            let (a, email) = ((id as i32).into(), format!("{id}@{LONG}"));
            let row = [id.into(), a, LONG.into(), "n".into(), id.into(), 1.into(), (&email).into()];
            table.insert(txn, &row)?;
        }
        Ok(())
    });
    write.unwrap();
    (store, table)
}

/// Everything a reader can see: by key, scan, and each index.
fn picture<R: store_core::Reader>(table: &Table, reader: &R) -> Vec<Vec<Vec<Value>>> {
    let key = |id: i64| table.get(reader, &[id.into()]).unwrap().map(|row| row.to_values());
    let mut picture = vec![(0..100).filter_map(key).collect()];
    for order in ["id", "a", "-a", "text", "code", "email", "need"] {
        picture.push(drain(table.query(reader).sort(&[order]).unwrap().run().unwrap()));
    }
    for id in 0..60_i64 {
        picture.push(matching(table, reader, column("code").eq(id)));
        picture.push(matching(table, reader, column("email").eq(format!("{id}@{LONG}"))));
    }
    picture.push(matching(table, reader, column("a").between(1_000, 2_000)));
    picture.push(matching(table, reader, column("text").eq("new and much longer than a cell")));
    picture.push(matching(table, reader, column("code").ge(500)));
    assert_eq!(table.count(reader).unwrap(), picture[0].len() as u64);
    let listed = matching(table, reader, Predicate::all()).len();
    assert_eq!(listed, picture[0].len());
    picture
}

/// A statement that must fail with this kind.
type Attempt = (Kind, fn(&Table, &mut Txn) -> store_core::Result<()>);

#[expect(clippy::too_many_lines, reason = "a table of statements")]
fn attempts() -> Vec<Attempt> {
    const NEW: &str = "new and much longer than a cell";
    vec![
        (Kind::Type, |t, x| {
            let changes = [("a", 1_500.into()), ("text", NEW.into()), ("small", 70_000.into())];
            t.update(x, &[5_i64.into()], &changes).map(drop)
        }),
        (Kind::NotNull, |t, x| {
            let changes =
                [("text", NEW.into()), ("a", 1_500.into()), ("need", Value::Null.as_ref())];
            t.update(x, &[5_i64.into()], &changes).map(drop)
        }),
        (Kind::Duplicate, |t, x| {
            let changes = [("a", 1_500.into()), ("text", NEW.into()), ("code", 6_i64.into())];
            t.update(x, &[5_i64.into()], &changes).map(drop)
        }),
        (Kind::Duplicate, |t, x| {
            // The first unique index takes its value, the second one refuses.
            let email = format!("6@{LONG}");
            let changes =
                [("code", 700_i64.into()), ("text", NEW.into()), ("email", (&email).into())];
            t.update(x, &[5_i64.into()], &changes).map(drop)
        }),
        (Kind::NotFound, |t, x| {
            t.update(x, &[5_i64.into()], &[("a", 1_500.into()), ("none", 1.into())]).map(drop)
        }),
        (Kind::Invalid, |t, x| {
            t.update(x, &[5_i64.into()], &[("a", 1_500.into()), ("id", 9_i64.into())]).map(drop)
        }),
        (Kind::Duplicate, |t, x| {
            let row = [
                5_i64.into(),
                1_500.into(),
                NEW.into(),
                "n".into(),
                800_i64.into(),
                1.into(),
                NEW.into(),
            ];
            t.insert(x, &row)
        }),
        (Kind::Duplicate, |t, x| {
            let row = [
                70_i64.into(),
                1_500.into(),
                NEW.into(),
                "n".into(),
                7_i64.into(),
                1.into(),
                NEW.into(),
            ];
            t.insert(x, &row)
        }),
        (Kind::NotNull, |t, x| {
            let null = Value::Null;
            let row = [
                70_i64.into(),
                1_500.into(),
                NEW.into(),
                null.as_ref(),
                800_i64.into(),
                1.into(),
                NEW.into(),
            ];
            t.insert(x, &row)
        }),
        (Kind::Type, |t, x| {
            let row = [
                70_i64.into(),
                "x".into(),
                NEW.into(),
                "n".into(),
                800_i64.into(),
                1.into(),
                NEW.into(),
            ];
            t.insert(x, &row)
        }),
        (Kind::Duplicate, |t, x| {
            let row = [
                5_i64.into(),
                1_500.into(),
                NEW.into(),
                "n".into(),
                7_i64.into(),
                1.into(),
                NEW.into(),
            ];
            t.upsert(x, &row).map(drop)
        }),
        (Kind::Type, |t, x| {
            let row = [
                5_i64.into(),
                1_500.into(),
                "a\0b".into(),
                "n".into(),
                800_i64.into(),
                1.into(),
                NEW.into(),
            ];
            t.upsert(x, &row).map(drop)
        }),
        (Kind::Invalid, |t, x| {
            let long = "k".repeat(9_000); // longer than an index key may be
            t.update(x, &[5_i64.into()], &[("a", 1_500.into()), ("text", (&long).into())]).map(drop)
        }),
        (Kind::Invalid, |t, x| t.insert(x, &[71_i64.into(), 1.into()])),
    ]
}

#[test]
fn a_refused_statement_changes_nothing() {
    let (store, table) = filled();
    let before = picture(&table, &store.snapshot().unwrap());
    let entries = || -> Vec<u64> {
        store.stats().tables[0].indexes.iter().map(|index| index.entries).collect()
    };
    let entries_before = entries();
    for (nth, (kind, attempt)) in attempts().into_iter().enumerate() {
        // Alone: nothing in the transaction, nothing after its commit.
        let mut txn = store.begin().unwrap();
        let error = attempt(&table, &mut txn).unwrap_err();
        assert_eq!(error.kind(), kind, "attempt {nth}: {error}");
        assert!(!txn.is_doomed(), "attempt {nth}: {error}");
        assert_eq!(picture(&table, &txn), before, "attempt {nth}, inside");
        txn.commit().unwrap();
        assert_eq!(picture(&table, &store.snapshot().unwrap()), before, "attempt {nth}");
        assert_eq!(entries(), entries_before, "attempt {nth}");
        assert_sound(&store);
    }
}

#[test]
fn a_refused_statement_leaves_the_others_of_its_transaction() {
    for (nth, (kind, attempt)) in attempts().into_iter().enumerate() {
        let (store, table) = filled();
        let mut txn = store.begin().unwrap();
        // Row 5 has an own version before, of the same columns.
        let changes = [("a", 77.into()), ("text", "own".into()), ("code", 900_i64.into())];
        assert!(table.update(&mut txn, &[5_i64.into()], &changes).unwrap());
        assert!(table.delete(&mut txn, &[20_i64.into()]).unwrap());
        let mark = txn.savepoint().unwrap();
        let inside = picture(&table, &txn);
        let error = attempt(&table, &mut txn).unwrap_err();
        assert_eq!(error.kind(), kind, "attempt {nth}: {error}");
        assert_eq!(picture(&table, &txn), inside, "attempt {nth}, inside");
        txn.rollback_to(mark).unwrap();
        assert_eq!(picture(&table, &txn), inside, "attempt {nth}, after the savepoint");
        txn.commit().unwrap();
        assert_eq!(picture(&table, &store.snapshot().unwrap()), inside, "attempt {nth}, after");
        assert_sound(&store);
    }
}

#[test]
fn a_value_that_was_refused_is_free_afterwards() {
    let (store, table) = filled();
    for (_, attempt) in attempts() {
        assert!(store.write(|txn| attempt(&table, txn)).is_err());
    }
    let email = "new and much longer than a cell";
    for (id, code) in [(80_i64, 700_i64), (81, 800)] {
        let own = if code == 700 { email } else { "other" };
        let row = [id.into(), 1.into(), "t".into(), "n".into(), code.into(), 1.into(), own.into()];
        store.write(|txn| table.insert(txn, &row)).unwrap();
    }
    assert_sound(&store);
}
