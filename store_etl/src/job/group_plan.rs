//! Aggregates as steps: keys and arguments are columns, computed before if they are expressions.

use super::plan::{Builder, Item, Node, Step};
use super::spec::{At, StepSpec};
use crate::batch::Field;
use crate::expr::bind;
use crate::operator::aggregate::{Aggregation, Call, Function};
use store_core::query::{
    AggregateExpr, Expr, ExprKind, Function as TableFunction, Literal, NamedExpr,
};
use store_core::{Error, Result};

/// What is computed of which groups.
#[derive(Clone, Debug)]
pub(crate) struct AggregatePlan {
    /// The input's columns whose equal values make a group.
    pub keys: Vec<String>,
    pub calls: Vec<CallPlan>,
}

/// One aggregate of a column.
#[derive(Clone, Debug)]
pub(crate) struct CallPlan {
    pub function: Function,
    /// None for the count of rows.
    pub column: Option<String>,
    pub name: String,
    pub separator: Option<String>,
}

impl AggregatePlan {
    /// True if a column of this name comes out.
    pub fn gives(&self, name: &str) -> bool {
        self.keys.iter().any(|key| key == name) || self.calls.iter().any(|call| call.name == name)
    }

    /// The same for columns by position.
    pub fn bind(&self, input: &[Field]) -> Result<Aggregation> {
        let keys: Vec<usize> =
            self.keys.iter().map(|key| position(input, key)).collect::<Result<_>>()?;
        let call = |call: &CallPlan| {
            let column = call.column.as_ref().map(|name| position(input, name)).transpose()?;
            let made = Call::new(call.function, column, &call.name);
            Ok(match &call.separator {
                Some(separator) => made.separated_by(separator),
                None => made,
            })
        };
        Aggregation::bind(input, &keys, self.calls.iter().map(call).collect::<Result<_>>()?)
    }

    /// True if the order of a group's rows shows in a result.
    pub fn follows_order(&self) -> bool {
        let ordered =
            |function| matches!(function, Function::First | Function::Last | Function::StringAgg);
        self.calls.iter().any(|call| ordered(call.function))
    }
}

/// The position of a column that is there.
pub(super) fn position(fields: &[Field], name: &str) -> Result<usize> {
    let found = fields.iter().position(|field| field.name == name);
    found.ok_or_else(|| Error::not_found(format!("no column \"{name}\"")).detail(name))
}

/// The columns that an aggregate reads, which are computed where they are not those of its input.
struct Read<'b> {
    input: &'b Step,
    items: Vec<Item>,
    fields: Vec<Field>,
}

impl Read<'_> {
    fn add(&mut self, expr: Expr, name: String, text: &str) -> Result<()> {
        let bound = bind(&expr, &self.input.fields, text)?;
        let (ty, nullable) = (bound.ty, bound.nullable);
        self.fields.push(Field { name: name.clone(), ty, nullable });
        self.items.push(Item { expr, name, text: text.into() });
        Ok(())
    }

    /// The column of an argument.
    fn column(&mut self, expr: Expr, text: &str) -> Result<String> {
        if let Some(known) = self.items.iter().find(|item| item.expr == expr) {
            return Ok(known.name.clone());
        }
        let mut name = match &expr.kind {
            ExprKind::Column(name) => name.clone(),
            _ => expr.to_string(),
        };
        while self.items.iter().any(|item| item.name == name) {
            name.push('\'');
        }
        self.add(expr, name.clone(), text)?;
        Ok(name)
    }

    /// The input, with what must be computed.
    fn into_step(self, number: usize) -> Step {
        let is_own = |item: &Item| item.as_column().is_some_and(|name| name == item.name);
        if self.items.iter().all(is_own) {
            return self.input.clone();
        }
        Step::part(self.input.clone(), self.items, self.fields, number)
    }
}

impl Builder<'_> {
    pub(super) fn aggregate(
        &self,
        step: &StepSpec,
        number: usize,
        input: &Step,
        group_by: &[At<String>],
        aggs: &[At<String>],
    ) -> Result<(Node, Vec<Field>)> {
        let mut read = Read { input, items: Vec::new(), fields: Vec::new() };
        let mut plan = AggregatePlan { keys: Vec::new(), calls: Vec::new() };
        for key in group_by {
            let parsed = self.at(key, NamedExpr::parse(&key.value))?;
            let name = parsed.name.unwrap_or_else(|| parsed.expr.to_string());
            if plan.keys.contains(&name) {
                return self.text.refuse(key.mark, format!("a second key \"{name}\""));
            }
            self.at(key, read.add(parsed.expr, name.clone(), &key.value))?;
            plan.keys.push(name);
        }
        for agg in aggs {
            let call = self.at(agg, call(&mut read, &agg.value))?;
            let alone = AggregatePlan { keys: Vec::new(), calls: vec![call.clone()] };
            self.at(agg, alone.bind(&read.fields).map(drop))?;
            let taken = plan.calls.iter().map(|call| &call.name).chain(&plan.keys);
            if taken.into_iter().any(|name| *name == call.name) {
                let message = format!("a second result \"{}\": name it with AS", call.name);
                return self.text.refuse(agg.mark, message);
            }
            plan.calls.push(call);
        }
        let read = read.into_step(number);
        let bound = plan.bind(&read.fields).map_err(|error| self.text.fault(step.mark, &error))?;
        Ok((Node::Aggregate(Box::new(read), plan), bound.fields().to_vec()))
    }
}

/// Reads one aggregate, and adds what it reads.
fn call(read: &mut Read<'_>, text: &str) -> Result<CallPlan> {
    let AggregateExpr { function: word, distinct, args, name } = AggregateExpr::parse(text)?;
    let mut function = Function::from_name(&word)?;
    if distinct {
        if function != Function::Table(TableFunction::Count) {
            return Err(Error::invalid(format!("DISTINCT goes with count, not with {word}")));
        }
        function = Function::Table(TableFunction::CountDistinct);
    }
    let mut args = args.into_iter();
    let column = args.next().map(|expr| read.column(expr, text)).transpose()?;
    let separator = match args.next() {
        Some(expr) if function == Function::StringAgg => match expr.kind {
            ExprKind::Literal(Literal::Text(separator)) => Some(separator),
            _ => return Err(Error::invalid("the separator of string_agg is a text in quotes")),
        },
        None => None,
        Some(_) => return Err(Error::invalid(format!("{word} is given too much"))),
    };
    if args.next().is_some() {
        return Err(Error::invalid(format!("{word} is given too much")));
    }
    let named = || match &column {
        Some(column) => format!("{}_{column}", function.name()),
        None => function.name().to_owned(),
    };
    let name = name.unwrap_or_else(named);
    Ok(CallPlan { function, column, name, separator })
}
