//! Errors of the host's files under a guest's disks, reported to the user while the guest runs.
//!
//! The emulator passes such an error to the guest, which goes on. The guest's kernel knows that a
//! disk failed, but not why. The reason, usually a full file system, is in an event of the
//! emulator's control protocol (QEMU Machine Protocol, `BLOCK_IO_ERROR`). The emulator sends events
//! to a socket at which this program listens. It is one of Linux's abstract sockets: it has no
//! file, so neither a long path nor the full file system matters. On other systems the errors are
//! not reported.
//!
//! Invariant: each error of a disk is reported once, however often the guest tries again.
//! Neighbour: [`crate::qemu`] makes the disks report errors instead of stopping the machine.

use std::collections::HashSet;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::thread;

use anyhow::{Context, Result};
use regex::Regex;

use crate::qemu::Machine;
use crate::swap;

/// The command that makes the emulator send events.
const HELLO: &[u8] = b"{\"execute\":\"qmp_capabilities\"}\n";

/// A field of an event: its name, and its value if that is a string.
const FIELD: &str = r#""([a-z-]+)": *"([^"]*)""#;

/// Makes the machine report errors, from its start to its end.
pub fn tell(machine: &mut Machine) -> Result<()> {
    let Some((listener, name)) = listener()? else {
        return Ok(());
    };
    machine.events = Some(name);
    let files = Files {
        disk: machine.disk.as_ref().map(|disk| disk.path.clone()),
        swap: machine.swap.as_ref().map(|swap| swap.path.clone()),
    };
    thread::spawn(move || {
        if let Ok((stream, _)) = listener.accept() {
            // If the connection breaks, the machine has ended.
            let _ = listen(stream, &files);
        }
    });
    Ok(())
}

#[cfg(target_os = "linux")]
fn listener() -> Result<Option<(UnixListener, String)>> {
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::net::SocketAddr;

    let name = format!("cowslip-events-{}", std::process::id());
    let address = SocketAddr::from_abstract_name(&name)?;
    let listener = UnixListener::bind_addr(&address).context("no socket for the emulator")?;
    Ok(Some((listener, name)))
}

#[cfg(not(target_os = "linux"))]
fn listener() -> Result<Option<(UnixListener, String)>> {
    Ok(None)
}

/// The files behind a machine's disks.
struct Files {
    disk: Option<PathBuf>,
    swap: Option<PathBuf>,
}

fn listen(mut stream: UnixStream, files: &Files) -> Result<()> {
    let lines = BufReader::new(stream.try_clone()?).lines();
    stream.write_all(HELLO)?;
    let field = Regex::new(FIELD)?;
    let mut told = HashSet::new();
    for line in lines {
        if let Some(message) = message(&field, &line?, files)
            && !told.contains(&message)
        {
            eprintln!("xtask: {message}");
            told.insert(message);
        }
    }
    Ok(())
}

/// Returns the message about an event, if the event is an error.
fn message(field: &Regex, event: &str, files: &Files) -> Option<String> {
    let value = |name: &str| {
        let mut fields = field.captures_iter(event);
        fields.find_map(|found| (found[1] == *name).then(|| found[2].to_owned()))
    };
    if value("event")? != "BLOCK_IO_ERROR" {
        return None;
    }
    let of_swap = value("node-name").is_some_and(|node| swap::NODES.contains(&node.as_str()));
    let (disk, file) = if of_swap {
        ("swap disk", &files.swap)
    } else {
        ("disk", &files.disk)
    };
    Some(format!(
        "the host cannot {} the guest's {disk}: {} ({})",
        value("operation")?,
        value("reason")?,
        file.as_ref()?.display()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_names_the_disk_and_the_reason() {
        let field = Regex::new(FIELD).expect("a pattern");
        let files = Files {
            disk: Some(PathBuf::from("/t/fs.img")),
            swap: Some(PathBuf::from("/t/swap.img")),
        };
        let event = |node: &str| {
            format!(
                r#"{{"timestamp": {{"seconds": 1}}, "event": "BLOCK_IO_ERROR", "data": {{"device": "", "nospace": true, "node-name": "{node}", "reason": "No space left on device", "operation": "write", "action": "report"}}}}"#
            )
        };
        assert_eq!(
            message(&field, &event("swap"), &files).as_deref(),
            Some(
                "the host cannot write the guest's swap disk: No space left on device (/t/swap.img)"
            )
        );
        assert_eq!(
            message(&field, &event("#block12"), &files).as_deref(),
            Some("the host cannot write the guest's disk: No space left on device (/t/fs.img)")
        );
        let other =
            r#"{"timestamp": {"seconds": 1}, "event": "SHUTDOWN", "data": {"guest": true}}"#;
        assert_eq!(message(&field, other, &files), None);
        assert_eq!(message(&field, r#"{"return": {}}"#, &files), None);
    }
}
