//! The descriptor table of a process.
//!
//! The table grows by groups of 64 descriptors, up to [`OPEN_MAX`]. Each group is a box of 512
//! bytes whose allocation can fail. Every group but the first is freed with its last descriptor. A
//! descriptor is free, reserved (for a call that is about to open a file) or open. It is reserved
//! first, so that a call that finds no descriptor fails before it has made or truncated a file.

use alloc::boxed::Box;

use abi::OPEN_MAX;
use mm::NoMemory;
use sync::try_box;

use super::FileHandle;

const GROUP: usize = u64::BITS as usize;
const GROUPS: usize = OPEN_MAX / GROUP;

type Slots = [Option<FileHandle>; GROUP];

/// The descriptor table.
pub struct Descriptors {
    /// One bit for each descriptor, set if it is reserved or open.
    used: [u64; GROUPS],
    groups: [Option<Box<Slots>>; GROUPS],
}

/// A reserved descriptor, to be opened with [`Descriptors::open`] or given back with
/// [`Descriptors::cancel`].
#[must_use]
pub struct Reserved(usize);

impl Reserved {
    /// Returns the number by which the program knows the descriptor.
    pub fn number(&self) -> i32 {
        self.0 as i32
    }
}

impl Descriptors {
    /// Returns an empty table.
    pub const fn new() -> Self {
        Self {
            used: [0; GROUPS],
            groups: [const { None }; GROUPS],
        }
    }

    /// Reserves the lowest free descriptor. Returns `None` if none is free, or there is no memory
    /// for it.
    pub fn reserve(&mut self) -> Option<Reserved> {
        let group = self.used.iter().position(|&used| used != u64::MAX)?;
        self.provide(group).ok()?;
        let bit = self.used[group].trailing_ones() as usize;
        self.used[group] |= 1 << bit;
        Some(Reserved(group * GROUP + bit))
    }

    /// Opens a reserved descriptor. Returns its number.
    pub fn open(&mut self, reserved: Reserved, file: FileHandle) -> i32 {
        let Reserved(number) = reserved;
        if let Some(slots) = &mut self.groups[number / GROUP] {
            slots[number % GROUP] = Some(file);
        }
        number as i32
    }

    /// Makes a reserved descriptor free again.
    pub fn cancel(&mut self, reserved: Reserved) {
        self.set_free(reserved.0);
    }

    /// Returns the open file of descriptor `number`.
    pub fn get(&self, number: i32) -> Option<&FileHandle> {
        let number = usize::try_from(number).ok()?;
        self.groups.get(number / GROUP)?.as_ref()?[number % GROUP].as_ref()
    }

    /// Removes and returns the open file of descriptor `number`.
    pub fn take(&mut self, number: i32) -> Option<FileHandle> {
        let number = usize::try_from(number).ok()?;
        let slots = self.groups.get_mut(number / GROUP)?.as_mut()?;
        let file = slots[number % GROUP].take()?;
        self.set_free(number);
        Some(file)
    }

    /// Returns the open files, each once for every descriptor that it has.
    pub fn into_files(self) -> impl Iterator<Item = FileHandle> {
        let groups = self.groups.into_iter().flatten();
        groups.flat_map(|slots| *slots).flatten()
    }

    /// Returns a table with handles to these open files. Reserved descriptors are free in it.
    pub fn duplicate(&self) -> Result<Self, NoMemory> {
        let mut copy = Self::new();
        // Every allocation comes before the first file is shared.
        for (group, slots) in self.groups.iter().enumerate() {
            if slots
                .as_ref()
                .is_some_and(|slots| slots.iter().any(Option::is_some))
            {
                copy.provide(group)?;
            }
        }
        for (group, slots) in copy.groups.iter_mut().enumerate() {
            let (Some(slots), Some(originals)) = (slots, &self.groups[group]) else {
                continue;
            };
            for (bit, (slot, original)) in slots.iter_mut().zip(originals.iter()).enumerate() {
                slot.clone_from(original);
                copy.used[group] |= u64::from(slot.is_some()) << bit;
            }
        }
        Ok(copy)
    }

    fn set_free(&mut self, number: usize) {
        let group = number / GROUP;
        self.used[group] &= !(1 << (number % GROUP));
        // The first group is kept, so that a program can always close its only descriptor and open
        // another.
        if group > 0 && self.used[group] == 0 {
            self.groups[group] = None;
        }
    }

    fn provide(&mut self, group: usize) -> Result<(), NoMemory> {
        if self.groups[group].is_none() {
            self.groups[group] = Some(try_box([const { None }; GROUP])?);
        }
        Ok(())
    }
}
