//! Results as other programs take them: `results.json` of Gradescope, and JUnit's XML.
//!
//! A test counts once however many machines it ran on: it has its points if it passed on all.

use clap::ValueEnum;

use super::catalogue::Test;
use super::report;
use super::verdict::Graded;
use crate::json::Json;

/// How results are printed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Format {
    /// Lines for a person, as tests end.
    Text,
    /// One object with everything.
    Json,
    /// Gradescope's `results.json`.
    Gradescope,
    /// JUnit's XML.
    Junit,
}

/// The results of a kernel on one machine: its harts, and the tests.
pub type Machine = (u8, Vec<Graded>);

/// Returns Gradescope's `results.json`.
pub fn gradescope(tests: &[&Test], machines: &[Machine]) -> Json {
    let rows = tests.iter().map(|test| {
        let mut passed = true;
        let mut output = String::new();
        for (harts, graded) in machines {
            match graded.iter().find(|graded| graded.test == test.name) {
                Some(graded) if !graded.verdict.is_bad() => {}
                Some(graded) => {
                    passed = false;
                    let lines = report::lines(graded).join("\n");
                    output.push_str(&format!("with {harts} harts:\n{lines}\n"));
                }
                None => {
                    passed = false;
                    output.push_str(&format!("with {harts} harts: it was not run\n"));
                }
            }
        }
        let points = if passed { test.points } else { 0 };
        Json::Object(vec![
            ("name", Json::Text(test.full_name())),
            ("score", Json::Count(points as usize)),
            ("max_score", Json::Count(test.points as usize)),
            ("status", Json::Text(status(passed).to_owned())),
            ("output", Json::Text(output)),
        ])
    });
    Json::Object(vec![("tests", Json::List(rows.collect()))])
}

fn status(passed: bool) -> &'static str {
    if passed { "passed" } else { "failed" }
}

/// Returns JUnit's XML: a suite for each machine.
pub fn junit(machines: &[Machine]) -> String {
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n");
    for (harts, graded) in machines {
        let failures = graded.iter().filter(|it| it.verdict.is_bad()).count();
        xml.push_str(&format!(
            "  <testsuite name=\"{harts} harts\" tests=\"{}\" failures=\"{failures}\">\n",
            graded.len()
        ));
        for it in graded {
            xml.push_str(&format!(
                "    <testcase classname=\"{}\" name=\"{}\" time=\"{:.3}\"",
                escaped(&it.suite),
                escaped(&it.test),
                it.time.as_secs_f64()
            ));
            let lines = escaped(&report::lines(it).join("\n"));
            xml.push_str(&match it.verdict.name() {
                "passed" => "/>\n".to_owned(),
                "skipped" => "><skipped/></testcase>\n".to_owned(),
                name => format!("><failure message=\"{name}\">{lines}</failure></testcase>\n"),
            });
        }
        xml.push_str("  </testsuite>\n");
    }
    xml.push_str("</testsuites>");
    xml
}

/// Returns a text as XML has it. What XML cannot hold is replaced.
fn escaped(text: &str) -> String {
    text.chars()
        .map(|character| match character {
            '&' => "&amp;".to_owned(),
            '<' => "&lt;".to_owned(),
            '>' => "&gt;".to_owned(),
            '"' => "&quot;".to_owned(),
            control if control < ' ' && control != '\n' && control != '\t' => "?".to_owned(),
            other => other.to_string(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::catalogue;
    use super::super::verdict::{Explanation, Failure, Verdict};
    use super::*;

    fn graded(test: &str, verdict: Verdict) -> Graded {
        Graded {
            suite: "cowbasic".to_owned(),
            test: test.to_owned(),
            verdict,
            time: Duration::from_millis(1500),
            explanation: Explanation::default(),
        }
    }

    #[test]
    fn points_are_for_tests_that_pass_on_all_machines() {
        let all = catalogue::all().expect("the file is well-formed");
        let tests: Vec<_> = all.iter().take(2).collect();
        let bad = || Verdict::Failed(Failure::parse("a <page>: expected 1, saw 2"));
        let machines = [
            (
                1,
                vec![
                    graded("simple", Verdict::Passed),
                    graded("three", Verdict::Passed),
                ],
            ),
            (
                3,
                vec![graded("simple", Verdict::Passed), graded("three", bad())],
            ),
        ];
        let text = gradescope(&tests, &machines).to_string();
        assert!(text.contains(r#""name":"cowbasic simple","score":10,"max_score":10"#));
        assert!(text.contains(r#""name":"cowbasic three","score":0,"max_score":3"#));
        let xml = junit(&machines);
        assert!(xml.contains(r#"<testsuite name="3 harts" tests="2" failures="1">"#));
        assert!(xml.contains("a &lt;page&gt;") && !xml.contains("<page>"));
    }
}
