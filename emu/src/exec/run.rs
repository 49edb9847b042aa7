//! The loop: fetch from the cache of decoded instructions, execute, count.

use super::{Cpu, integer};
use crate::decode::{self, Kind, Op};
use crate::hart::trap::Trap;
use crate::mmu::{Access, translate};
use crate::ram::{CODE, PAGE};

/// Two's complement of the sign: `i32` to `u64`.
#[inline(always)]
fn extend(value: i32) -> u64 {
    value as i64 as u64
}

impl Cpu<'_> {
    /// Runs up to `budget` instructions, fewer if the turn is ended; returns how many.
    pub fn run<const WATCH: bool>(&mut self, budget: u64) -> u64 {
        self.hart.limit = budget;
        let mut done = 0;
        let base = self.board.state.steps;
        self.hart.loop_began = base;
        while done < self.hart.limit {
            self.board.state.steps = base + done;
            let code = match self.code_page() {
                Ok(code) => code,
                Err(trap) => {
                    done += 1;
                    self.exception(trap);
                    continue;
                }
            };
            if let Err(trap) = self.run_page::<WATCH>(code, &mut done, base) {
                self.board.state.steps = base + done;
                self.exception(trap);
            }
        }
        self.board.state.steps = base + done;
        self.hart.retired += done;
        done
    }

    /// The decoded page of the program counter.
    fn code_page(&mut self) -> Result<u32, Trap> {
        let page = self.hart.pc & !0xfff;
        let context = self.hart.mode as usize & 3;
        if let Some(code) = self.hart.fast.executable(context, page) {
            return Ok(code);
        }
        let physical = translate(self.hart, self.board, self.hart.pc, Access::Fetch)?;
        let Some(offset) = self.board.ram.offset(physical & !0xfff, PAGE) else {
            return Err(Access::Fetch.access_fault(self.hart.pc));
        };
        let (code, emptied) = self.hart.code.page((offset / PAGE) as u32);
        if emptied {
            self.hart.fast.forget_code();
        }
        if self.board.ram.set_flags(offset, CODE) {
            self.hart.fast.forget_writable();
        }
        self.board.executes(self.hart, offset);
        self.hart.fast.remember_code(context, page, code);
        Ok(code)
    }

    /// Runs inside one page until control leaves it or something happens that needs a new look.
    #[inline(always)]
    fn run_page<const WATCH: bool>(
        &mut self,
        code: u32,
        done: &mut u64,
        base: u64,
    ) -> Result<(), Trap> {
        let page = self.hart.pc & !0xfff;
        let mut pc = self.hart.pc;
        macro_rules! x {
            ($register:expr) => {
                self.hart.x[($register & 31) as usize]
            };
        }
        /// Sets the result, which was computed from the registers that are named.
        macro_rules! set {
            ($op:expr, $value:expr) => {
                set!($op, $value, 0, 0)
            };
            ($op:expr, $value:expr, $a:expr, $b:expr) => {{
                let value = $value;
                if WATCH {
                    self.hart.early.derive($op.rd, $a, $b);
                }
                self.hart.x[($op.rd & 63) as usize] = value;
            }};
        }
        /// Saves what slow paths look at.
        macro_rules! sync {
            () => {{
                self.hart.pc = pc;
                self.board.state.steps = base + *done;
            }};
        }
        macro_rules! branch {
            ($op:expr, $taken:expr) => {{
                pc = if $taken {
                    pc.wrapping_add(extend($op.imm))
                } else {
                    pc.wrapping_add($op.size())
                };
                continue;
            }};
        }
        macro_rules! load {
            ($op:expr, $size:literal, $type:ty) => {{
                let address = x!($op.rs1).wrapping_add(extend($op.imm));
                let hit = if WATCH {
                    None
                } else {
                    self.hart.fast.readable::<$size>(address)
                };
                let raw = match hit.and_then(|at| self.board.ram.bytes().get(at..at + $size)) {
                    Some(bytes) => {
                        let mut buffer = [0; $size];
                        buffer.copy_from_slice(bytes);
                        <$type>::from_le_bytes(buffer)
                    }
                    None => {
                        sync!();
                        if WATCH {
                            self.hart.early.address = self.hart.early.known($op.rs1);
                        }
                        self.load_slow::<WATCH>(address, $size)? as $type
                    }
                };
                set!($op, raw as i64 as u64);
                if WATCH {
                    let taken = self.hart.early.taken;
                    self.hart.early.set($op.rd, taken);
                }
            }};
        }
        macro_rules! store {
            ($op:expr, $size:literal, $value:expr) => {{
                let address = x!($op.rs1).wrapping_add(extend($op.imm));
                let value: u64 = $value;
                let hit = if WATCH {
                    None
                } else {
                    self.hart.fast.writable::<$size>(address)
                };
                match hit.and_then(|at| self.board.ram.bytes_mut().get_mut(at..at + $size)) {
                    Some(bytes) => bytes.copy_from_slice(&value.to_le_bytes()[..$size]),
                    None => {
                        sync!();
                        self.store_slow::<WATCH>(address, $size, value)?;
                    }
                }
            }};
        }
        macro_rules! binary {
            ($op:expr, $function:expr) => {{
                let (a, b) = (x!($op.rs1), x!($op.rs2));
                set!($op, $function(a, b), $op.rs1, $op.rs2)
            }};
        }
        macro_rules! immediate {
            ($op:expr, $function:expr) => {{
                let a = x!($op.rs1);
                set!($op, $function(a, extend($op.imm)), $op.rs1, 0)
            }};
        }
        while *done < self.hart.limit {
            if pc ^ page >= PAGE as u64 {
                break;
            }
            let op: Op = self.hart.code.ops(code)[(pc as usize & 0xfff) >> 1];
            *done += 1;
            match op.kind {
                Kind::Addi => immediate!(op, u64::wrapping_add),
                Kind::Add => binary!(op, u64::wrapping_add),
                Kind::Ld => load!(op, 8, i64),
                Kind::Sd => store!(op, 8, x!(op.rs2)),
                Kind::Lw => load!(op, 4, i32),
                Kind::Sw => store!(op, 4, x!(op.rs2)),
                Kind::Lbu => load!(op, 1, u8),
                Kind::Sb => store!(op, 1, x!(op.rs2)),
                Kind::Lb => load!(op, 1, i8),
                Kind::Lh => load!(op, 2, i16),
                Kind::Lhu => load!(op, 2, u16),
                Kind::Lwu => load!(op, 4, u32),
                Kind::Sh => store!(op, 2, x!(op.rs2)),
                Kind::Beq => branch!(op, x!(op.rs1) == x!(op.rs2)),
                Kind::Bne => branch!(op, x!(op.rs1) != x!(op.rs2)),
                Kind::Blt => branch!(op, (x!(op.rs1) as i64) < x!(op.rs2) as i64),
                Kind::Bge => branch!(op, x!(op.rs1) as i64 >= x!(op.rs2) as i64),
                Kind::Bltu => branch!(op, x!(op.rs1) < x!(op.rs2)),
                Kind::Bgeu => branch!(op, x!(op.rs1) >= x!(op.rs2)),
                Kind::Jal => {
                    set!(op, pc.wrapping_add(op.size()));
                    pc = pc.wrapping_add(extend(op.imm));
                    continue;
                }
                Kind::Jalr => {
                    let target = x!(op.rs1).wrapping_add(extend(op.imm)) & !1;
                    set!(op, pc.wrapping_add(op.size()));
                    pc = target;
                    continue;
                }
                Kind::Lui => set!(op, extend(op.imm)),
                Kind::Auipc => set!(op, pc.wrapping_add(extend(op.imm))),
                Kind::Slti => immediate!(op, integer::slt),
                Kind::Sltiu => immediate!(op, integer::sltu),
                Kind::Xori => immediate!(op, core::ops::BitXor::bitxor),
                Kind::Ori => immediate!(op, core::ops::BitOr::bitor),
                Kind::Andi => immediate!(op, core::ops::BitAnd::bitand),
                Kind::Slli => immediate!(op, integer::sll),
                Kind::Srli => immediate!(op, integer::srl),
                Kind::Srai => immediate!(op, integer::sra),
                Kind::Addiw => immediate!(op, integer::addw),
                Kind::Slliw => immediate!(op, integer::sllw),
                Kind::Srliw => immediate!(op, integer::srlw),
                Kind::Sraiw => immediate!(op, integer::sraw),
                Kind::Sub => binary!(op, u64::wrapping_sub),
                Kind::Sll => binary!(op, integer::sll),
                Kind::Slt => binary!(op, integer::slt),
                Kind::Sltu => binary!(op, integer::sltu),
                Kind::Xor => binary!(op, core::ops::BitXor::bitxor),
                Kind::Srl => binary!(op, integer::srl),
                Kind::Sra => binary!(op, integer::sra),
                Kind::Or => binary!(op, core::ops::BitOr::bitor),
                Kind::And => binary!(op, core::ops::BitAnd::bitand),
                Kind::Addw => binary!(op, integer::addw),
                Kind::Subw => binary!(op, integer::subw),
                Kind::Sllw => binary!(op, integer::sllw),
                Kind::Srlw => binary!(op, integer::srlw),
                Kind::Sraw => binary!(op, integer::sraw),
                Kind::Mul => binary!(op, u64::wrapping_mul),
                Kind::Mulw => binary!(op, integer::mulw),
                Kind::Mulh
                | Kind::Mulhsu
                | Kind::Mulhu
                | Kind::Div
                | Kind::Divu
                | Kind::Rem
                | Kind::Remu
                | Kind::Divw
                | Kind::Divuw
                | Kind::Remw
                | Kind::Remuw => {
                    set!(
                        op,
                        integer::multiply_divide(op.kind, x!(op.rs1), x!(op.rs2)),
                        op.rs1,
                        op.rs2
                    );
                }
                Kind::Unknown => {
                    // Decoding is no step: the instruction is executed at the next turn of the
                    // loop.
                    sync!();
                    self.decode_here(code)?;
                    *done -= 1;
                    continue;
                }
                _ => {
                    sync!();
                    return self.other::<WATCH>(op, code);
                }
            }
            pc = pc.wrapping_add(op.size());
        }
        self.hart.pc = pc;
        Ok(())
    }

    /// The instructions off the plain path. Advances the program counter.
    #[inline(never)]
    fn other<const WATCH: bool>(&mut self, op: Op, code: u32) -> Result<(), Trap> {
        if WATCH {
            self.knows_now(op);
        }
        match op.kind {
            Kind::Stale => return self.outdated::<WATCH>(code),
            Kind::Split => return self.split::<WATCH>(),
            Kind::Illegal => return Err(Trap::illegal(op.imm as u32)),
            Kind::Fence => self.fence(op.imm as u32),
            Kind::FenceI => self.fence_i(),
            Kind::Cache => self.cache_block::<WATCH>(op.imm as u32)?,
            Kind::Atomic => self.atomic::<WATCH>(op.imm as u32)?,
            Kind::System => return self.system(op),
            Kind::Flw | Kind::Fld | Kind::Fsw | Kind::Fsd => self.float_memory::<WATCH>(op)?,
            Kind::Float => self.float(op.imm as u32)?,
            _ => self.plain(op),
        }
        self.hart.pc = self.hart.pc.wrapping_add(op.size());
        Ok(())
    }

    /// Decodes the instruction at the program counter.
    #[inline(never)]
    fn decode_here(&mut self, code: u32) -> Result<(), Trap> {
        let op = self.fetch_here()?;
        self.hart
            .code
            .set(code, (self.hart.pc as usize & 0xfff) >> 1, op);
        Ok(())
    }

    /// Fetches and decodes at the program counter, whose page is known to be executable.
    fn fetch_here(&mut self) -> Result<Op, Trap> {
        let physical = translate(self.hart, self.board, self.hart.pc, Access::Fetch)?;
        let Some(offset) = self.board.ram.offset(physical, 2) else {
            return Err(Access::Fetch.access_fault(self.hart.pc));
        };
        let low = self.board.ram.read(offset, 2) as u16;
        if decode::is_short(low) {
            return Ok(decode::decode(low.into()));
        }
        if offset % PAGE == PAGE - 2 {
            return Ok(Op {
                kind: Kind::Split,
                ..Op::UNKNOWN
            });
        }
        Ok(decode::decode(self.board.ram.read(offset, 4) as u32))
    }

    /// An instruction of which the second half lies in the next page.
    fn split<const WATCH: bool>(&mut self) -> Result<(), Trap> {
        let mut word = 0;
        for half in 0..2 {
            let address = self.hart.pc.wrapping_add(2 * half);
            let physical = translate(self.hart, self.board, address, Access::Fetch)?;
            let Some(offset) = self.board.ram.offset(physical, 2) else {
                return Err(Access::Fetch.access_fault(address));
            };
            word |= (self.board.ram.read(offset, 2) as u32) << (16 * half);
        }
        let op = decode::decode(word);
        self.single::<WATCH>(op)
    }

    /// An instruction that memory no longer holds: executed as it was or fetched anew.
    fn outdated<const WATCH: bool>(&mut self, code: u32) -> Result<(), Trap> {
        let slot = (self.hart.pc as usize & 0xfff) >> 1;
        let Some(outdated) = self.hart.code.outdated(code, slot) else {
            self.hart.code.refresh(code, slot);
            return Ok(());
        };
        let now = self.fetch_here()?;
        if now != outdated.op {
            self.board.stale_fetch(self.hart, outdated.by);
        }
        if !self.board.adversity.fetches || self.board.state.rng.one_in(8) {
            self.hart.code.refresh(code, slot);
            return self.single::<WATCH>(now);
        }
        self.single::<WATCH>(outdated.op)
    }

    /// Takes what the instruction computes for something that is known only now.
    fn knows_now(&mut self, op: Op) {
        let rd = match op.kind {
            Kind::Atomic | Kind::System | Kind::Float => op.imm as u32 >> 7 & 31,
            _ => op.rd.into(),
        };
        if rd != 0 {
            let now = self.board.state.past.now();
            self.hart.early.set(rd as u8, now);
        }
    }

    /// Executes one instruction apart from the loop.
    fn single<const WATCH: bool>(&mut self, op: Op) -> Result<(), Trap> {
        if WATCH {
            self.knows_now(op);
        }
        match op.kind {
            Kind::Unknown | Kind::Stale | Kind::Split => Ok(()),
            kind if integer::is_control(kind) => {
                let (a, b) = (
                    self.hart.x[usize::from(op.rs1 & 31)],
                    self.hart.x[usize::from(op.rs2 & 31)],
                );
                let (pc, link) = integer::control(op, self.hart.pc, a, b);
                if let Some(link) = link {
                    self.hart.x[usize::from(op.rd & 63)] = link;
                }
                self.hart.pc = pc;
                Ok(())
            }
            Kind::Lb | Kind::Lh | Kind::Lw | Kind::Ld | Kind::Lbu | Kind::Lhu | Kind::Lwu => {
                let (size, signed) = integer::load_shape(op.kind);
                let address = self.hart.x[usize::from(op.rs1 & 31)].wrapping_add(extend(op.imm));
                let raw = self.load_slow::<WATCH>(address, size)?;
                self.hart.x[usize::from(op.rd & 63)] = integer::widen(raw, size, signed);
                self.hart.pc = self.hart.pc.wrapping_add(op.size());
                Ok(())
            }
            Kind::Sb | Kind::Sh | Kind::Sw | Kind::Sd => {
                let size = integer::store_size(op.kind);
                let address = self.hart.x[usize::from(op.rs1 & 31)].wrapping_add(extend(op.imm));
                let value = self.hart.x[usize::from(op.rs2 & 31)];
                self.store_slow::<WATCH>(address, size, value)?;
                self.hart.pc = self.hart.pc.wrapping_add(op.size());
                Ok(())
            }
            _ => self.other::<WATCH>(op, 0),
        }
    }

    /// An instruction of registers only.
    fn plain(&mut self, op: Op) {
        let a = self.hart.x[usize::from(op.rs1 & 31)];
        let b = self.hart.x[usize::from(op.rs2 & 31)];
        let value = integer::compute(op, self.hart.pc, a, b);
        self.hart.x[usize::from(op.rd & 63)] = value;
    }
}
