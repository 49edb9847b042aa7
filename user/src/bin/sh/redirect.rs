//! Redirections and the descriptors 0 and 1.

use crate::run::Shell;
use abi::OpenFlags;
use user::Result;
use user::eprintln;
use user::file::Fd;
use user::io::Lossy;
use user::shell::{Direction, Redirection};

/// Makes `target` a second name for `fd` and closes `fd`.
///
/// The kernel duplicates to the lowest free descriptor, so those below `target` must be open.
pub fn move_to(fd: Fd, target: Fd) -> Result<()> {
    if fd == target {
        return Ok(());
    }
    // `target` may be closed already; that is fine.
    let _ = target.close();
    fd.duplicate()?;
    fd.close()
}

/// Opens the file of a redirection. Returns it, and the descriptor that it is for. Prints an error
/// if it cannot be opened.
pub fn open(shell: &Shell, redirection: &Redirection) -> Result<(Fd, Fd)> {
    let path = shell.expand(&redirection.path);
    let (flags, target) = match redirection.direction {
        Direction::Input => (OpenFlags::READ_ONLY, Fd::INPUT),
        Direction::Output => {
            let flags = OpenFlags::WRITE_ONLY.with(OpenFlags::CREATE);
            (flags.with(OpenFlags::TRUNCATE), Fd::OUTPUT)
        }
        Direction::Append => (OpenFlags::READ_WRITE.with(OpenFlags::CREATE), Fd::OUTPUT),
    };
    let opened = Fd::open(&path, flags).and_then(|file| {
        if redirection.direction == Direction::Append {
            to_end(file)?;
        }
        Ok((file, target))
    });
    opened.inspect_err(|_| eprintln!("sh: cannot open {}", Lossy::from(path.as_c_str())))
}

/// Moves to the end of a file by reading, because the interface has neither an append flag nor a
/// seek.
fn to_end(file: Fd) -> Result<()> {
    let mut skipped = [0; 1024];
    while file.read(&mut skipped)? != 0 {}
    Ok(())
}

/// Applies redirections to this process.
pub fn apply(shell: &Shell, redirections: &[Redirection]) -> Result<()> {
    for redirection in redirections {
        let (file, target) = open(shell, redirection)?;
        move_to(file, target)?;
    }
    Ok(())
}
