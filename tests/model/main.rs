//! Random operations against a `BTreeMap`: every access path must tell the same story.
//!
//! `STORE_MODEL_STEPS` sets the number of steps of each run, `STORE_MODEL_SEED` the first seed; a
//! failure prints the seed and the step.
#![expect(clippy::unwrap_used, reason = "a test says what is wrong by failing")]

mod ask;
mod cases;
mod columns;
mod groups;
mod schemas;
mod statements;
mod world;

use schemas::Shape;
use store_tests::random::Random;
use world::World;

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// Runs a pair of tables in one store, so that transactions span them.
fn run(shapes: &[Shape], runs: u64) {
    let steps = number("STORE_MODEL_STEPS", 500);
    for seed in number("STORE_MODEL_SEED", 1)..number("STORE_MODEL_SEED", 1) + runs {
        println!("seed {seed}, {steps} steps, {shapes:?}");
        let mut world = World::new(shapes);
        let mut random = Random::new(seed);
        for step in 0..steps {
            world.place = format!("seed {seed}, step {step}, {shapes:?}");
            world.step(&mut random);
        }
        world.finish();
    }
}

#[test]
fn integer_and_composite_keys() {
    run(&[Shape::Integer, Shape::Composite], 2);
}

#[test]
fn text_keys_short_and_long() {
    run(&[Shape::Text, Shape::LongText], 2);
}

#[test]
fn hidden_keys_beside_unique_values() {
    run(&[Shape::Hidden, Shape::Unique], 2);
}

#[test]
fn every_type_nullable_and_indexed() {
    run(&[Shape::EveryType], 2);
}

#[test]
fn indexes_over_several_columns() {
    run(&[Shape::MultiColumn, Shape::Integer], 2);
}

#[test]
fn keys_of_decimals_and_addresses() {
    run(&[Shape::ExactKey], 2);
}
