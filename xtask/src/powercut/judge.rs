//! The judgement of a disk after a cut.

use std::path::PathBuf;

use anyhow::{Result, ensure};

use fs::MemoryDisk;
use fs::fsck::{self, Finding, Severity};
use user::promises::FOLDER;
use user::random::Random;

use super::Site;
use super::cut::{Remains, cut};
use super::kept::{InProgress, Promised};
use super::plan::{Plan, Recovery, Workload};
use super::recovery::{mount, recover};
use super::tree;

/// A fault after a cut.
#[derive(Debug)]
pub enum Fault {
    /// The disk lacks the effect of a call that had returned.
    LostPromise(String),
    /// The disk is not a sound file system.
    Inconsistency(String),
    /// The guest or the emulator failed in another way.
    Trouble(String),
}

/// A fault, and the disk as it was found.
pub struct Failure {
    /// The fault.
    pub fault: Fault,
    /// A copy of the disk.
    pub kept: Option<PathBuf>,
}

/// What a harmless cut met.
#[derive(Clone, Copy, Debug, Default)]
pub struct Findings {
    /// The number of calls that had returned, if they were counted.
    pub calls: u64,
    /// How many of the two disks had a transaction in the log.
    pub logs: usize,
    /// The number of inodes, on both disks, that had lost their names while they were open.
    pub orphans: usize,
    /// The number of blocks that were written and lost because no flush followed.
    pub lost_blocks: usize,
    /// The number of disks on which the call in progress was done, wholly or partly.
    pub ahead: usize,
}

/// Makes a cut and judges the two disks it leaves.
pub fn cut_and_judge(site: &Site, plan: &Plan) -> Result<Findings, Failure> {
    let trouble = |error: anyhow::Error| Failure {
        fault: Fault::Trouble(format!("{error:#}")),
        kept: None,
    };
    let remains = cut(site, plan).map_err(trouble)?;
    let promised = promised(plan, &remains).map_err(trouble)?;

    let mut findings = Findings {
        calls: promised.as_ref().map_or(0, Promised::calls),
        ..Findings::default()
    };
    let mut with_losses = site.image.clone();
    let mut random = Random::new(plan.seed).split();
    findings.lost_blocks = remains.recording.replay(&mut with_losses, &mut random);

    let disks = [
        ("with every write", remains.disk, Recovery::Mount),
        ("without some unflushed writes", with_losses, plan.recovery),
    ];
    for (which, disk, recovery) in disks {
        let judged = judge(site, &disk, recovery, promised.as_ref(), &mut findings);
        judged.map_err(|fault| Failure {
            fault: fault.on(which),
            kept: keep(site, plan, &disk),
        })?;
    }
    Ok(findings)
}

impl Fault {
    /// Returns the fault of one of the disks.
    fn on(self, which: &str) -> Self {
        let said = |text| format!("the disk {which}: {text}");
        match self {
            Self::LostPromise(text) => Self::LostPromise(said(text)),
            Self::Inconsistency(text) => Self::Inconsistency(said(text)),
            Self::Trouble(text) => Self::Trouble(said(text)),
        }
    }
}

/// Returns what the disks must hold. If the workload reported an error, that is a fault.
fn promised(plan: &Plan, remains: &Remains) -> Result<Option<Promised>> {
    let complaint = remains
        .console
        .lines()
        .find(|line| line.contains("PANIC: ") || line.contains("FAILED"));
    ensure!(
        complaint.is_none(),
        "the guest says: {}",
        complaint.unwrap_or_default()
    );
    match plan.workload {
        Workload::Promises => Promised::read(plan.seed, &remains.console).map(Some),
        Workload::Stressfs | Workload::Grind | Workload::Usertests(_) => Ok(None),
    }
}

/// Judges one disk. Adds what it met to the findings.
fn judge(
    site: &Site,
    disk: &[u8],
    recovery: Recovery,
    promised: Option<&Promised>,
    findings: &mut Findings,
) -> Result<(), Fault> {
    let inconsistency = |error: anyhow::Error| Fault::Inconsistency(format!("{error:#}"));
    let mut found = MemoryDisk::from_bytes(disk.to_vec());
    let before = fsck::check(&mut found);
    if !fsck::is_sound(&before) {
        return Err(Fault::Inconsistency(format!(
            "seen through its log, {}",
            errors(&before)
        )));
    }
    for finding in &before {
        match finding {
            Finding::LogNotEmpty { .. } => findings.logs += 1,
            Finding::Orphan { .. } => findings.orphans += 1,
            _ => {}
        }
    }

    let mut recovered = recover(site, found, recovery).map_err(inconsistency)?;
    let after = fsck::check(&mut recovered);
    if !after.is_empty() {
        return Err(Fault::Inconsistency(format!(
            "recovered, {}",
            lines(&after)
        )));
    }
    if let Some(promised) = promised {
        let folder = FOLDER.to_string_lossy();
        let mut mounted = mount(recovered).map_err(inconsistency)?;
        let tree = tree::read(&mut mounted, &folder)
            .map_err(|error| Fault::LostPromise(format!("{error:#}")))?;
        let in_progress = promised.check(&tree).map_err(Fault::LostPromise)?;
        findings.ahead += usize::from(in_progress != InProgress::NotBegun);
    }
    Ok(())
}

/// Keeps a disk for the examination of the failure. Returns its path.
fn keep(site: &Site, plan: &Plan, disk: &[u8]) -> Option<PathBuf> {
    let path = site
        .workspace
        .remembered(&format!("powercut-{}.img", plan.seed));
    std::fs::write(&path, disk).ok().map(|()| path)
}

/// The most findings that are printed. The kept disk shows the others.
const SHOWN: usize = 3;

fn errors(findings: &[Finding]) -> String {
    let errors = findings
        .iter()
        .filter(|finding| finding.severity() == Severity::Error);
    lines(errors)
}

fn lines<'a>(findings: impl IntoIterator<Item = &'a Finding>) -> String {
    let all: Vec<_> = findings.into_iter().map(ToString::to_string).collect();
    let (shown, rest) = all.split_at(all.len().min(SHOWN));
    match rest.len() {
        0 => shown.join("; "),
        more => format!("{}; and {more} more", shown.join("; ")),
    }
}
