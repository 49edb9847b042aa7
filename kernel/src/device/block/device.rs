//! One virtio block device and its queue: orders go in, answers come out.
//!
//! Invariant: from [`Device::add`] to [`Device::take`] the memory that an order names is the
//! device's; both are unsafe and their callers see to it. Neighbours: [`super::order`] is what goes
//! in, [`super::port`] keeps what is on its way.

use core::sync::atomic::{Ordering, fence};

use bitflags::bitflags;
use fs::DeviceError;
use virtio_drivers::queue::VirtQueue;
use virtio_drivers::transport::{DeviceType, Transport};

use super::super::dma::{KernelHal, Shared};
use super::order::{Control, Operation, Order, SEGMENTS, Segment, with_buffers};
use crate::arch::VirtioTransport;

/// Descriptors of the queue. An order takes one for each piece of data and two more.
pub const QUEUE_SIZE: usize = 256;
/// The device's only queue.
const QUEUE: u16 = 0;

/// Where the configuration space has the capacity, in sectors, and the most segments of a request.
const CONFIG_CAPACITY: usize = 0;
const CONFIG_SEG_MAX: usize = 12;

bitflags! {
    /// What the driver makes use of.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    struct Features: u64 {
        const SEG_MAX = 1 << 2;
        const FLUSH = 1 << 9;
        const VERSION_1 = 1 << 32;
    }
}

/// How long a serial number may be; a shorter one ends with a zero.
const SERIAL_SIZE: usize = 20;
static SERIAL: Shared<[u8; SERIAL_SIZE]> = Shared::new([0; SERIAL_SIZE]);
static SERIAL_CONTROL: Shared<Control> = Shared::new(Control::EMPTY);

/// A device that works. When it is dropped it is reset before the memory of its queue is given
/// back.
pub struct Device {
    transport: VirtioTransport,
    queue: VirtQueue<KernelHal, QUEUE_SIZE>,
    features: Features,
    sectors: u64,
    segments_max: u32,
}

impl Device {
    /// Prepares what is plugged in. Returns `None` if that is no block device.
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

    /// Returns how large it is.
    pub fn sectors(&self) -> u64 {
        self.sectors
    }

    /// Of how many segments the data of an order may consist.
    pub fn segments_max(&self) -> usize {
        (self.segments_max as usize).min(SEGMENTS)
    }

    /// Returns whether it has a cache to flush.
    pub fn can_flush(&self) -> bool {
        self.features.contains(Features::FLUSH)
    }

    /// Returns whether this is its serial number. Polls, and must not be called while orders are on
    /// their way.
    pub fn has_serial(&mut self, serial: &[u8]) -> bool {
        let data = Segment::within(&SERIAL, SERIAL_SIZE);
        let order = Order::new(Operation::Identify, 0, [data]);
        let control = SERIAL_CONTROL.get();
        // SAFETY: used here only, by the boot hart, one device after the other, and waited for
        // before anything else.
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

    /// Sends an order. The answer will be of the token returned.
    ///
    /// # Safety
    /// The memory at `control` and of the order's data is the caller's, and from now on the
    /// device's until [`take`](Self::take) with the same arguments.
    pub unsafe fn add(&mut self, control: *mut Control, order: &Order) -> Result<u16, DeviceError> {
        // SAFETY: the caller's promise.
        let added = unsafe {
            (*control).prepare(order);
            with_buffers(control, order, |inputs, outputs| {
                self.queue.add(inputs, outputs)
            })
        };
        let token = added.map_err(|_| DeviceError)?;
        // The order is seen before the device's wish is looked at (VIRTIO 1.2, section 2.7.13.4.1):
        // a device that has just decided to sleep looks once more. Without this, it may miss an
        // order while others are on their way, for ever.
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

    /// Takes the answer that [`used`](Self::used) has told of, and the memory back.
    ///
    /// # Safety
    /// `control` and `order` are those that [`add`](Self::add) returned `token` for.
    pub unsafe fn take(
        &mut self,
        token: u16,
        control: *mut Control,
        order: &Order,
    ) -> Result<(), DeviceError> {
        // SAFETY: the caller's promise; the device has finished with the memory when its answer can
        // be popped.
        let is_ok = unsafe {
            let popped = with_buffers(control, order, |inputs, outputs| {
                self.queue.pop_used(token, inputs, outputs)
            });
            popped.is_ok() && (*control).is_ok()
        };
        is_ok.then_some(()).ok_or(DeviceError)
    }

    /// Ends the device's interrupt.
    pub fn acknowledge(&mut self) {
        self.transport.ack_interrupt();
    }
}
