//! Which parts of a job a thread of its own makes: the last rule, as it changes speed and memory only.
//!
//! ```text
//!  threads   1   one thread does everything
//!            2   what is read is a batch ahead of each breaker; where one gives rows, the sink is behind
//!            3+  sorts have the others (`RunChoice::sort_threads`)
//! ```

use super::line_plan::LinePlan;
use super::memory::RunChoice;
use super::plan::{Node, Plan, Step};
use super::rules::map_inputs;

/// The plan with threads, or `None` if it has no use for them or may have one only.
pub(super) fn with_threads(plan: &Plan, run: RunChoice) -> Option<Plan> {
    if run.threads < 2 || LinePlan::of(plan, run).is_some() {
        return None;
    }
    let root = below_breakers(plan.root.clone());
    // Who takes rows from a thread and gives some at the same time has two at work already.
    // Nor is there much left to do with lines that were made before they were sorted.
    let is_written = matches!(&root.node, Node::Sort(_, sort) if sort.written.is_some());
    let stays = is_written || takes_from_thread(&root) && run.threads < 3;
    let root = if stays { root } else { ahead(root) };
    Some(Plan { root, ..plan.clone() })
}

fn below_breakers(step: Step) -> Step {
    let step = map_inputs(step, &below_breakers);
    let unless_breaker = |input: Step| if is_breaker(&input) { input } else { ahead(input) };
    if is_breaker(&step) { map_inputs(step, &unless_breaker) } else { step }
}

/// Lets a thread make the rows of a step, unless fewer than all may be wanted of what it reads.
fn ahead(step: Step) -> Step {
    if is_limited(&step) {
        return step;
    }
    let (fields, number, is_part) = (step.fields.clone(), step.number, step.is_part);
    Step { node: Node::Ahead(Box::new(step)), fields, number, is_part }
}

fn is_limited(step: &Step) -> bool {
    let streams = !is_breaker(step);
    let limits = matches!(step.node, Node::Limit(..));
    streams && (limits || step.inputs().into_iter().any(is_limited))
}

const fn is_breaker(step: &Step) -> bool {
    matches!(step.node, Node::Sort(..) | Node::Distinct(_) | Node::Aggregate(..) | Node::Join(..))
}

/// True if a thread makes rows while this step gives its own.
fn takes_from_thread(step: &Step) -> bool {
    match &step.node {
        Node::Ahead(_) => true,
        Node::Sort(..) | Node::Distinct(_) | Node::Aggregate(..) => false,
        _ => step.inputs().into_iter().any(takes_from_thread),
    }
}
