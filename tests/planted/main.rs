//! Proof that the tests would notice: each planted bug must turn its test red.
//!
//! `make planted` (or `cargo test -p store_tests --test planted -- --ignored --nocapture`) builds
//! the other test binaries once more with `--cfg planted`, in a target directory of their own, and
//! runs each pair with `STORE_PLANTED` set; without a bug every named test must pass.
#![expect(clippy::unwrap_used, reason = "a test says what is wrong by failing")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// Invariant, test binary, test, planted bug.
const PAIRS: &[(&str, &str, &str, &str)] = &[
    ("I1", "isolation", "atomic::a_snapshot_sees_whole", "published_between_rows"),
    ("I1", "isolation", "atomic::rows_appear_and_vanish", "published_between_rows"),
    ("I1", "isolation", "atomic::rows_appear_and_vanish", "published_before_install"),
    ("I1", "history", "rows_after_the_power_went_anywhere", "published_between_rows"),
    ("I1", "isolation", "images::images_show_what", "page_change_not_noted"),
    ("I1", "isolation", "images::images_show_what", "image_newer_than_snapshot"),
    ("I1", "isolation", "images::images_show_what", "image_kept_for_ever"),
    ("I1", "isolation", "images::an_image_is_never_older", "page_change_overwritten"),
    ("I1", "model", "every_type_nullable", "page_change_not_noted"),
    ("I2", "isolation", "torn::a_row_is_never_read_half", "failed_check_used"),
    ("I2", "isolation", "torn::a_row_is_never_read_half", "begin_after_payload"),
    ("I2", "isolation", "lookups::a_lookup_gives_no_row", "failed_check_used"),
    ("I2", "isolation", "lookups::a_lookup_gives_no_row", "begin_after_payload"),
    ("I2", "isolation", "scans::a_scan_gives_no_row", "failed_check_used"),
    ("I2", "isolation", "scans::a_scan_gives_no_row", "begin_after_payload"),
    ("I3", "isolation", "kept::a_snapshot_keeps_its_rows", "watermark_above_snapshots"),
    ("I3", "isolation", "lookups::what_a_lookup_shows_stays", "seats_ignored"),
    ("I3", "isolation", "lookups::what_a_lookup_shows_stays", "watermark_above_snapshots"),
    ("I3", "history", "texts_at_snapshot", "watermark_above_snapshots"),
    ("I3", "anomalies", "snapshots_prevent", "watermark_above_snapshots"),
    ("I3", "isolation", "prune::a_hot_row_keeps_one", "pruned_visible_version"),
    ("I3", "isolation", "prune::what_a_snapshot_saw_once", "pruned_visible_version"),
    ("I3", "isolation", "prune::what_a_snapshot_saw_once", "node_freed_without_epoch"),
    ("I3", "isolation", "prune::rows_held_for_a_snapshot", "queue_entry_lost"),
    ("I3", "isolation", "pages::the_memory_of_rows", "empty_pages_kept"),
    ("I3", "isolation", "pressure::what_a_given_up_snapshot", "expiry_not_told"),
    ("I3", "isolation", "scans::a_scan_at_a_snapshot", "expiry_not_told"),
    ("I3", "isolation", "columns::an_old_snapshot_sees", "old_snapshot_sees_new_columns"),
    ("I3", "isolation", "columns::twenty_changes", "ended_table_kept"),
    ("I3", "isolation", "columns::an_old_snapshot_keeps", "ended_table_kept_for_older"),
    ("I4", "isolation", "reads::a_reader_finishes_while_a_thousand", "reader_waits_for_owner"),
    ("I4", "isolation", "stopped::a_reader_finishes_while", "freed_under_lock"),
    ("I5", "isolation", "lost_update::concurrent_increments", "newer_version_overwritten"),
    ("I5", "isolation", "lost_update::a_write_after_a_newer", "newer_version_overwritten"),
    ("I5", "isolation", "lost_update::the_second_writer", "owner_ignored"),
    ("I5", "isolation", "serializable::of_two_that_read", "reads_not_validated"),
    ("I5", "isolation", "serializable::the_sum_of_two", "reads_not_validated"),
    ("I5", "isolation", "serializable::phantoms_count", "phantoms_not_validated"),
    ("I5", "isolation", "columns::a_writer_from_before", "writers_of_old_columns_not_waited_for"),
    ("I5", "isolation", "columns::columns_that_come", "writers_of_old_columns_not_waited_for"),
    ("I5", "isolation", "turns::who_waited_comes", "turn_not_respected"),
    ("I5", "history", "texts_at_snapshot", "newer_version_overwritten"),
    ("I5", "anomalies", "snapshots_prevent", "newer_version_overwritten"),
    ("I5", "history", "rows_after_the_power_went_anywhere", "owner_ignored"),
    ("I5", "history", "texts_serializable", "reads_not_validated"),
    ("I5", "anomalies", "serializable_transactions", "reads_not_validated"),
    ("I5", "history", "rows_serializable", "phantoms_not_validated"),
    ("I5", "anomalies", "serializable_transactions", "phantoms_not_validated"),
    ("I6", "crash", "power::what_was_acknowledged", "sync_skipped"),
    ("I6", "crash", "power::what_was_acknowledged", "schema_change_not_synced"),
    ("I6", "crash", "incremental::a_checkpoint_writes", "change_not_noted"),
    ("I6", "crash", "many::random_workloads_survive", "change_not_noted"),
    ("I6", "crash", "many::random_workloads_survive", "log_removed_early"),
    ("I6", "crash", "many::random_workloads_survive", "manifest_renamed_before_sync"),
    ("I6", "crash", "many::random_workloads_survive", "manifest_name_not_synced"),
    ("I1", "crash", "follow::every_snapshot_beside", "half_applied"),
    ("I1", "crash", "follow::a_follower_shows_every_commit", "half_applied"),
    ("I6", "crash", "follow::a_follower_is_opened_at_every", "progress_before_sync"),
    ("I6", "crash", "follow::what_is_not_durable_yet", "progress_before_sync"),
    ("I6", "crash", "follow::what_is_not_durable_yet", "tail_beyond_durable"),
    ("I6", "crash", "follow::an_owner_whose_sync_failed", "tail_beyond_durable"),
    ("I6", "crash", "follow::what_a_checkpoint_holds", "checkpoint_not_in_log"),
    ("I6", "crash", "follow::what_a_follower_still_reads", "lease_ignored"),
    ("I6", "crash", "follow::checkpoints_beside_every_step_of_an_opening", "lease_ignored"),
    ("I6", "crash", "sequences::all_short_sequences", "sync_skipped"),
    ("I6", "crash", "faults::a_manifest_without", "found_names_not_synced"),
    ("I6", "crash", "incremental::a_checkpoint_that_failed", "named_segment_removed"),
    ("I6", "crash", "faults::each_sync_in_turn", "last_batch_not_rewritten"),
    ("I6", "crash", "faults::short_and_interrupted", "short_read_taken"),
    ("I6", "crash", "opening::any_number_of_threads", "operations_in_any_part"),
    ("I6", "crash", "opening::any_number_of_threads", "parts_not_waited_for"),
    ("I6", "crash", "opening::any_number_of_threads", "block_left_out"),
    ("I6", "crash", "opening::what_opens_with_one_thread", "opening_not_tried_again"),
    ("I6", "crash", "opening::a_young_store_without_its_log", "log_not_noted"),
    ("I6", "crash", "processes::a_forked_child", "fork_not_noticed"),
    ("I6", "crash", "processes::no_file_of_a_store", "links_followed"),
    ("I6", "crash", "processes::a_removed_file_stays", "read_file_cut"),
    ("I6", "isolation", "columns::hidden_keys_go_on", "default_not_filled_again"),
    ("I6", "model", "hidden_keys_beside", "default_not_filled_again"),
    ("I6", "model", "cases::a_row_inserted_over", "absent_row_logged"),
    ("I6", "history", "rows_after_the_power_went_anywhere", "sync_skipped"),
    ("I6", "crash", "backup::a_checkpoint_beside_a_backup", "copied_file_removed"),
    ("I6", "crash", "backup::the_power_may_go", "backup_named_early"),
    ("I6", "crash", "levels::an_asynchronous_store_loses", "lag_unbounded"),
    ("I6", "crash", "levels::an_asynchronous_commit_is_durable", "later_forgotten"),
    ("I6", "crash", "levels::an_overdue_commit", "lag_unbounded"),
    ("I6", "crash", "levels::the_power_may_go_anywhere", "sync_skipped"),
    ("I7", "crash", "syncs::a_commit_after_a_failed", "sync_failure_ignored"),
    ("I7", "crash", "syncs::a_failed_sync_stops", "sync_failure_ignored"),
    ("I7", "crash", "syncs::a_failed_sync_of_room", "sync_failure_ignored"),
    ("I7", "crash", "faults::each_sync_in_turn", "sync_failure_ignored"),
    ("I7", "crash", "levels::a_failed_sync_in_the_background", "sync_failure_ignored"),
    ("I8", "isolation", "log_first::a_commit_is_invisible", "published_before_durable"),
    ("I8", "isolation", "log_first::what_a_reader_saw", "published_before_durable"),
    ("I8", "isolation", "log_first::a_commit_with_a_ticket", "ticket_published_early"),
    ("I8", "isolation", "log_first::tickets_nobody_waits_for", "tickets_not_published"),
    ("I8", "history", "rows_after_the_power_went_anywhere", "published_before_durable"),
    ("I9", "isolation", "indexes::a_row_with_several", "index_entry_not_rechecked"),
    ("I9", "isolation", "indexes::index_and_scan_agree", "index_entry_not_rechecked"),
    ("I9", "isolation", "indexes::index_and_scan_agree", "needed_entry_forgotten"),
    ("I9", "isolation", "indexes::index_and_scan_agree", "unsettled_entries_counted"),
    ("I9", "isolation", "live_indexes::a_writer_from_before", "old_writers_not_waited_for"),
    ("I9", "isolation", "live_indexes::indexes_that_come_and_go", "old_writers_not_waited_for"),
    ("I9", "isolation", "live_indexes::indexes_that_come_and_go", "index_used_too_early"),
    ("I9", "isolation", "live_indexes::snapshots_from_before", "index_used_too_early"),
    ("I9", "model", "indexes_over_several", "index_entry_not_rechecked"),
    ("I9", "history", "rows_at_snapshot", "index_entry_not_rechecked"),
    ("I9", "anomalies", "snapshots_prevent", "index_entry_not_rechecked"),
    ("I9", "anomalies", "snapshots_prevent", "needed_entry_forgotten"),
    ("I10", "isolation", "row_atomic::a_refused_statement_changes", "row_half_applied"),
    ("I10", "isolation", "many::a_refused_row_is_named", "call_half_applied"),
    ("I10", "isolation", "write_where::a_refused_row", "call_half_applied"),
    ("I10", "isolation", "write_where::a_row_is_changed_once", "own_output_met"),
    ("I10", "isolation", "row_atomic::a_refused_statement_changes", "unique_not_checked"),
    ("I10", "isolation", "unique::one_of_many", "unique_not_checked"),
    ("I10", "isolation", "live_indexes::rows_with_equal_values", "twins_not_looked_for"),
    ("I10", "isolation", "live_indexes::a_value_written_twice", "twins_not_looked_for"),
    ("I11", "isolation", "images::images_make_room_for_rows", "caches_kept"),
    ("I11", "cold", "resize::a_budget_below_what_is_held", "smaller_budget_exceeded"),
    ("I12", "etl", "memory::a_cap_below_the_smallest", "small_cap_taken"),
    ("I14", "etl", "answers::rows_are_filtered_computed", "filtered_not_counted"),
    ("I15", "etl", "faults::output_that_tsv_cannot_hold", "unfinished_file_left"),
    ("I16", "etl", "faults::bad_rows_stop_a_job", "long_row_taken"),
    ("I14", "etl", "faults::bad_rows_stop_a_job", "ahead_error_lost"),
    ("I16", "etl", "columnar::nan_is_found", "nan_pruned"),
    ("I16", "etl", "columnar::a_damaged_page_is", "page_unverified"),
    ("I13", "spill", "aggregate::groups_that_do_not_fit", "spilled_pages_forgotten"),
    ("I13", "spill", "aggregate::groups_that_do_not_fit", "row_added_twice"),
    ("I13", "spill", "aggregate::floats_come_to_the_same", "small_digits_kept"),
    ("I13", "spill", "join::null_never_meets_null", "null_joins_null"),
    ("I13", "spill", "join::sides_that_do_not_fit", "spilled_pages_forgotten"),
    ("I13", "spill", "join::sides_that_do_not_fit", "unmet_rows_lost"),
    ("I13", "spill", "join::a_partner_met_in_one_block", "meeting_forgotten"),
    ("I13", "etl", "combined::joins_are_those_of", "null_joins_null"),
    ("I13", "etl", "combined::random_jobs_give", "filter_passes_outer_join"),
    ("I13", "etl", "combined::rows_of_a_join_are", "order_left_as_met"),
    ("I14", "etl", "combined::groups_go_through", "row_added_twice"),
    ("I16", "spill", "aggregate::a_damaged_page", "chain_unverified"),
    ("I13", "isolation", "groups::sums_of_several_threads", "parts_overlap"),
    ("I13", "model", "text_keys_short_and_long", "part_left_out"),
    ("I13", "model", "every_type_nullable", "decimal_sign_kept"),
    ("I13", "model", "keys_of_decimals", "decimal_sign_kept"),
    ("I13", "model", "keys_of_decimals", "upper_key_word_ignored"),
    ("I13", "queries", "random_predicates_find", "or_range_forgotten"),
    ("I13", "queries", "random_predicates_find", "prefix_cut_short"),
    ("I13", "queries", "random_queries_give", "folded_text_sorted"),
    ("I13", "queries", "random_queries_give", "ties_left_as_met"),
    ("I13", "queries", "random_queries_give", "least_value_half_met"),
    ("I5", "cold", "beside::a_serializable_reader", "cold_image_not_validated"),
    ("I13", "cold", "beside::a_snapshot_sees_the_same", "birth_seen_early"),
    ("I13", "cold", "beside::a_snapshot_sees_the_same", "cold_death_ignored"),
    ("I13", "cold", "budget::a_store_takes_many_times", "cold_block_left_out"),
    ("I13", "cold", "beside::sums_stay", "own_write_of_cold_row_ignored"),
    ("I13", "cold", "beside::sums_stay", "changed_row_frozen"),
    ("I13", "cold", "beside::sums_stay", "kept_row_born"),
    ("I13", "cold", "budget::a_store_takes_many_times", "filter_bit_ignored"),
    ("I13", "cold", "merge::rows_come_and_go", "left_while_merged_forgotten"),
    ("I13", "cold", "merge::segments_become_few", "merged_row_left_out"),
    ("I13", "cold", "merge::segments_become_few", "merged_segment_seen"),
    ("I13", "cold", "merge::a_snapshot_from_before_a_merge", "merge_not_followed"),
    ("I10", "cold", "refused::a_key_that_is_cold", "cold_key_not_seen"),
    ("I10", "cold", "unique::a_cold_row_has_its_value", "cold_value_not_seen"),
    ("I10", "cold", "unique::an_index_made_over_cold_rows", "cold_twins_not_looked_for"),
    ("I10", "cold", "unique::no_value_has_two_rows", "moved_row_not_looked_for"),
    ("I10", "cold", "unique::no_value_has_two_rows", "segment_told_late"),
    ("I13", "cold", "by_index::ranges_of_an_index_are", "section_entry_left_out"),
    ("I13", "spill", "sorts::equal_keys_keep", "merge_unstable"),
    ("I13", "spill", "sorts::threads_keep_the_order", "newest_run_first"),
    ("I13", "spill", "sorts::equal_keys_keep", "equal_prefix_taken"),
    ("I13", "spill", "lines::lines_are_sorted", "equal_prefix_taken"),
    ("I15", "spill", "place::nothing_is_left", "spill_left_behind"),
    ("I15", "spill", "place::what_a_killed", "spill_not_swept"),
    ("I15", "spill", "place::the_disk_limit", "disk_limit_ignored"),
    ("I15", "spill", "place::so_many_write_at_once_as_may", "spill_concurrency_ignored"),
    ("I16", "crash", "damage::no_flipped_bit", "checksum_unverified"),
    ("I16", "spill", "damage::no_flipped_bit_and", "run_unverified"),
    ("I16", "crash", "damage::no_bit_and_no_end_of_the_last", "checksum_unverified"),
    ("I16", "crash", "damage::no_bit_and_no_end_of_the_last", "middle_damage_cut"),
    ("I16", "fuzz", "any_manifest_is_read", "decoded_schema_trusted"),
    ("I16", "crash", "salvage::whatever_byte", "loss_unsaid"),
];

