//! One hard memory budget: every byte is reserved here before it exists (invariant I11).
//!
//! Holders form a tree (store → table → arena, index …). A reservation counts at its holder, at
//! every holder above it and once in the budget; only the budget's own count is compared with the
//! limit, by one compare-and-swap.
//!
//! Caches take only what is to spare, and are emptied before anybody is refused.

use crate::error::{Awaited, Error, Kind, Result};
use crate::options::{CACHE_MARGIN_SHARE, MEMORY_MIN};
use crate::planted;
use crate::sync::{AtomicU64, Mutex, Relaxed};
use std::fmt;
use std::sync::{Arc, OnceLock, Weak};

/// The limit on everything a store holds, and the tree of those who hold it.
pub struct MemoryBudget {
    limit: AtomicU64,
    used: AtomicU64,
    peak: AtomicU64,
    /// The part that only deleting and freezing rows may use: a full store must be able to let go of rows.
    urgent: AtomicU64,
    /// The part for what is counted without asking, when a commit cannot fail any more.
    unasked: AtomicU64,
    roots: Mutex<Vec<Weak<Node>>>,
    /// Those who hold memory that they can give back at once.
    caches: Mutex<Vec<Weak<dyn Cache>>>,
}

/// Somebody who holds memory only to be faster, and gives it back when others need it.
pub(crate) trait Cache: Send + Sync {
    /// Gives everything back that nobody uses right now; true if that was anything. Whoever calls may
    /// hold locks of an arena or a slab, so it waits for nobody who may need memory.
    fn give_back(&self) -> bool;
}

/// Somebody who holds memory: a name in the tree that `stats` prints.
#[derive(Clone)]
pub struct Holder(Arc<Node>);

struct Node {
    name: String,
    /// What it is called since it is something else.
    renamed: OnceLock<String>,
    used: AtomicU64,
    parent: Option<Holder>,
    /// It may use what is kept.
    urgent: bool,
    children: Mutex<Vec<Weak<Node>>>,
    budget: Arc<MemoryBudget>,
}

/// A held share of the budget; given back when dropped.
#[must_use]
#[derive(Debug)]
pub struct Reservation {
    holder: Holder,
    bytes: usize,
}

/// One line of the tree of holders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HolderUsage {
    /// Names from the root, joined by `/`.
    pub path: String,
    /// Bytes held by this holder and those below it.
    pub bytes: u64,
}

impl MemoryBudget {
    /// A budget of this many bytes. A part of it, at most 256 KiB, is kept for deleting rows.
    pub fn new(limit: u64) -> Arc<Self> {
        let (urgent, unasked) = kept(limit);
        Self::with_kept(limit, urgent, unasked)
    }

    /// A budget all of which may be reserved: for a job, which has no rows to delete.
    pub fn for_job(limit: u64) -> Arc<Self> {
        Self::with_kept(limit, 0, 0)
    }

    fn with_kept(limit: u64, urgent: u64, unasked: u64) -> Arc<Self> {
        Arc::new(Self {
            limit: AtomicU64::new(limit),
            used: AtomicU64::new(0),
            peak: AtomicU64::new(0),
            urgent: AtomicU64::new(urgent),
            unasked: AtomicU64::new(unasked),
            roots: Mutex::new(Vec::new()),
            caches: Mutex::new(Vec::new()),
        })
    }

    /// A new holder at the root of the tree.
    pub fn holder(self: &Arc<Self>, name: impl Into<String>) -> Holder {
        let node = Arc::new(Node {
            name: name.into(),
            renamed: OnceLock::new(),
            used: AtomicU64::new(0),
            parent: None,
            urgent: false,
            children: Mutex::new(Vec::new()),
            budget: Arc::clone(self),
        });
        self.roots.lock().push(Arc::downgrade(&node));
        Holder(node)
    }

    /// The limit in bytes.
    pub fn limit(&self) -> u64 {
        self.limit.load(Relaxed)
    }

    /// Grants up to another limit from now on, whatever is used. One caller at a time.
    pub(crate) fn set_limit(&self, limit: u64) {
        let (before, after) = (kept(self.limit()), kept(limit));
        // Differences may be negative: they wrap, and so do the sums.
        self.urgent.fetch_add(after.0.wrapping_sub(before.0), Relaxed);
        self.unasked.store(after.1, Relaxed);
        self.limit.store(limit, Relaxed);
    }

