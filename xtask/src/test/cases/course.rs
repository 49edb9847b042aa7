//! The disks of the courses: the programs of `tests/course`, with an init, a shell and a console
//! node of their own.

use std::time::Duration;

use super::super::case::{Case, DiskContents};
use super::super::course::Course;
use super::super::talk::Step::{self, Pause, Prompt, See, Type};

const CTRL_C: &str = "\x03";

/// Returns the tests of the courses' disks.
pub fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for course in Course::ALL {
        for harts in 1..=4 {
            cases.push(
                Case::talk(
                    format!("a course of {}: {harts} harts", course.year()),
                    conversation(course),
                )
                .harts(harts)
                .disk(DiskContents::Course(course))
                .shows("^init: starting sh$")
                .hides("(?s)starting sh.*starting sh")
                .hides("sh: cannot|sh: no ")
                .leaves_disk_sound()
                .within(120),
            );
        }
    }
    cases
}

/// Shell lines and their output. A prompt follows each.
const LINES: &[(&str, &str)] = &[
    ("echo hello, world\n", r"(?m)^hello, world\r?$"),
    ("ls\n", r"(?m)^console 3 \d+ 0\r?$"),
    ("ls | grep READ\n", r"(?m)^README 2 2 \d+\r?$"),
    ("wc README\n", r"(?m)^3 12 56\r?$"),
    (
        "cat < README | grep words | wc > f; cat f\n",
        r"(?m)^2 10 47\r?$",
    ),
    ("mkdir d; ln f d/g; rm f; cat d/g\n", r"(?m)^2 10 47\r?$"),
    ("cd d\n", ""),
    ("/echo relative; /ls\n", r"(?m)^g 2 \d+ 8\r?$"),
    ("cd /\n", ""),
    ("rm d/g d; ls\n", r"(?m)^wc 2 \d+ \d+\r?$"),
    ("nap\n", r"(?m)^nap: OK\r?$"),
    ("cow\n", r"(?m)^cow: OK\r?$"),
    ("float\n", r"(?m)^float: OK, \d+\r?$"),
    ("forktest\n", r"(?m)^forktest: OK\r?$"),
    ("big\n", r"(?m)^big: OK\r?$"),
    ("cat big | wc\n", r"(?m)^\d+ \d+ 274432\r?$"),
];

/// Shell lines whose programs only the course of 2025 has.
const NEWER_LINES: &[(&str, &str)] = &[("lazy\n", r"(?m)^lazy: OK\r?$")];

fn conversation(course: Course) -> Vec<Step> {
    let newer = match course {
        Course::Of2022 => &[],
        Course::Of2025 => NEWER_LINES,
    };
    let mut steps = vec![Prompt];
    for &(line, answer) in LINES.iter().chain(newer) {
        steps.extend([Type(line), See(answer), Prompt]);
    }
    // A key of the kernel's own, typed at a shell that does not know it.
    steps.extend([
        Type("spin\n"),
        Pause(Duration::from_millis(500)),
        Type(CTRL_C),
        Prompt,
        Type("echo back\n"),
        See(r"(?m)^back\r?$"),
        Prompt,
    ]);
    steps
}
