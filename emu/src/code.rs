//! The decoded instructions a hart has fetched: its instruction cache.
//!
//! A hart sees a store to code at the latest after its own `fence.i` (Volume I, "Zifencei"). Until
//! then what was fetched before may go on being executed, and this cache can keep it: a place that
//! was stored to becomes [`Kind::Stale`], and the old instruction is kept beside. Invariant: RAM
//! pages that a cache knows have the flag [`crate::ram::CODE`].

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::decode::{Kind, Op, Page};
use crate::hart::Place;
use crate::ram::PAGE;
use crate::stored::{Bad, Bytes, Stored, stored};

/// Pages after which a cache starts anew.
const PAGES_MAX: usize = 1024;
/// Stores to a page that met no decoded instruction, after which the page counts as data.
const QUIET: u32 = 256;

#[derive(Clone)]
struct CodePage {
    ops: Arc<Page>,
    /// Stores since one last met a decoded instruction.
    quiet: u32,
}

/// An instruction that memory no longer holds.
#[derive(Clone, Copy)]
pub(crate) struct Outdated {
    /// The instruction as it was fetched.
    pub op: Op,
    /// The store.
    pub by: Place,
}

stored!(Outdated { op, by });

/// The cache of one hart.
#[derive(Clone)]
pub(crate) struct Code {
    pages: Vec<CodePage>,
    /// From the number of a RAM page to its place in `pages`.
    index: BTreeMap<u32, u32>,
    outdated: BTreeMap<(u32, u16), Outdated>,
}

impl Stored for Code {
    fn save(&self, to: &mut Vec<u8>) {
        let pages = self.pages.iter().map(|page| {
            let ops = page.ops.iter().enumerate();
            let decoded = ops.filter(|(_, op)| op.kind != Kind::Unknown);
            let decoded: Vec<(u16, Op)> = decoded.map(|(slot, &op)| (slot as u16, op)).collect();
            (page.quiet, decoded)
        });
        pages.collect::<Vec<_>>().save(to);
        self.index.save(to);
        self.outdated.save(to);
    }

    fn load(from: &mut Bytes<'_>) -> Result<Self, Bad> {
        let saved: Vec<(u32, Vec<(u16, Op)>)> = Stored::load(from)?;
        let mut pages = Vec::new();
        for (quiet, decoded) in saved {
            let mut ops = [Op::UNKNOWN; PAGE / 2];
            for (slot, op) in decoded {
                *ops.get_mut(usize::from(slot)).ok_or(Bad)? = op.checked().ok_or(Bad)?;
            }
            pages.push(CodePage {
                ops: Arc::new(ops),
                quiet,
            });
        }
        let code = Self {
            index: Stored::load(from)?,
            outdated: Stored::load(from)?,
            pages,
        };
        let known = |at: u32| (at as usize) < code.pages.len();
        let fits = code.pages.len() <= PAGES_MAX
            && code.index.values().all(|&at| known(at))
            && code.outdated.iter().all(|(&(at, slot), outdated)| {
                known(at) && usize::from(slot) < PAGE / 2 && outdated.op.checked().is_some()
            });
        fits.then_some(code).ok_or(Bad)
    }
}

impl Code {
    pub fn new() -> Self {
        Self {
            pages: Vec::new(),
            index: BTreeMap::new(),
            outdated: BTreeMap::new(),
        }
    }

    /// The place of a RAM page's decoded instructions. The second value is true if the cache was
    /// emptied to make room.
    pub fn page(&mut self, number: u32) -> (u32, bool) {
        if let Some(&at) = self.index.get(&number) {
            return (at, false);
        }
        let full = self.pages.len() >= PAGES_MAX;
        if full {
            *self = Self::new();
        }
        self.pages.push(CodePage {
            ops: Arc::new([Op::UNKNOWN; PAGE / 2]),
            quiet: 0,
        });
        let at = self.pages.len() as u32 - 1;
        self.index.insert(number, at);
        (at, full)
    }

