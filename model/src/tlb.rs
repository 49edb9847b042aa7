//! What the harts remember: every translation that they could have seen since the last fence.
//!
//! A TLB here is a *set* of translations. It is filled as early as possible, and with everything
//! that can be reached, through remembered upper entries too. That is the most adversarial
//! behaviour that a specification allows. It needs no choices, so the checker has nothing to
//! enumerate.
//!
//! Invariant: after every step, the sets contain everything that the hardware could reach by a
//! walk.

use crate::bounds::{Bounds, Format, HARTS, PAGES, PROCESSES, is_active};
use crate::state::{Entry, FRAMES, Life, Link, State, TABLES};

/// A set of numbers below 16, each with two rights: a bit for "may read" and one for "may write".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Remembered {
    readable: u16,
    writable: u16,
}

const _: () = assert!(TABLES <= 16 && FRAMES <= 16);

impl Remembered {
    fn note(&mut self, number: u8, writable: bool) {
        self.readable |= 1 << number;
        self.writable |= u16::from(writable) << number;
    }

    /// Returns the numbers in the set, with any right.
    pub(crate) fn all(self) -> impl Iterator<Item = usize> {
        (0..16).filter(move |number| self.readable >> number & 1 != 0)
    }

    /// Returns the numbers in the set with the right to write.
    pub(crate) fn writable(self) -> impl Iterator<Item = usize> {
        (0..16).filter(move |number| self.writable >> number & 1 != 0)
    }
}

/// What a hart remembers about one process.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Translations {
    /// The tables to which its link led.
    pub(crate) tables: Remembered,
    /// The frames to which each page led.
    pub(crate) pages: [Remembered; PAGES],
}

/// The TLB of a hart.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Tlb {
    pub(crate) of: [Translations; PROCESSES],
}

impl State {
    /// Makes every hart walk everything that it can reach.
    pub(crate) fn fill_tlbs(&mut self, bounds: &Bounds) {
        for (hart, tlb) in self.tlbs.iter_mut().enumerate() {
            for (number, process) in self.processes.iter().enumerate() {
                if process.life != Life::Running || !is_active(number, hart) {
                    continue;
                }
                let known = &mut tlb.of[number];
                match (process.link, bounds.format) {
                    (Link::Open(table), _) => known.tables.note(table, true),
                    (Link::Closed(table), Format::X86_64) => known.tables.note(table, false),
                    (Link::Closed(_), Format::Sv39) | (Link::Empty, _) => {}
                }
                let writable: Vec<usize> = known.tables.writable().collect();
                for table in known.tables.all() {
                    for (page, entry) in self.tables[table].entries.into_iter().enumerate() {
                        if let Entry::Page {
                            frame,
                            writable: may,
                        } = entry
                        {
                            known.pages[page].note(frame, may && writable.contains(&table));
                        }
                    }
                }
            }
        }
    }

    /// Makes a hart forget everything about a process.
    pub(crate) fn fence_space(&mut self, hart: usize, process: usize) {
        self.tlbs[hart].of[process] = Translations::default();
    }

    /// Makes a hart forget the frames of one page of a process. It may keep upper entries.
    pub(crate) fn fence_page(&mut self, hart: usize, process: usize, page: usize) {
        self.tlbs[hart].of[process].pages[page] = Remembered::default();
    }

    /// Returns every translation that a program could use now: hart, process, page, frame, and
    /// whether it may write.
    pub(crate) fn usable(&self) -> impl Iterator<Item = (usize, usize, usize, bool)> {
        let pairs = (0..HARTS).flat_map(|hart| (0..PROCESSES).map(move |process| (hart, process)));
        pairs.flat_map(move |(hart, process)| {
            let known = &self.tlbs[hart].of[process];
            known
                .pages
                .iter()
                .enumerate()
                .flat_map(move |(page, frames)| {
                    let writable: Vec<usize> = frames.writable().collect();
                    frames
                        .all()
                        .map(move |frame| (process, page, frame, writable.contains(&frame)))
                })
        })
    }
}
