//! A finding, as data and as text a student understands: what happened, where, what is missing.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt::Write;

use crate::hart::Place;

/// What kind of mistake was seen.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Kind {
    /// An access through a translation that the tables took back.
    StaleTranslation,
    /// The same, to a frame that has been given to another use.
    ReusedFrame,
    /// A walk through a table that the tables no longer lead to.
    StaleTable,
    /// Two accesses without order.
    Race,
    /// No hart can go on.
    Stuck,
    /// A kernel stack ran over its end.
    StackOverrun,
    /// The kernel wrote its own instructions.
    TextWrite,
    /// The kernel jumped to something that is no instruction of its own.
    DataJump,
    /// An instruction was executed that memory no longer holds.
    StaleFetch,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 9] = [
        Self::StaleTranslation,
        Self::ReusedFrame,
        Self::StaleTable,
        Self::Race,
        Self::Stuck,
        Self::StackOverrun,
        Self::TextWrite,
        Self::DataJump,
        Self::StaleFetch,
    ];

    /// A word for tests and tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::StaleTranslation => "stale-translation",
            Self::ReusedFrame => "reused-frame",
            Self::StaleTable => "stale-table",
            Self::Race => "race",
            Self::Stuck => "stuck",
            Self::StackOverrun => "stack-overrun",
            Self::TextWrite => "text-write",
            Self::DataJump => "data-jump",
            Self::StaleFetch => "stale-fetch",
        }
    }
}

/// One part of a report: something that happened, and where.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Scene {
    /// What happened.
    pub what: String,
    /// Where; `None` if a device did it.
    pub place: Option<Place>,
    /// The functions it happened in, innermost first: the instruction, then return addresses.
    pub stack: Vec<u64>,
}

/// A finding.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Report {
    /// What kind.
    pub kind: Kind,
    /// One sentence.
    pub headline: String,
    /// What happened, the access that shows the mistake first.
    pub scenes: Vec<Scene>,
    /// What is missing.
    pub missing: String,
}

impl Report {
    /// The report as text. `lines` turns an address of a backtrace into the lines to print; its
    /// second argument says that the address is a return address.
    pub fn render(&self, lines: &mut dyn FnMut(u64, bool) -> Vec<String>) -> String {
        let mut text = String::new();
        let _ = writeln!(text, "{}: {}", self.kind.name(), self.headline);
        for scene in &self.scenes {
            let _ = match scene.place {
                Some(place) => writeln!(
                    text,
                    "  {} (hart {}, step {})",
                    scene.what, place.hart, place.step
                ),
                None => writeln!(text, "  {}", scene.what),
            };
            for (depth, &address) in scene.stack.iter().enumerate() {
                for line in lines(address, depth > 0) {
                    let _ = writeln!(text, "      {line}");
                }
            }
        }
        if !self.missing.is_empty() {
            let _ = writeln!(text, "  missing: {}", self.missing);
        }
        text
    }

    /// The addresses of all backtraces.
    pub fn addresses(&self) -> impl Iterator<Item = u64> {
        self.scenes
            .iter()
            .flat_map(|scene| scene.stack.iter().copied())
    }
}

/// The rights in an entry of a page table, as text.
pub(crate) fn rights(entry: u64) -> String {
    use crate::mmu::pte;
    if entry & pte::V == 0 {
        return "no translation".to_string();
    }
    let mut text = String::new();
    for (bit, letter) in [(pte::R, 'r'), (pte::W, 'w'), (pte::X, 'x'), (pte::U, 'u')] {
        text.push(if entry & bit != 0 { letter } else { '-' });
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_reads_from_top_to_bottom() {
        let report = Report {
            kind: Kind::Race,
            headline: "two harts".into(),
            scenes: alloc::vec![Scene {
                what: "a store".into(),
                place: Some(Place {
                    hart: 1,
                    step: 9,
                    ..Place::default()
                }),
                stack: alloc::vec![16, 32],
            }],
            missing: "a lock".into(),
        };
        let text = report.render(&mut |address, back| {
            alloc::vec![alloc::format!(
                "{address:#x}{}",
                if back { " <-" } else { "" }
            )]
        });
        assert_eq!(
            text,
            "race: two harts\n  a store (hart 1, step 9)\n      0x10\n      0x20 <-\n  missing: a lock\n"
        );
        assert_eq!(rights(0b1_0111), "rw-u");
    }
}
