//! The device tree that tells a kernel about the board (Devicetree Specification 0.4, chapter 5),
//! in the shape of QEMU's `virt`.

use alloc::format;
use alloc::vec::Vec;

use crate::device::{
    CLINT, CLINT_SIZE, FINISHER, PLIC, PLIC_SIZE, RAM, UART, UART_INTERRUPT, VIRTIO, VIRTIO_SLOTS,
    VIRTIO_STRIDE,
};

const BEGIN: u32 = 1;
const END: u32 = 2;
const PROPERTY: u32 = 3;
const FINISH: u32 = 9;
const MAGIC: u32 = 0xd00d_feed;
const HEADER: usize = 40;
const PLIC_HANDLE: u32 = 100;

/// Ticks per second that the tree claims.
pub const TIMEBASE: u32 = 10_000_000;

/// What is different from board to board.
pub struct Description<'a> {
    /// Bytes of memory.
    pub memory: u64,
    /// Harts.
    pub harts: usize,
    /// The kernel's command line.
    pub command_line: &'a str,
    /// Whether harts have `stimecmp`.
    pub sstc: bool,
    /// Whether harts have Sv48.
    pub sv48: bool,
}

#[derive(Default)]
struct Writer {
    structure: Vec<u8>,
    strings: Vec<u8>,
}

impl Writer {
    fn word(&mut self, value: u32) {
        self.structure.extend(value.to_be_bytes());
    }

    fn padded(&mut self, bytes: &[u8]) {
        self.structure.extend(bytes);
        let padding = bytes.len().next_multiple_of(4) - bytes.len();
        self.structure.extend(core::iter::repeat_n(0, padding));
    }

    fn begin(&mut self, name: &str) {
        self.word(BEGIN);
        let mut bytes = name.as_bytes().to_vec();
        bytes.push(0);
        self.padded(&bytes);
    }

    fn end(&mut self) {
        self.word(END);
    }

    fn property(&mut self, name: &str, value: &[u8]) {
        let at = self.strings.len() as u32;
        self.strings.extend(name.as_bytes());
        self.strings.push(0);
        self.word(PROPERTY);
        self.word(value.len() as u32);
        self.word(at);
        self.padded(value);
    }

    fn text(&mut self, name: &str, values: &[&str]) {
        let mut bytes = Vec::new();
        for value in values {
            bytes.extend(value.as_bytes());
            bytes.push(0);
        }
        self.property(name, &bytes);
    }

    fn cells(&mut self, name: &str, values: &[u32]) {
        let bytes: Vec<u8> = values
            .iter()
            .flat_map(|value| value.to_be_bytes())
            .collect();
        self.property(name, &bytes);
    }

    fn registers(&mut self, address: u64, size: u64) {
        self.cells(
            "reg",
            &[
                (address >> 32) as u32,
                address as u32,
                (size >> 32) as u32,
                size as u32,
            ],
        );
    }

    fn finish(mut self) -> Vec<u8> {
        self.word(FINISH);
        let reserved = HEADER;
        let structure = reserved + 16;
        let strings = structure + self.structure.len();
        let total = strings + self.strings.len();
        let words = [
            MAGIC,
            total as u32,
            structure as u32,
            strings as u32,
            reserved as u32,
            17,
            16,
            0,
            self.strings.len() as u32,
            self.structure.len() as u32,
        ];
        let mut bytes: Vec<u8> = words.iter().flat_map(|word| word.to_be_bytes()).collect();
        bytes.extend([0; 16]);
        bytes.extend(self.structure);
        bytes.extend(self.strings);
        bytes
    }
}

/// The tree as a blob.
pub fn build(board: &Description<'_>) -> Vec<u8> {
    let mut w = Writer::default();
    w.begin("");
    w.cells("#address-cells", &[2]);
    w.cells("#size-cells", &[2]);
    w.text("compatible", &["riscv-virtio"]);
    w.text("model", &["riscv-virtio,cowslip-emu"]);
    w.begin("chosen");
    w.text("bootargs", &[board.command_line]);
    w.text("stdout-path", &["/soc/serial@10000000"]);
    w.end();
    w.begin("memory@80000000");
    w.text("device_type", &["memory"]);
    w.registers(RAM, board.memory);
    w.end();
    processors(&mut w, board);
    w.begin("soc");
    w.cells("#address-cells", &[2]);
    w.cells("#size-cells", &[2]);
    w.text("compatible", &["simple-bus"]);
    w.property("ranges", &[]);
    devices(&mut w, board);
    w.end();
    w.end();
    w.finish()
}

