//! Hands the linker script to the linker, for the programs and only when they are built for the
//! bare machine: on the host only the library's pure parts are compiled, for their tests.

use std::env;

fn main() {
    println!("cargo::rerun-if-changed=user.ld");
    if env::var("CARGO_CFG_TARGET_OS").as_deref() != Ok("none") {
        return;
    }
    let folder = env::var("CARGO_MANIFEST_DIR").expect("cargo sets CARGO_MANIFEST_DIR");
    // Our pages are 4 KiB; the linker's default of 64 KiB would pad every file. Symbols go, for
    // a file of the xv6 format ends at 268 KiB.
    for argument in [
        &format!("-T{folder}/user.ld"),
        "-zmax-page-size=4096",
        "--strip-all",
    ] {
        println!("cargo::rustc-link-arg-bins={argument}");
    }
}
