//! The disk: a virtio block device (VIRTIO 1.2, section 5.2) behind the transport and queue of `virtio-drivers`.
//!
//! A request owns one of a few slots from the moment it is submitted until its caller has taken the result. The data goes
//! through the slot's own page, so a caller's buffer may be anywhere (a kernel stack is not in the direct map) and a
//! device never holds an address of borrowed memory.
//! Invariants: slots and queue are touched under the lock; the memory of a slot is the device's while it is
//! [`Slot::Submitted`], and its owner's otherwise.
//!
//! Callers sleep until the interrupt; before there is a scheduler the same loop polls.

use abi::{BLOCK_SIZE, PAGE_SIZE};
use bitflags::bitflags;
use fs::{BlockDevice, DeviceError};
use kernel_logic::board::Board;
use sync::level::{self, Sleeping};
use sync::{Held, Interruptible, SpinLock, WaitQueue};
use virtio_drivers::queue::VirtQueue;
use virtio_drivers::transport::mmio::MmioTransport;
use virtio_drivers::transport::{DeviceType, Transport};

use super::dma::{KernelHal, Shared};
use crate::{arch, boot};

const SECTOR_SIZE: usize = 512;
const SECTORS_PER_BLOCK: u64 = (BLOCK_SIZE / SECTOR_SIZE) as u64;

/// Requests that can be on their way at once; each takes at most three descriptors.
const SLOTS: usize = 8;
const QUEUE_SIZE: usize = 32;
/// The device's only queue.
const QUEUE: u16 = 0;

bitflags! {
    /// What the driver makes use of.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    struct Features: u64 {
        const FLUSH = 1 << 9;
        const VERSION_1 = 1 << 32;
    }
}

/// What is asked of the device, with its number in a request's header.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Operation {
    Read = 0,
    Write = 1,
    Flush = 4,
}

const STATUS_OK: u8 = 0;
/// Not a status a device writes.
const STATUS_NONE: u8 = 0xff;

/// What the device sees of a request.
#[repr(C)]
struct Buffers {
    header: [u8; 16],
    status: u8,
    data: [u8; PAGE_SIZE],
}

static BUFFERS: [Shared<Buffers>; SLOTS] = [const {
    Shared::new(Buffers {
        header: [0; 16],
        status: 0,
        data: [0; PAGE_SIZE],
    })
}; SLOTS];

/// Where a request stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Slot {
    Free,
    Submitted {
        token: u16,
        operation: Operation,
        length: usize,
    },
    Done(Result<(), DeviceError>),
}

struct Driver {
    transport: MmioTransport<'static>,
    queue: VirtQueue<KernelHal, QUEUE_SIZE>,
    sectors: u64,
    can_flush: bool,
    slots: [Slot; SLOTS],
}

static DRIVER: SpinLock<level::Device, Option<Driver>> = SpinLock::new(None);
/// Woken when a request is done and when a slot is free.
static PROGRESS: WaitQueue = WaitQueue::new();

/// Finds the disk, the first virtio block device, and prepares it. Returns its interrupt; refuses to go on without a disk.
pub fn initialize(board: &Board) -> u32 {
    for slot in board.virtio.iter() {
        let registers = arch::to_virtual(mm::addr::PhysAddr(slot.registers.start));
        let Some(header) = core::ptr::NonNull::new(registers.cast()) else {
            continue;
        };
        // SAFETY: a virtio slot of the device tree, mapped for good by the kernel's tables, and nobody else drives it.
        let transport = unsafe { MmioTransport::new(header, slot.registers.size as usize) };
        let Ok(transport) = transport else {
            continue;
        };
        if transport.device_type() == DeviceType::Block {
            let driver = Driver::new(transport).unwrap_or_else(|error| {
                boot::refuse(format_args!("the disk does not work: {error}"))
            });
            *DRIVER.lock(&mut Held::<Sleeping>::claim()) = Some(driver);
            return slot.interrupt;
        }
    }
    boot::refuse(format_args!(
        "no disk; give QEMU one: -drive file=fs.img,if=none,format=raw,id=x0 -device virtio-blk-device,drive=x0"
    ))
}

