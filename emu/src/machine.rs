//! The whole machine: whose turn it is, when devices answer, when it ends.
//!
//! Invariant: a run depends on nothing but the configuration and what is typed at which step. In
//! particular it does not matter into how many calls of [`Machine::run`] it is cut: interrupts and
//! devices are looked at when a turn begins or an instruction asks for it, never because a call
//! began.

use alloc::string::String;
use alloc::vec::Vec;

use crate::HARTS_MAX;
use crate::adversity::Adversity;
use crate::board::Board;
use crate::device::RAM;
use crate::device::finisher::Ending;
use crate::device::virtio::Virtio;
use crate::exec::Cpu;
use crate::fdt::{self, Description};
use crate::hart::csr::interrupt;
use crate::hart::{Activity, Hart, Mode};
use crate::image;
use crate::ram::Ram;
use crate::sanitize::{Report, Watch};
use crate::sanitize::{race, stuck};
use crate::sbi;
use crate::symbols::Symbols;

/// What a machine is made of.
#[derive(Clone, Debug)]
pub struct Config {
    /// How many harts, 1 to 8.
    pub harts: usize,
    /// Bytes of memory.
    pub memory: usize,
    /// What decides all that is left to choice.
    pub seed: u64,
    /// How unkind the machine is.
    pub adversity: Adversity,
    /// What is watched.
    pub watch: Watch,
    /// Whether the virtio slots speak the legacy protocol.
    pub legacy: bool,
    /// Whether Sv48 may be used.
    pub sv48: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            harts: 1,
            memory: 128 << 20,
            seed: 0,
            adversity: Adversity::NONE,
            watch: Watch::default(),
            legacy: false,
            sv48: false,
        }
    }
}

/// A disk to plug in.
#[derive(Clone, Copy)]
pub struct Disk<'a> {
    /// The virtio slot, 0 to 7.
    pub slot: usize,
    /// Its contents.
    pub contents: &'a [u8],
}

/// What is booted.
#[derive(Clone, Copy)]
pub struct Boot<'a> {
    /// The kernel, an ELF file.
    pub kernel: &'a [u8],
    /// Its command line, for the device tree.
    pub command_line: &'a str,
    /// The disks.
    pub disks: &'a [Disk<'a>],
}

/// In which mode the kernel began.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Start {
    /// Machine mode, all harts at once, as without firmware.
    Machine,
    /// Supervisor mode, the first hart only; this machine answers firmware calls.
    Supervisor,
}

/// Why a run came to a halt.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stop {
    /// The step was reached that was asked for.
    Reached,
    /// The machine was powered off with this code.
    Off(u32),
    /// The kernel asked for a restart.
    Reset,
    /// Every hart waits and nothing is due: only typing can go on with it.
    Idle,
    /// There is a new report.
    Reported,
}

/// Whose turn it is.
#[derive(Clone)]
pub(crate) struct Schedule {
    hart: usize,
    /// Instructions left of the turn.
    left: u64,
    /// Whether interrupts must be looked for before the next instruction.
    look: bool,
    /// Inputs that were delivered.
    typed: usize,
}

/// A turn of a hart, for a trace.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Turn {
    /// The step at which it began.
    pub step: u64,
    /// The hart.
    pub hart: usize,
    /// Its mode.
    pub mode: Mode,
    /// Its program counter.
    pub pc: u64,
}

/// Bytes that were typed at a step.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Typed {
    /// The step.
    pub step: u64,
    /// The bytes.
    pub bytes: Vec<u8>,
}

/// The machine.
pub struct Machine {
    pub(crate) harts: Vec<Hart>,
    pub(crate) board: Board,
    pub(crate) schedule: Schedule,
    inputs: Vec<Typed>,
    start: Start,
    /// Whether every access must be seen.
    watched: bool,
    /// The turns since they were last taken, if they are recorded.
    turns: Option<Vec<Turn>>,
}

/// Turns of harts that run alone, and together.
const TURN_ALONE: u64 = 20_000;
const TURN: u64 = 2_000;
/// Instructions per clock tick while turns are random: time is short of instructions.
const UNKIND_TICK: u64 = 3;

