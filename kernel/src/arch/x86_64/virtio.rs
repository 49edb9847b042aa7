//! Virtio devices on the first PCI bus.
//!
//! A device's interrupt is a store to a hart's local controller (MSI-X: PCI 3.0, section 6.8.2), so
//! no wire has to be traced through the firmware's byte code. `virtio-drivers` accesses the device,
//! but does not set the interrupt of a queue. [`VirtioTransport`] does so when the queue is made
//! (VIRTIO 1.2, section 4.1.5.1.2).

use core::ptr::NonNull;

use mm::addr::PhysAddr;
use virtio_drivers::transport::pci::bus::{
    BarInfo, Cam, Command, ConfigurationAccess, DeviceFunction, MmioCam, PciRoot,
};
use virtio_drivers::transport::pci::{PciTransport, VIRTIO_PCI_CAP_COMMON_CFG, virtio_device_type};
use virtio_drivers::transport::{DeviceStatus, DeviceType, InterruptStatus, Transport};
use zerocopy::{FromBytes, Immutable, IntoBytes};

use super::Board;
use super::hart::hart_id;
use super::layout::to_virtual;
use super::vector::DISKS;
use crate::device::dma::KernelHal;

/// Capabilities: a vendor's own, and MSI-X.
const VENDOR: u8 = 0x09;
const MSI_X: u8 = 0x11;
/// In the common configuration (VIRTIO 1.2, section 4.1.4.3): which queue is meant, and its
/// interrupt's place in the table.
const QUEUE_SELECT: usize = 22;
const QUEUE_VECTOR: usize = 26;
/// In the control word of MSI-X.
const MSI_X_ENABLE: u32 = 1 << 31;
/// The address at which stores interrupt harts. The number of the hart goes into bits 12 to 19.
const INTERRUPTS: u32 = 0xfee0_0000;

/// The access to a virtio device.
pub struct VirtioTransport {
    pci: PciTransport,
    /// The common configuration.
    common: NonNull<u8>,
}

// SAFETY: registers of a device, which any hart may access.
unsafe impl Send for VirtioTransport {}

/// The first bus: its root, and the configuration space again for what the root does not offer.
struct Bus {
    root: PciRoot<MmioCam<'static>>,
    words: MmioCam<'static>,
}

/// Calls `visit` with every virtio device and the number of its interrupt.
pub fn for_each_virtio_device(board: &Board, mut visit: impl FnMut(VirtioTransport, u32)) {
    // SAFETY: the configuration space, which the direct map reaches, and no other code uses it.
    // Only the boot hart gets here, so the views do not disturb each other.
    let view = || unsafe { MmioCam::new(to_virtual(PhysAddr(board.platform.pci)), Cam::Ecam) };
    let mut bus = Bus {
        root: PciRoot::new(view()),
        words: view(),
    };
    let mut vector = DISKS;
    for (function, info) in PciRoot::new(view()).enumerate_bus(0) {
        if virtio_device_type(&info).is_none() {
            continue;
        }
        let command = Command::MEMORY_SPACE | Command::BUS_MASTER;
        bus.root.set_command(function, command);
        if let Some(transport) = bus.open(function, vector) {
            visit(transport, vector.into());
            vector += 1;
        }
    }
}

impl Bus {
    fn open(&mut self, function: DeviceFunction, vector: u8) -> Option<VirtioTransport> {
        let common = self.common_configuration(function)?;
        self.direct_interrupt(function, vector)?;
        let pci = PciTransport::new::<KernelHal, _>(&mut self.root, function).ok()?;
        Some(VirtioTransport { pci, common })
    }

    /// Returns the address of the registers that a capability describes.
    fn registers(&mut self, function: DeviceFunction, bar: u8, offset: u32) -> Option<NonNull<u8>> {
        /// Registers of devices are mapped below this address.
        const REACHABLE: u64 = 4 << 30;
        match self.root.bar_info(function, bar) {
            Ok(Some(BarInfo::Memory { address, size, .. }))
                if address != 0 && address + size <= REACHABLE =>
            {
                NonNull::new(to_virtual(PhysAddr(address + u64::from(offset))))
            }
            _ => None,
        }
    }

