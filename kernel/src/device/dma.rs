//! Memory that devices see: what `virtio-drivers` asks of a kernel.
//!
//! The block driver, the only user, shares nothing but memory of the kernel's image: it lies in the direct map and is
//! physically contiguous, so every buffer is shared in place and no address outlives its memory.

use core::cell::UnsafeCell;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicUsize, Ordering};

use abi::PAGE_SIZE;
use virtio_drivers::{BufferDirection, Hal, PhysAddr};

use crate::arch;

/// Pages for the rings of one queue: at most 2, or 3 in the old layout.
const POOL_PAGES: usize = 4;

/// Memory of the image that a device reads and writes.
#[repr(transparent)]
pub struct Shared<T>(UnsafeCell<T>);

// SAFETY: only raw pointers to the contents are handed out; who uses them keeps the order (see `block`).
unsafe impl<T: Send> Sync for Shared<T> {}

impl<T> Shared<T> {
    /// With this content.
    pub const fn new(value: T) -> Self {
        Self(UnsafeCell::new(value))
    }

    /// Where the contents are.
    pub const fn get(&self) -> *mut T {
        self.0.get()
    }
}

/// Whole pages.
#[repr(C, align(4096))]
struct Pool([u8; POOL_PAGES * PAGE_SIZE]);

static POOL: Shared<Pool> = Shared::new(Pool([0; POOL_PAGES * PAGE_SIZE]));
static TAKEN: AtomicUsize = AtomicUsize::new(0);

/// This kernel, for `virtio-drivers`.
pub struct KernelHal;

fn physical(buffer: *const u8) -> PhysAddr {
    arch::to_physical(buffer).map_or_else(
        || unreachable!("a device can only use memory of the direct map"),
        |a| a.0,
    )
}

// SAFETY: `dma_alloc` gives out pages of the pool once each, zeroed since the boot and aligned by `Pool`; the rest only translates addresses.
unsafe impl Hal for KernelHal {
    fn dma_alloc(pages: usize, _: BufferDirection) -> (PhysAddr, NonNull<u8>) {
        let first = TAKEN.fetch_add(pages, Ordering::Relaxed);
        if first + pages > POOL_PAGES {
            // Address 0 is how this interface says no.
            return (0, NonNull::dangling());
        }
        let start = POOL.get().cast::<u8>().wrapping_add(first * PAGE_SIZE);
        (
            physical(start),
            NonNull::new(start).unwrap_or(NonNull::dangling()),
        )
    }

    unsafe fn dma_dealloc(_: PhysAddr, _: NonNull<u8>, _: usize) -> i32 {
        // The queue lives as long as the kernel; one that could not be set up ends the boot.
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
