//! The choices of a system-call fuzzer, made by a generator alone.
//!
//! Arguments are random, but a call can hurt the kernel and nothing else: if a call makes the
//! kernel write, its address lies in the caller's window or must be refused. Paths are the fuzzer's
//! own. Descriptors that the fuzzer needs are left alone. No call powers the machine off, exits, or
//! sleeps for long. The program `src/bin/syzzle` carries out each [`Action`], so all of this is
//! tested on the host.

mod arguments;

use core::ops::Range;

use abi::Syscall;

use crate::random::Random;
use arguments::Arguments;

/// The most arguments of a call.
pub const ARGUMENTS: usize = 6;

/// What calls of a process may be given.
#[derive(Clone, Debug)]
pub struct Surroundings<'a> {
    /// Addresses above the image, where the kernel may write anything. How many of them are below
    /// the break changes.
    pub window: Range<u64>,
    /// Memory that can be read and must not be written.
    pub read_only: u64,
    /// Addresses of the paths that may be made, opened, linked and removed.
    pub paths: &'a [u64],
    /// Addresses of vectors of arguments, and of words that are no vectors.
    pub vectors: &'a [u64],
    /// Descriptors that must stay as they are.
    pub reserved: [i32; 2],
}

/// Which process a call names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Process {
    /// One of those that the caller knows: the number is taken modulo how many it knows.
    Known(u64),
    /// No process.
    Nobody(i32),
}

/// What the fuzzer does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// A call with these arguments.
    Call(Syscall, [u64; ARGUMENTS]),
    /// A call with a number that the contract does not have.
    Unknown(u64, [u64; ARGUMENTS]),
    /// A fork whose child goes on with a generator of its own.
    Fork,
    /// A fork whose child becomes a program that exists.
    Execute,
    /// A kill.
    Kill(Process),
    /// `procstat` or `pageinfo` of a process, with these further arguments.
    Inspect(Syscall, Process, [u64; 3]),
    /// A step of the break, in some mode. It does not move below the window, except to below 0.
    MoveBreak(i32, u64),
    /// A store to the window, if the break is above.
    Touch(u64),
}

/// What can be chosen, with the weight of each.
const WEIGHTS: [(Choice, u64); 29] = [
    (Choice::Call(Syscall::Read), 10),
    (Choice::Call(Syscall::Write), 10),
    (Choice::Call(Syscall::Open), 12),
    (Choice::Call(Syscall::Close), 6),
    (Choice::Call(Syscall::Dup), 4),
    (Choice::Call(Syscall::Pipe), 5),
    (Choice::Call(Syscall::Fstat), 4),
    (Choice::Call(Syscall::Chdir), 3),
    (Choice::Call(Syscall::Mkdir), 2),
    (Choice::Call(Syscall::Mknod), 3),
    (Choice::Call(Syscall::Link), 6),
    (Choice::Call(Syscall::Unlink), 14),
    (Choice::Call(Syscall::Exec), 3),
    (Choice::Call(Syscall::Wait), 3),
    (Choice::Call(Syscall::Getpid), 1),
    (Choice::Call(Syscall::Uptime), 1),
    (Choice::Call(Syscall::Sleep), 1),
    (Choice::Call(Syscall::Memstat), 2),
    (Choice::Call(Syscall::Forkmode), 1),
    (Choice::Call(Syscall::Mmap), 12),
    (Choice::Call(Syscall::Munmap), 4),
    (Choice::Call(Syscall::Msync), 3),
    (Choice::Call(Syscall::Mprotect), 3),
    (Choice::Unknown, 1),
    (Choice::Process, 6),
    (Choice::Kill, 3),
    (Choice::Inspect, 3),
    (Choice::MoveBreak, 10),
    (Choice::Touch, 20),
];

#[derive(Clone, Copy)]
enum Choice {
    Call(Syscall),
    Unknown,
    Process,
    Kill,
    Inspect,
    MoveBreak,
    Touch,
}

