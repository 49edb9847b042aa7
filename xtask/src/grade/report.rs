//! The report: lines for a person as tests end, or JSON for a program at the end.

use std::path::Path;

use super::catalogue::Test;
use super::formats::{self, Format, Machine};
use super::sanitized::Finding;
use super::verdict::{Explanation, Graded, Verdict, tally};
use crate::json::Json;

/// The results of one kernel.
pub struct Report {
    /// The facts about the graded kernel, for JSON.
    kernel: Vec<(&'static str, Json)>,
    machines: Vec<Machine>,
    /// The findings of the sanitizers, if they ran.
    findings: Option<Json>,
    /// What is printed at the end. The lines go to standard error unless it is they.
    format: Format,
}

impl Report {
    /// Returns a report on the kernel in a file, of which this much is known.
    pub fn new(path: &Path, what: &str, format: Format) -> Self {
        let report = Self {
            kernel: vec![
                ("kernel", Json::Text(path.display().to_string())),
                ("base", Json::Text(what.to_owned())),
            ],
            machines: Vec::new(),
            findings: None,
            format,
        };
        report.say(&format!("{}: {what}", path.display()));
        report
    }

    /// A machine has been booted.
    pub fn machine(&self, harts: u8, what: &str) {
        let plural = if harts == 1 { "" } else { "s" };
        self.say(&format!("{harts} hart{plural}: {what}"));
    }

    /// Prints the result of a test.
    pub fn test(&self, graded: &Graded) {
        for line in lines(graded) {
            self.say(&line);
        }
    }

    /// Adds the results of one machine, all of whose tests have ended.
    pub fn end_of_machine(&mut self, harts: u8, graded: Vec<Graded>) {
        let counts = tally(&graded);
        let summary: Vec<_> = counts
            .iter()
            .map(|(name, count)| format!("{count} {name}"))
            .collect();
        self.say(&format!("grade: {harts} harts: {}", summary.join(", ")));
        self.machines.push((harts, graded));
    }

    /// Prints a finding of a sanitizer.
    pub fn finding(&self, finding: &Finding) {
        let Finding {
            test, harts, seed, ..
        } = finding;
        self.say(&format!("FOUND     {test}, {harts} harts, seed {seed}"));
        for line in finding.text.lines() {
            self.say(&format!("{:8} | {line}", ""));
        }
    }

    /// Adds the findings of the sanitizers, which have ended.
    pub fn end_of_findings(&mut self, findings: &[Finding]) {
        self.say(&format!("grade: {} findings", findings.len()));
        self.findings = Some(Json::List(findings.iter().map(found).collect()));
    }

    /// Prints the results, if another form than lines was asked for.
    pub fn finish(self, tests: &[&Test]) {
        match self.format {
            Format::Text => {}
            Format::Json => {
                let mut members = self.kernel;
                let machines = self.machines.iter().map(machine);
                members.push(("machines", Json::List(machines.collect())));
                members.extend(self.findings.map(|findings| ("findings", findings)));
                println!("{}", Json::Object(members));
            }
            Format::Gradescope => println!("{}", formats::gradescope(tests, &self.machines)),
            Format::Junit => println!("{}", formats::junit(&self.machines)),
        }
    }

