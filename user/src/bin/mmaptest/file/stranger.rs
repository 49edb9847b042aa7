//! A program of no relation to a test: this one, begun anew by exec. It maps the file shared and,
//! when it is asked to, adds one to the first word of each page. It has touched all of its text.

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

/// The argument that makes the program a stranger.
pub const STRANGER: &CStr = c"-stranger";
/// What it exits with if it cannot do its work.
const HELPLESS: i32 = 3;

/// What it is asked, which is also the answer.
const ADD: u8 = b'+';
const LEAVE: u8 = b'-';

/// Whole pages of the program's text. One that is left out may hold something else as well.
pub fn text_pages() -> u64 {
    memory::constants().start / PAGE - 1
}

/// What a stranger does; its status.
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

/// A stranger at work.
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

    /// Returns its number.
    pub fn pid(&self) -> Pid {
        self.child.pid()
    }

    /// Has it add one to each page.
    pub fn add(&self) -> Outcome {
        self.to.write_all(&[ADD])?;
        let mut answer = [0];
        expect("bytes from a stranger", 1, self.from.read(&mut answer)?)
    }

    /// Has it go.
    pub fn end(self) -> Outcome {
        self.to.write_all(&[LEAVE])?;
        self.child.join()?;
        self.to.close()?;
        Ok(self.from.close()?)
    }
}
