//! The features of the processor: determined once by the boot hart, and used by all.
//!
//! Long mode (which the entry checks), no-execute and `syscall` are needed; every 64-bit processor
//! has them. The other features are used if they are there.

use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use bitflags::bitflags;
use kernel_logic::board::{BoardError, Source};
use raw_cpuid::{CpuId, CpuIdReaderNative};

bitflags! {
    /// What may be missing.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Features: u32 {
        /// Pages of 1 GiB.
        const HUGE_PAGES = 1 << 0;
        /// Translations that survive a change of root (CR4.PGE).
        const GLOBAL_PAGES = 1 << 1;
        /// The kernel executes no page of a program's (CR4.SMEP).
        const SMEP = 1 << 2;
        /// The kernel touches no page of a program's by accident (CR4.SMAP).
        const SMAP = 1 << 3;
        /// Programs cannot ask where the descriptor tables are (CR4.UMIP).
        const UMIP = 1 << 4;
        /// Address-space identifiers, and the instruction that forgets one of them: used together
        /// or not at all.
        const PCID = 1 << 5;
        /// XSAVE, for floating-point registers beyond SSE's.
        const XSAVE = 1 << 6;
        /// 256-bit registers, which need XSAVE.
        const AVX = 1 << 7;
        /// The local interrupt controller as registers of the processor.
        const X2APIC = 1 << 8;
        /// A timer that is set to a time instead of a distance.
        const TSC_DEADLINE = 1 << 9;
    }
}

static FEATURES: AtomicU32 = AtomicU32::new(0);
/// Whether SMAP is on, for the copy routine.
pub(super) static SMAP: AtomicBool = AtomicBool::new(false);

/// Determines the features. Refuses a processor that lacks what the kernel needs.
pub(super) fn detect() -> Result<(), BoardError> {
    let cpuid = CpuId::new();
    let extended = cpuid.get_extended_processor_and_feature_identifiers();
    if !extended
        .as_ref()
        .is_some_and(|found| found.has_execute_disable())
    {
        return Err(BoardError::Missing(Source::Processor, "no-execute bit"));
    }
    let mut features = Features::empty();
    features.set(
        Features::HUGE_PAGES,
        extended.is_some_and(|found| found.has_1gib_pages()),
    );
    if let Some(basic) = cpuid.get_feature_info() {
        features.set(Features::GLOBAL_PAGES, basic.has_pge());
        features.set(Features::XSAVE, basic.has_xsave());
        features.set(Features::AVX, basic.has_xsave() && basic.has_avx());
        features.set(Features::X2APIC, basic.has_x2apic());
        features.set(Features::TSC_DEADLINE, basic.has_tsc_deadline());
        features.set(Features::PCID, basic.has_pcid() && has_invpcid(&cpuid));
    }
    if let Some(more) = cpuid.get_extended_feature_info() {
        features.set(Features::SMEP, more.has_smep());
        features.set(Features::SMAP, more.has_smap());
        features.set(Features::UMIP, more.has_umip());
    }
    FEATURES.store(features.bits(), Ordering::Relaxed);
    SMAP.store(features.contains(Features::SMAP), Ordering::Relaxed);
    Ok(())
}

fn has_invpcid(cpuid: &CpuId<CpuIdReaderNative>) -> bool {
    cpuid
        .get_extended_feature_info()
        .is_some_and(|more| more.has_invpcid())
}

/// Returns whether the processor has all of these features.
#[inline]
pub(super) fn has(wanted: Features) -> bool {
    FEATURES.load(Ordering::Relaxed) & wanted.bits() == wanted.bits()
}
