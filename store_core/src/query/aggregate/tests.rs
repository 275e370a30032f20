use super::*;
use crate::value::{Value, ValueRef};

fn schema() -> Schema {
    Schema::parse("t", "k int64 key, i int32, f float64, t text, b bool, d date, m decimal(38,2)")
        .unwrap()
}

fn state(text: &str) -> State {
    let aggregate = Aggregate::parse_list(text).unwrap().remove(0);
    State::new(&aggregate.bind(&schema()).unwrap())
}

fn of(text: &str, values: &[ValueRef<'_>]) -> Value {
    let mut whole = state(text);
    for value in values {
        whole.add(*value).unwrap();
    }
    let whole = whole.finish().unwrap();
    // In parts, merged, it is the same.
    let mut merged = state(text);
    for part in values.chunks(2) {
        let mut state = state(text);
        for value in part {
            state.add(*value).unwrap();
        }
        merged.merge(state).unwrap();
    }
    let (Value::Float64(a), merged) = (&whole, merged.finish().unwrap()) else {
        return whole;
    };
    let Value::Float64(b) = merged else { panic!("{merged:?}") };
    assert!(is_near(*a, b), "{a} {b}");
    whole
}

fn is_near(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-12 * a.abs() || a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan()
}

#[test]
fn null_is_left_out_and_nothing_is_null() {
    use ValueRef::{Int, Null};
    let values = [Int(3), Null, Int(-1), Int(3), Null];
    assert_eq!(of("count(i)", &values), Value::Int(3));
    assert_eq!(of("count(distinct i)", &values), Value::Int(2));
    assert_eq!(of("sum(i)", &values), Value::Int(5));
    assert_eq!(of("avg(i)", &values), Value::Float64(5.0 / 3.0));
    assert_eq!(of("min(i)", &values), Value::Int(-1));
    assert_eq!(of("max(i)", &values), Value::Int(3));
    assert_eq!(of("var_pop(i)", &values), Value::Float64(32.0 / 9.0));
    assert_eq!(of("stddev(i)", &values), Value::Float64((16.0_f64 / 3.0).sqrt()));
    for name in ["sum", "avg", "min", "max", "stddev", "stddev_pop", "variance", "var_pop"] {
        assert_eq!(of(&format!("{name}(i)"), &[Null, Null]), Value::Null, "{name}");
    }
    assert_eq!(of("variance(i)", &[Int(7)]), Value::Null);
    assert_eq!(of("var_pop(i)", &[Int(7)]), Value::Float64(0.0));
    assert_eq!(of("count(i)", &[Null]), Value::Int(0));
}

#[test]
fn sums_are_exact_or_refused() {
    use ValueRef::{Float64, Int};
    let (most, least) = (Int(i64::MAX), Int(i64::MIN));
    assert_eq!(of("sum(k)", &[most, most, least, least, Int(2)]), Value::Int(0));
    assert_eq!(of("avg(k)", &[most, most]), Value::Float64(i64::MAX as f64));
    let beyond = Value::Decimal("9223372036854775808".parse().unwrap());
    assert_eq!(of("sum(k)", &[most, Int(1)]), beyond);
    let values = [1e100, 1.0, -1e100, 1e-3].map(Float64);
    assert_eq!(of("sum(f)", &values), Value::Float64(1.001));
    let far = [1e9 + 4.0, 1e9 + 7.0, 1e9 + 13.0, 1e9 + 16.0].map(Float64);
    assert_eq!(of("variance(f)", &far), Value::Float64(30.0));
    let Value::Float64(sum) = of("sum(f)", &[f64::INFINITY, 1.0].map(Float64)) else { panic!() };
    assert!(sum.is_infinite());
}

#[test]
fn columns_of_values_are_added_as_single_ones_are() {
    let ints = [5, i64::MIN, 7, i64::MAX, -1, 0];
    let floats = [0.5, f64::NAN, -0.0, 1e300, -7.25, 0.0];
    let nulls = [false, false, true, false, false, true];
    for name in ["count", "sum", "avg", "min", "max", "stddev", "var_pop", "count_distinct"] {
        for nulls in [None, Some(&nulls[..])] {
            let known = |at: usize| nulls.is_none_or(|nulls| !nulls[at]);
            // NULLs are zeros among the values.
            let zeroed: Vec<i64> = (0..6).map(|at| if known(at) { ints[at] } else { 0 }).collect();
            let (mut many, mut one) = (state(&format!("{name}(k)")), state(&format!("{name}(k)")));
            many.add_ints(&zeroed, nulls).unwrap();
            for at in (0..6).filter(|at| known(*at)) {
                one.add(ValueRef::Int(ints[at])).unwrap();
            }
            assert_same(name, many, one);
            let (mut many, mut one) = (state(&format!("{name}(f)")), state(&format!("{name}(f)")));
            many.add_floats(&floats, nulls).unwrap();
            for at in (0..6).filter(|at| known(*at)) {
                one.add(ValueRef::Float64(floats[at])).unwrap();
            }
            assert_same(name, many, one);
        }
    }
}

fn assert_same(name: &str, a: State, b: State) {
    match (a.finish().unwrap(), b.finish().unwrap()) {
        (Value::Float64(a), Value::Float64(b)) => {
            assert!(is_near(a, b), "{name}: {a} {b}");
        }
        (a, b) => assert_eq!(a, b, "{name}"),
    }
}

#[test]
fn what_cannot_be_computed_says_why() {
    let refused = |text: &str| {
        let found = Aggregate::parse_list(text).map(|mut all| all.remove(0));
        found.and_then(|aggregate| aggregate.bind(&schema()).map(drop)).unwrap_err().to_string()
    };
    assert!(refused("sum(t)").contains("needs numbers, and column \"t\" of `t` is text"));
    assert!(refused("avg(b)").contains("is bool"));
    assert!(refused("sum(nothing)").contains("nothing"));
    assert!(refused("median(i)").contains("must be count, count_distinct, sum"));
    assert!(refused("sum(*)").contains("sum(column)"));
    assert!(refused("sum(distinct i)").contains("DISTINCT goes with count"));
    assert!(refused("count(*").contains("expected \")\", found the end"));
    assert!(refused("count(*) as").contains("the result's name"));
    assert!(refused("count(*),").contains("expected an aggregate"));
    let all = Aggregate::parse_list("COUNT(*) n, min(\"t\") AS \"a b\", max(d)").unwrap();
    let names: Vec<String> = all.iter().map(Aggregate::name).collect();
    assert_eq!(names, ["n", "a b", "max_d"]);
}

#[test]
fn decimals_are_summed_exactly_and_their_mean_has_six_digits_more() {
    let decimal = |text: &str| -> Value { Value::Decimal(text.parse().unwrap()) };
    let sum_of = |name: &str, texts: &[&str]| {
        let values: Vec<Value> = texts.iter().map(|text| decimal(text)).collect();
        let values: Vec<ValueRef<'_>> = values.iter().map(Value::as_ref).collect();
        of(name, &values)
    };
    assert_eq!(sum_of("sum(m)", &["0.10", "0.20", "-1.05"]), decimal("-0.75"));
    assert_eq!(sum_of("avg(m)", &["0.01", "0.01", "0.00"]), decimal("0.00666667"));
    assert_eq!(sum_of("avg(m)", &["-0.01", "-0.01", "0.00"]), decimal("-0.00666667"));
    assert_eq!(sum_of("min(m)", &["0.10", "-0.20", "3.00"]), decimal("-0.20"));
    assert_eq!(sum_of("count(distinct m)", &["0.10", "0.10", "3.00"]), Value::Int(2));
    let most = "999999999999999999999999999999999999.99";
    let mean = sum_of("avg(m)", &[most]);
    assert!(mean.as_ref().order(decimal(most).as_ref()).is_eq(), "{mean:?}");
    let mut state = state("sum(m)");
    state.add(decimal(most).as_ref()).unwrap();
    state.add(decimal("0.01").as_ref()).unwrap();
    assert!(state.finish().unwrap_err().to_string().contains("more than 38 digits"));
}
