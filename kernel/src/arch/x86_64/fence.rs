//! Fences of this hart's TLB and, by interrupts, of other harts'.
//!
//! A fence of other harts is a request in this hart's mailbox ([`sync::mailbox`]), which says who
//! waits for whom and why nobody waits for ever. A hart serves requests when the interrupt comes,
//! wherever it spins ([`sync::relax`]), and while it waits for its own.

use core::arch::asm;

use mm::addr::VirtAddr;
use mm::machine::{Asid, Fence, HartSet};
use sync::InterruptsOff;
use sync::mailbox::{self, Mailbox, WORDS};
use x86_64::registers::control::Cr3;

use super::features::{Features, has};
use super::hart::{HARTS_MAX, hart, hart_id, online};
use super::{apic, vector};
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

static MAILBOXES: [Mailbox; HARTS_MAX] = [const { Mailbox::empty() }; HARTS_MAX];

/// Returns a fence as a request.
fn words(fence: Fence) -> [u64; WORDS] {
    match fence {
        Fence::Page { asid, address } => [ONE_PAGE, asid.0.into(), address.0],
        Fence::Space { asid } => [ONE_SPACE, asid.0.into(), 0],
        Fence::All => [EVERYTHING, 0, 0],
    }
}

/// Does what a request asks for.
fn act([kind, asid, address]: [u64; WORDS]) {
    let asid = Asid(asid as u16);
    local(match kind {
        ONE_PAGE => Fence::Page {
            asid,
            address: VirtAddr(address),
        },
        ONE_SPACE => Fence::Space { asid },
        _ => Fence::All,
    });
}

/// Serves the requests of other harts. Called by the interrupt and wherever this hart spins.
pub(super) fn serve() {
    if !mailbox::has_mail(&MAILBOXES, hart()) {
        return;
    }
    let _interrupts = InterruptsOff::new();
    mailbox::serve(&MAILBOXES, hart(), act);
}

/// Flushes the TLBs of other harts. Returns when they are flushed.
pub fn remote(harts: HartSet, fence: Fence) {
    // With interrupts off, the thread stays on this hart, and so keeps its mailbox.
    let _interrupts = InterruptsOff::new();
    let me = hart();
    let others = harts.0 & online() & !(1 << me);
    let notify = |index| apic::send(hart_id(index), vector::FENCE);
    mailbox::ask(
        &MAILBOXES,
        me,
        others,
        words(fence),
        notify,
        act,
        panic::halt_if_panicked,
    );
}

/// Makes stores to instruction memory visible to the fetches of these harts.
///
/// There is nothing to do. Caches are coherent with stores, and a processor that uses the new
/// translation of a page has returned from a trap, which serialises its fetches (Intel SDM volume
/// 3, section 9.1.3).
pub fn instructions(_: HartSet) {}
