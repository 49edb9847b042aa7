//! The result of a test: success, or a line that says what was expected and what was seen.

use crate::Failed;
use crate::file::Fd;
use crate::io::Lossy;
use core::fmt::{self, Write};

/// The result of a test.
pub type Outcome<T = ()> = Result<T, Failure>;

/// The byte behind a description in a pipe. The pipe need not end there, because other processes
/// may hold it open.
const END: u8 = 0;

/// Why a test failed, in a fixed number of bytes. It uses no heap, because tests move the break.
#[derive(Clone, Copy)]
pub struct Failure {
    text: [u8; 116],
    used: u8,
}

impl Failure {
    /// Returns a failure described by `text`, which is cut if it is too long. The function is not
    /// inlined, because programs have many failures and the size of their files is limited.
    #[cold]
    #[inline(never)]
    pub fn new(text: fmt::Arguments) -> Self {
        let mut failure = Self {
            text: [0; 116],
            used: 0,
        };
        // An error here means that the text was cut.
        let _ = failure.write_fmt(text);
        failure
    }

    /// Describes the failure to another process through a pipe.
    pub fn send(&self, to: Fd) -> crate::Result<()> {
        to.write_all(self.bytes())?;
        to.write_all(&[END])
    }

    /// Returns the failure that another process described through a pipe, or `None` if it described
    /// none.
    pub fn receive(from: Fd) -> Option<Self> {
        let mut failure = Self {
            text: [0; 116],
            used: 0,
        };
        while let Ok(count @ 1..) = from.read(&mut failure.text[usize::from(failure.used)..]) {
            failure.used += count as u8;
            if let Some(end) = failure.bytes().iter().position(|&byte| byte == END) {
                failure.used = end as u8;
                break;
            }
        }
        (failure.used != 0).then_some(failure)
    }

    /// Returns the description.
    pub fn bytes(&self) -> &[u8] {
        &self.text[..usize::from(self.used)]
    }
}

impl Write for Failure {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for &byte in text.as_bytes() {
            let place = self
                .text
                .get_mut(usize::from(self.used))
                .ok_or(fmt::Error)?;
            *place = byte;
            self.used += 1;
        }
        Ok(())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        Lossy(self.bytes()).fmt(formatter)
    }
}

/// A failed call on which a test only relies. There is nothing to say but that it failed.
impl From<Failed> for Failure {
    fn from(_: Failed) -> Self {
        Self::new(format_args!("a system call that had to work returned -1"))
    }
}

/// Makes a [`Failure`] from a format.
#[macro_export]
macro_rules! failure {
    ($($text:tt)*) => {
        $crate::testing::outcome::Failure::new(format_args!($($text)*))
    };
}

/// Returns a failure unless the condition holds.
#[macro_export]
macro_rules! ensure {
    ($condition:expr, $($text:tt)*) => {
        if !$condition {
            return Err($crate::failure!($($text)*));
        }
    };
}

pub use crate::{ensure, failure};

/// Fails unless `seen` is `expected`. `what` names the value.
pub fn expect<T: PartialEq + fmt::Display>(what: &str, expected: T, seen: T) -> Outcome {
    ensure!(seen == expected, "{what}: expected {expected}, saw {seen}");
    Ok(())
}
