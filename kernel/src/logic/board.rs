//! What the device tree says about the board: memory, harts, devices, command line.
//!
//! Everything is copied out, because the tree's memory is given to the programs later. Property names
//! and encodings: Devicetree Specification 0.4, and the bindings that the compatible strings name.

use core::fmt;

use dtoolkit::fdt::{Fdt, FdtNode};
use dtoolkit::standard::{NodeStandard, Status};
use dtoolkit::{Node, Property};

use crate::list::List;

/// Most harts that are used; a board with more runs on this many.
pub const HARTS_MAX: usize = 8;
/// Most bytes of a command line.
pub const COMMAND_LINE_MAX: usize = 1024;
/// The interrupt number of a hart's supervisor external interrupt, in its local controller's numbering.
const SUPERVISOR_EXTERNAL: u32 = 9;

/// Physical memory, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Region {
    /// The first byte.
    pub start: u64,
    /// How many bytes.
    pub size: u64,
}

/// A device's registers and its number at the interrupt controller (0 if it has none).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Device {
    /// Where the registers are.
    pub registers: Region,
    /// The interrupt.
    pub interrupt: u32,
}

/// One hart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hart {
    /// The firmware's number.
    pub id: u64,
    /// Its context at the interrupt controller.
    pub context: u32,
}

/// The board.
#[derive(Debug)]
pub struct Board {
    /// The main memory.
    pub ram: Region,
    /// The harts, the one that boots first.
    pub harts: List<Hart, HARTS_MAX>,
    /// Increments of the `time` register per second.
    pub timebase: u64,
    /// The platform-level interrupt controller.
    pub plic: Region,
    /// The serial line (16550).
    pub uart: Device,
    /// The device that ends the emulator.
    pub power: Option<Device>,
    /// The virtio slots, whether something is plugged in or not, in the order of the tree.
    pub virtio: List<Device, 16>,
    command_line: [u8; COMMAND_LINE_MAX],
    command_line_length: usize,
}

/// Why a device tree does not describe a board this kernel runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BoardError {
    /// There is no such node, or it lacks what it must have.
    Missing(&'static str),
    /// The command line has more bytes than [`COMMAND_LINE_MAX`].
    CommandLineTooLong(usize),
}

impl fmt::Display for BoardError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(what) => {
                write!(
                    f,
                    "the device tree has no usable {what}; boot on QEMU's `virt` machine"
                )
            }
            Self::CommandLineTooLong(length) => write!(
                f,
                "the command line has {length} bytes; shorten it to {COMMAND_LINE_MAX}"
            ),
        }
    }
}

impl core::error::Error for BoardError {}

impl Board {
    /// Reads the tree. `boot_hart` is the firmware's number of the hart that runs already.
    pub fn read(tree: Fdt<'_>, boot_hart: u64) -> Result<Self, BoardError> {
        let mut board = Self {
            ram: main_memory(tree)?,
            harts: List::default(),
            timebase: 0,
            plic: Region { start: 0, size: 0 },
            uart: find(tree, &["ns16550a"]).ok_or(BoardError::Missing("serial line (ns16550a)"))?,
            power: find(tree, &["sifive,test1", "sifive,test0"]),
            virtio: List::default(),
            command_line: [0; COMMAND_LINE_MAX],
            command_line_length: 0,
        };
        board.read_harts(tree, boot_hart)?;
        for_each_device(tree, |node| {
            if node.is_compatible("virtio,mmio") {
                // More slots than the list has are left unused.
                let _ = device(node).map(|slot| board.virtio.push(slot));
            }
        });
        board.read_command_line(tree)?;
        Ok(board)
    }

    /// What the boot loader wants the kernel to know; empty if nothing or not UTF-8.
    pub fn command_line(&self) -> &str {
        core::str::from_utf8(&self.command_line[..self.command_line_length]).unwrap_or("")
    }

    fn read_harts(&mut self, tree: Fdt<'_>, boot_hart: u64) -> Result<(), BoardError> {
        const PLIC: &[&str] = &["sifive,plic-1.0.0", "riscv,plic0"];
        let plic =
            find_node(tree, PLIC).ok_or(BoardError::Missing("interrupt controller (plic)"))?;
        self.plic = device(plic)
            .ok_or(BoardError::Missing("registers of the plic"))?
            .registers;
        let cpus = tree.cpus().map_err(|_| BoardError::Missing("node /cpus"))?;
        self.timebase = number(cpus.property("timebase-frequency"))
            .filter(|&frequency| frequency != 0)
            .ok_or(BoardError::Missing("timebase-frequency"))?
            .into();
        let mut boot_index = None;
        for cpu in cpus.cpus() {
            let usable = cpu.status().is_ok_and(|status| status == Status::Okay);
            let id = cpu
                .reg()
                .ok()
                .flatten()
                .and_then(|mut reg| reg.next()?.address().ok());
            let controller = cpu.child("interrupt-controller");
            let phandle = controller.and_then(|node| node.phandle().ok().flatten());
            let context = phandle.and_then(|phandle| plic_context(plic, phandle));
            let (true, Some(id), Some(context)) = (usable, id, context) else {
                continue;
            };
            // The harts beyond the maximum stay asleep, but a place is kept for the one that runs.
            let boots = id == boot_hart;
            let kept = usize::from(boot_index.is_none());
            if boots {
                boot_index = Some(self.harts.len());
            }
            if boots || self.harts.len() + kept < HARTS_MAX {
                let _ = self.harts.push(Hart { id, context });
            }
        }
        let boot_index = boot_index.ok_or(BoardError::Missing("node of the hart that boots"))?;
        self.harts.swap_to_front(boot_index);
        Ok(())
    }

