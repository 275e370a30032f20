//! Sums to the last digit, and their overflow.

use super::*;
use store_core::Decimal;

const MOST: i128 = 99_999_999_999_999_999_999_999_999_999_999_999_999;

fn decimals(units: &[i128]) -> Rows {
    units.iter().map(|units| vec![Value::Decimal(Decimal::new(*units, 2).unwrap())]).collect()
}

fn one(ty: Type, function: Function, rows: &[Vec<Value>]) -> Result<Value> {
    let input = [Field::new("x", ty)];
    let calls = [Call::new(function, Some(0), "r")];
    let (found, _) = aggregate(&input, &[], &calls, rows, How::within(1 << 20))?;
    Ok(found[0][0].clone())
}

#[test]
fn decimals_are_summed_to_38_digits_whatever_the_order() {
    let ty = Type::decimal(38, 2).unwrap();
    let sum = |units: &[i128]| one(ty, table(Of::Sum), &decimals(units));
    let decimal = |units| Value::Decimal(Decimal::new(units, 2).unwrap());
    assert_eq!(sum(&[MOST, MOST, MOST, -MOST, -MOST, -1]).unwrap(), decimal(MOST - 1));
    assert_eq!(sum(&[-MOST, -MOST, 5, MOST, MOST]).unwrap(), decimal(5));
    let error = sum(&[MOST, 1]).unwrap_err();
    assert_eq!(error.kind(), Kind::Type);
    assert!(error.to_string().contains("38 digits"), "{error}");
    assert!(sum(&[-MOST, -MOST, -MOST]).is_err());
    assert_eq!(sum(&[]).unwrap(), Value::Null);
}

#[test]
fn means_of_decimals_have_six_more_digits_as_far_as_there_is_room() {
    let of = |precision, units: &[i128]| {
        let ty = Type::decimal(precision, 2).unwrap();
        one(ty, table(Of::Avg), &decimals(units)).unwrap().as_ref().to_string()
    };
    assert_eq!(of(10, &[100, 100, 101]), "1.00333333");
    assert_eq!(of(10, &[-100, -100, -102]), "-1.00666667");
    assert_eq!(of(10, &[-1, 2]), "0.00500000");
    // All 38 digits are in use: none are left to add.
    let mean = of(38, &[MOST, MOST, MOST, MOST - 3]);
    assert_eq!(mean, "999999999999999999999999999999999999.98");
    assert_eq!(of(38, &[-MOST, MOST]), "0.00");
}

#[test]
fn medians_of_decimals_are_exact() {
    let ty = Type::decimal(38, 2).unwrap();
    let median =
        |units: &[i128]| one(ty, Function::Median, &decimals(units)).unwrap().as_ref().to_string();
    assert_eq!(median(&[MOST, MOST, -MOST]), "999999999999999999999999999999999999.99");
    assert_eq!(median(&[MOST, MOST]), "999999999999999999999999999999999999.99");
    let ty = Type::decimal(9, 2).unwrap();
    let rows = decimals(&[-3, -4, 7, -100]);
    let found = one(ty, Function::Median, &rows).unwrap();
    assert_eq!(found.as_ref().to_string(), "-0.03500000");
}

#[test]
fn whole_numbers_are_summed_exactly_or_not_at_all() {
    let ints =
        |values: &[i64]| values.iter().map(|value| vec![Value::Int(*value)]).collect::<Rows>();
    let found = one(Type::Int64, table(Of::Sum), &ints(&[i64::MAX, i64::MAX, 5])).unwrap();
    assert_eq!(found.as_ref().to_string(), "18446744073709551619");
    let found = one(Type::Int64, table(Of::Avg), &ints(&[i64::MAX, i64::MAX - 2])).unwrap();
    assert_eq!(found, Value::Float64(9_223_372_036_854_775_806.0));
    let found = one(Type::Int16, table(Of::Sum), &ints(&[30_000, 30_000])).unwrap();
    assert_eq!(found, Value::Int(60_000));
}

#[test]
fn floats_are_compensated_and_deviations_do_not_cancel() {
    let floats =
        |values: &[f64]| values.iter().map(|value| vec![Value::Float64(*value)]).collect::<Rows>();
    let found = one(Type::Float64, table(Of::Sum), &floats(&[1e16, 1.0, -1e16])).unwrap();
    assert_eq!(found, Value::Float64(1.0));
    let far = [1e9 + 4.0, 1e9 + 7.0, 1e9 + 13.0, 1e9 + 16.0];
    assert_eq!(
        one(Type::Float64, table(Of::Variance), &floats(&far)).unwrap(),
        Value::Float64(30.0)
    );
    let single = one(Type::Float64, table(Of::Stddev), &floats(&[4.0])).unwrap();
    assert_eq!(single, Value::Null);
    assert_eq!(
        one(Type::Float64, table(Of::StddevPop), &floats(&[4.0])).unwrap(),
        Value::Float64(0.0)
    );
}

#[test]
fn nan_is_greater_than_every_number_and_one_group() {
    let input = [Field::new("x", Type::Float64)];
    let rows: Rows = [f64::NAN, -0.0, f64::INFINITY, -f64::NAN, 0.0, f64::NEG_INFINITY]
        .map(|value| vec![Value::Float64(value)])
        .to_vec();
    let calls = [
        Call::new(table(Of::Min), Some(0), "min"),
        Call::new(table(Of::Max), Some(0), "max"),
        Call::new(table(Of::Sum), Some(0), "sum"),
    ];
    let how = How::within(1 << 20);
    let (found, _) = aggregate(&input, &[], &calls, &rows, how).unwrap();
    assert_eq!(shown(&found[0]), "-inf nan nan");
    let count = [Call::new(table(Of::Count), None, "n")];
    let (found, _) = aggregate(&input, &[0], &count, &rows, how).unwrap();
    assert_eq!(sorted(&found), ["-inf 1", "0.0 2", "inf 1", "nan 2"].map(String::from));
    let distinct = [Call::new(table(Of::CountDistinct), Some(0), "n")];
    let (found, _) = aggregate(&input, &[], &distinct, &rows, how).unwrap();
    assert_eq!(found[0][0], Value::Int(4));
}
