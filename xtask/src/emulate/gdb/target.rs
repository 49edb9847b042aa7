//! The debuggee behind the interface of the `gdbstub` crate. Harts are threads, counted from 1.
//!
//! Registers and memory are read and never written. Seed, disk and typed input determine a run; a
//! value from the debugger would make its past another one.

use anyhow::{Error, anyhow};
use gdbstub::common::{Signal, Tid};
use gdbstub::target::ext::base::BaseOps;
use gdbstub::target::ext::base::multithread::{
    MultiThreadBase, MultiThreadResume, MultiThreadResumeOps, MultiThreadSchedulerLocking,
    MultiThreadSchedulerLockingOps, MultiThreadSingleStep, MultiThreadSingleStepOps,
};
use gdbstub::target::ext::base::reverse_exec::{
    ReverseCont, ReverseContOps, ReverseStep, ReverseStepOps,
};
use gdbstub::target::ext::breakpoints::{
    Breakpoints, BreakpointsOps, HwBreakpoint, HwBreakpointOps, HwWatchpoint, HwWatchpointOps,
    SwBreakpoint, SwBreakpointOps, WatchKind,
};
use gdbstub::target::ext::thread_extra_info::{ThreadExtraInfo, ThreadExtraInfoOps};
use gdbstub::target::{Target, TargetError, TargetResult};
use gdbstub_arch::riscv::Riscv64;
use gdbstub_arch::riscv::reg::RiscvCoreRegs;

use super::debuggee::{Debuggee, Motion};

/// Returns the hart that a thread stands for.
fn hart_of(thread: Tid) -> usize {
    thread.get() - 1
}

/// Returns the thread that stands for a hart.
pub fn thread_of(hart: usize) -> Tid {
    Tid::MIN.saturating_add(hart)
}

impl Target for Debuggee {
    type Arch = Riscv64;
    type Error = Error;

    fn base_ops(&mut self) -> BaseOps<'_, Self::Arch, Self::Error> {
        BaseOps::MultiThread(self)
    }

    fn support_breakpoints(&mut self) -> Option<BreakpointsOps<'_, Self>> {
        Some(self)
    }
}

impl MultiThreadBase for Debuggee {
    fn read_registers(
        &mut self,
        registers: &mut RiscvCoreRegs<u64>,
        thread: Tid,
    ) -> TargetResult<(), Self> {
        let hart = self
            .hart(hart_of(thread))
            .ok_or_else(|| TargetError::Fatal(anyhow!("there is no hart {thread}")))?;
        registers.x.copy_from_slice(&hart.registers());
        registers.pc = hart.pc;
        Ok(())
    }

    fn write_registers(&mut self, _: &RiscvCoreRegs<u64>, _: Tid) -> TargetResult<(), Self> {
        Err(TargetError::NonFatal)
    }

    fn read_addrs(
        &mut self,
        start: u64,
        data: &mut [u8],
        thread: Tid,
    ) -> TargetResult<usize, Self> {
        let machine = self.machine();
        for (at, byte) in data.iter_mut().enumerate() {
            let address = start.wrapping_add(at as u64);
            let byte = std::slice::from_mut(byte);
            if machine.peek(hart_of(thread), address, byte).is_none() {
                // The bytes before the first unmapped one are a valid answer.
                return if at > 0 {
                    Ok(at)
                } else {
                    Err(TargetError::NonFatal)
                };
            }
        }
        Ok(data.len())
    }

    fn write_addrs(&mut self, _: u64, _: &[u8], _: Tid) -> TargetResult<(), Self> {
        Err(TargetError::NonFatal)
    }

    fn list_active_threads(&mut self, register: &mut dyn FnMut(Tid)) -> Result<(), Error> {
        for hart in 0..self.machine().harts().len() {
            register(thread_of(hart));
        }
        Ok(())
    }

    fn support_resume(&mut self) -> Option<MultiThreadResumeOps<'_, Self>> {
        Some(self)
    }

    fn support_thread_extra_info(&mut self) -> Option<ThreadExtraInfoOps<'_, Self>> {
        Some(self)
    }
}