    /// Up to here whoever does not let go of rows is granted memory.
    pub(crate) fn grantable(&self) -> u64 {
        self.limit().saturating_sub(self.kept_back())
    }

    /// What is kept back from the others.
    pub(crate) fn kept_back(&self) -> u64 {
        self.urgent.load(Relaxed) + self.unasked.load(Relaxed)
    }

    /// Up to here whoever lets go of rows is.
    fn grantable_urgently(&self) -> u64 {
        self.limit().saturating_sub(self.unasked.load(Relaxed))
    }

    /// Bytes reserved now.
    pub fn used(&self) -> u64 {
        self.used.load(Relaxed)
    }

    /// The most bytes ever reserved at once.
    pub fn peak(&self) -> u64 {
        self.peak.load(Relaxed)
    }

    /// Keeps so many bytes for letting go of rows in place of so many.
    pub(crate) fn keep_urgent(&self, bytes: u64, before: u64) {
        self.urgent.fetch_add(bytes.wrapping_sub(before), Relaxed); // wraps, as in `set_limit`
    }

    /// The tree, parents before children, in the order they were made.
    pub fn usage(&self) -> Vec<HolderUsage> {
        let mut lines = Vec::new();
        let roots: Vec<_> = self.roots.lock().iter().filter_map(Weak::upgrade).collect();
        for root in roots {
            collect_usage(&root, "", &mut lines);
        }
        lines
    }

    /// Has a cache give back its memory when others need it.
    pub(crate) fn add_cache(&self, cache: Weak<dyn Cache>) {
        let mut caches = self.caches.lock();
        caches.retain(|cache| cache.strong_count() > 0);
        caches.push(cache);
    }

    /// Has all caches give back what they hold; true if that was anything.
    #[cold]
    pub(crate) fn empty_caches(&self) -> bool {
        if planted::bug("caches_kept") {
            return false;
        }
        let caches: Vec<_> = self.caches.lock().iter().filter_map(Weak::upgrade).collect();
        caches.iter().filter(|cache| cache.give_back()).count() > 0
    }

    /// True if a cache may take so many bytes more when `free` of those reserved are nobody's: what
    /// caches leave is for those who cannot do without.
    pub(crate) fn has_spare(&self, bytes: u64, free: u64) -> bool {
        let most = self.limit() - self.limit() / CACHE_MARGIN_SHARE;
        self.used().saturating_sub(free) + bytes <= most
    }

    fn take(&self, bytes: u64, limit: u64) -> bool {
        let mut used = self.used.load(Relaxed);
        loop {
            let Some(after) = used.checked_add(bytes).filter(|after| *after <= limit) else {
                return false;
            };
            if planted::bug("reserved_without_exchange") {
                self.used.fetch_add(bytes, Relaxed);
                return true;
            }
            // Relaxed: the count guards no memory, it only adds up.
            match self.used.compare_exchange_weak(used, after, Relaxed, Relaxed) {
                Ok(_) => {
                    self.peak.fetch_max(after, Relaxed);
                    return true;
                }
                Err(_) if planted::bug("lost_exchange_counts") => return true,
                Err(now) => used = now,
            }
        }
    }

    fn refusal(&self, bytes: u64, holder: &str) -> Error {
        let mut largest: Vec<_> = self
            .usage()
            .into_iter()
            .filter(|line| line.path.contains('/') && line.bytes > 0)
            .collect();
        largest.sort_by_key(|line| std::cmp::Reverse(line.bytes));
        let named: Vec<String> =
            largest.iter().take(3).map(|line| format!("{} {}", line.path, line.bytes)).collect();
        Error::new(
            Kind::OverBudget,
            format!(
                "over budget: {holder} asks for {bytes} bytes, {} of {} are used (largest: {}); \
                 raise the memory option or delete rows",
                self.used(),
                self.limit(),
                if named.is_empty() { "none".to_owned() } else { named.join(", ") }
            ),
        )
        .awaiting(Awaited::Room(bytes))
    }
}

