//! Blocks of size classes, cut from pages: index blocks and long values.
//!
//! After Bonwick, "The Slab Allocator" (1994). A page serves one class; its header counts the live
//! blocks, and a page without any goes back to the pool.
//!
//! ```text
//! page   [ header 64 bytes | block | block | … ]     free blocks of a page form a list in themselves
//! class  partial pages ⇄ …                           full pages are in no list: their header finds them
//!        sparse pages ⇄ …                            those nearly empty, which are used last
//! ```
//!
//! Blocks larger than half a page are mapped alone.

use super::budget::Holder;
use super::page_pool::PagePool;
use super::region::Region;
use crate::error::Result;
use crate::options::PAGE_BYTES;
use crate::planted;
use crate::sync::{Acquire, AtomicPtr, AtomicU64, Mutex, Relaxed, Release};
use std::ptr::{NonNull, null_mut};
use std::sync::Arc;

const HEADER_BYTES: usize = 64;
/// A page is sparse if less than one in so many of its blocks are handed out.
const SPARSE_SHARE: usize = 4;
/// Blocks per page of each class, from the largest blocks to the smallest.
const BLOCKS_PER_PAGE: [usize; 46] = [
    2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30, 32, 34, 36, 40, 44, 48, 52,
    56, 60, 64, 72, 80, 96, 112, 128, 160, 192, 256, 320, 384, 512, 682, 818, 1023, 1364, 2046,
    4092,
];
/// The block size of each class, ascending.
const CLASS_BYTES: [usize; BLOCKS_PER_PAGE.len()] = class_bytes();
/// Blocks above this size are mapped alone.
const BLOCK_BYTES_MAX: usize = CLASS_BYTES[CLASS_BYTES.len() - 1];

const fn class_bytes() -> [usize; BLOCKS_PER_PAGE.len()] {
    let mut sizes = [0; BLOCKS_PER_PAGE.len()];
    let mut class = 0;
    while class < sizes.len() {
        let blocks = BLOCKS_PER_PAGE[sizes.len() - 1 - class];
        sizes[class] = ((PAGE_BYTES - HEADER_BYTES) / blocks) & !15;
        class += 1;
    }
    sizes
}

/// Hands out blocks of any size and takes them back, from any thread.
pub(crate) struct Slab {
    pool: Arc<PagePool>,
    holder: Holder,
    classes: [Mutex<Class>; BLOCKS_PER_PAGE.len()],
    live_bytes: AtomicU64,
    /// Blocks handed back without a lock, linked in themselves.
    handed_back: AtomicPtr<HandedBack>,
}

struct HandedBack {
    next: *mut HandedBack,
    bytes: usize,
}

/// A class's pages that have room, linked both ways through their headers, in two lists. Blocks come
/// from sparse pages only if no other has room, so that these run empty.
struct Class {
    sparse: *mut Header,
    partial: *mut Header,
}

// SAFETY: the pages of a class are touched only under its mutex.
unsafe impl Send for Class {}

#[repr(C)]
struct Header {
    next: *mut Header,
    previous: *mut Header,
    free: *mut FreeBlock,
    live: u32,
    /// Blocks handed out for the first time so far; the rest of the page is untouched.
    fresh: u32,
}

struct FreeBlock {
    next: *mut FreeBlock,
}

impl Slab {
    pub(crate) fn new(pool: Arc<PagePool>, holder: Holder) -> Arc<Self> {
        Arc::new(Self {
            pool,
            holder,
            classes: std::array::from_fn(|_| Mutex::new(Class::empty())),
            live_bytes: AtomicU64::new(0),
            handed_back: AtomicPtr::new(null_mut()),
        })
    }

    /// A block for a commit that holds a promise of pages; never fails (see [`PagePool`]).
    pub(crate) fn allocate(&self, bytes: usize) -> NonNull<u8> {
        assert!(bytes <= BLOCK_BYTES_MAX, "a promised block fits in half a page");
        self.take(bytes, || Ok(self.pool.allocate_promised(&self.holder)))
            .expect("a promised page is always there")
    }

    /// A block of at least this size, 16-byte aligned.
    pub(crate) fn try_allocate(&self, bytes: usize) -> Result<NonNull<u8>> {
        if bytes > BLOCK_BYTES_MAX {
            let region = Region::map(bytes, &self.holder)?;
            self.live_bytes.fetch_add(bytes as u64, Relaxed);
            return Ok(region.into_raw());
        }
        self.take(bytes, || self.pool.allocate(&self.holder))
    }

    /// The same for a cache, if there is memory to spare; of up to half a page.
    pub(crate) fn try_allocate_spare(&self, bytes: usize) -> Option<NonNull<u8>> {
        if bytes > BLOCK_BYTES_MAX {
            return None;
        }
        self.take(bytes, || self.pool.allocate_spare(&self.holder)).ok()
    }

