//! What the machine sees of a kernel's mistakes, and how it says so.
//!
//! Four watchers: [`translation`] (use of what the tables took back), [`race`] (unordered
//! accesses), [`stuck`] (nobody can go on), [`kernel`] (text, stacks, jumps into data, old
//! instructions). Each writes [`Report`]s; one cause is reported once. Invariant: watching changes
//! nothing that the kernel can see, so a seed finds the same with and without.

pub(crate) mod atomics;
pub(crate) mod heard;
pub mod kernel;
pub mod race;
pub mod report;
pub mod stack;
pub mod stuck;
pub mod translation;

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use crate::board::Board;
use crate::stored::stored;
use race::Races;
pub use report::{Kind, Report, Scene};
use stuck::{Locks, Progress};
use translation::Translations;

/// Which watchers are on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Watch {
    /// Use of stale translations.
    pub translations: bool,
    /// Accesses without order.
    pub races: bool,
    /// Deadlocks.
    pub stuck: bool,
    /// Stack overruns, writes to text, jumps to data, old instructions.
    pub kernel: bool,
}

stored!(Watch {
    translations,
    races,
    stuck,
    kernel
});

impl Watch {
    /// All of them.
    pub const ALL: Self = Self {
        translations: true,
        races: true,
        stuck: true,
        kernel: true,
    };

    /// Sets the switch of this name; `None` if there is none.
    pub fn set(&mut self, name: &str, on: bool) -> Option<()> {
        match name {
            "translations" => self.translations = on,
            "races" => self.races = on,
            "stuck" => self.stuck = on,
            "kernel" => self.kernel = on,
            _ => return None,
        }
        Some(())
    }

    /// The names that [`Watch::set`] knows.
    pub const NAMES: [&'static str; 4] = ["translations", "races", "stuck", "kernel"];
}

/// The record of the watchers.
#[derive(Clone, Default)]
pub struct Sanitizer {
    pub(crate) watch: Watch,
    /// What was found.
    pub reports: Vec<Report>,
    seen: BTreeSet<(Kind, u64, u64)>,
    pub(crate) translations: Translations,
    pub(crate) races: Option<Races>,
    pub(crate) locks: Locks,
    pub(crate) progress: Progress,
    pub(crate) kernel: kernel::Areas,
}

/// Reports after which nothing more is said.
const REPORTS_MAX: usize = 64;

impl Sanitizer {
    /// Files a report, unless one with the same kind and the same two instructions was filed.
    pub(crate) fn file(&mut self, key: (u64, u64), report: Report) {
        let new = self.seen.insert((report.kind, key.0, key.1));
        if new && self.reports.len() < REPORTS_MAX {
            self.reports.push(report);
        }
    }

    /// Whether a report with this key is already there.
    pub(crate) fn is_filed(&self, kind: Kind, key: (u64, u64)) -> bool {
        self.seen.contains(&(kind, key.0, key.1))
    }
}

impl Board {
    /// Turns these watchers on, and the others off.
    pub(crate) fn watch(&mut self, watch: Watch) {
        self.state.sanitizer = Sanitizer {
            watch,
            races: watch.races.then(|| Races::new(&self.symbols)),
            ..Sanitizer::default()
        };
        self.watch_kernel();
    }
}
