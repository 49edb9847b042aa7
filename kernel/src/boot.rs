//! The order in which the kernel comes up.
//!
//! The boot hart runs alone at first: device tree, disks, page tables, memory, a stack with a
//! guard, devices, the first process. Then the other harts start, and all harts run the scheduler.
//! A machine that cannot run the kernel is refused with one line of output and an exit code of its
//! own.

use kernel_logic::board::BoardError;
use kernel_logic::command_line::Options;
use sync::Held;

use crate::arch::{self, Board, EarlyFrames, STACK_FRAMES};
use crate::device::{self, block};
use crate::given::{self, refuse};
use crate::{log, memory, println, process, stack, time};

/// With less RAM, the kernel's tables and the shell would leave no useful memory.
const RAM_MIN: u64 = 16 << 20;

/// Runs on the boot hart and the boot stack. `board` is the result of reading the hardware
/// description.
pub fn main(board: Result<Board, BoardError>) -> ! {
    let board = board.unwrap_or_else(|error| refuse(format_args!("{error}")));
    let mut held = Held::at_start();
    let board = given::set_board(board);
    arch::use_board(board);
    arch::describe_harts(board.harts.iter());
    time::initialize(board.timebase);
    log::initialize();
    announce(board);
    check_size(board.ram_size());
    block::find(board, &mut held);
    let mut early = EarlyFrames::new(&board.ram);
    let root = arch::build_kernel_space(board, &mut early);
    for hart in 0..arch::hart_count() {
        let frames = core::array::from_fn::<_, STACK_FRAMES, _>(|_| early.take_frame());
        arch::set_boot_stack(hart, stack::make_permanent(frames));
    }
    memory::initialize(&board.ram, block::swap::pages(&mut held), early, root);
    // SAFETY: the stack has just been made for this hart.
    unsafe { arch::run_on_stack(arch::boot_stack(), on_guarded_stack) }
}

fn announce(board: &Board) {
    let harts = board.harts.len();
    println!(
        "Cowslip {}: {}, {harts} hart{}, {} MiB",
        env!("CARGO_PKG_VERSION"),
        arch::NAME,
        if harts == 1 { "" } else { "s" },
        board.ram_size() >> 20,
    );
}

fn check_size(ram: u64) {
    if ram < RAM_MIN {
        let (has, needs) = (ram >> 20, RAM_MIN >> 20);
        refuse(format_args!(
            "{has} MiB of memory is too little; give at least {needs} MiB (-m {needs}M)"
        ));
    }
}

extern "C" fn on_guarded_stack() -> ! {
    let mut held = Held::at_start();
    arch::initialize_hart();
    let board = given::board();
    device::initialize(board);
    process::scheduler::install();
    let options = Options::parse(board.command_line.text(), |word| {
        println!("warning: unknown word on the kernel's command line: {word}");
    });
    let options = given::set_options(options);
    if options.fine_clock {
        time::use_fine_clock();
    }
    if options.audit {
        process::audit_always();
    }
    process::start_first(options.line, options.fork, &mut held);
    process::pager::start_pager(&mut held);
    process::start_keys(&mut held);
    arch::start_other_harts();
    arch::start_timer();
    process::scheduler::run()
}
