//! Counts of what a run has done.

/// How often things happened. A run shows nothing about things that did not happen.
#[derive(Clone, Copy, Default, Debug)]
pub struct Tally {
    /// Steps, including those inside others.
    pub steps: u64,
    /// Words loaded, stored or fetched and compared.
    pub words: u64,
    /// Faults resolved.
    pub faults: u64,
    /// Forks that succeeded.
    pub forks: u64,
    /// Operations that found no memory.
    pub refusals: u64,
    /// Steps inside others.
    pub inside: u64,
    /// Pages written to swap and read back.
    pub swapped: (u64, u64),
    /// Page tables that were lent.
    pub lent: u64,
    /// Shared page tables that were copied.
    pub unshared: u64,
    /// Pages of files.
    pub files: FileTally,
}

/// The counts for pages of files.
#[derive(Clone, Copy, Default, Debug)]
pub struct FileTally {
    /// Read into the cache.
    pub read: u64,
    /// Written back.
    pub written: u64,
    /// Cut off.
    pub cut: u64,
    /// Private copies of pages.
    pub copied: u64,
}

impl std::ops::AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.steps += other.steps;
        self.words += other.words;
        self.faults += other.faults;
        self.forks += other.forks;
        self.refusals += other.refusals;
        self.inside += other.inside;
        self.swapped.0 += other.swapped.0;
        self.swapped.1 += other.swapped.1;
        self.lent += other.lent;
        self.unshared += other.unshared;
        self.files.read += other.files.read;
        self.files.written += other.files.written;
        self.files.cut += other.files.cut;
        self.files.copied += other.files.copied;
    }
}
