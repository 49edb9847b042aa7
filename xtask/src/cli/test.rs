//! The arguments of the commands that test: `test`, `check`, `museum`, `mutants`,
//! `powercut`.

use clap::Args;

use super::MachineArguments;
use super::value::{Shard, positive};
use crate::arch::Arch;

/// Arguments of `test`.
#[derive(Args)]
pub struct SuiteArguments {
    /// Run only the tests whose name contains this
    pub filter: Option<String>,

    /// Run the guest tests of this architecture only
    #[arg(long, value_enum)]
    pub arch: Option<Arch>,
}

/// Arguments of `check`.
#[derive(Args)]
pub struct CheckArguments {
    /// Only compile, and print what the compiler finds as cargo's JSON, for an editor
    #[arg(long, conflicts_with = "filter")]
    pub editor: bool,

    /// Run only the checks whose name contains this
    pub filter: Option<String>,
}

/// Arguments of `museum`.
#[derive(Args)]
pub struct TestArguments {
    /// Run only the tests whose name contains this
    pub filter: Option<String>,
}

/// Arguments of `mutants`.
#[derive(Args)]
pub struct MutantsArguments {
    /// Try so many, drawn at random, instead of all
    #[arg(long, value_name = "N", value_parser = positive)]
    pub sample: Option<usize>,

    /// What determines the sample
    #[arg(long, value_name = "S", default_value_t = 1, requires = "sample")]
    pub seed: u64,

    /// Try only the K-th (from 0) of N equal parts, of the sample if there is one
    #[arg(long, value_name = "K/N", value_parser = Shard::parse)]
    pub shard: Option<Shard>,

    /// How many at once
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..))]
    pub jobs: u8,
}

/// Arguments of `powercut`.
#[derive(Args)]
pub struct PowercutArguments {
    #[command(flatten)]
    pub machine: MachineArguments,

    /// How many times the power is cut
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub cuts: u64,

    /// The seed of the first cut; each further one has the next
    #[arg(long, value_name = "S", default_value_t = 1)]
    pub seed: u64,
}
