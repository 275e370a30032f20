//! Joins as steps.

use super::group_plan::position;
use super::plan::{Builder, Item, Node, Step};
use super::spec::JoinSpec;
use crate::batch::Field;
use crate::operator::join::{Join, JoinKind, Shape, Side};
use store_core::query::{Expr, ExprKind, Op};
use store_core::{Error, Result};

/// Which rows are joined, and how.
#[derive(Clone, Debug)]
pub(crate) struct JoinPlan {
    /// Left and right columns.
    pub on: Vec<(String, String)>,
    pub kind: JoinKind,
    /// The side that is taken in first; chosen by size if the job does not say it.
    pub build: Side,
    pub is_chosen: bool,
    /// The columns that come out, if not all do.
    pub wanted: Option<Vec<String>>,
}

impl JoinPlan {
    /// The same for columns by position.
    pub fn bind(&self, left: &[Field], right: &[Field]) -> Result<Join> {
        let on = self.pairs(left, right)?;
        let wanted =
            |name: &str| self.wanted.as_ref().is_none_or(|names| names.iter().any(|n| n == name));
        let shape = Shape { prefix: None, wanted: Some(&wanted), build: self.build };
        Join::shaped(left, right, &on, self.kind, &shape)
    }

    fn pairs(&self, left: &[Field], right: &[Field]) -> Result<Vec<(usize, usize)>> {
        let pair = |(a, b): &(String, String)| Ok((position(left, a)?, position(right, b)?));
        self.on.iter().map(pair).collect()
    }

    /// True if this side may be taken in first.
    pub fn may_build(&self, left: &[Field], right: &[Field], side: Side) -> bool {
        let on = self.pairs(left, right);
        on.is_ok_and(|on| Join::may_build(left, right, &on, self.kind, side))
    }

    /// True if it is a key that both sides call so.
    pub fn is_shared(&self, name: &str) -> bool {
        self.on.iter().any(|(a, b)| a == name && b == name)
    }
}

impl Builder<'_> {
    pub(super) fn join(
        &mut self,
        number: usize,
        left: Step,
        spec: &JoinSpec,
    ) -> Result<(Node, Vec<Field>)> {
        let right = self.named(&spec.with, number)?;
        let mut on = Vec::new();
        for word in &spec.on {
            let pairs = self.at(word, pairs_of(&word.value, &left.fields, &right.fields))?;
            let bound = Join::bind(&left.fields, &right.fields, &pairs, JoinKind::Semi, None);
            self.at(word, bound)?;
            on.extend(pairs);
        }
        let prefix = format!("{}_", spec.with.value);
        let prefix = Some(prefix.as_str());
        let bound = Join::bind(&left.fields, &right.fields, &on, spec.kind, prefix);
        let bound = self.at(&spec.with, bound)?;
        let right = renamed(right, &left, &on, &bound, number);
        let names =
            |(a, b): &(usize, usize)| (left.fields[*a].name.clone(), right.fields[*b].name.clone());
        let plan = JoinPlan {
            on: on.iter().map(names).collect(),
            kind: spec.kind,
            build: spec.build.as_ref().map_or(Side::Right, |at| at.value),
            is_chosen: spec.build.is_some(),
            wanted: None,
        };
        let fields = match (plan.bind(&left.fields, &right.fields), &spec.build) {
            (Ok(join), _) => join.fields().to_vec(),
            (Err(error), Some(at)) => return Err(self.text.fault(at.mark, &error)),
            (Err(error), None) => return self.at(&spec.with, Err(error)),
        };
        Ok((Node::Join(Box::new([left, right]), plan), fields))
    }
}

/// The right side with its columns called as they come out.
fn renamed(right: Step, left: &Step, on: &[(usize, usize)], bound: &Join, number: usize) -> Step {
    let mut made = bound.fields()[left.fields.len()..].iter();
    let is_shared = |nth: usize, field: &Field| {
        on.iter().any(|(a, b)| {
            let other = &left.fields[*a];
            *b == nth && other.name == field.name && other.ty == field.ty
        })
    };
    let mut names = Vec::with_capacity(right.fields.len());
    for (nth, field) in right.fields.iter().enumerate() {
        let own = if is_shared(nth, field) { None } else { made.next() };
        names.push(own.map_or_else(|| field.name.clone(), |field| field.name.clone()));
    }
    if names.iter().zip(&right.fields).all(|(name, field)| *name == field.name) {
        return right;
    }
    let item =
        |(name, field): (&String, &Field)| Item { name: name.clone(), ..Item::column(&field.name) };
    let items = names.iter().zip(&right.fields).map(item).collect();
    let field = |(name, field): (&String, &Field)| Field { name: name.clone(), ..field.clone() };
    let fields = names.iter().zip(&right.fields).map(field).collect();
    Step::part(right, items, fields, number)
}

/// Pairs of columns: `a = b`, several with AND between, or the name that both sides have.
fn pairs_of(text: &str, left: &[Field], right: &[Field]) -> Result<Vec<(usize, usize)>> {
    let parsed = Expr::parse(text)?;
    let parts = match &parsed.kind {
        ExprKind::And(list) => list.iter().collect(),
        _ => vec![&parsed],
    };
    let refused = || {
        Error::invalid(
            "a join is on `left column = right column`, or on a name that both sides have",
        )
    };
    let pair = |part: &Expr| {
        let (a, b) = match &part.kind {
            ExprKind::Column(name) => (name, name),
            ExprKind::Compare(Op::Eq, a, b) => match (&a.kind, &b.kind) {
                (ExprKind::Column(a), ExprKind::Column(b)) => (a, b),
                _ => return Err(refused()),
            },
            _ => return Err(refused()),
        };
        let has = |fields: &[Field], name: &str| fields.iter().any(|field| field.name == name);
        // Written the other way round, unless that is a pair as it stands.
        let turned = has(left, b) && has(right, a) && !(has(left, a) && has(right, b));
        let (a, b) = if turned { (b, a) } else { (a, b) };
        let at = |fields: &[Field], name: &str, side: &str| {
            position(fields, name).map_err(|_| {
                let error = crate::expr::unknown_column(name, fields);
                Error::new(error.kind(), format!("the {side} side: {error}"))
            })
        };
        Ok((at(left, a, "left")?, at(right, b, "right")?))
    };
    parts.into_iter().map(pair).collect()
}
