//! The first process: it begins in the kernel, mounts the disk, and becomes init.

use abi::ForkMode;
use fs::InodeNo;
use kernel_logic::command_line::Test;
use sync::{Counted, Held, LeafLock, level};

use super::arguments::Arguments;
use super::audit::leak_space;
use super::tree::TREE;
use super::{Caller, Name, Process, Thread, exec, scheduler};
use crate::arch::{self, FloatState, UserRegisters};
use crate::device::block;
use crate::file::{Directory, Files, cached, system};
use crate::given::{options, refuse};
use crate::memory::memory;
use crate::stack;

/// The program of the first process.
const INIT_PATH: &str = "/init";

/// The command for init's shell, handed to the first thread.
static LINE: LeafLock<Option<&'static str>> = LeafLock::new(None);

/// Makes process 1, which runs once the scheduler does. If `line` is given, init runs that command
/// instead of an interactive shell.
pub fn start_first(line: Option<&'static str>, mode: ForkMode, held: &mut Held<level::Nothing>) {
    LINE.with(|slot| *slot = line);
    let name = Name::of_path(INIT_PATH.as_bytes());
    let started = Counted::try_new(Process::new(name, mode, None, Files::new()))
        .map_err(Into::into)
        .and_then(|process| {
            let registers = UserRegisters::new();
            let thread =
                Thread::try_new(process.clone(), begin, &registers, FloatState::new(), None)?;
            TREE.lock(held).add(&process, thread.clone(), None);
            scheduler::start(thread, held);
            Ok::<_, mm::NoMemory>(())
        });
    if started.is_err() {
        refuse(format_args!(
            "there is no memory for the first process; give the machine more"
        ));
    }
}

/// The first function of the first thread.
extern "C" fn begin(_: usize) -> ! {
    scheduler::arrive();
    arch::enable_interrupts();
    let mut caller = Caller::at_start();
    let thread = caller.thread;
    run_test(&mut caller.held);
    let mut registers = UserRegisters::new();
    become_init(&mut caller, &mut registers);
    arch::disable_interrupts();
    let top = thread.stack.user_registers();
    // SAFETY: the top of this thread's own stack, which is used for nothing else; interrupts are
    // off.
    unsafe {
        top.write(registers);
        arch::enter_user(top)
    }
}

/// Runs the test that the command line asks for: a deliberate failure, or a measurement of the swap
/// disk.
fn run_test(held: &mut Held<level::Nothing>) {
    match options().test {
        None => {}
        Some(Test::Leak) => leak_space(),
        Some(Test::Panic) => panic!("a panic was asked for on the command line"),
        Some(Test::Overrun) => {
            stack::overrun(0);
        }
        Some(Test::SwapDisk) => block::trial::run(held),
    }
}

fn become_init(caller: &mut Caller, registers: &mut UserRegisters) {
    if let Err(error) = system::mount(
        block::disk(&mut caller.held),
        cached::forget,
        &mut caller.held,
    ) {
        refuse(format_args!("{error}"));
    }
    // The file system's cache was the last large object.
    memory().end_boot();
    let root = system::with(&mut caller.held, |fs| fs.lookup(InodeNo::ROOT, b"/"))
        .map_err(|_| ())
        .and_then(|inode| Directory::try_new(inode, &mut caller.held).map_err(|_| ()));
    let Ok(root) = root else {
        refuse(format_args!(
            "the disk's root directory cannot be opened; make a new image"
        ));
    };
    let thread = caller.thread;
    thread.process.files.lock(&mut caller.held).directory = Some(root);

    let arguments = match LINE.with(|line| *line) {
        Some(line) => Arguments::from_kernel(&[INIT_PATH, line]),
        None => Arguments::from_kernel(&[INIT_PATH]),
    };
    let Ok(arguments) = arguments else {
        refuse(format_args!(
            "the shell line is too long; put it into a file of the image"
        ));
    };
    if let Err(error) = exec(caller, registers, INIT_PATH.as_bytes(), &arguments) {
        refuse(format_args!(
            "{INIT_PATH} cannot be run: {error}; make an image that has it"
        ));
    }
}
