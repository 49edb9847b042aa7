//! `ls [PATH]...`: prints name, type (1 directory, 2 file, 3 device), inode number and size of
//! files, and of the entries of directories.

#![no_std]
#![no_main]
#![forbid(unsafe_code)]

use abi::{FileKind, NAME_MAX, OpenFlags, Stat};
use core::ffi::CStr;
use user::file::Fd;
use user::io::Lossy;
use user::path::PathBuffer;
use user::{Args, eprintln, println};

user::main!(run);

/// Bytes of a directory entry: a 16-bit inode number, then the name, padded with NULs.
const ENTRY_SIZE: usize = 2 + NAME_MAX;

fn run(args: Args) -> i32 {
    let mut paths = args.skip(1).peekable();
    if paths.peek().is_none() {
        return list(c".");
    }
    paths.fold(0, |status, path| status | list(path))
}

/// Lists the file or directory at `path`. Returns the exit status.
fn list(path: &CStr) -> i32 {
    let Ok(file) = Fd::open(path, OpenFlags::READ_ONLY) else {
        eprintln!("ls: cannot open {}", Lossy::from(path));
        return 1;
    };
    let status = match file.stat() {
        Err(_) => {
            eprintln!("ls: cannot stat {}", Lossy::from(path));
            1
        }
        Ok(stat) if FileKind::from_number(stat.kind) == Some(FileKind::Directory) => {
            list_directory(path, file)
        }
        Ok(stat) => {
            let bytes = path.to_bytes();
            let name = bytes.rsplit(|&byte| byte == b'/').next();
            print_line(name.unwrap_or(bytes), &stat);
            0
        }
    };
    // The file was only read, so a failing close loses nothing.
    let _ = file.close();
    status
}

fn list_directory(path: &CStr, directory: Fd) -> i32 {
    let mut status = 0;
    let mut entry = [0; ENTRY_SIZE];
    loop {
        match directory.read(&mut entry) {
            Ok(ENTRY_SIZE) => {}
            Ok(0) => return status,
            _ => {
                eprintln!("ls: cannot read {}", Lossy::from(path));
                return 1;
            }
        }
        // Inode number 0 means that the entry is free.
        if entry[..2] == [0, 0] {
            continue;
        }
        let name = &entry[2..];
        let end = name.iter().position(|&byte| byte == 0);
        let name = &name[..end.unwrap_or(NAME_MAX)];
        match stat_in(path, name) {
            Some(stat) => print_line(name, &stat),
            None => {
                eprintln!("ls: cannot stat {}/{}", Lossy::from(path), Lossy(name));
                status = 1;
            }
        }
    }
}

fn stat_in(directory: &CStr, name: &[u8]) -> Option<Stat> {
    let path = PathBuffer::join(&[directory.to_bytes(), b"/", name]).ok()?;
    let file = Fd::open(path.as_c_str(), OpenFlags::READ_ONLY).ok()?;
    let stat = file.stat();
    // The file was only read, so a failing close loses nothing.
    let _ = file.close();
    stat.ok()
}

fn print_line(name: &[u8], stat: &Stat) {
    // The padding counts characters, not columns. Names are short and almost always ASCII.
    let padding = NAME_MAX.saturating_sub(name.len());
    println!(
        "{}{:padding$} {} {} {}",
        Lossy(name),
        "",
        stat.kind,
        stat.inode,
        stat.size
    );
}
