//! Fences of this hart's TLB and, by interrupts, of other harts'.
//!
//! Each hart has one request of its own. It fills the request in, announces it to the harts
//! concerned, and waits for them. A hart serves announced requests when the interrupt comes,
//! wherever it spins ([`sync::relax`]), and while it waits for its own request. So two harts that
//! wait for each other with interrupts off both proceed, and so does a hart that waits for a lock
//! whose holder fences. The fencing hart waits, with interrupts off, for as long as the slowest of
//! the others runs without interrupts and without spinning.

use core::arch::asm;
use core::sync::atomic::{AtomicU64, Ordering};

use mm::addr::VirtAddr;
use mm::machine::{Asid, Fence, HartSet};
use sync::InterruptsOff;
use x86_64::registers::control::Cr3;

use super::features::{Features, has};
use super::hart::{HARTS_MAX, hart, hart_count, hart_id, online};
use super::{apic, interrupts};
use crate::panic;

/// What `invpcid` is asked for (Intel SDM volume 2).
const ONE_PAGE: u64 = 0;
const ONE_SPACE: u64 = 1;
const EVERYTHING: u64 = 2;

/// Flushes this hart's TLB.
#[inline]
pub fn local(fence: Fence) {
    let identifiers = has(Features::PCID);
    match fence {
        Fence::Page { asid, address } if identifiers => invpcid(ONE_PAGE, asid, address.0),
        Fence::Page { address, .. } => {
            // SAFETY: forgetting translations is always allowed. Not `nomem`: stores to tables come
            // before.
            unsafe { asm!("invlpg [{}]", in(reg) address.0, options(nostack)) };
        }
        Fence::Space { asid } if identifiers => invpcid(ONE_SPACE, asid, 0),
        // Without identifiers, only the current space has translations.
        Fence::Space { .. } => reload_root(),
        Fence::All => all(),
    }
}

fn invpcid(kind: u64, asid: Asid, address: u64) {
    let descriptor = [u64::from(asid.0), address];
    // SAFETY: as for `invlpg`; the processor has the instruction, and the address is canonical: it
    // is a program's.
    unsafe {
        asm!("invpcid {}, [{}]", in(reg) kind, in(reg) &raw const descriptor, options(nostack));
    }
}

/// Reloads the current root, which flushes all but global translations.
fn reload_root() {
    let (root, flags) = Cr3::read_raw();
    // SAFETY: nothing changes.
    unsafe { Cr3::write_raw(root, flags) };
}

/// Flushes this hart's TLB completely, global translations included.
fn all() {
    if has(Features::PCID) {
        invpcid(EVERYTHING, Asid(0), 0);
    } else if has(Features::GLOBAL_PAGES) {
        const PGE: u64 = 1 << 7;
        // SAFETY: a change of PGE forgets everything (Intel SDM volume 3, section 4.10.4.1); it is
        // as before afterwards.
        unsafe {
            asm!(
                "mov {before}, cr4",
                "mov {without}, {before}",
                "and {without}, {mask}",
                "mov cr4, {without}",
                "mov cr4, {before}",
                before = out(reg) _,
                without = out(reg) _,
                mask = const !PGE as i32,
                options(nostack)
            );
        }
    } else {
        reload_root();
    }
}

/// A fence that a hart waits for.
#[repr(align(64))]
struct Request {
    kind: AtomicU64,
    asid: AtomicU64,
    address: AtomicU64,
    /// The harts that have not served it.
    waiting: AtomicU64,
}

/// The requests announced to a hart: one bit for each hart that asks.
#[repr(align(64))]
struct Inbox(AtomicU64);

static REQUESTS: [Request; HARTS_MAX] = [const {
    Request {
        kind: AtomicU64::new(0),
        asid: AtomicU64::new(0),
        address: AtomicU64::new(0),
        waiting: AtomicU64::new(0),
    }
}; HARTS_MAX];
static INBOXES: [Inbox; HARTS_MAX] = [const { Inbox(AtomicU64::new(0)) }; HARTS_MAX];

impl Request {
    fn write(&self, fence: Fence) {
        let (kind, asid, address) = match fence {
            Fence::Page { asid, address } => (ONE_PAGE, asid.0, address.0),
            Fence::Space { asid } => (ONE_SPACE, asid.0, 0),
            Fence::All => (EVERYTHING, 0, 0),
        };
        self.kind.store(kind, Ordering::Relaxed);
        self.asid.store(asid.into(), Ordering::Relaxed);
        self.address.store(address, Ordering::Relaxed);
    }

    fn read(&self) -> Fence {
        let asid = Asid(self.asid.load(Ordering::Relaxed) as u16);
        match self.kind.load(Ordering::Relaxed) {
            ONE_PAGE => Fence::Page {
                asid,
                address: VirtAddr(self.address.load(Ordering::Relaxed)),
            },
            ONE_SPACE => Fence::Space { asid },
            _ => Fence::All,
        }
    }
}

/// Serves the requests of other harts. Called by the interrupt and wherever this hart spins.
pub(super) fn serve() {
    let inbox = &INBOXES[hart()].0;
    if inbox.load(Ordering::Relaxed) == 0 {
        return;
    }
    let _interrupts = InterruptsOff::new();
    let me = hart();
    // Acquire: the request was written before it was announced.
    let mut from = INBOXES[me].0.swap(0, Ordering::Acquire);
    while from != 0 {
        let request = &REQUESTS[from.trailing_zeros() as usize];
        from &= from - 1;
        local(request.read());
        // Release: the translations are forgotten before the hart that asks goes on.
        request.waiting.fetch_and(!(1 << me), Ordering::Release);
    }
}

/// Flushes the TLBs of other harts. Returns when they are flushed.
pub fn remote(harts: HartSet, fence: Fence) {
    // With interrupts off, the thread stays on this hart, and so keeps its request.
    let _interrupts = InterruptsOff::new();
    let me = hart();
    let others = harts.0 & online() & !(1 << me);
    let request = &REQUESTS[me];
    request.write(fence);
    request.waiting.store(others, Ordering::Relaxed);
    for index in (0..hart_count()).filter(|index| others >> index & 1 != 0) {
        // Release: a hart that finds the bit also finds the request, and the changes in the tables
        // before it.
        let before = INBOXES[index].0.fetch_or(1 << me, Ordering::SeqCst);
        if before == 0 {
            apic::send(hart_id(index), interrupts::FENCE);
        }
    }
    while request.waiting.load(Ordering::Acquire) != 0 {
        serve();
        panic::halt_if_panicked();
        core::hint::spin_loop();
    }
}

/// Makes stores to instruction memory visible to the fetches of these harts.
///
/// There is nothing to do. Caches are coherent with stores, and a processor that uses the new
/// translation of a page has returned from a trap, which serialises its fetches (Intel SDM volume
/// 3, section 9.1.3).
pub fn instructions(_: HartSet) {}
