//! From a tree to a [`Spec`]: every key is known, every value of its kind, or the place is shown.

use super::bytes::parse_bytes;
use super::options::THREADS_MAX;
use super::spec::{
    At, FieldSpec, FileFormat, JoinSpec, OnBadRow, ScanSpec, SinkSpec, Spec, SpillSpec, StepKind,
    StepSpec,
};
use super::yaml::{Mark, Text, Tree, TreeKind};
use crate::operator::join::{JoinKind, Side};
use std::path::PathBuf;
use store_core::ingest::Escape;
use store_core::segment::SegmentCodec;
use store_core::{Result, Type};

/// Most steps of a job: plans are walked on the stack.
const STEPS_MAX: usize = 200;

/// Reads a job.
pub(super) fn read(text: &Text<'_>) -> Result<Spec> {
    let tree = text.tree()?;
    let mut keys = Keys::of(text, &tree, "a job")?;
    let mut spec = Spec {
        name: keys.take("name").map(|tree| text.string(tree)).transpose()?,
        memory: keys.take("memory").map(|tree| text.bytes(tree)).transpose()?,
        threads: keys
            .take("threads")
            .map(|tree| text.number(tree, 1, THREADS_MAX).map(|threads| threads as usize))
            .transpose()?,
        ..Spec::default()
    };
    if let Some(tree) = keys.take("seed") {
        spec.seed = text.number(tree, 0, u64::MAX)?;
    }
    if let Some(tree) = keys.take("block_size") {
        let bytes = text.bytes(tree)?;
        spec.block_bytes = Some(At { value: bytes as usize, mark: tree.mark });
    }
    if let Some(tree) = keys.take("spill") {
        spec.spill = text.spill(tree)?;
    }
    let steps = keys.need("steps")?;
    keys.end(&["name", "memory", "threads", "seed", "block_size", "spill", "steps"])?;
    for step in text.list(steps)? {
        spec.steps.push(text.step(step)?);
    }
    if spec.steps.is_empty() || spec.steps.len() > STEPS_MAX {
        return text.refuse(steps.mark, format!("a job has 1 to {STEPS_MAX} steps"));
    }
    Ok(spec)
}

/// The keys of a mapping, taken one by one.
struct Keys<'a> {
    text: &'a Text<'a>,
    what: &'static str,
    mark: Mark,
    pairs: Vec<&'a (Tree, Tree)>,
}

impl<'a> Keys<'a> {
    fn of(text: &'a Text<'a>, tree: &'a Tree, what: &'static str) -> Result<Self> {
        let TreeKind::Map(pairs) = &tree.kind else {
            return text
                .refuse(tree.mark, format!("{what} is a mapping of keys, not {}", tree.noun()));
        };
        Ok(Self { text, what, mark: tree.mark, pairs: pairs.iter().collect() })
    }

    fn take(&mut self, key: &str) -> Option<&'a Tree> {
        let at = self.pairs.iter().position(|(known, _)| known.text() == Some(key))?;
        Some(&self.pairs.remove(at).1)
    }

    fn need(&mut self, key: &str) -> Result<&'a Tree> {
        let (text, what, mark) = (self.text, self.what, self.mark);
        self.take(key).map_or_else(|| text.refuse(mark, format!("{what} needs `{key}:`")), Ok)
    }

    /// With a table nothing may be said of files.
    fn table_alone(&self) -> Result<()> {
        let is = |pair: &&(Tree, Tree), words: &[&str]| {
            pair.0.text().is_some_and(|text| words.contains(&text))
        };
        if !self.pairs.iter().any(|pair| is(pair, &["table"])) {
            return Ok(());
        }
        let file = self.pairs.iter().find(|pair| !is(pair, &["table", "db"]));
        file.map_or(Ok(()), |(key, _)| {
            let name = key.text().unwrap_or("?");
            self.text.refuse(key.mark, format!("`{name}:` is of files, and this is a table"))
        })
    }

    /// Nothing else may be there.
    fn end(self, known: &[&str]) -> Result<()> {
        let Some((key, _)) = self.pairs.first() else { return Ok(()) };
        let known = known.join(", ");
        let name = key.text().unwrap_or("?");
        self.text.refuse(key.mark, format!("unknown key \"{name}\": {} knows {known}", self.what))
    }
}

