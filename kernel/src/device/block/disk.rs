//! The file system's disk.
//!
//! Data goes through a page that belongs to the order's slot. So a caller's buffer may be anywhere
//! (a kernel stack is not in the direct map), and the device never has an address of borrowed
//! memory. The page belongs to the thread that has claimed the slot.

use abi::{BLOCK_SIZE, PAGE_SIZE};
use fs::{BlockDevice, DeviceError};
use sync::{Held, level};

use super::super::dma::Shared;
use super::FILES;
use super::order::{Operation, Order, SECTOR_SIZE, Segment};
use super::port::PLACES;

const SECTORS_PER_BLOCK: u64 = (BLOCK_SIZE / SECTOR_SIZE) as u64;
const SECTORS_PER_PAGE: u64 = (PAGE_SIZE / SECTOR_SIZE) as u64;

static PAGES: [Shared<[u8; PAGE_SIZE]>; PLACES] = [const { Shared::new([0; PAGE_SIZE]) }; PLACES];

/// The disk.
#[derive(Clone, Copy, Debug)]
pub struct Disk {
    blocks: u32,
    can_flush: bool,
}

/// Returns the file system's disk, which [`super::find`] has found.
pub fn disk(held: &mut Held<level::Nothing>) -> Disk {
    let disk = FILES.describe(held.as_if(), |device| Disk {
        blocks: u32::try_from(device.sectors() / SECTORS_PER_BLOCK).unwrap_or(u32::MAX),
        can_flush: device.can_flush(),
    });
    disk.unwrap_or_else(|| unreachable!("the disk is used before it was found"))
}

/// The data of a request, in the caller's memory.
enum Data<'a> {
    None,
    Read(&'a mut [u8]),
    Write(&'a [u8]),
}

/// Makes one request of at most a page, and waits for its end.
fn request(sector: u64, data: Data<'_>) -> Result<(), DeviceError> {
    // The file system is the only user of `BlockDevice`, and calls it under its own lock, above
    // which it takes none.
    let mut held = Held::<level::Files>::by_contract();
    let held = held.as_if();
    let claim = FILES.claim(held);
    let page = &PAGES[claim.place()];
    let (operation, length) = match &data {
        Data::None => (Operation::Flush, 0),
        Data::Read(buffer) => (Operation::Read, buffer.len()),
        Data::Write(buffer) => {
            // SAFETY: the slot is claimed and has no unanswered order, so its page is ours.
            unsafe { (&mut *page.get())[..buffer.len()].copy_from_slice(buffer) };
            (Operation::Write, buffer.len())
        }
    };
    let segment = (length > 0).then(|| Segment::within(page, length));
    let order = Order::new(operation, sector, segment);
    // SAFETY: the page is ours as above, and is not touched before the wait has returned.
    let mut pending = unsafe { claim.submit(order, held) };
    pending.wait(held)?;
    if let Data::Read(buffer) = data {
        // SAFETY: the request has ended and the slot is still claimed.
        buffer.copy_from_slice(unsafe { &(&*page.get())[..buffer.len()] });
    }
    Ok(())
}

impl Disk {
    /// Returns the first sector of `length` bytes from block `first` on, if the disk has them.
    fn sector(&self, first: u32, length: usize) -> Result<u64, DeviceError> {
        let end = first as usize + length / BLOCK_SIZE;
        if length.is_multiple_of(BLOCK_SIZE) && end <= self.blocks as usize {
            Ok(u64::from(first) * SECTORS_PER_BLOCK)
        } else {
            Err(DeviceError)
        }
    }
}

impl BlockDevice for Disk {
    fn blocks(&self) -> u32 {
        self.blocks
    }

    fn read(&mut self, first: u32, buffer: &mut [u8]) -> Result<(), DeviceError> {
        let mut sector = self.sector(first, buffer.len())?;
        for part in buffer.chunks_mut(PAGE_SIZE) {
            request(sector, Data::Read(part))?;
            sector += SECTORS_PER_PAGE;
        }
        Ok(())
    }

    fn write(&mut self, first: u32, buffer: &[u8]) -> Result<(), DeviceError> {
        let mut sector = self.sector(first, buffer.len())?;
        for part in buffer.chunks(PAGE_SIZE) {
            request(sector, Data::Write(part))?;
            sector += SECTORS_PER_PAGE;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), DeviceError> {
        // A device without a cache of its own has nothing to flush.
        if self.can_flush {
            request(0, Data::None)
        } else {
            Ok(())
        }
    }
}
