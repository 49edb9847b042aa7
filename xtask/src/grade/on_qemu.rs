//! The tests of `lab/` on QEMU, the cross-check.
//!
//! A machine is booted anew after a test that went wrong, for what it did to the kernel is not to
//! be held against the next test. A kernel is given up when its console is silent for too long.

use std::time::Duration;

use anyhow::Result;

use super::catalogue::Test;
use super::guest::{Guest, Stopped};
use super::lab::{Bench, Seen, Started, Subject};
use super::protocol::Nonce;
use super::verdict::Verdict;
use super::year::Year;
use crate::image;
use crate::qemu::{Disk, Keep, Machine};

/// A processor for kernels that set up no protection of memory.
const UNPROTECTED: &str = "rv64,pmp=false";

struct OnQemu<'a> {
    subject: &'a Subject<'a>,
    machine: Machine,
    stall: Duration,
    guest: Option<Guest>,
}

/// Boots a kernel.
pub fn start<'a>(subject: &'a Subject<'a>, harts: u8, stall: Duration) -> Result<Started<'a>> {
    let mut machine = super::machine(subject.path, harts)?;
    let kernel = &subject.kernel;
    machine.legacy_disks = kernel.year.is_some_and(Year::is_legacy);
    machine.cpu = (!kernel.protects).then(|| UNPROTECTED.to_owned());
    let mut bench = OnQemu {
        subject,
        machine,
        stall,
        guest: None,
    };
    let ended = bench.boot()?;
    Ok(Started {
        machine: "QEMU".to_owned(),
        bench: match ended {
            Ok(guest) => {
                bench.guest = Some(guest);
                Ok(Box::new(bench))
            }
            Err(stopped) => Err(Seen {
                ended: Err(stopped),
                places: None,
            }),
        },
    })
}

impl OnQemu<'_> {
    fn boot(&mut self) -> Result<Result<Guest, Stopped>> {
        let path = image::write_temporary(self.subject.workspace, self.subject.image)?;
        self.machine.disk = Some(Disk {
            path: path.clone(),
            keep: Keep::Nothing,
        });
        let booted = Guest::boot(&self.machine, self.stall);
        // The emulator has it open.
        std::fs::remove_file(path)?;
        booted
    }
}

impl Bench for OnQemu<'_> {
    fn ask(&mut self, test: &Test, nonce: &Nonce) -> Result<Seen> {
        let seen = |ended| Seen {
            ended,
            places: None,
        };
        let mut guest = match self.guest.take() {
            Some(guest) => guest,
            None => match self.boot()? {
                Ok(guest) => guest,
                Err(stopped) => return Ok(seen(Err(stopped))),
            },
        };
        let ended = guest.line(&test.line(nonce.digits()));
        if nonce.verdict(&test.name, ended.clone()) == Verdict::Passed {
            self.guest = Some(guest);
        }
        Ok(seen(ended))
    }
}