fn processors(w: &mut Writer, board: &Description<'_>) {
    let extension = if board.sstc { "_sstc" } else { "" };
    let isa = format!("rv64imafdc_zicbom_zicboz_zicsr_zifencei{extension}");
    w.begin("cpus");
    w.cells("#address-cells", &[1]);
    w.cells("#size-cells", &[0]);
    w.cells("timebase-frequency", &[TIMEBASE]);
    for hart in 0..board.harts as u32 {
        w.begin(&format!("cpu@{hart:x}"));
        w.text("device_type", &["cpu"]);
        w.cells("reg", &[hart]);
        w.text("status", &["okay"]);
        w.text("compatible", &["riscv"]);
        w.text("riscv,isa", &[&isa]);
        w.cells("riscv,cboz-block-size", &[64]);
        w.text(
            "mmu-type",
            &[if board.sv48 {
                "riscv,sv48"
            } else {
                "riscv,sv39"
            }],
        );
        w.begin("interrupt-controller");
        w.cells("#interrupt-cells", &[1]);
        w.property("interrupt-controller", &[]);
        w.text("compatible", &["riscv,cpu-intc"]);
        w.cells("phandle", &[hart + 1]);
        w.end();
        w.end();
    }
    w.end();
}

fn devices(w: &mut Writer, board: &Description<'_>) {
    let harts = 1..=board.harts as u32;
    w.begin("plic@c000000");
    w.registers(PLIC, PLIC_SIZE);
    w.cells("phandle", &[PLIC_HANDLE]);
    w.cells("riscv,ndev", &[63]);
    let contexts: Vec<u32> = harts
        .clone()
        .flat_map(|handle| [handle, 11, handle, 9])
        .collect();
    w.cells("interrupts-extended", &contexts);
    w.property("interrupt-controller", &[]);
    w.cells("#interrupt-cells", &[1]);
    w.cells("#address-cells", &[0]);
    w.text("compatible", &["sifive,plic-1.0.0", "riscv,plic0"]);
    w.end();
    w.begin("clint@2000000");
    w.registers(CLINT, CLINT_SIZE);
    let timers: Vec<u32> = harts.flat_map(|handle| [handle, 3, handle, 7]).collect();
    w.cells("interrupts-extended", &timers);
    w.text("compatible", &["sifive,clint0", "riscv,clint0"]);
    w.end();
    w.begin("test@100000");
    w.registers(FINISHER, 0x1000);
    w.text("compatible", &["sifive,test1", "sifive,test0", "syscon"]);
    w.end();
    w.begin("serial@10000000");
    w.registers(UART, 0x100);
    w.cells("interrupts", &[UART_INTERRUPT]);
    w.cells("interrupt-parent", &[PLIC_HANDLE]);
    w.cells("clock-frequency", &[3_686_400]);
    w.text("compatible", &["ns16550a"]);
    w.end();
    // From the last to the first, as QEMU lists them.
    for slot in (0..VIRTIO_SLOTS as u64).rev() {
        let address = VIRTIO + slot * VIRTIO_STRIDE;
        w.begin(&format!("virtio_mmio@{address:x}"));
        w.registers(address, VIRTIO_STRIDE);
        w.cells("interrupts", &[slot as u32 + 1]);
        w.cells("interrupt-parent", &[PLIC_HANDLE]);
        w.text("compatible", &["virtio,mmio"]);
        w.end();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_blob_is_as_long_as_it_says() {
        let blob = build(&Description {
            memory: 128 << 20,
            harts: 4,
            command_line: "-- ls",
            sstc: true,
            sv48: false,
        });
        assert_eq!(blob[..4], MAGIC.to_be_bytes());
        assert_eq!(blob[4..8], (blob.len() as u32).to_be_bytes());
        assert!(blob.windows(5).any(|window| window == b"-- ls"));
    }
}
