//! The steps that can happen, each chosen by one number.
//!
//! Pages lie in three windows: at the bottom, where an image and its heap are; across a boundary of
//! tables on two levels; and below the top of user memory. Ranges stay in one window and its
//! surroundings, so that they overlap often.

mod file;

use std::ops::{Deref, DerefMut};

use abi::{ForkMode, PAGE_SIZE};
use fastrand::Rng;
use mm::addr::{PageNo, PageRange, VirtAddr};
use mm::file::FilePage;
use mm::pt::Permissions;
use mm::space::Promise;

use crate::words::SLOTS;
pub use file::FileAction;

/// Returns the first page and the number of pages of each window. User memory ends at `top`.
const fn windows(top: u64) -> [(u64, u64); 3] {
    [
        (0, HEAP_PAGES),
        ((1 << 18) - 6, 12),
        (top / PAGE_SIZE as u64 - 8, 9),
    ]
}

/// The source of a step's random choices, with the end of user memory.
pub struct Chances {
    rng: Rng,
    top: u64,
}

impl Chances {
    /// Returns choices from `rng` for programs whose memory ends at `top`.
    pub fn new(rng: Rng, top: VirtAddr) -> Self {
        Self { rng, top: top.0 }
    }
}

impl Deref for Chances {
    type Target = Rng;

    fn deref(&self) -> &Rng {
        &self.rng
    }
}

impl DerefMut for Chances {
    fn deref_mut(&mut self) -> &mut Rng {
        &mut self.rng
    }
}

/// The heap ends at or below this page.
pub const HEAP_PAGES: u64 = 24;

/// A step of one hart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// The hart, modulo the number of harts.
    pub hart: usize,
    /// The action.
    pub action: Action,
    /// The seed of all random choices in the step.
    pub seed: u64,
    /// Whether other harts may act before the step is done.
    pub crowded: bool,
}

/// The address of an access.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// A checked word of a mapped page: the page, modulo the number of pages, and the slot.
    Mapped(usize, usize),
    /// This address.
    At(VirtAddr),
}

/// An action of a hart, in the process that it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// The program loads a word.
    Load(Place),
    /// The program stores a word.
    Store(Place),
    /// The program fetches an instruction.
    Fetch(Place),
    /// The kernel reads this many words of the program.
    KernelRead(Place, usize),
    /// The kernel writes this many words of the program.
    KernelWrite(Place, usize),
    /// The hart runs another process, or none if there is no process of this number.
    Switch(usize),
    /// The process forks.
    Fork(ForkMode),
    /// The process ends.
    Exit,
    /// The process executes another program.
    Exec,
    /// Pages are mapped.
    Map(PageRange, Permissions, Promise),
    /// Pages are mapped in place of other mappings.
    MapOver(PageRange, Permissions, Promise),
    /// Pages are mapped for the whole family; the flag says whether in place of other mappings.
    MapShared(PageRange, Permissions, bool),
    /// The permissions of pages change.
    Protect(PageRange, Permissions),
    /// Pages are unmapped.
    Unmap(PageRange),
    /// The heap grows by this many bytes.
    Grow(u64, Promise),
    /// The heap shrinks by this many bytes.
    Shrink(u64),
    /// The kernel allocates objects of a size, and frees them. The numbers are the size and the
    /// count.
    Objects(usize, usize),
    /// The kernel allocates all memory that it can get for objects. Meanwhile the process stores to
    /// the pages of a file, which it maps here, and then touches its promised pages.
    Squeeze(PageNo, FilePage),
    /// The kernel evicts pages to free this many frames.
    Reclaim(u64),
    /// A step on a file.
    File(FileAction),
    /// One of the transfers to or from swap or a file ends. The number is taken modulo the number
    /// of transfers; the flag says whether the transfer fails.
    Transfer(usize, bool),
    /// The kernel lends the idle page tables of the process.
    LendTables,
    /// The kernel reports the memory use of the process.
    Inspect,
    /// The kernel reports the page of an address.
    Look(Place),
}

impl Step {
    /// Returns the step for a number. `mode` is how processes fork; either way if it is `None`.
    pub fn from_seed(seed: u64, top: VirtAddr, mode: Option<ForkMode>) -> Self {
        let mut rng = Chances::new(Rng::with_seed(seed), top);
        Self {
            hart: rng.usize(0..64),
            action: Action::random(&mut rng, mode),
            seed: rng.u64(..),
            crowded: rng.u32(0..8) != 0,
        }
    }
}

