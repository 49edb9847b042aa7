//! The figures side by side, for people and as JSON.

use std::fmt::Write;

use super::{Figures, Measured};
use crate::arch::Arch;
use crate::cli::Fork;
use crate::json::Json;

/// Returns a table of the measurements on one architecture. It has a column for each system and,
/// beside Linux, the ratio to Cowslip's default.
pub fn of(arch: Arch, measured: &[Measured]) -> String {
    let ours = measured.iter().find(|one| one.mode == Some(Fork::Cow));
    let rival = measured.iter().find(|one| one.mode.is_none());
    let compared = rival.zip(ours);
    let mut text = format!("{:24}", arch.name());
    // Writing to a string cannot fail.
    for one in measured {
        let _ = write!(text, " {:>15}", one.system);
    }
    if compared.is_some() {
        let _ = write!(text, " {:>12}", "Linux / cow");
    }
    let rows = measured.iter().map(|one| one.figures.rows());
    for figure in rows.max_by_key(|rows| rows.len()).unwrap_or_default() {
        let _ = write!(text, "\n{:24}", figure.row);
        for one in measured {
            let _ = write!(text, " {:>15}", cell(one.figures.get(&figure.row)));
        }
        if let Some((rival, ours)) = compared {
            let ratio = ratio(&rival.figures, &ours.figures, &figure.row);
            let _ = write!(text, " {ratio:>12}");
        }
        if figure.unit != "instructions" {
            let _ = write!(text, "  {}", figure.unit);
        }
    }
    let _ = write!(text, "\n{:24}", "slope of fork");
    for one in measured {
        let slope = one.figures.slope().map(|slope| format!("{slope:.2}"));
        let _ = write!(text, " {:>15}", slope.unwrap_or_default());
    }
    text.push('\n');
    text
}

/// Returns a number with its digits in groups of three.
fn cell(value: Option<u64>) -> String {
    let Some(value) = value else {
        return "-".to_owned();
    };
    let digits = value.to_string();
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index != 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

fn ratio(rival: &Figures, ours: &Figures, row: &str) -> String {
    match (rival.get(row), ours.get(row)) {
        (Some(rival), Some(ours)) if ours != 0 => format!("{:.2}", rival as f64 / ours as f64),
        _ => "-".to_owned(),
    }
}

/// Returns all measurements.
pub fn json(measured: &[Measured]) -> Json {
    let row = |figure: &super::figures::Figure| {
        Json::Object(vec![
            ("row", Json::Text(figure.row.clone())),
            ("value", Json::Count(figure.value as usize)),
            ("unit", Json::Text(figure.unit.clone())),
        ])
    };
    let one = |one: &Measured| {
        Json::Object(vec![
            ("arch", Json::Text(one.arch.name().to_owned())),
            ("system", Json::Text(one.system.clone())),
            (
                "figures",
                Json::List(one.figures.rows().iter().map(row).collect()),
            ),
        ])
    };
    Json::List(measured.iter().map(one).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(system: &str, mode: Option<Fork>, console: &str) -> Measured {
        Measured {
            arch: Arch::Riscv64,
            system: system.to_owned(),
            mode,
            figures: Figures::read(console).expect("rows"),
        }
    }

    #[test]
    fn systems_stand_side_by_side() {
        let all = [
            measured("Linux", None, "forkbench getpid 1429 instructions\n"),
            measured(
                "Cowslip, cow",
                Some(Fork::Cow),
                "forkbench getpid 200 instructions\nforkbench child-tables-64m 4096 bytes\n",
            ),
        ];
        let table = of(Arch::Riscv64, &all);
        let line = |start: &str| {
            let line = table.lines().find(|line| line.starts_with(start));
            let words = line.expect("a row").split_whitespace();
            words.map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(line("getpid"), ["getpid", "1,429", "200", "7.14"]);
        assert_eq!(
            line("child"),
            ["child-tables-64m", "-", "4,096", "-", "bytes"]
        );
        assert!(json(&all).to_string().contains(
            r#""system":"Linux","figures":[{"row":"getpid","value":1429,"unit":"instructions"}]"#
        ));
    }
}
