//! What is computed of a group, and the type of the result.

use crate::batch::Field;
use store_core::query::Function as TableFunction;
use store_core::{Error, Result, Type};

/// Digits after the point that the mean of decimals has more than they, where 38 are enough.
const MEAN_DIGITS: u8 = 6;
/// Most digits of a decimal.
const DIGITS_MAX: u8 = 38;

/// An aggregate function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Function {
    /// One that queries of tables have too.
    Table(TableFunction),
    /// The value of the group's first row, NULL or not.
    First,
    /// The value of the group's last row, NULL or not.
    Last,
    /// The middle value; of an even count the mean of the two middle ones.
    Median,
    /// All texts that are not NULL, in the order of input, with a separator between them.
    StringAgg,
}

impl Function {
    /// The function of this name, in any case.
    pub fn from_name(name: &str) -> Result<Self> {
        const OWN: [(Function, &str); 6] = [
            (Function::First, "first"),
            (Function::Last, "last"),
            (Function::Median, "median"),
            (Function::StringAgg, "string_agg"),
            (Function::First, "first_value"),
            (Function::Last, "last_value"),
        ];
        let own = OWN.iter().find(|(_, own)| own.eq_ignore_ascii_case(name));
        match own {
            Some((function, _)) => Ok(*function),
            None => TableFunction::from_name(name).map(Self::Table).map_err(|error| {
                Error::invalid(format!("{error}, first, last, median or string_agg"))
            }),
        }
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Table(function) => function.name(),
            Self::First => "first",
            Self::Last => "last",
            Self::Median => "median",
            Self::StringAgg => "string_agg",
        }
    }

    fn needs_numbers(self) -> bool {
        use TableFunction::{Avg, Stddev, StddevPop, Sum, Variance, VariancePop};
        match self {
            Self::Table(function) => {
                matches!(function, Sum | Avg | Stddev | StddevPop | Variance | VariancePop)
            }
            Self::Median => true,
            _ => false,
        }
    }

    /// The type of its results; an error if it cannot be had of such a column.
    fn result_type(self, of: &Field) -> Result<Type> {
        use TableFunction::{Avg, Count, CountDistinct, Max, Min, Sum};
        if self.needs_numbers() && !is_number(of.ty) {
            return Err(self.misfit("numbers", of));
        }
        Ok(match (self, of.ty) {
            (Self::Table(Count | CountDistinct), _)
            | (Self::Table(Sum), Type::Int16 | Type::Int32) => Type::Int64,
            (Self::Table(Min | Max) | Self::First | Self::Last, ty) => ty,
            (Self::Table(Sum), Type::Int64) => Type::decimal(DIGITS_MAX, 0)?,
            (Self::Table(Sum), Type::Decimal { scale, .. }) => Type::decimal(DIGITS_MAX, scale)?,
            (Self::Table(Avg) | Self::Median, Type::Decimal { precision, scale }) => {
                Type::decimal(DIGITS_MAX, mean_scale(precision, scale))?
            }
            (Self::StringAgg, Type::Text) => Type::Text,
            (Self::StringAgg, _) => return Err(self.misfit("text", of)),
            _ => Type::Float64,
        })
    }

    fn misfit(self, needs: &str, of: &Field) -> Error {
        let (function, name, ty) = (self.name(), &of.name, of.ty);
        Error::type_mismatch(format!("{function}({name}) needs {needs}, and \"{name}\" is {ty}"))
            .detail(name)
    }
}

/// Digits after the point of a mean: six more, as far as the digits before it leave room.
pub(super) fn mean_scale(precision: u8, scale: u8) -> u8 {
    (scale + MEAN_DIGITS).min(DIGITS_MAX - (precision - scale)).max(scale)
}

const fn is_number(ty: Type) -> bool {
    use Type::{Decimal, Float32, Float64, Int16, Int32, Int64};
    matches!(ty, Int16 | Int32 | Int64 | Float32 | Float64 | Decimal { .. })
}

/// A function of a column, or the count of rows.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Call {
    /// The function.
    pub function: Function,
    /// The position of its column; `None` for the count of rows.
    pub column: Option<usize>,
    /// What the result is called.
    pub name: String,
    /// What `STRING_AGG` puts between texts.
    pub separator: String,
}

impl Call {
    /// A function of the column at this position.
    pub fn new(function: Function, column: Option<usize>, name: impl Into<String>) -> Self {
        Self { function, column, name: name.into(), separator: ",".to_owned() }
    }

    /// The same with another separator than a comma.
    #[must_use]
    pub fn separated_by(self, separator: impl Into<String>) -> Self {
        Self { separator: separator.into(), ..self }
    }

    /// The column of its results.
    pub(super) fn field(&self, input: &[Field]) -> Result<Field> {
        const COUNTS: [TableFunction; 2] = [TableFunction::Count, TableFunction::CountDistinct];
        let counts = matches!(self.function, Function::Table(own) if COUNTS.contains(&own));
        let ty = match self.column {
            Some(column) => self.function.result_type(field_at(input, column)?)?,
            None if self.function == Function::Table(TableFunction::Count) => Type::Int64,
            None => {
                let name = self.function.name();
                return Err(Error::invalid(format!("{name} is of a column: {name}(column)")));
            }
        };
        Ok(Field { name: self.name.clone(), ty, nullable: !counts })
    }
}

/// The input's column at a position.
pub(super) fn field_at(input: &[Field], column: usize) -> Result<&Field> {
    input.get(column).ok_or_else(|| {
        Error::invalid(format!("there is no column {column}: the input has {}", input.len()))
    })
}
