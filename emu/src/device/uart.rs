//! The serial line: a 16550 (National Semiconductor PC16550D data sheet, section 8), whose sender
//! is always ready.

use crate::stored::stored;
use alloc::collections::VecDeque;
use alloc::vec::Vec;

const DIVISOR_LATCH: u8 = 0x80;
const RECEIVED: u8 = 1;
const SENDER_EMPTY: u8 = 2;
const READY: u8 = 0x01;
const EMPTY: u8 = 0x60;

/// The device.
#[derive(Clone, Default)]
pub struct Uart {
    enable: u8,
    line_control: u8,
    modem_control: u8,
    scratch: u8,
    divisor: [u8; 2],
    /// That the sender became empty has not been read from the identification register.
    sender_news: bool,
    input: VecDeque<u8>,
    /// What was sent.
    pub output: Vec<u8>,
}

stored!(Uart {
    enable,
    line_control,
    modem_control,
    scratch,
    divisor,
    sender_news,
    input,
    output,
});

impl Uart {
    /// Adds what is typed.
    pub fn receive(&mut self, bytes: &[u8]) {
        self.input.extend(bytes);
    }

    /// Takes one typed byte without the registers, for the firmware's console.
    pub fn take(&mut self) -> Option<u8> {
        self.input.pop_front()
    }

    /// Whether everything typed has been read.
    pub fn input_is_read(&self) -> bool {
        self.input.is_empty()
    }

    /// The interrupt line.
    pub fn interrupts(&self) -> bool {
        self.received() || self.sent()
    }

    fn received(&self) -> bool {
        self.enable & RECEIVED != 0 && !self.input.is_empty()
    }

    fn sent(&self) -> bool {
        self.enable & SENDER_EMPTY != 0 && self.sender_news
    }

    /// Reads a register.
    pub fn read(&mut self, offset: u64) -> u8 {
        let latched = self.line_control & DIVISOR_LATCH != 0;
        match offset {
            0 if latched => self.divisor[0],
            1 if latched => self.divisor[1],
            0 => self.input.pop_front().unwrap_or(0),
            1 => self.enable,
            2 if self.received() => 0xc4,
            2 if self.sent() => {
                self.sender_news = false;
                0xc2
            }
            2 => 0xc1,
            3 => self.line_control,
            4 => self.modem_control,
            5 => EMPTY | if self.input.is_empty() { 0 } else { READY },
            6 => 0xb0,
            7 => self.scratch,
            _ => 0,
        }
    }

    /// Writes a register.
    pub fn write(&mut self, offset: u64, value: u8) {
        let latched = self.line_control & DIVISOR_LATCH != 0;
        match offset {
            0 if latched => self.divisor[0] = value,
            1 if latched => self.divisor[1] = value,
            0 => {
                self.output.push(value);
                self.sender_news = true;
            }
            1 => {
                if value & SENDER_EMPTY != 0 && self.enable & SENDER_EMPTY == 0 {
                    self.sender_news = true;
                }
                self.enable = value & 0xf;
            }
            2 if value & 2 != 0 => self.input.clear(),
            3 => self.line_control = value,
            4 => self.modem_control = value,
            7 => self.scratch = value,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_go_out_and_come_in() {
        let mut uart = Uart::default();
        uart.write(3, DIVISOR_LATCH);
        uart.write(0, 3);
        assert!(uart.output.is_empty(), "that was the divisor");
        uart.write(3, 3);
        uart.write(0, b'a');
        assert_eq!(uart.output, b"a");
        uart.receive(b"xy");
        assert_eq!(uart.read(5) & READY, 1);
        assert!(!uart.interrupts(), "not enabled");
        uart.write(1, RECEIVED);
        assert!(uart.interrupts());
        assert_eq!((uart.read(0), uart.read(0)), (b'x', b'y'));
        assert!(!uart.interrupts());
    }

    #[test]
    fn the_sender_tells_once() {
        let mut uart = Uart::default();
        uart.write(1, SENDER_EMPTY);
        assert!(uart.interrupts());
        assert_eq!(uart.read(2) & 0xf, 2);
        assert!(!uart.interrupts());
        uart.write(0, b'a');
        assert!(uart.interrupts());
    }
}
