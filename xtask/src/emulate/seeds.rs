//! Runs under many seeds, and the smallest run that still fails like the first failing one.

use anyhow::Result;
use emu::adversity::Adversity;
use emu::{Config, Machine};

use super::reports::Printer;
use super::run::{self, EXIT_FOUND, Ended};
use super::screen::Screen;
use super::setup::Subject;
use crate::cli::EmuArguments;
use crate::cli::Seeds;
use crate::workspace::Workspace;

/// How a run failed.
struct Failure {
    /// The kind of the first finding, or how the run ended.
    kind: String,
    /// The step at which the run ended.
    step: u64,
    /// The description for the user.
    text: String,
}

/// Runs every seed. Returns 0 if none fails.
pub fn search(
    workspace: &Workspace,
    arguments: &EmuArguments,
    subject: &Subject,
    seeds: Seeds,
) -> Result<u8> {
    let printer = Printer::new(workspace, &subject.path);
    for seed in seeds.first..seeds.end {
        let config = subject.config(arguments, Some(seed))?;
        let limit = arguments.limit.saturating_mul(1_000_000);
        if let Some(failure) = attempt(arguments, subject, &printer, &config, limit)? {
            eprintln!("xtask: seed {seed} fails: {}", failure.kind);
            let (config, failure) = shrink(arguments, subject, &printer, config, failure)?;
            eprint!("\n{}", failure.text);
            eprintln!(
                "\nxtask: the smallest run that shows it: --seed {seed} --smp {} --adversity {} \
                 --limit {}",
                config.harts,
                names(config.rules.adversity),
                failure.step.div_ceil(1_000_000)
            );
            return Ok(EXIT_FOUND);
        }
    }
    eprintln!("xtask: {} seeds, nothing found", seeds.end - seeds.first);
    Ok(0)
}

/// Runs once without output. Returns the failure, if there is one.
fn attempt(
    arguments: &EmuArguments,
    subject: &Subject,
    printer: &Printer<'_>,
    config: &Config,
    limit: u64,
) -> Result<Option<Failure>> {
    let mut machine = subject.boot(arguments, config)?;
    let mut screen = Screen::silent();
    let ended = match &arguments.exec {
        Some(line) if !subject.ours => run::typed(&mut machine, line, limit, &mut screen),
        _ => run::unattended(&mut machine, limit, &mut screen),
    };
    if let Some(report) = machine.reports().first() {
        return Ok(Some(Failure {
            kind: report.kind.name().to_owned(),
            step: machine.steps(),
            text: printer.text(report),
        }));
    }
    let kind = match ended {
        Ended::Code(0) => return Ok(None),
        Ended::Code(code) => format!("exit code {code}"),
        Ended::Limit => "it does not end".to_owned(),
        Ended::Trouble(what) => what,
    };
    Ok(Some(Failure {
        kind,
        step: machine.steps(),
        text: tail(&machine),
    }))
}

/// Returns the end of what a machine printed.
fn tail(machine: &Machine) -> String {
    const BYTES: usize = 600;
    let text = machine.console();
    String::from_utf8_lossy(&text[text.len().saturating_sub(BYTES)..]).into_owned()
}

/// Removes harts and kinds of adversity as long as the run still fails with that kind of failure.
fn shrink(
    arguments: &EmuArguments,
    subject: &Subject,
    printer: &Printer<'_>,
    mut config: Config,
    mut failure: Failure,
) -> Result<(Config, Failure)> {
    // A run that fails later is no smaller.
    let limit = failure.step.saturating_mul(2);
    let mut smaller: Vec<Config> = (1..config.harts)
        .map(|harts| Config {
            harts,
            ..config.clone()
        })
        .collect();
    if let Some(found) = first_like(arguments, subject, printer, &mut smaller, &failure, limit)? {
        (config, failure) = found;
    }
    for name in Adversity::NAMES {
        let mut tamer = config.clone();
        tamer.rules.adversity.set(name, false);
        if tamer.rules.adversity == config.rules.adversity {
            continue;
        }
        let mut tries = vec![tamer];
        if let Some(found) = first_like(arguments, subject, printer, &mut tries, &failure, limit)? {
            (config, failure) = found;
        }
    }
    Ok((config, failure))
}

/// Returns the first of some configurations that fails in the given way.
fn first_like(
    arguments: &EmuArguments,
    subject: &Subject,
    printer: &Printer<'_>,
    tries: &mut Vec<Config>,
    like: &Failure,
    limit: u64,
) -> Result<Option<(Config, Failure)>> {
    for config in tries.drain(..) {
        let failure = attempt(arguments, subject, printer, &config, limit)?;
        if let Some(failure) = failure.filter(|failure| failure.kind == like.kind) {
            return Ok(Some((config, failure)));
        }
    }
    Ok(None)
}

/// Returns the switches that are on, in the form that `--adversity` takes.
fn names(adversity: Adversity) -> String {
    let on: Vec<_> = Adversity::NAMES
        .into_iter()
        .filter(|name| {
            let mut without = adversity;
            without.set(name, false);
            without != adversity
        })
        .collect();
    if on.is_empty() {
        "none".to_owned()
    } else {
        on.join(",")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn switches_are_named_as_they_are_given() {
        assert_eq!(names(Adversity::NONE), "none");
        let mut some = Adversity::NONE;
        some.set("tlb", true);
        some.set("ad-trap", true);
        assert_eq!(names(some), "tlb,ad-trap");
    }
}
