//! An aggregation bound to its input: what is kept of a group, and how results come of it.

use super::SortWay;
use super::function::{Call, Function, field_at};
use super::layout::{ArgKind, Layout};
use super::result::{Outcome, Whole};
use super::sizes::Sizes;
use super::state::{SUM_IN_MOMENTS, StateKind, States};
use super::table::Table;
use crate::batch::{Batch, Field, Limits, fixed_bytes};
use crate::operator::HashOptions;
use store_core::query::Function as TableFunction;
use store_core::te::HashPlan;
use store_core::{Error, Result, Type, Value};

/// Groups that results are made of together: their states stay in the first cache.
const GROUPS_AT_ONCE: usize = 128;

/// A list of aggregates over groups, bound to the columns of its input.
///
/// ```
/// use store_core::{Type, query};
/// use store_etl::batch::Field;
/// use store_etl::operator::aggregate::{Aggregation, Call, Function};
///
/// let input = [Field::new("account", Type::Int64), Field::new("amount", Type::Float64)];
/// let calls = vec![
///     Call::new(Function::Table(query::Function::Count), None, "count"),
///     Call::new(Function::from_name("avg")?, Some(1), "avg_amount"),
/// ];
/// let bound = Aggregation::bind(&input, &[0], calls)?;
/// let names: Vec<&str> = bound.fields().iter().map(|field| field.name.as_str()).collect();
/// assert_eq!(names, ["account", "count", "avg_amount"]);
/// # Ok::<_, store_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Aggregation {
    pub(super) layout: Layout,
    pub(super) states: States,
    /// The states of no rows.
    pub(super) initial: Vec<u8>,
    pub(super) outcomes: Vec<Outcome>,
    pub(super) sections: Vec<Section>,
    pub(super) keys: usize,
    fields: Vec<Field>,
}

/// An aggregate whose state grows with its input: its values are sorted behind their group's rows.
#[derive(Clone, Debug)]
pub(super) struct Section {
    pub column: usize,
    pub ty: Type,
    pub kind: SectionKind,
}

/// What is made of the values of a section.
#[derive(Clone, Debug)]
pub(super) enum SectionKind {
    /// How many different ones.
    Distinct,
    /// The middle one of those whose count is at this place of the group's states.
    Median { known: usize },
    /// All of them, with this between.
    Join(String),
    /// The least, of texts.
    Least,
    /// The greatest, of texts.
    Greatest,
    /// The first row's, of texts.
    First,
    /// The last row's, of texts.
    Last,
}

impl Aggregation {
    /// Binds calls over the groups of the columns at these positions; without any, all rows are one
    /// group. Columns come out as the keys and then the calls.
    pub fn bind(input: &[Field], keys: &[usize], calls: Vec<Call>) -> Result<Self> {
        let mut fields = Vec::with_capacity(keys.len() + calls.len());
        for key in keys {
            fields.push(field_at(input, *key)?.clone());
        }
        for call in &calls {
            fields.push(call.field(input)?);
        }
        for (nth, field) in fields.iter().enumerate() {
            if fields[..nth].iter().any(|other| other.name == field.name) {
                let name = &field.name;
                let message =
                    format!("two results are called \"{name}\"; name one of them with AS");
                return Err(Error::invalid(message).detail(name));
            }
        }
        let ends =
            calls.iter().any(|call| matches!(call.function, Function::First | Function::Last));
        let args = arguments(input, &calls);
        let layout = Layout::new(input, keys, &args, ends)?;
        let mut bound = Self {
            layout,
            states: States::default(),
            initial: Vec::new(),
            outcomes: Vec::new(),
            sections: Vec::new(),
            keys: keys.len(),
            fields,
        };
        // Deviations first: their count is everybody's.
        for call in calls.iter().filter(|call| is_deviation(call.function)) {
            bound.outcome(input, call)?;
        }
        bound.outcomes =
            calls.into_iter().map(|call| bound.outcome(input, &call)).collect::<Result<_>>()?;
        if bound.sections.len() >= usize::from(u8::MAX) {
            return Err(Error::invalid("an aggregation sorts at most 254 of its aggregates"));
        }
        bound.initial = bound.states.initial(&bound.layout.args);
        Ok(bound)
    }

