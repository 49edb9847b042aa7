//! From arguments to a machine: its kernel, disks, command line, and adversity.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, anyhow, bail};
use emu::adversity::Adversity;
use emu::sanitize::Watch;
use emu::{Boot, Config, Disk, Machine, Rules, Start};

use super::atomics;
use crate::arch::Arch;
use crate::build;
use crate::cli::EmuArguments;
use crate::image::{self, Geometry};
use crate::setup::Toolchain;
use crate::swap;
use crate::workspace::Workspace;

/// What is booted, read into memory.
pub struct Subject {
    /// The kernel's file, for source lines.
    pub path: PathBuf,
    kernel: Vec<u8>,
    image: Vec<u8>,
    swap: Option<Vec<u8>>,
    /// The addresses of instructions that are meant to be atomic, if races are watched.
    atomics: Vec<u64>,
    /// Whether the kernel is Cowslip, which takes the shell line on its command line.
    pub ours: bool,
    /// The snapshot to go on from.
    from: Option<Vec<u8>>,
}

/// The virtio slots of the disks, the ones that `cargo xtask run` uses.
const DISK_SLOT: usize = 0;
const SWAP_SLOT: usize = 1;

impl Subject {
    /// Reads the files that the arguments name. Builds the others.
    pub fn read(workspace: &Workspace, arguments: &EmuArguments) -> Result<Self> {
        let read = |path: &PathBuf| {
            fs::read(path).with_context(|| format!("cannot read {}", path.display()))
        };
        let guests = || build::guests(workspace, &Toolchain::ensure(workspace, Arch::Riscv64)?);
        let (path, image) = match (&arguments.kernel, &arguments.image) {
            (Some(kernel), Some(image)) => (kernel.clone(), read(image)?),
            (kernel, given) => {
                let guests = guests()?;
                let image = match given {
                    Some(path) => read(path)?,
                    None => image::build(workspace, &guests, &[], Geometry::DEFAULT)?,
                };
                (kernel.clone().unwrap_or(guests.kernel), image)
            }
        };
        let kernel = read(&path)?;
        let watched = watch(&arguments.sanitize)?.races;
        Ok(Self {
            atomics: if watched {
                atomics::addresses(&path, &kernel)
            } else {
                Vec::new()
            },
            kernel,
            path,
            image,
            swap: arguments.swap.map(|size| vec![0; size.bytes() as usize]),
            ours: arguments.kernel.is_none(),
            from: arguments.from.as_ref().map(read).transpose()?,
        })
    }

    /// Returns a machine before its first instruction, or where its snapshot was taken.
    pub fn boot(&self, arguments: &EmuArguments, config: &Config) -> Result<Machine> {
        let mut words = arguments.option.join(" ");
        if let (true, Some(line)) = (self.ours, &arguments.exec) {
            words.push_str(" -- ");
            words.push_str(line);
        }
        let mut disks = vec![Disk {
            slot: DISK_SLOT,
            contents: &self.image,
            serial: "cowslip-files",
        }];
        disks.extend(self.swap.as_ref().map(|contents| Disk {
            slot: SWAP_SLOT,
            contents,
            serial: swap::SERIAL,
        }));
        let booted = Machine::boot(
            config,
            &Boot {
                kernel: &self.kernel,
                command_line: &words,
                disks: &disks,
            },
        );
        let mut machine =
            booted.map_err(|error| anyhow!("cannot boot {}: {error}", self.path.display()))?;
        machine.declare_atomic(&self.atomics);
        if let (Some(bytes), Some(path)) = (&self.from, &arguments.from) {
            let loaded = machine.load(bytes);
            loaded.map_err(|error| anyhow!("{}: {error}", path.display()))?;
            let seeded = arguments.seed.is_some() || arguments.seeds.is_some();
            if seeded || arguments.adversity.is_some() || !arguments.sanitize.is_empty() {
                machine.set_rules(&config.rules);
            }
        }
        Ok(machine)
    }

    /// Returns the machine that the arguments ask for.
    pub fn config(&self, arguments: &EmuArguments, seed: Option<u64>) -> Result<Config> {
        let mut config = Config {
            harts: arguments.smp.into(),
            memory: usize::try_from(arguments.mem.bytes())?,
            rules: Rules {
                seed: seed.unwrap_or(0),
                adversity: adversity(arguments, seed.is_some())?,
                watch: watch(&arguments.sanitize)?,
            },
            legacy: arguments.legacy,
            sv48: arguments.sv48,
            pmp: !arguments.no_pmp,
        };
        if config.rules.adversity.fetches
            && arguments.adversity.is_none()
            && !fences_instructions(&self.kernel)
        {
            eprintln!(
                "xtask: the kernel has no fence.i, so instructions are fetched as stored \
                 (--adversity fetch insists)"
            );
            config.rules.adversity.fetches = false;
        }
        Ok(config)
    }
}

/// Returns whether a kernel contains a `fence.i`. A kernel without one relies on machines that
/// fetch what was stored.
pub fn fences_instructions(kernel: &[u8]) -> bool {
    const FENCE_I: [u8; 4] = 0x0000_100f_u32.to_le_bytes();
    kernel.windows(4).any(|window| window == FENCE_I)
}

fn adversity(arguments: &EmuArguments, seeded: bool) -> Result<Adversity> {
    let Some(names) = &arguments.adversity else {
        return Ok(if seeded {
            Adversity::ALL
        } else {
            Adversity::NONE
        });
    };
    let mut chosen = Adversity::NONE;
    for name in names {
        match name.as_str() {
            "all" => chosen = Adversity::ALL,
            "none" => chosen = Adversity::NONE,
            name => chosen.set(name, true).with_context(|| {
                format!(
                    "--adversity {name}: choose from {}",
                    Adversity::NAMES.join(", ")
                )
            })?,
        }
    }
    Ok(chosen)
}

fn watch(names: &[String]) -> Result<Watch> {
    let mut watch = Watch::default();
    for name in names {
        match name.as_str() {
            "all" => watch = Watch::ALL,
            name if watch.set(name, true).is_some() => {}
            name => bail!("--sanitize {name}: choose from {}", Watch::NAMES.join(", ")),
        }
    }
    Ok(watch)
}

/// Returns in words how the kernel of a machine began.
pub fn began(machine: &Machine) -> &'static str {
    match machine.start() {
        Start::Machine => "machine mode",
        Start::Supervisor => "supervisor mode",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn watchers_have_names() {
        assert!(watch(&["all".into()]).expect("known").races);
        assert!(watch(&["everything".into()]).is_err());
    }
}
