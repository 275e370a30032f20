//! From plan to operators.

use super::group_plan::position;
use super::memory::Joining;
use super::plan::{Item, Node, Plan, SortPlan, Step, Written};
use super::width::Width;
use crate::batch::Field;
use crate::expr::{Bound, bind};
use crate::operator::{
    Ahead, ColumnScan, Distinct, Filter, First, GroupRows, JoinRows, Limit, Operator, Place,
    Project, Scan, Shared, Sort, TableScan, Union, WrittenSort,
};
use store_core::Result;
use store_core::query::SortKey;

/// The operators of a plan, without its sink. Nothing is read before the first of them is asked.
pub(crate) fn operators(plan: &Plan, shared: &Shared) -> Result<Box<dyn Operator>> {
    operator(&plan.root, shared)
}

fn operator(step: &Step, shared: &Shared) -> Result<Box<dyn Operator>> {
    let (fields, number) = (&step.fields, step.number);
    let counts = if step.is_part { shared.counts.parts() } else { number };
    let place = Place { step: number, counts };
    Ok(match &step.node {
        Node::Scan(plan) if plan.columnar.is_some() => {
            Box::new(ColumnScan::new(plan, fields, number, shared)?)
        }
        Node::Scan(plan) => Box::new(Scan::new(plan, number, shared)?),
        Node::Table(plan) => Box::new(TableScan::new(plan, fields, number, shared)?),
        Node::Filter(input, item) => {
            let condition = bound(item, &input.fields)?;
            Box::new(Filter::new(operator(input, shared)?, condition, fields, number, shared)?)
        }
        Node::Aggregate(input, plan) => {
            let memory = &shared.memory;
            let options = memory.hash_options(Width::of(input));
            let (bound, limits) = (plan.bind(&input.fields)?, memory.wide(Width::of(step)));
            let below = operator(input, shared)?;
            Box::new(GroupRows::new(below, bound, options, limits, number, shared)?)
        }
        Node::Join(sides, plan) => {
            let [left, right] = &**sides;
            let memory = &shared.memory;
            let options = memory.hash_options(Width::of(left).max(Width::of(right)));
            let bound = plan.bind(&left.fields, &right.fields)?;
            let first = Joining::of(step).map_or(First::Built, |joining| joining.first);
            let below = [operator(left, shared)?, operator(right, shared)?];
            let out = (first, memory.wide(Width::of(step)));
            Box::new(JoinRows::new(below, bound, options, out, number, shared)?)
        }
        Node::Project(input, items) => {
            let items: Vec<Bound> =
                items.iter().map(|item| bound(item, &input.fields)).collect::<Result<_>>()?;
            let below = operator(input, shared)?;
            Box::new(Project::new(below, items, &input.fields, fields, place, shared)?)
        }
        Node::Limit(input, range) => {
            let range = [range.offset, range.rows];
            Box::new(Limit::new(operator(input, shared)?, range, fields, number, shared)?)
        }
        Node::Union(inputs) => {
            let inputs: Result<Vec<_>> =
                inputs.iter().map(|input| operator(input, shared)).collect();
            Box::new(Union::new(inputs?, number, shared))
        }
        Node::Ahead(input) => {
            let (input, with) = (input.clone(), shared.clone());
            let make = Box::new(move || operator(&input, &with));
            Box::new(Ahead::new(make, fields, shared)?)
        }
        Node::Distinct(input) => {
            Box::new(Distinct::new(operator(input, shared)?, fields, number, shared)?)
        }
        Node::Sort(input, sort) => {
            let keys = keys_of(step, sort)?;
            Box::new(Sort::new(operator(input, shared)?, &keys, sort.limit, fields, place, shared)?)
        }
    })
}

fn bound(item: &Item, fields: &[Field]) -> Result<Bound> {
    bind(&item.expr, fields, &item.text)
}

/// The sort at the top of a plan whose rows are made lines before they are sorted, if there is one.
pub(crate) fn written_sort(plan: &Plan, shared: &Shared) -> Result<Option<WrittenSort>> {
    let step = &plan.root;
    let Node::Sort(input, sort) = &step.node else { return Ok(None) };
    let Some(written) = sort.written else { return Ok(None) };
    Ok(Some(WrittenSort {
        keys: keys_of(step, sort)?,
        by_text: written == Written::ByText,
        step: step.number,
        counts: if step.is_part { shared.counts.parts() } else { step.number },
        input: operator(input, shared)?,
    }))
}

/// Keys and ties of a sort, by position in its columns.
fn keys_of(step: &Step, sort: &SortPlan) -> Result<Vec<SortKey>> {
    let mut keys = sort_keys(step, &sort.keys)?;
    for name in &sort.ties {
        keys.push(SortKey::ascending(position(&step.fields, name)?));
    }
    Ok(keys)
}

/// Keys by position in the columns of the sort.
fn sort_keys(step: &Step, names: &[store_core::query::SortName]) -> Result<Vec<SortKey>> {
    let key = |name: &store_core::query::SortName| {
        let column = position(&step.fields, &name.name)?;
        Ok(SortKey { column, descending: name.descending, nulls: name.nulls })
    };
    names.iter().map(key).collect()
}
