//! `usertrap KIND`: misbehaves in the way that KIND names, to show that the kernel ends this
//! program and no other.
//!
//! A kernel that kills the program never lets it exit. If the program survives, it says so and
//! exits with 0.

#![no_std]
#![no_main]

use user::{Args, arch, eprintln, memory};

user::main!(run);

/// A way to misbehave.
type Kind = (&'static str, fn());

const KINDS: [Kind; 8] = [
    ("null-write", || store(0)),
    ("constant-write", || store(memory::constants().start)),
    ("break-write", || {
        store(memory::current_break().unwrap_or(0))
    }),
    ("kernel-read", || {
        arch::load_byte(0x8000_0000);
    }),
    ("kernel-write", || store(u64::MAX - 4095)),
    ("illegal", arch::illegal_instruction),
    ("jump", || {
        // SAFETY: constants are not executable.
        unsafe { arch::jump(memory::constants().start) }
    }),
    ("overflow", || {
        recurse(1);
    }),
];

fn run(mut args: Args) -> i32 {
    let wanted = args.nth(1).and_then(|kind| kind.to_str().ok());
    let kind = KINDS.iter().find(|(name, _)| Some(*name) == wanted);
    let Some((name, misbehave)) = kind else {
        eprintln!("usage: usertrap KIND, one of:");
        for (name, _) in KINDS {
            eprintln!("  {name}");
        }
        return 1;
    };
    misbehave();
    eprintln!("usertrap: survived {name}");
    0
}

fn store(address: u64) {
    // SAFETY: none of the addresses above may be written, so no object is harmed; a kernel that
    // lets it happen is what this program is to show.
    unsafe { arch::store_byte(address, 0) }
}

/// Recurses until the stack is used up.
fn recurse(depth: u64) -> u64 {
    // `black_box` keeps this from becoming a loop.
    let deeper = core::hint::black_box(depth + 1);
    if deeper == 0 {
        0
    } else {
        recurse(deeper) + deeper
    }
}
