//! The world: processes on the simulated machine, each with its model.
//!
//! A [`World`] takes one step after the other. During a step, the calls of `mm` into the machine
//! come back here ([`harts`]), and other harts take steps inside the first one. They may do
//! anything in a process that is not locked, and only what their hardware allows in a process that
//! is locked.
//!
//! Invariants: a hart in the middle of a step does nothing else. A space is reached only through
//! its `RefCell`, which stands for the kernel's lock of the space. The model changes when the
//! memory does: at each store, when a page of a file is copied for its first writer, and when an
//! operation returns.

mod areas;
mod files;
mod harts;
mod life;
mod mapped;
mod shortage;
mod swap;
mod tally;
mod touch;
mod transfer;

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use abi::{ForkMode, MemCounter};
use mm::Memory;
use mm::addr::{PageNo, PageRange, VirtAddr};
use mm::pt::Permissions;
use mm::space::{Access, AddressSpace, Context};
use sync::Counted;

use crate::file::FILES;
use crate::isa::Isa;
use crate::machine::{SimMachine, Size};
use crate::model::{Model, Page, permits};
use crate::step::{Action, Place, Step};
use crate::walker::Touch;
use crate::words::{SLOTS, Words};
use files::Files;
use swap::Device;
pub use tally::Tally;
use transfer::Luck;

/// The most processes at a time.
const PROCESSES: usize = 8;

type Space<'m, I> = AddressSpace<'m, SimMachine<I>>;

/// The description of a mistake, for people.
pub type Divergence = String;

struct Process<'m, I: Isa> {
    space: RefCell<Option<Space<'m, I>>>,
    model: RefCell<Model>,
    /// The number of steps in progress in the process.
    steps: Cell<u32>,
    /// While the process changes permissions: the pages, and their new permissions. Other threads
    /// may act by the old or by the new ones.
    protecting: Cell<Option<(PageRange, Permissions)>>,
    /// While the process forks: the stores of its other threads, with the words that were there
    /// before.
    stored: RefCell<Option<Vec<(VirtAddr, u64)>>>,
    /// While the process writes to a private page of a file for the first time: the page, and its
    /// contents before, if the file has such a page.
    copying: RefCell<Option<(PageNo, Option<Words>)>>,
}

impl<I: Isa> Process<'_, I> {
    /// Returns whether the process lives, and no other hart is in the kernel for it.
    fn is_at_rest(&self) -> bool {
        self.steps.get() == 1 && self.space.borrow().is_some()
    }

    /// Returns whether a thread of the process may access the page so at this moment.
    fn allows(&self, page: &Page, number: PageNo, access: Access) -> bool {
        let soon = self.protecting.get().is_some_and(|(pages, permissions)| {
            pages.contains(number) && permits::<I>(permissions, access)
        });
        page.allows::<I>(access) || soon
    }

    /// Notes, before an access, which page the access makes private.
    fn prepare_to_copy(&self, number: PageNo, access: Access) {
        let model = self.model.borrow();
        let page = model.page(number).filter(|page| page.waits_for_copy());
        let page = page.filter(|_| access == Access::Write);
        self.copying
            .replace(page.map(|page| (number, page.words())));
    }

    /// Returns the address that `place` stands for.
    fn address(&self, place: Place) -> VirtAddr {
        match place {
            Place::At(address) => address,
            Place::Mapped(index, slot) => {
                let page = self.model.borrow().nth_page(index).unwrap_or(PageNo(0));
                VirtAddr(page.address().0 + SLOTS[slot] as u64)
            }
        }
    }

    /// Runs `body` as a step in the process, which keeps the process alive.
    fn pin(&self, body: impl FnOnce()) {
        self.steps.set(self.steps.get() + 1);
        body();
        self.steps.set(self.steps.get() - 1);
    }
}

/// A hart that runs a process.
struct Running<'m, I: Isa> {
    process: Rc<Process<'m, I>>,
    context: Counted<Context<'m, SimMachine<I>>>,
}

/// The processes, and the harts that run them.
pub struct World<'m, I: Isa> {
    memory: &'m Memory<SimMachine<I>>,
    mode: Option<ForkMode>,
    processes: RefCell<Vec<Rc<Process<'m, I>>>>,
    running: RefCell<Vec<Option<Running<'m, I>>>>,
    /// The harts in the middle of a step, one bit each.
    busy: Cell<u64>,
    /// Whether other steps may happen inside the current step.
    crowded: Cell<bool>,
    depth: Cell<usize>,
    last_word: Cell<u64>,
    tally: Cell<Tally>,
    divergence: RefCell<Option<Divergence>>,
    trace: RefCell<Option<Vec<String>>>,
    device: Device<'m, I>,
    files: Files,
}