/// A test that has not ended by then hangs, which is as red as a failure.
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs in which a test may notice its bug.
const RUNS_MAX: usize = 3;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Passed,
    Failed,
    Hung,
}

/// Builds the planted binaries; their paths by name.
fn build() -> BTreeMap<String, PathBuf> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let target = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| workspace.join("target"), PathBuf::from)
        .join("planted");
    let names: BTreeSet<&str> = PAIRS.iter().map(|pair| pair.1).collect();
    let mut command = Command::new(env!("CARGO"));
    command.args(["test", "-p", "store_tests", "-p", "store_cli", "--no-run", "--color=never"]);
    for name in &names {
        command.args(["--test", name]);
    }
    command
        .current_dir(workspace)
        .env("RUSTFLAGS", "--cfg planted")
        .env("CARGO_TARGET_DIR", &target);
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
    // "  Executable crash/main.rs (target/planted/debug/deps/crash-0123)"
    let line = |line: &str| {
        let (folder, path) = line.trim().strip_prefix("Executable ")?.split_once(" (")?;
        let name = folder.split('/').rev().nth(1)?;
        Some((name.to_owned(), workspace.join(path.strip_suffix(')')?)))
    };
    text.lines().filter_map(line).collect()
}

fn run(binary: &Path, test: &str, bug: Option<&str>) -> (Outcome, Duration) {
    let mut command = Command::new(binary);
    command.arg(test).env("RUST_BACKTRACE", "0").env_remove("STORE_PLANTED");
    command.stdout(Stdio::null()).stderr(Stdio::null());
    if let Some(bug) = bug {
        command.env("STORE_PLANTED", bug);
    }
    let start = Instant::now();
    let mut child = command.spawn().unwrap();
    let outcome = |status: ExitStatus| {
        if status.success() { Outcome::Passed } else { Outcome::Failed }
    };
    while start.elapsed() < PATIENCE {
        if let Some(status) = child.try_wait().unwrap() {
            return (outcome(status), start.elapsed());
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    (Outcome::Hung, start.elapsed())
}

#[test]
#[ignore = "builds everything once more: make planted"]
fn every_planted_bug_is_noticed() {
    let binaries = build();
    let mut unnoticed = Vec::new();
    let tests: BTreeSet<(&str, &str)> = PAIRS.iter().map(|pair| (pair.1, pair.2)).collect();
    for (binary, test) in tests {
        let (outcome, took) = run(&binaries[binary], test, None);
        println!("{outcome:?} in {:.1} s: {binary} {test}", took.as_secs_f64());
        if outcome != Outcome::Passed {
            unnoticed.push(format!("{binary} {test} without a bug: {outcome:?}"));
        }
    }
    for (invariant, binary, test, bug) in PAIRS.iter().copied() {
        // A race need not show in each run, least of all on a busy machine.
        let (mut outcome, mut took) = run(&binaries[binary], test, Some(bug));
        for _ in 1..RUNS_MAX {
            if outcome != Outcome::Passed {
                break;
            }
            (outcome, took) = run(&binaries[binary], test, Some(bug));
        }
        let seconds = took.as_secs_f64();
        println!("{outcome:?} in {seconds:.1} s: {invariant} {binary} {test} with {bug}");
        if outcome == Outcome::Passed {
            unnoticed.push(format!("{invariant}: {binary} {test} passes with {bug}"));
        }
    }
    assert!(unnoticed.is_empty(), "{unnoticed:#?}");
}

#[test]
fn the_table_of_invariants_names_every_pair() {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let text = std::fs::read_to_string(readme).unwrap();
    for (invariant, binary, test, bug) in PAIRS.iter().copied() {
        let test = test.rsplit("::").next().unwrap();
        let named =
            |line: &str| [invariant, binary, test, bug].iter().all(|word| line.contains(word));
        assert!(text.lines().any(named), "README.md: {invariant} {binary} {test} {bug}");
    }
}
