//! Rules of joins and aggregates: filters that pass them, the side that is taken in, the order of rows.

use super::group_plan::AggregatePlan;
use super::join_plan::JoinPlan;
use super::plan::{Item, Node, SortPlan, Step};
use super::rules::{map_inputs, sink_filter};
use crate::batch::Field;
use crate::expr::is_float;
use crate::operator::join::{JoinKind, Side};
use store_core::planted::bug;
use store_core::query::{Expr, ExprKind, NullsOrder, SortName};

/// True if a filter reads keys only, so that it may as well ask the rows before they are grouped. Of equal
/// floats a group has one, so they stay.
pub(super) fn is_of_keys(item: &Item, plan: &AggregatePlan, input: &[Field]) -> bool {
    let is_key = |name: &&str| {
        let field = input.iter().find(|field| field.name == **name);
        plan.keys.iter().any(|key| key == name) && field.is_some_and(|f| !is_float(f.ty))
    };
    !plan.keys.is_empty() && item.expr.columns().iter().all(is_key)
}

/// Moves the parts of a filter to the sides where they may stand; what must stay above comes back.
pub(super) fn filter_join(
    sides: Box<[Step; 2]>,
    plan: &JoinPlan,
    item: Item,
    number: usize,
) -> (Box<[Step; 2]>, Option<Item>) {
    let parts = match &item.expr.kind {
        ExprKind::And(list) => list.clone(),
        _ => vec![item.expr.clone()],
    };
    // What may fail must not see more rows than before, and none that another part has kept from it.
    if !parts.iter().all(cannot_fail) {
        return (sides, Some(item));
    }
    let mut moved: [Vec<Expr>; 2] = [Vec::new(), Vec::new()];
    let mut rest = Vec::new();
    for part in parts {
        let to = sides_of(&part, &sides, plan);
        for (side, moved) in to.into_iter().zip(&mut moved) {
            if side {
                moved.push(part.clone());
            }
        }
        if to == [false, false] {
            rest.push(part);
        }
    }
    let made = |mut list: Vec<Expr>| -> Option<Item> {
        let expr = match list.len() {
            0 => return None,
            1 => list.remove(0),
            _ => Expr::made(ExprKind::And(list)),
        };
        Some(Item { expr, ..item.clone() })
    };
    let [left, right] = *sides;
    let [of_left, of_right] = moved.map(&made);
    let sunk = |side: Step, item: Option<Item>| match item {
        Some(item) => sink_filter(side, item, number),
        None => side,
    };
    (Box::new([sunk(left, of_left), sunk(right, of_right)]), made(rest))
}

/// To which sides a part may move: left, right.
fn sides_of(part: &Expr, sides: &[Step; 2], plan: &JoinPlan) -> [bool; 2] {
    let names = part.columns();
    let has = |side: &Step, name: &str| side.fields.iter().any(|field| field.name == name);
    let shared = |name: &&str| {
        let field = sides[0].fields.iter().find(|field| field.name == **name);
        plan.is_shared(name) && field.is_some_and(|field| !is_float(field.ty))
    };
    let (kind, all_shared) = (plan.kind, names.iter().all(shared));
    if names.is_empty() {
        return [false; 2];
    }
    // A side without whose rows nothing comes out keeps only those that pass.
    let may = !kind.keeps(Side::Right) || bug("filter_passes_outer_join");
    let left = may && names.iter().all(|name| has(&sides[0], name));
    let on_right = |name: &&str| has(&sides[1], name) && !has(&sides[0], name);
    let right = matches!(kind, JoinKind::Inner | JoinKind::Right)
        && (all_shared || names.iter().all(on_right));
    [left, right]
}

/// True if an expression has a result for every row, whatever is in it.
fn cannot_fail(expr: &Expr) -> bool {
    let is_value = |expr: &Expr| matches!(expr.kind, ExprKind::Literal(_));
    let is_plain = |expr: &Expr| matches!(expr.kind, ExprKind::Column(_) | ExprKind::Literal(_));
    match &expr.kind {
        ExprKind::Column(_) | ExprKind::Literal(_) => true,
        ExprKind::And(list) | ExprKind::Or(list) => list.iter().all(cannot_fail),
        ExprKind::Not(inner) | ExprKind::IsTruth(inner, ..) => cannot_fail(inner),
        ExprKind::IsNull(inner, _) | ExprKind::Match(inner, ..) => is_plain(inner),
        // Two columns may have to be converted first.
        ExprKind::Compare(_, a, b) => is_plain(a) && is_plain(b) && (is_value(a) || is_value(b)),
        ExprKind::In(inner, list, _) => is_plain(inner) && list.iter().all(is_value),
        ExprKind::Between(three, _) => {
            is_plain(&three[0]) && is_value(&three[1]) && is_value(&three[2])
        }
        _ => false,
    }
}