    /// The columns that come out.
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// How an aggregation by hash cuts up its memory, or why it cannot; its details name the least.
    pub fn hash_plan(&self, options: &HashOptions) -> Result<HashPlan> {
        Ok(Sizes::of(self, options)?.plan(self, options.memory))
    }

    /// The smallest memory that it works in, by hash or by sort.
    pub fn memory_min(&self, options: &HashOptions) -> usize {
        if self.sorts() { SortWay::memory_min(self, options) } else { Sizes::least(self, options) }
    }

    /// True if values are sorted: for COUNT DISTINCT, MEDIAN, `STRING_AGG`, and the least, greatest, first
    /// and last of texts.
    pub fn sorts(&self) -> bool {
        !self.sections.is_empty()
    }

    /// Adds entries of a table to the batch until it is full; false when the last one was added.
    pub(super) fn emit(
        &self,
        table: &Table,
        at: &mut u32,
        out: &mut Batch,
        limits: &Limits,
    ) -> Result<bool> {
        let row: usize = self.fields.iter().map(|field| fixed_bytes(field.ty) + 1).sum();
        let (mut rows, mut bytes) = (out.rows(), out.data_bytes());
        let mut places = [0; GROUPS_AT_ONCE];
        while *at < table.end() {
            if rows >= limits.rows || bytes >= limits.bytes {
                return Ok(true);
            }
            let mut count = 0;
            while *at < table.end()
                && count < GROUPS_AT_ONCE
                && rows < limits.rows
                && bytes < limits.bytes
            {
                places[count] = *at;
                // Texts of a key are the most that may be longer.
                bytes += row + table.key_of(*at).len();
                (count, rows) = (count + 1, rows + 1);
                *at = table.next(*at);
            }
            self.push_groups(table, &places[..count], out)?;
        }
        Ok(false)
    }

    /// Adds the rows of groups of a table, a column after the other.
    fn push_groups(&self, table: &Table, places: &[u32], out: &mut Batch) -> Result<()> {
        let rows = out.rows();
        let (keys, results) = out.columns_mut().split_at_mut(self.keys);
        for place in places {
            self.layout.keys.read(table.key_of(*place), keys)?;
        }
        for (outcome, column) in self.outcomes.iter().zip(results) {
            for place in places {
                outcome.push(table.states_of(*place), &[], column)?;
            }
        }
        out.set_rows(rows + places.len());
        Ok(())
    }

    /// Adds a group's row.
    pub(super) fn push_group(
        &self,
        key: &[u8],
        states: &[u8],
        sections: &[Value],
        out: &mut Batch,
    ) -> Result<()> {
        let rows = out.rows();
        let (keys, results) = out.columns_mut().split_at_mut(self.keys);
        self.layout.keys.read(key, keys)?;
        for (outcome, column) in self.outcomes.iter().zip(results) {
            outcome.push(states, sections, column)?;
        }
        out.set_rows(rows + 1);
        Ok(())
    }

    /// Adds the row of no rows.
    pub(super) fn push_empty(&self, out: &mut Batch) -> Result<()> {
        let none = |section: &Section| match section.kind {
            SectionKind::Distinct => Value::Int(0),
            _ => Value::Null,
        };
        let sections: Vec<Value> = self.sections.iter().map(none).collect();
        self.push_group(&[], &self.initial, &sections, out)
    }

    fn place(&mut self, kind: StateKind) -> usize {
        self.states.place(kind, &self.layout.args)
    }

    fn arg(&self, column: usize) -> usize {
        let found = self.layout.args.iter().position(|arg| arg.column == column);
        found.expect("every argument was laid out")
    }

    /// Where the count of values that are not NULL is.
    fn known(&mut self, arg: usize, scale: u8) -> usize {
        if self.layout.args[arg].null.is_none() {
            return self.place(StateKind::Rows);
        }
        match self.states.find(StateKind::Moments(arg, scale)) {
            Some(at) => at,
            None => self.place(StateKind::Known(arg)),
        }
    }

    /// Where the sum of floats is.
    fn float_sum(&mut self, arg: usize, scale: u8) -> usize {
        match self.states.find(StateKind::Moments(arg, scale)) {
            Some(at) => at + SUM_IN_MOMENTS,
            None => self.place(StateKind::FloatSum(arg)),
        }
    }

