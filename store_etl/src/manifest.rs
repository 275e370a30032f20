//! The manifest: a JSON file beside the sink that says what a run read, did and wrote.

use crate::job::SinkPlan;
use crate::operator::{
    HashNote, InputDigest, OutputFacts, Shared, sync_directory, temporary_beside,
};
use crate::run::{Prepared, Report};
use serde_json::{Value, json};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::SystemTime;
use store_core::{Error, Result, ValueRef};

/// What a manifest is made of, besides the report.
pub(crate) struct Facts<'a> {
    pub job: &'a Prepared,
    pub shared: &'a Shared,
    /// None of a table.
    pub output: Option<&'a OutputFacts>,
    pub began: SystemTime,
}

/// Where it goes: where the caller says, else beside the sink, and nowhere beside standard output.
pub(crate) fn place(sink: &SinkPlan, named: Option<PathBuf>) -> Option<PathBuf> {
    let beside = || {
        // A table has none beside it: its store's directory is its own.
        let beside = sink.table.is_none() && sink.destination != "-";
        beside.then(|| PathBuf::from(format!("{}.manifest.json", sink.destination)))
    };
    named.or_else(beside)
}

/// Writes it, whole or not at all.
pub(crate) fn write(manifest: &Value, place: Option<PathBuf>) -> Result<Option<PathBuf>> {
    let Some(path) = place else { return Ok(None) };
    let mut text = serde_json::to_string_pretty(manifest)
        .map_err(|error| Error::invalid(error.to_string()))?;
    text.push('\n');
    replace(&path, text.as_bytes()).map_err(|error| Error::io(path.display(), error))?;
    Ok(Some(path))
}

fn replace(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let (mut file, temporary) = temporary_beside(path)?;
    let written = file
        .write_all(bytes)
        .and_then(|()| file.sync_all())
        .and_then(|()| std::fs::rename(&temporary, path))
        .and_then(|()| sync_directory(path));
    if written.is_err() {
        let _ = std::fs::remove_file(&temporary);
    }
    written
}

/// What it says.
pub(crate) fn manifest(facts: &Facts<'_>, report: &Report) -> Value {
    let Facts { job, shared, output, began } = facts;
    let memory = &job.memory;
    let inputs: Vec<Value> = shared.digests.lock().iter().map(input).collect();
    let steps: Vec<Value> = report
        .steps
        .iter()
        .map(|step| {
            json!({
                "step": step.step,
                "name": step.name,
                "rows_in": step.rows_in,
                "rows_out": step.rows_out,
                "rows_filtered": step.rows_filtered,
                "rows_rejected": step.rows_rejected,
                "rows_merged": step.rows_merged,
                "rows_made": step.rows_made,
            })
        })
        .collect();
    let sorts: Vec<Value> = shared
        .counts
        .sorts
        .lock()
        .iter()
        .map(|(step, stats, fan_in)| {
            json!({
                "step": step + 1,
                "rows": stats.rows,
                "runs": stats.runs,
                "merges": stats.merges,
                "fan_in": fan_in,
                "spill_bytes": stats.spill_bytes,
            })
        })
        .collect();
    let hashes: Vec<Value> = shared.counts.hashes.lock().iter().map(hash).collect();
    json!({
        "manifest_version": 1,
        "store_version": env!("CARGO_PKG_VERSION"),
        "job": job.name,
        "plan_hash": job.hash,
        "seed": memory.run.seed,
        "began": moment(*began),
        "seconds": report.took.as_secs_f64(),
        "inputs": inputs,
        "output": {
            "name": job.plan.sink.destination,
            "bytes": output.map(|output| output.bytes),
            "xxh3": output.map(|output| format!("{:016x}", output.hash)),
            "rows": report.rows_out(),
        },
        "steps": steps,
        "rows_rejected": report.rows_rejected(),
        "memory": {
            // Whose bytes these are.
            "of": if job.parent.is_process() { "process" } else { "job" },
            "cap": memory.cap,
            "predicted_peak": report.predicted_peak,
            "measured_peak": report.measured_peak,
            "min_cap": memory.min_cap,
        },
        "spill_bytes": report.spill_bytes,
        "spill_concurrency": memory.run.writes,
        "passes": report.passes,
        "sorts": sorts,
        "hashes": hashes,
    })
}

/// What an aggregate by hash or a join did.
fn hash(note: &HashNote) -> Value {
    json!({
        "step": note.step + 1,
        "rows": note.rows,
        "levels": note.levels,
        "stubborn": note.stubborn,
        "spill_bytes": note.spill_bytes,
    })
}

fn input(digest: &Arc<InputDigest>) -> Value {
    let mut made = json!({
        "name": digest.name,
        "bytes": digest.bytes.load(Relaxed),
        "xxh3": format!("{:016x}", digest.hash()),
        // A limit may end a job before its input ends.
        "whole": digest.whole.load(Relaxed),
    });
    if digest.of_footer {
        made["xxh3_of"] = "footer".into();
        made["row_groups"] = digest.groups.load(Relaxed).into();
        made["row_groups_skipped"] = digest.groups_skipped.load(Relaxed).into();
    }
    made
}

fn moment(at: SystemTime) -> String {
    let since = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    ValueRef::Timestamp(since.as_micros() as i64).to_string()
}
