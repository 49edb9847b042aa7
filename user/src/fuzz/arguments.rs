//! The arguments of calls, at random within what [`super`] allows.

use core::ops::Range;

use abi::{PAGE_SIZE, Syscall};

use crate::USER_TOP;

use super::{ARGUMENTS, Action, Process, Surroundings};
use crate::random::Random;

/// Addresses at the edges of a program's memory, which every call must refuse.
const EDGES: [u64; 9] = [
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
/// Addresses behind the end of the user half: each power of two from there on, and its sign
/// extension, where some format of page tables has the kernel's half.
const HALVES: [u64; 9] = [
    1 << 38,
    1 << 39,
    1 << 47,
    1 << 48,
    1 << 63,
    !0 << 38,
    !0 << 39,
    !0 << 47,
    0xff << 56,
];
/// Offsets at which tables of each level end, and at which boards have devices and memory.
const INSIDE: [u64; 10] = [
    0,
    1 << 12,
    1 << 21,
    1 << 30,
    0x0c00_0000,
    0x1000_0000,
    0x8000_0000,
    0x8020_0000,
    0x8800_0000,
    USER_TOP - PAGE_SIZE as u64,
];
/// Counts of bytes to try.
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
/// Steps of the break to try.
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
/// The most descriptors of one process to try. They are few, so that processes meet.
const DESCRIPTORS: u64 = 12;
/// Numbers that name no process.
const NOBODY: [i32; 4] = [0, -1, i32::MIN, i32::MAX];
/// The ticks of a sleep. They are few, because long sleeps would take up all the time.
const SLEEPS: [u64; 8] = [0, 0, 0, 0, 0, 0, 0, 1];

/// A chooser of arguments.
pub struct Arguments<'a> {
    random: &'a mut Random,
    around: &'a Surroundings<'a>,
}

impl<'a> Arguments<'a> {
    /// Returns a chooser for a process with these surroundings.
    pub fn new(random: &'a mut Random, around: &'a Surroundings<'a>) -> Self {
        Self { random, around }
    }

    /// Returns whether a fork's child becomes another program.
    pub fn is_execution(&mut self) -> bool {
        self.random.once_in(5)
    }

    /// Returns a step of the break.
    pub fn step(&mut self) -> Action {
        let step = self.random.choose(&STEPS);
        Action::MoveBreak(step, self.random.choose(&[0, 1, 2, 3, u64::MAX]))
    }

    /// Returns the arguments of a call for which no other [`Action`] exists.
    pub fn of(&mut self, call: Syscall) -> [u64; ARGUMENTS] {
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

    /// Returns a mapping that replaces a page of the window, where it will be touched. Most are of
    /// a file, and most of these of the standard output, whose file has a first page.
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

    /// Returns an address that every call must refuse: an edge, or an address in a half behind the
    /// user half, most often at the beginning of a page.
    fn outside(&mut self) -> u64 {
        if self.random.once_in(3) {
            return self.random.choose(&EDGES);
        }
        let half = self.random.choose(&HALVES);
        let inside = match self.random.below(3) {
            0 => self.random.below(USER_TOP / PAGE_SIZE as u64) * PAGE_SIZE as u64,
            _ => self.random.choose(&INSIDE),
        };
        let offset = match self.random.below(4) {
            0 => self.random.below(PAGE_SIZE as u64),
            _ => 0,
        };
        (half | inside) + offset
    }

    /// Returns an address to read from. About half of these addresses belong to no program.
    fn looked_at(&mut self) -> u64 {
        match self.random.below(4) {
            0 => self.address(),
            1 => self.mapped(),
            _ => self.outside(),
        }
    }

    /// Returns an address for a new mapping. Mappings whose address the kernel chose are never
    /// touched.
    fn mapped(&mut self) -> u64 {
        let pages = self.random.below(40) * PAGE_SIZE as u64;
        match self.random.below(8) {
            0 => self.outside(),
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

    /// Returns the address of a page of the window.
    fn page_in_window(&mut self) -> u64 {
        let Range { start, end } = self.around.window;
        start + self.random.below((end - start) / PAGE_SIZE as u64) * PAGE_SIZE as u64
    }

    /// Returns an address in the window. Most are at the edge of a page.
    pub fn in_window(&mut self) -> u64 {
        let page = self.page_in_window();
        let offset = match self.random.below(4) {
            0 => self.random.below(PAGE_SIZE as u64),
            1 => PAGE_SIZE as u64 - 1 - self.random.below(8),
            _ => 0,
        };
        page + offset
    }

    /// Returns an address that the kernel may write to or must refuse to write to.
    fn address(&mut self) -> u64 {
        match self.random.below(10) {
            0 => self.outside(),
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

    /// Returns a number of words. Some fit into their buffer, others are far too many.
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
            0 => self.outside(),
            _ => self.random.choose(self.around.paths),
        }
    }

    fn vector(&mut self) -> u64 {
        match self.random.below(3) {
            0 => self.outside(),
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

    /// Returns the number of a driver, but never the console's, because reading the console would
    /// take its user's input.
    fn major(&mut self) -> u64 {
        let major = self
            .random
            .choose(&[0, 2, 9, 10, 255, 0x7fff, 0x8000, 0xffff, -1]);
        sign_extended(major)
    }

    pub fn process(&mut self) -> Process {
        match self.random.below(8) {
            0 => Process::Nobody(self.random.choose(&NOBODY)),
            _ => Process::Known(self.random.bits()),
        }
    }

    pub fn inspect(&mut self) -> Action {
        let process = self.process();
        if self.random.once_in(2) {
            let rest = [self.address(), self.length(), 0];
            return Action::Inspect(Syscall::Procstat, process, rest);
        }
        let count = self.length();
        let rest = [self.looked_at(), count, self.address()];
        Action::Inspect(Syscall::Pageinfo, process, rest)
    }

    /// Returns a call with a number that the contract does not have, between its numbers and beyond
    /// them. Its lower 32 bits are no call's number either, because a kernel may look at those
    /// alone.
    pub fn unknown(&mut self) -> Action {
        let number =
            self.random
                .choose(&[0, 64, 1000, 0x7fff_ffff, 0x8000_0000, u64::MAX, 1 << 32]);
        let arguments = [(); ARGUMENTS].map(|()| self.random.bits());
        Action::Unknown(number, arguments)
    }
}

/// Fills up the arguments with zeros.
fn pad<const COUNT: usize>(given: [u64; COUNT]) -> [u64; ARGUMENTS] {
    let mut all = [0; ARGUMENTS];
    all[..COUNT].copy_from_slice(&given);
    all
}

/// Returns a 32-bit argument as the register holds it.
fn sign_extended(number: i32) -> u64 {
    i64::from(number) as u64
}

/// Returns whether every call must refuse an address.
#[cfg(test)]
pub fn must_be_refused(address: u64) -> bool {
    EDGES.contains(&address) || address >= USER_TOP
}
