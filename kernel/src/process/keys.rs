//! What the kernel itself does when a key asks for it: Ctrl-C and Ctrl-P.
//!
//! Both go through all processes, of which there may be very many. So the handler of the keyboard's
//! interrupt only notes what is asked for, and a thread of the kernel's own does it, which can be
//! pre-empted. Keys that are pressed again before that are served once.

use sync::atomic::{AtomicBool, Ordering};
use sync::{Interruptible, WaitQueue};

use super::{foreground, kernel_thread, table};

static TABLE: AtomicBool = AtomicBool::new(false);
/// Woken when something is asked for.
static ASKED: WaitQueue = WaitQueue::new();

/// Ctrl-P: has the table of processes printed. Called from the console's interrupt.
pub fn ask_for_table() {
    TABLE.store(true, Ordering::SeqCst);
    ASKED.wake_all();
}

/// Ctrl-C: has what is in the foreground now killed. Returns whether there is anything. Called from
/// the console's interrupt, with no lock of the console held.
pub fn ask_for_interrupt() -> bool {
    let any = foreground::interrupt();
    ASKED.wake_all();
    any
}

/// Makes the thread that serves the keys, which will run when the scheduler does.
pub fn start_keys() {
    kernel_thread::make("keys", run);
}

extern "C" fn run(_: usize) -> ! {
    let mut held = kernel_thread::arrive();
    loop {
        let ticket = ASKED.ticket();
        foreground::kill_interrupted(&mut held);
        if TABLE.swap(false, Ordering::SeqCst) {
            table::print(&mut held);
        }
        let _ = ASKED.wait(ticket, Interruptible::No, &mut held);
    }
}
