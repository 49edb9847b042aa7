//! `replay KERNEL HARTS FIRST END STEPS`: prints all that the runs of a kernel under the seeds from
//! FIRST up to END tell. Built for WebAssembly, it is compared with the host's own runs.

use std::{env, fs, process};

use emu::replay;

fn main() {
    let arguments: Vec<String> = env::args().collect();
    let number = |at: usize| arguments.get(at).and_then(|text| text.parse::<u64>().ok());
    let (Some(path), Some(harts), Some(first), Some(end), Some(steps)) =
        (arguments.get(1), number(2), number(3), number(4), number(5))
    else {
        eprintln!("usage: replay KERNEL HARTS FIRST END STEPS");
        process::exit(2);
    };
    let kernel = fs::read(path).unwrap_or_else(|error| {
        eprintln!("replay: {path}: {error}");
        process::exit(2);
    });
    for seed in first..end {
        match replay::everything(&kernel, harts as usize, seed, steps) {
            Ok(text) => print!("{text}"),
            Err(error) => {
                eprintln!("replay: {error}");
                process::exit(1);
            }
        }
    }
}
