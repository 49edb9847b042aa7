//! One round of a mill, and what a mill does to names and files.
//!
//! All mills share the names, so any call may find that another mill was faster, and most results
//! mean nothing. What a mill does not share (its open file's offset, its memory, its children) is
//! checked.

use crate::FOLDER;
use crate::memory::Memory;
use crate::processes;
use abi::{BLOCK_SIZE, OpenFlags};
use core::ffi::CStr;
use user::file::{self, Fd};
use user::process;
use user::random::Random;
use user::testing::outcome::{Outcome, ensure};

/// Names of files and of directories, in the current directory and below it.
const NAMES: [&CStr; 12] = [
    c"a",
    c"b",
    c"c",
    c"d",
    c"dir",
    c"dir/a",
    c"dir/b",
    c"dir/../c",
    c"dir/deep",
    c"dir/deep/a",
    c"/grind.d/dir/../a",
    c"x123456789abcdef",
];
/// The most bytes of one write.
const LARGEST_WRITE: usize = 4 * BLOCK_SIZE;

/// What a mill does in one round.
#[derive(Clone, Copy)]
enum Action {
    Create,
    Open,
    Unlink,
    Link,
    MakeDirectory,
    ChangeDirectory,
    Write,
    Read,
    Describe,
    Fork,
    ForkTwice,
    ForkAndKill,
    ForkAndMeet,
    Execute,
    Pipe,
    Grow,
    Shrink,
    Share,
    Rest,
}

/// Every action, as often as its share of the rounds.
const ACTIONS: [Action; 24] = [
    Action::Create,
    Action::Create,
    Action::Open,
    Action::Unlink,
    Action::Unlink,
    Action::Link,
    Action::MakeDirectory,
    Action::ChangeDirectory,
    Action::Write,
    Action::Write,
    Action::Write,
    Action::Read,
    Action::Describe,
    Action::Fork,
    Action::ForkTwice,
    Action::ForkAndKill,
    Action::ForkAndMeet,
    Action::Execute,
    Action::Pipe,
    Action::Grow,
    Action::Shrink,
    Action::Share,
    Action::Share,
    Action::Rest,
];

/// A process that grinds.
pub struct Mill {
    pub random: Random,
    memory: Memory,
    /// A file that the mill writes and reads, under any name.
    open: Option<Fd>,
}

impl Mill {
    /// Returns a mill that has done nothing yet.
    pub fn new(random: Random) -> Outcome<Self> {
        Ok(Self {
            random,
            memory: Memory::new()?,
            open: None,
        })
    }

    /// Closes the file and gives back the memory.
    pub fn stop(mut self) -> Outcome {
        self.replace_open(None)?;
        self.memory.check()
    }

    /// Does one random action.
    pub fn act(&mut self) -> Outcome {
        match self.random.choose(&ACTIONS) {
            Action::Create => self.open_some(OpenFlags::CREATE.with(OpenFlags::READ_WRITE)),
            Action::Open => {
                let flags = OpenFlags(self.random.below(3) as i32);
                self.open_some(flags)
            }
            Action::Unlink => self.any_result(file::unlink),
            Action::Link => {
                let old = self.random.choose(&NAMES);
                self.any_result(|new| file::link(old, new))
            }
            Action::MakeDirectory => self.any_result(file::make_directory),
            Action::ChangeDirectory => self.change_directory(),
            Action::Write => self.write(),
            Action::Read => self.read(),
            Action::Describe => self.describe(),
            Action::Fork => processes::fork_and_wait(&mut self.random),
            Action::ForkTwice => processes::fork_twice(),
            Action::ForkAndKill => processes::fork_and_kill(&mut self.random),
            Action::ForkAndMeet => self.fork_and_meet(),
            Action::Execute => processes::execute(&mut self.random),
            Action::Pipe => processes::pipe_bytes(&mut self.random),
            Action::Grow => self.memory.grow(&mut self.random),
            Action::Shrink => self.memory.shrink(&mut self.random),
            Action::Share => self.memory.share(&mut self.random),
            Action::Rest => Ok(process::sleep(self.random.below(2) as i32)?),
        }
    }

    /// Makes a call with a random name. Whether it works depends on the other mills.
    fn any_result(&mut self, call: impl FnOnce(&CStr) -> user::Result<()>) -> Outcome {
        let _ = call(self.random.choose(&NAMES));
        Ok(())
    }

    fn replace_open(&mut self, open: Option<Fd>) -> Outcome {
        if let Some(old) = core::mem::replace(&mut self.open, open) {
            old.close()?;
        }
        Ok(())
    }

    fn open_some(&mut self, mut flags: OpenFlags) -> Outcome {
        if self.random.once_in(4) {
            flags = flags.with(OpenFlags::TRUNCATE);
        }
        let opened = Fd::open(self.random.choose(&NAMES), flags);
        self.replace_open(opened.ok())
    }

    /// Enters a directory and works there, or returns to the folder.
    fn change_directory(&mut self) -> Outcome {
        let name = self.random.choose(&[c"dir", c"dir/deep", FOLDER, FOLDER]);
        let _ = file::change_directory(name);
        Ok(())
    }

    fn write(&mut self) -> Outcome {
        let Some(fd) = self.open else {
            return Ok(());
        };
        let buffer = [b'g'; LARGEST_WRITE];
        let count = self.random.below(LARGEST_WRITE as u64 + 1) as usize;
        // The file may be a directory, or full, or may be shorter than the offset by now.
        if let Ok(written) = fd.write(&buffer[..count]) {
            ensure!(
                written <= count,
                "write of {count} bytes: expected no more, saw {written}"
            );
        }
        Ok(())
    }

    fn read(&mut self) -> Outcome {
        let Some(fd) = self.open else {
            return Ok(());
        };
        let mut buffer = [0; LARGEST_WRITE];
        let count = self.random.below(LARGEST_WRITE as u64 + 1) as usize;
        if fd.stat()?.kind != abi::FileKind::File as u16 {
            return Ok(());
        }
        if let Ok(count) = fd.read(&mut buffer[..count]) {
            for &byte in &buffer[..count] {
                ensure!(
                    byte == b'g',
                    "a file of the mills: expected byte {}, saw {byte}",
                    b'g'
                );
            }
        }
        Ok(())
    }

    fn describe(&mut self) -> Outcome {
        if let Some(fd) = self.open {
            let stat = fd.stat()?;
            ensure!(stat.inode != 0, "stat: expected an inode, saw 0");
        }
        Ok(())
    }

    /// Forks. The child does an action while this process does another.
    fn fork_and_meet(&mut self) -> Outcome {
        let random = self.random.split();
        let child = processes::fork_into(|| {
            // Parent and child share the open file's offset; the rest is a copy.
            let mut mill = Self {
                random,
                memory: Memory::new()?,
                open: self.open,
            };
            for _ in 0..3 {
                mill.open_some(OpenFlags::CREATE.with(OpenFlags::READ_WRITE))?;
                mill.write()?;
                mill.any_result(file::unlink)?;
            }
            mill.stop()
        });
        self.open_some(OpenFlags::CREATE.with(OpenFlags::READ_WRITE))?;
        self.write()?;
        child.map_or(Ok(()), |child| child.join())
    }
}
