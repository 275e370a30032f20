//! placeholder
use super::{Type, ValueRef};
/// placeholder
pub fn parse_value(_text: &[u8], _ty: Type) -> crate::Result<ValueRef<'_>> {
    unimplemented!()
}
