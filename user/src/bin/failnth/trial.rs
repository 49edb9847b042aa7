//! One try of an operation, with one of its allocations made to fail.

use abi::OpenFlags;
use user::device;
use user::file::Fd;
use user::memory::touch_own_pages;
use user::testing::outcome::{Outcome, ensure, failure};
use user::{Failed, Result};

/// How a try ended. The numbers are exit statuses of the process that tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The operation succeeded, and no allocation had failed.
    Through = 0,
    /// The operation succeeded although an allocation had failed.
    Managed = 1,
    /// The operation answered -1.
    Refused = 2,
    /// The kernel killed the process.
    Killed = -1,
}

/// The exit status of a process that saw a wrong result and reported it.
pub const DIFFERENT: i32 = 3;

impl Ended {
    /// Returns how a process that exited with `status` had ended its try.
    pub fn from_status(status: i32) -> Option<Self> {
        [Self::Through, Self::Managed, Self::Refused]
            .into_iter()
            .find(|&ended| ended as i32 == status)
    }
}

/// The device that makes allocations fail.
#[derive(Clone, Copy)]
pub struct Device(Fd);

impl Device {
    /// Opens the device. Fails on kernels without one.
    pub fn open() -> Result<Self> {
        let device = Self(Fd::open(device::FAIL_NTH, OpenFlags::READ_WRITE)?);
        // A device file can be made on any kernel, but can be read only on this one.
        device.left()?;
        Ok(device)
    }

    /// Returns the device that a parent opened as this descriptor.
    pub fn inherited(number: i32) -> Self {
        Self(Fd(number))
    }

    /// Returns the number of the device's descriptor, which an exec keeps.
    pub fn number(self) -> i32 {
        self.0.0
    }

    /// Makes the `nth` allocation from now on fail. 0 means that none fails.
    fn arm(self, nth: u32) -> Result<()> {
        let mut digits = [0; 10];
        let mut rest = nth;
        let mut start = digits.len();
        while rest != 0 || start == digits.len() {
            start -= 1;
            digits[start] = b'0' + (rest % 10) as u8;
            rest /= 10;
        }
        self.0.write(&digits[start..]).map(drop)
    }

    /// Returns how many allocations are left before one fails. 0 means that one has failed, or that
    /// none will.
    pub fn left(self) -> Result<u32> {
        let mut line = [0; 16];
        let count = self.0.read(&mut line)?;
        let text = core::str::from_utf8(&line[..count]).map_err(|_| Failed)?;
        text.trim_ascii().parse().map_err(|_| Failed)
    }
}

/// Which allocation is to fail.
pub struct Trial {
    device: Device,
    nth: u32,
}

impl Trial {
    /// Returns a trial in which the `nth` allocation fails; `nth` is not 0.
    pub fn new(device: Device, nth: u32) -> Self {
        Self { device, nth }
    }

    /// Returns the device that makes the allocation fail.
    pub fn device(&self) -> Device {
        self.device
    }

    /// Runs `act` with the allocation failing. Returns its result, and how the try ended.
    pub fn of<T>(&self, act: impl FnOnce() -> Result<T>) -> Outcome<(Result<T>, Ended)> {
        let lowest = lowest_descriptor()?;
        touch_own_pages();
        self.device.arm(self.nth)?;
        let result = act();
        let left = self.device.left();
        self.device.arm(0)?;
        let struck = left? == 0;
        let ended = match (&result, struck) {
            (Ok(_), false) => Ended::Through,
            (Ok(_), true) => Ended::Managed,
            (Err(_), true) => Ended::Refused,
            (Err(_), false) => return Err(failure!("expected success, saw -1")),
        };
        if result.is_err() {
            let seen = lowest_descriptor()?;
            ensure!(
                seen == lowest,
                "expected descriptor {lowest} to be free after -1, saw {seen}"
            );
        }
        Ok((result, ended))
    }
}

/// Returns the number that the next descriptor will have.
fn lowest_descriptor() -> Result<i32> {
    let copy = Fd::OUTPUT.duplicate()?;
    copy.close()?;
    Ok(copy.0)
}
