//! Snapshots in files: a machine's whole state as bytes, and back.
//!
//! A file fits a machine that was booted alike: with the same kernel, the same number of harts, as
//! much memory, and disks of the same sizes. It holds the contents of memory and disks, without the
//! pages that are zero, and all that determines how the run goes on; so it goes on instruction by
//! instruction as it would have. What watchers remember is not in it: they begin anew.
//!
//! The format: a magic word, a version, what the machine is made of, the state field by field
//! ([`crate::stored`]), and a sum of all bytes. Another version is refused. Invariant: a file that
//! is refused has changed nothing.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::board::{self, State};
use crate::device::virtio::Registers;
use crate::hart::Hart;
use crate::machine::{Machine, Rules, Schedule, Typed};
use crate::ram::{PAGE, Ram};
use crate::sanitize::stuck::Locks;
use crate::stored::{Bad, Bytes, Stored, stored};

const MAGIC: &[u8; 8] = b"COWSLIPM";
/// Raised with every change of what is stored.
const VERSION: u32 = 1;
/// No run has so many steps.
const STEPS_MAX: u64 = 1 << 62;

/// What a machine is made of: a snapshot fits a machine of the same make.
#[derive(PartialEq, Eq)]
struct Make {
    kernel: u64,
    memory: usize,
    harts: usize,
    disks: Vec<Option<usize>>,
}

stored!(Make {
    kernel,
    memory,
    harts,
    disks
});

/// Everything else.
struct Saved {
    contents: Contents,
    flags: Vec<u8>,
    disks: Vec<Option<Contents>>,
    registers: Vec<Option<Registers>>,
    rules: Rules,
    state: State,
    locks: Locks,
    harts: Vec<Hart>,
    schedule: Schedule,
    inputs: Vec<Typed>,
}

stored!(Saved {
    contents,
    flags,
    disks,
    registers,
    rules,
    state,
    locks,
    harts,
    schedule,
    inputs,
});

/// A page that is not zero: a word that fills it, or its bytes.
enum Filled {
    Word(u64),
    Bytes(Vec<u8>),
}

/// The pages of a memory that are not zero, by their numbers.
struct Contents(Vec<(u32, Filled)>);

impl Stored for Filled {
    fn save(&self, to: &mut Vec<u8>) {
        match self {
            Self::Word(word) => {
                to.push(0);
                word.save(to);
            }
            Self::Bytes(bytes) => {
                to.push(1);
                to.extend(bytes);
            }
        }
    }

    fn load(from: &mut Bytes<'_>) -> Result<Self, Bad> {
        match u8::load(from)? {
            0 => u64::load(from).map(Self::Word),
            1 => Ok(Self::Bytes(from.take(PAGE)?.to_vec())),
            _ => Err(Bad),
        }
    }
}

impl Stored for Contents {
    fn save(&self, to: &mut Vec<u8>) {
        self.0.save(to);
    }

    fn load(from: &mut Bytes<'_>) -> Result<Self, Bad> {
        Vec::load(from).map(Self)
    }
}

impl Contents {
    fn of(memory: &Ram) -> Self {
        let pages = memory.bytes().chunks_exact(PAGE).enumerate();
        let filled = pages.filter_map(|(number, page)| {
            let (words, _) = page.as_chunks::<8>();
            let first = words[0];
            let filled = if words.iter().all(|word| *word == first) {
                Filled::Word(u64::from_le_bytes(first))
            } else {
                Filled::Bytes(page.to_vec())
            };
            match filled {
                Filled::Word(0) => None,
                filled => Some((number as u32, filled)),
            }
        });
        Self(filled.collect())
    }

    /// Whether all pages lie in this memory, in their order.
    fn fit(&self, memory: &Ram) -> bool {
        let pages = memory.bytes().len() / PAGE;
        let ordered = self.0.is_sorted_by(|(a, _), (b, _)| a < b);
        ordered
            && self
                .0
                .last()
                .is_none_or(|&(last, _)| (last as usize) < pages)
    }

    /// Makes a memory hold this and nothing else.
    fn put(&self, memory: &mut Ram) {
        let mut filled = self.0.iter().peekable();
        for number in 0..memory.bytes().len() / PAGE {
            let here = filled.next_if(|(at, _)| *at as usize == number);
            let bytes = match here {
                None => alloc::vec![0; PAGE],
                Some((_, Filled::Word(word))) => word.to_le_bytes().repeat(PAGE / 8),
                Some((_, Filled::Bytes(bytes))) => bytes.clone(),
            };
            let at = number * PAGE;
            if memory.bytes()[at..at + PAGE] != bytes[..] {
                memory.write_bytes(at, &bytes, |_, _| {});
            }
        }
    }
}

