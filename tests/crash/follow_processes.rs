//! Followers in processes of their own, beside owners and followers that are killed.

use crate::kill::{
    COUNTER, PLACE, Rows, batch, found, number_told, open, spawn_child, wait_for_work,
};
use crate::many::wanted;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use store_core::{Kind, Result, Store};
use store_tests::random::Random;
use store_tests::rows::assert_sound;

fn follow(place: &Path) -> Result<Store> {
    Store::options().memory(64 << 20).read_only().open(place.join("store"))
}

/// What a follower shows when it has caught up: whole batches, all that were told of before, and none
/// that it does not show again.
fn look(follower: &Store, place: &Path, expected: &mut Rows, shown: &mut i64, what: &str) {
    let told = number_told(place);
    follower.refresh().unwrap_or_else(|error| panic!("{what}: {error}"));
    let rows = found(follower);
    let there = rows.get(&COUNTER).map_or(0, |row| row.0);
    assert!(
        there >= told && there >= *shown,
        "{what}: told of {told}, shows {there} after {shown}"
    );
    while *shown < there {
        *shown += 1;
        batch(*shown, expected, None).unwrap();
    }
    assert!(rows == *expected, "{what}: other rows than those of its batches");
}

#[test]
fn a_follower_outlives_owners_that_are_killed() {
    let (kills, seed) = (wanted("STORE_CRASH_KILLS", 40) / 2, wanted("STORE_CRASH_SEED", 1));
    let place = tempfile::tempdir().unwrap();
    let mut random = Random::new(seed);
    let (mut expected, mut shown) = (Rows::new(), 0);
    let mut follower = None;
    for nth in 0..kills {
        let what = format!("STORE_CRASH_SEED={seed}, kill {nth}");
        let mut child = spawn_child(place.path());
        wait_for_work(place.path(), &mut child);
        // Now and then a new one, opened beside the owner's commits and checkpoints.
        if follower.is_none() || nth % 5 == 4 {
            follower = Some(follow(place.path()).unwrap_or_else(|error| panic!("{what}: {error}")));
        }
        let follower = follower.as_ref().unwrap();
        for _ in 0..random.below(5) {
            look(follower, place.path(), &mut expected, &mut shown, &what);
            std::thread::sleep(Duration::from_micros(random.below(9_000)));
        }
        child.kill().unwrap(); // SIGKILL
        child.wait().unwrap();
        look(follower, place.path(), &mut expected, &mut shown, &what);
        let following = follower.stats().following.unwrap();
        assert!(!following.has_owner, "{what}: {following:?}");
        assert_sound(follower);
        // Who comes without any owner sees the same.
        if nth % 3 == 0 {
            look(&follow(place.path()).unwrap(), place.path(), &mut expected, &mut shown, &what);
        }
    }
    assert!(shown as u64 >= kills, "{shown}");
    let kept = found(&open(place.path()).unwrap());
    assert!(kept[&COUNTER].0 >= shown, "what was shown is there");
}

/// The child: follows until it is killed.
#[test]
fn child() {
    let Some(place) = std::env::var_os(PLACE) else { return };
    let follower = follow(Path::new(&place)).unwrap();
    std::fs::write(Path::new(&place).join("follows"), "").unwrap();
    loop {
        std::thread::sleep(Duration::from_secs(1));
        assert!(follower.is_read_only());
    }
}

fn spawn_follower(place: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["follow_processes::child", "--exact", "--nocapture", "--test-threads=1"])
        .env(PLACE, place)
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

#[test]
fn the_lease_of_a_killed_follower_is_swept_away() {
    let place = tempfile::tempdir().unwrap();
    let owner = open(place.path()).unwrap();
    crate::kill::work_in(&owner, 3);
    let mut child = spawn_follower(place.path());
    let began = Instant::now();
    while !place.path().join("follows").exists() {
        assert!(began.elapsed() < Duration::from_secs(60) && child.try_wait().unwrap().is_none());
        std::thread::sleep(Duration::from_millis(1));
    }
    let followers = owner.stats().followers;
    assert_eq!(followers.len(), 1);
    assert_eq!(followers[0].process, u64::from(child.id()));
    let leases = || {
        let names = std::fs::read_dir(place.path().join("store")).unwrap();
        let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name.starts_with("follower-")).count()
    };
    owner.checkpoint().unwrap();
    assert_eq!(leases(), 1);
    child.kill().unwrap(); // SIGKILL
    child.wait().unwrap();
    assert_eq!(leases(), 1, "nobody was there to take it away");
    assert!(owner.stats().followers.is_empty());
    owner.checkpoint().unwrap();
    assert_eq!((leases(), owner.stats().wal_files), (0, 1));
}

#[test]
fn who_follows_does_not_keep_an_owner_out() {
    let place = tempfile::tempdir().unwrap();
    drop(open(place.path()).unwrap());
    let follower = follow(place.path()).unwrap();
    let owner = open(place.path()).unwrap();
    assert_eq!(open(place.path()).unwrap_err().kind(), Kind::Busy);
    follower.refresh().unwrap();
    assert!(follower.stats().following.unwrap().has_owner);
    drop(owner);
    follower.refresh().unwrap();
    assert!(!follower.stats().following.unwrap().has_owner);
    drop(open(place.path()).unwrap());
}
