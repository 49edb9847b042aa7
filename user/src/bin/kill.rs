//! `kill PID...`: kills processes.

#![no_std]
#![no_main]
#![forbid(unsafe_code)]

use user::io::Lossy;
use user::process::{self, Pid};
use user::{Args, eprintln};

user::main!(run);

fn run(args: Args) -> i32 {
    if args.len() < 2 {
        eprintln!("usage: kill PID...");
        return 1;
    }
    let mut status = 0;
    for argument in args.skip(1) {
        let pid = argument
            .to_str()
            .ok()
            .and_then(|text| text.parse::<Pid>().ok());
        let name = Lossy::from(argument);
        match pid {
            None => eprintln!("kill: {name} is not a process number"),
            Some(pid) if process::kill(pid).is_err() => eprintln!("kill: no process {pid}"),
            Some(_) => continue,
        }
        status = 1;
    }
    status
}
