//! The power is cut at every block that a varied sequence of calls writes, with and without the
//! loss of unflushed writes, and again while the disk recovers. The effects of every call that had
//! returned must be there. The call in progress has happened or not.

use fs::{FileSystem, InodeNo, MemoryDisk, fsck};

use crate::model::{Call, Model, Subject};
use crate::recording::{Event, RecordingDisk, last_flush, replay, replay_some};
use crate::support::{Numbers, Snapshot, disk, lines, snapshot};

const BLOCKS: u32 = 480;
const INODES: u32 = 40;

fn path(name: &str) -> Vec<u8> {
    name.as_bytes().to_vec()
}

fn write(name: &str, offset: u32, length: usize, seed: u32) -> Call {
    Call::Write {
        path: path(name),
        offset,
        length,
        seed,
    }
}

/// Returns every kind of call at least twice, with large files, a directory that grows to several
/// blocks, blocks and inodes that change owners, and files that lose their names while they are
/// open.
fn busy_sequence() -> Vec<Call> {
    let mut calls = vec![
        Call::Mkdir(path("/d")),
        write("/d/a", 0, 3000, 1),
        Call::Create(path("/b")),
        Call::Link(path("/d/a"), path("/a2")),
        write("/big", 0, 70_000, 2),
        write("/big", 10_000, 40_000, 3),
        Call::Mknod(path("/console"), 1, 0),
        Call::Open(path("/big")),
        Call::Unlink(path("/big")),
        write("/d/new", 0, 20_000, 4),
        Call::Close,
        Call::Mkdir(path("/d/e")),
        write("/d/e/deep", 0, 100, 5),
        write("/d/e/deep", 100, 1000, 6),
        Call::Truncate(path("/d/new")),
        write("/d/new", 0, 500, 7),
    ];
    let long = |number: u32| format!("/d/e/{number:014}");
    calls.extend((0..70).map(|number| Call::Link(path("/b"), path(&long(number)))));
    calls.extend(
        (0..70)
            .step_by(3)
            .map(|number| Call::Unlink(path(&long(number)))),
    );
    calls.extend([
        write("/huge", 0, 150_000, 8),
        Call::Open(path("/d/new")),
        Call::Unlink(path("/d/new")),
        Call::Mkdir(path("/f")),
        Call::Open(path("/f")),
        Call::Unlink(path("/f")),
        Call::Mkdir(path("/f")),
        Call::Truncate(path("/huge")),
        write("/f/x", 0, 30_000, 9),
        Call::Close,
        Call::Unlink(path("/a2")),
        Call::Unlink(path("/d/a")),
        Call::Close,
        Call::Unlink(path("/huge")),
        Call::Unlink(path("/console")),
        write("/y", 0, 2000, 10),
    ]);
    calls
}

/// The recording of a sequence.
struct Recording {
    calls: Vec<Call>,
    events: Vec<Event>,
    /// The number of events that had happened when each call returned.
    returned: Vec<usize>,
    /// The model, and a snapshot of it, before the first call and after each call.
    states: Vec<(Model, Snapshot)>,
}

fn record() -> Recording {
    let calls = busy_sequence();
    let (device, history) = RecordingDisk::new(disk(BLOCKS, INODES));
    let mut subject = Subject::new(FileSystem::mount(device, 8).unwrap());
    let mut model = Model::new();
    let mut states = vec![(model.clone(), model.snapshot())];
    let mut returned = Vec::new();
    for call in &calls {
        let outcome = subject.apply(call);
        assert_eq!(outcome, model.apply(call), "{call:?}");
        assert!(outcome.is_ok(), "{call:?} is meant to succeed");
        states.push((model.clone(), model.snapshot()));
        returned.push(history.borrow().len());
    }
    let events = history.borrow().clone();
    Recording {
        calls,
        events,
        returned,
        states,
    }
}

impl Recording {
    /// Returns whether a disk may look like this when the power is cut after `events` events.
    fn allows(&self, found: &Snapshot, events: usize) -> bool {
        let done = self.returned.iter().filter(|end| **end <= events).count();
        if *found == self.states[done].1 {
            return true;
        }
        match self.calls.get(done) {
            // A long write is several transactions, each of which ends at the end of a block.
            Some(call @ Call::Write { offset, length, .. }) => (0..=*length)
                .filter(|part| *part == *length || (*offset as usize + part).is_multiple_of(1024))
                .any(|part| {
                    let mut model = self.states[done].0.clone();
                    model.write_part(call, part).unwrap();
                    *found == model.snapshot()
                }),
            Some(_) => *found == self.states[done + 1].1,
            None => false,
        }
    }

