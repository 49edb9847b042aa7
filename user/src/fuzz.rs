//! What a system-call fuzzer does next, decided by a generator alone.
//!
//! Arguments are random within what the call may be given without hurting anybody but the kernel:
//! a call that has the kernel write gets an address in the caller's window or one that must be
//! refused; paths are the fuzzer's own; descriptors that it needs itself are left alone. It never
//! powers off, ends, or sleeps for long. Running an [`Action`] is the program's business
//! (`src/bin/syzzle`), so all of this is tested on the host.

use crate::random::Random;
use abi::{PAGE_SIZE, Syscall, USER_TOP};
use core::ops::Range;

/// Most arguments of a call.
pub const ARGUMENTS: usize = 6;

/// Addresses that every call must refuse.
const OUTSIDE: [u64; 9] = [
    0x8000_0000,
    USER_TOP - 1,
    USER_TOP,
    USER_TOP + PAGE_SIZE as u64,
    1 << 38,
    (1 << 38) - 1,
    1 << 63,
    u64::MAX - 7,
    u64::MAX,
];
/// Counts of bytes that are worth a try.
const COUNTS: [i32; 14] = [
    0,
    1,
    7,
    511,
    512,
    513,
    1024,
    4095,
    4096,
    4097,
    8192,
    i32::MAX,
    -1,
    i32::MIN,
];
/// Steps of the break.
const STEPS: [i32; 15] = [
    0,
    1,
    -1,
    8,
    PAGE_SIZE as i32,
    -(PAGE_SIZE as i32),
    PAGE_SIZE as i32 - 1,
    1 - PAGE_SIZE as i32,
    1 << 16,
    -(1 << 16),
    1 << 24,
    -(1 << 24),
    1 << 30,
    i32::MAX,
    i32::MIN,
];
/// Most descriptors of one process that are worth a try: few, so that processes meet.
const DESCRIPTORS: u64 = 12;
/// Numbers that name no process, whatever happens.
const NOBODY: [i32; 4] = [0, -1, i32::MIN, i32::MAX];
/// Ticks of a sleep: long ones would be all that is done.
const SLEEPS: [u64; 8] = [0, 0, 0, 0, 0, 0, 0, 1];

/// What a process has that calls may be given.
#[derive(Clone, Debug)]
pub struct Surroundings<'a> {
    /// Addresses above the image, where the kernel may write what it wants. How much of it is
    /// below the break changes.
    pub window: Range<u64>,
    /// Memory that can be read and must not be written.
    pub read_only: u64,
    /// Addresses of the paths that may be made, opened, linked and removed.
    pub paths: &'a [u64],
    /// Addresses of vectors of arguments, and of things that are none.
    pub vectors: &'a [u64],
    /// Descriptors that must stay as they are.
    pub reserved: [i32; 2],
}

/// Which process is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Process {
    /// One of those that the caller knows of, by this number modulo how many they are.
    Known(u64),
    /// Nobody.
    Nobody(i32),
}

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// A call with these words as its arguments.
    Call(Syscall, [u64; ARGUMENTS]),
    /// A call with a number that has none.
    Unknown(u64, [u64; ARGUMENTS]),
    /// A fork whose child goes on with a generator of its own.
    Fork,
    /// A fork whose child becomes a program that exists.
    Execute,
    /// A kill.
    Kill(Process),
    /// `procstat` or `pageinfo` of a process, with these words as the other arguments.
    Inspect(Syscall, Process, [u64; 3]),
    /// A step of the break in some mode; down not below the window unless to below 0.
    MoveBreak(i32, u64),
    /// A store to the window, if the break is above.
    Touch(u64),
}

/// What there is to choose from, with how often.
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
    let mut arguments = Arguments { random, around };
    match chosen {
        Choice::Call(call) => Action::Call(call, arguments.of(call)),
        Choice::Unknown => arguments.unknown(),
        Choice::Process if arguments.random.once_in(5) => Action::Execute,
        Choice::Process => Action::Fork,
        Choice::Kill => Action::Kill(arguments.process()),
        Choice::Inspect => arguments.inspect(),
        Choice::MoveBreak => {
            let step = arguments.random.choose(&STEPS);
            Action::MoveBreak(step, arguments.random.choose(&[0, 1, 2, 3, u64::MAX]))
        }
        Choice::Touch => Action::Touch(arguments.in_window()),
    }
}

