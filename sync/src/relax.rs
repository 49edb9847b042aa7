//! What a hart does while it spins: it serves the requests of others.
//!
//! A hart that waits for a lock with interrupts off cannot take the interrupt of a shoot-down. On
//! an architecture whose shoot-downs are interrupts, the holder of the lock may be the one that
//! waits for that shoot-down: then neither goes on. So every loop of this kernel that waits calls
//! [`relax`], and `relax` calls the server that the kernel has installed. Where firmware fences
//! other harts, nothing is installed, and `relax` is a pause.
//!
//! Invariant: the server takes no lock and may run under any.

use core::sync::atomic::{AtomicPtr, Ordering};

use crate::atomic::spin_loop;

/// Serves what other harts wait for.
pub type Server = fn();

// Of core in every build: a static needs a constant, and nothing is explored before this is set.
static SERVER: AtomicPtr<Server> = AtomicPtr::new(core::ptr::null_mut());

/// Has `server` called from now on wherever a hart spins.
pub fn serve_while_spinning(server: &'static Server) {
    SERVER.store(core::ptr::from_ref(server).cast_mut(), Ordering::Release);
}

/// One turn of a loop that waits.
#[inline]
pub fn relax() {
    spin_loop();
    let server = SERVER.load(Ordering::Acquire);
    // SAFETY: the pointer is null or came from a `&'static` reference in `serve_while_spinning`,
    // which is never written through.
    if let Some(server) = unsafe { server.as_ref() } {
        server();
    }
}

#[cfg(test)]
mod tests {
    use core::sync::atomic::AtomicBool;

    use crate::LeafLock;

    /// A holder of a lock waits for somebody who waits for that lock: only the server gets it out.
    #[test]
    fn who_spins_serves() {
        static ASKED: AtomicBool = AtomicBool::new(false);
        static SERVED: AtomicBool = AtomicBool::new(false);
        static SERVER: super::Server = || {
            if ASKED.load(super::Ordering::Acquire) {
                SERVED.store(true, super::Ordering::Release);
            }
        };
        super::serve_while_spinning(&SERVER);
        let lock = LeafLock::new(());
        std::thread::scope(|scope| {
            lock.with(|()| {
                scope.spawn(|| lock.with(|()| {}));
                ASKED.store(true, super::Ordering::Release);
                while !SERVED.load(super::Ordering::Acquire) {
                    std::thread::yield_now();
                }
            });
        });
    }
}