impl Machine {
    /// A machine with a kernel in memory, before its first instruction.
    pub fn boot(config: &Config, boot: &Boot<'_>) -> Result<Self, String> {
        let harts = config.harts.clamp(1, HARTS_MAX);
        let mut ram = Ram::new(RAM, config.memory);
        let loaded = image::load(&mut ram, boot.kernel)?;
        let start = if loaded.entry == RAM {
            Start::Machine
        } else {
            Start::Supervisor
        };
        let tree = fdt::build(&Description {
            memory: ram.len() as u64,
            harts,
            command_line: boot.command_line,
            sstc: start == Start::Machine,
            sv48: config.sv48,
        });
        let at = (RAM + ram.len() as u64 - tree.len() as u64) & !0x1f_ffff;
        let offset = ram.offset(at, tree.len()).filter(|_| at >= loaded.end);
        ram.write_bytes(
            offset.ok_or("memory is too small for the kernel and its device tree")?,
            &tree,
            |_, _| {},
        );
        let mut board = Board::new(ram, harts, config.adversity, config.seed);
        board.firmware = start == Start::Supervisor;
        if config.adversity.turns {
            board.tick = UNKIND_TICK;
        }
        for disk in boot.disks {
            let slot = board
                .slots
                .get_mut(disk.slot)
                .ok_or("there are eight virtio slots")?;
            *slot = Some(Virtio::new(disk.contents, config.legacy));
        }
        let symbols = Symbols::read(boot.kernel);
        board.watch(config.watch, &symbols);
        board.symbols = symbols;
        let mut all: Vec<Hart> = (0..harts).map(|id| Hart::new(id, loaded.entry)).collect();
        for hart in &mut all {
            hart.csr.sv48 = config.sv48;
            hart.x[10] = hart.id as u64;
            hart.x[11] = at;
            if start == Start::Supervisor {
                sbi::prepare(hart);
            }
        }
        let watched = config.watch.races || config.adversity.stores;
        Ok(Self {
            harts: all,
            board,
            schedule: Schedule {
                hart: 0,
                left: 0,
                look: true,
                typed: 0,
            },
            inputs: Vec::new(),
            start,
            watched,
            turns: None,
        })
    }

    /// The turns that began since the last call; from the first call on they are recorded.
    pub fn take_turns(&mut self) -> Vec<Turn> {
        self.turns.replace(Vec::new()).unwrap_or_default()
    }

    /// Runs until the count of steps is `until`, or something else happens.
    pub fn run(&mut self, until: u64) -> Stop {
        let reports = self.board.state.sanitizer.reports.len();
        loop {
            if let Some(ending) = self.board.state.ending {
                return match ending {
                    Ending::Off(code) => Stop::Off(code),
                    Ending::Reset => Stop::Reset,
                };
            }
            if self.board.state.sanitizer.reports.len() > reports {
                return Stop::Reported;
            }
            let mut until = until;
            if let Some(next) = self.inputs.get(self.schedule.typed) {
                if next.step <= self.board.state.steps {
                    let bytes = next.bytes.clone();
                    self.board.receive(&bytes);
                    self.schedule.typed += 1;
                    continue;
                }
                until = until.min(next.step);
            }
            if self.board.state.steps >= until {
                return Stop::Reached;
            }
            if self.schedule.left == 0 && !self.begin_turn() {
                return Stop::Idle;
            }
            if self.schedule.left > 0 {
                self.go_on(until);
            }
        }
    }

    /// Lets the hart whose turn it is run for a while.
    fn go_on(&mut self, until: u64) {
        let hart = &mut self.harts[self.schedule.hart];
        let board = &mut self.board;
        if self.schedule.look {
            self.schedule.look = false;
            let pending = hart.csr.mip | board.lines(hart);
            if let Some(number) = hart.due_interrupt(pending) {
                hart.take_interrupt(number);
                hart.fast.data_context = hart.context(hart.data_mode());
                race::interrupted(hart, board, number);
                board.point(hart, 4);
            }
            if hart.yields {
                hart.yields = false;
                self.schedule.left = 0;
                return;
            }
        }
        let before = board.state.steps;
        let budget = self.schedule.left.min(until - before);
        let mut cpu = Cpu { hart, board };
        let done = if self.watched {
            cpu.run::<true>(budget)
        } else {
            cpu.run::<false>(budget)
        };
        let hart = &mut self.harts[self.schedule.hart];
        self.schedule.left = self.schedule.left.saturating_sub(done);
        if hart.limit == 0 {
            self.schedule.look = true;
        }
        if hart.calls {
            hart.calls = false;
            self.answer_call();
        }
        let hart = &mut self.harts[self.schedule.hart];
        if hart.yields || hart.activity != Activity::Running {
            hart.yields = false;
            self.schedule.left = 0;
        }
    }

