//! `cargo xtask run --image` with a course's disk, as a user calls it.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use ::fs::{FileSystem, InodeNo, MemoryDisk};
use anyhow::{Context, Result, ensure};

use super::super::Filter;
use super::super::report::{Report, Verdict};
use super::Course;
use crate::image;
use crate::process::run_bounded;
use crate::workspace::Workspace;

const LIMIT: Duration = Duration::from_secs(120);

/// Runs the tests.
pub fn run(workspace: &Workspace, filter: &Filter, report: &Report) {
    for course in Course::ALL {
        let name = format!("command run --image: a course of {}", course.year());
        if filter.admits(&name) {
            let begin = Instant::now();
            let verdict = match check(workspace, course) {
                Ok(()) => Verdict::Passed,
                Err(error) => Verdict::Failed(format!("{error:#}")),
            };
            report.result(&name, begin.elapsed(), verdict);
        }
    }
}

fn check(workspace: &Workspace, course: Course) -> Result<()> {
    let path = workspace.temporary("course.img");
    let before = course.image(workspace)?;
    fs::write(&path, &before)?;
    run_image(
        &path,
        &["--smp", "3", "--exec", "cow", "--expect", "cow: OK"],
        0,
    )?;
    run_image(&path, &["--exec", "echo lost > lost"], 0)?;
    run_image(
        &path,
        &["--smp", "2", "--exec", "wc README", "--expect", "no such"],
        1,
    )?;
    ensure!(fs::read(&path)? == before, "the image was changed");

    run_image(
        &path,
        &["--write", "--smp", "4", "--exec", "echo kept > kept"],
        0,
    )?;
    let faults = image::faults(&path)?;
    ensure!(faults.is_empty(), "the image is not sound: {faults:?}");
    let mut files = FileSystem::mount(MemoryDisk::from_bytes(fs::read(&path)?), 8)?;
    let inode = files.lookup(InodeNo::ROOT, b"kept");
    let mut bytes = [0; 6];
    let count = files.read_at(inode.context("nothing was written")?, 0, &mut bytes)?;
    ensure!(&bytes[..count] == b"kept\n", "something else was written");
    Ok(())
}

/// Makes this program boot the image. The run must end with `status`.
fn run_image(path: &Path, arguments: &[&str], status: i32) -> Result<()> {
    let finished = run_bounded(
        Command::new(std::env::current_exe()?)
            .args(["run", "--timeout", "60", "--image"])
            .arg(path)
            .args(arguments),
        LIMIT,
    )?;
    let code = finished.status.and_then(|status| status.code());
    ensure!(
        code == Some(status),
        "run {arguments:?} ended with {code:?} instead of {status}:\n{}{}",
        finished.output,
        finished.errors
    );
    Ok(())
}
