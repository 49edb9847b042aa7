//! Boots from the firmware to the shell, on machines of all sizes.

use super::super::case::Case;
use crate::arch::Arch;

/// Returns the tests of booting.
pub fn cases(arch: Arch) -> Vec<Case> {
    let sizes = [(1, 24), (1, 128), (2, 128), (4, 128), (8, 128), (4, 8192)];
    sizes
        .into_iter()
        .map(|(harts, memory)| {
            Case::line(format!("boot: {harts} harts, {memory} MiB"), "echo hello")
                .harts(harts)
                .mebibytes(memory)
                .shows("^hello$")
                .shows(&greeting(arch, harts, memory))
        })
        .collect()
}

/// Returns the kernel's first line. A PC's firmware keeps some memory for itself, so there is less
/// than was asked for.
fn greeting(arch: Arch, harts: u8, memory: u64) -> String {
    let (name, memory) = match arch {
        Arch::Riscv64 => ("riscv64", memory.to_string()),
        Arch::X86_64 => ("x86_64", format!("({}|{})", memory - 2, memory - 1)),
    };
    format!(r"^Cowslip \S+: {name}, {harts} harts?, {memory} MiB")
}
