//! The one failure of the contract.

use fs::FsError;
use mm::NoMemory;
use mm::space::MapError;
use sync::OutOfMemory;

use crate::process::{ExecError, Refused};
use crate::user_memory::BadAddress;

/// The error of a system call. The program gets -1; the contract has no number for the reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failed;

macro_rules! fails {
    ($($error:ty),*) => {
        $(impl From<$error> for Failed {
            fn from(_: $error) -> Self {
                Self
            }
        })*
    };
}

fails!(
    BadAddress,
    ExecError,
    FsError,
    MapError,
    NoMemory,
    OutOfMemory,
    Refused
);
