//! `forktest`: forks until the kernel refuses, and then waits for every child. The kernel must
//! refuse before there are 1,000 children.

#![no_std]
#![no_main]
#![forbid(unsafe_code)]

use user::process::{self, Fork};
use user::{Args, eprintln, println};

user::main!(run);

/// One more than a parent may have.
const TOO_MANY: usize = abi::CHILDREN_MAX + 1;

fn run(_: Args) -> i32 {
    println!("fork test");
    let mut children = 0;
    loop {
        match process::fork() {
            Ok(Fork::Child) => return 0,
            Ok(Fork::Parent(_)) => children += 1,
            Err(_) => break,
        }
        if children == TOO_MANY {
            eprintln!("forktest: FAILED: expected a refusal before {TOO_MANY} children, saw none");
            return 1;
        }
    }
    for reaped in 0..children {
        match process::wait() {
            Ok((_, 0)) => {}
            Ok((pid, status)) => {
                eprintln!("forktest: FAILED: expected status 0 of child {pid}, saw {status}");
                return 1;
            }
            Err(_) => {
                eprintln!("forktest: FAILED: expected {children} children, saw {reaped}");
                return 1;
            }
        }
    }
    if process::wait().is_ok() {
        eprintln!("forktest: FAILED: expected {children} children, saw one more");
        return 1;
    }
    println!("fork test OK: refused after {children} children");
    0
}