impl<'m, I: Isa> World<'m, I> {
    /// Returns a world without processes.
    pub fn new(memory: &'m Memory<SimMachine<I>>, size: &Size, mode: Option<ForkMode>) -> Self {
        let world = Self {
            memory,
            mode,
            processes: RefCell::default(),
            running: RefCell::new((0..size.harts).map(|_| None).collect()),
            busy: Cell::new(0),
            crowded: Cell::new(false),
            depth: Cell::new(0),
            last_word: Cell::new(0),
            tally: Cell::default(),
            divergence: RefCell::default(),
            trace: RefCell::default(),
            device: Device::new(),
            files: Files::new(size.pages),
        };
        for (file, pages) in FILES.into_iter().zip(size.files) {
            world.fill_file(file, pages);
        }
        world
    }

    /// Keeps a line of trace for every step from now on. Steps inside others are indented.
    pub fn trace(&self) {
        self.trace.replace(Some(Vec::new()));
    }

    /// Returns the trace.
    pub fn take_trace(&self) -> Vec<String> {
        self.trace.take().unwrap_or_default()
    }

    /// Returns the counts of what has happened so far.
    pub fn tally(&self) -> Tally {
        self.tally.get()
    }

    /// Takes a step, and compares memory with the model.
    ///
    /// # Errors
    /// The first divergence. The world cannot be used after that.
    pub fn step(&self, step: &Step) -> Result<(), Divergence> {
        self.memory.machine().reseed(step.seed);
        self.crowded.set(step.crowded);
        let hart = step.hart % self.harts();
        self.act(hart, step.action);
        self.verdict()?;
        self.check_mappings()?;
        self.audit()
    }

    /// Reads every page of every process once more, ends all processes, and checks that nothing is
    /// left.
    ///
    /// # Errors
    /// The first divergence, as for [`World::step`].
    pub fn finish(&self) -> Result<Tally, Divergence> {
        self.crowded.set(false);
        loop {
            let Some(process) = self.processes.borrow().first().cloned() else {
                break;
            };
            self.run_process(0, Some(process.clone()));
            let pages: Vec<_> = process
                .model
                .borrow()
                .pages()
                .map(|(page, _)| page)
                .collect();
            for page in pages {
                for offset in SLOTS {
                    self.touch(
                        &process,
                        VirtAddr(page.address().0 + offset as u64),
                        Touch::Load,
                    );
                }
            }
            self.exit(&process);
            self.verdict()?;
        }
        for hart in 0..self.harts() {
            self.run_process(hart, None);
        }
        self.finish_transfers();
        self.check_mappings()?;
        self.audit()?;
        self.finish_files()?;
        self.verdict()?;
        self.audit()?;
        let stats = self.memory.stats();
        let lost = stats[MemCounter::Frames as usize] - stats[MemCounter::Free as usize];
        let slots = stats[MemCounter::SwapSlots as usize] - stats[MemCounter::FreeSlots as usize];
        let committed = stats[MemCounter::Committed as usize];
        if (lost, slots, committed) != (0, 0, 0) {
            return Err(format!(
                "all processes are gone, but {lost} frames and {slots} slots are in use and {committed} committed"
            ));
        }
        let swapped =
            [MemCounter::SwapOuts, MemCounter::SwapIns].map(|counter| stats[counter as usize]);
        let unshared = stats[MemCounter::TableUnshares as usize];
        self.count(|tally| {
            tally.swapped = swapped.into();
            tally.unshared = unshared;
        });
        Ok(self.tally())
    }

    fn harts(&self) -> usize {
        self.running.borrow().len()
    }

    fn verdict(&self) -> Result<(), Divergence> {
        self.divergence.borrow_mut().take().map_or(Ok(()), Err)
    }

    /// Keeps a divergence, if it is the first.
    fn diverge(&self, what: impl FnOnce() -> Divergence) {
        self.divergence.borrow_mut().get_or_insert_with(what);
    }

    fn count(&self, change: impl FnOnce(&mut Tally)) {
        let mut tally = self.tally.get();
        change(&mut tally);
        self.tally.set(tally);
    }

