//! Runs of many random programs, on machines of all sizes, and reports of failures.

use std::cell::Cell;
use std::mem::ManuallyDrop;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::{fmt, thread};

use abi::ForkMode;
use fastrand::Rng;
use mm::pt::{Sv39, X86_64};

use crate::isa::Isa;
use crate::machine::{Size, with_bystanders, with_memory};
use crate::shrink::shrink;
use crate::step::Step;
use crate::world::{Divergence, Tally, World};

/// The most steps of one program.
const LENGTH: usize = 600;
/// How many programs are tried to make a failing one smaller.
const SHRINKING: u32 = 4000;

/// The architecture of a machine.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Arch {
    /// Three levels of tables, with the TLBs of RISC-V.
    Riscv64,
    /// Four levels of tables, with the TLBs of x86_64.
    X86_64,
}

/// The parameters of a run.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// The architecture of the machines.
    pub arch: Arch,
    /// The least number of steps in all.
    pub steps: u64,
    /// The most harts of a machine.
    pub harts: usize,
    /// How processes fork; both ways in turn if `None`.
    pub mode: Option<ForkMode>,
    /// The seed of all random choices.
    pub seed: u64,
    /// The number of programs that run at the same time, each on a thread of the host.
    pub threads: usize,
}

/// A program that failed, as small as it could be made.
pub struct Failure {
    divergence: Divergence,
    size: Size,
    steps: usize,
    trace: Vec<String>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.divergence)?;
        writeln!(f, "on {:?}", self.size)?;
        writeln!(f, "after {} steps, and others inside them:", self.steps)?;
        self.trace.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}

/// Runs programs until the number of steps is reached or one fails.
///
/// # Errors
/// The failure of the first program that failed.
pub fn run(plan: &Plan) -> Result<Tally, Failure> {
    keep_panics();
    let stop = AtomicBool::new(false);
    let total = Mutex::new(Tally::default());
    let failure = Mutex::new(None);
    thread::scope(|scope| {
        for index in 0..plan.threads as u64 {
            let (stop, total, failure) = (&stop, &total, &failure);
            scope.spawn(move || {
                if let Err(found) = run_thread(plan, index, total, stop) {
                    stop.store(true, Ordering::Relaxed);
                    let mut first = failure.lock().expect("nobody panics with it");
                    first.get_or_insert(found);
                }
            });
        }
    });
    match failure.into_inner().expect("nobody panics with it") {
        Some(failure) => Err(failure),
        None => Ok(total.into_inner().expect("nobody panics with it")),
    }
}

fn run_thread(
    plan: &Plan,
    thread: u64,
    total: &Mutex<Tally>,
    stop: &AtomicBool,
) -> Result<(), Failure> {
    let share = plan.steps.div_ceil(plan.threads as u64);
    let mut steps = 0;
    let mut rng = Rng::with_seed(plan.seed.wrapping_add(thread << 32));
    while steps < share && !stop.load(Ordering::Relaxed) {
        let seed = rng.u64(..);
        let tally = match plan.arch {
            Arch::Riscv64 => random_program::<Sv39>(plan, seed),
            Arch::X86_64 => random_program::<X86_64>(plan, seed),
        }?;
        steps += tally.steps;
        *total.lock().expect("nobody panics with it") += tally;
    }
    Ok(())
}

/// Runs one random program on one random machine.
fn random_program<I: Isa>(plan: &Plan, seed: u64) -> Result<Tally, Failure> {
    let size = Size::from_seed(seed, plan.harts);
    let mut rng = Rng::with_seed(seed);
    let program: Vec<_> = (0..rng.usize(1..=LENGTH))
        .map(|_| Step::from_seed(rng.u64(..), I::USER_TOP, plan.mode))
        .collect();
    run_program::<I>(size, plan.mode, &program, None)
        .map_err(|_| Failure::new::<I>(size, plan.mode, program))
}

impl Failure {
    /// Returns the failure of a program, after shrinking the program.
    fn new<I: Isa>(size: Size, mode: Option<ForkMode>, program: Vec<Step>) -> Self {
        let program = shrink(program, SHRINKING, |program| {
            run_program::<I>(size, mode, program, None).is_err()
        });
        let mut trace = Vec::new();
        let divergence = match run_program::<I>(size, mode, &program, Some(&mut trace)) {
            Err(divergence) => divergence,
            Ok(_) => "something diverged, but not every time".to_owned(),
        };
        Self {
            divergence,
            size,
            steps: program.len(),
            trace,
        }
    }
}

/// Runs a program on a fresh machine. Stores a trace of the steps in `trace`, if given.
fn run_program<I: Isa>(
    size: Size,
    mode: Option<ForkMode>,
    program: &[Step],
    trace: Option<&mut Vec<String>>,
) -> Result<Tally, Divergence> {
    with_memory::<I, _>(&size, |memory| {
        // After a divergence the world cannot be dropped in order, so it is leaked.
        let world = ManuallyDrop::new(World::new(memory, &size, mode));
        if trace.is_some() {
            world.trace();
        }
        let ran = catch(|| {
            with_bystanders(&*world, || {
                program.iter().try_for_each(|step| world.step(step))?;
                world.finish()
            })
        });
        if let Some(trace) = trace {
            *trace = world.take_trace();
        }
        let tally = ran?;
        drop(ManuallyDrop::into_inner(world));
        Ok(tally)
    })
}

thread_local! {
    static LAST_PANIC: Cell<Option<String>> = const { Cell::new(None) };
}

/// Keeps the message of a panic instead of printing it, because a failing assertion of `mm` is a
/// divergence. A panic during the unwinding of another ends the process, so both are printed.
fn keep_panics() {
    panic::set_hook(Box::new(|panic| {
        let first = LAST_PANIC.replace(Some(panic.to_string()));
        if let Some(first) = first {
            eprintln!("{first}\nand then, while that was cleaned up: {panic}");
        }
    }));
}

/// Runs `body`, and turns a panic into a divergence.
fn catch(body: impl FnOnce() -> Result<Tally, Divergence>) -> Result<Tally, Divergence> {
    panic::catch_unwind(AssertUnwindSafe(body)).unwrap_or_else(|_| {
        let panic = LAST_PANIC.take();
        Err(panic.unwrap_or_else(|| "a panic that said nothing".to_owned()))
    })
}
