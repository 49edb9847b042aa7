//! The layout of the kernel's half of the address space.
//!
//! ```text
//! 0x0000_0000_0000_0000  programs, up to 2^47
//! 0xffff_8000_0000_0000  direct map of the first 64 TiB of physical memory
//! 0xffff_ff00_0000_0000  kernel stacks, each with a guard below it
//! 0xffff_ffff_8000_0000  the kernel's image: the code model wants it in the last 2 GiB
//! ```

use mm::addr::{FrameNo, PhysAddr, VirtAddr};
use mm::pt::{Format, X86_64};

/// The address at which physical address 0 is mapped.
pub const DIRECT_MAP: usize = 0xffff_8000_0000_0000;
/// The size of the physical memory that the direct map can hold, in bytes.
pub const DIRECT_MAP_SIZE: usize = 1 << 46;
/// The start of the kernel stacks. They have one entry of a table of the third level, 1 GiB.
pub const STACK_REGION: usize = 0xffff_ff00_0000_0000;
/// Where physical address 0 would be in the mapping of the image. The linker script repeats it.
pub const IMAGE_BASE: usize = 0xffff_ffff_8000_0000;
/// The page where harts start. The firmware does not use it, and `mm` gets no memory below 1 MiB.
pub(super) const START_PAGE: usize = 0x8000;
/// The end of programs' addresses.
pub const USER_END: VirtAddr = X86_64::USER_TOP;

/// Returns the kernel's address for a physical address of RAM or of a device's registers.
pub fn to_virtual(address: PhysAddr) -> *mut u8 {
    (address.0 as usize + DIRECT_MAP) as *mut u8
}

/// Returns the physical address of an address in the direct map or in the image, or `None` for any
/// other (a kernel stack).
pub fn to_physical(pointer: *const u8) -> Option<PhysAddr> {
    let address = pointer as usize;
    if let Some(offset) = address.checked_sub(IMAGE_BASE) {
        return Some(PhysAddr(offset as u64));
    }
    let offset = address.checked_sub(DIRECT_MAP)?;
    (offset < DIRECT_MAP_SIZE).then_some(PhysAddr(offset as u64))
}

/// Returns whether the processor accepts an address: the bits above bit 47 must all equal bit 47.
pub const fn is_canonical(address: u64) -> bool {
    (address as i64) << 16 >> 16 == address as i64
}

/// A boundary of the kernel's image, set by the linker script.
macro_rules! boundary {
    ($name:ident, $symbol:ident, $doc:literal) => {
        #[doc = $doc]
        pub fn $name() -> usize {
            unsafe extern "C" {
                static $symbol: u8;
            }
            (&raw const $symbol) as usize
        }
    };
}

boundary!(
    image_start,
    __image_start,
    "The first byte of the image, which is the first of the text."
);
boundary!(
    text_end,
    __text_end,
    "The end of the text, where the read-only data begins."
);
boundary!(
    rodata_end,
    __rodata_end,
    "The end of the read-only data, where the writable data begins."
);
boundary!(image_end, __image_end, "The end of the image.");

/// Returns whether `address` is in the kernel's text.
pub fn is_kernel_text(address: usize) -> bool {
    (image_start()..text_end()).contains(&address)
}

/// Returns the first frame after the kernel's image.
pub fn first_frame_after_image() -> FrameNo {
    PhysAddr((image_end() - IMAGE_BASE) as u64).frame()
}
