//! How long the rows of a step may be.

use super::plan::{Node, Step};
use crate::batch::{Field, Limits, fixed_bytes};

/// The longest row of a step: so many times the longest row of a scan, and so many bytes. Only texts are
/// as long as a row of a scan.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Width {
    pub rows: u64,
    bytes: u64,
}

impl Width {
    /// The width of a step's rows.
    pub fn of(step: &Step) -> Self {
        let own = Self::of_fields(&step.fields);
        let rows = match &step.node {
            Node::Scan(_) | Node::Table(_) | Node::Project(..) => own.rows,
            Node::Join(sides, plan) => {
                // Texts of both sides may be in one row, if both come out.
                let of = |side: &Step| {
                    let comes = |field: &&Field| step.fields.iter().any(|f| f.name == field.name);
                    let texts = side.fields.iter().filter(comes).any(|field| field.ty.is_long());
                    if texts { Self::of(side).rows } else { 0 }
                };
                if plan.kind.pairs() { of(&sides[0]) + of(&sides[1]) } else { of(&sides[0]) }
            }
            Node::Aggregate(input, plan) => {
                // A key, and for every text that comes of the rows one of them.
                let keys = plan.keys.len().min(step.fields.len());
                let is_long = |field: &&Field| field.ty.is_long();
                let texts = step.fields[keys..].iter().filter(is_long).count() as u64;
                let key = u64::from(step.fields[..keys].iter().any(|field| field.ty.is_long()));
                Self::of(input).rows * (key + texts)
            }
            _ => step.inputs().into_iter().map(|input| Self::of(input).rows).max().unwrap_or(1),
        };
        Self { rows, ..own }
    }

    fn of_fields(fields: &[Field]) -> Self {
        let bytes = fields.iter().map(|field| fixed_bytes(field.ty) as u64 + 1).sum();
        Self { rows: u64::from(fields.iter().any(|field| field.ty.is_long())), bytes }
    }

    /// In bytes, where the longest row of a scan is known.
    pub const fn bytes(self, limits: Limits) -> usize {
        self.rows as usize * limits.row_bytes + self.bytes as usize
    }
}
