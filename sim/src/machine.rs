//! The simulated machine, as `mm` and as programs see it.
//!
//! Two properties make it an adversary. Its TLBs ([`crate::tlb`]) and instruction caches keep
//! everything that they may. And whenever `mm` calls it for an operation that takes time (a fence,
//! a page copied or cleared, a root loaded), it calls the [`Bystanders`], which make other harts
//! act at that moment.
//!
//! Invariants: a machine is used by one thread at a time, so the lock around its state is never
//! waited for. The state is not locked while bystanders act.

use std::cell::Cell;
use std::marker::PhantomData;
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard};

use abi::PAGE_SIZE;
use fastrand::Rng;
use mm::addr::{FrameNo, FrameRange, FrameRanges, VirtAddr};
use mm::machine::{Fence, HartSet, Machine, Root};
use mm::swap::words_for;
use mm::{Layout, Memory};

use crate::file::{FILES, PAGES};
use crate::isa::Isa;
use crate::ram::Ram;
use crate::tlb::Tlb;
use crate::walker::{Touch, translate};

/// The size of the words that programs access, in bytes.
pub const WORD: usize = 8;
/// The most words that an instruction cache keeps.
const CACHED_WORDS: usize = 32;

/// The parameters of a machine.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// The number of harts.
    pub harts: usize,
    /// The number of frames of memory.
    pub frames: u64,
    /// The number of address-space identifiers that its TLBs distinguish.
    pub asids: usize,
    /// Whether its TLBs are always used when they have an entry.
    pub stubborn: bool,
    /// The number of slots of swap.
    pub slots: usize,
    /// One in this many allocations is refused; 0 for none.
    pub refusals: u32,
    /// The most pages of a file.
    pub pages: u32,
    /// The initial number of pages of each file.
    pub files: [u32; FILES.len()],
}

impl Size {
    /// Returns a random size with at most `harts` harts.
    pub fn from_seed(seed: u64, harts: usize) -> Self {
        let mut rng = Rng::with_seed(seed);
        // If there are few pages, more happens to each of them.
        let pages = [2, PAGES][rng.usize(0..2)];
        Self {
            harts: rng.usize(1..=harts),
            frames: rng.u64(120..260),
            asids: [1, 2, 4, 16][rng.usize(0..4)],
            stubborn: rng.bool(),
            slots: [0, 0, 30, 300][rng.usize(0..4)],
            refusals: [0, 0, 64, 8][rng.usize(0..4)],
            pages,
            files: FILES.map(|_| rng.u32(0..=pages)),
        }
    }
}

/// Observers of what programs do. They may make other harts act.
pub trait Bystanders {
    /// Called while `mm` waits for the machine: other harts may act now.
    fn interfere(&self);

    /// Called when `mm` has just copied a page into `frame` for the current hart.
    fn copied(&self, frame: FrameNo);

    /// Called when the current hart has read `word` at `address`.
    fn saw(&self, address: VirtAddr, word: u64, touch: Touch);

    /// Called when the current hart has stored `word` at `address`.
    fn stored(&self, address: VirtAddr, word: u64);
}

thread_local! {
    static BYSTANDERS: Cell<Option<*const dyn Bystanders>> = const { Cell::new(None) };
}

/// Runs `body` with bystanders for all machines of this thread.
pub fn with_bystanders<R>(bystanders: &dyn Bystanders, body: impl FnOnce() -> R) -> R {
    struct Reset;
    impl Drop for Reset {
        fn drop(&mut self) {
            BYSTANDERS.set(None);
        }
    }
    // SAFETY: only the lifetime is changed. `Reset` takes the pointer out, unwinding included,
    // before the borrow ends, and a thread-local is reached by this thread alone.
    let erased = unsafe {
        std::mem::transmute::<*const (dyn Bystanders + '_), *const (dyn Bystanders + 'static)>(
            ptr::from_ref(bystanders),
        )
    };
    BYSTANDERS.set(Some(erased));
    let _reset = Reset;
    body()
}

fn bystanders(tell: impl FnOnce(&dyn Bystanders)) {
    if let Some(bystanders) = BYSTANDERS.get() {
        // SAFETY: it is set only while `with_bystanders` holds the borrow it was made of.
        tell(unsafe { &*bystanders });
    }
}

