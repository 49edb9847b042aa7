//! A request to a block device, as it lies in memory (VIRTIO 1.2, section 5.2.6).
//!
//! An order is a header and a status, which are the driver's ([`Control`]), and data in up to
//! [`SEGMENTS`] pieces anywhere in the direct map. [`super::device`] and [`super::port`] say whose
//! the memory is at what time.

use core::{array, slice};

use abi::PAGE_SIZE;
use kernel_logic::list::List;
use mm::addr::{FrameNo, PhysAddr};

use super::super::dma::Shared;
use crate::arch;

/// The unit that the device counts in, in bytes.
pub const SECTOR_SIZE: usize = 512;
/// How many pieces of memory the data of an order may have.
pub const SEGMENTS: usize = 32;
/// The operation, with its number in the header.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// Copies from the device into memory.
    Read = 0,
    /// Copies from memory to the device.
    Write = 1,
    /// Makes everything durable that was written so far.
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
    /// Returns a whole frame.
    pub const fn frame(frame: FrameNo) -> Self {
        Self {
            start: frame.address(),
            length: PAGE_SIZE,
        }
    }

    /// Returns the first `length` bytes, at least one, of memory in the kernel's image.
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

/// A request: what is to be done, from which sector on (0 where that means nothing), and with which
/// memory, piece after piece.
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

/// The part of an order that is not data.
#[repr(C)]
pub struct Control {
    header: [u8; 16],
    status: u8,
}

impl Control {
    /// A header of no order.
    pub const EMPTY: Self = Self {
        header: [0; 16],
        status: STATUS_NONE,
    };

    /// Writes the header of an order, and no answer.
    pub fn prepare(&mut self, order: &Order) {
        self.header[..4].copy_from_slice(&(order.operation as u32).to_le_bytes());
        self.header[8..].copy_from_slice(&order.sector.to_le_bytes());
        self.status = STATUS_NONE;
    }

    /// Returns whether the device has answered that all went well.
    pub fn is_ok(&self) -> bool {
        self.status == STATUS_OK
    }
}

const STATUS_OK: u8 = 0;
/// Not a status a device writes.
const STATUS_NONE: u8 = 0xff;

/// Calls `body` with what the device reads of an order and what it writes.
///
/// # Safety
/// The caller has the memory at `control` and of the data to itself.
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
