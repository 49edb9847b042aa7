//! One virtio block device and its queue: orders are sent, answers are received.
//!
//! Invariant: the memory that an order names belongs to the device from [`Device::add`] to
//! [`Device::take`]. Both are unsafe, and their callers ensure that. Neighbours: [`super::order`]
//! describes orders; [`super::port`] keeps those that are not answered yet.

use core::sync::atomic::{Ordering, fence};

use bitflags::bitflags;
use fs::DeviceError;
use virtio_drivers::queue::VirtQueue;
use virtio_drivers::transport::{DeviceType, Transport};

use super::super::dma::{KernelHal, Shared};
use super::order::{Control, Operation, Order, SEGMENTS, Segment, with_buffers};
use crate::arch::VirtioTransport;

/// The number of descriptors of the queue. An order takes one for each segment of data, and two
/// more.
pub const QUEUE_SIZE: usize = 256;
/// The device's only queue.
const QUEUE: u16 = 0;

/// The offsets of the capacity, in sectors, and of the most segments of a request in the
/// configuration space.
const CONFIG_CAPACITY: usize = 0;
const CONFIG_SEG_MAX: usize = 12;

bitflags! {
    /// The features that the driver uses.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    struct Features: u64 {
        const SEG_MAX = 1 << 2;
        const FLUSH = 1 << 9;
        const VERSION_1 = 1 << 32;
    }
}

/// The longest serial number, in bytes. A shorter one ends with a zero.
const SERIAL_SIZE: usize = 20;
static SERIAL: Shared<[u8; SERIAL_SIZE]> = Shared::new([0; SERIAL_SIZE]);
static SERIAL_CONTROL: Shared<Control> = Shared::new(Control::EMPTY);

/// A working device. Dropping it resets it before the memory of its queue is freed.
pub struct Device {
    transport: VirtioTransport,
    queue: VirtQueue<KernelHal, QUEUE_SIZE>,
    features: Features,
    sectors: u64,
    segments_max: u32,
}

impl Device {
    /// Prepares a device. Returns `None` if it is no block device.
    pub fn open(transport: VirtioTransport) -> Option<virtio_drivers::Result<Self>> {
        (transport.device_type() == DeviceType::Block).then(|| Self::new(transport))
    }

    fn new(mut transport: VirtioTransport) -> virtio_drivers::Result<Self> {
        let features = transport.begin_init(Features::all());
        let sectors = transport.read_consistent(|| {
            let low: u32 = transport.read_config_space(CONFIG_CAPACITY)?;
            let high: u32 = transport.read_config_space(CONFIG_CAPACITY + 4)?;
            Ok(u64::from(high) << 32 | u64::from(low))
        })?;
        let segments_max = if features.contains(Features::SEG_MAX) {
            transport.read_config_space(CONFIG_SEG_MAX)?
        } else {
            1
        };
        let queue = VirtQueue::new(&mut transport, QUEUE, false, false)?;
        transport.finish_init();
        Ok(Self {
            transport,
            queue,
            features,
            sectors,
            segments_max,
        })
    }

    /// Returns the size of the device in sectors.
    pub fn sectors(&self) -> u64 {
        self.sectors
    }

    /// Returns the most segments that the data of an order may have.
    pub fn segments_max(&self) -> usize {
        (self.segments_max as usize).min(SEGMENTS)
    }

    /// Returns whether the device has a cache to flush.
    pub fn can_flush(&self) -> bool {
        self.features.contains(Features::FLUSH)
    }

    /// Returns whether `serial` is the device's serial number. It polls, and must not be called
    /// while orders are unanswered.
    pub fn has_serial(&mut self, serial: &[u8]) -> bool {
        let data = Segment::within(&SERIAL, SERIAL_SIZE);
        let order = Order::new(Operation::Identify, 0, [data]);
        let control = SERIAL_CONTROL.get();
        // SAFETY: used only here, by the boot hart, for one device after the other, and waited for
        // before any other use.
        let answer = unsafe {
            (*SERIAL.get()).fill(0);
            self.add(control, &order).and_then(|token| {
                while self.used().is_none() {
                    core::hint::spin_loop();
                }
                self.take(token, control, &order)
            })
        };
        self.acknowledge();
        // SAFETY: as above; the device has given the memory back.
        let found = unsafe { *SERIAL.get() };
        let length = found.iter().position(|&byte| byte == 0);
        answer.is_ok() && &found[..length.unwrap_or(SERIAL_SIZE)] == serial
    }

    /// Sends an order. Returns the token of its future answer.
    ///
    /// # Safety
    /// The memory at `control` and of the order's data is the caller's. It belongs to the device
    /// from now until [`take`](Self::take) with these arguments.
    pub unsafe fn add(&mut self, control: *mut Control, order: &Order) -> Result<u16, DeviceError> {
        // SAFETY: the caller's promise.
        let added = unsafe {
            (*control).prepare(order);
            with_buffers(control, order, |inputs, outputs| {
                self.queue.add(inputs, outputs)
            })
        };
        let token = added.map_err(|_| DeviceError)?;
        // The order must be visible before the device's wish for a notification is read (VIRTIO
        // 1.2, section 2.7.13.4.1): a device that has just decided to sleep looks once more.
        // Without the fence, the device may miss an order for ever while others are unanswered.
        fence(Ordering::SeqCst);
        if self.queue.should_notify() {
            self.transport.notify(QUEUE);
        }
        Ok(token)
    }

    /// Returns the token of the next answer, if there is one.
    pub fn used(&self) -> Option<u16> {
        self.queue.peek_used()
    }

    /// Receives the answer that [`used`](Self::used) returned, and takes the memory back.
    ///
    /// # Safety
    /// `control` and `order` are those for which [`add`](Self::add) returned `token`.
    pub unsafe fn take(
        &mut self,
        token: u16,
        control: *mut Control,
        order: &Order,
    ) -> Result<(), DeviceError> {
        // SAFETY: the caller's promise; the device no longer uses the memory when its answer can be
        // popped.
        let is_ok = unsafe {
            let popped = with_buffers(control, order, |inputs, outputs| {
                self.queue.pop_used(token, inputs, outputs)
            });
            popped.is_ok() && (*control).is_ok()
        };
        is_ok.then_some(()).ok_or(DeviceError)
    }

    /// Acknowledges the device's interrupt.
    pub fn acknowledge(&mut self) {
        self.transport.ack_interrupt();
    }
}
