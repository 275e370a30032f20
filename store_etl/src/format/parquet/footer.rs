//! What a Parquet file says of itself at its end: columns, and where the pages of each lie.

use super::schema::{Cells, FileColumn, is_list, read_schema};
use super::thrift::{BINARY, LIST, Reader, STRUCT, damaged};
use std::fs::File;
use std::os::unix::fs::FileExt;
use store_core::{Error, Kind, Result};

/// What a file begins and ends with.
pub(super) const MAGIC: &[u8; 4] = b"PAR1";
const ENCRYPTED_MAGIC: &[u8; 4] = b"PARE";
/// The length of the footer, and the magic.
const TAIL_BYTES: u64 = 8;
/// Largest footer that is read: it is in memory whole.
const FOOTER_BYTES_MAX: u64 = 256 << 20;
/// Longest least and greatest values that are kept.
const BOUND_BYTES_MAX: usize = 256;

/// A file's columns, and its footer.
#[derive(Debug)]
pub(crate) struct Footer {
    pub bytes: Vec<u8>,
    pub columns: Vec<FileColumn>,
    pub rows: u64,
    leaves: usize,
    /// Bytes of the file before its footer.
    data: u64,
}

/// How the pages of a chunk are packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Codec {
    Plain,
    Snappy,
    Gzip,
    Zstd,
    Lz4,
}

/// The pages of a column in a row group.
#[derive(Clone, Debug)]
pub(crate) struct Chunk {
    pub codec: Codec,
    pub values: u64,
    /// Where its first page begins, and where the last one ends.
    pub start: u64,
    pub end: u64,
    /// The least and the greatest value, as plain values, if both are known.
    pub bounds: Option<Box<[Box<[u8]>; 2]>>,
}

/// A row group, with the chunks that were asked for.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    pub rows: u64,
    pub chunks: Vec<Chunk>,
}

impl Group {
    /// Bytes of it in memory.
    pub fn held_bytes(&self) -> usize {
        let bounds = |chunk: &Chunk| {
            let of = |bounds: &[Box<[u8]>; 2]| bounds.iter().map(|bound| bound.len() + 40).sum();
            chunk.bounds.as_ref().map_or(0, |bounds| of(bounds))
        };
        size_of::<Self>()
            + self.chunks.iter().map(|chunk| size_of::<Chunk>() + bounds(chunk)).sum::<usize>()
    }
}

/// Reads the footer of a file of so many bytes.
pub(crate) fn read_footer(file: &File, len: u64) -> Result<Footer> {
    let not = || damaged("it is no Parquet file: it does not begin and end with PAR1");
    let mut tail = [0; TAIL_BYTES as usize];
    let mut head = [0; MAGIC.len()];
    if len < TAIL_BYTES + MAGIC.len() as u64 {
        return Err(not());
    }
    file.read_exact_at(&mut tail, len - TAIL_BYTES).map_err(|error| Error::io("reading", error))?;
    file.read_exact_at(&mut head, 0).map_err(|error| Error::io("reading", error))?;
    if tail[4..] == *ENCRYPTED_MAGIC {
        return Err(Error::unsupported("it is encrypted"));
    }
    if tail[4..] != *MAGIC || head != *MAGIC {
        return Err(not());
    }
    let bytes = u64::from(u32::from_le_bytes([tail[0], tail[1], tail[2], tail[3]]));
    let most = len - TAIL_BYTES - MAGIC.len() as u64;
    if bytes > most {
        return Err(damaged(format!("its footer of {bytes} bytes is longer than the file")));
    }
    if bytes > FOOTER_BYTES_MAX {
        return Err(Error::unsupported(format!("its footer has {bytes} bytes")));
    }
    let mut footer = vec![0; bytes as usize];
    let from = len - TAIL_BYTES - bytes;
    file.read_exact_at(&mut footer, from).map_err(|error| Error::io("reading", error))?;
    Footer::parse(footer, from)
}

