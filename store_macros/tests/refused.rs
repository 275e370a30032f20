//! What does not compile, and where the compiler points.

#[test]
fn errors_point_at_the_callers_code() {
    trybuild::TestCases::new().compile_fail("tests/refused/*.rs");
}