    /// Takes a block back; `bytes` is what it was asked for.
    pub(crate) fn release(&self, block: NonNull<u8>, bytes: usize) {
        self.live_bytes.fetch_sub(bytes as u64, Relaxed);
        if bytes > BLOCK_BYTES_MAX {
            // SAFETY: `try_allocate` made it so for this size, and the caller gives it up.
            drop(unsafe { Region::from_raw(block, bytes, &self.holder) });
            return;
        }
        if let Some(_open) = self.pool.hold_open() {
            self.put_back(block, bytes);
        }
    }

    /// The same for a block in a page, while the pages are there.
    fn put_back(&self, block: NonNull<u8>, bytes: usize) {
        let class = class_of(bytes);
        let page = page_of(block);
        let mut list = self.classes[class].lock();
        // SAFETY: the class's mutex is held, and the block came from this page.
        let empty = unsafe { list.put(page, block.cast(), blocks_of(class)) };
        drop(list);
        if empty {
            self.pool.release(NonNull::new(page.cast()).expect("a page"), &self.holder);
        }
    }

    /// Takes a block back without a lock, from whoever must not wait for one, and keeps it aside until
    /// somebody allocates or calls [`Slab::take_back`].
    ///
    /// # Safety
    /// The block came from [`Slab::allocate`] for so many bytes, and nobody uses it any more.
    pub(crate) unsafe fn hand_back(&self, block: NonNull<u8>, bytes: usize) {
        debug_assert!(bytes <= BLOCK_BYTES_MAX, "a promised block");
        if cfg!(any(loom, shuttle)) || planted::bug("freed_under_lock") {
            // What stands in a block is watched by a model until it is used again.
            return self.release(block, bytes);
        }
        let Some(_open) = self.pool.hold_open() else { return };
        let block: *mut HandedBack = block.as_ptr().cast();
        let mut top = self.handed_back.load(Relaxed);
        loop {
            // SAFETY: the caller gives the block up, and every block has room for this.
            unsafe { block.write(HandedBack { next: top, bytes }) };
            // Release: pairs with the swap in `take_back`.
            match self.handed_back.compare_exchange(top, block, Release, Relaxed) {
                Ok(_) => return,
                Err(now) => top = now,
            }
        }
    }

    /// Frees the blocks that were handed back.
    pub(crate) fn take_back(&self) {
        if self.handed_back.load(Relaxed).is_null() {
            return;
        }
        let Some(_open) = self.pool.hold_open() else { return };
        // All at once, so that no block can come back to the stack meanwhile.
        let mut block = self.handed_back.swap(null_mut(), Acquire);
        while let Some(start) = NonNull::new(block) {
            // SAFETY: `hand_back` wrote it there, and the stack was its only user.
            let HandedBack { next, bytes } = unsafe { start.as_ptr().read() };
            self.live_bytes.fetch_sub(bytes as u64, Relaxed);
            self.put_back(start.cast(), bytes);
            block = next;
        }
    }

    /// Whether a block lies in a page less than a quarter full although another of its class has room:
    /// the next block of this size would come from there.
    ///
    /// The block is live for as long as the call lasts.
    pub(crate) fn is_sparse(&self, block: NonNull<u8>, bytes: usize) -> bool {
        if bytes > BLOCK_BYTES_MAX {
            return false;
        }
        let (class, page) = (class_of(bytes), page_of(block));
        let list = self.classes[class].lock();
        // SAFETY: the page is there while a block of it is live; headers are touched under the mutex.
        let live = unsafe { (*page).live };
        is_sparse(live, blocks_of(class)) && list.best() != page
    }

    /// Pages of which every block is in a sparse place.
    pub(crate) fn sparse_pages(&self) -> usize {
        let sparse = |class: &Mutex<Class>| {
            let list = class.lock();
            let (mut page, mut pages) = (list.sparse, 0);
            while !page.is_null() {
                pages += usize::from(page != list.best());
                // SAFETY: pages in the list are live pages of this class, whose mutex is held.
                page = unsafe { (*page).next };
            }
            pages
        };
        self.classes.iter().map(sparse).sum()
    }

    /// Bytes of all pages.
    pub(crate) fn page_bytes(&self) -> u64 {
        self.holder.used()
    }

    /// Bytes asked for and not yet given back.
    pub(crate) fn live_bytes(&self) -> u64 {
        self.live_bytes.load(Relaxed)
    }

