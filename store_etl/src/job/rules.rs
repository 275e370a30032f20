//! Rules: the same result with less work. Each is one function from step to step.
//!
//! | rule | what it does |
//! |---|---|
//! | filters first | a filter moves below projections, sorts, unions, distincts, other filters, aggregates (of keys) and to a side of a join |
//! | limits early | a limit moves below projections; above a sort it makes it keep the first rows only |
//! | columns | what nobody above reads is neither computed nor read nor kept by a join |
//! | sides | the side of a join that is likely smaller is taken in first |
//! | written | a sort whose rows go to a file as text is one of lines |
//! | order | rows of joins and groups have no order of their own: a sort of them goes on by their other columns, and an aggregate that follows their order sorts them |
//!
//! Constants are folded where expressions are bound. A filter that stood above a projection no longer
//! sees errors of rows that it drops: it never makes one more. So only what cannot fail moves below a join,
//! where it sees rows that have no partner.

use super::group_plan::AggregatePlan;
use super::join_plan::JoinPlan;
use super::plan::{Item, Node, Plan, Range, ScanPlan, SortPlan, Step, TablePlan, Written};
use super::rules_of_joins::{filter_join, is_of_keys, order, sides, unique};
use crate::batch::Field;
use std::collections::HashSet;
use std::sync::Arc;
use store_core::query::ExprKind;

/// Applies all rules.
pub(super) fn apply(mut plan: Plan) -> Plan {
    let root = filters_first(plan.root);
    let root = limits_early(root);
    let all: HashSet<String> = root.fields.iter().map(|field| field.name.clone()).collect();
    let root = columns(root, &all, true);
    plan.root = order(sides(root));
    written(&mut plan);
    plan
}

/// Makes a sort whose rows go to a file as text one of lines. Where all columns would decide between equal rows, for
/// none are known to be unique, the lines' bytes do.
fn written(plan: &mut Plan) {
    let is_text = plan.sink.table.is_none() && !plan.sink.format.is_columnar();
    let Step { node: Node::Sort(input, sort), fields, .. } = &mut plan.root else { return };
    if !is_text || sort.limit.is_some() {
        return;
    }
    let decides = |field: &Field| {
        sort.ties.contains(&field.name) || sort.keys.iter().any(|key| key.name == field.name)
    };
    let by_all = unique(input).is_none() && fields.iter().all(decides);
    sort.written = Some(if by_all && !sort.ties.is_empty() {
        sort.ties.clear();
        Written::ByText
    } else {
        Written::InOrder
    });
}

/// The step with its inputs changed.
pub(super) fn map_inputs(step: Step, f: &dyn Fn(Step) -> Step) -> Step {
    let boxed = |input: Box<Step>| Box::new(f(*input));
    let node = match step.node {
        Node::Scan(scan) => Node::Scan(scan),
        Node::Table(table) => Node::Table(table),
        Node::Filter(input, item) => Node::Filter(boxed(input), item),
        Node::Project(input, items) => Node::Project(boxed(input), items),
        Node::Limit(input, range) => Node::Limit(boxed(input), range),
        Node::Union(inputs) => Node::Union(inputs.into_iter().map(f).collect()),
        Node::Distinct(input) => Node::Distinct(boxed(input)),
        Node::Ahead(input) => Node::Ahead(boxed(input)),
        Node::Sort(input, sort) => Node::Sort(boxed(input), sort),
        Node::Aggregate(input, plan) => Node::Aggregate(boxed(input), plan),
        Node::Join(sides, plan) => Node::Join(Box::new((*sides).map(f)), plan),
    };
    Step { node, ..step }
}

/// Filters move down as far as they can.
fn filters_first(step: Step) -> Step {
    let step = map_inputs(step, &filters_first);
    match step.node {
        Node::Filter(input, item) => sink_filter(*input, item, step.number),
        _ => step,
    }
}

