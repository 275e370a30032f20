use std::time::Instant;
use store_core::{ingest::*, query::column, *};
fn main() -> Result<()> {
    let path = std::env::args().nth(1).unwrap();
    let place = std::env::args().nth(2).unwrap_or(":memory:".into());
    let store = Store::options().memory(1 << 30).open(&place)?;
    println!("{:?}", store.recovery());
    let mut source = Source::open(&path)?;
    let mut options = IngestOptions::new(Format::Tsv);
    options.header = true;
    options.nulls = vec!["NA".into()];
    let columns = infer_columns(&mut source, &options)?;
    let mut b = Schema::builder("flights");
    for (n, t) in columns {
        b = b.column(n, t);
    }
    let schema = b
        .key_of(&["year", "month", "day", "carrier", "flight", "origin", "sched_dep_time"])
        .index_of(&["origin"], false)
        .index_of(&["dep_delay"], false)
        .build()?;
    let t = match store.open_table("flights") {
        Ok(t) => t,
        _ => {
            let t = store.create_table(schema)?;
            let at = Instant::now();
            let r = t.ingest(source, options)?;
            println!("{r:?} {:?}", at.elapsed());
            t
        }
    };
    let s = store.snapshot()?;
    let at = Instant::now();
    println!("count {} {:?}", t.count(&s)?, at.elapsed());
    let q = || t.query(&s).filter(column("origin").eq("JFK").and(column("dep_delay").ge(60)));
    let at = Instant::now();
    println!("{} {} {:?}", q().count()?, q().explain()?, at.elapsed());
    let mut c = t.query(&s).run()?;
    let d = t.schema().column_position("distance")?;
    let mut sum = 0;
    while let Some(r) = c.next()? {
        if let ValueRef::Int(x) = r.get(d) {
            sum += x
        }
    }
    println!("{sum} {:?}", store.check()?);
    let st = store.stats();
    println!(
        "used {} peak {} per row {}",
        st.memory_used,
        st.memory_peak,
        st.tables[0].bytes / st.tables[0].rows
    );
    for h in st.holders {
        println!("  {} {}", h.path, h.bytes)
    }
    println!("{:?}", st.tables[0].indexes);
    let keys: Vec<Vec<Value>> = {
        let mut v = vec![];
        let mut c = t.query(&s).run()?;
        while let Some(r) = c.next()? {
            v.push(t.schema().key.iter().map(|k| r.get(*k).to_owned()).collect());
        }
        v
    };
    let at = Instant::now();
    let mut n = 0;
    for i in 0..keys.len() {
        let k = &keys[(i * 7919) % keys.len()];
        let k: Vec<ValueRef> = k.iter().map(|v| v.as_ref()).collect();
        if let Some(r) = t.get(&s, &k)? {
            if !r.at(d).is_null() {
                n += 1
            }
        }
    }
    println!("gets {n} {:?} each", at.elapsed() / n);
    if std::env::args().nth(3).is_some() {
        let at = Instant::now();
        store.checkpoint()?;
        println!("checkpoint {:?}", at.elapsed());
    }
    Ok(())
}