/// Runs `body` on a memory system that owns all frames of a machine except the first, the kernel's
/// root.
pub fn with_memory<I: Isa, R>(size: &Size, body: impl FnOnce(&Memory<SimMachine<I>>) -> R) -> R {
    let machine = SimMachine::new(size);
    let ram = machine.ram.range();
    let layout = Layout {
        ram: FrameRanges::from_iter([ram]),
        free: FrameRanges::from_iter([FrameRange::new(FrameNo(ram.start.0 + 1), ram.end)]),
        kernel_root: ram.start,
        harts: size.harts,
    };
    let records = Box::into_raw(Box::new_uninit_slice(ram.len() as usize));
    let slots = Box::into_raw(Box::new_uninit_slice(size.slots));
    let free_slots = Box::into_raw(Box::new_uninit_slice(words_for(size.slots)));
    // SAFETY: fresh from boxes, so valid and nobody else's; they stay so until they become boxes
    // again below.
    let tables = unsafe { (&mut *records, &mut *slots, &mut *free_slots) };
    let memory = Memory::new(machine, layout, tables.0, tables.1, tables.2);
    let result = body(&memory);
    drop(memory);
    // SAFETY: the memory system that had the records is gone, and `body` could keep no reference to
    // it.
    unsafe {
        drop(Box::from_raw(records));
        drop(Box::from_raw(slots));
        drop(Box::from_raw(free_slots));
    }
    result
}

/// The state of a hart.
#[derive(Default)]
struct Hart {
    root: Option<Root>,
    tlb: Tlb,
    /// Words in the instruction cache, with their frames and offsets.
    instructions: Vec<(FrameNo, usize, u64)>,
}

struct State {
    harts: Vec<Hart>,
    rng: Rng,
}

/// The simulated machine.
pub struct SimMachine<I> {
    ram: Ram,
    asids: usize,
    refusals: u32,
    at_work: AtomicUsize,
    state: Mutex<State>,
    isa: PhantomData<fn(I)>,
}

impl<I: Isa> SimMachine<I> {
    /// Returns a machine of this size.
    pub fn new(size: &Size) -> Self {
        let hart = |_| Hart {
            tlb: if size.stubborn {
                Tlb::stubborn()
            } else {
                Tlb::default()
            },
            ..Hart::default()
        };
        Self {
            ram: Ram::new(size.frames),
            asids: size.asids,
            refusals: size.refusals,
            at_work: AtomicUsize::new(0),
            state: Mutex::new(State {
                harts: (0..size.harts).map(hart).collect(),
                rng: Rng::with_seed(0),
            }),
            isa: PhantomData,
        }
    }

    /// Returns its memory.
    pub fn ram(&self) -> &Ram {
        &self.ram
    }

    /// Restarts the sequence of random choices.
    pub fn reseed(&self, seed: u64) {
        self.state().rng.seed(seed);
    }

    /// Returns a random number below `end`.
    pub fn chance(&self, end: u32) -> u32 {
        self.state().rng.u32(0..end)
    }

    /// Returns an independent source of random choices.
    pub fn fork_rng(&self) -> Rng {
        self.state().rng.fork()
    }

    /// Makes `hart` the current hart. Returns the previous one.
    pub fn work_as(&self, hart: usize) -> usize {
        self.at_work.swap(hart, Ordering::Relaxed)
    }

    /// Loads, fetches or stores a word, as a program on the current hart. Returns `false` if the
    /// hart faults.
    pub fn touch(&self, address: VirtAddr, touch: Touch, store: u64) -> bool {
        assert!(address.offset().is_multiple_of(WORD), "words are aligned");
        let Some(frame) = self.translate(address, touch) else {
            return false;
        };
        self.touch_word(frame, address, touch, store);
        true
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state
            .try_lock()
            .expect("one thread at a time uses a machine, and not while bystanders act")
    }

    fn translate(&self, address: VirtAddr, touch: Touch) -> Option<FrameNo> {
        let hart = self.hart();
        let state = &mut *self.state();
        let Hart { root, tlb, .. } = &mut state.harts[hart];
        tlb.lapse(&mut state.rng);
        let root = (*root)?;
        translate::<I>(&self.ram, tlb, root, address, touch, &mut state.rng)
    }

    fn touch_word(&self, frame: FrameNo, address: VirtAddr, touch: Touch, store: u64) {
        let cell = self.ram.word(frame, address.offset());
        match touch {
            Touch::Store => {
                cell.store(store, Ordering::Relaxed);
                self.forget_instruction(frame, address.offset());
                bystanders(|all| all.stored(address, store));
            }
            Touch::Load => {
                let word = cell.load(Ordering::Relaxed);
                bystanders(|all| all.saw(address, word, touch));
            }
            Touch::Fetch => {
                let word = self.fetch(frame, address.offset(), cell.load(Ordering::Relaxed));
                bystanders(|all| all.saw(address, word, touch));
            }
        }
    }

