//! Runs a kernel with everything switched on and prints what came of it, for comparing hosts:
//! natively and in WebAssembly (`wasm32-wasip1`) the output is the same, byte for byte.
//!
//! `replay KERNEL HARTS FIRST END`: seeds from FIRST up to END.

use std::{env, fs, process};

use emu::adversity::Adversity;
use emu::sanitize::Watch;
use emu::{Boot, Config, Machine, Rules, Stop};

/// No run takes more steps.
const STEPS: u64 = 30_000_000;

/// Runs once; the reports, the console and the number of steps, as text.
fn replay(kernel: &[u8], harts: usize, seed: u64) -> Result<String, String> {
    let config = Config {
        harts,
        memory: 16 << 20,
        rules: Rules {
            seed,
            adversity: Adversity::ALL,
            watch: Watch::ALL,
        },
        ..Config::default()
    };
    let boot = Boot {
        kernel,
        command_line: "",
        disks: &[],
    };
    let mut machine = Machine::boot(&config, &boot)?;
    let stop = loop {
        match machine.run(STEPS) {
            Stop::Reported => {}
            stop => break stop,
        }
    };
    let mut text = format!(
        "seed {seed}: {stop:?} at step {}\n{}",
        machine.steps(),
        String::from_utf8_lossy(machine.console())
    );
    for report in machine.reports() {
        text += &report.render(&mut |address, _| vec![machine.symbols().describe(address)]);
    }
    Ok(text)
}

fn main() {
    let arguments: Vec<String> = env::args().collect();
    let number = |at: usize| arguments.get(at).and_then(|text| text.parse::<u64>().ok());
    let (Some(path), Some(harts), Some(first), Some(end)) =
        (arguments.get(1), number(2), number(3), number(4))
    else {
        eprintln!("usage: replay KERNEL HARTS FIRST END");
        process::exit(2);
    };
    let kernel = fs::read(path).unwrap_or_else(|error| {
        eprintln!("replay: {path}: {error}");
        process::exit(2);
    });
    for seed in first..end {
        match replay(&kernel, harts as usize, seed) {
            Ok(text) => print!("{text}"),
            Err(error) => {
                eprintln!("replay: {error}");
                process::exit(1);
            }
        }
    }
}
