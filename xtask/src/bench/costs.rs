//! The figures that the suite holds the kernel to: `docs/costs.toml`.
//!
//! Counted instructions are equal on every run and every host. A row that takes more than
//! [`MARGIN`] above its figure was therefore made worse by a change. The figures depend on the
//! compiler; for another compiler than the one they are from, [`OTHER_COMPILER`] is the margin. A
//! row that takes less passes. `cargo xtask bench --accept` writes the figures of a run.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use toml_edit::{DocumentMut, Item, Table, value};

use super::Figures;
use crate::build::Guests;
use crate::cli::Fork;
use crate::workspace::Workspace;

/// By how many percent a row may exceed its figure.
const MARGIN: u64 = 3;
/// By how many percent a row may exceed its figure if another compiler has built the guests.
const OTHER_COMPILER: u64 = 15;
/// The key of the version of the compiler.
const COMPILER: &str = "compiler";

/// The figures.
pub struct Costs(DocumentMut);

/// The judgement of a row.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Judgement {
    /// The row takes no more than it may.
    Kept,
    /// The row takes more. The text says so.
    Worse(String),
}

impl Costs {
    /// Reads the figures.
    pub fn load(workspace: &Workspace) -> Result<Self> {
        let file = file(workspace);
        let text =
            fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
        let document = text.parse();
        document
            .map(Self)
            .with_context(|| format!("{} is no TOML", file.display()))
    }

    /// Replaces the figures by those of a run.
    pub fn accept(&mut self, guests: &Guests, mode: Fork, figures: &Figures) {
        self.0[COMPILER] = value(&guests.compiler);
        let mut table = Table::new();
        for figure in figures.rows() {
            table[&figure.row] = value(i64::try_from(figure.value).unwrap_or(i64::MAX));
        }
        let arch = self.0.entry(guests.arch.name()).or_insert_with(|| {
            let mut table = Table::new();
            table.set_implicit(true);
            Item::Table(table)
        });
        arch[mode.name()] = Item::Table(table);
    }

    /// Writes the figures.
    pub fn write(&self, workspace: &Workspace) -> Result<()> {
        let file = file(workspace);
        fs::write(&file, self.0.to_string())
            .with_context(|| format!("cannot write {}", file.display()))
    }

    /// Judges each row of a run, and each row that is missing from it.
    pub fn judge(
        &self,
        guests: &Guests,
        mode: Fork,
        figures: &Figures,
    ) -> Vec<(String, Judgement)> {
        let accepted = self
            .0
            .get(guests.arch.name())
            .and_then(|arch| arch.get(mode.name()))
            .and_then(Item::as_table);
        let is_new = |row: &str| accepted.is_none_or(|table| !table.contains_key(row));
        let from = self.0.get(COMPILER).and_then(Item::as_str);
        let margin = if from == Some(&guests.compiler) {
            MARGIN
        } else {
            OTHER_COMPILER
        };
        let news = figures.rows().iter().filter(|figure| is_new(&figure.row));
        let news = news.map(|figure| {
            let text = format!("{} has no figure; {CURE}", figure.row);
            (figure.row.clone(), Judgement::Worse(text))
        });
        let known = accepted.into_iter().flatten().map(|(row, item)| {
            let most = item.as_integer().and_then(|most| u64::try_from(most).ok());
            let judgement = match (figures.get(row), most) {
                (Some(value), Some(most)) => judge_row(value, most, margin),
                _ => Judgement::Worse(format!("forkbench does not print {row}; {CURE}")),
            };
            (row.to_owned(), judgement)
        });
        known.chain(news).collect()
    }
}

fn judge_row(value: u64, accepted: u64, margin: u64) -> Judgement {
    if value * 100 <= accepted * (100 + margin) {
        return Judgement::Kept;
    }
    let percent = (value as f64 / accepted as f64 - 1.0) * 100.0;
    Judgement::Worse(format!(
        "{value}, which is {percent:.1} % more than {accepted}; at most {margin} % is allowed. \
         If it is worth it, {CURE}"
    ))
}

/// What a person does about a figure that differs from the accepted one.
const CURE: &str = "run `cargo xtask bench --accept` and commit docs/costs.toml";

fn file(workspace: &Workspace) -> PathBuf {
    workspace.root().join("docs/costs.toml")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arch::Arch;

    fn costs() -> Costs {
        let text = "compiler = \"1.95\"\n\n[riscv64.cow]\ngetpid = 200\nfork-1m = 1000\n";
        Costs(text.parse().expect("TOML"))
    }

    fn guests(arch: Arch, compiler: &str) -> Guests {
        Guests {
            arch,
            compiler: compiler.to_owned(),
            kernel: PathBuf::new(),
            programs: Vec::new(),
        }
    }

    fn judge(compiler: &str, console: &str) -> Vec<(String, bool)> {
        let figures = Figures::read(console).expect("rows");
        let judged = costs().judge(&guests(Arch::Riscv64, compiler), Fork::Cow, &figures);
        judged
            .into_iter()
            .map(|(row, judgement)| (row, judgement == Judgement::Kept))
            .collect()
    }

    fn console(getpid: u64, fork: u64) -> String {
        format!("forkbench getpid {getpid} instructions\nforkbench fork-1m {fork} instructions\n")
    }

    #[test]
    fn a_row_may_be_three_percent_worse_and_no_more() {
        let judged = judge("1.95", &console(206, 1031));
        assert_eq!(
            judged,
            [("getpid".to_owned(), true), ("fork-1m".to_owned(), false)]
        );
        let better = judge("1.95", &console(1, 1));
        assert!(better.iter().all(|(_, kept)| *kept));
    }

    #[test]
    fn another_compiler_has_a_wider_margin() {
        let judged = judge("1.88", &console(207, 1151));
        assert_eq!(
            judged,
            [("getpid".to_owned(), true), ("fork-1m".to_owned(), false)]
        );
    }

    #[test]
    fn rows_that_are_missing_on_either_side_are_told() {
        let one = "forkbench getpid 200 instructions\nforkbench new 5 bytes\n";
        assert_eq!(
            judge("1.95", one),
            [
                ("getpid".to_owned(), true),
                ("fork-1m".to_owned(), false),
                ("new".to_owned(), false)
            ]
        );
    }

    #[test]
    fn what_was_accepted_is_kept() {
        let mut costs = costs();
        let figures = Figures::read(&console(300, 2000)).expect("rows");
        for arch in Arch::ALL {
            let guests = guests(arch, "1.96");
            costs.accept(&guests, Fork::Cow, &figures);
            let judged = costs.judge(&guests, Fork::Cow, &figures);
            assert!(judged.iter().all(|(_, how)| *how == Judgement::Kept));
        }
        let text = costs.0.to_string();
        assert!(
            text.contains("compiler = \"1.96\"") && text.contains("[x86_64.cow]\ngetpid = 300")
        );
    }
}