impl Action {
    /// Returns a random action.
    pub fn random(rng: &mut Chances, mode: Option<ForkMode>) -> Self {
        match rng.u32(0..120) {
            0..20 => Self::Load(place(rng)),
            20..22 => Self::Reclaim(rng.u64(1..40)),
            22..42 => Self::Store(place(rng)),
            42..46 => Self::Transfer(rng.usize(0..16), rng.u32(0..8) == 0),
            46..50 => Self::Fetch(place(rng)),
            50..55 => Self::KernelRead(place(rng), rng.usize(1..1200)),
            55..62 => Self::KernelWrite(place(rng), rng.usize(1..1200)),
            62..72 => Self::Switch(rng.usize(0..10)),
            72..79 => Self::Fork(mode.unwrap_or_else(|| fork_mode(rng))),
            79..82 => Self::Exit,
            82..84 => Self::Exec,
            84..85 => Self::MapShared(pages(rng), permissions(rng), rng.bool()),
            85..86 => Self::Map(pages(rng), permissions(rng), promise(rng)),
            86..87 => Self::MapOver(pages(rng), permissions(rng), promise(rng)),
            87..88 => Self::Protect(pages(rng), permissions(rng)),
            88..91 => Self::Unmap(pages(rng)),
            91..95 => Self::Grow(bytes(rng), promise(rng)),
            95..97 => Self::Shrink(bytes(rng)),
            97..98 => Self::Objects(rng.usize(1..2048), rng.usize(1..40)),
            98..100 => Self::Inspect,
            100 => Self::LendTables,
            101..103 => Self::Look(anywhere(rng)),
            103 => Self::Squeeze(pages(rng).start, file::page(rng)),
            _ => Self::File(FileAction::random(rng)),
        }
    }

    /// Returns a random action that changes memory which another hart is working on.
    pub fn awkward(rng: &mut Chances, mode: Option<ForkMode>) -> Self {
        match rng.u32(0..9) {
            0..3 => Self::Store(place(rng)),
            3 => Self::Reclaim(rng.u64(1..40)),
            4 => Self::Unmap(pages(rng)),
            5 => Self::Fork(mode.unwrap_or_else(|| fork_mode(rng))),
            _ => Self::File(FileAction::awkward(rng)),
        }
    }
}

fn fork_mode(rng: &mut Chances) -> ForkMode {
    match rng.u32(0..8) {
        0..2 => ForkMode::Eager,
        2..5 => ForkMode::CopyOnWrite,
        _ => ForkMode::SharedTables,
    }
}

fn promise(rng: &mut Chances) -> Promise {
    if rng.bool() {
        Promise::Charged
    } else {
        Promise::Lazy
    }
}

fn permissions(rng: &mut Chances) -> Permissions {
    let (read, write, execute) = (Permissions::READ, Permissions::WRITE, Permissions::EXECUTE);
    match rng.u32(0..9) {
        8 => Permissions::empty(),
        0 => read,
        1 => read | execute,
        2 => read | write | execute,
        3 => execute,
        _ => read | write,
    }
}

/// Returns a random number of bytes by which the heap moves, often not a whole number of pages.
fn bytes(rng: &mut Chances) -> u64 {
    let pages = rng.u64(0..HEAP_PAGES / 2) * PAGE_SIZE as u64;
    match rng.u32(0..16) {
        0 => u64::MAX - pages,
        1..6 => pages + rng.u64(1..PAGE_SIZE as u64),
        _ => pages,
    }
}

fn window(rng: &mut Chances) -> (u64, u64) {
    windows(rng.top)[[0, 0, 0, 1, 1, 2][rng.usize(0..6)]]
}

/// Returns the address of a checked word, or now and then one outside user memory.
fn place(rng: &mut Chances) -> Place {
    let slot = rng.usize(0..SLOTS.len());
    match rng.u32(0..64) {
        0 => Place::At(outside(rng)),
        1..9 => {
            let (first, count) = window(rng);
            let page = PageNo(first + rng.u64(0..count));
            Place::At(VirtAddr(page.address().0 + SLOTS[slot] as u64))
        }
        _ => Place::Mapped(rng.usize(0..64), slot),
    }
}

/// Returns the address of a checked word, or more often one outside user memory.
fn anywhere(rng: &mut Chances) -> Place {
    match rng.u32(0..3) {
        0 => place(rng),
        _ => Place::At(outside(rng)),
    }
}

/// Returns an address that no program may touch: at the top, in a hole, or in the kernel's half,
/// for tables of three and of four levels. Often its lower bits are those of a page in user memory.
fn outside(rng: &mut Chances) -> VirtAddr {
    let top = rng.top;
    let edges = [top, top + 0x1000, top + 0x2000, 1 << 63, !0xfff];
    // The end of the lower half, and addresses beyond the range that the hardware translates.
    let half = top.next_power_of_two();
    let halves = [
        half,
        2 * half,
        0xff << 56,
        1 << 63,
        !(half - 1),
        !(2 * half - 1),
    ];
    if rng.bool() {
        return VirtAddr(edges[rng.usize(0..edges.len())]);
    }
    let (first, count) = window(rng);
    let page = match rng.u32(0..3) {
        0 => rng.u64(0..top / PAGE_SIZE as u64),
        1 => rng.u64(0..256) << 18,
        _ => first + rng.u64(0..count),
    };
    VirtAddr(halves[rng.usize(0..halves.len())] | (page * PAGE_SIZE as u64))
}

/// Returns a random range of pages, now and then an empty one or one beyond the top.
fn pages(rng: &mut Chances) -> PageRange {
    let (first, count) = window(rng);
    let start = match rng.u32(0..64) {
        0 => outside(rng).page().0,
        _ => first + rng.u64(0..count),
    };
    PageRange::new(PageNo(start), PageNo(start + rng.u64(0..8)))
}
