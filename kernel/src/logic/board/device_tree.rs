//! The reader of the device tree of a RISC-V board.
//!
//! Property names and encodings: Devicetree Specification 0.4, and the bindings that the compatible
//! strings name.

use dtoolkit::fdt::{Fdt, FdtNode};
use dtoolkit::standard::{NodeStandard, Status};
use dtoolkit::{Node, Property};

use super::{Board, BoardError, CommandLine, HARTS_MAX, Region, Source};
use crate::list::List;

/// The interrupt number of a hart's supervisor external interrupt, in its local controller's
/// numbering.
const SUPERVISOR_EXTERNAL: u32 = 9;

/// A device's registers and its number at the interrupt controller (0 if it has none).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Device {
    /// The addresses of the registers.
    pub registers: Region,
    /// The interrupt.
    pub interrupt: u32,
}

/// The data about a board that only the RISC-V part of the kernel needs.
#[derive(Debug)]
pub struct Platform {
    /// The platform-level interrupt controller.
    pub plic: Region,
    /// The context of the boot hart at that controller.
    pub context: u32,
    /// The serial line (16550).
    pub uart: Device,
    /// The device that ends the emulator.
    pub power: Option<Device>,
    /// The virtio slots in the order of the tree, with or without a device.
    pub virtio: List<Device, 16>,
}

/// A hart, and its context at the interrupt controller.
#[derive(Clone, Copy)]
struct Hart {
    id: u64,
    context: u32,
}

const fn missing(what: &'static str) -> BoardError {
    BoardError::Missing(Source::DeviceTree, what)
}

impl Board<Platform> {
    /// Reads the tree. `boot_hart` is the firmware's number of the hart that runs.
    pub fn read(tree: Fdt<'_>, boot_hart: u64) -> Result<Self, BoardError> {
        let mut ram = List::new();
        // An empty list has room for one.
        let _ = ram.push(main_memory(tree)?);
        let uart = find(tree, &["ns16550a"]).ok_or(missing("serial line (ns16550a)"))?;
        const PLIC: &[&str] = &["sifive,plic-1.0.0", "riscv,plic0"];
        let plic = find_node(tree, PLIC).ok_or(missing("interrupt controller (plic)"))?;
        let cpus = tree.cpus().map_err(|_| missing("node /cpus"))?;
        let timebase = number(cpus.property("timebase-frequency"))
            .filter(|&frequency| frequency != 0)
            .ok_or(missing("timebase-frequency"))?;
        let harts = read_harts(tree, plic, boot_hart)?;
        let context = harts.iter().next().map_or(0, |hart| hart.context);
        let mut numbers = List::new();
        for hart in harts.iter() {
            // The list has as many elements as there can be harts.
            let _ = numbers.push(hart.id);
        }
        let mut virtio = List::default();
        for_each_device(tree, |node| {
            if node.is_compatible("virtio,mmio") {
                // Slots beyond the length of the list are not used.
                let _ = device(node).map(|slot| virtio.push(slot));
            }
        });
        Ok(Self {
            ram,
            harts: numbers,
            timebase: timebase.into(),
            command_line: command_line(tree)?,
            platform: Platform {
                plic: device(plic)
                    .ok_or(missing("registers of the plic"))?
                    .registers,
                context,
                uart,
                power: find(tree, &["sifive,test1", "sifive,test0"]),
                virtio,
            },
        })
    }
}

fn read_harts(
    tree: Fdt<'_>,
    plic: FdtNode<'_>,
    boot_hart: u64,
) -> Result<List<Hart, HARTS_MAX>, BoardError> {
    let cpus = tree.cpus().map_err(|_| missing("node /cpus"))?;
    let mut harts: List<Hart, HARTS_MAX> = List::default();
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
        // The harts beyond the maximum stay asleep, but the list keeps room for the boot hart.
        let boots = id == boot_hart;
        let kept = usize::from(boot_index.is_none());
        if boots {
            boot_index = Some(harts.len());
        }
        if boots || harts.len() + kept < HARTS_MAX {
            let _ = harts.push(Hart { id, context });
        }
    }
    let boot_index = boot_index.ok_or(missing("node of the hart that boots"))?;
    harts.swap_to_front(boot_index);
    Ok(harts)
}

fn command_line(tree: Fdt<'_>) -> Result<CommandLine, BoardError> {
    let Some(chosen) = tree.chosen() else {
        return CommandLine::new(b"");
    };
    CommandLine::new(chosen.bootargs().ok().flatten().unwrap_or("").as_bytes())
}

fn main_memory(tree: Fdt<'_>) -> Result<Region, BoardError> {
    tree.memory()
        .ok()
        .and_then(|memory| region(*memory))
        .ok_or(missing("node /memory"))
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

/// Calls `visit` with each device: the children of the root and of its buses.
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

/// Returns the context of the hart whose local controller is `phandle`: the position of its
/// supervisor external interrupt in `interrupts-extended`, which lists (controller, interrupt)
/// pairs.
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

    /// `qemu-system-riscv64 -machine virt,dumpdtb=virt.dtb -smp 4 -m 128M -append 'fork=cow --
    /// ls'`, packed by dtc.
    const TREE: &[u8] = include_bytes!("virt.dtb");

    fn read(boot_hart: u64) -> Result<Board<Platform>, BoardError> {
        Board::read(Fdt::new(TREE).unwrap(), boot_hart)
    }

    #[test]
    fn finds_everything() {
        let board = read(0).unwrap();
        let ram = Region {
            start: 0x8000_0000,
            size: 128 << 20,
        };
        assert_eq!(board.ram.iter().collect::<Vec<_>>(), [ram]);
        assert_eq!(board.ram_size(), 128 << 20);
        assert_eq!(board.timebase, 10_000_000);
        assert_eq!(board.platform.plic.start, 0xc00_0000);
        assert_eq!(
            (
                board.platform.uart.registers.start,
                board.platform.uart.interrupt
            ),
            (0x1000_0000, 10)
        );
        assert_eq!(board.platform.power.unwrap().registers.start, 0x10_0000);
        assert_eq!(board.platform.virtio.len(), 8);
        let first = board.platform.virtio.iter().next().unwrap();
        assert_eq!((first.registers.start, first.interrupt), (0x1000_8000, 8));
        assert_eq!(board.command_line.text(), "fork=cow -- ls");
    }

    #[test]
    fn the_boot_hart_comes_first_with_its_own_context() {
        let board = read(2).unwrap();
        assert_eq!(board.harts.iter().collect::<Vec<_>>(), [2, 1, 0, 3]);
        assert_eq!(board.platform.context, 5);
        assert_eq!(read(0).unwrap().platform.context, 1);
    }

    #[test]
    fn a_boot_hart_the_tree_does_not_know_is_an_error() {
        let error = read(9).unwrap_err();
        assert_eq!(error, missing("node of the hart that boots"));
        assert!(error.to_string().contains("hart that boots"));
    }
}
