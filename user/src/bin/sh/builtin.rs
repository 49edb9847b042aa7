//! The commands that the shell runs itself: `cd` and `exit` change the shell's own process.

use crate::run::{FAILURE, Shell};
use alloc::ffi::CString;
use core::ffi::CStr;
use user::io::Lossy;
use user::{eprintln, file, process};

/// A built-in command. It takes the shell and the command's words, its name first, and returns its
/// status.
pub type Builtin = fn(&Shell, &[CString]) -> i32;

/// Returns the built-in command of this name, if there is one.
pub fn named(name: &CStr) -> Option<Builtin> {
    match name.to_bytes() {
        b"cd" => Some(change_directory),
        b"exit" => Some(exit),
        _ => None,
    }
}

fn exit(shell: &Shell, words: &[CString]) -> i32 {
    let status = match words {
        [_] => Ok(shell.status),
        [_, number] => number.to_str().unwrap_or_default().parse(),
        _ => {
            eprintln!("usage: exit [STATUS]");
            return FAILURE;
        }
    };
    match status {
        Ok(status) => process::exit(status),
        Err(_) => {
            let text = Lossy::from(words[1].as_c_str());
            eprintln!("sh: exit: {text} is not a number");
            FAILURE
        }
    }
}

fn change_directory(_: &Shell, words: &[CString]) -> i32 {
    let path = match words {
        [_] => c"/",
        [_, path] => path.as_c_str(),
        _ => {
            eprintln!("usage: cd [DIRECTORY]");
            return FAILURE;
        }
    };
    match file::change_directory(path) {
        Ok(()) => 0,
        Err(_) => {
            eprintln!("sh: cannot cd to {}", Lossy::from(path));
            FAILURE
        }
    }
}