impl Text<'_> {
    fn string(&self, tree: &Tree) -> Result<String> {
        match tree.text() {
            Some(text) if !tree.is_null() => Ok(text.to_owned()),
            _ => self.refuse(tree.mark, format!("must be a text, not {}", tree.noun())),
        }
    }

    fn located(&self, tree: &Tree) -> Result<At<String>> {
        Ok(At { value: self.string(tree)?, mark: tree.mark })
    }

    fn number(&self, tree: &Tree, least: u64, most: u64) -> Result<u64> {
        let text = self.string(tree)?;
        match text.parse::<u64>() {
            Ok(number) if (least..=most).contains(&number) => Ok(number),
            _ => self.refuse(tree.mark, format!("\"{text}\" is no number from {least} to {most}")),
        }
    }

    fn bytes(&self, tree: &Tree) -> Result<u64> {
        self.at(tree, parse_bytes(&self.string(tree)?))
    }

    fn bool(&self, tree: &Tree) -> Result<bool> {
        match self.string(tree)?.as_str() {
            "true" => Ok(true),
            "false" => Ok(false),
            other => self.refuse(tree.mark, format!("\"{other}\" is neither true nor false")),
        }
    }

    fn list<'a>(&self, tree: &'a Tree) -> Result<&'a [Tree]> {
        match &tree.kind {
            TreeKind::List(list) => Ok(list),
            _ => self.refuse(tree.mark, format!("must be a list, not {}", tree.noun())),
        }
    }

    fn strings(&self, tree: &Tree) -> Result<Vec<At<String>>> {
        self.list(tree)?.iter().map(|item| self.located(item)).collect()
    }

    /// Texts, or `{ old_name AS new_name }`, which YAML reads as a mapping of one key to nothing.
    fn columns(&self, tree: &Tree) -> Result<Vec<At<String>>> {
        let column = |item: &Tree| match &item.kind {
            TreeKind::Map(pairs) if pairs.len() == 1 && pairs[0].1.is_null() => {
                self.located(&pairs[0].0)
            }
            _ => self.located(item),
        };
        let list: Vec<_> = self.list(tree)?.iter().map(column).collect::<Result<_>>()?;
        if list.is_empty() {
            return self.refuse(tree.mark, "at least one column must be named");
        }
        Ok(list)
    }

    fn at<T>(&self, tree: &Tree, result: Result<T>) -> Result<T> {
        result.map_err(|error| self.fault(tree.mark, &error))
    }

    /// One of some words.
    fn word<T: Copy>(&self, tree: &Tree, words: &[(&str, T)]) -> Result<T> {
        let text = self.string(tree)?;
        if let Some((_, value)) = words.iter().find(|(word, _)| *word == text) {
            return Ok(*value);
        }
        let words: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        self.refuse(tree.mark, format!("\"{text}\": must be {}", words.join(", ")))
    }

    fn spill(&self, tree: &Tree) -> Result<SpillSpec> {
        let mut keys = Keys::of(self, tree, "spill")?;
        let codecs =
            [("raw", SegmentCodec::Raw), ("lz4", SegmentCodec::Lz4), ("zstd", SegmentCodec::Zstd)];
        let concurrency = |tree| self.number(tree, 1, THREADS_MAX).map(|most| most as u32);
        let spec = SpillSpec {
            dir: keys.take("dir").map(|tree| self.string(tree)).transpose()?.map(PathBuf::from),
            codec: keys.take("codec").map(|tree| self.word(tree, &codecs)).transpose()?,
            disk_limit: keys.take("disk_limit").map(|tree| self.bytes(tree)).transpose()?,
            concurrency: keys.take("concurrency").map(concurrency).transpose()?,
        };
        keys.end(&["dir", "codec", "disk_limit", "concurrency"])?;
        Ok(spec)
    }

    fn step(&self, tree: &Tree) -> Result<StepSpec> {
        const WORDS: [&str; 11] = [
            "scan",
            "filter",
            "project",
            "map",
            "join",
            "aggregate",
            "sort",
            "limit",
            "distinct",
            "union",
            "sink",
        ];
        let mut keys = Keys::of(self, tree, "a step")?;
        let name = keys.take("name").map(|tree| self.string(tree)).transpose()?;
        let input = keys.take("input").map(|tree| self.located(tree)).transpose()?;
        let found = WORDS.iter().find_map(|word| keys.take(word).map(|tree| (*word, tree)));
        let Some((word, body)) = found else {
            let named = keys.pairs.first().map(|(key, _)| (key.mark, key.text().unwrap_or("?")));
            let (mark, shown) = named.unwrap_or((tree.mark, ""));
            let words = WORDS.join(", ");
            return self.refuse(mark, format!("unknown step \"{shown}\": must be {words}"));
        };
        keys.end(&[word, "name", "input"])?;
        let kind = self.step_kind(word, body)?;
        Ok(StepSpec { mark: tree.mark, name, input, kind })
    }

    fn step_kind(&self, word: &str, body: &Tree) -> Result<StepKind> {
        Ok(match word {
            "scan" => StepKind::Scan(Box::new(self.scan(body)?)),
            "sink" => StepKind::Sink(Box::new(self.sink(body)?)),
            "filter" => StepKind::Filter(self.only(body, "a filter", "expr", Self::located)?),
            "project" => {
                StepKind::Project(self.only(body, "a project", "columns", Self::columns)?)
            }
            "map" => StepKind::Map(self.only(body, "a map", "columns", Self::columns)?),
            "union" => StepKind::Union(self.only(body, "a union", "with", Self::one_or_more)?),
            "sort" => StepKind::Sort(self.only(body, "a sort", "by", Self::one_or_more)?),
            "limit" => {
                let mut keys = Keys::of(self, body, "a limit")?;
                let rows = self.number(keys.need("rows")?, 0, u64::MAX)?;
                let offset = keys.take("offset").map(|tree| self.number(tree, 0, u64::MAX));
                keys.end(&["rows", "offset"])?;
                StepKind::Limit { rows, offset: offset.transpose()?.unwrap_or(0) }
            }
            "distinct" => {
                if !body.is_null() {
                    Keys::of(self, body, "a distinct")?.end(&["nothing"])?;
                }
                StepKind::Distinct
            }
            "join" => self.join(body)?,
            _ => self.aggregate(body)?,
        })
    }

    /// The only key of a mapping.
    fn only<T>(
        &self,
        body: &Tree,
        what: &'static str,
        key: &str,
        read: fn(&Self, &Tree) -> Result<T>,
    ) -> Result<T> {
        let mut keys = Keys::of(self, body, what)?;
        let value = read(self, keys.need(key)?)?;
        keys.end(&[key])?;
        Ok(value)
    }

    fn one_or_more(&self, tree: &Tree) -> Result<Vec<At<String>>> {
        if tree.text().is_some() && !tree.is_null() {
            return Ok(vec![self.located(tree)?]);
        }
        let list = self.strings(tree)?;
        if list.is_empty() {
            return self.refuse(tree.mark, "at least one must be named");
        }
        Ok(list)
    }

    fn join(&self, body: &Tree) -> Result<StepKind> {
        let named = |kind: JoinKind| (kind.name(), kind);
        let mut keys = Keys::of(self, body, "a join")?;
        let strategies =
            [("auto", None), ("build_left", Some(Side::Left)), ("build_right", Some(Side::Right))];
        let with = self.located(keys.need("with")?)?;
        let on = self.one_or_more(keys.need("on")?)?;
        let how = keys.take("how").map(|tree| self.word(tree, &JoinKind::ALL.map(named)));
        let build = match keys.take("strategy") {
            Some(tree) => self.word(tree, &strategies)?.map(|value| At { value, mark: tree.mark }),
            None => None,
        };
        keys.end(&["with", "on", "how", "strategy"])?;
        let kind = how.transpose()?.unwrap_or(JoinKind::Inner);
        Ok(StepKind::Join(Box::new(JoinSpec { with, on, kind, build })))
    }

    fn aggregate(&self, body: &Tree) -> Result<StepKind> {
        let mut keys = Keys::of(self, body, "an aggregate")?;
        let mut list = |key| match keys.take(key) {
            Some(tree) if tree.text().is_some() => self.one_or_more(tree),
            Some(tree) => self.strings(tree),
            None => Ok(Vec::new()),
        };
        let (group_by, aggs) = (list("group_by")?, list("aggs")?);
        keys.end(&["group_by", "aggs"])?;
        if group_by.is_empty() && aggs.is_empty() {
            return self.refuse(body.mark, "an aggregate needs `group_by:` or `aggs:`");
        }
        Ok(StepKind::Aggregate { group_by, aggs })
    }

    fn format(&self, tree: &Tree) -> Result<FileFormat> {
        let words = [
            ("tsv", FileFormat::Tsv),
            ("csv", FileFormat::Csv),
            ("jsonl", FileFormat::JsonLines),
            ("parquet", FileFormat::Parquet),
            ("arrow", FileFormat::Arrow),
        ];
        self.word(tree, &words)
    }

    fn escape(&self, tree: &Tree) -> Result<Escape> {
        self.word(tree, &[("none", Escape::None), ("backslash", Escape::Backslash)])
    }

    /// One ASCII character; `\t` or `tab` for a tab.
    fn character(&self, tree: &Tree) -> Result<At<u8>> {
        let text = self.string(tree)?;
        let value = match text.as_bytes() {
            [byte] if byte.is_ascii() => *byte,
            b"\\t" | b"tab" => b'\t',
            _ => return self.refuse(tree.mark, format!("\"{text}\" is not one ASCII character")),
        };
        Ok(At { value, mark: tree.mark })
    }

    fn scan(&self, body: &Tree) -> Result<ScanSpec> {
        let mut keys = Keys::of(self, body, "a scan")?;
        keys.table_alone()?;
        let policies = [("stop", OnBadRow::Stop), ("skip", OnBadRow::Skip)];
        let nulls = |tree: &Tree| match tree.text() {
            Some(text) => Ok(vec![text.to_owned()]),
            None => Ok(self.strings(tree)?.into_iter().map(|mark| mark.value).collect()),
        };
        let scan = ScanSpec {
            source: keys.take("source").map(|tree| self.located(tree)).transpose()?,
            table: keys.take("table").map(|tree| self.located(tree)).transpose()?,
            db: keys.take("db").map(|tree| self.located(tree)).transpose()?,
            format: keys.take("format").map(|tree| self.format(tree)).transpose()?,
            header: keys.take("header").map(|tree| self.bool(tree)).transpose()?.unwrap_or(false),
            delimiter: keys.take("delimiter").map(|tree| self.character(tree)).transpose()?,
            quote: keys.take("quote").map(|tree| self.character(tree)).transpose()?,
            escape: keys
                .take("escape")
                .map(|tree| self.escape(tree))
                .transpose()?
                .unwrap_or_default(),
            nulls: keys.take("null").map(nulls).transpose()?.unwrap_or_default(),
            schema: keys.take("schema").map(|tree| self.schema(tree)).transpose()?,
            on_error: keys
                .take("on_error")
                .map(|tree| self.word(tree, &policies))
                .transpose()?
                .unwrap_or_default(),
            max_errors: keys
                .take("max_errors")
                .map(|tree| self.number(tree, 0, u64::MAX))
                .transpose()?,
            reject: keys.take("reject").map(|tree| self.located(tree)).transpose()?,
        };
        keys.end(&[
            "source",
            "table",
            "db",
            "format",
            "header",
            "delimiter",
            "quote",
            "escape",
            "null",
            "schema",
            "on_error",
            "max_errors",
            "reject",
        ])?;
        if scan.source.is_some() == scan.table.is_some()
            || scan.table.is_some() != scan.db.is_some()
        {
            return self.refuse(body.mark, "a scan needs either `source:`, or `table:` with `db:`");
        }
        if scan.on_error == OnBadRow::Stop && (scan.reject.is_some() || scan.max_errors.is_some()) {
            return self.refuse(body.mark, "`reject:` and `max_errors:` go with `on_error: skip`");
        }
        Ok(scan)
    }

    fn schema(&self, tree: &Tree) -> Result<Vec<FieldSpec>> {
        let mut fields: Vec<FieldSpec> = Vec::new();
        for item in self.list(tree)? {
            let mut keys = Keys::of(self, item, "a column")?;
            let name = self.located(keys.need("name")?)?;
            let ty = keys.need("type")?;
            let ty = self.at(ty, type_of(&self.string(ty)?))?;
            let nullable = keys.take("nullable").map(|tree| self.bool(tree)).transpose()?;
            keys.end(&["name", "type", "nullable"])?;
            if fields.iter().any(|field| field.name.value == name.value) {
                return self.refuse(name.mark, format!("a second column \"{}\"", name.value));
            }
            fields.push(FieldSpec { name, ty, nullable: nullable.unwrap_or(true) });
        }
        if fields.is_empty() {
            return self.refuse(tree.mark, "a schema has at least one column");
        }
        Ok(fields)
    }

    fn sink(&self, body: &Tree) -> Result<SinkSpec> {
        let mut keys = Keys::of(self, body, "a sink")?;
        keys.table_alone()?;
        let sink = SinkSpec {
            destination: keys.take("destination").map(|tree| self.located(tree)).transpose()?,
            table: keys.take("table").map(|tree| self.located(tree)).transpose()?,
            db: keys.take("db").map(|tree| self.located(tree)).transpose()?,
            format: keys.take("format").map(|tree| self.format(tree)).transpose()?,
            header: keys.take("header").map(|tree| self.bool(tree)).transpose()?.unwrap_or(true),
            null: keys.take("null").map(|tree| self.string(tree)).transpose()?,
            escape: keys
                .take("escape")
                .map(|tree| self.escape(tree))
                .transpose()?
                .unwrap_or_default(),
        };
        keys.end(&["destination", "table", "db", "format", "header", "null", "escape"])?;
        if sink.destination.is_some() == sink.table.is_some()
            || sink.table.is_some() != sink.db.is_some()
        {
            return self
                .refuse(body.mark, "a sink needs either `destination:`, or `table:` with `db:`");
        }
        Ok(sink)
    }
}

/// A type's name; also those of Arrow, such as `Int64` and `Utf8`, in which case does not matter.
fn type_of(name: &str) -> Result<Type> {
    match name.to_ascii_lowercase().as_str() {
        "largeutf8" => Ok(Type::Text),
        "largebinary" => Ok(Type::Bytes),
        "date32" => Ok(Type::Date),
        _ => Type::from_name(name),
    }
}
