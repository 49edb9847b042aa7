//! The keys that the kernel itself serves: Ctrl-C and Ctrl-P.
//!
//! Both keys visit all processes, of which there may be very many. The handler of the keyboard's
//! interrupt therefore only notes the key, and a kernel thread, which can be pre-empted, serves it.
//! A key that is pressed again before that is served once.

use sync::atomic::{AtomicBool, Ordering};
use sync::level::{Nothing, Sleeping};
use sync::{Held, Interruptible, WaitQueue};

use super::{foreground, kernel_thread, table};

static TABLE: AtomicBool = AtomicBool::new(false);
/// Woken when a key was noted.
static ASKED: WaitQueue = WaitQueue::new();

/// Ctrl-P: requests that the table of processes be printed. Called from the console's interrupt.
pub fn ask_for_table() {
    TABLE.store(true, Ordering::SeqCst);
    ASKED.wake_all();
}

/// Ctrl-C: requests that the job in the foreground be killed. Returns whether it has any processes.
/// Called from the console's interrupt.
pub fn ask_for_interrupt(held: &mut Held<Sleeping>) -> bool {
    let any = foreground::interrupt(held);
    ASKED.wake_all();
    any
}

/// Makes the thread that serves the keys. It runs once the scheduler does.
pub fn start_keys(held: &mut Held<Nothing>) {
    kernel_thread::make("keys", run, held);
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
