//! Directed graphs with labelled edges: strongly connected components (Tarjan, 1972) and a shortest
//! cycle inside one.

use std::collections::VecDeque;

/// An edge with the position of its cause in the caller's list.
#[derive(Clone, Copy, Debug)]
pub struct Edge {
    pub from: u32,
    pub to: u32,
    pub label: u32,
}

/// Edges sorted by where they start.
pub struct Graph {
    starts: Vec<u32>,
    edges: Vec<Edge>,
}

/// What is open while the depth-first search of [`Graph::components`] runs.
struct Search {
    /// When a node was met, counted from 1; 0 is never.
    met: Vec<u32>,
    /// The earliest node known to be reachable that is still open.
    low: Vec<u32>,
    open: Vec<u32>,
    is_open: Vec<bool>,
    /// Nodes on the path with the next edge to look at.
    path: Vec<(u32, u32)>,
    count: u32,
}

impl Search {
    fn enter(&mut self, node: u32, first_edge: u32) {
        self.count += 1;
        self.met[node as usize] = self.count;
        self.low[node as usize] = self.count;
        self.open.push(node);
        self.is_open[node as usize] = true;
        self.path.push((node, first_edge));
    }

    fn lower(&mut self, node: u32, low: u32) {
        let known = &mut self.low[node as usize];
        *known = low.min(*known);
    }

    /// Leaves a node; its component, if it was the first node of one that has several.
    fn leave(&mut self, node: u32) -> Option<Vec<u32>> {
        self.path.pop();
        let low = self.low[node as usize];
        if let Some((parent, _)) = self.path.last().copied() {
            self.lower(parent, low);
        }
        if low != self.met[node as usize] {
            return None;
        }
        let first = self.open.iter().rposition(|open| *open == node).expect("it is open");
        let component = self.open.split_off(first);
        for node in &component {
            self.is_open[*node as usize] = false;
        }
        (component.len() > 1).then_some(component)
    }
}

impl Graph {
    pub fn new(nodes: usize, mut edges: Vec<Edge>) -> Self {
        edges.sort_unstable_by_key(|edge| edge.from);
        let mut starts = vec![0; nodes + 1];
        for edge in &edges {
            starts[edge.from as usize + 1] += 1;
        }
        for node in 0..nodes {
            starts[node + 1] += starts[node];
        }
        Self { starts, edges }
    }

    fn from(&self, node: u32) -> &[Edge] {
        let node = node as usize;
        &self.edges[self.starts[node] as usize..self.starts[node + 1] as usize]
    }

    /// The components of more than one node.
    pub fn components(&self) -> Vec<Vec<u32>> {
        let nodes = self.starts.len() - 1;
        let mut search = Search {
            met: vec![0; nodes],
            low: vec![0; nodes],
            open: Vec::new(),
            is_open: vec![false; nodes],
            path: Vec::new(),
            count: 0,
        };
        let mut found = Vec::new();
        for root in 0..nodes as u32 {
            if search.met[root as usize] == 0 {
                search.enter(root, self.starts[root as usize]);
            }
            while let Some((node, next)) = search.path.last_mut() {
                let node = *node;
                if *next == self.starts[node as usize + 1] {
                    found.extend(search.leave(node));
                    continue;
                }
                let to = self.edges[*next as usize].to;
                *next += 1;
                if search.met[to as usize] == 0 {
                    search.enter(to, self.starts[to as usize]);
                } else if search.is_open[to as usize] {
                    search.lower(node, search.met[to as usize]);
                }
            }
        }
        found
    }

    /// A shortest cycle through one of the first nodes of a component.
    pub fn cycle_in(&self, component: &[u32]) -> Vec<Edge> {
        const STARTS: usize = 64;
        let mut inside = vec![false; self.starts.len()];
        for node in component {
            inside[*node as usize] = true;
        }
        let cycles = component.iter().take(STARTS).map(|start| self.cycle_from(*start, &inside));
        cycles.min_by_key(Vec::len).expect("a component has a cycle through each of its nodes")
    }

    /// A shortest cycle through a node, by breadth-first search.
    fn cycle_from(&self, start: u32, inside: &[bool]) -> Vec<Edge> {
        let mut came_by: Vec<Option<Edge>> = vec![None; inside.len()];
        let mut queue = VecDeque::from([start]);
        while let Some(node) = queue.pop_front() {
            for edge in self.from(node).iter().filter(|edge| inside[edge.to as usize]) {
                if edge.to == start {
                    let mut cycle = vec![*edge];
                    while let Some(edge) = came_by[cycle[cycle.len() - 1].from as usize] {
                        cycle.push(edge);
                    }
                    cycle.reverse();
                    return cycle;
                }
                if came_by[edge.to as usize].is_none() {
                    came_by[edge.to as usize] = Some(*edge);
                    queue.push_back(edge.to);
                }
            }
        }
        unreachable!("every node of a component lies on a cycle")
    }
}

#[test]
fn components_and_shortest_cycles_are_found() {
    let edge = |(from, to)| Edge { from, to, label: 0 };
    // A long way round and a short one, two nodes apart, and a tail without a cycle.
    let pairs = [(0, 1), (1, 2), (2, 3), (3, 0), (2, 0), (4, 5), (5, 4), (3, 6), (6, 7)];
    let graph = Graph::new(8, pairs.map(edge).to_vec());
    let mut components = graph.components();
    for nodes in &mut components {
        nodes.sort_unstable();
    }
    components.sort_unstable();
    assert_eq!(components, [vec![0, 1, 2, 3], vec![4, 5]]);
    assert_eq!(graph.cycle_in(&components[0]).len(), 3);
    assert_eq!(graph.cycle_in(&components[1]).len(), 2);
}