/// Chooses arguments.
struct Arguments<'a> {
    random: &'a mut Random,
    around: &'a Surroundings<'a>,
}

impl Arguments<'_> {
    /// The arguments of a call that stands for itself.
    fn of(&mut self, call: Syscall) -> [u64; ARGUMENTS] {
        match call {
            Syscall::Read => pad([self.descriptor(), self.address(), self.count()]),
            Syscall::Write => pad([self.descriptor(), self.address(), self.count()]),
            Syscall::Open => pad([self.path(), self.open_flags()]),
            Syscall::Close | Syscall::Dup => pad([self.descriptor()]),
            Syscall::Fstat => pad([self.descriptor(), self.address()]),
            Syscall::Pipe | Syscall::Wait => pad([self.address()]),
            Syscall::Chdir | Syscall::Mkdir | Syscall::Unlink => pad([self.path()]),
            Syscall::Mknod => pad([self.path(), self.major(), self.random.below(3)]),
            Syscall::Link => pad([self.path(), self.path()]),
            Syscall::Exec => pad([self.path(), self.vector()]),
            Syscall::Sleep => pad([self.random.choose(&SLEEPS)]),
            Syscall::Memstat => pad([self.address(), self.length()]),
            Syscall::Forkmode => pad([sign_extended(self.random.below(4) as i32 - 1)]),
            Syscall::Getpid | Syscall::Uptime => pad([]),
            Syscall::Mmap if self.random.once_in(2) => self.mapping_in_window(),
            Syscall::Mmap => [
                self.random.choose(&[0, 0, 1, self.around.window.start]),
                self.mapping_length(),
                self.random.below(9),
                self.random
                    .choose(&[0x22, 0x21, 0x1, 0x1, 0x2, 0x2, 0x20, 0x23, u64::MAX]),
                self.descriptor(),
                self.random.choose(&[0, 0, 0, 0x1000, 1]),
            ],
            Syscall::Msync if self.random.once_in(2) => {
                pad([self.page_in_window(), PAGE_SIZE as u64])
            }
            Syscall::Munmap | Syscall::Msync => pad([self.mapped(), self.mapping_length()]),
            Syscall::Mprotect => pad([self.mapped(), self.mapping_length(), self.random.below(9)]),
            Syscall::Fork
            | Syscall::Exit
            | Syscall::Kill
            | Syscall::Sbrk
            | Syscall::Pageinfo
            | Syscall::Procstat
            | Syscall::Shutdown => unreachable!("{} is an action of its own", call.name()),
        }
    }

    /// A mapping in place of a page of the window, where it will be touched: more often than not of a file, and then as a rule of
    /// the standard output, which is one that has a first page.
    fn mapping_in_window(&mut self) -> [u64; ARGUMENTS] {
        let standard = self.random.once_in(2);
        [
            self.page_in_window(),
            PAGE_SIZE as u64,
            self.random.choose(&[3, 3, 3, 3, 3, 3, 3, 1]),
            self.random
                .choose(&[0x11, 0x11, 0x11, 0x12, 0x12, 0x31, 0x32]),
            if standard { 1 } else { self.descriptor() },
            0,
        ]
    }

    /// An address where mappings are made. Those that the kernel has placed are never touched.
    fn mapped(&mut self) -> u64 {
        let pages = self.random.below(40) * PAGE_SIZE as u64;
        match self.random.below(8) {
            0 => self.random.choose(&OUTSIDE),
            1 => USER_TOP - pages - 1,
            _ => USER_TOP - pages,
        }
    }

    fn mapping_length(&mut self) -> u64 {
        let pages = self.random.below(12) * PAGE_SIZE as u64;
        match self.random.below(8) {
            0 => self.random.choose(&[USER_TOP, u64::MAX, 1 << 63]),
            1 => pages + 1,
            _ => pages,
        }
    }

    /// The address of a page of the window.
    fn page_in_window(&mut self) -> u64 {
        let Range { start, end } = self.around.window;
        start + self.random.below((end - start) / PAGE_SIZE as u64) * PAGE_SIZE as u64
    }

    /// An address in the window, at the edge of a page more often than not.
    fn in_window(&mut self) -> u64 {
        let page = self.page_in_window();
        let offset = match self.random.below(4) {
            0 => self.random.below(PAGE_SIZE as u64),
            1 => PAGE_SIZE as u64 - 1 - self.random.below(8),
            _ => 0,
        };
        page + offset
    }

    /// An address that the kernel may write to or must refuse to write to.
    fn address(&mut self) -> u64 {
        match self.random.below(10) {
            0 => self.random.choose(&OUTSIDE),
            1 => self.random.choose(&[0, self.around.read_only]),
            2 => self.around.window.end - self.random.below(16),
            _ => self.in_window(),
        }
    }

    fn count(&mut self) -> u64 {
        let count = match self.random.below(3) {
            0 => self.random.choose(&COUNTS),
            _ => self.random.below(3000) as i32,
        };
        sign_extended(count)
    }

    /// How many words there is room for.
    fn length(&mut self) -> u64 {
        self.random
            .choose(&[0, 1, 13, 24, 25, 512, 1 << 61, u64::MAX / 8, u64::MAX])
    }

    fn descriptor(&mut self) -> u64 {
        let fd = match self.random.below(20) {
            0 => self
                .random
                .choose(&[-1, i32::MIN, i32::MAX, 100, 1023, 1024]),
            _ => self.random.below(DESCRIPTORS) as i32,
        };
        if self.around.reserved.contains(&fd) {
            return sign_extended(-1);
        }
        sign_extended(fd)
    }

    fn path(&mut self) -> u64 {
        match self.random.below(20) {
            0 => self.random.choose(&OUTSIDE),
            _ => self.random.choose(self.around.paths),
        }
    }

    fn vector(&mut self) -> u64 {
        match self.random.below(3) {
            0 => self.random.choose(&OUTSIDE),
            1 => self.in_window(),
            _ => self.random.choose(self.around.vectors),
        }
    }

    fn open_flags(&mut self) -> u64 {
        match self.random.below(8) {
            0 => self.random.bits(),
            1 => 0,
            _ => self
                .random
                .choose(&[0x200, 0x201, 0x202, 0x400, 0x602, 1, 2]),
        }
    }

    /// The number of a driver, but never the console's: reading that would take the input from
    /// whoever is sitting there.
    fn major(&mut self) -> u64 {
        let major = self
            .random
            .choose(&[0, 2, 9, 10, 255, 0x7fff, 0x8000, 0xffff, -1]);
        sign_extended(major)
    }

    fn process(&mut self) -> Process {
        match self.random.below(8) {
            0 => Process::Nobody(self.random.choose(&NOBODY)),
            _ => Process::Known(self.random.bits()),
        }
    }

    fn inspect(&mut self) -> Action {
        let process = self.process();
        if self.random.once_in(2) {
            let rest = [self.address(), self.length(), 0];
            return Action::Inspect(Syscall::Procstat, process, rest);
        }
        let count = self.length();
        let rest = [self.address(), count, self.address()];
        Action::Inspect(Syscall::Pageinfo, process, rest)
    }

    /// A number between and beyond those of the contract. Only low halves that are no call's: a
    /// kernel may look at nothing else.
    fn unknown(&mut self) -> Action {
        let number =
            self.random
                .choose(&[0, 64, 1000, 0x7fff_ffff, 0x8000_0000, u64::MAX, 1 << 32]);
        let arguments = [(); ARGUMENTS].map(|()| self.random.bits());
        Action::Unknown(number, arguments)
    }
}

/// Arguments, and zeros where a call has no more.
fn pad<const COUNT: usize>(given: [u64; COUNT]) -> [u64; ARGUMENTS] {
    let mut all = [0; ARGUMENTS];
    all[..COUNT].copy_from_slice(&given);
    all
}

/// A 32-bit argument as the register holds it.
fn sign_extended(number: i32) -> u64 {
    i64::from(number) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::vec::Vec;

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

    /// Where a call has the kernel write, if it does.
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
            let refused = OUTSIDE.contains(&address) || address == 0 || address == READ_ONLY;
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
                assert!(around().paths.contains(path) || OUTSIDE.contains(path));
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
        // 23 calls, two ways to inspect, and six other actions.
        assert_eq!(kinds.len(), 23 + 2 + 6, "{kinds:?}");
    }
}
