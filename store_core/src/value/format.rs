//! placeholder
use super::ValueRef;
/// placeholder
pub fn write_value(_value: ValueRef<'_>, _out: &mut Vec<u8>) {
    unimplemented!()
}