    fn answer_call(&mut self) {
        self.deliver();
        sbi::answer(&mut self.harts, self.schedule.hart, &mut self.board);
    }

    /// Chooses the next hart, and how long it runs. False if every hart waits for good.
    fn begin_turn(&mut self) -> bool {
        self.harts[self.schedule.hart].reservation = None;
        self.deliver();
        stuck::look(&self.harts, &mut self.board);
        self.board.advance_devices();
        let mut ready: [usize; HARTS_MAX] = [0; HARTS_MAX];
        let mut count = 0;
        for index in 0..self.harts.len() {
            let hart = &mut self.harts[index];
            if hart.activity == Activity::Waiting {
                let pending = hart.csr.mip | self.board.lines(hart);
                if pending & hart.csr.mie != 0 {
                    hart.activity = Activity::Running;
                }
            }
            if hart.activity == Activity::Running {
                ready[count] = index;
                count += 1;
            }
        }
        if count == 0 {
            return self.skip_time();
        }
        let rng = &mut self.board.state.rng;
        if self.board.adversity.turns {
            self.schedule.hart = ready[rng.below(count as u64) as usize];
            self.schedule.left = match rng.below(8) {
                0..3 => 1 + rng.below(20),
                3..5 => 1 + rng.below(200),
                5..7 => 1 + rng.below(2000),
                _ => 1 + rng.below(20_000),
            };
        } else {
            let after = self.schedule.hart;
            self.schedule.hart = *ready[..count]
                .iter()
                .find(|&&index| index > after)
                .unwrap_or(&ready[0]);
            self.schedule.left = if count == 1 { TURN_ALONE } else { TURN };
        }
        self.schedule.look = true;
        self.prepare_turn();
        if let Some(turns) = &mut self.turns {
            let hart = &self.harts[self.schedule.hart];
            turns.push(Turn {
                step: self.board.state.steps,
                hart: hart.id,
                mode: hart.mode,
                pc: hart.pc,
            });
        }
        true
    }

    /// What a hart's own caches do on their own between turns.
    fn prepare_turn(&mut self) {
        let hart = &mut self.harts[self.schedule.hart];
        let board = &mut self.board;
        if hart.flags_seen != board.ram.flags_generation {
            hart.flags_seen = board.ram.flags_generation;
            hart.fast.forget_writable();
        }
        if board.adversity.translations && board.state.rng.one_in(16) {
            let random = board.state.rng.next();
            if hart.tlb.drop_some(random).is_some() {
                hart.fast.forget_translated();
            }
        }
        if !hart.stores.is_empty() && board.state.rng.one_in(2) {
            Cpu { hart, board }.drain_one();
        }
    }

    /// Brings what other harts did to the private caches of each hart.
    fn deliver(&mut self) {
        let mut notes = core::mem::take(&mut self.board.state.notes);
        let author = self.schedule.hart;
        for &page in &notes.former_tables {
            if !self.harts.iter().any(|hart| hart.tlb.reads_page(page)) {
                self.board.forget_table(page);
            }
        }
        for (index, hart) in self.harts.iter_mut().enumerate() {
            if index != author {
                for &(address, cause) in &notes.entries {
                    self.board.judge_entries(hart, address, cause);
                }
            }
            for &(offset, size, by) in &notes.code {
                if index != author || usize::from(by.hart) != author {
                    hart.code.stored(offset, size, self.board.keeps_code, by);
                }
            }
        }
        for &page in &notes.data {
            let mut all = true;
            for hart in &mut self.harts {
                all &= hart.code.forget_page(page);
                hart.fast.forget_code();
            }
            if all {
                self.board.forget_code(page);
            }
        }
        notes.entries.clear();
        notes.code.clear();
        notes.data.clear();
        notes.former_tables.clear();
        self.board.state.notes = notes;
    }

