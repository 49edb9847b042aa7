//! A block device that several threads use at once.
//!
//! A thread claims one of a few slots of the queue, submits an order in it, waits for the answer
//! and gives the slot up: [`Claim`], then [`Pending`].
//!
//! Invariants: slots and device are touched under the lock. The memory that an order names is the
//! device's while its slot is [`Place::Submitted`], and no value that stands for it goes away
//! before that has ended: dropping a [`Pending`] waits. Only its claimant frees a claimed slot, so
//! a thread that has one must not wait for another: two such threads could wait for each other.
//!
//! Threads sleep until the interrupt. Before there is a scheduler, the same loop polls.

use core::sync::atomic::{AtomicU32, Ordering};

use fs::DeviceError;
use sync::level::{self, Sleeping};
use sync::{Held, Interruptible, SpinLock, WaitQueue};

use super::super::dma::Shared;
use super::device::{Device, QUEUE_SIZE};
use super::order::{Control, Operation, Order, SEGMENTS};

/// How many orders can be on their way at once.
pub const PLACES: usize = QUEUE_SIZE / (SEGMENTS + 2);

/// The state of a slot.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Free,
    /// Claimed by a thread, with the answer to its last order if there was one.
    Claimed(Result<(), DeviceError>),
    Submitted {
        token: u16,
    },
}

struct Driver {
    device: Device,
    places: [Place; PLACES],
    /// The order that was submitted in each slot.
    orders: [Order; PLACES],
}

/// A port that a device can be plugged into. It lies in the kernel's image, where devices reach it.
pub struct Port {
    driver: SpinLock<level::Device, Option<Driver>>,
    /// Woken when an order has been answered, and when a slot is free.
    progress: WaitQueue,
    controls: [Shared<Control>; PLACES],
    /// The device's interrupt; 0 if there is no device.
    interrupt: AtomicU32,
}

impl Port {
    /// Returns a port without a device.
    pub const fn new() -> Self {
        Self {
            driver: SpinLock::new(None),
            progress: WaitQueue::new(),
            controls: [const { Shared::new(Control::EMPTY) }; PLACES],
            interrupt: AtomicU32::new(0),
        }
    }

    /// Plugs a device in.
    pub fn open(&self, device: Device, interrupt: u32) {
        const NOTHING: Order = Order::without_data(Operation::Flush, 0);
        *self.driver.lock(&mut Held::<Sleeping>::claim()) = Some(Driver {
            device,
            places: [Place::Free; PLACES],
            orders: [NOTHING; PLACES],
        });
        self.interrupt.store(interrupt, Ordering::Release);
    }

    /// Returns the number of the device's interrupt, or `None` if there is no device.
    pub fn interrupt_number(&self) -> Option<u32> {
        Some(self.interrupt.load(Ordering::Acquire)).filter(|&number| number != 0)
    }

    /// Runs `body` on the device, if there is one.
    pub fn describe<R>(&self, body: impl FnOnce(&Device) -> R) -> Option<R> {
        let mut held = Held::<Sleeping>::claim();
        let driver = self.driver.lock(&mut held);
        driver.as_ref().map(|driver| body(&driver.device))
    }

    /// Serves the device's interrupt.
    pub fn interrupt(&'static self, held: &mut Held<Sleeping>) {
        self.with(held, |driver| {
            driver.device.acknowledge();
            driver.reap(&self.controls);
        });
        self.progress.wake_all();
    }

    /// Waits for a free slot and claims it. A thread that has a claim already uses
    /// [`try_claim`](Self::try_claim).
    pub fn claim(&'static self, held: &mut Held<Sleeping>) -> Claim {
        let place = self.wait_until(held, Driver::claim);
        Claim { port: self, place }
    }

    /// Claims a free slot, if there is one.
    pub fn try_claim(&'static self, held: &mut Held<Sleeping>) -> Option<Claim> {
        let place = self.with(held, Driver::claim)?;
        Some(Claim { port: self, place })
    }

