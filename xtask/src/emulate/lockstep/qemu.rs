//! QEMU by its debugger's port: the few packets of the GDB remote serial protocol that it takes to
//! put a program in memory, run it to a place, step it and read registers.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use super::Registers;
use crate::arch::Arch;
use crate::drive::quoted;
use crate::guard::guarded;
use crate::qemu::{Console, Firmware, Machine};

/// Bytes of memory in one packet.
const PIECE: usize = 1024;
/// The number of the program counter, and of `fcsr`: control registers begin at 66.
const PC: usize = 32;
const FCSR: usize = 66 + 3;

/// A QEMU that waits for packets.
pub struct Qemu {
    child: Child,
    stream: UnixStream,
}

impl Qemu {
    /// Starts the emulator with a program, before its first instruction. Each answer may take as
    /// long as `patience`.
    pub fn start(program: &Path, socket: &Path, patience: Duration) -> Result<Self> {
        let mut machine = Machine::new(Arch::Riscv64, program);
        machine.firmware = Firmware::Absent;
        machine.debugger = Some(format!("unix:{},server=on,wait=off", quoted(socket)));
        let mut command = guarded(&machine.command(&Console::Plain));
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let mut child = command.spawn().context("cannot start QEMU")?;
        let begin = Instant::now();
        let stream = loop {
            match UnixStream::connect(socket) {
                Ok(stream) => break stream,
                Err(error) if begin.elapsed() > patience || child.try_wait()?.is_some() => {
                    let _ = child.kill();
                    let _ = child.wait();
                    return Err(error).context("QEMU does not open its debugger's port");
                }
                Err(_) => thread::sleep(Duration::from_millis(20)),
            }
        };
        stream.set_read_timeout(Some(patience))?;
        let mut qemu = Self { child, stream };
        // Registers are written only for debuggers that have read what registers there are.
        qemu.ask("qXfer:features:read:target.xml:0,ffb")?;
        Ok(qemu)
    }

    /// Writes memory.
    pub fn write(&mut self, address: u64, bytes: &[u8]) -> Result<()> {
        for (number, piece) in bytes.chunks(PIECE).enumerate() {
            let at = address + (number * PIECE) as u64;
            let hex: String = piece.iter().map(|byte| format!("{byte:02x}")).collect();
            self.acknowledged(&format!("M{at:x},{:x}:{hex}", piece.len()))?;
        }
        Ok(())
    }

    /// Reads memory.
    pub fn read(&mut self, address: u64, size: usize) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        while bytes.len() < size {
            let count = PIECE.min(size - bytes.len());
            let at = address + bytes.len() as u64;
            let answer = self.ask(&format!("m{at:x},{count:x}"))?;
            bytes.extend(from_hex(&answer)?);
        }
        Ok(bytes)
    }

    /// Sets the program counter.
    pub fn go_to(&mut self, pc: u64) -> Result<()> {
        let hex: String = pc.to_le_bytes().map(|byte| format!("{byte:02x}")).concat();
        self.acknowledged(&format!("P{PC:x}={hex}"))
    }

    /// Runs to an instruction.
    pub fn run_to(&mut self, pc: u64) -> Result<()> {
        self.acknowledged(&format!("Z0,{pc:x},2"))?;
        self.stopped("c")?;
        self.acknowledged(&format!("z0,{pc:x},2"))
    }

    /// Executes one instruction.
    pub fn step(&mut self) -> Result<()> {
        self.stopped("s")
    }

    /// Reads the general registers, the program counter and `fcsr`.
    pub fn registers(&mut self) -> Result<Registers> {
        let answer = self.ask("g")?;
        let bytes = from_hex(&answer)?;
        let mut all: Registers = [0; 34];
        ensure!(bytes.len() >= 8 * (PC + 1), "too few registers: {answer}");
        for (register, word) in all.iter_mut().zip(bytes.chunks_exact(8)) {
            *register = u64::from_le_bytes(word.try_into()?);
        }
        let flags = from_hex(&self.ask(&format!("p{FCSR:x}"))?)?;
        all[PC + 1] = flags.first().copied().context("no fcsr")?.into();
        Ok(all)
    }

    fn stopped(&mut self, packet: &str) -> Result<()> {
        let answer = self.ask(packet)?;
        ensure!(
            answer.starts_with("T05"),
            "QEMU answers {packet} with {answer}"
        );
        Ok(())
    }

    fn acknowledged(&mut self, packet: &str) -> Result<()> {
        let answer = self.ask(packet)?;
        ensure!(answer == "OK", "QEMU answers {packet} with {answer}");
        Ok(())
    }

    fn ask(&mut self, packet: &str) -> Result<String> {
        let sum = packet.bytes().fold(0_u8, u8::wrapping_add);
        write!(self.stream, "${packet}#{sum:02x}")?;
        let mut answer = Vec::new();
        let mut begun = false;
        let mut byte = [0];
        loop {
            self.stream
                .read_exact(&mut byte)
                .context("QEMU does not answer")?;
            match byte[0] {
                b'$' => begun = true,
                b'#' if begun => break,
                other if begun => answer.push(other),
                // Acknowledgements.
                _ => {}
            }
            if answer.len() > 1 << 20 {
                bail!("QEMU's answer has no end");
            }
        }
        let mut sum = [0; 2];
        self.stream.read_exact(&mut sum)?;
        self.stream.write_all(b"+")?;
        Ok(String::from_utf8_lossy(&answer).into_owned())
    }
}

impl Drop for Qemu {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn from_hex(text: &str) -> Result<Vec<u8>> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    ensure!(rest.is_empty(), "QEMU answers with {text}");
    let byte = |pair: &[u8; 2]| {
        let pair = std::str::from_utf8(pair)?;
        u8::from_str_radix(pair, 16).with_context(|| format!("QEMU answers with {text}"))
    };
    pairs.iter().map(byte).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_pairs_of_digits() {
        assert_eq!(from_hex("00ff7a").expect("bytes"), [0, 0xff, 0x7a]);
        for wrong in ["E01", "zz", "é"] {
            assert!(from_hex(wrong).is_err(), "{wrong}");
        }
    }
}
