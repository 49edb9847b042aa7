//! A block device for several threads at once.
//!
//! A thread claims a slot of the queue, submits an order in it, waits for the answer and frees the
//! slot: first with a [`Claim`], then with a [`Pending`].
//!
//! Invariants: slots and device are used only under the lock. The memory that an order names
//! belongs to the device while its slot is [`Place::Submitted`]. The value that stands for the
//! order cannot go away before that: dropping a [`Pending`] waits. Only its claimant frees a
//! claimed slot, so a thread with a claim must not wait for another slot: two such threads could
//! wait for each other.
//!
//! Threads sleep until the interrupt. Before there is a scheduler, the loop polls.

use core::sync::atomic::{AtomicU32, Ordering};

use fs::DeviceError;
use sync::level::{self, Sleeping};
use sync::{Held, Interruptible, SpinLock, WaitQueue};

use super::super::dma::Shared;
use super::device::{Device, QUEUE_SIZE};
use super::order::{Control, Operation, Order, SEGMENTS};

/// The most orders that can be unanswered at once.
pub const PLACES: usize = QUEUE_SIZE / (SEGMENTS + 2);

/// The state of a slot.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Free,
    /// Claimed by a thread. Holds the answer to the thread's last order, if there was one.
    Claimed(Result<(), DeviceError>),
    Submitted {
        token: u16,
    },
}

struct Driver {
    device: Device,
    places: [Place; PLACES],
    /// The last order submitted in each slot.
    orders: [Order; PLACES],
}

/// A socket for a device. It lies in the kernel's image, where devices can access it.
pub struct Port {
    driver: SpinLock<level::Device, Option<Driver>>,
    /// Woken when an order was answered, and when a slot was freed.
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

    /// Connects a device.
    pub fn open(&self, device: Device, interrupt: u32, held: &mut Held<Sleeping>) {
        const NOTHING: Order = Order::without_data(Operation::Flush, 0);
        *self.driver.lock(held) = Some(Driver {
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
    pub fn describe<R>(
        &self,
        held: &mut Held<Sleeping>,
        body: impl FnOnce(&Device) -> R,
    ) -> Option<R> {
        let driver = self.driver.lock(held);
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

    /// Waits for a free slot and claims it. A thread that already has a claim must use
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

    /// Repeats `ask` after every progress, until it returns a value.
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
            // A disk answers soon and must be waited for, even by a killed process.
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

    /// Receives all answers that the device has given.
    fn reap(&mut self, controls: &'static [Shared<Control>; PLACES]) {
        while let Some(token) = self.device.used() {
            let asked = Place::Submitted { token };
            let Some(place) = self.places.iter().position(|&place| place == asked) else {
                panic!("a disk answers an order {token} that was never made");
            };
            let control = controls[place].get();
            // SAFETY: this was added with this token in `submit`; the order has been kept.
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
    /// Returns the number of the slot, below [`PLACES`].
    pub fn place(&self) -> usize {
        self.place
    }

    /// Sends an order.
    ///
    /// # Safety
    /// The memory of the order's data is the caller's. It belongs to the device until
    /// [`Pending::wait`] has returned or the [`Pending`] was dropped; for ever if it is forgotten.
    pub unsafe fn submit(self, order: Order, held: &mut Held<Sleeping>) -> Pending {
        let control = self.port.controls[self.place].get();
        self.port.with(held, |driver| {
            // SAFETY: the data by the caller's promise; the slot, with its control, is ours and has
            // no unanswered order. Both stay unchanged until `reap` takes them back.
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
        // A claim belongs to a thread that waits for a disk, which must hold no spin lock.
        let mut held = Held::<Sleeping>::by_contract();
        self.port
            .with(&mut held, |driver| driver.places[self.place] = Place::Free);
        self.port.progress.wake_all();
    }
}

/// An unanswered order. Dropping it waits for the answer.
#[must_use = "an order that nobody waits for may have failed"]
pub struct Pending {
    claim: Claim,
}

impl Pending {
    /// Waits for the answer. The slot stays claimed.
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
        let _ = self.wait(&mut Held::by_contract());
    }
}
