//! Adding to a number: checked, never wrapped.

use super::{Type, Value, ValueRef};
use crate::error::{Error, Result};

impl ValueRef<'_> {
    /// What a column of this type holds after the amount is added to this value; NULL counts as 0.
    ///
    /// An integer takes an integer, a float or a decimal any number that it can hold. A sum that the type cannot hold, a float's
    /// infinity from finite numbers among them, is [`Kind::Type`](crate::Kind::Type); so is any
    /// other type.
    ///
    /// ```
    /// use store_core::{Kind, Type, Value, ValueRef};
    /// assert_eq!(ValueRef::Int(2).add(3.into(), Type::Int16)?, Value::Int(5));
    /// let refused = ValueRef::Int(32_767).add(1.into(), Type::Int16).unwrap_err();
    /// assert_eq!(refused.kind(), Kind::Type);
    /// assert_eq!(refused.to_string(), "32767 + 1 is out of range for int16");
    /// # Ok::<_, store_core::Error>(())
    /// ```
    pub fn add(self, amount: ValueRef<'_>, ty: Type) -> Result<Value> {
        match ty {
            Type::Int16 | Type::Int32 | Type::Int64 => self.add_integer(amount, ty),
            Type::Float32 | Type::Float64 => self.add_float(amount, ty),
            Type::Decimal { .. } => self.add_decimal(amount, ty),
            _ => Err(Error::type_mismatch(format!(
                "{ty} is no number: only integers, floats and decimals can be added to"
            ))),
        }
    }

    fn add_integer(self, amount: ValueRef<'_>, ty: Type) -> Result<Value> {
        let (ValueRef::Int(held), ValueRef::Int(more)) = (self.or_zero(), amount) else {
            return Err(Error::type_mismatch(format!(
                "{} cannot be added to {ty}: give an integer",
                amount.shown()
            )));
        };
        let sum = held.checked_add(more).map(Value::Int);
        let sum = sum.filter(|sum| sum.as_ref().coerce(ty).is_ok());
        sum.ok_or_else(|| Error::type_mismatch(format!("{held} + {more} is out of range for {ty}")))
    }

    fn add_float(self, amount: ValueRef<'_>, ty: Type) -> Result<Value> {
        let number = |value: ValueRef<'_>| match value.coerce(Type::Float64) {
            Ok(ValueRef::Float64(number)) => Ok(number),
            _ => Err(Error::type_mismatch(format!(
                "{} cannot be added to {ty}: give a number",
                value.shown()
            ))),
        };
        let (held, more) = (number(self.or_zero())?, number(amount)?);
        let sum = match ty {
            Type::Float32 => f64::from((held + more) as f32),
            _ => held + more,
        };
        if sum.is_infinite() && held.is_finite() && more.is_finite() {
            return Err(Error::type_mismatch(format!("{held} + {more} is out of range for {ty}")));
        }
        Ok(if ty == Type::Float32 { Value::Float32(sum as f32) } else { Value::Float64(sum) })
    }

    fn add_decimal(self, amount: ValueRef<'_>, ty: Type) -> Result<Value> {
        let held = self.or_zero();
        let (one, more) = (held.coerce(ty)?.as_decimal(), amount.coerce(ty)?.as_decimal());
        let (Some(one), Some(more)) = (one, more) else {
            return Err(Error::type_mismatch(format!(
                "{} cannot be added to {ty}: give a decimal",
                amount.shown()
            )));
        };
        let sum = one.checked_add(more).map(Value::Decimal);
        let sum = sum.filter(|sum| sum.as_ref().coerce(ty).is_ok());
        sum.ok_or_else(|| Error::type_mismatch(format!("{one} + {more} is out of range for {ty}")))
    }

    fn shown(self) -> String {
        if self.is_null() { "NULL".to_owned() } else { self.to_string() }
    }

    fn or_zero(self) -> Self {
        if self.is_null() { ValueRef::Int(0) } else { self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;

    fn refusal(held: ValueRef<'_>, amount: ValueRef<'_>, ty: Type) -> String {
        let error = held.add(amount, ty).unwrap_err();
        assert_eq!(error.kind(), Kind::Type);
        error.to_string()
    }

    #[test]
    fn sums_that_fit_are_exact() {
        let sum = |held: i64, amount: i64, ty| ValueRef::Int(held).add(amount.into(), ty).unwrap();
        assert_eq!(sum(32_766, 1, Type::Int16), Value::Int(32_767));
        assert_eq!(sum(-32_767, -1, Type::Int16), Value::Int(-32_768));
        assert_eq!(sum(i64::MAX, i64::MIN, Type::Int64), Value::Int(-1));
        assert_eq!(ValueRef::Null.add(7.into(), Type::Int32).unwrap(), Value::Int(7));
        let float = ValueRef::Float32(0.5).add(1.into(), Type::Float32).unwrap();
        assert_eq!(float, Value::Float32(1.5));
        let float = ValueRef::Float64(0.5).add(0.25_f32.into(), Type::Float64).unwrap();
        assert_eq!(float, Value::Float64(0.75));
        let float = ValueRef::Null.add(f64::INFINITY.into(), Type::Float64).unwrap();
        assert_eq!(float, Value::Float64(f64::INFINITY));
    }

    #[test]
    fn sums_that_do_not_fit_are_errors() {
        assert_eq!(
            refusal(i64::MAX.into(), 1.into(), Type::Int64),
            "9223372036854775807 + 1 is out of range for int64"
        );
        let int32 = refusal((-5).into(), i64::from(i32::MIN).into(), Type::Int32);
        assert_eq!(int32, "-5 + -2147483648 is out of range for int32");
        assert!(refusal(f32::MAX.into(), f32::MAX.into(), Type::Float32).contains("float32"));
        assert!(refusal(f64::MAX.into(), f64::MAX.into(), Type::Float64).contains("float64"));
        assert!(refusal(0.0.into(), i64::MAX.into(), Type::Float64).contains("cannot be added"));
    }

    #[test]
    fn decimals_are_added_exactly() {
        let ty = Type::Decimal { precision: 4, scale: 2 };
        let decimal = |text: &str| Value::Decimal(text.parse().unwrap());
        let (a, b) = (decimal("99.90"), decimal("0.09"));
        assert_eq!(a.as_ref().add(b.as_ref(), ty).unwrap(), decimal("99.99"));
        assert_eq!(ValueRef::Null.add(7.into(), ty).unwrap(), decimal("7.00"));
        assert_eq!(
            refusal(a.as_ref(), 1.into(), ty),
            "99.90 + 1.00 is out of range for decimal(4,2)"
        );
        assert!(refusal(a.as_ref(), decimal("0.001").as_ref(), ty).contains("more digits"));
        assert!(refusal(a.as_ref(), ValueRef::Null, ty).contains("give a decimal"));
    }

    #[test]
    fn only_numbers_are_added_to_numbers() {
        assert_eq!(
            refusal(1.into(), 1.5.into(), Type::Int32),
            "1.5 cannot be added to int32: give an integer"
        );
        assert_eq!(
            refusal(1.into(), ValueRef::Null, Type::Int32),
            "NULL cannot be added to int32: give an integer"
        );
        assert!(refusal(1.5.into(), "1".into(), Type::Float64).contains("give a number"));
        assert!(refusal(1.5.into(), ValueRef::Null, Type::Float64).contains("give a number"));
        for ty in [Type::Bool, Type::Text, Type::Bytes, Type::Date, Type::Timestamp] {
            assert!(refusal(ValueRef::Null, 1.into(), ty).contains("is no number"));
        }
    }
}
