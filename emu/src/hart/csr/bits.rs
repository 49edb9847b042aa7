//! The bits of status and interrupt registers, by their names in the manual (Volume II, sections
//! 3.1.6 and 3.1.9).

/// Bits of `mstatus`.
pub mod status {
    /// The supervisor takes interrupts.
    pub const SIE: u64 = 1 << 1;
    /// The machine takes interrupts.
    pub const MIE: u64 = 1 << 3;
    /// `SIE` before the trap.
    pub const SPIE: u64 = 1 << 5;
    /// `MIE` before the trap.
    pub const MPIE: u64 = 1 << 7;
    /// The mode before a trap to the supervisor.
    pub const SPP: u64 = 1 << 8;
    /// The mode before a trap to the machine.
    pub const MPP: u64 = 3 << 11;
    /// The state of the floating-point unit.
    pub const FS: u64 = 3 << 13;
    /// Loads and stores have the rights of the mode in `MPP`.
    pub const MPRV: u64 = 1 << 17;
    /// The supervisor may access pages of programs.
    pub const SUM: u64 = 1 << 18;
    /// What is executable can be read.
    pub const MXR: u64 = 1 << 19;
    /// The supervisor may not touch translation.
    pub const TVM: u64 = 1 << 20;
    /// `wfi` traps.
    pub const TW: u64 = 1 << 21;
    /// `sret` traps.
    pub const TSR: u64 = 1 << 22;
    /// The width of registers in user mode.
    pub const UXL: u64 = 3 << 32;
    /// The width of registers in supervisor mode.
    pub const SXL: u64 = 3 << 34;
    /// Some unit's state is dirty.
    pub const SD: u64 = 1 << 63;
    /// What the supervisor may write.
    pub const SUPERVISOR: u64 = SIE | SPIE | SPP | FS | SUM | MXR;
    /// What the machine may write.
    pub const MACHINE: u64 = SUPERVISOR | MIE | MPIE | MPP | MPRV | TVM | TW | TSR;
}

/// Bits of `mip` and `mie`.
pub mod interrupt {
    /// Supervisor software interrupt.
    pub const SSI: u64 = 1 << 1;
    /// Machine software interrupt.
    pub const MSI: u64 = 1 << 3;
    /// Supervisor timer interrupt.
    pub const STI: u64 = 1 << 5;
    /// Machine timer interrupt.
    pub const MTI: u64 = 1 << 7;
    /// Supervisor external interrupt.
    pub const SEI: u64 = 1 << 9;
    /// Machine external interrupt.
    pub const MEI: u64 = 1 << 11;
    /// Those of the supervisor.
    pub const SUPERVISOR: u64 = SSI | STI | SEI;
    /// All that there are.
    pub const ALL: u64 = SUPERVISOR | MSI | MTI | MEI;
}
