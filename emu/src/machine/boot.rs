//! From a configuration and a kernel to a machine before its first instruction.

use alloc::string::String;
use alloc::vec::Vec;

use super::{Boot, Config, Machine, Rules, Schedule, Start};
use crate::HARTS_MAX;
use crate::board::Board;
use crate::device::RAM;
use crate::device::virtio::Virtio;
use crate::fdt::{self, Description};
use crate::hart::Hart;
use crate::image;
use crate::ram::Ram;
use crate::saved::sum;
use crate::sbi;
use crate::symbols::Symbols;

impl Machine {
    /// A machine with a kernel in memory, before its first instruction.
    pub fn boot(config: &Config, boot: &Boot<'_>) -> Result<Self, String> {
        let harts = config.harts.clamp(1, HARTS_MAX);
        let mut ram = Ram::new(RAM, config.memory);
        let loaded = image::load(&mut ram, boot.kernel)?;
        let start = if loaded.entry == RAM {
            Start::Machine
        } else {
            Start::Supervisor
        };
        let tree = fdt::build(&Description {
            memory: ram.len() as u64,
            harts,
            command_line: boot.command_line,
            sstc: start == Start::Machine,
            sv48: config.sv48,
        });
        let at = (RAM + ram.len() as u64 - tree.len() as u64) & !0x1f_ffff;
        let offset = ram.offset(at, tree.len()).filter(|_| at >= loaded.end);
        ram.write_bytes(
            offset.ok_or("memory is too small for the kernel and its device tree")?,
            &tree,
            |_, _| {},
        );
        let mut board = Board::new(ram, harts);
        board.firmware = start == Start::Supervisor;
        for disk in boot.disks {
            let slot = board
                .slots
                .get_mut(disk.slot)
                .ok_or("there are eight virtio slots")?;
            *slot = Some(Virtio::new(disk.contents, disk.serial, config.legacy));
        }
        board.symbols = Symbols::read(boot.kernel);
        let mut all: Vec<Hart> = (0..harts).map(|id| Hart::new(id, loaded.entry)).collect();
        for hart in &mut all {
            hart.csr.sv48 = config.sv48;
            hart.csr.pmp = config.pmp;
            hart.x[10] = hart.id as u64;
            hart.x[11] = at;
            if start == Start::Supervisor {
                sbi::prepare(hart);
            }
        }
        let mut machine = Self {
            harts: all,
            board,
            schedule: Schedule {
                hart: 0,
                left: 0,
                look: true,
                typed: 0,
            },
            inputs: Vec::new(),
            start,
            rules: Rules::default(),
            kernel: sum(boot.kernel),
            watched: false,
            turns: None,
        };
        machine.set_rules(&config.rules);
        Ok(machine)
    }
}