/// Chooses which side of each join is taken in first: the one that is likely smaller.
pub(super) fn sides(step: Step) -> Step {
    let mut step = map_inputs(step, &sides);
    if let Node::Join(sides, plan) = &mut step.node
        && !plan.is_chosen
    {
        let [left, right] = &**sides;
        let smaller = matches!((bytes(left), bytes(right)), (Some(a), Some(b)) if a < b);
        let may = plan.may_build(&left.fields, &right.fields, Side::Left);
        plan.build = if smaller && may { Side::Left } else { Side::Right };
    }
    step
}

/// How many bytes of rows a step gives, about; none if that cannot be known.
pub(super) fn bytes(step: &Step) -> Option<u64> {
    const ROW_BYTES: u64 = 64;
    Some(match &step.node {
        Node::Scan(scan) => {
            let all = scan.files.iter().map(|file| file.bytes).sum::<Option<u64>>()?;
            let (wanted, columns) = (scan.wanted.len() as u64, scan.columns.len() as u64);
            all / columns.max(1) * wanted.max(1)
        }
        Node::Table(_) => return None,
        Node::Filter(input, _) | Node::Aggregate(input, _) => bytes(input)? / 2,
        Node::Project(input, _)
        | Node::Distinct(input)
        | Node::Ahead(input)
        | Node::Sort(input, _) => bytes(input)?,
        Node::Limit(input, range) => bytes(input)?.min(range.needed().saturating_mul(ROW_BYTES)),
        Node::Union(inputs) => inputs.iter().map(bytes).sum::<Option<u64>>()?,
        Node::Join(sides, plan) => {
            let [left, right] = [bytes(&sides[0])?, bytes(&sides[1])?];
            if plan.kind.pairs() { left + right } else { left }
        }
    })
}

/// Gives rows an order where it shows and they have none.
pub(super) fn order(step: Step) -> Step {
    let mut step = map_inputs(step, &order);
    match &mut step.node {
        Node::Sort(input, sort) if !has_order(input) && !bug("order_left_as_met") => {
            let by_keys = unique(input).filter(|names| {
                names.iter().all(|name| input.fields.iter().any(|field| field.name == *name))
            });
            let all = || input.fields.iter().map(|field| field.name.clone()).collect();
            let mut ties = by_keys.unwrap_or_else(all);
            ties.retain(|name| !sort.keys.iter().any(|key| key.name == *name));
            sort.ties = ties;
        }
        Node::Aggregate(input, plan) if plan.follows_order() && !has_order(input) => {
            let key = |field: &Field| SortName {
                name: field.name.clone(),
                descending: false,
                nulls: NullsOrder::Last,
            };
            let keys = input.fields.iter().map(key).collect();
            let (fields, number) = (input.fields.clone(), step.number);
            let below =
                std::mem::replace(&mut **input, Step::new(Node::Union(Vec::new()), Vec::new(), 0));
            let sort = SortPlan { keys, limit: None, ties: Vec::new(), written: None };
            let node = Node::Sort(Box::new(below), sort);
            **input = Step { node, fields, number, is_part: true };
        }
        _ => {}
    }
    step
}

/// True if rows come in the same order whatever memory there is.
fn has_order(step: &Step) -> bool {
    match &step.node {
        Node::Join(..) | Node::Aggregate(..) => false,
        Node::Sort(..) | Node::Distinct(_) => true,
        _ => step.inputs().into_iter().all(has_order),
    }
}

/// Columns that no two rows have the same values in, if some are known.
pub(super) fn unique(step: &Step) -> Option<Vec<String>> {
    match &step.node {
        Node::Aggregate(_, plan) => Some(plan.keys.clone()),
        Node::Filter(input, _) | Node::Limit(input, _) | Node::Sort(input, _) => unique(input),
        Node::Project(input, items) => {
            let given = |name: &String| {
                let item = items.iter().find(|item| item.as_column() == Some(name));
                item.map(|item| item.name.clone())
            };
            unique(input)?.iter().map(given).collect()
        }
        _ => None,
    }
}
