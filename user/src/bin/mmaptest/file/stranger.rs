//! A stranger: a process without relation to a test. It runs this program anew by exec, maps the
//! file shared and, when the test asks, adds one to the first word of each page. It has touched all
//! of its text.

use super::{PATH, map};
use crate::child::{self, Child};
use crate::outcome::{Outcome, expect, failure};
use crate::tools::PAGE;
use abi::{OpenFlags, PAGE_SIZE};
use core::ffi::CStr;
use user::file::{Fd, pipe};
use user::mapping::Sharing;
use user::process::{self, Pid};
use user::{arch, memory};

/// The argument that makes this program a stranger.
pub const STRANGER: &CStr = c"-stranger";
/// The exit status of a stranger that cannot do its work.
const HELPLESS: i32 = 3;

/// The byte that asks a stranger to add, which is also its answer.
const ADD: u8 = b'+';
const LEAVE: u8 = b'-';

/// Returns how many whole pages the program's text has. A page that text shares with other data
/// does not count.
pub fn text_pages() -> u64 {
    memory::constants().start / PAGE - 1
}

/// Runs the stranger. Returns its status.
pub fn serve() -> i32 {
    match answer_all() {
        Ok(()) => 0,
        Err(_) => HELPLESS,
    }
}

fn answer_all() -> Outcome {
    let file = Fd::open(PATH, OpenFlags::READ_WRITE)?;
    let pages = file.stat()?.size as usize / PAGE_SIZE;
    let mapping = map(file, pages, Sharing::Shared)?;
    file.close()?;
    for page in 0..text_pages() {
        arch::load_byte(page * PAGE);
    }
    loop {
        let mut question = [0];
        expect("bytes", 1, Fd::INPUT.read(&mut question)?)?;
        if question[0] == LEAVE {
            return Ok(());
        }
        for page in 0..pages {
            mapping.write(page, mapping.read(page) + 1);
        }
        Fd::OUTPUT.write_all(&question)?;
    }
}

/// A running stranger.
pub struct Stranger {
    child: Child,
    to: Fd,
    from: Fd,
}

impl Stranger {
    /// Starts the program at `path`, which is a copy of this one.
    pub fn start(path: &CStr) -> Outcome<Self> {
        let ((input, to), (from, output)) = (pipe()?, pipe()?);
        let child = child::start(|| {
            for (standard, end) in [(Fd::INPUT, input), (Fd::OUTPUT, output)] {
                standard.close()?;
                expect("descriptor", standard.0, end.duplicate()?.0)?;
            }
            process::exec(path, [path, STRANGER]);
            Err(failure!("expected to become a stranger, saw -1"))
        })?;
        input.close()?;
        output.close()?;
        Ok(Self { child, to, from })
    }

    /// Returns the stranger's process number.
    pub fn pid(&self) -> Pid {
        self.child.pid()
    }

    /// Makes the stranger add one to each page.
    pub fn add(&self) -> Outcome {
        self.to.write_all(&[ADD])?;
        let mut answer = [0];
        expect("bytes from a stranger", 1, self.from.read(&mut answer)?)
    }

    /// Ends the stranger.
    pub fn end(self) -> Outcome {
        self.to.write_all(&[LEAVE])?;
        self.child.join()?;
        self.to.close()?;
        Ok(self.from.close()?)
    }
}
