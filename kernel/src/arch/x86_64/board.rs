//! The description of the board: PVH's start info from the boot loader, and ACPI's tables from the
//! firmware.
//!
//! Layouts: Xen, "x86/HVM direct boot ABI"; ACPI 6.5, chapter 5. The tables lie below 4 GiB, where
//! the boot tables reach them, in memory that the map does not call RAM.

use core::ffi::CStr;
use core::ptr::NonNull;
use core::slice;

use acpi::fadt::Fadt;
use acpi::madt::{Madt, MadtEntry};
use acpi::mcfg::Mcfg;
use acpi::{AcpiHandler, AcpiTables, PhysicalMapping};
use kernel_logic::board::memory_map::{self, Range};
use kernel_logic::board::{
    self, BoardError, CommandLine, HARTS_MAX, RAM_MAX, Region, Source, sleep,
};
use kernel_logic::list::List;
use mm::addr::PhysAddr;

use super::controller::Line;
use super::layout::{DIRECT_MAP_SIZE, IMAGE_BASE, image_start, to_virtual};
use super::power::Switch;
use super::{apic, features, power, timer};

/// The data about a board that only this architecture needs.
#[derive(Debug)]
pub struct Platform {
    /// The address of the I/O APIC's registers.
    pub io_apic: u64,
    /// Its line for the serial interface.
    pub serial: Line,
    /// The configuration space of the first PCI bus.
    pub pci: u64,
    /// The power switch.
    pub power: Option<Switch>,
}

/// The board.
pub type Board = board::Board<Platform>;

/// The end of the physical addresses that the boot tables map.
const REACHABLE: u64 = 4 << 30;

/// The start info.
#[repr(C)]
struct StartInfo {
    magic: u32,
    version: u32,
    flags: u32,
    modules: u32,
    module_list: u64,
    command_line: u64,
    rsdp: u64,
    memory_map: u64,
    memory_map_entries: u32,
    reserved: u32,
}

const MAGIC: u32 = 0x336e_c578;

#[repr(C)]
#[derive(Clone, Copy)]
struct MapEntry {
    start: u64,
    size: u64,
    kind: u32,
    reserved: u32,
}

const fn missing(what: &'static str) -> BoardError {
    BoardError::Missing(Source::Acpi, what)
}

/// Access to the tables: all memory that can hold them is mapped.
#[derive(Clone)]
struct Reach;

impl AcpiHandler for Reach {
    unsafe fn map_physical_region<T>(
        &self,
        address: usize,
        size: usize,
    ) -> PhysicalMapping<Self, T> {
        let end = address.saturating_add(size) as u64;
        if end > REACHABLE {
            crate::given::refuse(format_args!(
                "the firmware's tables lie above 4 GiB; boot on QEMU's `q35` machine"
            ));
        }
        let start = to_virtual(PhysAddr(address as u64)).cast();
        let start = NonNull::new(start).unwrap_or(NonNull::dangling());
        // SAFETY: mapped by the boot tables, and no code writes there.
        unsafe { PhysicalMapping::new(address, start, size, size, self.clone()) }
    }

    fn unmap_physical_region<T>(_: &PhysicalMapping<Self, T>) {}
}

/// Reads the description whose start info is at a physical address.
pub(super) fn read(start_info: u64) -> Result<Board, BoardError> {
    features::detect()?;
    // SAFETY: the boot loader hands over the address of a start info, below 4 GiB (PVH).
    let info = unsafe { &*to_virtual(PhysAddr(start_info)).cast::<StartInfo>() };
    if info.magic != MAGIC || info.memory_map == 0 {
        return Err(missing("start info with a memory map (PVH)"));
    }
    let tables = if info.rsdp == 0 {
        return Err(missing("ACPI root"));
    } else {
        // SAFETY: the boot loader says that the root is there.
        unsafe { AcpiTables::from_rsdp(Reach, info.rsdp as usize) }
    };
    let tables = tables.map_err(|_| missing("ACPI tables"))?;
    let fadt = tables
        .find_table::<Fadt>()
        .map_err(|_| missing("table FADT"))?;
    let reference = fadt.pm_timer_block().ok().flatten();
    let reference = reference
        .and_then(|register| u16::try_from(register.address).ok())
        .ok_or(missing("power-management timer"))?;
    let madt = tables
        .find_table::<Madt>()
        .map_err(|_| missing("table MADT"))?;
    let mcfg = tables
        .find_table::<Mcfg>()
        .map_err(|_| missing("table MCFG"))?;
    let pci = mcfg
        .entries()
        .first()
        .ok_or(missing("PCI configuration space"))?;
    apic::initialize();
    let (io_apic, serial) = interrupts(&madt)?;
    Ok(Board {
        ram: ram(info)?,
        harts: harts(&madt)?,
        timebase: timer::measure(reference),
        command_line: command_line(info)?,
        platform: Platform {
            io_apic,
            serial,
            pci: pci.base_address,
            power: switch(&tables, &fadt),
        },
    })
}