    fn take(
        &self,
        bytes: usize,
        page: impl FnOnce() -> Result<NonNull<u8>>,
    ) -> Result<NonNull<u8>> {
        self.take_back();
        let class = class_of(bytes);
        let mut list = self.classes[class].lock();
        if planted::bug("freed_under_lock") {
            (0..5_000).for_each(|_| std::hint::spin_loop()); // stand here for a while
        }
        if list.best().is_null() {
            let fresh = page()?.cast::<Header>().as_ptr();
            // SAFETY: the page is ours alone, aligned and longer than a header.
            unsafe {
                fresh.write(Header {
                    next: null_mut(),
                    previous: null_mut(),
                    free: null_mut(),
                    live: 0,
                    fresh: 0,
                });
            }
            list.sparse = fresh;
        }
        self.live_bytes.fetch_add(bytes as u64, Relaxed);
        let blocks = blocks_of(class);
        // SAFETY: the class's mutex is held, and there is a page with room.
        Ok(unsafe { list.pop(CLASS_BYTES[class], blocks) })
    }
}

impl Drop for Slab {
    fn drop(&mut self) {
        // Blocks may have come back after the last look: an epoch kept the slab for them.
        self.take_back();
    }
}

impl Class {
    fn empty() -> Self {
        Self { sparse: null_mut(), partial: null_mut() }
    }

    /// The page that the next block comes from, or null if none has room.
    #[inline]
    fn best(&self) -> *mut Header {
        if self.partial.is_null() { self.sparse } else { self.partial }
    }

    /// Takes a block from the best page.
    ///
    /// # Safety
    /// The class's mutex is held, and there is a page of this class with room.
    #[inline]
    unsafe fn pop(&mut self, block_bytes: usize, blocks: usize) -> NonNull<u8> {
        let page = self.best();
        // SAFETY: the caller's promise; headers are touched under the mutex only.
        let header = unsafe { &mut *page };
        let block = if header.free.is_null() {
            let offset = HEADER_BYTES + header.fresh as usize * block_bytes;
            header.fresh += 1;
            // SAFETY: fewer than `blocks` were handed out, so the block lies inside the page.
            unsafe { page.cast::<u8>().add(offset) }
        } else {
            let block = header.free;
            // SAFETY: a free block holds the link to the next one.
            header.free = unsafe { (*block).next };
            block.cast()
        };
        header.live += 1;
        // SAFETY: the page had room, so it is in the list that its blocks so far say.
        unsafe { self.sort(page, header.live - 1, header.live, blocks) };
        NonNull::new(block).expect("blocks lie inside pages")
    }

    /// Puts a block back; true if its page holds nothing any more and has left the list.
    ///
    /// # Safety
    /// The class's mutex is held and `block` is a live block of `page`, which is of this class.
    unsafe fn put(&mut self, page: *mut Header, block: NonNull<FreeBlock>, blocks: usize) -> bool {
        // SAFETY: the caller's promise.
        let header = unsafe { &mut *page };
        // SAFETY: nobody uses the block any more; it is large enough for a link.
        unsafe { block.as_ptr().write(FreeBlock { next: header.free }) };
        header.free = block.as_ptr();
        header.live -= 1;
        // SAFETY: the page is in the list that its blocks so far say.
        unsafe { self.sort(page, header.live + 1, header.live, blocks) };
        header.live == 0
    }

    /// Moves a page to the list that its blocks ask for: none if it is full or empty.
    ///
    /// # Safety
    /// The class's mutex is held, and `page` is in the list for `before` live blocks.
    #[inline]
    unsafe fn sort(&mut self, page: *mut Header, before: u32, after: u32, blocks: usize) {
        let from = (before as usize != blocks).then(|| is_sparse(before, blocks));
        let to = (after > 0 && after as usize != blocks).then(|| is_sparse(after, blocks));
        if from != to {
            // SAFETY: the caller's promise.
            unsafe { self.relink(page, from, to) };
        }
    }

    /// Moves a page from one list to the other, the sparse one or not; none is in no list.
    ///
    /// # Safety
    /// The class's mutex is held, and `page` is in that list.
    #[cold]
    unsafe fn relink(&mut self, page: *mut Header, from: Option<bool>, to: Option<bool>) {
        if let Some(sparse) = from {
            // SAFETY: the caller's promise.
            let (next, previous) = unsafe { ((*page).next, (*page).previous) };
            if previous.is_null() {
                *self.list(sparse) = next;
            } else {
                // SAFETY: neighbours in the list are live pages of this class.
                unsafe { (*previous).next = next };
            }
            if !next.is_null() {
                // SAFETY: as above.
                unsafe { (*next).previous = previous };
            }
        }
        if let Some(sparse) = to {
            let next = std::mem::replace(self.list(sparse), page);
            // SAFETY: the caller's promise.
            unsafe { ((*page).next, (*page).previous) = (next, null_mut()) };
            if !next.is_null() {
                // SAFETY: pages in the list are live pages of this class.
                unsafe { (*next).previous = page };
            }
        }
    }