impl Driver {
    fn new(mut transport: MmioTransport<'static>) -> virtio_drivers::Result<Self> {
        let features = transport.begin_init(Features::all());
        let sectors = transport.read_consistent(|| {
            let low: u32 = transport.read_config_space(0)?;
            let high: u32 = transport.read_config_space(4)?;
            Ok(u64::from(high) << 32 | u64::from(low))
        })?;
        let queue = VirtQueue::new(&mut transport, QUEUE, false, false)?;
        transport.finish_init();
        Ok(Self {
            transport,
            queue,
            sectors,
            can_flush: features.contains(Features::FLUSH),
            slots: [Slot::Free; SLOTS],
        })
    }

    fn free_slot(&self) -> Option<usize> {
        self.slots.iter().position(|slot| *slot == Slot::Free)
    }

    /// Sends a request whose data, if it has any to write, is in the slot's page already.
    fn submit(
        &mut self,
        slot: usize,
        operation: Operation,
        sector: u64,
        length: usize,
    ) -> Result<(), DeviceError> {
        let buffers = BUFFERS[slot].get();
        // SAFETY: the slot is free, so the lock's holder has its memory to itself; from `add` on it is the device's, until `reap`.
        let added = unsafe {
            (&mut (*buffers).header)[..4].copy_from_slice(&(operation as u32).to_le_bytes());
            (&mut (*buffers).header)[8..].copy_from_slice(&sector.to_le_bytes());
            (*buffers).status = STATUS_NONE;
            with_buffers(buffers, operation, length, |inputs, outputs| {
                self.queue.add(inputs, outputs)
            })
        };
        let token = added.map_err(|_| DeviceError)?;
        self.slots[slot] = Slot::Submitted {
            token,
            operation,
            length,
        };
        if self.queue.should_notify() {
            self.transport.notify(QUEUE);
        }
        Ok(())
    }

    /// Takes back every request that the device has finished.
    fn reap(&mut self) {
        while let Some(used) = self.queue.peek_used() {
            let found = self
                .slots
                .iter()
                .enumerate()
                .find_map(|(number, slot)| match *slot {
                    Slot::Submitted {
                        token,
                        operation,
                        length,
                    } if token == used => Some((number, operation, length)),
                    _ => None,
                });
            let Some((number, operation, length)) = found else {
                panic!("the disk answers a request {used} that was never made");
            };
            let buffers = BUFFERS[number].get();
            // SAFETY: the same buffers as in `submit`, which the device has given back.
            let status = unsafe {
                let popped = with_buffers(buffers, operation, length, |inputs, outputs| {
                    self.queue.pop_used(used, inputs, outputs)
                });
                popped.map(|_| (&raw const (*buffers).status).read_volatile())
            };
            let result = if status == Ok(STATUS_OK) {
                Ok(())
            } else {
                Err(DeviceError)
            };
            self.slots[number] = Slot::Done(result);
        }
    }
}

