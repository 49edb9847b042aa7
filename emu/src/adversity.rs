//! How unkind the machine is: each kind of freedom that the specifications give to hardware can be
//! used to the full or not at all.

use crate::stored::{stored, stored_choice};

/// Who sets the accessed and dirty bits.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Accessed {
    /// The walk does (Svadu).
    #[default]
    Hardware,
    /// The walk faults and the kernel does (Svade).
    Trap,
}

stored_choice!(Accessed: [Accessed::Hardware, Accessed::Trap]);

/// The switches.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Adversity {
    /// Turns of harts have random lengths, and end by choice right after atomics, fences, stores to
    /// page tables, returns from traps and interrupts.
    pub turns: bool,
    /// Translations are kept until a fence covers them, or dropped at random.
    pub translations: bool,
    /// Instructions that were fetched are executed until a `fence.i`, whatever memory says.
    pub fetches: bool,
    /// Stores become visible late and out of order.
    pub stores: bool,
    /// Loads are satisfied before loads and stores that precede them. In translated modes it takes
    /// `translations`, too: a load is never earlier than the walk it needs.
    pub loads: bool,
    /// `sc` fails now and then without a reason.
    pub conditionals: bool,
    /// Devices answer late and out of order.
    pub devices: bool,
    /// Who sets the accessed and dirty bits.
    pub accessed: Accessed,
}

stored!(Adversity {
    turns,
    translations,
    fetches,
    stores,
    loads,
    conditionals,
    devices,
    accessed,
});

impl Adversity {
    /// A machine as kind as QEMU.
    pub const NONE: Self = Self {
        turns: false,
        translations: false,
        fetches: false,
        stores: false,
        loads: false,
        conditionals: false,
        devices: false,
        accessed: Accessed::Hardware,
    };

    /// Every freedom, with accessed bits set by hardware.
    pub const ALL: Self = Self {
        turns: true,
        translations: true,
        fetches: true,
        stores: true,
        loads: true,
        conditionals: true,
        devices: true,
        accessed: Accessed::Hardware,
    };

    /// Sets the switch of this name; `None` if there is none.
    pub fn set(&mut self, name: &str, on: bool) -> Option<()> {
        match name {
            "turns" => self.turns = on,
            "tlb" => self.translations = on,
            "fetch" => self.fetches = on,
            "stores" => self.stores = on,
            "loads" => self.loads = on,
            "sc" => self.conditionals = on,
            "devices" => self.devices = on,
            "ad-trap" => {
                self.accessed = if on {
                    Accessed::Trap
                } else {
                    Accessed::Hardware
                };
            }
            _ => return None,
        }
        Some(())
    }

    /// The names that [`Adversity::set`] knows.
    pub const NAMES: [&'static str; 8] = [
        "turns", "tlb", "fetch", "stores", "loads", "sc", "devices", "ad-trap",
    ];
}
