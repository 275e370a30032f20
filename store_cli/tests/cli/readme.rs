//! The README's commands, as they are written there.

use crate::place::{Place, Run};
use std::path::Path;

#[test]
fn the_commands_of_the_readme_run() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let readme = std::fs::read_to_string(root.join("README.md")).unwrap();
    let script = readme.split("```sh\n").nth(1).unwrap().split("```").next().unwrap();
    assert_eq!(script.matches("\nstore ").count(), 4, "{script}");
    let place = Place::new();
    std::os::unix::fs::symlink(root.join("examples"), place.path("examples")).unwrap();
    // The built command, in the environment that other tests have; fewer rows, as this build is slow.
    let command = place.command(&[]);
    let bin = Path::new(command.get_program()).parent().unwrap();
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    let mut shell = std::process::Command::new("sh");
    shell.args(["-ec", &script.replace("1000000", "1000")]).current_dir(place.path(""));
    let run = Run::of(shell.env("PATH", path).output().unwrap());
    assert_eq!(run.code, 0, "{run:?}");
    assert!(run.err.contains("loaded 27004 rows into `flights`, rejected 0"), "{run:?}");
    let lines: Vec<&str> = run.out.lines().collect();
    assert_eq!((lines.len(), lines[5]), (8, "TUL\t27\t55.22222222222222"), "{run:?}");
    assert!(place.path("made.tsv.gz").exists() && place.path("fast_flights.csv").exists());
}
