//! From the first instruction to `main` and from its result, or a panic, to `exit`.

use crate::{eprintln, process};
use core::ffi::{CStr, c_char};
use core::panic::PanicInfo;

/// The exit status of a program that panicked.
const PANIC_STATUS: i32 = 101;

/// Makes `$run`, a `fn(Args) -> i32`, the program's entry. Its result is the exit status.
#[macro_export]
macro_rules! main {
    ($run:path) => {
        #[unsafe(no_mangle)]
        fn user_main(args: $crate::Args) -> i32 {
            $run(args)
        }
    };
}

unsafe extern "Rust" {
    /// Defined by [`main!`] in the program.
    safe fn user_main(args: Args) -> i32;
}

/// Called on the program's own stack with the registers that exec left.
pub(crate) extern "C" fn entry(argc: usize, argv: *const *const c_char) -> ! {
    let args = Args {
        next: argv,
        left: argc,
    };
    process::exit(user_main(args))
}

/// The arguments, the program's name first. They stay where exec put them for as long as the
/// program runs.
#[derive(Clone, Debug)]
pub struct Args {
    next: *const *const c_char,
    left: usize,
}

impl Args {
    /// Returns the address of the vector, which exec puts into the one stack page of the contract.
    pub fn address(&self) -> u64 {
        self.next as u64
    }
}

impl Iterator for Args {
    type Item = &'static CStr;

    fn next(&mut self) -> Option<&'static CStr> {
        self.left = self.left.checked_sub(1)?;
        // SAFETY: exec made a vector of argc pointers to strings that end with NUL (contract,
        // "Image"), and `left` says that this one is within it. Nothing here ever writes them.
        unsafe {
            let argument = CStr::from_ptr(*self.next);
            self.next = self.next.add(1);
            Some(argument)
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Args {}

#[panic_handler]
fn panic(info: &PanicInfo) -> ! {
    match info.location() {
        Some(place) => eprintln!("panic at {place}: {}", info.message()),
        None => eprintln!("panic: {}", info.message()),
    }
    process::exit(PANIC_STATUS)
}
