//! Simple mistakes of kernels: a stack that runs over, a store to text, a jump into data, an
//! instruction that was overwritten and never fenced.

use alloc::format;
use alloc::vec;
use alloc::vec::Vec;

use super::{Kind, Report, Scene, stack};
use crate::board::Board;
use crate::hart::trap::{Trap, cause};
use crate::hart::{Hart, Mode, Place};
use crate::ram::{PAGE, TEXT};

/// A fault this close to the stack pointer is the stack's.
const STACK_REACH: u64 = 1024;

/// Where the kernel's instructions are.
#[derive(Clone, Default)]
pub struct Areas {
    /// Pages of RAM that hold nothing but text, or some.
    text: Vec<(usize, usize)>,
}

impl Board {
    /// Learns where the kernel's text is.
    pub(crate) fn watch_kernel(&mut self) {
        if !self.state.sanitizer.watch.kernel {
            return;
        }
        let mut areas = Areas::default();
        for &(start, end) in self.symbols.code() {
            // A kernel that is linked for virtual addresses is not where its symbols say.
            let Some(offset) = self.ram.offset(start, (end - start) as usize) else {
                continue;
            };
            let end = offset + (end - start) as usize;
            areas.text.push((offset, end));
            let whole = offset.next_multiple_of(PAGE)..end & !(PAGE - 1);
            for page in whole.step_by(PAGE) {
                self.ram.set_flags(page, TEXT);
            }
        }
        self.state.sanitizer.kernel = areas;
    }

    /// The kernel stored to a page of its own text.
    pub(crate) fn text_stored(&mut self, hart: &Hart, offset: usize, place: Place) {
        if !self.state.sanitizer.watch.kernel {
            return;
        }
        let address = self.ram.base() + offset as u64;
        let report = Report {
            kind: Kind::TextWrite,
            headline: format!(
                "hart {} writes to the kernel's text at {address:#x}",
                hart.id
            ),
            scenes: vec![Scene {
                what: "the store".into(),
                place: Some(place),
                stack: stack::walk_from(self, hart, place),
            }],
            missing: "a pointer that points where it should, or a page table without write on text"
                .into(),
        };
        self.state.sanitizer.file((place.pc, 0), report);
    }

    /// A hart begins to execute in a page.
    pub(crate) fn executes(&mut self, hart: &Hart, offset: usize) {
        let areas = &self.state.sanitizer.kernel;
        if hart.mode == Mode::User || areas.text.is_empty() {
            return;
        }
        let page = offset & !(PAGE - 1);
        if areas
            .text
            .iter()
            .any(|&(start, end)| page < end && start < page + PAGE)
        {
            return;
        }
        let report = Report {
            kind: Kind::DataJump,
            headline: format!(
                "hart {} jumps to {:#x}, which is no kernel text",
                hart.id, hart.pc
            ),
            scenes: vec![Scene {
                what: "the jump's target and the way there".into(),
                place: Some(hart.place(self.state.steps)),
                stack: stack::walk(self, hart),
            }],
            missing: "a valid return address or function pointer".into(),
        };
        self.state.sanitizer.file((hart.pc, 0), report);
    }

    /// A hart takes an exception: in the kernel, near its stack pointer, it is the stack's end.
    pub(crate) fn trapped(&mut self, hart: &Hart, trap: Trap) {
        let sp = hart.x[2];
        let memory = matches!(
            trap.cause,
            cause::LOAD_PAGE | cause::STORE_PAGE | cause::LOAD_ACCESS | cause::STORE_ACCESS
        );
        let near = trap.value.abs_diff(sp) < STACK_REACH;
        if !self.state.sanitizer.watch.kernel || hart.mode == Mode::User || !memory || !near {
            return;
        }
        let report = Report {
            kind: Kind::StackOverrun,
            headline: format!(
                "the kernel stack of hart {} runs over: sp is {sp:#x} and {:#x} is not mapped",
                hart.id, trap.value
            ),
            scenes: vec![Scene {
                what: "the access".into(),
                place: Some(hart.place(self.state.steps)),
                stack: stack::walk(self, hart),
            }],
            missing: "room on the stack: a smaller local array, or less recursion".into(),
        };
        self.state.sanitizer.file((hart.pc, 0), report);
    }

    /// An instruction is executed that memory no longer holds.
    pub(crate) fn stale_fetch(&mut self, hart: &Hart, by: Place) {
        if !self.state.sanitizer.watch.kernel {
            return;
        }
        let report = Report {
            kind: Kind::StaleFetch,
            headline: format!(
                "hart {} executes an instruction at {:#x} that has been overwritten",
                hart.id, hart.pc
            ),
            scenes: vec![
                Scene {
                    what: "the fetch".into(),
                    place: Some(hart.place(self.state.steps)),
                    stack: stack::walk(self, hart),
                },
                Scene {
                    what: format!(
                        "it was overwritten {} instructions ago",
                        self.state.steps.saturating_sub(by.step)
                    ),
                    place: (by.hart != u8::MAX).then_some(by),
                    stack: if by.hart == u8::MAX {
                        Vec::new()
                    } else {
                        vec![by.pc, by.ra]
                    },
                },
            ],
            missing: format!("a fence.i on hart {} after the store", hart.id),
        };
        self.state.sanitizer.file((by.pc, 0), report);
    }
}
