//! What `procstat` tells about a process beside its memory.

use crate::PROC_COUNTERS;

/// Most bytes of the name of a process that are kept.
pub const PROCESS_NAME_MAX: usize = 16;

/// Words that `procstat` writes behind the counters of [`ProcCounter`](crate::ProcCounter): parent,
/// state, and two of name.
pub const PROC_FACTS: usize = 2 + PROCESS_NAME_MAX / size_of::<u64>();

/// Words that `procstat` writes in all.
pub const PROC_WORDS: usize = PROC_COUNTERS + PROC_FACTS;

/// What a process is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub enum ProcState {
    /// It could run.
    Ready = 0,
    /// It is on a hart.
    Running = 1,
    /// It waits for something.
    Sleeping = 2,
    /// It gives up what it has.
    Ending = 3,
    /// It has ended and has not been waited for.
    Zombie = 4,
}

impl ProcState {
    /// The state with this number, if there is one.
    pub const fn from_number(number: u64) -> Option<Self> {
        match number {
            0 => Some(Self::Ready),
            1 => Some(Self::Running),
            2 => Some(Self::Sleeping),
            3 => Some(Self::Ending),
            4 => Some(Self::Zombie),
            _ => None,
        }
    }

    /// One word for people.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Running => "running",
            Self::Sleeping => "sleep",
            Self::Ending => "ending",
            Self::Zombie => "zombie",
        }
    }
}

/// Whose child a process is, what it is doing, and what it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProcessFacts {
    /// The parent's number, 0 for none.
    pub parent: i32,
    /// What it is doing.
    pub state: ProcState,
    /// The last component of its program's path, filled up with NULs.
    pub name: [u8; PROCESS_NAME_MAX],
}

impl ProcessFacts {
    /// As `procstat` writes them.
    pub fn to_words(self) -> [u64; PROC_FACTS] {
        let word = |half: usize| {
            let mut bytes = [0; 8];
            bytes.copy_from_slice(&self.name[8 * half..8 * (half + 1)]);
            u64::from_le_bytes(bytes)
        };
        [self.parent as u64, self.state as u64, word(0), word(1)]
    }

    /// From what `procstat` wrote; `None` for a state that this contract does not know.
    pub fn from_words(words: [u64; PROC_FACTS]) -> Option<Self> {
        let [parent, state, low, high] = words;
        let mut name = [0; PROCESS_NAME_MAX];
        name[..8].copy_from_slice(&low.to_le_bytes());
        name[8..].copy_from_slice(&high.to_le_bytes());
        Some(Self {
            parent: parent as i32,
            state: ProcState::from_number(state)?,
            name,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_survive_the_way_through_words() {
        for state in (0..).map_while(ProcState::from_number) {
            let facts = ProcessFacts {
                parent: 70_000,
                state,
                name: *b"sixteen-letters.",
            };
            assert_eq!(ProcessFacts::from_words(facts.to_words()), Some(facts));
            assert_eq!(facts.state as u64, state as u64);
        }
        assert_eq!(ProcessFacts::from_words([1, 5, 0, 0]), None);
    }
}