    fn audit(&self) -> Result<(), Divergence> {
        let processes = self.processes.borrow();
        let spaces: Vec<_> = processes
            .iter()
            .map(|process| process.space.borrow())
            .collect();
        self.memory
            .audit(spaces.iter().filter_map(|space| space.as_ref()))
            .map_err(|finding| format!("audit: {finding}"))
    }

    /// Makes an idle hart act.
    fn act(&self, hart: usize, action: Action) {
        let machine = self.memory.machine();
        let before = machine.work_as(hart);
        self.busy.set(self.busy.get() | 1 << hart);
        self.depth.set(self.depth.get() + 1);
        self.count(|tally| tally.steps += 1);
        if let Some(trace) = &mut *self.trace.borrow_mut() {
            let indent = 2 * self.depth.get();
            trace.push(format!("{:indent$}hart {hart}: {action:x?}", ""));
        }
        if let Some(process) = self.process_of(hart) {
            process.pin(|| self.act_in(hart, &process, action));
        }
        self.depth.set(self.depth.get() - 1);
        self.busy.set(self.busy.get() & !(1 << hart));
        machine.work_as(before);
    }

    /// Returns the process that a hart runs. An idle hart takes the first process, or a new one.
    fn process_of(&self, hart: usize) -> Option<Rc<Process<'m, I>>> {
        if let Some(running) = &self.running.borrow()[hart] {
            return Some(running.process.clone());
        }
        let first = self.processes.borrow().first().cloned();
        let process = match first {
            Some(process) => process,
            None => {
                let (space, model) = self.image()?;
                self.add(space, model)
            }
        };
        self.run_process(hart, Some(process));
        self.running.borrow()[hart]
            .as_ref()
            .map(|running| running.process.clone())
    }

    fn add(&self, space: Space<'m, I>, model: Model) -> Rc<Process<'m, I>> {
        let process = Rc::new(Process {
            space: RefCell::new(Some(space)),
            model: RefCell::new(model),
            steps: Cell::new(0),
            protecting: Cell::new(None),
            stored: RefCell::new(None),
            copying: RefCell::new(None),
        });
        self.processes.borrow_mut().push(process.clone());
        process
    }

    fn act_in(&self, hart: usize, process: &Rc<Process<'m, I>>, action: Action) {
        match action {
            Action::Load(place) => self.touch(process, process.address(place), Touch::Load),
            Action::Store(place) => self.touch(process, process.address(place), Touch::Store),
            Action::Fetch(place) => self.touch(process, process.address(place), Touch::Fetch),
            Action::KernelRead(place, words) => {
                self.kernel_read(process, process.address(place), words);
            }
            Action::KernelWrite(place, words) => {
                self.kernel_write(process, process.address(place), words);
            }
            Action::Switch(index) => {
                let next = self.processes.borrow().get(index).cloned();
                self.run_process(hart, next);
            }
            Action::Fork(mode) => self.fork(process, mode),
            // Otherwise another thread of the process is in the kernel.
            Action::Exit => {
                if process.is_at_rest() {
                    self.exit(process);
                }
            }
            Action::Exec => {
                if process.is_at_rest() {
                    self.exec(hart, process);
                }
            }
            Action::Map(pages, permissions, promise) => {
                self.map(process, pages, permissions, promise, false);
            }
            Action::MapOver(pages, permissions, promise) => {
                self.map(process, pages, permissions, promise, true);
            }
            Action::MapShared(pages, permissions, over) => {
                self.map_shared(process, pages, permissions, over);
            }
            Action::Protect(pages, permissions) => self.protect(process, pages, permissions),
            Action::Unmap(pages) => self.unmap(process, pages),
            Action::Grow(bytes, promise) => self.grow(process, bytes, promise),
            Action::Shrink(bytes) => self.shrink(process, bytes),
            Action::File(action) => self.act_on_files(process, action),
            Action::Objects(size, count) => self.objects(size, count),
            Action::Reclaim(wanted) => {
                let _ = self.reclaim(wanted, Luck::Any);
            }
            Action::Transfer(index, fails) => self.end_transfer(index, fails),
            Action::LendTables => self.lend_tables(process),
            Action::Squeeze(at, page) => self.squeeze(process, at, page),
            Action::Inspect => self.inspect(process),
            Action::Look(place) => self.look(process, process.address(place)),
        }
    }

    fn note_refusal(&self, refused: bool) {
        self.count(|tally| tally.refusals += u64::from(refused));
    }
}
