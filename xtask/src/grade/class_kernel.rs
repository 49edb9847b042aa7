//! The test of the grader: a small kernel of ours (`tests/class-kernel`) must pass every test. Of
//! each of its variants, which make one mistake each, a test must find the mistake and its hint
//! must name it.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};

use super::catalogue::{self, Test};
use super::demand::Base;
use super::disk::{self, Program};
use super::lab::{Emulator, Place, Subject};
use super::sanitized;
use super::verdict::{Graded, Verdict};
use crate::emulate::lab;
use crate::test::{self, Filter, Report};
use crate::workspace::Workspace;

const FOLDER: &str = "tests/class-kernel";
/// Its own sources, and what it shares with the lab kernel.
const SOURCES: [&str; 9] = [
    "../lab-kernel/start.S",
    "../lab-kernel/lock.c",
    "main.c",
    "frames.c",
    "space.c",
    "proc.c",
    "exec.c",
    "file.c",
    "programs.S",
];
/// The harts of the machine: enough for counts that race.
const HARTS: u8 = 2;
/// Its memory is a sixteenth of xv6's, and it clears a page in a tenth of the instructions.
const FASTER: u64 = 8;

/// The mistake that the watchers find.
const WATCHED: u32 = 7;

/// A known mistake.
struct Mistake {
    number: u32,
    /// The test that finds it.
    test: String,
    /// Words of the hint that names it.
    hint: String,
    what: String,
}

/// Runs the tests that the filter admits.
pub fn tests(workspace: &Workspace, filter: &Filter<'_>, report: &Report) {
    report.attempt("guest grade", || {
        let mistakes = mistakes(workspace)?;
        let name = |mistake: &Mistake| format!("guest grade: {}", mistake.what);
        let clean = "guest grade: a good kernel passes everything";
        if !filter.admits(clean) && !mistakes.iter().any(|it| filter.admits(&name(it))) {
            return Ok(());
        }
        let programs = disk::programs(workspace)?;
        let class = Class {
            workspace,
            programs: save(workspace, &programs)?,
            tests: catalogue::all()?.into_iter().map(shorter).collect(),
        };
        if filter.admits(clean) {
            one(report, clean, || class.correct());
        }
        for mistake in mistakes.iter().filter(|it| filter.admits(&name(it))) {
            one(report, &name(mistake), || class.found(mistake));
        }
        Ok(())
    });
}

fn one(report: &Report, name: &str, test: impl FnOnce() -> Result<()>) {
    let begin = Instant::now();
    report.attempt(name, || {
        test()?;
        report.result(name, begin.elapsed(), test::Verdict::Passed);
        Ok(())
    });
}

fn mistakes(workspace: &Workspace) -> Result<Vec<Mistake>> {
    fs::read_to_string(workspace.root().join(FOLDER).join("mistakes.txt"))?
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| {
            let fields: Vec<_> = line.split("; ").collect();
            let [number, test, hint, what] = fields[..] else {
                bail!("mistakes.txt: {line}");
            };
            Ok(Mistake {
                number: number.parse()?,
                test: test.to_owned(),
                hint: hint.to_owned(),
                what: what.to_owned(),
            })
        })
        .collect()
}

fn shorter(mut test: Test) -> Test {
    test.millions /= FASTER;
    test
}

/// Writes programs to files, from which the assembler takes them.
fn save(workspace: &Workspace, programs: &[Program]) -> Result<Vec<(&'static str, PathBuf)>> {
    programs
        .iter()
        .map(|(name, bytes)| {
            let path = workspace.temporary(name);
            fs::write(&path, bytes)?;
            Ok((*name, path))
        })
        .collect()
}

/// What every variant is made and tested with.
struct Class<'a> {
    workspace: &'a Workspace,
    programs: Vec<(&'static str, PathBuf)>,
    tests: Vec<Test>,
}

impl Class<'_> {
    /// Compiles the kernel with a mistake (0 for none). Returns its path.
    fn compile(&self, mistake: u32) -> Result<PathBuf> {
        let kernel = self.workspace.temporary("class-kernel");
        let mut command = lab::compiler(&self.workspace.root().join(FOLDER));
        command.args(["-I.", "-I../lab-kernel", "-T../lab-kernel/kernel.ld"]);
        command.arg(format!("-DCLASS_MISTAKE={mistake}"));
        for (name, path) in &self.programs {
            command.arg(format!("-D{}=\"{}\"", name.to_uppercase(), path.display()));
        }
        command.args(SOURCES).arg("-o").arg(&kernel);
        lab::bounded(&mut command)?;
        Ok(kernel)
    }

    fn grade(
        &self,
        kernel: &Path,
        harts: u8,
        wanted: impl Fn(&Test) -> bool,
    ) -> Result<Vec<Graded>> {
        // The kernel has its programs in itself.
        let image = [0; abi::BLOCK_SIZE];
        let subject = Subject::new(self.workspace, kernel, &image)?;
        let tests: Vec<_> = self.tests.iter().filter(|test| wanted(test)).collect();
        let place = Place {
            emulator: Emulator::Own,
            harts,
            stall: Duration::MAX,
        };
        subject.run(place, &tests, &Base::Of(None), |_| {}, |_| {})
    }

    /// The correct kernel passes every test.
    fn correct(&self) -> Result<()> {
        let graded = self.grade(&self.compile(0)?, 1, |_| true)?;
        ensure!(graded.len() == self.tests.len(), "not all tests were run");
        let bad = graded.iter().find(|it| it.verdict != Verdict::Passed);
        ensure!(bad.is_none(), "{bad:#?}");
        Ok(())
    }

    /// The test that is meant for a mistake fails, and its hint names the mistake; or the watchers
    /// name it while the test runs.
    fn found(&self, mistake: &Mistake) -> Result<()> {
        let kernel = self.compile(mistake.number)?;
        if mistake.number == WATCHED {
            return self.reported(&kernel, mistake);
        }
        let graded = self.grade(&kernel, HARTS, |it| it.name == mistake.test)?;
        let [graded] = &graded[..] else {
            bail!("there is no test `{}`", mistake.test);
        };
        ensure!(graded.verdict.is_bad(), "`{}` passes", mistake.test);
        let hint = graded.explanation.mistake.as_deref().unwrap_or_default();
        let hint = hint.replace('\n', " ");
        ensure!(
            hint.contains(&mistake.hint),
            "the hint is another: {graded:#?}"
        );
        Ok(())
    }

    fn reported(&self, kernel: &Path, mistake: &Mistake) -> Result<()> {
        let image = [0; abi::BLOCK_SIZE];
        let subject = Subject::new(self.workspace, kernel, &image)?;
        let wanted = |test: &&Test| test.name == mistake.test;
        let tests: Vec<_> = self.tests.iter().filter(wanted).collect();
        let findings = sanitized::run(&subject, &tests, |_| {})?;
        let named = findings.iter().any(|it| it.text.contains(&mistake.hint));
        ensure!(named, "no report names it");
        Ok(())
    }
}
