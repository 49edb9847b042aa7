//! What is typed, and at which step: part of what determines a run.

use alloc::vec::Vec;

use super::Machine;
use crate::stored::stored;

/// Bytes that were typed at a step.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Typed {
    /// The step.
    pub step: u64,
    /// The bytes.
    pub bytes: Vec<u8>,
}

stored!(Typed { step, bytes });

impl Machine {
    /// Types bytes at the present step.
    pub fn type_bytes(&mut self, bytes: &[u8]) {
        let step = self.board.state.steps;
        let known = self.inputs.partition_point(|typed| typed.step <= step);
        // What was typed later, in a run that was gone back from, will not be.
        self.inputs.truncate(known);
        self.inputs.push(Typed {
            step,
            bytes: bytes.to_vec(),
        });
    }

    /// Says whether somebody may type at any time. If not, a kernel that waits for ever is reported
    /// as stuck even if it goes on waking for the clock.
    pub fn set_attended(&mut self, attended: bool) {
        self.board.attended = attended;
    }

    /// Forgets what was typed and has not been delivered.
    pub(crate) fn forget_typing(&mut self) {
        self.inputs.truncate(self.schedule.typed);
    }

    /// Everything that was typed so far.
    pub fn inputs(&self) -> &[Typed] {
        &self.inputs
    }

    /// Forgets inputs after what a snapshot had, or sets those of another run.
    pub fn set_inputs(&mut self, inputs: Vec<Typed>) {
        self.inputs = inputs;
    }

    /// Whether all that was typed has been read.
    pub fn input_is_read(&self) -> bool {
        self.schedule.typed == self.inputs.len() && self.board.state.uart.input_is_read()
    }
}
