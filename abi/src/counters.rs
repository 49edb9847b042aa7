//! What `memstat`, `procstat`, `pageinfo` and `forkmode` speak of.

macro_rules! counters {
    ($(#[$doc:meta])* $name:ident, $count:ident: $($variant:ident $label:literal $meaning:literal,)*) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        #[repr(usize)]
        pub enum $name {
            $(#[doc = $meaning] $variant,)*
        }

        #[doc = concat!("How many counters [`", stringify!($name), "`] has.")]
        pub const $count: usize = $name::ALL.len();

        impl $name {
            /// All counters in the order of the array the call fills.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// Returns a short name for people.
            pub const fn label(self) -> &'static str {
                match self {
                    $(Self::$variant => $label,)*
                }
            }
        }
    };
}

counters! {
    /// The counters of `memstat`, in order (append only). The first eight and the last two are
    /// levels in frames (of 4 KiB) or swap slots; the rest count events since boot.
    MemCounter, MEM_COUNTERS:
    Frames "frames" "Frames the memory system manages.",
    Free "free" "Free frames.",
    Anonymous "anonymous" "Frames that hold private memory of programs.",
    FileCache "file-cache" "Frames that hold pages of files.",
    PageTables "page-tables" "Frames that are page tables.",
    Kernel "kernel" "Frames of kernel objects and stacks.",
    SwapSlots "swap-slots" "Slots on the swap device.",
    FreeSlots "free-slots" "Free slots on the swap device.",
    Forks "forks" "Forks.",
    ZeroFaults "zero-fill-faults" "Faults answered with a fresh zeroed frame.",
    CopyFaults "copy-faults" "Faults answered by copying a shared frame.",
    ReuseFaults "reuse-faults" "Faults answered by making a frame writable again for its sole owner.",
    FileFaults "file-faults" "Faults answered from a file.",
    SwapIns "swap-ins" "Pages read from swap.",
    SwapOuts "swap-outs" "Pages written to swap.",
    TableUnshares "table-unshares" "Shared page tables copied (fork mode 2).",
    EntriesCopied "entries-copied" "Page-table entries copied by fork.",
    ReferencesTaken "references-taken" "Frame reference changes made by fork.",
    LocalFences "local-fences" "Fences of the own hart's TLB.",
    RemoteFences "remote-fences" "Fences sent to other harts.",
    Reclaimed "reclaimed" "Frames reclaimed.",
    Killed "killed" "Processes killed for lack of memory.",
    Committed "committed" "Frames promised or in use by tables and kernel objects.",
    CommitLimit "commit-limit" "Frames that may be promised.",
}

counters! {
    /// The counters of `procstat`, in order (append only): sizes in bytes, then faults since
    /// the process began.
    ProcCounter, PROC_COUNTERS:
    Size "size" "Bytes of the image, stack and heap: the break.",
    Resident "rss" "Bytes mapped and present.",
    Proportional "pss" "Resident bytes, each page divided by the number of its sharers.",
    Unique "uss" "Resident bytes nobody else maps.",
    Shared "shared" "Resident bytes others map too.",
    Private "private" "Resident bytes of private mappings.",
    Swapped "swap" "Bytes swapped out.",
    ZeroFaults "zero" "Zero-fill faults.",
    CopyFaults "copy" "Copy faults.",
    ReuseFaults "reuse" "Reuse faults.",
    FileFaults "file" "File faults.",
    SwapIns "swap-in" "Swap-in faults.",
    TableFaults "table" "Faults on shared tables.",
}

/// How a process forks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum ForkMode {
    /// Every page is copied at once, as plain xv6 does.
    Eager = 0,
    /// Entries are copied, pages are shared until somebody writes.
    CopyOnWrite = 1,
    /// Page tables are shared too, until somebody changes what is in them.
    SharedTables = 2,
}

impl ForkMode {
    /// Returns the mode with this number, if the kernel has it.
    pub const fn from_number(number: i32) -> Option<Self> {
        match number {
            0 => Some(Self::Eager),
            1 => Some(Self::CopyOnWrite),
            2 => Some(Self::SharedTables),
            _ => None,
        }
    }
}

/// One word of `pageinfo`: the bits of Linux's `/proc/PID/pagemap`
/// (Documentation/admin-guide/mm/pagemap.rst).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(transparent)]
pub struct PageInfo(pub u64);

impl PageInfo {
    /// The page is in memory.
    pub const PRESENT: u64 = 1 << 63;
    /// The page is in swap.
    pub const SWAPPED: u64 = 1 << 62;
    /// The page belongs to a file or to shared memory.
    pub const FILE_OR_SHARED: u64 = 1 << 61;
    /// No other process maps the page.
    pub const EXCLUSIVE: u64 = 1 << 56;
    /// The page was written since the bit was last cleared (not kept yet: always 0).
    pub const SOFT_DIRTY: u64 = 1 << 55;
    /// The frame number of a present page.
    pub const FRAME: u64 = (1 << 55) - 1;

    /// Returns whether the page is in memory.
    pub const fn is_present(self) -> bool {
        self.0 & Self::PRESENT != 0
    }

    /// Returns whether the page is in swap.
    pub const fn is_swapped(self) -> bool {
        self.0 & Self::SWAPPED != 0
    }

    /// Returns whether no other process maps the page.
    pub const fn is_exclusive(self) -> bool {
        self.0 & Self::EXCLUSIVE != 0
    }

    /// Returns the frame number of a present page.
    pub const fn frame(self) -> u64 {
        self.0 & Self::FRAME
    }
}
