//! Mistakes that copy-on-write kernels are known to have made, to be put back on purpose: a test counts only if it fails
//! on the mistake it is named after.
//!
//! The environment variable `COWSLIP_MISTAKE` chooses at most one when this crate is compiled; an unknown name does not
//! compile. [`makes`] is a constant, so a build without a mistake has no trace of any of them. Where a mistake lives in the
//! kernel, the kernel asks here too.
//!
//! The numbers are those of the list in the design of what other systems got wrong. Each has tests named after its number, and `cargo xtask museum` sees them pass without it and fail with it.

macro_rules! mistakes {
    ($($number:literal $variant:ident $name:literal $what:literal;)*) => {
        /// A mistake, by what it is.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Mistake {
            $(
                #[doc = concat!("Mistake ", $number, ", `", $name, "`: ", $what, ".")]
                $variant = $number,
            )*
        }

        impl Mistake {
            /// Every mistake that can be made, in the order of their numbers.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// What `COWSLIP_MISTAKE` calls it.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }

            /// What goes wrong, in a clause.
            pub const fn what(self) -> &'static str {
                match self {
                    $(Self::$variant => $what,)*
                }
            }
        }
    };
}

mistakes! {
    1 EightBitCount "eight-bit-count"
        "a frame's count has 8 bits, so the 256th reference makes it 0";
    2 StaleOwnerCount "stale-owner-count"
        "a page is reused by a count that is out of date: another sharer came since it was read";
    3 MarkLostOnSecondFork "mark-lost-on-second-fork"
        "fork of a page that is copy-on-write already loses the mark";
    4 ReadOnlyGainsWrite "read-only-gains-write"
        "any write to a present page is taken for one to copy on";
    5 FailedForkLeaks "failed-fork-leaks"
        "a fork that finds no memory forgets the root it had made for the child";
    6 KernelWritesShared "kernel-writes-shared"
        "the kernel writes for a program to the frame that is there, whoever shares it";
    7 NoFlushAfterFork "no-flush-after-fork"
        "the parent's writable translations outlive a fork";
    8 FreesBeforeFlush "frees-before-flush"
        "frames are freed while stale translations still reach them";
    9 TablesLeakAtExit "tables-leak-at-exit"
        "an address space that ends gives its pages back and keeps its tables";
    10 PanicsWithoutMemory "panics-without-memory"
        "a fault that finds no memory panics the kernel";
    11 GuardIsFilled "guard-is-filled"
        "a page just below an area is taken for the area's";
    12 RetriesForEver "retries-for-ever"
        "a fault that nothing can cure is retried for ever";
    13 FreesBeforeWritten "frees-before-written"
        "a frame is given to another page before what it held has been written to swap";
    14 RegrownHeapKeepsData "regrown-heap-keeps-data"
        "lowering the break takes nothing away, so a regrown heap shows old data";
    15 NoInstructionFence "no-instruction-fence"
        "frames that hold new code are fetched from without an instruction fence";
    16 PrivateReachesFile "private-reaches-file"
        "a write to a private mapping of a file goes to the file";
    17 LastOwnerCopies "last-owner-copies"
        "the last owner of a page copies it";
    18 ResidentGrowsOnCopy "resident-grows-on-copy"
        "a copy that takes the place of a shared page counts as one more resident page";
    19 KillLosesCopy "kill-loses-copy"
        "a kill that arrives while a fault is handled loses a frame";
}

impl Mistake {
    /// Its number in the design's list.
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// The mistake of this name.
    pub const fn named(name: &str) -> Option<Self> {
        let mut index = 0;
        while index < Self::ALL.len() {
            if same(Self::ALL[index].name().as_bytes(), name.as_bytes()) {
                return Some(Self::ALL[index]);
            }
            index += 1;
        }
        None
    }
}

/// The variable that chooses a mistake.
pub const VARIABLE: &str = "COWSLIP_MISTAKE";

/// The mistake that this build makes.
const MADE: Option<Mistake> = match option_env!("COWSLIP_MISTAKE") {
    None => None,
    Some(name) if name.is_empty() => None,
    Some(name) => match Mistake::named(name) {
        Some(mistake) => Some(mistake),
        None => panic!("COWSLIP_MISTAKE names no mistake; mm/src/mistake.rs lists them"),
    },
};

/// Whether this build makes the mistake.
#[inline(always)]
pub const fn makes(mistake: Mistake) -> bool {
    match MADE {
        Some(made) => made as u8 == mistake as u8,
        None => false,
    }
}

/// Equality of slices, for constants.
const fn same(one: &[u8], other: &[u8]) -> bool {
    let mut index = 0;
    while index < one.len() && index < other.len() && one[index] == other[index] {
        index += 1;
    }
    index == one.len() && index == other.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mistake_is_found_by_its_name_and_no_other() {
        for &mistake in Mistake::ALL {
            assert_eq!(Mistake::named(mistake.name()), Some(mistake));
            assert_eq!(
                makes(mistake),
                option_env!("COWSLIP_MISTAKE") == Some(mistake.name())
            );
        }
        for name in ["", "eight-bit", "eight-bit-count-", "EightBitCount"] {
            assert_eq!(Mistake::named(name), None, "{name}");
        }
        assert!(Mistake::ALL.is_sorted_by_key(|mistake| mistake.number()));
    }

    #[test]
    fn every_number_of_the_list_is_there_once() {
        let made = Mistake::ALL.iter().map(|mistake| mistake.number());
        assert!(made.eq(1..=19));
    }
}
