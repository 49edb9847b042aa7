//! The arguments of `bench`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::arch::Arch;

/// Arguments of `bench`.
#[derive(Args)]
pub struct BenchArguments {
    /// Measure this architecture only
    #[arg(long, value_enum)]
    pub arch: Option<Arch>,

    /// Measure the same on Linux, with Debian's kernel, which is fetched when first asked for
    #[arg(long, value_enum)]
    pub against: Option<Rival>,

    /// Print the figures as JSON on standard output
    #[arg(long)]
    pub json: bool,

    /// Draw the cost of fork against the size of memory, as an SVG image
    #[arg(long, value_name = "FILE")]
    pub plot: Option<PathBuf>,

    /// Hold the suite to the figures of this run: writes them to docs/costs.toml
    #[arg(long)]
    pub accept: bool,
}

/// A system to compare with.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Rival {
    /// The Linux of Debian 13.
    Linux,
}
