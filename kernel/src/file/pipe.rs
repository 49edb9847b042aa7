//! Pipes: a page of bytes between writing and reading threads.
//!
//! Bytes pass through a small buffer on the stack, because the page is behind a spin lock, under
//! which copying to a program is not allowed. A piece of at most [`SMALL`] bytes is written at once
//! or waits until it can be, so small writes of several threads do not mix.
//!
//! Waiting: each side takes a ticket before it looks (see [`WaitQueue`]). The other side wakes it
//! after a change under the lock, so a change between the look and the sleep is noticed. A kill
//! ends the wait. On each side, one thread waits for the other side, and the rest wait for its turn
//! to end. So a reader or writer that comes back again and again cannot overtake a waiting one.

use kernel_logic::ring::Ring;
use mm::{Need, NoMemory, OwnedFrame};
use sync::{Held, Interruptible, Level, SleepLock, SpinLock, WaitQueue, Wake, level};

use super::bounce::SMALL;
use crate::arch::Machine;
use crate::memory::memory;
use crate::process::Caller;
use crate::syscall::Failed;
use crate::user_memory::UserSlice;

/// A pipe.
pub struct Pipe {
    buffer: SpinLock<level::Object, Buffer>,
    /// Woken when there are bytes to read, or no writers any more.
    readable: WaitQueue,
    /// Woken when there is room to write, or no readers any more.
    writable: WaitQueue,
    /// Held while a thread takes bytes out or waits for some.
    reading: SleepLock<level::Turn, ()>,
    /// Held while a thread puts bytes in or waits for room.
    writing: SleepLock<level::Turn, ()>,
}

struct Buffer {
    page: OwnedFrame<'static, Machine>,
    ring: Ring,
    has_reader: bool,
    has_writer: bool,
}

impl Pipe {
    /// Returns an empty pipe with both ends open.
    pub fn try_new() -> Result<Self, NoMemory> {
        Ok(Self {
            buffer: SpinLock::new(Buffer {
                page: memory().frame_for_kernel(Need::Lasting)?,
                ring: Ring::new(),
                has_reader: true,
                has_writer: true,
            }),
            readable: WaitQueue::new(),
            writable: WaitQueue::new(),
            reading: SleepLock::new(()),
            writing: SleepLock::new(()),
        })
    }

    /// Notes that the last reader has gone: writing fails from now on.
    pub fn close_reader<L: Level>(&self, held: &mut Held<L>) {
        self.buffer.lock(held).has_reader = false;
        self.writable.wake_all();
    }

    /// Notes that the last writer has gone: reading comes to the end.
    pub fn close_writer<L: Level>(&self, held: &mut Held<L>) {
        self.buffer.lock(held).has_writer = false;
        self.readable.wake_all();
    }

    /// Reads the bytes that there are, as many as fit into `to`. Waits while there are none.
    /// Returns 0 if no more will come.
    pub fn read(&self, to: UserSlice, caller: &mut Caller) -> Result<usize, Failed> {
        let mut done = 0;
        while done < to.len() {
            let mut bytes = [0; SMALL];
            let wanted = &mut bytes[..(to.len() - done).min(SMALL)];
            let count = match done {
                0 => self.take_in_turn(wanted, &mut caller.held)?,
                _ => self.take_at_once(wanted, &mut caller.held),
            };
            if count == 0 {
                break;
            }
            to.write(done, &bytes[..count], caller)?;
            done += count;
        }
        Ok(done)
    }

    /// Takes bytes out, after waiting for the turn and for bytes. Returns 0 if no more will come.
    fn take_in_turn(
        &self,
        to: &mut [u8],
        held: &mut Held<level::Nothing>,
    ) -> Result<usize, Failed> {
        let mut turn = self.reading.lock_unless_killed(held).map_err(|_| Failed)?;
        let (_, held) = turn.parts();
        loop {
            let ticket = match self.take(to, held) {
                Taken::Bytes(count) => return Ok(count),
                Taken::End => return Ok(0),
                Taken::Nothing(ticket) => ticket,
            };
            if self.readable.wait(ticket, Interruptible::Yes, held) == Wake::Interrupted {
                return Err(Failed);
            }
        }
    }

    /// Takes bytes out if there are any and no thread waits for them. Returns how many.
    fn take_at_once(&self, to: &mut [u8], held: &mut Held<level::Nothing>) -> usize {
        let Some(mut turn) = self.reading.try_lock(held) else {
            return 0;
        };
        match self.take(to, turn.parts().1) {
            Taken::Bytes(count) => count,
            Taken::Nothing(_) | Taken::End => 0,
        }
    }

    /// Writes all of `from`. Waits while there is no room.
    pub fn write(&self, from: UserSlice, caller: &mut Caller) -> Result<usize, Failed> {
        let mut done = 0;
        while done < from.len() {
            let mut bytes = [0; SMALL];
            let piece = &mut bytes[..(from.len() - done).min(SMALL)];
            let (piece, all_good) = match from.read(done, piece, caller) {
                Ok(()) => (&*piece, true),
                Err(bad) => (&piece[..bad.copied], false),
            };
            self.write_piece(piece, caller)?;
            if !all_good {
                return Err(Failed);
            }
            done += piece.len();
        }
        Ok(done)
    }

    /// Writes one piece, after waiting for the turn and for room.
    fn write_piece(&self, piece: &[u8], caller: &mut Caller) -> Result<(), Failed> {
        let turn = self.writing.lock_unless_killed(&mut caller.held);
        let mut turn = turn.map_err(|_| Failed)?;
        let (_, held) = turn.parts();
        loop {
            let ticket = self.writable.ticket();
            let mut buffer = self.buffer.lock(held);
            if !buffer.has_reader {
                return Err(Failed);
            }
            let Buffer { page, ring, .. } = &mut *buffer;
            let fits = ring.put(page.bytes_mut(), piece);
            drop(buffer);
            if fits {
                self.readable.wake_all();
                return Ok(());
            }
            if self.writable.wait(ticket, Interruptible::Yes, held) == Wake::Interrupted {
                return Err(Failed);
            }
        }
    }

    fn take(&self, to: &mut [u8], held: &mut Held<level::Turn>) -> Taken {
        let ticket = self.readable.ticket();
        let mut buffer = self.buffer.lock(held);
        let Buffer { page, ring, .. } = &mut *buffer;
        let count = ring.take(page.bytes(), to);
        let has_writer = buffer.has_writer;
        drop(buffer);
        if count > 0 {
            self.writable.wake_all();
            Taken::Bytes(count)
        } else if has_writer {
            Taken::Nothing(ticket)
        } else {
            Taken::End
        }
    }
}

/// The result of a look into the pipe.
enum Taken {
    Bytes(usize),
    /// There are no bytes yet.
    Nothing(sync::Ticket),
    /// There are no bytes, and no writers any more.
    End,
}