    fn common_configuration(&mut self, function: DeviceFunction) -> Option<NonNull<u8>> {
        let is_common = |kind: u16| (kind >> 8) as u8 == VIRTIO_PCI_CAP_COMMON_CFG;
        let capability = self
            .root
            .capabilities(function)
            .find(|capability| capability.id == VENDOR && is_common(capability.private_header))?;
        let word = |at| self.words.read_word(function, capability.offset + at);
        let (bar, offset) = (word(4) as u8, word(8));
        self.registers(function, bar, offset)
    }

    /// Makes the first interrupt of a device's table `vector` of hart 0.
    fn direct_interrupt(&mut self, function: DeviceFunction, vector: u8) -> Option<()> {
        let mut capabilities = self.root.capabilities(function);
        let at = capabilities
            .find(|capability| capability.id == MSI_X)?
            .offset;
        let place = self.words.read_word(function, at + 4);
        let control = self.words.read_word(function, at);
        let table = self
            .registers(function, (place & 7) as u8, place & !7)?
            .cast::<u32>();
        self.words.write_word(function, at, control | MSI_X_ENABLE);
        let entry = [INTERRUPTS | (hart_id(0) as u32) << 12, 0, vector.into(), 0];
        for (index, word) in entry.into_iter().enumerate() {
            // SAFETY: the first entry of the device's table, which has four words.
            unsafe { table.add(index).write_volatile(word) };
        }
        Some(())
    }
}

impl Transport for VirtioTransport {
    fn queue_set(&mut self, queue: u16, size: u32, descriptors: u64, driver: u64, device: u64) {
        // SAFETY: registers of the device, which is borrowed for writing.
        unsafe {
            self.common.add(QUEUE_SELECT).cast().write_volatile(queue);
            self.common.add(QUEUE_VECTOR).cast().write_volatile(0_u16);
        }
        self.pci.queue_set(queue, size, descriptors, driver, device);
    }

    /// Does nothing: a store has no level that must be cleared.
    fn ack_interrupt(&mut self) -> InterruptStatus {
        InterruptStatus::QUEUE_INTERRUPT
    }

    fn device_type(&self) -> DeviceType {
        self.pci.device_type()
    }

    fn read_device_features(&mut self) -> u64 {
        self.pci.read_device_features()
    }

    fn write_driver_features(&mut self, features: u64) {
        self.pci.write_driver_features(features);
    }

    fn max_queue_size(&mut self, queue: u16) -> u32 {
        self.pci.max_queue_size(queue)
    }

    fn notify(&mut self, queue: u16) {
        self.pci.notify(queue);
    }

    fn get_status(&self) -> DeviceStatus {
        self.pci.get_status()
    }

    fn set_status(&mut self, status: DeviceStatus) {
        self.pci.set_status(status);
    }

    fn set_guest_page_size(&mut self, size: u32) {
        self.pci.set_guest_page_size(size);
    }

    fn requires_legacy_layout(&self) -> bool {
        self.pci.requires_legacy_layout()
    }

    fn queue_unset(&mut self, queue: u16) {
        self.pci.queue_unset(queue);
    }

    fn queue_used(&mut self, queue: u16) -> bool {
        self.pci.queue_used(queue)
    }

    fn read_config_generation(&self) -> u32 {
        self.pci.read_config_generation()
    }

    fn read_config_space<T: FromBytes + IntoBytes>(&self, at: usize) -> virtio_drivers::Result<T> {
        self.pci.read_config_space(at)
    }

    fn write_config_space<T: IntoBytes + Immutable>(
        &mut self,
        at: usize,
        value: T,
    ) -> virtio_drivers::Result<()> {
        self.pci.write_config_space(at, value)
    }
}