    fn say(&self, line: &str) {
        if self.format != Format::Text {
            eprintln!("{line}");
        } else {
            println!("{line}");
        }
    }
}

/// Returns a machine as JSON.
fn machine((harts, graded): &Machine) -> Json {
    let mut members = vec![
        ("harts", Json::Count(usize::from(*harts))),
        ("tests", Json::List(graded.iter().map(object).collect())),
    ];
    members.extend(tally(graded).map(|(name, count)| (name, Json::Count(count))));
    Json::Object(members)
}

/// Returns the lines about a test: the result, and below it the reason.
pub fn lines(graded: &Graded) -> Vec<String> {
    let Graded {
        suite,
        test,
        verdict,
        time,
        ..
    } = graded;
    let name = match verdict {
        Verdict::Passed | Verdict::Skipped(_) => verdict.name().to_owned(),
        _ => verdict.name().to_uppercase(),
    };
    let mut lines = vec![format!(
        "{name:8} {:7.2} s  {suite} {test}",
        time.as_secs_f64()
    )];
    let mut explain = |label: &str, text: &str| {
        for (index, line) in text.lines().enumerate() {
            let label = if index == 0 { label } else { "" };
            lines.push(format!("{:8} | {label}{line}", ""));
        }
    };
    match verdict {
        Verdict::Passed => {}
        Verdict::Skipped(why) => explain("", why),
        Verdict::Failed(failure) => {
            explain("", &failure.what);
            explain(
                "expected: ",
                failure.expected.as_deref().unwrap_or_default(),
            );
            explain("seen:     ", failure.seen.as_deref().unwrap_or_default());
        }
        Verdict::Hung(last) => explain("last output: ", last),
        Verdict::Panicked(message) => explain("panic: ", message),
    }
    for (label, text) in labelled(&graded.explanation) {
        explain(label, text);
    }
    lines
}

/// Returns what is known of an explanation, each part with a label.
fn labelled(explanation: &Explanation) -> impl Iterator<Item = (&'static str, &str)> {
    let Explanation {
        does,
        rule,
        places,
        mistake,
    } = explanation;
    [
        ("did:      ", does),
        ("rule:     ", rule),
        ("where:    ", places),
        ("likely:   ", mistake),
    ]
    .into_iter()
    .filter_map(|(label, part)| Some((label, part.as_deref()?)))
}

/// Returns a finding as JSON.
fn found(finding: &Finding) -> Json {
    Json::Object(vec![
        ("kind", Json::Text(finding.kind.to_owned())),
        ("test", Json::Text(finding.test.clone())),
        ("harts", Json::Count(finding.harts)),
        ("seed", Json::Count(finding.seed as usize)),
        ("text", Json::Text(finding.text.clone())),
    ])
}

/// Returns a test as JSON.
fn object(graded: &Graded) -> Json {
    let text = |text: &str| Json::Text(text.to_owned());
    let mut members = vec![
        ("suite", text(&graded.suite)),
        ("test", text(&graded.test)),
        ("verdict", text(graded.verdict.name())),
        ("seconds", Json::Seconds(graded.time.as_secs_f64())),
    ];
    match &graded.verdict {
        Verdict::Passed => {}
        Verdict::Skipped(why) => members.push(("why", text(why))),
        Verdict::Failed(failure) => {
            members.push(("what", text(&failure.what)));
            members.extend(failure.expected.as_deref().map(|it| ("expected", text(it))));
            members.extend(failure.seen.as_deref().map(|it| ("seen", text(it))));
        }
        Verdict::Hung(last) => members.push(("last_output", text(last))),
        Verdict::Panicked(message) => members.push(("message", text(message))),
    }
    for (label, part) in labelled(&graded.explanation) {
        members.push((label.trim_end().trim_end_matches(':'), text(part)));
    }
    Json::Object(members)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::verdict::Failure;
    use super::*;

    fn graded(verdict: Verdict) -> Graded {
        Graded {
            suite: "cowtest".to_owned(),
            test: "simple".to_owned(),
            verdict,
            time: Duration::from_millis(1500),
            explanation: Explanation::default(),
        }
    }

    #[test]
    fn a_failure_tells_what_was_expected_and_what_was_seen() {
        let failed = graded(Verdict::Failed(Failure::parse("page 1: expected 2, saw 3")));
        assert_eq!(
            lines(&failed),
            [
                "FAILED      1.50 s  cowtest simple",
                "         | page 1",
                "         | expected: 2",
                "         | seen:     3",
            ]
        );
        assert_eq!(
            object(&failed).to_string(),
            r#"{"suite":"cowtest","test":"simple","verdict":"failed","seconds":1.500,"what":"page 1","expected":"2","seen":"3"}"#
        );
    }

    #[test]
    fn every_verdict_counts_under_its_name() {
        let all = [
            Verdict::Passed,
            Verdict::Skipped("x".to_owned()),
            Verdict::Failed(Failure::parse("x")),
            Verdict::Hung("x".to_owned()),
            Verdict::Panicked("x".to_owned()),
            Verdict::Passed,
        ]
        .map(graded);
        let counts = tally(&all);
        assert_eq!(
            counts,
            [
                ("passed", 2),
                ("failed", 1),
                ("hung", 1),
                ("panicked", 1),
                ("skipped", 1)
            ]
        );
    }
}
