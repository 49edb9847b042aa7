//! What can happen, each chosen by one number.
//!
//! Pages lie in three windows: at the bottom, where an image and its heap are; across a boundary of
//! tables on two levels; and below the top of what programs may have. Ranges stay in a window and
//! its neighbourhood, so that they meet.

mod file;

use std::ops::{Deref, DerefMut};

use abi::{ForkMode, PAGE_SIZE};
use fastrand::Rng;
use mm::addr::{PageNo, PageRange, VirtAddr};
use mm::file::FilePage;
use mm::pt::Permissions;
use mm::space::Promise;

use crate::model::SLOTS;
pub use file::FileAction;

/// Returns the first page of each window, and how many there are, where programs end at `top`.
const fn windows(top: u64) -> [(u64, u64); 3] {
    [
        (0, HEAP_PAGES),
        ((1 << 18) - 6, 12),
        (top / PAGE_SIZE as u64 - 8, 9),
    ]
}

/// Where the chances of a step come from, and where its program ends.
pub struct Chances {
    rng: Rng,
    top: u64,
}

impl Chances {
    /// Chances for programs that end at `top`.
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

/// The break stays at or below this page.
pub const HEAP_PAGES: u64 = 24;

/// One thing a hart does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// Which hart, modulo how many there are.
    pub hart: usize,
    /// What.
    pub action: Action,
    /// What all chances in it come from.
    pub seed: u64,
    /// Whether other harts may act before it is done.
    pub crowded: bool,
}

/// Where a program touches memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// A watched word of something mapped: the page, modulo how many there are, and the slot.
    Mapped(usize, usize),
    /// Wherever this is.
    At(VirtAddr),
}

/// What a hart does, in the process it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// The program loads a word.
    Load(Place),
    /// The program stores a word.
    Store(Place),
    /// The program fetches an instruction.
    Fetch(Place),
    /// The kernel reads so many words of the program.
    KernelRead(Place, usize),
    /// The kernel writes so many words of the program.
    KernelWrite(Place, usize),
    /// The hart goes over to another process; to none if there is no such one.
    Switch(usize),
    /// The process forks.
    Fork(ForkMode),
    /// The process ends.
    Exit,
    /// The process becomes another program.
    Exec,
    /// Pages are mapped.
    Map(PageRange, Permissions, Promise),
    /// The same, in place of what is there.
    MapOver(PageRange, Permissions, Promise),
    /// Pages are mapped for the whole family; true if in place of what is there.
    MapShared(PageRange, Permissions, bool),
    /// Pages get other permissions.
    Protect(PageRange, Permissions),
    /// Pages are unmapped.
    Unmap(PageRange),
    /// The break goes up by so many bytes.
    Grow(u64, Promise),
    /// The break goes down by so many bytes.
    Shrink(u64),
    /// The kernel takes so many objects of a size, and gives them back.
    Objects(usize, usize),
    /// The kernel takes all memory that it can have for objects. Meanwhile the process stores to
    /// the pages of a file, which it maps here, and then touches what it was promised.
    Squeeze(PageNo, FilePage),
    /// The kernel evicts pages to make so many frames free.
    Reclaim(u64),
    /// Something about files.
    File(FileAction),
    /// One of the transfers to or from swap or a file ends, by its number modulo how many there
    /// are; true if it fails.
    Transfer(usize, bool),
    /// The kernel takes the idle page tables of the process.
    LendTables,
    /// The kernel looks at what the process uses.
    Inspect,
    /// The kernel tells what it knows of the page of an address.
    Look(Place),
}

impl Step {
    /// Returns the step a number stands for. `mode` is how processes fork; either way if there is
    /// none.
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
    /// Something, by chance.
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

    /// Something that changes under somebody's hands what he is about to change, by chance.
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
    if rng.u32(0..4) == 0 {
        ForkMode::Eager
    } else {
        ForkMode::CopyOnWrite
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

/// Returns a number of bytes for the break to move, often not of whole pages.
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

/// Returns a word that is watched.
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

/// Returns a word that is watched, or something outside.
fn anywhere(rng: &mut Chances) -> Place {
    match rng.u32(0..3) {
        0 => place(rng),
        _ => Place::At(outside(rng)),
    }
}

/// Returns an address that no program may ever touch: at the top, in a hole, in the kernel's half,
/// and of every level of their tables. Often its lower bits are those of a page that programs have.
fn outside(rng: &mut Chances) -> VirtAddr {
    let top = rng.top;
    let edges = [top, top + 0x1000, top + 0x2000, 1 << 63, !0xfff];
    // Where the lower half ends, or an address no longer is one.
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

/// Some pages; now and then none, or some that reach beyond the top.
fn pages(rng: &mut Chances) -> PageRange {
    let (first, count) = window(rng);
    let start = match rng.u32(0..64) {
        0 => outside(rng).page().0,
        _ => first + rng.u64(0..count),
    };
    PageRange::new(PageNo(start), PageNo(start + rng.u64(0..8)))
}