impl ThreadExtraInfo for Debuggee {
    fn thread_extra_info(&self, thread: Tid, buffer: &mut [u8]) -> Result<usize, Error> {
        let hart = self.hart(hart_of(thread));
        let text = hart.map_or_else(String::new, |hart| {
            format!("hart {}, {:?}, {:?}", hart.id, hart.mode, hart.activity)
        });
        let length = text.len().min(buffer.len());
        buffer[..length].copy_from_slice(&text.as_bytes()[..length]);
        Ok(length)
    }
}

impl MultiThreadResume for Debuggee {
    fn resume(&mut self) -> Result<(), Error> {
        Ok(())
    }

    fn clear_resume_actions(&mut self) -> Result<(), Error> {
        self.motion = Motion::Continue;
        Ok(())
    }

    fn set_resume_action_continue(&mut self, _: Tid, _: Option<Signal>) -> Result<(), Error> {
        Ok(())
    }

    fn support_single_step(&mut self) -> Option<MultiThreadSingleStepOps<'_, Self>> {
        Some(self)
    }

    fn support_scheduler_locking(&mut self) -> Option<MultiThreadSchedulerLockingOps<'_, Self>> {
        Some(self)
    }

    fn support_reverse_step(&mut self) -> Option<ReverseStepOps<'_, Tid, Self>> {
        Some(self)
    }

    fn support_reverse_cont(&mut self) -> Option<ReverseContOps<'_, Tid, Self>> {
        Some(self)
    }
}

impl MultiThreadSingleStep for Debuggee {
    fn set_resume_action_step(&mut self, thread: Tid, _: Option<Signal>) -> Result<(), Error> {
        self.motion = Motion::Step(hart_of(thread));
        Ok(())
    }
}

/// The seed chooses which hart runs. A debugger's request to run one hart alone is not granted.
impl MultiThreadSchedulerLocking for Debuggee {
    fn set_resume_action_scheduler_lock(&mut self) -> Result<(), Error> {
        Ok(())
    }
}

impl ReverseStep<Tid> for Debuggee {
    fn reverse_step(&mut self, thread: Tid) -> Result<(), Error> {
        self.motion = Motion::BackStep(hart_of(thread));
        Ok(())
    }
}

impl ReverseCont<Tid> for Debuggee {
    fn reverse_cont(&mut self) -> Result<(), Error> {
        self.motion = Motion::BackToBreakpoint;
        Ok(())
    }
}

impl Breakpoints for Debuggee {
    fn support_sw_breakpoint(&mut self) -> Option<SwBreakpointOps<'_, Self>> {
        Some(self)
    }

    fn support_hw_breakpoint(&mut self) -> Option<HwBreakpointOps<'_, Self>> {
        Some(self)
    }

    fn support_hw_watchpoint(&mut self) -> Option<HwWatchpointOps<'_, Self>> {
        Some(self)
    }
}

impl SwBreakpoint for Debuggee {
    fn add_sw_breakpoint(&mut self, address: u64, _: usize) -> TargetResult<bool, Self> {
        self.add_breakpoint(address);
        Ok(true)
    }

    fn remove_sw_breakpoint(&mut self, address: u64, _: usize) -> TargetResult<bool, Self> {
        Ok(self.remove_breakpoint(address))
    }
}

impl HwBreakpoint for Debuggee {
    fn add_hw_breakpoint(&mut self, address: u64, _: usize) -> TargetResult<bool, Self> {
        self.add_breakpoint(address);
        Ok(true)
    }

    fn remove_hw_breakpoint(&mut self, address: u64, _: usize) -> TargetResult<bool, Self> {
        Ok(self.remove_breakpoint(address))
    }
}

impl HwWatchpoint for Debuggee {
    fn add_hw_watchpoint(
        &mut self,
        address: u64,
        length: u64,
        kind: WatchKind,
    ) -> TargetResult<bool, Self> {
        // Only changes are seen, not reads.
        let size = usize::try_from(length).unwrap_or(usize::MAX);
        Ok(kind == WatchKind::Write && self.watch(address, size))
    }

    fn remove_hw_watchpoint(
        &mut self,
        address: u64,
        _: u64,
        _: WatchKind,
    ) -> TargetResult<bool, Self> {
        Ok(self.unwatch(address))
    }
}
