//! A debugger for the machine that can go back: `reverse-step`, `reverse-continue`, watched words.
//!
//! [`debuggee`] moves the machine through time. [`target`] presents it to the `gdbstub` crate. This
//! file waits for the debugger and carries its bytes.

mod debuggee;
mod target;
#[cfg(test)]
mod tests;

use std::io;
use std::net::{TcpListener, TcpStream};

use anyhow::{Context, Error, Result, anyhow};
use emu::{Machine, Stop};
use gdbstub::common::Signal;
use gdbstub::conn::ConnectionExt;
use gdbstub::stub::run_blocking::{BlockingEventLoop, Event, WaitForStopReasonError};
use gdbstub::stub::{DisconnectReason, GdbStub, MultiThreadStopReason};
use gdbstub::target::ext::base::reverse_exec::ReplayLogPosition;
use gdbstub::target::ext::breakpoints::WatchKind;

use self::debuggee::{Debuggee, Halt};
use self::target::thread_of;
use super::screen::Screen;
use super::setup::Subject;

/// Waits for a debugger at `port` of the local host, and serves it until it leaves.
pub fn serve(machine: Machine, subject: &Subject, port: u16, screen: Screen) -> Result<()> {
    let listener = TcpListener::bind(("127.0.0.1", port))
        .with_context(|| format!("cannot listen on port {port}"))?;
    let port = listener.local_addr()?.port();
    eprintln!(
        "xtask: the machine is halted; attach with\n    gdb-multiarch -ex 'target remote :{port}' {}",
        subject.path.display()
    );
    let (stream, _) = listener.accept()?;
    stream.set_nodelay(true)?;
    attend(stream, &mut Debuggee::new(machine, screen))
}

/// Serves a connected debugger.
fn attend(stream: TcpStream, debuggee: &mut Debuggee) -> Result<()> {
    match GdbStub::new(stream).run_blocking::<Loop>(debuggee) {
        Ok(DisconnectReason::TargetExited(code)) => eprintln!("xtask: the machine is off ({code})"),
        Ok(_) => eprintln!("xtask: the debugger is gone"),
        Err(error) => return Err(anyhow!("the debugger: {error}")),
    }
    Ok(())
}

/// Converts the debugger's bytes and the machine's halts to events.
enum Loop {}

type Failure = WaitForStopReasonError<Error, io::Error>;

impl BlockingEventLoop for Loop {
    type Target = Debuggee;
    type Connection = TcpStream;
    type StopReason = MultiThreadStopReason<u64>;

    fn wait_for_stop_reason(
        debuggee: &mut Debuggee,
        stream: &mut TcpStream,
    ) -> Result<Event<Self::StopReason>, Failure> {
        loop {
            let halt = debuggee.go();
            debuggee.show();
            if let Some(halt) = halt {
                return Ok(Event::TargetStopped(reason(halt)));
            }
            let waits = ConnectionExt::peek(stream).map_err(WaitForStopReasonError::Connection)?;
            if waits.is_some() {
                let byte = ConnectionExt::read(stream);
                return Ok(Event::IncomingData(
                    byte.map_err(WaitForStopReasonError::Connection)?,
                ));
            }
        }
    }

    fn on_interrupt(_: &mut Debuggee) -> Result<Option<Self::StopReason>, Error> {
        Ok(Some(MultiThreadStopReason::Signal(Signal::SIGINT)))
    }
}

/// Returns the message to the debugger about a halt.
fn reason(halt: Halt) -> MultiThreadStopReason<u64> {
    match halt {
        Halt::Stepped => MultiThreadStopReason::DoneStep,
        Halt::Breakpoint(hart) => MultiThreadStopReason::SwBreak(thread_of(hart)),
        Halt::Changed(hart, addr) => MultiThreadStopReason::Watch {
            tid: thread_of(hart),
            kind: WatchKind::Write,
            addr,
        },
        Halt::Found(hart) => MultiThreadStopReason::SignalWithThread {
            tid: thread_of(hart),
            signal: Signal::SIGTRAP,
        },
        Halt::Beginning => MultiThreadStopReason::ReplayLog {
            tid: None,
            pos: ReplayLogPosition::Begin,
        },
        Halt::Ended(Stop::Off(code)) => MultiThreadStopReason::Exited(code.min(255) as u8),
        Halt::Ended(_) => MultiThreadStopReason::Signal(Signal::SIGSTOP),
    }
}