    /// The instructions of a page.
    #[inline(always)]
    pub fn ops(&self, at: u32) -> &Page {
        &self.pages[at as usize].ops
    }

    pub fn set(&mut self, at: u32, slot: usize, op: Op) {
        if let Some(page) = self.pages.get_mut(at as usize) {
            Arc::make_mut(&mut page.ops)[slot % (PAGE / 2)] = op;
        }
    }

    /// The instruction that was fetched from a place before it was stored to.
    pub fn outdated(&self, at: u32, slot: usize) -> Option<Outdated> {
        self.outdated.get(&(at, slot as u16)).copied()
    }

    /// Hears of a store. With `keep`, decoded instructions become stale, else they are forgotten.
    /// Returns true if the page has long been used as data.
    pub fn stored(&mut self, offset: usize, size: usize, keep: bool, by: Place) -> bool {
        // An instruction that begins one halfword before the store may reach into it.
        let first = (offset / 2).saturating_sub(1);
        let last = (offset + size - 1) / 2;
        let mut data = false;
        for half in first..=last {
            let number = (half / (PAGE / 2)) as u32;
            let Some(&at) = self.index.get(&number) else {
                continue;
            };
            let page = &mut self.pages[at as usize];
            let slot = half % (PAGE / 2);
            let op = page.ops[slot];
            match op.kind {
                Kind::Unknown | Kind::Stale => {
                    page.quiet = page.quiet.saturating_add(1);
                    data |= page.quiet >= QUIET;
                }
                _ => {
                    page.quiet = 0;
                    let mut new = Op::UNKNOWN;
                    if keep {
                        new.kind = Kind::Stale;
                        self.outdated.insert((at, slot as u16), Outdated { op, by });
                    }
                    Arc::make_mut(&mut page.ops)[slot] = new;
                }
            }
        }
        data
    }

    /// Forgets a page that has become data, unless something stale is kept of it.
    pub fn forget_page(&mut self, number: u32) -> bool {
        let Some(&at) = self.index.get(&number) else {
            return true;
        };
        if self
            .outdated
            .range((at, 0)..=(at, u16::MAX))
            .next()
            .is_some()
        {
            return false;
        }
        self.index.remove(&number);
        true
    }

    /// `fence.i`: whatever is stale is fetched anew.
    pub fn fence(&mut self) {
        for &(at, slot) in self.outdated.keys() {
            if let Some(page) = self.pages.get_mut(at as usize) {
                Arc::make_mut(&mut page.ops)[usize::from(slot)] = Op::UNKNOWN;
            }
        }
        self.outdated.clear();
    }

    /// Fetches one stale place anew.
    pub fn refresh(&mut self, at: u32, slot: usize) {
        self.outdated.remove(&(at, slot as u16));
        self.set(at, slot, Op::UNKNOWN);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::decode;

    #[test]
    fn a_store_makes_an_instruction_stale_until_the_fence() {
        let mut code = Code::new();
        let (at, _) = code.page(3);
        let op = decode(0x0000_0513);
        code.set(at, 4, op);
        code.stored(3 * PAGE + 10, 1, true, Place::default());
        assert_eq!(
            code.ops(at)[4].kind,
            Kind::Stale,
            "its second halfword was stored to"
        );
        assert_eq!(code.outdated(at, 4).unwrap().op, op);
        code.fence();
        assert_eq!(code.ops(at)[4].kind, Kind::Unknown);
        code.set(at, 4, op);
        code.stored(3 * PAGE + 8, 2, false, Place::default());
        assert_eq!(code.ops(at)[4].kind, Kind::Unknown);
    }

    #[test]
    fn a_page_that_is_only_stored_to_becomes_data() {
        let mut code = Code::new();
        code.page(0);
        let became = (0..2 * QUIET).any(|_| code.stored(64, 8, true, Place::default()));
        assert!(became && code.forget_page(0));
    }
}