    /// Returns the word that the current hart fetches: the one in its cache, or else the one in
    /// memory.
    fn fetch(&self, frame: FrameNo, offset: usize, in_memory: u64) -> u64 {
        let hart = self.hart();
        let state = &mut *self.state();
        let cache = &mut state.harts[hart].instructions;
        let hit = cache
            .iter()
            .find(|&&(in_frame, at, _)| (in_frame, at) == (frame, offset));
        if let Some(&(_, _, word)) = hit {
            return word;
        }
        if cache.len() == CACHED_WORDS {
            cache.swap_remove(state.rng.usize(0..CACHED_WORDS));
        }
        cache.push((frame, offset, in_memory));
        in_memory
    }

    /// Drops a word from all instruction caches, after a program stored to it: a program that
    /// stores instructions must fence for itself. For the kernel's own stores, the kernel must
    /// fence.
    fn forget_instruction(&self, frame: FrameNo, offset: usize) {
        for hart in &mut self.state().harts {
            hart.instructions
                .retain(|&(in_frame, at, _)| (in_frame, at) != (frame, offset));
        }
    }

    /// Drops all words from all instruction caches, after a write to a file: the writer of code
    /// must fence for itself.
    pub fn forget_instructions(&self) {
        for hart in &mut self.state().harts {
            hart.instructions.clear();
        }
    }

    /// Copies word by word through the translation of the current hart, until the first fault.
    /// Returns how many bytes were copied.
    fn transfer(
        &self,
        base: VirtAddr,
        length: usize,
        touch: Touch,
        mut word: impl FnMut(FrameNo, VirtAddr, usize),
    ) -> usize {
        let mut done = 0;
        while done < length {
            let start = VirtAddr(base.0 + done as u64);
            let Some(frame) = self.translate(start, touch) else {
                break;
            };
            let page_end = (done + PAGE_SIZE - start.offset()).min(length);
            while done < page_end {
                word(frame, VirtAddr(base.0 + done as u64), done);
                done += WORD;
            }
            bystanders(|all| all.interfere());
        }
        done
    }
}

// SAFETY: frames are disjoint parts of `ram`, valid and aligned for as long as the machine lives;
// `ram` itself reaches them as atomic words only, which programs do through translations that `mm`
// made. `zero_frame` and `copy_frame` touch what they are told to.
unsafe impl<I: Isa> Machine for SimMachine<I> {
    type Format = I;
    const COPIED_ENTRIES: usize = 0;

    fn asids(&self) -> usize {
        self.asids
    }

    fn hart(&self) -> usize {
        self.at_work.load(Ordering::Relaxed)
    }

    fn frame_address(&self, frame: FrameNo) -> *mut u8 {
        self.ram.words(frame).as_ptr().cast_mut().cast()
    }

    unsafe fn zero_frame(&self, frame: FrameNo) {
        bystanders(|all| all.interfere());
        self.ram.fill(frame, 0);
    }

    unsafe fn copy_frame(&self, from: FrameNo, to: FrameNo) {
        bystanders(|all| all.interfere());
        self.ram.copy(from, to);
        bystanders(|all| all.copied(to));
        bystanders(|all| all.interfere());
    }

    fn fence_local(&self, fence: Fence) {
        let hart = self.hart();
        self.state().harts[hart].tlb.fence(fence);
        bystanders(|all| all.interfere());
    }

    fn fence_remote(&self, harts: HartSet, fence: Fence) {
        bystanders(|all| all.interfere());
        for (index, hart) in self.state().harts.iter_mut().enumerate() {
            if harts.0 >> index & 1 != 0 {
                hart.tlb.fence(fence);
            }
        }
        bystanders(|all| all.interfere());
    }

    fn synchronize_instructions(&self, harts: HartSet) {
        bystanders(|all| all.interfere());
        for (index, hart) in self.state().harts.iter_mut().enumerate() {
            if harts.0 >> index & 1 != 0 {
                hart.instructions.clear();
            }
        }
    }

    fn load_root(&self, root: Option<Root>) {
        let hart = self.hart();
        self.state().harts[hart].root = root;
        bystanders(|all| all.interfere());
    }

    fn read_user(&self, from: VirtAddr, to: &mut [u8]) -> usize {
        self.transfer(from, to.len(), Touch::Load, |frame, address, done| {
            let word = self.ram.word(frame, address.offset());
            to[done..done + WORD].copy_from_slice(&word.load(Ordering::Relaxed).to_ne_bytes());
            self.touch_word(frame, address, Touch::Load, 0);
        })
    }

    fn write_user(&self, to: VirtAddr, from: &[u8]) -> usize {
        self.transfer(to, from.len(), Touch::Store, |frame, address, done| {
            let word = u64::from_ne_bytes(from[done..done + WORD].try_into().expect("a word"));
            self.touch_word(frame, address, Touch::Store, word);
        })
    }

    fn refuses_allocation(&self) -> bool {
        self.refusals != 0 && self.chance(self.refusals) == 0
    }
}
