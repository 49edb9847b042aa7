//! Fast translations: what the plain path of loads, stores and fetches compares with.
//!
//! A line is direct mapped by page number and by context (user; supervisor without and with access
//! to user pages; machine). Tags are compared with the address of which the bits that must be 0 in
//! an aligned one are kept, so a misaligned access misses, too.

use alloc::boxed::Box;
use alloc::vec;

/// Lines per context.
const LINES: usize = 256;
const FETCH_LINES: usize = 64;
const CONTEXTS: usize = 4;
/// No address that was masked equals this.
const NEVER: u64 = u64::MAX;

#[derive(Clone, Copy)]
struct Line {
    read: u64,
    write: u64,
    offset: usize,
}

#[derive(Clone, Copy)]
struct FetchLine {
    page: u64,
    code: u32,
}

const EMPTY: Line = Line {
    read: NEVER,
    write: NEVER,
    offset: 0,
};
const FETCH_EMPTY: FetchLine = FetchLine {
    page: NEVER,
    code: 0,
};

/// The fast translations of one hart.
#[derive(Clone)]
pub(crate) struct Fast {
    lines: Box<[Line; LINES * CONTEXTS]>,
    fetch: Box<[FetchLine; FETCH_LINES * CONTEXTS]>,
    /// The context of loads and stores now.
    pub data_context: usize,
}

fn boxed<T: Copy, const N: usize>(value: T) -> Box<[T; N]> {
    match vec![value; N].into_boxed_slice().try_into() {
        Ok(array) => array,
        Err(_) => unreachable!("the vector has N elements"),
    }
}

impl Fast {
    pub fn new() -> Self {
        Self {
            lines: boxed(EMPTY),
            fetch: boxed(FETCH_EMPTY),
            data_context: 3,
        }
    }

    /// The place in RAM of `SIZE` aligned bytes that may be read.
    #[inline(always)]
    pub fn readable<const SIZE: u64>(&self, address: u64) -> Option<usize> {
        let line = &self.lines[self.line(address)];
        (line.read == address & (!0xfff | (SIZE - 1)))
            .then(|| line.offset.wrapping_add((address & 0xfff) as usize))
    }

    /// The place in RAM of `SIZE` aligned bytes that may be written without anybody hearing of it.
    #[inline(always)]
    pub fn writable<const SIZE: u64>(&self, address: u64) -> Option<usize> {
        let line = &self.lines[self.line(address)];
        (line.write == address & (!0xfff | (SIZE - 1)))
            .then(|| line.offset.wrapping_add((address & 0xfff) as usize))
    }

    #[inline(always)]
    fn line(&self, address: u64) -> usize {
        (self.data_context & (CONTEXTS - 1)) * LINES + (address >> 12) as usize % LINES
    }

    /// The decoded page of a fetch.
    #[inline(always)]
    pub fn executable(&self, context: usize, page: u64) -> Option<u32> {
        let line = &self.fetch
            [(context & (CONTEXTS - 1)) * FETCH_LINES + (page >> 12) as usize % FETCH_LINES];
        (line.page == page).then_some(line.code)
    }

    pub fn remember_code(&mut self, context: usize, page: u64, code: u32) {
        self.fetch[context * FETCH_LINES + (page >> 12) as usize % FETCH_LINES] =
            FetchLine { page, code };
    }

    pub fn remember(
        &mut self,
        context: usize,
        address: u64,
        offset: usize,
        read: bool,
        write: bool,
    ) {
        let page = address & !0xfff;
        self.lines[context * LINES + (address >> 12) as usize % LINES] = Line {
            read: if read { page } else { NEVER },
            write: if write { page } else { NEVER },
            offset,
        };
    }

    /// Forgets every translation of every context but the machine's.
    pub fn forget_translated(&mut self) {
        self.lines[..LINES * 3].fill(EMPTY);
        self.fetch[..FETCH_LINES * 3].fill(FETCH_EMPTY);
    }

    /// Forgets everything.
    pub fn forget_all(&mut self) {
        self.lines.fill(EMPTY);
        self.fetch.fill(FETCH_EMPTY);
    }

    /// Forgets one page in every context.
    pub fn forget_page(&mut self, address: u64) {
        let page = (address >> 12) as usize;
        for context in 0..CONTEXTS {
            self.lines[context * LINES + page % LINES] = EMPTY;
            self.fetch[context * FETCH_LINES + page % FETCH_LINES] = FETCH_EMPTY;
        }
    }

    /// Forgets that pages may be written: the flags of some have changed.
    pub fn forget_writable(&mut self) {
        for line in &mut *self.lines {
            line.write = NEVER;
        }
    }

    /// Forgets which pages hold code.
    pub fn forget_code(&mut self) {
        self.fetch.fill(FETCH_EMPTY);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_aligned_accesses_with_the_right_hit() {
        let mut fast = Fast::new();
        fast.remember(3, 0x5000, 0x1000, true, false);
        assert_eq!(fast.readable::<8>(0x5008), Some(0x1008));
        assert_eq!(fast.readable::<8>(0x5001), None);
        assert_eq!(fast.readable::<1>(0x5001), Some(0x1001));
        assert_eq!(fast.writable::<8>(0x5008), None);
        assert_eq!(fast.readable::<8>(0x5000 + (LINES as u64) * 4096), None);
        fast.data_context = 1;
        assert_eq!(fast.readable::<8>(0x5008), None, "another context");
        assert_eq!(Fast::new().readable::<2>(u64::MAX), None);
    }
}