    fn section(&mut self, column: usize, ty: Type, kind: SectionKind) -> Outcome {
        self.sections.push(Section { column, ty, kind });
        Outcome::Section(self.sections.len() - 1)
    }

    fn outcome(&mut self, input: &[Field], call: &Call) -> Result<Outcome> {
        use TableFunction as Of;
        let Some(column) = call.column else {
            return Ok(Outcome::Count(self.place(StateKind::Rows)));
        };
        let ty = field_at(input, column)?.ty;
        let result = call.field(input)?.ty;
        let scale = if let Type::Decimal { scale, .. } = ty { scale } else { 0 };
        if let Some(kind) = sorted_kind(call, ty) {
            return Ok(self.section(column, ty, kind));
        }
        let arg = self.arg(column);
        let known = if is_deviation(call.function) { 0 } else { self.known(arg, scale) };
        let deviation = |own: &mut Self, taken, root| Outcome::Deviation {
            at: own.place(StateKind::Moments(arg, scale)),
            taken,
            root,
        };
        Ok(match call.function {
            Function::Median => self.section(column, ty, SectionKind::Median { known }),
            Function::First => Outcome::End { at: self.place(StateKind::First(arg)), ty },
            Function::Last => Outcome::End { at: self.place(StateKind::Last(arg)), ty },
            Function::Table(Of::Count) => Outcome::Count(known),
            Function::Table(Of::Sum | Of::Avg) => {
                let mean = call.function == Function::Table(Of::Avg);
                let whole = match self.layout.args[arg].kind {
                    ArgKind::Float => Whole::Float(self.float_sum(arg, scale)),
                    ArgKind::Int => Whole::Int(self.place(StateKind::IntSum(arg))),
                    _ => Whole::Decimal(self.place(StateKind::WideSum(arg)), scale),
                };
                if mean {
                    Outcome::Mean { known, whole, ty: result }
                } else {
                    Outcome::Sum { known, whole, ty: result }
                }
            }
            Function::Table(Of::Min) => {
                Outcome::Best { known, at: self.place(StateKind::Least(arg)), ty }
            }
            Function::Table(Of::Max) => {
                Outcome::Best { known, at: self.place(StateKind::Greatest(arg)), ty }
            }
            Function::Table(Of::Stddev) => deviation(self, 1, true),
            Function::Table(Of::StddevPop) => deviation(self, 0, true),
            Function::Table(Of::Variance) => deviation(self, 1, false),
            Function::Table(Of::VariancePop) => deviation(self, 0, false),
            Function::Table(_) | Function::StringAgg => {
                let name = call.function.name();
                return Err(Error::unsupported(format!("{name} cannot be had of groups")));
            }
        })
    }
}

const fn is_deviation(function: Function) -> bool {
    use TableFunction::{Stddev, StddevPop, Variance, VariancePop};
    matches!(function, Function::Table(Stddev | StddevPop | Variance | VariancePop))
}

/// What is made of a section's values; `None` for what has a state of fixed width, or needs one first.
fn sorted_kind(call: &Call, ty: Type) -> Option<SectionKind> {
    match call.function {
        Function::Table(TableFunction::CountDistinct) => Some(SectionKind::Distinct),
        Function::StringAgg => Some(SectionKind::Join(call.separator.clone())),
        Function::Table(TableFunction::Min) if ty.is_long() => Some(SectionKind::Least),
        Function::Table(TableFunction::Max) if ty.is_long() => Some(SectionKind::Greatest),
        Function::First if ty.is_long() => Some(SectionKind::First),
        Function::Last if ty.is_long() => Some(SectionKind::Last),
        _ => None,
    }
}

/// The columns that records hold, each with whether its value is read or only its NULL mark.
fn arguments(input: &[Field], calls: &[Call]) -> Vec<(usize, bool)> {
    let mut found: Vec<(usize, bool)> = Vec::new();
    for call in calls {
        let Some(column) = call.column else { continue };
        let Some(field) = input.get(column) else { continue };
        if sorted_kind(call, field.ty).is_some() {
            continue;
        }
        let counted =
            matches!(call.function, Function::Table(TableFunction::Count) | Function::Median);
        match found.iter_mut().find(|(known, _)| *known == column) {
            Some((_, read)) => *read |= !counted,
            None => found.push((column, !counted)),
        }
    }
    found
}