fn ram(info: &StartInfo) -> Result<List<Region, RAM_MAX>, BoardError> {
    let entries: *const MapEntry = to_virtual(PhysAddr(info.memory_map)).cast();
    // SAFETY: as many entries as the boot loader says there are.
    let entries = unsafe { slice::from_raw_parts(entries, info.memory_map_entries as usize) };
    let ranges = entries.iter().map(|entry| Range {
        start: entry.start,
        size: entry.size,
        kind: entry.kind,
    });
    let image = (image_start() - IMAGE_BASE) as u64;
    let ram = memory_map::ram(ranges, image, DIRECT_MAP_SIZE as u64);
    match ram.iter().next() {
        Some(first) if (first.start..first.end()).contains(&image) => Ok(ram),
        _ => Err(missing("memory where the kernel is")),
    }
}

fn command_line(info: &StartInfo) -> Result<CommandLine, BoardError> {
    if info.command_line == 0 {
        return CommandLine::new(b"");
    }
    // SAFETY: a string that ends with NUL, by the boot loader's word.
    let text = unsafe { CStr::from_ptr(to_virtual(PhysAddr(info.command_line)).cast()) };
    CommandLine::new(text.to_bytes())
}

/// Returns the harts that can be used. The running hart is the first.
fn harts(madt: &PhysicalMapping<Reach, Madt>) -> Result<List<u64, HARTS_MAX>, BoardError> {
    const ENABLED: u32 = 1;
    let own = u64::from(apic::id());
    let mut harts = List::new();
    // The running hart is the first. Harts beyond the maximum stay asleep.
    let _ = harts.push(own);
    for entry in madt.get().entries() {
        let (id, flags) = match entry {
            MadtEntry::LocalApic(local) => (u64::from(local.apic_id), local.flags),
            MadtEntry::LocalX2Apic(local) => (u64::from(local.x2apic_id), local.flags),
            _ => continue,
        };
        if flags & ENABLED != 0 && id != own {
            let _ = harts.push(id);
        }
    }
    Ok(harts)
}

/// Returns the interrupt controller and its line for the serial interface, which is line 4 unless
/// the firmware says otherwise.
fn interrupts(madt: &PhysicalMapping<Reach, Madt>) -> Result<(u64, Line), BoardError> {
    const SERIAL_LINE: u8 = 4;
    let (mut controller, mut line) = (None, None);
    for entry in madt.get().entries() {
        match entry {
            MadtEntry::IoApic(found) if found.global_system_interrupt_base == 0 => {
                controller = Some(u64::from(found.io_apic_address));
            }
            MadtEntry::InterruptSourceOverride(other) if other.irq == SERIAL_LINE => {
                line = Some(Line {
                    number: other.global_system_interrupt,
                    active_low: other.flags & 0b11 == 0b11,
                    level: other.flags >> 2 & 0b11 == 0b11,
                });
            }
            _ => {}
        }
    }
    let line = line.unwrap_or(Line {
        number: SERIAL_LINE.into(),
        active_low: false,
        level: false,
    });
    Ok((
        controller.ok_or(missing("interrupt controller (I/O APIC)"))?,
        line,
    ))
}

fn switch(tables: &AcpiTables<Reach>, fadt: &PhysicalMapping<Reach, Fadt>) -> Option<Switch> {
    let dsdt = tables.dsdt().ok()?;
    if (dsdt.address + dsdt.length as usize) as u64 > REACHABLE {
        return None;
    }
    let code = to_virtual(PhysAddr(dsdt.address as u64));
    // SAFETY: the table's byte code, mapped by the boot tables, which nobody writes.
    let code = unsafe { slice::from_raw_parts(code, dsdt.length as usize) };
    let port = |address: Option<acpi::address::GenericAddress>| {
        address.map_or(0, |register| u16::try_from(register.address).unwrap_or(0))
    };
    Some(Switch {
        ports: [
            port(fadt.pm1a_control_block().ok()),
            port(fadt.pm1b_control_block().ok().flatten()),
        ],
        state: sleep::soft_off(code)?,
    })
}

/// Uses the board's power switch from now on.
pub fn use_board(board: &Board) {
    power::use_board(board);
}
