//! The tests of x86_64: those of riscv64 where the architecture matters, and tests of its own.
//!
//! What depends on the kernel's upper rooms alone (the shell, the keyboard, the disks of the
//! courses) is tested on riscv64 alone. Tests that run at 1, 2 and 4 harts on riscv64 run at 1 and
//! 4 here. The processors take turns: the least capable one on which the kernel runs, and the one
//! with everything that the emulator has.

use super::super::case::{Case, End};
use super::{audit, boot, cow, files, foreign, interface, mapping, processes, swapping, trouble};
use crate::arch::Arch;

/// A processor without PCID, SMEP, SMAP, FSGSBASE, XSAVE and pages of 1 GiB.
const LEAST: &str = "qemu64";
/// A processor with everything that the emulator has.
const MOST: &str = "max";

/// Returns the tests of x86_64.
pub fn cases() -> Vec<Case> {
    let shared = [
        boot::cases(Arch::X86_64),
        audit::cases(),
        cow::cases(),
        processes::cases(),
        files::cases(),
        interface::cases(),
        mapping::cases(),
        swapping::cases(),
        foreign::cases(),
        trouble::cases(),
    ];
    let chosen = shared.into_iter().flatten().filter(|case| case.smp != 2);
    let mut cases: Vec<_> = chosen.chain(own()).collect();
    for (case, model) in cases.iter_mut().zip([LEAST, MOST].into_iter().cycle()) {
        case.cpu.get_or_insert(model);
        case.name = case.name.replacen("guest ", "guest x86_64 ", 1);
    }
    cases
}

/// Returns the tests of mistakes that only this architecture can make.
fn own() -> Vec<Case> {
    let mut cases = Vec::new();
    for model in [LEAST, MOST] {
        for harts in [1, 4] {
            cases.push(
                Case::line(format!("traps: {model}, {harts} harts"), "c-trap")
                    .cpu(model)
                    .harts(harts)
                    .within(120)
                    .shows(r"killed: access to an address that is not canonical \(0x800000000000\)")
                    .shows("killed: general protection fault: a privileged instruction")
                    .shows("^c-trap: OK$"),
            );
        }
    }
    let refused = |name: &str, model: &'static str, reason: &str| {
        Case::line(name, "echo not reached")
            .cpu(model)
            .ends(End::Refusal)
            .shows(&format!("^cannot start: .*{reason}"))
            .hides("not reached")
            .within(60)
    };
    cases.extend([
        refused("a processor without long mode", "qemu32", "no long mode"),
        refused(
            "a processor without no-execute",
            "qemu64,nx=off",
            "no-execute",
        ),
    ]);
    cases
}