/// Calls `body` with what the device reads of a request and what it writes.
///
/// # Safety
/// The caller has the memory at `buffers` to itself.
unsafe fn with_buffers<R>(
    buffers: *mut Buffers,
    operation: Operation,
    length: usize,
    body: impl for<'a> FnOnce(&'a [&'a [u8]], &'a mut [&'a mut [u8]]) -> R,
) -> R {
    // SAFETY: the caller's promise; the buffers live for ever.
    let Buffers {
        header,
        status,
        data,
    } = unsafe { &mut *buffers };
    let (data, status) = (&mut data[..length], core::slice::from_mut(status));
    match operation {
        Operation::Read => body(&[header], &mut [data, status]),
        Operation::Write => body(&[header, data], &mut [status]),
        Operation::Flush => body(&[header], &mut [status]),
    }
}

/// Serves the disk's interrupt.
pub fn interrupt(held: &mut Held<Sleeping>) {
    if let Some(driver) = &mut *DRIVER.lock(held) {
        driver.transport.ack_interrupt();
        driver.reap();
    }
    PROGRESS.wake_all();
}

/// The disk.
#[derive(Clone, Copy, Debug)]
pub struct Disk {
    blocks: u32,
    can_flush: bool,
}

/// The disk that [`initialize`] has found.
pub fn disk() -> Disk {
    let mut held = Held::<Sleeping>::claim();
    with_driver(&mut held, |driver| Disk {
        blocks: u32::try_from(driver.sectors / SECTORS_PER_BLOCK).unwrap_or(u32::MAX),
        can_flush: driver.can_flush,
    })
}

fn with_driver<L: level::Level, R>(held: &mut Held<L>, body: impl FnOnce(&mut Driver) -> R) -> R {
    let mut guard = DRIVER.lock(held.as_if::<Sleeping>());
    match &mut *guard {
        Some(driver) => body(driver),
        None => unreachable!("the disk is used before it was found"),
    }
}

/// The data of a request, on the caller's side.
enum Data<'a> {
    None,
    Read(&'a mut [u8]),
    Write(&'a [u8]),
}

/// Makes one request of at most a page and waits for its end.
fn request(sector: u64, mut data: Data<'_>) -> Result<(), DeviceError> {
    // The file system is the only user, and its lock the innermost sleep lock.
    let mut held = Held::<level::Files>::claim();
    let slot = wait_until(&mut held, |driver| {
        let slot = driver.free_slot()?;
        let (operation, length) = match &data {
            Data::None => (Operation::Flush, 0),
            Data::Read(buffer) => (Operation::Read, buffer.len()),
            Data::Write(buffer) => {
                // SAFETY: the slot is free, so its memory is ours under the lock.
                unsafe {
                    (&mut (*BUFFERS[slot].get()).data)[..buffer.len()].copy_from_slice(buffer)
                };
                (Operation::Write, buffer.len())
            }
        };
        Some(
            driver
                .submit(slot, operation, sector, length)
                .map(|()| slot),
        )
    })?;
    let result = wait_until(&mut held, |driver| {
        driver.reap();
        let Slot::Done(result) = driver.slots[slot] else {
            return None;
        };
        if let (Ok(()), Data::Read(buffer)) = (result, &mut data) {
            // SAFETY: the request is done and the slot is still ours.
            buffer.copy_from_slice(unsafe { &(&(*BUFFERS[slot].get()).data)[..buffer.len()] });
        }
        driver.slots[slot] = Slot::Free;
        Some(result)
    });
    PROGRESS.wake_all();
    result
}

/// Asks again after every progress until there is an answer.
fn wait_until<R>(
    held: &mut Held<level::Files>,
    mut ask: impl FnMut(&mut Driver) -> Option<R>,
) -> R {
    loop {
        let ticket = PROGRESS.ticket();
        if let Some(answer) = with_driver(held, &mut ask) {
            return answer;
        }
        // A disk answers soon and must be waited for, killed or not.
        let _ = PROGRESS.wait(ticket, Interruptible::No, held);
    }
}

impl Disk {
    /// The sector where `length` bytes from block `first` on begin, if the disk has them.
    fn sector(&self, first: u32, length: usize) -> Result<u64, DeviceError> {
        let end = first as usize + length / BLOCK_SIZE;
        if length.is_multiple_of(BLOCK_SIZE) && end <= self.blocks as usize {
            Ok(u64::from(first) * SECTORS_PER_BLOCK)
        } else {
            Err(DeviceError)
        }
    }
}

const SECTORS_PER_REQUEST: u64 = (PAGE_SIZE / SECTOR_SIZE) as u64;

impl BlockDevice for Disk {
    fn blocks(&self) -> u32 {
        self.blocks
    }

    fn read(&mut self, first: u32, buffer: &mut [u8]) -> Result<(), DeviceError> {
        let mut sector = self.sector(first, buffer.len())?;
        for part in buffer.chunks_mut(PAGE_SIZE) {
            request(sector, Data::Read(part))?;
            sector += SECTORS_PER_REQUEST;
        }
        Ok(())
    }

    fn write(&mut self, first: u32, buffer: &[u8]) -> Result<(), DeviceError> {
        let mut sector = self.sector(first, buffer.len())?;
        for part in buffer.chunks(PAGE_SIZE) {
            request(sector, Data::Write(part))?;
            sector += SECTORS_PER_REQUEST;
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
