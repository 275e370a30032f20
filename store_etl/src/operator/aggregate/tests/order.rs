//! Results of floats are the same to the last bit, whatever the order of the rows and the memory.

use super::*;

/// Floats of all sizes: among each other some cancel, some are lost beside others, some are no numbers.
fn any_float(draw: &mut Draw, wildness: u64) -> f64 {
    let fraction = draw.below(1 << 30) << 22 | draw.below(1 << 22);
    let sign = draw.below(2) << 63;
    let middle = 1023;
    let exponent = match wildness {
        0 => middle,
        1 => middle - 40 + draw.below(80),
        // From the smallest to those whose squares are still numbers.
        _ => draw.below(1 << 31) % 1534,
    };
    f64::from_bits(sign | exponent << 52 | fraction)
}

fn shuffled(rows: &Rows, draw: &mut Draw) -> Rows {
    let mut rows = rows.clone();
    for nth in (1..rows.len()).rev() {
        rows.swap(nth, draw.below(nth as u64 + 1) as usize);
    }
    rows
}

/// Every bit of every result, by key.
fn bits(rows: &Rows) -> BTreeMap<String, Vec<u64>> {
    let bits = |value: &Value| match value {
        Value::Float64(value) => value.to_bits(),
        Value::Null => u64::MAX - 1,
        other => panic!("{other:?}"),
    };
    let all = by_key(rows, 1);
    all.into_iter().map(|(key, row)| (key, row.iter().map(bits).collect())).collect()
}

#[test]
fn floats_come_to_the_same_bits_in_every_order_and_memory() {
    let input = [Field::new("k", Type::Int64), Field::new("x", Type::Float64)];
    let calls = [Of::Sum, Of::Avg, Of::Stddev, Of::VariancePop]
        .map(|function| Call::new(table(function), Some(1), function.name()));
    for wildness in 0..3 {
        let mut draw = Draw(wildness + 5);
        let row = |draw: &mut Draw| {
            let value = any_float(draw, wildness);
            vec![Value::Int(draw.below(700) as i64), Value::Float64(value)]
        };
        let rows: Rows = (0..20_000).map(|_| row(&mut draw)).collect();
        let (found, _) = aggregate(&input, &[0], &calls, &rows, How::within(8 << 20)).unwrap();
        let wanted = bits(&found);
        for memory in [8 << 20, 1 << 20, 300 << 10] {
            let rows = shuffled(&rows, &mut draw);
            let how = How::within(memory);
            let (found, stats) = aggregate(&input, &[0], &calls, &rows, how).unwrap();
            assert_eq!(bits(&found), wanted, "wildness {wildness}, {memory} bytes");
            assert_eq!(stats.spill_bytes > 0, memory < 1 << 20, "{stats:?}");
        }
    }
}

#[test]
fn deviations_of_equal_floats_are_nothing() {
    let input = [Field::new("x", Type::Float64)];
    let calls = [Call::new(table(Of::StddevPop), Some(0), "r")];
    for value in [0.1, -1.0 / 3.0, 1e150, 1e-150, 5e-324] {
        for count in [1, 2, 3, 1000] {
            let rows: Rows = vec![vec![Value::Float64(value)]; count];
            let (found, _) = aggregate(&input, &[], &calls, &rows, How::within(1 << 20)).unwrap();
            assert_eq!(found[0][0], Value::Float64(0.0), "{count} times {value}");
        }
    }
}

#[test]
fn sums_are_the_nearest_floats() {
    let input = [Field::new("x", Type::Float64)];
    let calls = [Call::new(table(Of::Sum), Some(0), "r")];
    let sum = |values: &[f64]| {
        let rows: Rows = values.iter().map(|value| vec![Value::Float64(*value)]).collect();
        aggregate(&input, &[], &calls, &rows, How::within(1 << 20)).unwrap().0[0][0].clone()
    };
    let mut draw = Draw(3);
    for _ in 0..200 {
        // Whole numbers whose sum 128 bits hold, in units of a power of two.
        let wholes: Vec<i64> =
            (0..50).map(|_| (draw.below(1 << 31) as i64 - (1 << 30)) << draw.below(22)).collect();
        let unit = 2_f64.powi(draw.below(900) as i32 - 450);
        let values: Vec<f64> = wholes.iter().map(|whole| *whole as f64 * unit).collect();
        let total: i128 = wholes.iter().map(|whole| i128::from(*whole)).sum();
        assert_eq!(sum(&values), Value::Float64(total as f64 * unit));
    }
    for (values, total) in [
        (&[0.0, -0.0][..], 0.0),
        (&[f64::MAX, f64::MAX, -f64::MAX], f64::MAX),
        (&[f64::MAX, f64::MAX], f64::INFINITY),
        (&[5e-324, 5e-324, -5e-324], 5e-324),
        (&[f64::MIN_POSITIVE, -5e-324], f64::MIN_POSITIVE - 5e-324),
        // Ties go to the even one, and what decides may stand far behind.
        (&[9_007_199_254_740_992.0, 1.0], 9_007_199_254_740_992.0),
        (&[9_007_199_254_740_992.0, 1.0, 1e-7], 9_007_199_254_740_994.0),
        (&[-9_007_199_254_740_992.0, -1.0, -1e-7], -9_007_199_254_740_994.0),
        (&[f64::INFINITY, 1.0, f64::INFINITY], f64::INFINITY),
        (&[f64::NEG_INFINITY, 1.0], f64::NEG_INFINITY),
    ] {
        assert_eq!(sum(values), Value::Float64(total), "{values:?}");
    }
}
