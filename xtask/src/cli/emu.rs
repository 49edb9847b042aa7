//! The arguments of `emu`.

use std::path::PathBuf;

use clap::Args;

use super::value::{Memory, Seeds, shell_line};

/// Arguments of `emu`.
#[derive(Args, Clone)]
pub struct EmuArguments {
    /// The kernel instead of ours: an ELF file; in machine mode if it begins at 0x80000000
    #[arg(long, value_name = "FILE")]
    pub kernel: Option<PathBuf>,

    /// The disk image instead of ours; it is not changed
    #[arg(long, value_name = "FILE")]
    pub image: Option<PathBuf>,

    /// How many harts the machine has (1 to 8)
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=8))]
    pub smp: u8,

    /// How much memory it has, with K, M or G
    #[arg(long, value_name = "SIZE", default_value = "128M", value_parser = Memory::parse)]
    pub mem: Memory,

    /// Decide by this seed; switches all adversity on unless --adversity says otherwise
    #[arg(long, value_name = "S")]
    pub seed: Option<u64>,

    /// Try every seed from A up to B and shrink the first failure
    #[arg(long, value_name = "A..B", value_parser = Seeds::parse, conflicts_with_all = ["seed", "trace"])]
    pub seeds: Option<Seeds>,

    /// What the machine may do: turns, tlb, fetch, stores, loads, sc, devices, ad-trap; all, none
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub adversity: Option<Vec<String>>,

    /// What is watched: translations, races, stuck, kernel; all
    #[arg(long, value_name = "LIST", value_delimiter = ',', num_args = 0..=1, default_missing_value = "all")]
    pub sanitize: Vec<String>,

    /// Run this shell line, then end
    #[arg(long, value_name = "LINE", value_parser = shell_line)]
    pub exec: Option<String>,

    /// Stop after so many million instructions (exit code 124)
    #[arg(long, value_name = "N", default_value_t = 100_000)]
    pub limit: u64,

    /// Add a disk to swap to, of this size
    #[arg(long, value_name = "SIZE", value_parser = Memory::parse_swap)]
    pub swap: Option<Memory>,

    /// Hand this word to the kernel, for example fork=eager
    #[arg(long, value_name = "WORD")]
    pub option: Vec<String>,

    /// Run so many random programs here and on QEMU, and compare the registers after every
    /// instruction; --seed names the first program
    #[arg(long, value_name = "N", conflicts_with_all = ["kernel", "seeds", "gdb"])]
    pub lockstep: Option<u64>,

    /// Let the disks speak the legacy virtio protocol
    #[arg(long)]
    pub legacy: bool,

    /// Leave memory protection out, for kernels that set none up (xv6 of 2019 and 2020)
    #[arg(long)]
    pub no_pmp: bool,

    /// Let the kernel choose Sv48
    #[arg(long)]
    pub sv48: bool,

    /// Write a snapshot of the machine to this file when the run ends
    #[arg(long, value_name = "FILE", conflicts_with_all = ["seeds", "gdb"])]
    pub snapshot: Option<PathBuf>,

    /// Go on from the snapshot in this file instead of booting. Kernel, harts, memory and disks
    /// must be the same; seed, adversity and watchers are the snapshot's, unless some are given
    #[arg(long, value_name = "FILE")]
    pub from: Option<PathBuf>,

    /// Write every turn of a hart to this file: its first step, the hart, its mode and place
    #[arg(long, value_name = "FILE")]
    pub trace: Option<PathBuf>,

    /// Say how fast the machine was
    #[arg(long)]
    pub speed: bool,

    /// Wait for a debugger on this port of the local host. It can go back in time: reverse-step,
    /// reverse-continue, watch
    #[arg(
        long,
        value_name = "PORT",
        num_args = 0..=1,
        default_missing_value = "1234",
        conflicts_with_all = ["seeds", "speed"]
    )]
    pub gdb: Option<u16>,
}