    fn read_command_line(&mut self, tree: Fdt<'_>) -> Result<(), BoardError> {
        let Some(chosen) = tree.chosen() else {
            return Ok(());
        };
        let text = chosen.bootargs().ok().flatten().unwrap_or("").as_bytes();
        self.command_line
            .get_mut(..text.len())
            .ok_or(BoardError::CommandLineTooLong(text.len()))?
            .copy_from_slice(text);
        self.command_line_length = text.len();
        Ok(())
    }
}

fn main_memory(tree: Fdt<'_>) -> Result<Region, BoardError> {
    tree.memory()
        .ok()
        .and_then(|memory| region(*memory))
        .ok_or(BoardError::Missing("node /memory"))
}

fn number<'a, P: Property + 'a>(property: Option<P>) -> Option<u32> {
    property?.value_as::<u32>().ok()
}

fn region(node: FdtNode<'_>) -> Option<Region> {
    let reg = node.reg().ok().flatten()?.next()?;
    Some(Region {
        start: reg.address().ok()?,
        size: reg.size().ok()?,
    })
}

fn device(node: FdtNode<'_>) -> Option<Device> {
    Some(Device {
        registers: region(node)?,
        interrupt: number(node.property("interrupts")).unwrap_or(0),
    })
}

/// Visits the devices: the children of the root and of its buses.
fn for_each_device<'a>(tree: Fdt<'a>, mut visit: impl FnMut(FdtNode<'a>)) {
    for node in tree.root().children() {
        visit(node);
        if node.is_compatible("simple-bus") {
            node.children().for_each(&mut visit);
        }
    }
}

fn find_node<'a>(tree: Fdt<'a>, compatible: &[&str]) -> Option<FdtNode<'a>> {
    let mut found = None;
    for_each_device(tree, |node| {
        if found.is_none() && compatible.iter().any(|name| node.is_compatible(name)) {
            found = Some(node);
        }
    });
    found
}

fn find(tree: Fdt<'_>, compatible: &[&str]) -> Option<Device> {
    device(find_node(tree, compatible)?)
}

/// The context of the hart whose local controller is `phandle`: the position of its supervisor
/// external interrupt in `interrupts-extended`, which lists (controller, interrupt) pairs.
fn plic_context(plic: FdtNode<'_>, phandle: u32) -> Option<u32> {
    let property = plic.property("interrupts-extended")?;
    let mut pairs = property.as_prop_encoded_array([1, 1]).ok()?;
    let position = pairs.position(|[controller, interrupt]| {
        use dtoolkit::ToCellInt;
        controller.to_int() == Ok(phandle) && interrupt.to_int() == Ok(SUPERVISOR_EXTERNAL)
    })?;
    u32::try_from(position).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `qemu-system-riscv64 -machine virt,dumpdtb=virt.dtb -smp 4 -m 128M -append 'fork=cow -- ls'`, packed by dtc.
    const TREE: &[u8] = include_bytes!("virt.dtb");

    fn read(boot_hart: u64) -> Result<Board, BoardError> {
        Board::read(Fdt::new(TREE).unwrap(), boot_hart)
    }

    #[test]
    fn finds_everything() {
        let board = read(0).unwrap();
        let ram = Region {
            start: 0x8000_0000,
            size: 128 << 20,
        };
        assert_eq!(board.ram, ram);
        assert_eq!(board.timebase, 10_000_000);
        assert_eq!(board.plic.start, 0xc00_0000);
        assert_eq!(
            (board.uart.registers.start, board.uart.interrupt),
            (0x1000_0000, 10)
        );
        assert_eq!(board.power.unwrap().registers.start, 0x10_0000);
        assert_eq!(board.virtio.len(), 8);
        let first = board.virtio.iter().next().unwrap();
        assert_eq!((first.registers.start, first.interrupt), (0x1000_8000, 8));
        assert_eq!(board.command_line(), "fork=cow -- ls");
    }

    #[test]
    fn the_boot_hart_comes_first_with_its_own_context() {
        let harts: Vec<_> = read(2).unwrap().harts.iter().collect();
        assert_eq!(harts.len(), 4);
        assert_eq!(harts[0], Hart { id: 2, context: 5 });
        assert_eq!(harts[2], Hart { id: 0, context: 1 });
    }

    #[test]
    fn a_boot_hart_the_tree_does_not_know_is_an_error() {
        let error = read(9).unwrap_err();
        assert_eq!(error, BoardError::Missing("node of the hart that boots"));
        assert!(error.to_string().contains("hart that boots"));
    }
}
