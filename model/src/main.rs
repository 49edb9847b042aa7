//! `cargo xtask model`: checks every interleaving within the bounds, or explores them in a browser.

use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use model::{Bounds, Format, Mistake};
use stateright::{Checker, Expectation, HasDiscoveries, Model};

/// Check the protocol of shared page tables, every interleaving of it.
#[derive(Parser)]
#[command(name = "cargo xtask model", bin_name = "cargo xtask model")]
struct Arguments {
    /// Processes, the first and those that are forked
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u8).range(2..=3))]
    processes: u8,

    /// Pages: the first is there, the second is not touched yet
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=2))]
    pages: u8,

    /// How many pages are evicted
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u8).range(0..=4))]
    evictions: u8,

    /// The hardware
    #[arg(long, value_enum, default_value_t = Format::Sv39)]
    format: Format,

    /// Make a known mistake, which the checker must find
    #[arg(long, value_enum)]
    mistake: Option<Mistake>,

    /// Explore in a browser at http://localhost:3000 instead
    #[arg(long)]
    explore: bool,

    /// Threads of the checker
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=64))]
    threads: u8,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let bounds = Bounds {
        processes: usize::from(arguments.processes),
        pages: usize::from(arguments.pages),
        evictions: arguments.evictions,
        format: arguments.format,
        mistake: arguments.mistake,
    };
    let checker = bounds.checker().threads(usize::from(arguments.threads));
    if arguments.explore {
        checker.serve("localhost:3000");
        return ExitCode::SUCCESS;
    }
    let begin = Instant::now();
    let checked = checker
        .finish_when(HasDiscoveries::AnyFailures)
        .spawn_bfs()
        .join();
    let mut broken = 0;
    for property in checked.model().properties() {
        let found = checked.discovery(property.name);
        let holds = found.is_some() == (property.expectation == Expectation::Sometimes);
        println!(
            "{} {}",
            if holds { "holds " } else { "BROKEN" },
            property.name
        );
        broken += u32::from(!holds);
        if let (false, Some(path)) = (holds, found) {
            for (number, action) in path.into_actions().into_iter().enumerate() {
                println!("  {:>3}  {action:?}", number + 1);
            }
        }
    }
    println!(
        "model: {} states, {} of them different, {:.1} s, {broken} properties broken",
        checked.state_count(),
        checked.unique_state_count(),
        begin.elapsed().as_secs_f64()
    );
    ExitCode::from(u8::from(broken > 0))
}
