//! Aggregates: what is computed of the rows of a group.
//!
//! ```text
//! count(*), avg(altitude) AS high   parse ─► Aggregate ─bind─► State: add values, merge, finish
//! ```
//!
//! Sums of whole numbers are exact, or an error; sums of floats are compensated (Neumaier 1974), and
//! variances are merged from parts (Chan, Golub, `LeVeque` 1983), so that the order of the rows
//! hardly matters. States of parts of the rows merge, so parts can be computed by themselves.

mod parse;
mod state;
mod sum;

#[cfg(test)]
mod tests;

pub use parse::AggregateExpr;
pub(crate) use state::State;
pub use sum::{FloatSum, Moments, decimal_mean, quotient};

use crate::error::{Error, Result};
use crate::schema::Schema;
use crate::value::Type;

/// What is computed of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Function {
    /// How many rows; with a column, in how many it is not NULL.
    Count,
    /// How many different values, NULL not counted.
    CountDistinct,
    /// The sum: exact for whole numbers (a decimal beyond int64) and decimals, compensated for floats.
    Sum,
    /// The mean: a float; of decimals a decimal with six more digits after the point.
    Avg,
    /// The least value.
    Min,
    /// The greatest value.
    Max,
    /// The sample's standard deviation; NULL for fewer than two values.
    Stddev,
    /// The population's standard deviation.
    StddevPop,
    /// The sample's variance; NULL for fewer than two values.
    Variance,
    /// The population's variance.
    VariancePop,
}

/// Every function with its names; the first one is ours.
const NAMES: [(Function, &[&str]); 10] = [
    (Function::Count, &["count"]),
    (Function::CountDistinct, &["count_distinct"]),
    (Function::Sum, &["sum"]),
    (Function::Avg, &["avg", "mean"]),
    (Function::Min, &["min"]),
    (Function::Max, &["max"]),
    (Function::Stddev, &["stddev", "stddev_samp"]),
    (Function::StddevPop, &["stddev_pop"]),
    (Function::Variance, &["variance", "var_samp"]),
    (Function::VariancePop, &["var_pop"]),
];

impl Function {
    /// The function of this name, in any case.
    pub fn from_name(name: &str) -> Result<Self> {
        let is = |known: &str| known.eq_ignore_ascii_case(name);
        let found = NAMES.iter().find(|(_, names)| names.iter().any(|known| is(known)));
        found.map(|(function, _)| *function).ok_or_else(|| {
            let known: Vec<&str> = NAMES.iter().map(|(_, names)| names[0]).collect();
            Error::invalid(format!("unknown aggregate \"{name}\": must be {}", known.join(", ")))
        })
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        let found = NAMES.iter().find(|(function, _)| *function == self);
        found.map_or("", |(_, names)| names[0])
    }

    /// True if it adds values up.
    const fn needs_numbers(self) -> bool {
        use Function::{Avg, Stddev, StddevPop, Sum, Variance, VariancePop};
        matches!(self, Sum | Avg | Stddev | StddevPop | Variance | VariancePop)
    }
}

/// A function of a column, or the count of rows, and the name of the result.
///
/// ```
/// use store_core::query::Aggregate;
/// assert_eq!(Aggregate::avg("altitude").name(), "avg_altitude");
/// assert_eq!(Aggregate::count().name(), "count");
/// let parsed = Aggregate::parse_list("count(*), count(distinct origin) as origins")?;
/// assert_eq!(parsed[1], Aggregate::count_distinct("origin").named("origins"));
/// # Ok::<_, store_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Aggregate {
    function: Function,
    column: Option<String>,
    name: Option<String>,
}

macro_rules! constructors {
    ($($(#[$doc:meta])* $name:ident => $function:ident;)*) => { $(
        $(#[$doc])*
        pub fn $name(column: impl Into<String>) -> Self {
            Self { function: Function::$function, column: Some(column.into()), name: None }
        }
    )* };
}

impl Aggregate {
    /// How many rows.
    pub fn count() -> Self {
        Self { function: Function::Count, column: None, name: None }
    }

    constructors! {
        /// In how many rows the column is not NULL.
        count_of => Count;
        /// How many different values the column has, NULL not counted.
        count_distinct => CountDistinct;
        /// The sum of the values; NULL if there are none.
        sum => Sum;
        /// The mean of the values; NULL if there are none.
        avg => Avg;
        /// The least value; NULL if there are none.
        min => Min;
        /// The greatest value; NULL if there are none.
        max => Max;
        /// The sample's standard deviation; NULL for fewer than two values.
        stddev => Stddev;
        /// The population's standard deviation; NULL if there are no values.
        stddev_pop => StddevPop;
        /// The sample's variance; NULL for fewer than two values.
        variance => Variance;
        /// The population's variance; NULL if there are no values.
        variance_pop => VariancePop;
    }

    /// A function of a column; without a column, which only a count may lack, of the rows.
    pub fn new(function: Function, column: Option<String>) -> Result<Self> {
        if column.is_none() && function != Function::Count {
            let name = function.name();
            return Err(Error::invalid(format!("{name} is of a column: {name}(column)")));
        }
        Ok(Self { function, column, name: None })
    }

    /// The same with a name of the caller's.
    #[must_use]
    pub fn named(self, name: impl Into<String>) -> Self {
        Self { name: Some(name.into()), ..self }
    }

    /// What the result is called: the name given, else `count`, or the function and the column.
    pub fn name(&self) -> String {
        match (&self.name, &self.column) {
            (Some(name), _) => name.clone(),
            (None, None) => self.function.name().to_owned(),
            (None, Some(column)) => format!("{}_{column}", self.function.name()),
        }
    }

    /// Finds its column; a function that cannot be had of it is an error.
    pub(crate) fn bind(&self, schema: &Schema) -> Result<BoundAggregate> {
        let function = self.function;
        let Some(name) = &self.column else {
            return Ok(BoundAggregate { function, column: None, ty: Type::Int64 });
        };
        let column = schema.column_position(name)?;
        let ty = schema.columns[column].ty;
        if function.needs_numbers() && !is_number(ty) {
            let function = function.name();
            return Err(Error::type_mismatch(format!(
                "{function}({name}) needs numbers, and column \"{name}\" of `{}` is {ty}",
                schema.table
            ))
            .detail(&schema.table)
            .detail(name));
        }
        Ok(BoundAggregate { function, column: Some(column), ty })
    }
}

const fn is_number(ty: Type) -> bool {
    use Type::{Decimal, Float32, Float64, Int16, Int32, Int64};
    matches!(ty, Int16 | Int32 | Int64 | Float32 | Float64 | Decimal { .. })
}

/// An aggregate of a column by position.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BoundAggregate {
    pub function: Function,
    pub column: Option<usize>,
    pub ty: Type,
}