/// A sum of bytes (FNV-1a, 64 bits).
pub(crate) fn sum(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |sum, byte| {
        (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

impl Machine {
    fn make(&self) -> Make {
        let disk = |slot: &Option<_>| {
            let device: &crate::device::virtio::Virtio = slot.as_ref()?;
            Some(device.disk.sectors.len())
        };
        Make {
            kernel: self.kernel,
            memory: self.board.ram.len(),
            harts: self.harts.len(),
            disks: self.board.slots.iter().map(disk).collect(),
        }
    }

    /// The state now, as bytes for a file.
    pub fn save(&self) -> Vec<u8> {
        let board = &self.board;
        let mut bytes = MAGIC.to_vec();
        VERSION.save(&mut bytes);
        self.make().save(&mut bytes);
        let disks = board.slots.iter().map(|slot| {
            let device = slot.as_ref()?;
            Some(Contents::of(&device.disk.sectors))
        });
        let saved = Saved {
            contents: Contents::of(&board.ram),
            flags: board.ram.kept_flags(),
            disks: disks.collect(),
            registers: board::registers(board),
            rules: self.rules(),
            state: board.state.clone(),
            locks: board.state.sanitizer.locks.clone(),
            harts: self.harts.clone(),
            schedule: self.schedule.clone(),
            inputs: self.inputs().to_vec(),
        };
        saved.save(&mut bytes);
        sum(&bytes).save(&mut bytes);
        bytes
    }

    /// Goes to the state that [`Machine::save`] wrote, its rules included. On an error, which is
    /// one line for people, nothing has changed.
    pub fn load(&mut self, bytes: &[u8]) -> Result<(), String> {
        let damaged = |_: Bad| String::from("the snapshot is damaged");
        let mut from = Bytes(bytes);
        if from.take(MAGIC.len()).ok() != Some(MAGIC) {
            return Err("this is no snapshot of a machine".into());
        }
        let version = u32::load(&mut from).map_err(damaged)?;
        if version != VERSION {
            return Err(format!(
                "the snapshot has version {version} of its format, and this is version {VERSION}"
            ));
        }
        let (all, mut end) = bytes.split_at(bytes.len() - size_of::<u64>());
        let mut tail = Bytes(core::mem::take(&mut end));
        if u64::load(&mut tail) != Ok(sum(all)) {
            return Err(damaged(Bad));
        }
        from.0 = &from.0[..from.0.len().saturating_sub(size_of::<u64>())];
        let make = Make::load(&mut from).map_err(damaged)?;
        self.fits(&make)?;
        let saved = Saved::load(&mut from).map_err(damaged)?;
        if !from.0.is_empty() || !self.is_sound(&saved) {
            return Err(damaged(Bad));
        }
        self.become_saved(saved);
        Ok(())
    }

    fn fits(&self, make: &Make) -> Result<(), String> {
        let own = self.make();
        if make.kernel != own.kernel {
            return Err("the snapshot is of another kernel".into());
        }
        if make.harts != own.harts {
            return Err(format!(
                "the snapshot is of a machine with {} harts, and this one has {}",
                make.harts, own.harts
            ));
        }
        if make.memory != own.memory {
            return Err(format!(
                "the snapshot is of a machine with {} MiB of memory, and this one has {}",
                make.memory >> 20,
                own.memory >> 20
            ));
        }
        if *make != own {
            return Err("the snapshot is of a machine with other disks".into());
        }
        Ok(())
    }

    /// Whether nothing in a saved state can lead outside of what there is.
    fn is_sound(&self, saved: &Saved) -> bool {
        let ram = &self.board.ram;
        let memory = ram.len();
        let state = &saved.state;
        let disks = self.board.slots.iter().zip(&saved.disks);
        let disks = disks.zip(&saved.registers);
        let hart = |(id, hart): (usize, &Hart)| {
            hart.id == id
                && hart.retired < STEPS_MAX
                && hart.tlb.is_sound()
                && hart.stores.is_sound(memory)
                && hart.early.is_sound(memory, state.steps)
        };
        saved.harts.len() == self.harts.len()
            && saved.harts.iter().enumerate().all(hart)
            && saved.schedule.hart < saved.harts.len()
            && saved.schedule.typed <= saved.inputs.len()
            && saved.contents.fit(ram)
            && saved.flags.len() == memory.div_ceil(PAGE)
            && saved.disks.len() == self.board.slots.len()
            && saved.registers.len() == self.board.slots.len()
            && disks
                .into_iter()
                .all(|((slot, disk), registers)| match (slot, disk, registers) {
                    (None, None, None) => true,
                    (Some(device), Some(disk), Some(registers)) => {
                        disk.fit(&device.disk.sectors) && registers.are_sound()
                    }
                    _ => false,
                })
            && state.is_sound(memory, STEPS_MAX)
    }

    fn become_saved(&mut self, saved: Saved) {
        saved.contents.put(&mut self.board.ram);
        self.board.ram.set_kept_flags(&saved.flags);
        let slots = self.board.slots.iter_mut().flatten();
        let disks = saved.disks.iter().flatten();
        for ((device, disk), registers) in slots.zip(disks).zip(saved.registers.iter().flatten()) {
            disk.put(&mut device.disk.sectors);
            device.registers = registers.clone();
        }
        self.follow(&saved.rules);
        self.board.state = saved.state;
        self.board.watch(saved.rules.watch);
        self.board.state.sanitizer.locks = saved.locks;
        self.harts = saved.harts;
        for hart in &mut self.harts {
            hart.tlb.forget_causes();
            hart.fast.data_context = hart.context(hart.data_mode());
        }
        self.schedule = saved.schedule;
        self.set_inputs(saved.inputs);
    }
}
