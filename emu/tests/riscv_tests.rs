//! The public suite of instruction tests, `riscv-tests`, if it is there: its folder `isa`, built,
//! is named by the variable `RISCV_TESTS`. Each program says in the word `tohost` how it went.

use std::path::Path;
use std::{env, fs};

use elf::ElfBytes;
use elf::endian::LittleEndian;
use emu::{Boot, Config, Machine};

/// No test takes more steps.
const STEPS: u64 = 300_000;

/// The address of the word that a program reports in.
fn report_address(file: &[u8]) -> Option<u64> {
    let elf = ElfBytes::<LittleEndian>::minimal_parse(file).ok()?;
    let (symbols, strings) = elf.symbol_table().ok()??;
    symbols
        .iter()
        .find(|symbol| matches!(strings.get(symbol.st_name as usize), Ok("tohost")))
        .map(|symbol| symbol.st_value)
}

/// What a program reports: 1 if all went well, else twice the number of the failed test plus one.
fn outcome(path: &Path) -> Option<u64> {
    let file = fs::read(path).ok()?;
    let at = report_address(&file)?;
    let boot = Boot {
        kernel: &file,
        command_line: "",
        disks: &[],
    };
    let config = Config {
        memory: 16 << 20,
        ..Config::default()
    };
    let mut machine = Machine::boot(&config, &boot).ok()?;
    let ram = |machine: &Machine| {
        let memory = &machine.board().ram;
        memory
            .offset(at, 4)
            .map_or(0, |offset| memory.read(offset, 4))
    };
    while machine.steps() < STEPS && ram(&machine) == 0 {
        machine.run(machine.steps() + 10_000);
    }
    Some(ram(&machine))
}

#[test]
fn the_public_instruction_tests_pass() {
    let Some(folder) = env::var_os("RISCV_TESTS") else {
        return;
    };
    let mut programs: Vec<_> = fs::read_dir(folder)
        .expect("a folder")
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| {
            let name = path
                .file_name()
                .and_then(|name| name.to_str())
                .unwrap_or("");
            name.starts_with("rv64") && name.contains("-p-") && !name.contains('.')
        })
        .collect();
    programs.sort();
    assert!(!programs.is_empty(), "no program `rv64*-p-*` in the folder");
    let failed: Vec<_> = programs
        .iter()
        .filter_map(|path| match outcome(path) {
            Some(1) => None,
            other => Some((path.file_name().map(|name| name.to_owned()), other)),
        })
        .collect();
    println!("{} programs", programs.len());
    assert!(failed.is_empty(), "{failed:?}");
}
