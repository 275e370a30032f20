//! Sorts made transactions by account and time, within a cap for the whole process.
//!
//! `sort_lines IN OUT SPILL_DIR CAP_BYTES raw|lz4|zstd` prints what it did, one `name=value` a word.

use std::error::Error;
use std::fs::File;
use std::path::Path;
use store_core::mem::process_memory;
use store_core::segment::{SegmentCodec, Spill};
use store_core::te::SortInput;
use store_core::{MemoryBudget, Type};
use store_etl::operator::sort::{LineKey, LineOptions, LineSorter, SortColumn};

/// What the process takes beyond what it has now and what it reserves: code that runs for the first
/// time, the heap's small things.
const MARGIN_BYTES: u64 = 768 << 10;

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().collect();
    let [_, input, output, place, cap, codec] = args.as_slice() else {
        return Err("usage: sort_lines IN OUT SPILL_DIR CAP_BYTES raw|lz4|zstd".into());
    };
    let cap: u64 = cap.parse()?;
    let codec = match codec.as_str() {
        "raw" => SegmentCodec::Raw,
        "lz4" => SegmentCodec::Lz4,
        "zstd" => SegmentCodec::Zstd,
        other => return Err(format!("no codec {other}").into()),
    };
    let base = process_memory().ok_or("no /proc")?.resident + MARGIN_BYTES;
    let memory = cap.checked_sub(base).ok_or("the cap is below what the process itself takes")?;
    let holder = MemoryBudget::for_job(memory).holder("job");
    let keys = vec![
        LineKey { column: 2, sort: SortColumn::ascending(Type::Int32) },
        LineKey { column: 1, sort: SortColumn::ascending(Type::Timestamp) },
    ];
    let input_bytes = std::fs::metadata(input)?.len();
    let options = LineOptions {
        header: false,
        codec,
        input_bytes: Some(input_bytes),
        ..LineOptions::within(memory as usize)
    };
    let spill = Spill::new(Path::new(place), None)?;
    let mut sorter = LineSorter::new(options, keys, Some(spill.clone()), &holder)?;
    sorter.read(&mut File::open(input)?, input)?;
    let stats = sorter.stats();
    let plan = *sorter.sorter().plan();
    let input = SortInput { rows: stats.rows_in, bytes: stats.sort.bytes, longest: 128 };
    let mut sorted = sorter.finish()?;
    let stats = sorted.write_to(&mut File::create(output)?, output)?;
    println!(
        "rows={} runs={} merges={} resident={} spill={} spill_predicted={} peak_predicted={} reserved={} page={} fan_in={}",
        stats.rows_out,
        stats.sort.runs,
        stats.sort.merges,
        stats.sort.resident_rows,
        spill.written_bytes(),
        plan.spill_bytes(input),
        base + memory,
        holder.budget().peak(),
        plan.page,
        plan.fan_in,
    );
    Ok(())
}