/// Chooses what to do next.
pub fn choose(random: &mut Random, around: &Surroundings) -> Action {
    let total = WEIGHTS.iter().map(|(_, weight)| weight).sum();
    let mut at = random.below(total);
    let mut chosen = Choice::Touch;
    for (choice, weight) in WEIGHTS {
        if at < weight {
            chosen = choice;
            break;
        }
        at -= weight;
    }
    let mut arguments = Arguments::new(random, around);
    match chosen {
        Choice::Call(call) => Action::Call(call, arguments.of(call)),
        Choice::Unknown => arguments.unknown(),
        Choice::Process if arguments.is_execution() => Action::Execute,
        Choice::Process => Action::Fork,
        Choice::Kill => Action::Kill(arguments.process()),
        Choice::Inspect => arguments.inspect(),
        Choice::MoveBreak => arguments.step(),
        Choice::Touch => Action::Touch(arguments.in_window()),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::vec::Vec;

    use abi::PAGE_SIZE;

    use super::arguments::must_be_refused;
    use super::*;

    const WINDOW: Range<u64> = 0x5_0000..0x6_0000;
    const READ_ONLY: u64 = 0x2000;

    fn around() -> Surroundings<'static> {
        Surroundings {
            window: WINDOW,
            read_only: READ_ONLY,
            paths: &[0x2100, 0x2200],
            vectors: &[0x2300],
            reserved: [5, 7],
        }
    }

    fn actions(seed: u64) -> impl Iterator<Item = Action> {
        let mut random = Random::new(seed);
        core::iter::repeat_with(move || choose(&mut random, &around())).take(100_000)
    }

    /// Returns the address to which a call makes the kernel write, if it does.
    fn destination(action: Action) -> Option<u64> {
        match action {
            Action::Call(Syscall::Read | Syscall::Fstat, [_, address, ..]) => Some(address),
            Action::Call(Syscall::Pipe | Syscall::Wait | Syscall::Memstat, [address, ..]) => {
                Some(address)
            }
            Action::Inspect(Syscall::Procstat, _, [address, ..]) => Some(address),
            Action::Inspect(Syscall::Pageinfo, _, [.., address]) => Some(address),
            _ => None,
        }
    }

    #[test]
    fn the_kernel_is_led_to_write_only_where_it_may_or_must_refuse() {
        for address in actions(1).filter_map(destination) {
            let refused = must_be_refused(address) || address == 0 || address == READ_ONLY;
            let allowed = (WINDOW.start..=WINDOW.end).contains(&address);
            assert!(refused || allowed, "{address:#x}");
        }
    }

    #[test]
    fn paths_are_the_given_ones_or_must_be_refused() {
        for action in actions(2) {
            let Action::Call(call, [first, second, ..]) = action else {
                continue;
            };
            let paths: &[u64] = match call {
                Syscall::Link => &[first, second],
                Syscall::Open
                | Syscall::Chdir
                | Syscall::Mkdir
                | Syscall::Mknod
                | Syscall::Unlink
                | Syscall::Exec => &[first],
                _ => &[],
            };
            for path in paths {
                assert!(around().paths.contains(path) || must_be_refused(*path));
            }
        }
    }

    #[test]
    fn mappings_that_demand_a_place_get_one_page_of_the_window() {
        let fixed = abi::MapFlags::FIXED;
        let mut files = 0;
        for action in actions(8) {
            let Action::Call(Syscall::Mmap, [address, length, _, flags, ..]) = action else {
                continue;
            };
            let flags = abi::MapFlags(flags as i32);
            if flags.0 != -1 && flags.contains(fixed) {
                let pages = WINDOW.step_by(PAGE_SIZE);
                assert!(pages.into_iter().any(|page| page == address), "{action:?}");
                assert_eq!(length, PAGE_SIZE as u64, "{action:?}");
                files += u32::from(!flags.contains(abi::MapFlags::ANONYMOUS));
            }
        }
        assert!(files > 500, "{files}");
    }

    #[test]
    fn addresses_of_every_half_hole_and_level_are_looked_at() {
        let looked_at: Vec<u64> = actions(9)
            .filter_map(|action| match action {
                Action::Inspect(Syscall::Pageinfo, _, [address, ..]) => Some(address),
                _ => None,
            })
            .collect();
        let count = |wanted: &dyn Fn(u64) -> bool| {
            looked_at.iter().filter(|&&address| wanted(address)).count()
        };
        let in_sv39 = |address: u64| address >= !0 << 38;
        // The entries of the kernel's half that a walk of three levels would read.
        let roots: BTreeSet<_> = looked_at
            .iter()
            .filter(|&&address| in_sv39(address))
            .map(|address| address >> 30 & 0x1ff)
            .collect();
        assert!(roots.len() > 8, "{roots:?}");
        assert!(count(&in_sv39) > 20);
        assert!(
            count(&|address| address >> 38 == 1) > 20,
            "sv39 has no such address"
        );
        assert!(
            count(&|address| address >> 47 == 1) > 20,
            "four levels have no such address"
        );
        assert!(count(&|address| address % PAGE_SIZE as u64 != 0) > 50);
        assert!(count(&|address| address < crate::USER_TOP) > 100);
    }

    #[test]
    fn reserved_descriptors_are_left_alone() {
        for action in actions(3) {
            if let Action::Call(
                Syscall::Read | Syscall::Write | Syscall::Close | Syscall::Dup | Syscall::Fstat,
                [fd, ..],
            ) = action
            {
                assert!(!around().reserved.contains(&(fd as i32)), "{action:?}");
            }
        }
    }

    #[test]
    fn nothing_sleeps_long_powers_off_or_opens_the_console() {
        for action in actions(4) {
            match action {
                Action::Call(Syscall::Sleep, [ticks, ..]) => assert!(ticks <= 1),
                Action::Call(Syscall::Mknod, [_, major, ..]) => {
                    assert_ne!(major as u16, abi::CONSOLE_MAJOR);
                }
                Action::Call(call, _) => assert_ne!(call, Syscall::Shutdown),
                Action::Unknown(number, _) => {
                    assert_eq!(Syscall::from_number(number), None);
                    assert_eq!(Syscall::from_number(number & 0xffff_ffff), None);
                }
                _ => {}
            }
        }
    }

    #[test]
    fn a_seed_means_one_sequence_and_every_sequence_has_everything() {
        let (one, other): (Vec<_>, Vec<_>) = (actions(5).collect(), actions(5).collect());
        assert_eq!(one, other);
        assert!(actions(6).ne(one.iter().copied()));
        let kinds: BTreeSet<_> = actions(7)
            .map(|action| match action {
                Action::Call(call, _) => std::format!("{call:?}"),
                Action::Inspect(call, ..) => std::format!("inspect {call:?}"),
                action => std::format!("{:?}", core::mem::discriminant(&action)),
            })
            .collect();
        // Each call of the table is made, unless another action makes it or it ends the fuzzer.
        let otherwise = [
            Syscall::Fork,
            Syscall::Kill,
            Syscall::Sbrk,
            Syscall::Pageinfo,
            Syscall::Procstat,
            Syscall::Exit,
            Syscall::Shutdown,
        ];
        let calls: Vec<_> = (0..100)
            .filter_map(Syscall::from_number)
            .filter(|call| !otherwise.contains(call))
            .collect();
        for call in &calls {
            assert!(
                kinds.contains(&std::format!("{call:?}")),
                "{call:?} is never made: it needs a weight"
            );
        }
        // Two ways to inspect, and six other actions.
        assert_eq!(kinds.len(), calls.len() + 2 + 6, "{kinds:?}");
    }
}
