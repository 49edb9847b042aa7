//! Everything that a run tells, as text: what hosts are compared by. Natively and in WebAssembly it
//! is the same, byte for byte.

use alloc::format;
use alloc::string::String;
use alloc::vec;

use crate::adversity::Adversity;
use crate::machine::{Boot, Config, Machine, Rules, Stop};
use crate::sanitize::Watch;

/// A small machine with a kernel and without disks, under every unkindness and every watcher.
pub fn machine(kernel: &[u8], harts: usize, seed: u64) -> Result<Machine, String> {
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
    Machine::boot(&config, &boot)
}

/// Runs a kernel on such a machine for at most `steps` steps. Returns its console, its reports, how
/// it ended, and at which step.
pub fn everything(kernel: &[u8], harts: usize, seed: u64, steps: u64) -> Result<String, String> {
    let mut machine = machine(kernel, harts, seed)?;
    let stop = loop {
        match machine.run(steps) {
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