/// The step with this filter as far below its top as it can go.
pub(super) fn sink_filter(below: Step, item: Item, number: usize) -> Step {
    let Step { node, fields, number: own, is_part } = below;
    let node = match node {
        Node::Project(input, items) => {
            let with = |name: &str| {
                items.iter().find(|item| item.name == name).map(|item| item.expr.clone())
            };
            let moved = Item { expr: item.expr.substituted(&with), ..item };
            let input = Box::new(sink_filter(*input, moved, number));
            Node::Project(input, items)
        }
        Node::Sort(input, sort) => Node::Sort(Box::new(sink_filter(*input, item, number)), sort),
        Node::Distinct(input) => Node::Distinct(Box::new(sink_filter(*input, item, number))),
        Node::Union(inputs) => {
            let each = inputs.into_iter().map(|input| sink_filter(input, item.clone(), number));
            Node::Union(each.collect())
        }
        Node::Aggregate(input, plan) if is_of_keys(&item, &plan, &input.fields) => {
            Node::Aggregate(Box::new(sink_filter(*input, item, number)), plan)
        }
        Node::Join(sides, plan) => {
            let (sides, rest) = filter_join(sides, &plan, item, number);
            let joined = Step { node: Node::Join(sides, plan), fields, number: own, is_part };
            return match rest {
                None => joined,
                Some(item) => filtered(joined, item, number),
            };
        }
        node => return filtered(Step { node, fields, number: own, is_part }, item, number),
    };
    Step { node, fields, number: own, is_part }
}

fn filtered(below: Step, item: Item, number: usize) -> Step {
    let fields = below.fields.clone();
    Step::new(Node::Filter(Box::new(below), item), fields, number)
}

/// Limits move below projections, and a sort below a limit keeps only what it lets through.
fn limits_early(step: Step) -> Step {
    let step = map_inputs(step, &limits_early);
    match step.node {
        Node::Limit(input, range) => sink_limit(*input, range, step.number),
        _ => step,
    }
}

fn sink_limit(below: Step, range: Range, number: usize) -> Step {
    let Step { node, fields, number: own, is_part } = below;
    let below = match node {
        Node::Project(input, items) => {
            let input = Box::new(sink_limit(*input, range, number));
            return Step { node: Node::Project(input, items), fields, number: own, is_part };
        }
        Node::Sort(input, sort) => {
            let limit = sort.limit.map_or(range.needed(), |known| known.min(range.needed()));
            let sort = SortPlan { limit: Some(limit), ..sort };
            Step { node: Node::Sort(input, sort), fields, number: own, is_part }
        }
        node => Step { node, fields, number: own, is_part },
    };
    let fields = below.fields.clone();
    Step::new(Node::Limit(Box::new(below), range), fields, number)
}

/// Leaves the columns of a table that are wanted, and tells them.
fn narrow_table(table: &mut TablePlan, wanted: &HashSet<String>) -> Vec<Field> {
    let names = &table.columns;
    table.wanted.retain(|at| wanted.contains(&names[*at].name));
    table.wanted.iter().map(|at| table.columns[*at].clone()).collect()
}

/// Drops columns that are not wanted. `exact` says that the step must give just the wanted ones in its
/// own order; else it may give more.
fn columns(step: Step, wanted: &HashSet<String>, exact: bool) -> Step {
    let Step { node, mut fields, number, is_part } = step;
    let with = |names: &mut dyn Iterator<Item = &str>| -> HashSet<String> {
        wanted.iter().cloned().chain(names.map(str::to_owned)).collect()
    };
    let node = match node {
        Node::Scan(scan) => {
            let scan = narrowed(&scan, wanted);
            fields = scan.wanted.iter().map(|at| scan.columns[*at].clone()).collect();
            Node::Scan(Arc::new(scan))
        }
        Node::Table(mut table) => {
            fields = narrow_table(&mut table, wanted);
            Node::Table(table)
        }
        Node::Project(input, mut items) => {
            items.retain(|item| wanted.contains(&item.name));
            fields.retain(|field| wanted.contains(&field.name));
            let read: HashSet<String> =
                items.iter().flat_map(|item| item.expr.columns()).map(str::to_owned).collect();
            let input = columns(*input, &read, false);
            if is_identity(&items, &input) {
                return input;
            }
            Node::Project(Box::new(input), items)
        }
        Node::Filter(input, item) => {
            let read = with(&mut item.expr.columns().into_iter());
            Node::Filter(through(*input, &read, false, &mut fields), item)
        }
        Node::Limit(input, range) => {
            Node::Limit(through(*input, wanted, false, &mut fields), range)
        }
        Node::Sort(input, sort) => {
            let read = with(&mut sort.keys.iter().map(|key| key.name.as_str()));
            Node::Sort(through(*input, &read, false, &mut fields), sort)
        }
        Node::Ahead(input) => Node::Ahead(through(*input, wanted, exact, &mut fields)),
        // Rows are told apart by all of their columns.
        Node::Distinct(input) => {
            let all = fields.iter().map(|field| field.name.clone()).collect();
            Node::Distinct(through(*input, &all, true, &mut fields))
        }
        Node::Union(inputs) => {
            fields.retain(|field| wanted.contains(&field.name));
            let each = inputs.into_iter().map(|input| columns(input, wanted, true));
            Node::Union(each.collect())
        }
        Node::Aggregate(input, plan) => {
            let (input, plan) = aggregate_columns(*input, plan, wanted);
            fields.retain(|field| plan.gives(&field.name));
            Node::Aggregate(Box::new(input), plan)
        }
        Node::Join(sides, plan) => {
            fields.retain(|field| wanted.contains(&field.name));
            let (sides, plan) = join_columns(*sides, plan, wanted);
            Node::Join(Box::new(sides), plan)
        }
    };
    let made = Step { node, fields, number, is_part };
    if exact { only(made, wanted) } else { made }
}