/// Of a store's budget, the part that is kept for letting go of rows, and that for what is counted without
/// asking.
fn kept(limit: u64) -> (u64, u64) {
    const SHARE: u64 = 64;
    const MOST: u64 = 256 << 10;
    let kept = if limit < MEMORY_MIN { 0 } else { (limit / SHARE).min(MOST) };
    // Three quarters for the rows, and one for the queues in which they wait to leave.
    (kept - kept / 4, kept / 4)
}

impl Node {
    fn name(&self) -> &str {
        self.renamed.get().unwrap_or(&self.name)
    }
}

fn collect_usage(node: &Arc<Node>, above: &str, lines: &mut Vec<HolderUsage>) {
    let name = node.name();
    let path = if above.is_empty() { name.to_owned() } else { format!("{above}/{name}") };
    lines.push(HolderUsage { path: path.clone(), bytes: node.used.load(Relaxed) });
    let children: Vec<_> = node.children.lock().iter().filter_map(Weak::upgrade).collect();
    for child in children {
        collect_usage(&child, &path, lines);
    }
}

impl Holder {
    /// A new holder below this one.
    #[must_use]
    pub fn child(&self, name: impl Into<String>) -> Self {
        self.new_child(name, self.0.urgent)
    }

    /// One that may also use the part of the budget that is kept for letting go of rows, as those below
    /// it may.
    #[must_use]
    pub(crate) fn urgent_child(&self, name: impl Into<String>) -> Self {
        self.new_child(name, true)
    }

    fn new_child(&self, name: impl Into<String>, urgent: bool) -> Self {
        let node = Arc::new(Node {
            name: name.into(),
            renamed: OnceLock::new(),
            used: AtomicU64::new(0),
            parent: Some(self.clone()),
            urgent,
            children: Mutex::new(Vec::new()),
            budget: Arc::clone(&self.0.budget),
        });
        let mut children = self.0.children.lock();
        children.retain(|child| child.strong_count() > 0);
        children.push(Arc::downgrade(&node));
        drop(children);
        Self(node)
    }

    /// Gives it another name, once.
    pub(crate) fn rename(&self, name: String) {
        let _named_before = self.0.renamed.set(name);
    }

    /// Reserves bytes, or says who holds the budget. Reserve first, then allocate.
    pub fn reserve(&self, bytes: usize) -> Result<Reservation> {
        self.take(bytes)?;
        Ok(Reservation { holder: self.clone(), bytes })
    }

    /// Bytes held by this holder and those below it.
    pub fn used(&self) -> u64 {
        self.0.used.load(Relaxed)
    }

    /// The budget this holder counts in.
    pub fn budget(&self) -> &Arc<MemoryBudget> {
        &self.0.budget
    }

    /// Counts bytes without a guard; the caller gives them back with [`Holder::give`].
    pub(crate) fn take(&self, bytes: usize) -> Result<()> {
        self.take_below(bytes, self.most())
    }

    /// The same from the part of the budget that is kept for letting go of rows, too.
    pub(crate) fn take_urgent(&self, bytes: usize) -> Result<()> {
        self.take_below(bytes, self.budget().grantable_urgently())
    }

    /// The same while the pool is locked, to which caches give their memory back.
    pub(crate) fn take_in_pool(&self, bytes: usize) -> Result<()> {
        self.take_at_once(bytes, self.most())
    }

    /// The same of what is kept for letting go of rows.
    pub(crate) fn take_urgent_in_pool(&self, bytes: usize) -> Result<()> {
        self.take_at_once(bytes, self.budget().grantable_urgently())
    }

    /// Up to here it may fill the budget.
    fn most(&self) -> u64 {
        let budget = &self.0.budget;
        if self.0.urgent { budget.grantable_urgently() } else { budget.grantable() }
    }

    fn take_below(&self, bytes: usize, limit: u64) -> Result<()> {
        self.take_at_once(bytes, limit).or_else(|refusal| {
            if self.0.budget.empty_caches() {
                self.take_at_once(bytes, limit)
            } else {
                Err(refusal)
            }
        })
    }

    fn take_at_once(&self, bytes: usize, limit: u64) -> Result<()> {
        if bytes == 0 {
            return Ok(());
        }
        // Nothing is granted even if counts that cannot be refused went over the limit.
        if !self.0.budget.take(bytes as u64, limit) {
            return Err(self.0.budget.refusal(bytes as u64, self.0.name()));
        }
        self.add(bytes);
        Ok(())
    }