    fn with<R>(&self, held: &mut Held<Sleeping>, body: impl FnOnce(&mut Driver) -> R) -> R {
        match &mut *self.driver.lock(held) {
            Some(driver) => body(driver),
            None => unreachable!("a disk is used that there is none of"),
        }
    }

    /// Asks again after every progress, until there is an answer.
    fn wait_until<R>(
        &'static self,
        held: &mut Held<Sleeping>,
        mut ask: impl FnMut(&mut Driver) -> Option<R>,
    ) -> R {
        loop {
            let ticket = self.progress.ticket();
            let answer = self.with(held, |driver| {
                driver.reap(&self.controls);
                ask(driver)
            });
            if let Some(answer) = answer {
                return answer;
            }
            // A disk answers soon and must be waited for, killed or not.
            let _ = self.progress.wait(ticket, Interruptible::No, held);
        }
    }
}

impl Driver {
    fn claim(&mut self) -> Option<usize> {
        let mut places = self.places.iter();
        let free = places.position(|&place| place == Place::Free)?;
        self.places[free] = Place::Claimed(Ok(()));
        Some(free)
    }

    /// Takes all answers that the device has given.
    fn reap(&mut self, controls: &'static [Shared<Control>; PLACES]) {
        while let Some(token) = self.device.used() {
            let asked = Place::Submitted { token };
            let Some(place) = self.places.iter().position(|&place| place == asked) else {
                panic!("a disk answers an order {token} that was never made");
            };
            let control = controls[place].get();
            // SAFETY: what was added with this token in `submit`; the order has been kept.
            let answer = unsafe { self.device.take(token, control, &self.orders[place]) };
            self.places[place] = Place::Claimed(answer);
        }
    }
}

/// A claimed slot. Dropping it frees the slot.
pub struct Claim {
    port: &'static Port,
    place: usize,
}

impl Claim {
    /// Returns which of the [`PLACES`] it is.
    pub fn place(&self) -> usize {
        self.place
    }

    /// Sends an order.
    ///
    /// # Safety
    /// The memory of the order's data is the caller's to give. It is the device's until
    /// [`Pending::wait`] has returned or the [`Pending`] has been dropped; for ever if it is
    /// forgotten.
    pub unsafe fn submit(self, order: Order, held: &mut Held<Sleeping>) -> Pending {
        let control = self.port.controls[self.place].get();
        self.port.with(held, |driver| {
            // SAFETY: the data by the caller's promise; the place, with its control, is ours and no
            // order is on its way in it. Both stay as they are until `reap` takes them back.
            let added = unsafe { driver.device.add(control, &order) };
            driver.orders[self.place] = order;
            driver.places[self.place] = match added {
                Ok(token) => Place::Submitted { token },
                Err(error) => Place::Claimed(Err(error)),
            };
        });
        Pending { claim: self }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        // The claimant waits for a disk and so holds no spin lock.
        let mut held = Held::<Sleeping>::claim();
        self.port
            .with(&mut held, |driver| driver.places[self.place] = Place::Free);
        self.port.progress.wake_all();
    }
}

/// An order on its way. Dropping it waits for the answer.
#[must_use = "an order that nobody waits for may have failed"]
pub struct Pending {
    claim: Claim,
}

impl Pending {
    /// Waits for the answer. The place stays claimed.
    pub fn wait(&mut self, held: &mut Held<Sleeping>) -> Result<(), DeviceError> {
        let Claim { port, place } = self.claim;
        port.wait_until(held, |driver| match driver.places[place] {
            Place::Claimed(answer) => Some(answer),
            Place::Submitted { .. } => None,
            Place::Free => unreachable!("a place is free that somebody has claimed"),
        })
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        // As for a claim. A caller that needs the answer has called `wait`.
        let _ = self.wait(&mut Held::claim());
    }
}
