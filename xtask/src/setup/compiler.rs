//! Facts about a Rust compiler: where its files are, and which LLVM it has.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use crate::process::run_bounded;

const QUERY_LIMIT: Duration = Duration::from_secs(30);

/// Returns the folder a compiler is installed in.
pub fn sysroot(rustc: &str) -> Option<PathBuf> {
    ask(rustc, &["--print", "sysroot"]).map(|answer| PathBuf::from(answer.trim()))
}

/// Returns the path of a program that came with the compiler on PATH.
pub fn companion(name: &str) -> Option<PathBuf> {
    let path = sysroot("rustc")?
        .join("lib/rustlib")
        .join(host()?)
        .join("bin")
        .join(name);
    path.exists().then_some(path)
}

/// Returns the compiler's default target.
pub fn host() -> Option<String> {
    detail("host")
}

/// Returns the major version of the LLVM in the compiler on PATH.
pub fn llvm_major() -> Option<u32> {
    detail("LLVM version")?.split('.').next()?.parse().ok()
}

/// Returns a line of the output of `rustc -vV`.
fn detail(key: &str) -> Option<String> {
    find(&ask("rustc", &["-vV"])?, key).map(str::to_owned)
}

fn find<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    text.lines()
        .find_map(|line| line.strip_prefix(key)?.strip_prefix(": "))
}

fn ask(rustc: &str, arguments: &[&str]) -> Option<String> {
    let asked = run_bounded(Command::new(rustc).args(arguments), QUERY_LIMIT).ok()?;
    asked.success().then_some(asked.output)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn details_are_found_by_their_whole_key() {
        let said = "rustc 1.95.0 (x)\nhost: x86_64-unknown-linux-gnu\nLLVM version: 22.1.2\n";
        assert_eq!(find(said, "host"), Some("x86_64-unknown-linux-gnu"));
        assert_eq!(find(said, "LLVM version"), Some("22.1.2"));
        assert_eq!(find(said, "LLVM"), None);
    }
}
