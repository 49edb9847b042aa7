//! A request to a block device, in the layout of VIRTIO 1.2, section 5.2.6.
//!
//! An order has a header and a status, which the driver owns ([`Control`]), and data in up to
//! [`SEGMENTS`] segments anywhere in the direct map. [`super::device`] and [`super::port`] state
//! who may use the memory when.

use core::{array, slice};

use abi::PAGE_SIZE;
use kernel_logic::list::List;
use mm::addr::{FrameNo, PhysAddr};

use super::super::dma::Shared;
use crate::arch;

/// The size of a sector, the device's unit, in bytes.
pub const SECTOR_SIZE: usize = 512;
/// The most segments that the data of an order may have.
pub const SEGMENTS: usize = 32;
/// The operation, with its number in the header.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// Copies from the device into memory.
    Read = 0,
    /// Copies from memory to the device.
    Write = 1,
    /// Makes all earlier writes durable.
    Flush = 4,
    /// Copies the serial number into memory.
    Identify = 8,
}

/// A piece of memory for data.
#[derive(Clone, Copy)]
pub struct Segment {
    start: PhysAddr,
    length: usize,
}

impl Segment {
    /// Returns a segment of a whole frame.
    pub const fn frame(frame: FrameNo) -> Self {
        Self {
            start: frame.address(),
            length: PAGE_SIZE,
        }
    }

    /// Returns a segment of the first `length` bytes, at least one, of memory in the kernel's
    /// image.
    pub fn within<T>(memory: &'static Shared<T>, length: usize) -> Self {
        assert!((1..=size_of::<T>()).contains(&length));
        let start = arch::to_physical(memory.get().cast());
        Self {
            start: start.unwrap_or_else(|| unreachable!("the image is in the direct map")),
            length,
        }
    }

    fn start(self) -> *mut u8 {
        arch::to_virtual(self.start)
    }
}

/// A request: the operation, its first sector (0 where it has no meaning), and the segments of its
/// data in order.
#[derive(Clone, Copy)]
pub struct Order {
    operation: Operation,
    sector: u64,
    data: List<Segment, SEGMENTS>,
}

impl Order {
    /// Returns a request without data.
    pub const fn without_data(operation: Operation, sector: u64) -> Self {
        Self {
            operation,
            sector,
            data: List::new(),
        }
    }

    /// Returns a request with data in at most [`SEGMENTS`] pieces.
    pub fn new(operation: Operation, sector: u64, data: impl IntoIterator<Item = Segment>) -> Self {
        let mut order = Self::without_data(operation, sector);
        for segment in data {
            let added = order.data.push(segment);
            assert!(added.is_ok(), "an order has more than {SEGMENTS} pieces");
        }
        order
    }
}

/// The header and the status of an order.
#[repr(C)]
pub struct Control {
    header: [u8; 16],
    status: u8,
}

impl Control {
    /// A control without an order.
    pub const EMPTY: Self = Self {
        header: [0; 16],
        status: STATUS_NONE,
    };

    /// Writes the header of an order, and clears the status.
    pub fn prepare(&mut self, order: &Order) {
        self.header[..4].copy_from_slice(&(order.operation as u32).to_le_bytes());
        self.header[8..].copy_from_slice(&order.sector.to_le_bytes());
        self.status = STATUS_NONE;
    }

    /// Returns whether the device has answered that the order succeeded.
    pub fn is_ok(&self) -> bool {
        self.status == STATUS_OK
    }
}

const STATUS_OK: u8 = 0;
/// A status that no device writes.
const STATUS_NONE: u8 = 0xff;

/// Calls `body` with the memory of an order that the device reads, and the memory that it writes.
///
/// # Safety
/// No other code uses the memory at `control` or that of the data.
pub unsafe fn with_buffers<R>(
    control: *mut Control,
    order: &Order,
    body: impl for<'a> FnOnce(&'a [&'a [u8]], &'a mut [&'a mut [u8]]) -> R,
) -> R {
    // SAFETY: the caller's promise.
    let Control { header, status } = unsafe { &mut *control };
    let status = slice::from_mut(status);
    let count = order.data.len();
    if order.operation == Operation::Write {
        let mut inputs: [&[u8]; SEGMENTS + 1] = [&[]; _];
        inputs[0] = header;
        for (input, segment) in inputs[1..].iter_mut().zip(order.data.iter()) {
            // SAFETY: the caller's promise; frames and the image are in the direct map.
            *input = unsafe { slice::from_raw_parts(segment.start(), segment.length) };
        }
        body(&inputs[..=count], &mut [status])
    } else {
        let mut outputs: [&mut [u8]; SEGMENTS + 1] = array::from_fn(|_| Default::default());
        for (output, segment) in outputs.iter_mut().zip(order.data.iter()) {
            // SAFETY: as above, and segments do not overlap.
            *output = unsafe { slice::from_raw_parts_mut(segment.start(), segment.length) };
        }
        outputs[count] = status;
        body(&[header], &mut outputs[..=count])
    }
}