    /// Mounts the disk. Fails if it is not sound or something is missing.
    fn check(&self, mut disk: MemoryDisk, events: usize) {
        let findings = fsck::check(&mut disk);
        assert!(
            fsck::is_sound(&findings),
            "cut after {events} events, seen through the log: {}",
            lines(&findings)
        );
        let mut files = FileSystem::mount(disk, 8).unwrap();
        let found = snapshot(&mut files).unwrap();
        assert!(
            self.allows(&found, events),
            "cut after {events} events: {:?}",
            found
                .keys()
                .map(|path| path.escape_ascii().to_string())
                .collect::<Vec<_>>()
        );
        let mut disk = files.unmount().unwrap();
        let findings = fsck::check(&mut disk);
        assert!(
            findings.is_empty(),
            "cut after {events} events, recovered: {}",
            lines(&findings)
        );
    }
}

#[test]
fn a_power_cut_at_any_block_loses_nothing_that_was_returned() {
    let recording = record();
    let mut disk = disk(BLOCKS, INODES);
    recording.check(disk.clone(), 0);
    for (index, event) in recording.events.iter().enumerate() {
        replay(&mut disk, std::slice::from_ref(event));
        if matches!(event, Event::Write(..)) {
            recording.check(disk.clone(), index + 1);
        }
    }
}

#[test]
fn unflushed_writes_may_be_lost_in_any_combination() {
    let recording = record();
    let mut numbers = Numbers::new(1);
    let mut flushed = disk(BLOCKS, INODES);
    let mut flushed_events = 0;
    for cut in 0..=recording.events.len() {
        let start = last_flush(&recording.events[..cut]);
        replay(&mut flushed, &recording.events[flushed_events..start]);
        flushed_events = start;
        for _ in 0..2 {
            let mut disk = flushed.clone();
            replay_some(&mut disk, &recording.events[start..cut], &mut numbers);
            recording.check(disk, cut);
        }
    }
}

#[test]
fn a_second_cut_during_recovery_changes_nothing() {
    let recording = record();
    let mut numbers = Numbers::new(2);
    let mut disk = disk(BLOCKS, INODES);
    let mut recoveries = 0;
    for (index, event) in recording.events.iter().enumerate() {
        replay(&mut disk, std::slice::from_ref(event));
        if numbers.below(12) != 0 {
            continue;
        }
        let (device, history) = RecordingDisk::new(disk.clone());
        drop(FileSystem::mount(device, 8).unwrap());
        let recovery = history.borrow();
        recoveries += usize::from(!recovery.is_empty());
        for cut in 0..=recovery.len() {
            let start = last_flush(&recovery[..cut]);
            let mut disk = disk.clone();
            replay(&mut disk, &recovery[..start]);
            replay_some(&mut disk, &recovery[start..cut], &mut numbers);
            recording.check(disk, index + 1);
        }
    }
    assert!(
        recoveries > 20,
        "{recoveries} cuts left something to recover"
    );
}

#[test]
fn nothing_is_written_by_calls_that_fail_or_only_look() {
    let (device, history) = RecordingDisk::new(disk(BLOCKS, INODES));
    let mut subject = Subject::new(FileSystem::mount(device, 8).unwrap());
    subject.apply(&write("/f", 0, 5000, 1)).unwrap();
    let before = history.borrow().len();
    for call in [
        Call::Mkdir(path("/f")),
        Call::Link(path("/f"), path("/f")),
        Call::Unlink(path("/x")),
        Call::Truncate(path("/")),
        Call::Open(path("/f")),
        Call::Close,
        write("/f", 6000, 10, 2),
    ] {
        let _ = subject.apply(&call);
    }
    let mut files = subject.finish();
    snapshot(&mut files).unwrap();
    files.stat(InodeNo::ROOT).unwrap();
    assert_eq!(history.borrow().len(), before);
}
