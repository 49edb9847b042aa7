//! Spinning: a hart that waits serves the requests of other harts meanwhile.
//!
//! A hart that spins with interrupts off cannot take the interrupt of a shootdown. On an
//! architecture whose shootdowns are interrupts, the holder of the lock may itself wait for that
//! shootdown, and then neither could go on. Every waiting loop of this kernel therefore calls
//! [`relax`], which calls the server that the kernel has installed. Where firmware fences other
//! harts, no server is installed and `relax` is only a pause.
//!
//! Invariant: the server takes no lock and may run under any lock.

use core::sync::atomic::{AtomicPtr, Ordering};

use crate::atomic::spin_loop;

/// A function that serves the requests of other harts.
pub type Server = fn();

// Of `core` in every build: a static needs a constant, and no checker runs before this is set.
static SERVER: AtomicPtr<Server> = AtomicPtr::new(core::ptr::null_mut());

/// Installs `server`, which is then called wherever a hart spins.
pub fn serve_while_spinning(server: &'static Server) {
    SERVER.store(core::ptr::from_ref(server).cast_mut(), Ordering::Release);
}

/// One iteration of a waiting loop: pauses, and serves the requests of other harts.
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

    /// The holder of a lock waits for a thread that spins for that lock, so only the server
    /// resolves the wait.
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
