//! Memory that devices access: the functions that `virtio-drivers` needs from a kernel.
//!
//! The block driver is the only user. It shares memory of the kernel's image and whole frames. Both
//! lie in the direct map and are physically contiguous, so every buffer is shared in place.

use core::cell::UnsafeCell;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicU32, Ordering};

use abi::PAGE_SIZE;
use virtio_drivers::{BufferDirection, Hal, PhysAddr};

use crate::arch;

/// The pages for the rings of three queues, 3 each: those of two disks, and of one device that is
/// being examined.
const POOL_PAGES: usize = 9;

/// Memory of the image that a device reads and writes.
#[repr(transparent)]
pub struct Shared<T>(UnsafeCell<T>);

// SAFETY: only raw pointers to the contents are handed out, and their users keep the order (see
// `block`).
unsafe impl<T: Send> Sync for Shared<T> {}

impl<T> Shared<T> {
    /// Returns shared memory with these contents.
    pub const fn new(value: T) -> Self {
        Self(UnsafeCell::new(value))
    }

    /// Returns the address of the contents.
    pub const fn get(&self) -> *mut T {
        self.0.get()
    }
}

/// The pages of the pool.
#[repr(C, align(4096))]
struct Pool([u8; POOL_PAGES * PAGE_SIZE]);

static POOL: Shared<Pool> = Shared::new(Pool([0; POOL_PAGES * PAGE_SIZE]));
/// The pages of the pool that are in use, one bit each.
static TAKEN: AtomicU32 = AtomicU32::new(0);

/// This kernel, as `virtio-drivers` sees it.
pub struct KernelHal;

fn physical(buffer: *const u8) -> PhysAddr {
    arch::to_physical(buffer).map_or_else(
        || unreachable!("a device can only use memory of the direct map"),
        |a| a.0,
    )
}

/// Returns the bits of `pages` pages, from page `first` on.
const fn bits(first: usize, pages: usize) -> u32 {
    ((1 << pages) - 1) << first
}

// SAFETY: `dma_alloc` gives out pages of the pool that are not in use, zeroed and aligned by
// `Pool`; the rest only translates addresses. Queues come and go while the boot hart is alone, so
// the bits do not change between a look at them and their change.
unsafe impl Hal for KernelHal {
    fn dma_alloc(pages: usize, _: BufferDirection) -> (PhysAddr, NonNull<u8>) {
        let taken = TAKEN.load(Ordering::Relaxed);
        let fits = |&first: &usize| taken & bits(first, pages) == 0;
        let Some(first) = (0..=POOL_PAGES.saturating_sub(pages)).find(fits) else {
            // Address 0 is this interface's error.
            return (0, NonNull::dangling());
        };
        TAKEN.store(taken | bits(first, pages), Ordering::Relaxed);
        let start = POOL.get().cast::<u8>().wrapping_add(first * PAGE_SIZE);
        // SAFETY: pages of the pool that were not in use.
        unsafe { start.write_bytes(0, pages * PAGE_SIZE) };
        (
            physical(start),
            NonNull::new(start).unwrap_or(NonNull::dangling()),
        )
    }

    unsafe fn dma_dealloc(_: PhysAddr, start: NonNull<u8>, pages: usize) -> i32 {
        let first = (start.as_ptr() as usize - POOL.get() as usize) / PAGE_SIZE;
        TAKEN.fetch_and(!bits(first, pages), Ordering::Relaxed);
        0
    }

    unsafe fn mmio_phys_to_virt(address: PhysAddr, _: usize) -> NonNull<u8> {
        NonNull::new(arch::to_virtual(mm::addr::PhysAddr(address))).unwrap_or(NonNull::dangling())
    }

    unsafe fn share(buffer: NonNull<[u8]>, _: BufferDirection) -> PhysAddr {
        physical(buffer.as_ptr().cast())
    }

    unsafe fn unshare(_: PhysAddr, _: NonNull<[u8]>, _: BufferDirection) {}
}
