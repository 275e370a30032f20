//! Each mistake that was made once, as a test that fails if it comes back.

use super::*;

/// Numbers far enough apart that others fit between.
const STEP: u64 = 1_000_000;

/// An index of four full blocks over multiples of [`STEP`]; the lows of its nodes.
fn four_blocks() -> (Fixture, Vec<u64>) {
    let fixture = Fixture::new(Some(8));
    fixture.insert_numbers((0..512).map(|number| number * STEP));
    let lows = fixture.check().iter().map(|low| low.key().head).collect();
    (fixture, lows)
}

/// Walks up and calls `meanwhile` after the block that begins at `low`, still pinned.
fn ascend_with(fixture: &Fixture, low: u64, meanwhile: impl Fn()) -> Vec<u64> {
    let (mut seen, mut called) = (Vec::new(), false);
    let mut scan = fixture.index.scan(&KeyRange::all(), Direction::Ascending);
    while scan.advance(usize::MAX, &mut |block, slots| {
        seen.extend(&block.heads()[slots]);
        if !called && seen.last().is_some_and(|last| *last >= low) {
            called = true;
            meanwhile();
        }
    }) {}
    assert!(called);
    seen
}

fn kill_block(fixture: &Fixture, low: u64) {
    let nodes = fixture.index.list.nodes();
    fixture.remove_numbers((low / STEP..low / STEP + 128).map(|number| number * STEP));
    assert_eq!(fixture.index.list.nodes(), nodes - 1, "the block did not die");
}

/// Broke once: the dead node's range came to its right neighbour, whose spine key stayed. When it
/// split below that key, spine and chain were ordered differently.
#[test]
fn heir_takes_the_low_key_of_a_dead_node() {
    for round in 0..3 {
        let (fixture, lows) = four_blocks();
        kill_block(&fixture, lows[1]);
        fixture.check();
        let below_the_heir = (0..500).map(|number| lows[1] + 7 * number + round);
        fixture.insert_numbers(below_the_heir.clone());
        fixture.check();
        // The same separators come back: only their sequence numbers differ.
        fixture.remove_numbers(below_the_heir);
        fixture.check();
        fixture.remove_numbers((0..512).map(|number| number * STEP));
        assert_eq!(fixture.numbers(), []);
        // Head and last node stay, whatever happens.
        assert_eq!(fixture.check().len(), 2);
        fixture.check_no_leak();
    }
}

/// Broke once: a reader went from a block that died behind it to the heir, which had got lower
/// keys meanwhile.
#[test]
fn reader_skips_what_an_heir_got_below_its_place() {
    let (fixture, lows) = four_blocks();
    let before = fixture.numbers();
    let seen = ascend_with(&fixture, lows[1], || {
        kill_block(&fixture, lows[1]);
        fixture.insert_numbers((1..20).map(|number| lows[1] + number));
    });
    assert_eq!(seen, before);
    fixture.check();
}

/// Broke once: `lo = high` instead of the maximum. After the heir split below the reader's place,
/// its second half came out of order.
#[test]
fn reader_does_not_fall_back_when_the_heir_splits() {
    let (fixture, lows) = four_blocks();
    let before = fixture.numbers();
    let seen = ascend_with(&fixture, lows[1], || {
        kill_block(&fixture, lows[1]);
        fixture.insert_numbers((1..2000).map(|number| lows[1] + number));
    });
    assert_eq!(seen, before);
    fixture.check();
}

/// The same walking down: the block below dies, and its heir, half read, splits on either side
/// of the reader's place.
#[test]
fn descending_reader_keeps_its_place() {
    let (fixture, lows) = four_blocks();
    let kept: Vec<u64> =
        fixture.numbers().into_iter().filter(|n| *n < lows[2] || *n >= lows[3]).collect();
    let (mut seen, mut called) = (Vec::new(), false);
    let mut scan = fixture.index.scan(&KeyRange::all(), Direction::Descending);
    while scan.advance(50, &mut |block, slots| {
        seen.extend(block.heads()[slots].iter().rev());
        if !called {
            called = true;
            kill_block(&fixture, lows[2]);
            fixture.insert_numbers((1..2000).map(|number| lows[2] + number));
            fixture.insert_numbers((1..2000).map(|number| lows[3] + 100 * STEP + number));
        }
    }) {}
    assert!(seen.is_sorted_by(|a, b| a > b), "out of order or twice");
    let seen_of_kept = seen.iter().rev().filter(|number| *number % STEP == 0);
    assert!(seen_of_kept.eq(&kept), "an entry was lost");
    assert_eq!(seen.iter().filter(|n| **n > lows[2] && **n < lows[2] + 2000).count(), 1999);
    fixture.check();
}

/// Broke once: one guard over a whole batch, even if repinned, kept 350 bytes of garbage an entry.
#[test]
fn batches_and_single_inserts_leave_little_garbage() {
    let fixture = Fixture::new(Some(8));
    let mut random = Random(4);
    let mut open = fixture.index.scan(&KeyRange::all(), Direction::Ascending);
    let mut peak_garbage = 0;
    let mut garbage = |fixture: &Fixture| {
        let used = fixture.index.list.block_bytes();
        peak_garbage = peak_garbage.max(fixture.slab.live_bytes().saturating_sub(used));
    };
    for round in 0..1_000_000_u32 {
        fixture.index.insert(&random.next().to_be_bytes(), round);
        if round == 1000 {
            open.next_rows(&mut Vec::new(), 10); // an open scan holds nothing back
        }
        if round % 1000 == 0 {
            garbage(&fixture);
        }
    }
    let keys = (0..200_000).map(|row| (random.next().to_be_bytes().to_vec(), row));
    fixture.index.insert_sorted(&fixture.batch(keys));
    garbage(&fixture);
    assert!(peak_garbage < 4 << 20, "{peak_garbage} bytes of garbage");
    assert!(open.next_rows(&mut Vec::new(), 10));
    drop(open);
    fixture.check();
    fixture.check_no_leak();
}

/// Broke once: a node that its inserter had not put into the spine yet was killed.
#[test]
fn node_missing_in_the_spine_stays() {
    let (fixture, lows) = four_blocks();
    let list = &fixture.index.list;
    {
        let guard = &fixture.epoch.pin();
        for hidden in [1, 2] {
            let (key, node) = list.spine.entrances(guard)[hidden - 1];
            list.node(node, guard).set_spine_key(std::ptr::null());
            fixture.remove_numbers((0..128).map(|number| lows[1] + number * STEP));
            assert_eq!(list.nodes(), 4, "the node died");
            list.node(node, guard).set_spine_key(key);
            fixture.insert_numbers((0..128).map(|number| lows[1] + number * STEP));
        }
    }
    fixture.check();
    kill_block(&fixture, lows[1]);
    fixture.check();
    fixture.check_no_leak();
}

#[test]
fn scan_outlives_its_index() {
    let (fixture, _) = four_blocks();
    let mut scan = fixture.index.scan(&KeyRange::all(), Direction::Ascending);
    let Fixture { slab, epoch, index, .. } = fixture;
    drop(index);
    let mut rows = Vec::new();
    while scan.next_rows(&mut rows, 100) {}
    assert_eq!(rows.len(), 512);
    drop(scan);
    (0..100).for_each(|_| epoch.pin().flush());
    slab.take_back();
    assert_eq!(slab.live_bytes(), 0);
}