    /// Counts bytes even beyond the limit: only to finish a commit that cannot fail any more.
    pub(crate) fn force(&self, bytes: usize) {
        let after = self.0.budget.used.fetch_add(bytes as u64, Relaxed) + bytes as u64;
        self.0.budget.peak.fetch_max(after, Relaxed);
        self.add(bytes);
    }

    /// Gives back what [`Holder::take`] counted.
    pub(crate) fn give(&self, bytes: usize) {
        let before = self.0.budget.used.fetch_sub(bytes as u64, Relaxed);
        debug_assert!(before >= bytes as u64, "more bytes given back than reserved");
        self.subtract(bytes);
    }

    /// Moves bytes that are already in the budget's count to another holder.
    pub(crate) fn hand_over(&self, to: &Self, bytes: usize) {
        self.subtract(bytes);
        to.add(bytes);
    }

    fn add(&self, bytes: usize) {
        let mut at = Some(self);
        while let Some(holder) = at {
            holder.0.used.fetch_add(bytes as u64, Relaxed);
            at = holder.0.parent.as_ref();
        }
    }

    fn subtract(&self, bytes: usize) {
        let mut at = Some(self);
        while let Some(holder) = at {
            holder.0.used.fetch_sub(bytes as u64, Relaxed);
            at = holder.0.parent.as_ref();
        }
    }
}

impl fmt::Debug for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Holder({}, {} bytes)", self.0.name(), self.used())
    }
}

impl Reservation {
    /// How many bytes are held.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Reserves more.
    pub fn grow(&mut self, by: usize) -> Result<()> {
        self.holder.take(by)?;
        self.bytes += by;
        Ok(())
    }

    /// Reserves more to delete a row: also from the part of the budget kept for that.
    pub(crate) fn grow_urgent(&mut self, by: usize) -> Result<()> {
        self.holder.take_urgent(by)?;
        self.bytes += by;
        Ok(())
    }

    /// Makes the reservation at least this large.
    pub fn grow_to(&mut self, bytes: usize) -> Result<()> {
        if bytes > self.bytes { self.grow(bytes - self.bytes) } else { Ok(()) }
    }

    /// Gives a part back.
    pub fn shrink(&mut self, by: usize) {
        let by = by.min(self.bytes);
        self.holder.give(by);
        self.bytes -= by;
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if self.bytes > 0 {
            self.holder.give(self.bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::join_all;

    #[test]
    fn a_refusal_names_used_limit_and_holders() {
        let budget = MemoryBudget::new(1000);
        let store = budget.holder("store");
        let table = store.child("flights");
        let held = table.reserve(900).unwrap();
        let error = store.child("wal").reserve(101).unwrap_err();
        assert_eq!(error.kind(), Kind::OverBudget);
        for part in ["101", "900 of 1000", "store/flights 900"] {
            assert!(error.to_string().contains(part), "{error}");
        }
        drop(held);
        assert_eq!((budget.used(), budget.peak(), store.used()), (0, 900, 0));
    }

    #[test]
    fn only_a_jobs_budget_may_be_reserved_to_the_last_byte() {
        let limit = 16 << 20;
        assert!(MemoryBudget::for_job(limit).holder("job").reserve(limit as usize).is_ok());
        assert!(MemoryBudget::new(limit).holder("store").reserve(limit as usize).is_err());
        let kept = 256 << 10;
        assert!(MemoryBudget::new(limit).holder("store").reserve(limit as usize - kept).is_ok());
    }

    #[test]
    fn threads_never_reserve_more_than_the_limit() {
        let budget = MemoryBudget::new(10_000);
        let holder = budget.holder("store");
        std::thread::scope(|scope| {
            let reserve = || {
                for _ in 0..2_000 {
                    if let Ok(held) = holder.reserve(3_001) {
                        assert!(held.bytes() == 3_001);
                    }
                }
            };
            join_all((0..4).map(|_| scope.spawn(reserve)));
        });
        assert!(budget.peak() <= 10_000, "peak {}", budget.peak());
        assert_eq!(budget.used(), 0);
    }
}