    fn list(&mut self, sparse: bool) -> &mut *mut Header {
        if sparse { &mut self.sparse } else { &mut self.partial }
    }
}

/// Whether a page with so many live blocks is sparse.
#[inline]
fn is_sparse(live: u32, blocks: usize) -> bool {
    (live as usize) * SPARSE_SHARE < blocks
}

/// Blocks in a page of this class.
fn blocks_of(class: usize) -> usize {
    BLOCKS_PER_PAGE[CLASS_BYTES.len() - 1 - class]
}

/// How many sizes of blocks there are up to one for so many bytes.
pub(crate) fn classes_up_to(bytes: usize) -> usize {
    (class_of(bytes) + 1).min(CLASS_BYTES.len())
}

fn class_of(bytes: usize) -> usize {
    CLASS_BYTES.partition_point(|size| *size < bytes)
}

fn page_of(block: NonNull<u8>) -> *mut Header {
    block.as_ptr().map_addr(|address| address & !(PAGE_BYTES - 1)).cast()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mem::budget::MemoryBudget;

    fn slab(pages: u64) -> (Arc<MemoryBudget>, Arc<Slab>) {
        let budget = MemoryBudget::new(pages * PAGE_BYTES as u64);
        let root = budget.holder("store");
        let pool = PagePool::new(root.child("pool")).unwrap();
        (budget, Slab::new(pool, root.child("slab")))
    }

    #[test]
    fn blocks_handed_back_are_used_again() {
        let (_budget, slab) = slab(4);
        for _ in 0..20 {
            let blocks: Vec<_> = (0..1_000).map(|_| slab.try_allocate(100).unwrap()).collect();
            let held = slab.holder.used();
            for block in &blocks {
                // SAFETY: each was allocated above and is not used.
                unsafe { slab.hand_back(*block, 100) };
            }
            assert_eq!((slab.live_bytes(), slab.holder.used()), (100_000, held));
            drop(slab.try_allocate(3).map(|block| slab.release(block, 3)));
            assert_eq!((slab.live_bytes(), slab.holder.used()), (0, 0));
        }
    }

    /// Goal: pages that run empty are not filled again while fuller ones have room.
    #[test]
    fn blocks_come_from_sparse_pages_last() {
        let (_budget, slab) = slab(8);
        let blocks: Vec<_> = (0..3 * 40).map(|_| slab.try_allocate(1600).unwrap()).collect();
        let pages: Vec<_> = blocks.chunks(40).map(|chunk| page_of(chunk[0])).collect();
        // One block left in the first page, half of the second, and the third full.
        blocks[1..60].iter().for_each(|block| slab.release(*block, 1600));
        assert!(slab.is_sparse(blocks[0], 1600) && slab.sparse_pages() == 1);
        assert!(!slab.is_sparse(blocks[60], 1600) && !slab.is_sparse(blocks[80], 1600));
        for _ in 0..20 {
            assert_eq!(page_of(slab.try_allocate(1600).unwrap()), pages[1]);
        }
        assert_eq!(page_of(slab.try_allocate(1600).unwrap()), pages[0], "where there is room");
        assert!(!slab.is_sparse(blocks[0], 1600), "there is no better place");
    }

    #[test]
    fn classes_ascend_and_fit_their_pages() {
        assert!(CLASS_BYTES.windows(2).all(|pair| pair[0] < pair[1]), "{CLASS_BYTES:?}");
        for (class, size) in CLASS_BYTES.iter().enumerate() {
            let blocks = blocks_of(class);
            assert!(HEADER_BYTES + blocks * size <= PAGE_BYTES);
            assert!(*size >= 16 && size % 16 == 0);
        }
    }

    #[test]
    fn blocks_never_overlap_and_all_pages_come_back() {
        let (_budget, slab) = slab(400);
        let mut live: Vec<(NonNull<u8>, usize, u8)> = Vec::new();
        let mut seed = 7_u64;
        for step in 0..20_000_u32 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let bytes = 1 + (seed >> 33) as usize % if step % 50 == 0 { 100_000 } else { 3_000 };
            if live.len() > 500 {
                let (block, bytes, mark) = live.swap_remove((seed >> 20) as usize % live.len());
                // SAFETY: the block is live and `bytes` long.
                let held = unsafe { std::slice::from_raw_parts(block.as_ptr(), bytes) };
                assert!(held.iter().all(|byte| *byte == mark));
                slab.release(block, bytes);
            }
            let block = slab.try_allocate(bytes).unwrap();
            // SAFETY: as above.
            unsafe { block.as_ptr().write_bytes(step as u8, bytes) };
            live.push((block, bytes, step as u8));
        }
        for (block, bytes, _) in live {
            slab.release(block, bytes);
        }
        assert_eq!((slab.live_bytes(), slab.holder.used()), (0, 0));
    }
}