/// The input with the columns that are read, which are also those that are given.
fn through(input: Step, read: &HashSet<String>, exact: bool, fields: &mut Vec<Field>) -> Box<Step> {
    let input = columns(input, read, exact);
    fields.clone_from(&input.fields);
    Box::new(input)
}

/// A projection to the wanted columns above a step that gives more.
fn only(step: Step, wanted: &HashSet<String>) -> Step {
    if step.fields.iter().all(|field| wanted.contains(&field.name)) {
        return step;
    }
    let fields: Vec<_> =
        step.fields.iter().filter(|field| wanted.contains(&field.name)).cloned().collect();
    let items = fields.iter().map(|field| Item::column(&field.name)).collect();
    let number = step.number;
    Step::part(step, items, fields, number)
}

/// Keys stay, for they make the groups; of the aggregates those that are wanted, or one if there is no key.
fn aggregate_columns(
    input: Step,
    mut plan: AggregatePlan,
    wanted: &HashSet<String>,
) -> (Step, AggregatePlan) {
    let first = plan.calls.first().cloned();
    plan.calls.retain(|call| wanted.contains(&call.name));
    if plan.keys.is_empty() && plan.calls.is_empty() {
        plan.calls.extend(first);
    }
    let args = plan.calls.iter().filter_map(|call| call.column.clone());
    let read: HashSet<String> = plan.keys.iter().cloned().chain(args).collect();
    (columns(input, &read, false), plan)
}

/// Keys are read on both sides; what else is read is what comes out.
fn join_columns(
    [left, right]: [Step; 2],
    mut plan: JoinPlan,
    wanted: &HashSet<String>,
) -> ([Step; 2], JoinPlan) {
    let read = |side: &Step, keys: Vec<String>| -> HashSet<String> {
        let own = side.fields.iter().map(|field| field.name.clone());
        own.filter(|name| wanted.contains(name)).chain(keys).collect()
    };
    let of_left = read(&left, plan.on.iter().map(|(a, _)| a.clone()).collect());
    let of_right = read(&right, plan.on.iter().map(|(_, b)| b.clone()).collect());
    plan.wanted = Some(wanted.iter().cloned().collect());
    ([columns(left, &of_left, false), columns(right, &of_right, false)], plan)
}

fn is_identity(items: &[Item], input: &Step) -> bool {
    items.len() == input.fields.len()
        && items.iter().zip(&input.fields).all(|(item, field)| {
            item.name == field.name
                && matches!(&item.expr.kind, ExprKind::Column(name) if *name == field.name)
        })
}

fn narrowed(scan: &ScanPlan, wanted: &HashSet<String>) -> ScanPlan {
    let mut scan = scan.clone();
    let columns = &scan.columns;
    scan.wanted.retain(|at| wanted.contains(&columns[*at].name));
    scan
}
