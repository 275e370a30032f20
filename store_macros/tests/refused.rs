//! What the derive refuses, and where the compiler points; types are the part of `refused_types`.

#[test]
fn errors_point_at_the_callers_code() {
    trybuild::TestCases::new().compile_fail("tests/refused/*.rs");
}
