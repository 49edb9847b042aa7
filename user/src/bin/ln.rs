//! `ln OLD NEW`: gives a file a second name.

#![no_std]
#![no_main]
#![forbid(unsafe_code)]

use user::io::Lossy;
use user::{Args, eprintln, file};

user::main!(run);

fn run(args: Args) -> i32 {
    let mut paths = args.skip(1);
    let (Some(old), Some(new), None) = (paths.next(), paths.next(), paths.next()) else {
        eprintln!("usage: ln OLD NEW");
        return 1;
    };
    if file::link(old, new).is_err() {
        eprintln!(
            "ln: cannot link {} to {}",
            Lossy::from(new),
            Lossy::from(old)
        );
        return 1;
    }
    0
}
