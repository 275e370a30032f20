//! Which type two values have in common, and what arithmetic makes of two.

use store_core::{Decimal, Type};

/// How an error names a type with its article.
pub(super) fn a(ty: Type) -> String {
    let vowel = ty.name().starts_with(['i', 'o', 'e', 'a']);
    format!("{} {ty}", if vowel { "an" } else { "a" })
}

pub(super) const fn is_integer(ty: Type) -> bool {
    matches!(ty, Type::Int16 | Type::Int32 | Type::Int64)
}

pub(super) const fn is_float(ty: Type) -> bool {
    matches!(ty, Type::Float32 | Type::Float64)
}

pub(super) const fn is_decimal(ty: Type) -> bool {
    matches!(ty, Type::Decimal { .. })
}

pub(crate) const fn is_number(ty: Type) -> bool {
    is_integer(ty) || is_float(ty) || is_decimal(ty)
}

/// Digits and scale of an exact number's type.
pub(super) const fn digits(ty: Type) -> Option<(u8, u8)> {
    match ty {
        Type::Int16 => Some((5, 0)),
        Type::Int32 => Some((10, 0)),
        Type::Int64 => Some((19, 0)),
        Type::Decimal { precision, scale } => Some((precision, scale)),
        _ => None,
    }
}

/// The decimal with so many digits before and after the point; as many as there are if that is more.
pub(super) fn decimal(whole: u8, scale: u8) -> Type {
    let scale = scale.min(Decimal::DIGITS_MAX);
    Type::Decimal { precision: (whole + scale).clamp(1, Decimal::DIGITS_MAX), scale }
}

/// The type that holds values of both, in which they are compared.
pub(super) fn common(a: Type, b: Type) -> Option<Type> {
    if a == b {
        return Some(a);
    }
    if is_number(a) && is_number(b) {
        if is_float(a) || is_float(b) {
            return Some(Type::Float64);
        }
        if is_integer(a) && is_integer(b) {
            let wider = |ty| digits(ty).map_or(0, |(digits, _)| digits);
            return Some(if wider(a) >= wider(b) { a } else { b });
        }
        let (left, right) = (digits(a)?, digits(b)?);
        let whole = (left.0 - left.1).max(right.0 - right.1);
        return Some(decimal(whole, left.1.max(right.1)));
    }
    match (a, b) {
        (Type::Date, Type::Timestamp) | (Type::Timestamp, Type::Date) => Some(Type::Timestamp),
        _ => None,
    }
}
