//! Each mistake that was made once, as a test that fails if it comes back; and each step of a merge.

use super::super::remove::Kept;
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

fn shape_key(number: u64) -> Key<'static> {
    Key { head: number, tail: &[], row: 0 }
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

/// Four blocks of which the second has ten entries and the third fifty; the lows of all.
fn four_blocks_two_of_them_underfull() -> (Fixture, Vec<u64>) {
    let (fixture, lows) = four_blocks();
    fixture.remove_numbers((10..128).map(|number| lows[1] + number * STEP));
    fixture.remove_numbers((0..128).filter(|n| n % 5 < 3).map(|number| lows[2] + number * STEP));
    assert_eq!(fixture.check().len(), 4, "merged too early");
    (fixture, lows)
}

fn both_ways(fixture: &Fixture, range: &KeyRange) -> Vec<(Vec<u8>, u32)> {
    let up = fixture.entries(range, Direction::Ascending, 7);
    let mut down = fixture.entries(range, Direction::Descending, 7);
    down.reverse();
    assert_eq!(up, down);
    assert_eq!(fixture.index.count(range), up.len() as u64);
    up
}

#[test]
fn an_underfull_block_is_merged_with_its_right_neighbour() {
    let (fixture, lows) = four_blocks_two_of_them_underfull();
    let bytes = fixture.index.bytes();
    let mut expected = fixture.numbers();
    expected.retain(|number| *number != lows[1]);
    fixture.remove_numbers([lows[1]]);
    assert_eq!(fixture.numbers(), expected);
    // The third node has both ranges now, and its neighbour's low key.
    let left = [lows[0], lows[1], lows[3]];
    assert!(fixture.check().iter().map(|low| low.key().head).eq(left), "not merged");
    assert!(fixture.index.bytes() < bytes);
    both_ways(&fixture, &KeyRange::all());
    fixture.check_no_leak();
}

#[test]
fn blocks_whose_entries_do_not_fit_together_stay() {
    let (fixture, lows) = four_blocks();
    fixture.remove_numbers((1..128).map(|number| lows[1] + number * STEP));
    assert_eq!(fixture.check().len(), 4);
    fixture.remove_numbers([lows[1]]);
    assert_eq!(fixture.check().len(), 3, "an empty block always goes");
    fixture.check_no_leak();
}

/// Goal: between the two exchanges of a merge nobody sees an entry twice, whatever happens to the
/// right neighbour; and if the second fails, nothing of the first is left.
#[test]
fn copies_in_the_heir_are_seen_by_nobody_before_the_node_is_dead() {
    for dies in [true, false] {
        let (fixture, lows) = four_blocks_two_of_them_underfull();
        let mut expected = fixture.numbers();
        let list = &fixture.index.list;
        let guard = &fixture.epoch.pin();
        let gone = shape_key(lows[1] + STEP);
        let (node, block) = list.cover(list.start(&gone, guard), &gone, guard);
        let kept = Kept::all_but(block, 1);
        assert!(list.copy_to_heir(&kept, guard));
        assert_eq!(fixture.numbers(), expected);
        // Into the heir until it has split several times, from its very low key on.
        let new: Vec<u64> = (1..400).map(|number| lows[2] + number * 3).collect();
        fixture.insert_numbers(new.iter().copied());
        expected.extend(&new);
        expected.sort_unstable();
        assert_eq!(fixture.numbers(), expected);
        both_ways(&fixture, &KeyRange::all());
        for (low, high) in [(1, 2), (0, 2), (1, 3), (2, 3)] {
            let [low, high] = [lows[low], lows[high]].map(|low| low.to_be_bytes().to_vec());
            let range = KeyRange {
                low: std::ops::Bound::Included(low),
                high: std::ops::Bound::Excluded(high),
            };
            both_ways(&fixture, &range);
        }
        if !dies {
            fixture.insert_numbers([lows[1] + 1]);
            expected.push(lows[1] + 1);
            expected.sort_unstable();
        }
        assert_eq!(list.kill(node, &kept, guard), dies);
        if dies {
            expected.retain(|number| *number != lows[1] + STEP);
        }
        assert_eq!(fixture.numbers(), expected);
        assert_eq!(fixture.index.len(), expected.len() as u64);
        fixture.check();
        // What is untrue would come to light when the node runs empty.
        fixture.remove_numbers((0..10).map(|number| lows[1] + number * STEP));
        expected.retain(|number| *number % STEP != 0 || !(lows[1]..lows[2]).contains(number));
        assert_eq!(fixture.numbers(), expected);
        fixture.check();
    }
}

/// A walk stands in a block that is then merged with the next, on either side of the place.
#[test]
fn readers_keep_their_place_while_blocks_merge() {
    let (fixture, lows) = four_blocks_two_of_them_underfull();
    let before = fixture.numbers();
    let seen = ascend_with(&fixture, lows[1], || fixture.remove_numbers([lows[1]]));
    assert_eq!(seen, before, "each entry that was there when its block was read, once");
    assert_eq!(fixture.check().len(), 3, "not merged");

    let (fixture, lows) = four_blocks_two_of_them_underfull();
    let mut expected = fixture.numbers();
    let (mut seen, mut called) = (Vec::<u64>::new(), false);
    let mut scan = fixture.index.scan(&KeyRange::all(), Direction::Descending);
    while scan.advance(50, &mut |block, slots| {
        seen.extend(block.heads()[slots].iter().rev());
        if !called && seen.last().is_some_and(|last| *last < lows[3]) {
            called = true;
            fixture.remove_numbers([lows[1]]);
            assert_eq!(fixture.index.list.nodes(), 3, "not merged");
        }
    }) {}
    expected.retain(|number| *number != lows[1]);
    expected.reverse();
    assert_eq!(seen, expected);
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

/// Goal: one block in forty left of each page takes no page for itself.
#[test]
fn pages_nearly_empty_are_given_back() {
    let fixture = Fixture::new(Some(8));
    fixture.insert_numbers(0..128 * 2000);
    let kept = |number: &u64| number / 128 % 40 == 7;
    fixture.remove_numbers((0..128 * 2000).filter(|number| !kept(number)));
    let expected: Vec<u64> = (0..128 * 2000).filter(kept).collect();
    fixture.collect();
    let pages = || fixture.slab.page_bytes() as usize / PAGE_BYTES;
    assert!(pages() > 40 && fixture.slab.sparse_pages() > 40, "{} pages", pages());
    assert_eq!(fixture.index.compact(&|| true), 0, "told to stop");
    assert!(fixture.index.compact(&|| false) > 40);
    fixture.collect();
    assert!(pages() < 8 && fixture.slab.sparse_pages() == 0, "{} pages", pages());
    assert_eq!(fixture.index.compact(&|| false), 0);
    assert_eq!(fixture.numbers(), expected);
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
