//! A full disk is not a failed sync: a typed error, reads go on, commits resume with the space (I7).

use crate::history::{History, Workload, open, state_of};
use store_core::{Kind, ValueRef};
use store_tests::sim_device::SimDevice;

#[test]
fn a_full_disk_refuses_commits_until_there_is_room() {
    for more in [0, 1_000, 100_000, 3_000_000, 5_000_000] {
        let device = SimDevice::new();
        let store = open(&device).unwrap();
        let mut history = History::new();
        let workload = Workload { seed: 5, steps: 7, text_bytes: 50, stubborn: false };
        history.run(&store, workload).unwrap();
        let used: u64 = device.contents().values().map(|bytes| bytes.len() as u64).sum();
        device.set_capacity(Some(used + more));
        let table = store.open_table("a").unwrap();
        let text = "x".repeat(100_000);
        let cells = |id: i64| -> [ValueRef<'_>; 3] { [id.into(), id.into(), (&text).into()] };
        let mut id = 100;
        let refused = loop {
            id += 1;
            if let Err(error) = store.write(|txn| table.insert(txn, &cells(id))) {
                break error;
            }
            assert!(id < 400, "the disk never fills");
        };
        assert_eq!(refused.kind(), Kind::NoSpace, "{refused}");
        for _ in 0..3 {
            let again = store.write(|txn| table.insert(txn, &cells(id))).unwrap_err();
            assert_eq!(again.kind(), Kind::NoSpace, "{again}");
        }
        let checkpoint = store.checkpoint().map_err(|error| error.kind());
        assert!(matches!(checkpoint, Ok(()) | Err(Kind::NoSpace)), "{checkpoint:?}");
        assert!(!store.stats().poisoned);
        let before = state_of(&store);
        assert_eq!(before["a"].rows.keys().filter(|id| **id > 100).count() as i64, id - 101);
        device.set_capacity(None);
        store.write(|txn| table.insert(txn, &cells(id))).unwrap();
        store.checkpoint().unwrap();
        store.write(|txn| table.delete(txn, &[id.into()])).unwrap();
        drop((store, table));
        let store = open(&device.crash(more)).unwrap();
        assert_eq!(state_of(&store), before, "{more} bytes more");
    }
}