impl Footer {
    fn parse(bytes: Vec<u8>, data: u64) -> Result<Self> {
        let (mut schema, mut rows) = (None, None);
        Reader::new(&bytes).fields(&mut |reader, field| {
            match field.id {
                2 if is_list(field, 2) => schema = Some(read_schema(reader)?),
                3 => rows = Some(reader.count()?),
                8 => return Err(Error::unsupported("it is encrypted")),
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        let (Some((columns, leaves)), Some(rows)) = (schema, rows) else {
            return Err(damaged("its footer has no schema or no count of rows"));
        };
        Ok(Self { bytes, columns, rows, leaves, data })
    }

    /// The row groups with the chunks of these columns of the file, in that order.
    pub fn groups(&self, wanted: &[usize]) -> Result<Vec<Group>> {
        let mut groups = Vec::new();
        let mut places = vec![usize::MAX; self.leaves];
        for (place, at) in wanted.iter().enumerate() {
            let leaf = places.get_mut(self.columns[*at].leaf);
            *leaf.ok_or_else(|| damaged("its schema has too few leaves"))? = place;
        }
        Reader::new(&self.bytes).fields(&mut |reader, field| {
            if !is_list(field, 4) {
                return Ok(false);
            }
            let (count, item) = reader.list()?;
            if item != STRUCT {
                return Err(damaged("its row groups are no structs"));
            }
            for _ in 0..count {
                groups.push(self.group(reader, wanted, &places)?);
            }
            Ok(true)
        })?;
        let rows = groups.iter().try_fold(0_u64, |sum, group| sum.checked_add(group.rows));
        if rows != Some(self.rows) {
            return Err(damaged(format!("its row groups do not have its {} rows", self.rows)));
        }
        Ok(groups)
    }

    fn group(&self, reader: &mut Reader<'_>, wanted: &[usize], places: &[usize]) -> Result<Group> {
        let mut chunks: Vec<Option<Chunk>> = vec![None; wanted.len()];
        let (mut rows, mut seen) = (None, 0);
        reader.fields(&mut |reader, field| {
            match field.id {
                1 if field.ty == LIST => {
                    let (count, item) = reader.list()?;
                    if item != STRUCT || count != places.len() as u64 {
                        return Err(damaged("a row group has not one chunk for each column"));
                    }
                    for place in places {
                        match wanted.get(*place) {
                            Some(at) => chunks[*place] = Some(self.chunk(reader, *at)?),
                            None => reader.skip(STRUCT)?,
                        }
                    }
                    seen += 1;
                }
                3 => rows = Some(reader.count()?),
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        let rows = rows.filter(|_| seen == 1);
        let rows = rows.ok_or_else(|| damaged("a row group has no chunks or no rows"))?;
        let chunks: Option<Vec<Chunk>> = chunks.into_iter().collect();
        let chunks = chunks.ok_or_else(|| damaged("a row group lacks a column"))?;
        if chunks.iter().any(|chunk| chunk.values != rows) {
            return Err(damaged("a column has not as many values as its row group has rows"));
        }
        Ok(Group { rows, chunks })
    }

    fn chunk(&self, reader: &mut Reader<'_>, at: usize) -> Result<Chunk> {
        let column = &self.columns[at];
        let mut found = None;
        reader.fields(&mut |reader, field| {
            match field.id {
                1 if field.ty == BINARY => {
                    return Err(Error::unsupported("a column lies in another file"));
                }
                3 if field.ty == STRUCT => found = Some(chunk_facts(reader)?),
                8 | 9 => return Err(Error::unsupported("a column is encrypted")),
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        let facts = found.ok_or_else(|| damaged("a chunk says nothing of itself"))?;
        let named = |error: Error| error.at(format_args!("column \"{}\"", column.name));
        let physical = |(cells, _): &(Cells, _)| cells.is_physical(facts.physical);
        if column.kind.as_ref().is_ok_and(|kind| !physical(kind)) {
            return Err(named(damaged("a chunk is of another type than the schema says")));
        }
        let chunk = facts.chunk().map_err(named)?;
        if chunk.start < MAGIC.len() as u64 || chunk.end > self.data {
            return Err(named(damaged("its pages are not within the file")));
        }
        Ok(chunk)
    }
}

/// What is written of a chunk.
#[derive(Default)]
struct ChunkFacts {
    physical: i64,
    codec: i64,
    values: u64,
    bytes: u64,
    data: u64,
    dictionary: Option<u64>,
    bounds: [Option<Box<[u8]>>; 2],
}

fn chunk_facts(reader: &mut Reader<'_>) -> Result<ChunkFacts> {
    let mut facts = ChunkFacts { physical: -1, codec: -1, ..ChunkFacts::default() };
    reader.fields(&mut |reader, field| {
        match field.id {
            1 => facts.physical = reader.int()?,
            4 => facts.codec = reader.int()?,
            5 => facts.values = reader.count()?,
            7 => facts.bytes = reader.count()?,
            9 => facts.data = reader.count()?,
            11 => facts.dictionary = Some(reader.count()?),
            12 if field.ty == STRUCT => facts.bounds = bounds(reader)?,
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    Ok(facts)
}

/// The least and the greatest value. Those that old writers put in other fields have no known order.
fn bounds(reader: &mut Reader<'_>) -> Result<[Option<Box<[u8]>>; 2]> {
    let mut found = [None, None];
    reader.fields(&mut |reader, field| {
        let at = match (field.id, field.ty) {
            (6, BINARY) => 0,
            (5, BINARY) => 1,
            _ => return Ok(false),
        };
        let bytes = reader.binary()?;
        found[at] = (bytes.len() <= BOUND_BYTES_MAX).then(|| bytes.into());
        Ok(true)
    })?;
    Ok(found)
}

impl ChunkFacts {
    fn chunk(self) -> Result<Chunk> {
        let codec = match self.codec {
            0 => Codec::Plain,
            1 => Codec::Snappy,
            2 => Codec::Gzip,
            6 => Codec::Zstd,
            7 => Codec::Lz4,
            other => {
                let name = match other {
                    3 => "LZO",
                    4 => "Brotli",
                    5 => "the LZ4 of Hadoop",
                    _ => "a codec unknown here",
                };
                let message = format!("is packed with {name}; zstd, snappy, gzip, lz4 are read");
                return Err(Error::new(Kind::Unsupported, message));
            }
        };
        // Some writers say 0 for no dictionary.
        let dictionary = self.dictionary.filter(|at| (1..self.data).contains(at));
        let start = dictionary.unwrap_or(self.data);
        let end = start.checked_add(self.bytes).ok_or_else(|| damaged("it ends nowhere"))?;
        let bounds = match self.bounds {
            [Some(least), Some(greatest)] => Some(Box::new([least, greatest])),
            _ => None,
        };
        Ok(Chunk { codec, values: self.values, start, end, bounds })
    }
}
