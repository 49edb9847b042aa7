//! Findings as text, with functions and source lines.

use std::path::Path;

use addr2line::Loader;
use emu::Machine;
use emu::sanitize::Report;

use crate::symbols;
use crate::workspace::Workspace;

/// A printer of a machine's findings.
pub struct Printer<'a> {
    workspace: &'a Workspace,
    loader: Option<Loader>,
}

impl<'a> Printer<'a> {
    /// Returns a printer with the symbols of a kernel.
    pub fn new(workspace: &'a Workspace, kernel: &Path) -> Self {
        Self {
            workspace,
            loader: Loader::new(kernel).ok(),
        }
    }

    /// Returns the lines for one address of a backtrace.
    fn lines(&self, address: u64, is_return: bool) -> Vec<String> {
        // A return address is one instruction past the call, and may belong to another line.
        let at = address.saturating_sub(u64::from(is_return));
        let places = self
            .loader
            .as_ref()
            .map(|loader| symbols::places(loader, at, self.workspace))
            .unwrap_or_default();
        if places.is_empty() {
            vec![format!("{address:#x}")]
        } else {
            places
        }
    }

    /// Returns the functions of a backtrace, innermost first, at most so many.
    pub fn functions(&self, stack: &[u64], depth: usize) -> Vec<String> {
        let lines = stack
            .iter()
            .enumerate()
            .flat_map(|(at, &address)| self.lines(address, at > 0));
        lines.take(depth).collect()
    }

    /// Returns a report as text.
    pub fn text(&self, report: &Report) -> String {
        report.render(&mut |address, is_return| self.lines(address, is_return))
    }

    /// Prints every finding on standard error. Returns how many there were.
    pub fn print(&self, machine: &Machine) -> usize {
        for report in machine.reports() {
            eprint!("\n{}", self.text(report));
        }
        machine.reports().len()
    }

    /// Prints each hart's position.
    pub fn print_harts(&self, machine: &Machine) {
        for hart in machine.harts() {
            eprintln!(
                "  hart {} ({:?} mode, {:?}):",
                hart.id, hart.mode, hart.activity
            );
            for (depth, &address) in machine.stack(hart.id).iter().enumerate() {
                for line in self.lines(address, depth > 0) {
                    eprintln!("      {line}");
                }
            }
        }
    }
}
