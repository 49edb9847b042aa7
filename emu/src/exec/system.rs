//! SYSTEM instructions: CSRs, returns from traps, `wfi`, `sfence.vma`, calls (Volume I, "Zicsr";
//! Volume II, sections 3.3 and 10.2).

use super::{Cpu, Done};
use crate::decode::{Fields, Op};
use crate::hart::csr::{Effect, status};
use crate::hart::trap::{Trap, cause};
use crate::hart::{Activity, Mode};

const ECALL: u32 = 0x0000_0073;
const EBREAK: u32 = 0x0010_0073;
const SRET: u32 = 0x1020_0073;
const MRET: u32 = 0x3020_0073;
const WFI: u32 = 0x1050_0073;
const SFENCE_VMA: u32 = 0x09;

impl Cpu<'_> {
    /// Executes a SYSTEM instruction and advances the program counter.
    pub fn system(&mut self, op: Op) -> Done {
        // More than is promised: kernels count on traps, returns and roots being seen in order.
        self.order_loads();
        let word = op.imm as u32;
        let f = Fields(word);
        let next = self.hart.pc.wrapping_add(op.size());
        if f.funct3() != 0 {
            self.csr(word)?;
            self.hart.pc = next;
            return Ok(());
        }
        let status = self.hart.csr.mstatus;
        let refused = |bit| status & bit != 0 && self.hart.mode == Mode::Supervisor;
        match word {
            ECALL => {
                let code = match self.hart.mode {
                    Mode::User => cause::CALL_FROM_USER,
                    Mode::Supervisor => cause::CALL_FROM_SUPERVISOR,
                    Mode::Machine => cause::CALL_FROM_MACHINE,
                };
                return Err(Trap::new(code, 0));
            }
            EBREAK => return Err(Trap::new(cause::BREAKPOINT, self.hart.pc)),
            SRET if self.hart.mode >= Mode::Supervisor && !refused(status::TSR) => {
                self.hart.return_from_supervisor();
                self.returned();
                return Ok(());
            }
            MRET if self.hart.mode == Mode::Machine => {
                self.hart.return_from_machine();
                self.returned();
                return Ok(());
            }
            WFI if self.hart.mode >= Mode::Supervisor && !refused(status::TW) => {
                self.drain();
                self.hart.activity = Activity::Waiting;
                self.hart.end_turn();
            }
            _ if f.funct7() == SFENCE_VMA
                && f.rd() == 0
                && self.hart.mode >= Mode::Supervisor
                && !refused(status::TVM) =>
            {
                let address = (f.rs1() != 0).then(|| self.hart.x[f.rs1()]);
                let asid = (f.rs2() != 0).then(|| self.hart.x[f.rs2()]);
                self.drain();
                self.board.fence_translations(self.hart, address, asid);
                self.board.point(self.hart, 4);
            }
            _ => return Err(Trap::illegal(word)),
        }
        self.hart.pc = next;
        Ok(())
    }

    /// After a return from a trap: other rights, perhaps another interrupt, perhaps another's turn.
    fn returned(&mut self) {
        self.hart.reservation = None;
        self.hart.fast.data_context = self.hart.context(self.hart.data_mode());
        self.board.returned(self.hart);
        if self.hart.mode == Mode::User && self.board.state.sanitizer.watch.stuck {
            self.board.state.sanitizer.progress.returned(self.hart);
        }
        self.look_for_interrupts();
        self.board.point(self.hart, 8);
    }

    /// Takes an exception, or has the firmware answer a call.
    pub fn exception(&mut self, trap: Trap) {
        self.order_loads();
        let call = trap.cause == cause::CALL_FROM_SUPERVISOR
            && self.hart.csr.medeleg >> cause::CALL_FROM_SUPERVISOR & 1 == 0;
        if call && self.board.firmware {
            self.drain();
            self.hart.calls = true;
            self.hart.end_turn();
            return;
        }
        if trap.cause == cause::CALL_FROM_USER && self.board.state.sanitizer.watch.stuck {
            let step = self.board.state.steps;
            self.board.state.sanitizer.progress.called(self.hart, step);
        }
        self.board.trapped(self.hart, trap);
        self.hart.take_exception(trap);
        self.hart.fast.data_context = self.hart.context(self.hart.data_mode());
        self.board.point(self.hart, 8);
    }

    fn csr(&mut self, word: u32) -> Done {
        const READS_ONLY_WITHOUT_SOURCE: u32 = 2;
        let f = Fields(word);
        let number = word >> 20;
        let immediate = f.funct3() & 4 != 0;
        let source = if immediate {
            f.rs1() as u64
        } else {
            self.hart.x[f.rs1()]
        };
        let operation = f.funct3() & 3;
        if operation == 0 {
            return Err(Trap::illegal(word));
        }
        let writes = operation < READS_ONLY_WITHOUT_SOURCE || f.rs1() != 0;
        let retired = self.hart.retired + (self.board.state.steps - self.hart.loop_began);
        let lines = self.board.lines(self.hart);
        let mode = self.hart.mode;
        let old = self
            .hart
            .csr
            .read(number, mode, self.board.time(), retired, lines)
            .map_err(|_| Trap::illegal(word))?;
        if writes {
            let new = match operation {
                1 => source,
                2 => old | source,
                _ => old & !source,
            };
            // Lines of devices are read with the register but never written back into it.
            let new = if matches!(number, 0x144 | 0x344) && operation != 1 {
                new & !lines | self.hart.csr.mip & lines
            } else {
                new
            };
            let effect = self
                .hart
                .csr
                .write(number, new, mode, retired)
                .map_err(|_| Trap::illegal(word))?;
            self.effect(effect);
        }
        self.hart.set(f.rd(), old);
        Ok(())
    }

    fn effect(&mut self, effect: Effect) {
        match effect {
            Effect::None => {}
            Effect::Interrupts => {
                // Which context loads and stores use depends on the status, too.
                self.hart.fast.data_context = self.hart.context(self.hart.data_mode());
                self.look_for_interrupts();
            }
            Effect::Translation => {
                self.hart.fast.data_context = self.hart.context(self.hart.data_mode());
                self.hart.fast.forget_all();
            }
            Effect::Root => {
                // More than is promised: kernels fence after this write, and few of them before.
                self.drain();
                self.hart.fast.forget_translated();
                self.board.rooted(self.hart);
            }
        }
    }

    /// Leaves the loop if an interrupt can be taken now.
    fn look_for_interrupts(&mut self) {
        let pending = self.hart.csr.mip | self.board.lines(self.hart);
        if self.hart.due_interrupt(pending).is_some() {
            self.hart.end_turn();
        }
    }
}
