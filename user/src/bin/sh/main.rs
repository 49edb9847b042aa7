//! `sh [FILE]`, `sh -c LINE`: the shell. `user::shell` defines the language; this program reads the
//! lines and runs them.
//!
//! If the shell's input is a console, it prompts. It exits with the status of the last command.

#![no_std]
#![no_main]
#![forbid(unsafe_code)]

extern crate alloc;

mod builtin;
mod input;
mod redirect;
mod run;

use abi::{FileKind, OpenFlags};
use input::{LINE_MAX, Line, read_line};
use run::{SYNTAX_ERROR, Shell};
use user::file::Fd;
use user::io::Lossy;
use user::shell::parse;
use user::{Args, eprintln};

user::main!(run);

/// The status of a script that cannot be opened, which is that of a command that is not found.
const NO_SCRIPT: i32 = 127;

fn run(mut args: Args) -> i32 {
    let mut shell = Shell::default();
    match (args.nth(1), args.next()) {
        (None, _) => run_file(&mut shell, Fd::INPUT),
        (Some(option), Some(line)) if option == c"-c" => {
            run_line(&mut shell, line.to_bytes());
        }
        (Some(path), None) if path != c"-c" => match Fd::open(path, OpenFlags::READ_ONLY) {
            Ok(script) => run_file(&mut shell, script),
            Err(_) => {
                eprintln!("sh: cannot open {}", Lossy::from(path));
                return NO_SCRIPT;
            }
        },
        _ => {
            eprintln!("usage: sh [FILE] or sh -c LINE");
            return SYNTAX_ERROR;
        }
    }
    shell.status
}

/// Runs the lines of `file` until it ends.
fn run_file(shell: &mut Shell, file: Fd) {
    shell.script = (file != Fd::INPUT).then_some(file);
    let device = FileKind::Device as u16;
    let interactive = file.stat().is_ok_and(|stat| stat.kind == device);
    loop {
        if interactive {
            // A shell whose prompt cannot be written goes on without it.
            let _ = Fd::ERROR.write_all(b"$ ");
        }
        match read_line(file) {
            Ok(Line::End) => return,
            Ok(Line::Text(line)) => run_line(shell, &line),
            Ok(Line::TooLong) => {
                eprintln!("sh: line too long (at most {LINE_MAX} bytes)");
                shell.status = SYNTAX_ERROR;
            }
            Err(_) => {
                eprintln!("sh: cannot read the next line");
                shell.status = SYNTAX_ERROR;
                return;
            }
        }
    }
}

fn run_line(shell: &mut Shell, line: &[u8]) {
    match parse(line) {
        Ok(list) => shell.run_list(&list),
        Err(error) => {
            eprintln!("sh: syntax error: {error}");
            shell.status = SYNTAX_ERROR;
        }
    }
}