    /// All harts wait: lets the clock go on to what is due next.
    fn skip_time(&mut self) -> bool {
        let mut due = self.board.device_due();
        let mut consider = |at: u64| due = Some(due.map_or(at, |due: u64| due.min(at)));
        for hart in &self.harts {
            if hart.activity != Activity::Waiting {
                continue;
            }
            if hart.csr.mie & interrupt::MTI != 0 {
                consider(self.board.state.clint.mtimecmp[hart.id]);
            }
            if hart.csr.mie & interrupt::STI != 0 && hart.csr.own_timer() {
                consider(hart.csr.stimecmp);
            }
        }
        let Some(due) = due.filter(|&due| due != u64::MAX) else {
            return false;
        };
        // The pause is a step of its own, so that steps order everything.
        self.board.state.steps += 1;
        let now = self.board.time();
        self.board.state.skipped += due.saturating_sub(now).max(1);
        true
    }

    /// Types bytes at the present step.
    pub fn type_bytes(&mut self, bytes: &[u8]) {
        let step = self.board.state.steps;
        let known = self.inputs.partition_point(|typed| typed.step <= step);
        // What was typed later, in a run that was gone back from, will not be.
        self.inputs.truncate(known);
        self.inputs.push(Typed {
            step,
            bytes: bytes.to_vec(),
        });
    }

    /// Everything that was typed so far.
    pub fn inputs(&self) -> &[Typed] {
        &self.inputs
    }

    /// Forgets inputs after what a snapshot had, or sets those of another run.
    pub fn set_inputs(&mut self, inputs: Vec<Typed>) {
        self.inputs = inputs;
    }

    /// What the kernel printed so far.
    pub fn console(&self) -> &[u8] {
        &self.board.state.uart.output
    }

    /// Whether all that was typed has been read.
    pub fn input_is_read(&self) -> bool {
        self.schedule.typed == self.inputs.len() && self.board.state.uart.input_is_read()
    }

    /// How many steps all harts together have made.
    pub fn steps(&self) -> u64 {
        self.board.state.steps
    }

    /// The harts.
    pub fn harts(&self) -> &[Hart] {
        &self.harts
    }

    /// A hart, to change its registers.
    pub fn hart_mut(&mut self, index: usize) -> Option<&mut Hart> {
        self.harts.get_mut(index)
    }

    /// The hart whose turn it is.
    pub fn current(&self) -> usize {
        self.schedule.hart
    }

    /// What the harts share.
    pub fn board(&self) -> &Board {
        &self.board
    }

    /// What the watchers found so far.
    pub fn reports(&self) -> &[Report] {
        &self.board.state.sanitizer.reports
    }

    /// How the kernel began.
    pub fn start(&self) -> Start {
        self.start
    }

    /// The kernel's functions.
    pub fn symbols(&self) -> &Symbols {
        &self.board.symbols
    }

    /// Reads memory as a hart sees it now; `None` where nothing is mapped.
    pub fn peek(&self, hart: usize, address: u64, into: &mut [u8]) -> Option<()> {
        let hart = self.harts.get(hart)?;
        let satp = if hart.mode == Mode::Machine {
            0
        } else {
            hart.csr.satp
        };
        for (index, byte) in into.iter_mut().enumerate() {
            let at = address.wrapping_add(index as u64);
            let physical = crate::mmu::walk::peek_physical(&self.board, satp, at)?;
            *byte = self.board.ram.read(self.board.ram.offset(physical, 1)?, 1) as u8;
        }
        Some(())
    }

    /// The functions a hart is in, innermost first, as addresses.
    pub fn stack(&self, hart: usize) -> Vec<u64> {
        self.harts
            .get(hart)
            .map(|hart| crate::sanitize::stack::walk(&self.board, hart))
            .unwrap_or_default()
    }
}
