use super::*;
use std::time::Instant;
fn t<R>(name: &str, n: u64, f: impl FnOnce() -> R) -> R {
    let s = Instant::now(); let r = f(); let e = s.elapsed().as_secs_f64();
    println!("{name}: {:.2} M/s ({:.1} ns)", n as f64 / e / 1e6, e * 1e9 / n as f64); r
}
#[test]
#[ignore]
fn measure() {
    for _ in 0..2 {
    let f = Fixture::new(Some(8));
    let mut r = Random(1);
    t("random single", 1_000_000, || for i in 0..1_000_000u32 { f.index.insert(&r.next().to_be_bytes(), i); });
    println!("bytes an entry {:.1} heap {:.2}", f.index.bytes() as f64 / 1e6, f.index.heap_bytes() as f64 / 1e6);
    { let mut b = std::collections::BTreeSet::new(); t("BTreeSet", 1_000_000, || for i in 0..1_000_000u32 { b.insert((r.next(), i)); }); }
    let mut rows = Vec::with_capacity(2_000_000);
    for d in [Direction::Ascending, Direction::Descending] { rows.clear();
      t(&format!("walk {d:?}"), 1_000_000, || { let mut s = f.index.scan(&KeyRange::all(), d); rows.clear(); while s.next_rows(&mut rows, 4096) {rows.clear()} });
      t(&format!("walk again {d:?}"), 1_000_000, || { let mut s = f.index.scan(&KeyRange::all(), d); rows.clear(); while s.next_rows(&mut rows, 100_000) {rows.clear()} }); }
    t("count all", 1_000_000, || assert_eq!(f.index.count(&KeyRange::all()), f.index.len()));
    let all = f.entries(&KeyRange::all(), Direction::Ascending, 100000);
    t("ranges of 1000", 10_000, || for _ in 0..10_000 { let at = r.below(990_000) as usize;
        let k = KeyRange { low: std::ops::Bound::Included(all[at].0.clone()), high: std::ops::Bound::Unbounded };
        rows.clear(); f.index.scan(&k, Direction::Ascending).next_rows(&mut rows, 1000); assert_eq!(rows.len(), 1000); });
    t("counts of 1000", 10_000, || for _ in 0..10_000 { let at = r.below(990_000) as usize;
        let k = KeyRange { low: std::ops::Bound::Included(all[at].0.clone()), high: std::ops::Bound::Excluded(all[at+1000].0.clone()) };
        assert_eq!(f.index.count(&k), 1000); });
    t("points", 300_000, || for _ in 0..300_000 { let at = r.below(990_000) as usize;
        rows.clear(); f.index.scan(&KeyRange::equal(&all[at].0), Direction::Ascending).next_rows(&mut rows, 10); assert_eq!(rows.len(), 1); });
    let mut batch = EntryBatch::new(Some(8));
    t("batch 64k push+sort+insert", 65536*8, || for _ in 0..8 { batch.clear(); for i in 0..65536 { batch.push(&r.next().to_be_bytes(), i); } batch.sort(); f.index.insert_sorted(&batch); });
    t("random single remove", 900_000, || { for i in 0..900_000 { let (k, row) = &all[(i * 7919) % all.len()]; assert!(f.index.remove(k, *row)); } });
    f.check();
    let f = Fixture::new(Some(8));
    let mut batch = EntryBatch::new(Some(8));
    t("bulk push+sort+insert", 1_000_000, || { for i in 0..1_000_000 { batch.push(&r.next().to_be_bytes(), i); } batch.sort(); t("  insert only", 1_000_000, || f.index.insert_sorted(&batch)); });
    println!("bytes an entry {:.1}", f.index.bytes() as f64 / 1e6);
    let f = Fixture::new(None);
    let keys: Vec<Vec<u8>> = (0..500_000).map(|_| format!("customer {:016x}\0\x01", r.next()).into_bytes()).collect();
    t("text single", 500_000, || for (i, k) in keys.iter().enumerate() { f.index.insert(k, i as u32); });
    println!("text bytes an entry {:.1} of {}", f.index.bytes() as f64 / 5e5, keys[0].len());
    let mut batch = EntryBatch::new(None);
    let f = Fixture::new(None);
    t("text bulk", 500_000, || { for (i, k) in keys.iter().enumerate() { batch.push(k, i as u32); } batch.sort(); t("  insert only", 500_000, || f.index.insert_sorted(&batch)); });
    let f = Fixture::new(Some(8));
    t("2 threads random single", 2_000_000, || std::thread::scope(|s| for th in 0..2 { let f = &f; s.spawn(move || { let mut r = Random(th + 5); for i in 0..1_000_000u32 { f.index.insert(&r.next().to_be_bytes(), i); } }); }));
    }
}
#[test]
#[ignore]
fn m_batch() {
    let f = Fixture::new(Some(8)); let mut r = Random(1);
    let mut batch = EntryBatch::new(Some(8));
    for _ in 0..4 { let f = Fixture::new(Some(8)); t("16 batches of 64k", 65536*16, || for _ in 0..16 { batch.clear(); for i in 0..65536 { batch.push(&r.next().to_be_bytes(), i); } batch.sort(); f.index.insert_sorted(&batch); }); }
}
#[test]
#[ignore]
fn m_single() {
    for _ in 0..4 {
    let f = Fixture::new(Some(8)); let mut r = Random(1);
    t("random single", 1_000_000, || for i in 0..1_000_000u32 { f.index.insert(&r.next().to_be_bytes(), i); });
    }
}
