//! Nodes for new versions: a few free ones are kept at hand in several stocks, so that transactions
//! that run at the same time seldom meet at the arena's lock.

use super::chain::Versions;
use super::prune::FreeNodes;
use crate::error::Result;
use crate::sync::{Mutex, capacity};
use smallvec::SmallVec;

/// Stocks: snapshots that are open at the same time mostly have different ones.
const STOCKS: usize = capacity(8, 1);
/// Free nodes of a stock at most: each may keep a page from going back to the pool.
///
/// More than a commit frees at its look at garbage (`VERSIONS_A_LOOK`): else those that run at the same
/// time pass nodes, and the cache lines they are on, to each other through the arena.
const STOCK_NODES: usize = capacity(64, 1);
/// Nodes that a stock takes from the arena at once.
const REFILL_NODES: usize = capacity(16, 1);

/// The stocks of one table.
#[derive(Default)]
pub(super) struct Spares([Stock; STOCKS]);

#[derive(Default)]
#[repr(align(128))]
struct Stock(Mutex<SmallVec<[u32; STOCK_NODES]>>);

impl Versions {
    /// A node for a change of a row, for the transaction at this place of the registry; taken when the
    /// row is written, so that a commit cannot fail.
    pub(crate) fn new_node(&self, place: usize) -> Result<u32> {
        let mut stock = self.spares.0[place % STOCKS].0.lock();
        if let Some(node) = stock.pop() {
            return Ok(node);
        }
        self.nodes.allocate_some(REFILL_NODES, |node| stock.push(node))?;
        Ok(stock.pop().expect("there is one if it was not refused"))
    }

    /// Up to so many of them, as far as they are not refused.
    pub(crate) fn new_nodes(&self, place: usize, count: usize, nodes: &mut FreeNodes) {
        let mut stock = self.spares.0[place % STOCKS].0.lock();
        let kept = stock.len().saturating_sub(count);
        nodes.extend(stock.drain(kept..));
        drop(stock);
        while nodes.len() < count {
            let most = count - nodes.len();
            if self.nodes.allocate_some(most, |node| nodes.push(node)).is_err() {
                return;
            }
        }
    }

    /// A node to delete a row with, even in a full store.
    pub(crate) fn new_node_to_delete(&self) -> Result<u32> {
        self.nodes.allocate_urgent()
    }

    /// Gives a node back that no chain leads to.
    pub(crate) fn drop_node(&self, node: u32) {
        self.nodes.release(node);
    }

    /// Gives a node back that `prune_replaced` has found, to a stock if there is room.
    #[inline]
    pub(crate) fn free_one(&self, node: u32, place: usize) {
        let mut stock = self.spares.0[place % STOCKS].0.lock();
        if stock.len() < STOCK_NODES {
            stock.push(node);
        } else {
            drop(stock);
            self.nodes.release(node);
        }
    }

    /// Gives many nodes back that `prune_all` and `prune_one` have found, some of them to a stock.
    pub(crate) fn free_all(&self, nodes: &[u32], place: usize) {
        if nodes.is_empty() {
            return;
        }
        let mut stock = self.spares.0[place % STOCKS].0.lock();
        let (kept, rest) = nodes.split_at(nodes.len().min(STOCK_NODES - stock.len()));
        stock.extend_from_slice(kept);
        drop(stock);
        self.nodes.release_all(rest);
    }

    /// Gives the nodes at hand back.
    pub(crate) fn release_spares(&self) {
        for stock in &self.spares.0 {
            let nodes = std::mem::take(&mut *stock.0.lock());
            self.nodes.release_all(&nodes);
        }
    }

    /// Nodes in use: older versions, and versions being written.
    pub(crate) fn nodes(&self) -> u64 {
        let spare: usize = self.spares.0.iter().map(|stock| stock.0.lock().len()).sum();
        self.nodes.live().saturating_sub(spare as u64)
    }
}
