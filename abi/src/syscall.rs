//! The table of system calls: the one place where a number, a name and a signature meet. The
//! kernel's dispatcher and the programs' stubs are both generated from it.

/// Calls the macro `$with` with the whole table.
///
/// Each row reads `number name(argument: type, ...) = "meaning";`. Arguments are the raw words
/// in `a0..a5` as the callee sees them: `i32` and `u32` take the low half of the register.
#[macro_export]
macro_rules! for_each_syscall {
    ($with:ident) => {
        $with! {
            1 Fork fork() = "A copy of the caller; 0 in the child, its pid in the parent.";
            2 Exit exit(status: i32) = "Ends the caller; does not return.";
            3 Wait wait(status: u64) = "Waits for a child to end; its pid, its status at `status` unless that is 0.";
            4 Pipe pipe(ends: u64) = "Two descriptors at `ends`: read end, write end.";
            5 Read read(fd: i32, buffer: u64, count: i32) = "Reads up to `count` bytes.";
            6 Kill kill(pid: i32) = "Marks a process to be killed.";
            7 Exec exec(path: u64, argv: u64) = "Replaces the caller's program.";
            8 Fstat fstat(fd: i32, stat: u64) = "Describes an open file.";
            9 Chdir chdir(path: u64) = "Changes the current directory.";
            10 Dup dup(fd: i32) = "A second descriptor for an open file.";
            11 Getpid getpid() = "The caller's pid.";
            12 Sbrk sbrk(increment: i32, mode: u64) = "Moves the break; the old one.";
            13 Sleep sleep(ticks: i32) = "Waits for some ticks (`pause` since 2025).";
            14 Uptime uptime() = "Ticks since boot.";
            15 Open open(path: u64, flags: i32) = "A descriptor for a file.";
            16 Write write(fd: i32, buffer: u64, count: i32) = "Writes `count` bytes.";
            17 Mknod mknod(path: u64, major: i32, minor: i32) = "Makes a device file.";
            18 Unlink unlink(path: u64) = "Removes a name.";
            19 Link link(old: u64, new: u64) = "A second name for a file.";
            20 Mkdir mkdir(path: u64) = "Makes a directory.";
            21 Close close(fd: i32) = "Gives up a descriptor.";
            22 Mmap mmap(address: u64, length: u64, protection: i32, flags: i32, fd: i32, offset: u64) = "Maps memory; where.";
            23 Munmap munmap(address: u64, length: u64) = "Unmaps whatever is mapped there.";
            24 Mprotect mprotect(address: u64, length: u64, protection: i32) = "Says what may be done with mapped pages.";
            25 Msync msync(address: u64, length: u64) = "Writes what was stored in shared pages of files to the files.";
            32 Pageinfo pageinfo(pid: i32, address: u64, count: u64, out: u64) = "One word per page, see `PageInfo`.";
            33 Memstat memstat(out: u64, count: u64) = "Counters of the memory system, see `MemCounter`.";
            34 Procstat procstat(pid: i32, out: u64, count: u64) = "Counters of one process, see `ProcCounter`, then `ProcessFacts`.";
            35 Forkmode forkmode(mode: i32) = "How the caller and its descendants fork; the old mode.";
            36 Shutdown shutdown(status: i32) = "Powers off; the emulator's exit code tells the status.";
        }
    };
}

macro_rules! define {
    ($($number:literal $variant:ident $name:ident($($argument:ident: $kind:ty),*) = $meaning:literal;)*) => {
        /// A system call, as its number in `a7`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u64)]
        pub enum Syscall {
            $(#[doc = $meaning] $variant = $number,)*
        }

        impl Syscall {
            /// Returns the call with this number, if there is one.
            pub const fn from_number(number: u64) -> Option<Self> {
                match number {
                    $($number => Some(Self::$variant),)*
                    _ => None,
                }
            }

            /// Returns the call's name in the C library of xv6.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => stringify!($name),)*
                }
            }
        }
    };
}

for_each_syscall!(define);
