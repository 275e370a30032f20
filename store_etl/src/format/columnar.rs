//! Files that have columns and types of their own: what they hold, what reading them takes, their rows.

use super::arrow;
use super::parquet::{self, ColumnSizes, Condition, unpacking_bytes};
use crate::batch::{Batch, Limits};
use std::fs::File;
use std::path::Path;
use store_core::query::Op;
use store_core::{Error, Result, Type, Value};

/// The formats of such files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ColumnFormat {
    Parquet,
    Arrow,
}

/// A column of a file; or why it is not read.
pub(crate) struct ColumnFacts {
    pub name: String,
    pub nullable: bool,
    pub ty: std::result::Result<Type, String>,
}

/// A wanted column compared with a value, which must be true of rows of use.
pub(crate) type Comparison = (usize, Op, Value);

/// What reading wanted columns of a file takes at most.
#[derive(Clone, Debug)]
pub(crate) enum FileSizes {
    Parquet(Vec<ColumnSizes>),
    Arrow(arrow::Sizes),
}

/// What was found out about a file before it is read.
#[derive(Clone, Debug)]
pub(crate) struct Measured {
    pub sizes: FileSizes,
    /// What else is in memory: the footer.
    pub head_bytes: usize,
    pub groups: u64,
    pub groups_skipped: u64,
}

/// The rows of a file.
pub(crate) trait RowGroups {
    /// Adds rows to an empty batch until it is full or the file ends; how many.
    fn fill(&mut self, batch: &mut Batch, limits: Limits) -> Result<usize>;

    /// How many row groups there are, how many of them were left out, and the rows of these.
    fn groups(&self) -> [u64; 3];
}

/// A file whose footer was read.
pub(crate) enum ColumnFile {
    Parquet(File, parquet::Footer),
    Arrow(File, arrow::Footer),
}

impl FileSizes {
    /// Bytes in memory.
    pub fn bytes(&self) -> usize {
        match self {
            Self::Parquet(columns) => {
                let packed = columns.iter().map(ColumnSizes::packed).max().unwrap_or(0);
                columns.iter().map(ColumnSizes::bytes).sum::<usize>() + unpacking_bytes(packed)
            }
            Self::Arrow(sizes) => sizes.bytes(),
        }
    }

    /// The larger of both, column by column.
    pub fn max(self, other: &Self) -> Self {
        match (self, other) {
            (Self::Parquet(own), Self::Parquet(other)) => {
                let pairs = own.into_iter().zip(other);
                Self::Parquet(pairs.map(|(own, other)| own.max(*other)).collect())
            }
            (Self::Arrow(own), Self::Arrow(other)) => Self::Arrow(own.max(*other)),
            (own, _) => own,
        }
    }
}

impl ColumnFile {
    /// Opens a file and reads its footer.
    pub fn open(format: ColumnFormat, path: &Path) -> Result<Self> {
        let name = path.display();
        let file = File::open(path).map_err(|error| Error::io(name, error))?;
        let known = file.metadata().map_err(|error| Error::io(path.display(), error))?;
        match format {
            ColumnFormat::Parquet => {
                let footer = parquet::read_footer(&file, known.len());
                Ok(Self::Parquet(file, footer.map_err(|error| error.at(path.display()))?))
            }
            ColumnFormat::Arrow => {
                let footer = arrow::read_footer(&file, known.len());
                Ok(Self::Arrow(file, footer.map_err(|error| error.at(path.display()))?))
            }
        }
    }

    /// Its columns.
    pub fn columns(&self) -> Vec<ColumnFacts> {
        match self {
            Self::Parquet(_, footer) => footer
                .columns
                .iter()
                .map(|column| ColumnFacts {
                    name: column.name.clone(),
                    nullable: column.optional,
                    ty: column.kind.clone().map(|(_, ty)| ty),
                })
                .collect(),
            Self::Arrow(_, footer) => footer.columns(),
        }
    }

    /// The bytes of its footer.
    pub fn footer_bytes(&self) -> &[u8] {
        match self {
            Self::Parquet(_, footer) => &footer.bytes,
            Self::Arrow(_, footer) => &footer.bytes,
        }
    }

    /// How many rows it has.
    pub fn rows(&self) -> Option<u64> {
        match self {
            Self::Parquet(_, footer) => Some(footer.rows),
            Self::Arrow(..) => None,
        }
    }

    /// What reading these of its columns takes: looks at every page, or batch, that may have rows of use.
    pub fn measure(&self, wanted: &[usize], comparisons: &[Comparison]) -> Result<Measured> {
        match self {
            Self::Parquet(file, footer) => {
                let groups = footer.groups(wanted)?;
                let conditions = conditions(footer, wanted, comparisons);
                let held: usize = groups.iter().map(parquet::Group::held_bytes).sum();
                let mut sizes = vec![ColumnSizes::default(); wanted.len()];
                let mut skipped = 0;
                for group in &groups {
                    if !conditions.iter().all(|condition| condition.may_hold(group)) {
                        skipped += 1;
                        continue;
                    }
                    for ((at, chunk), known) in wanted.iter().zip(&group.chunks).zip(&mut sizes) {
                        let found = parquet::chunk_sizes(file, &footer.columns[*at], chunk)?;
                        *known = known.max(found);
                    }
                }
                Ok(Measured {
                    sizes: FileSizes::Parquet(sizes),
                    head_bytes: 2 * footer.bytes.len() + held,
                    groups: groups.len() as u64,
                    groups_skipped: skipped,
                })
            }
            Self::Arrow(file, footer) => {
                let sizes = footer.measure(file, wanted)?;
                Ok(Measured {
                    sizes: FileSizes::Arrow(sizes),
                    head_bytes: 4 * footer.bytes.len(),
                    groups: footer.batches() as u64,
                    groups_skipped: 0,
                })
            }
        }
    }

    /// Its rows, within what was measured.
    pub fn rows_of(
        self,
        wanted: &[usize],
        sizes: &FileSizes,
        comparisons: &[Comparison],
    ) -> Result<Box<dyn RowGroups>> {
        match (self, sizes) {
            (Self::Parquet(file, footer), FileSizes::Parquet(sizes)) => {
                let conditions = conditions(&footer, wanted, comparisons);
                let reader = parquet::FileReader::new(file, &footer, wanted, sizes, &conditions)?;
                Ok(Box::new(reader))
            }
            (Self::Arrow(file, footer), FileSizes::Arrow(sizes)) => {
                Ok(Box::new(arrow::FileReader::new(file, footer, wanted, *sizes)?))
            }
            _ => Err(Error::invalid("a file of another format than was planned")),
        }
    }
}

fn conditions(
    footer: &parquet::Footer,
    wanted: &[usize],
    comparisons: &[Comparison],
) -> Vec<Condition> {
    let condition = |(place, op, value): &Comparison| {
        let kind = footer.columns[wanted[*place]].kind.as_ref().ok()?;
        Condition::new(*place, *kind, *op, value.clone())
    };
    comparisons.iter().filter_map(condition).collect()
}
