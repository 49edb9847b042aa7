//! The console of a kernel under test, read once as it grows, on either emulator.

use super::suite::tail;

/// Printing more than this for one command is no progress any more.
const FLOOD: usize = 1 << 20;
/// What both kinds of kernels say before their last message.
const PANICS: [&[u8]; 2] = [b"panic: ", b"PANIC: "];
/// What the grader's `init` and that of our own disk say when they begin. A second one means that
/// the first process, or its shell, has ended.
const BEGUN: [&[u8]; 2] = [b"init: taking memory", b"init: starting sh"];
/// Most bytes of a word that a look can cut.
const OVERLAP: usize = 19;
const PROMPT: &[u8] = b"\n$ ";

/// What is new.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Heard {
    /// Nothing of interest.
    Nothing,
    /// The text ends in a prompt.
    Prompt,
    /// A panic has begun.
    Panic,
    /// `init` has begun anew.
    Reborn,
    /// Too much.
    Flood,
}

/// A part of the console's text that grows.
pub struct Console {
    /// Where it begins.
    from: usize,
    /// How far it has been searched.
    searched: usize,
    panic: Option<usize>,
    begins: usize,
}

impl Console {
    /// Listens from a position on.
    pub fn new(from: usize) -> Self {
        Self {
            from,
            searched: from,
            panic: None,
            begins: 0,
        }
    }

    /// Looks at what has been printed since the last time.
    pub fn hear(&mut self, text: &[u8]) -> Heard {
        // A word may have been cut by the last look.
        let start = self.searched.saturating_sub(OVERLAP).max(self.from);
        for at in start..text.len() {
            let rest = &text[at..];
            if self.panic.is_none() && PANICS.iter().any(|word| rest.starts_with(word)) {
                self.panic = Some(at);
            }
            let begun = BEGUN.iter().find(|word| rest.starts_with(word));
            if begun.is_some_and(|word| at + word.len() > self.searched) {
                self.begins += 1;
            }
        }
        self.searched = text.len();
        if self.panic.is_some() {
            Heard::Panic
        } else if self.begins > 1 || (self.from > 0 && self.begins > 0) {
            Heard::Reborn
        } else if text.len() - self.from > FLOOD {
            Heard::Flood
        } else if text.len() >= self.from + PROMPT.len() && text.ends_with(PROMPT) {
            Heard::Prompt
        } else {
            Heard::Nothing
        }
    }

    /// Whether `init` has begun.
    pub fn has_begun(&self) -> bool {
        self.begins > 0
    }

    /// Whether the message of the panic has come to its end.
    pub fn panic_is_whole(&self, text: &[u8]) -> bool {
        self.panic
            .is_none_or(|at| text[at..].iter().any(|byte| matches!(byte, b'\n' | b'\r')))
    }

    /// Returns the message of the panic.
    pub fn panic(&self, text: &[u8]) -> String {
        let Some(at) = self.panic else {
            return String::new();
        };
        let message = &text[at + PANICS[0].len()..];
        let end = message
            .iter()
            .position(|byte| matches!(byte, b'\n' | b'\r'));
        String::from_utf8_lossy(&message[..end.unwrap_or(message.len())]).into_owned()
    }

    /// Returns the last lines.
    pub fn tail(&self, text: &[u8]) -> String {
        tail(&String::from_utf8_lossy(&text[self.from.min(text.len())..]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_heard_once_however_they_arrive() {
        let text = b"boot\ninit: taking memory\n\n$ cow\npanic: uvmcopy: no page\n\n$ ";
        for step in [1, 3, 100] {
            let mut console = Console::new(0);
            let mut seen = Vec::new();
            for end in (0..text.len()).step_by(step).chain([text.len()]) {
                let heard = console.hear(&text[..end]);
                if heard != Heard::Nothing && seen.last() != Some(&heard) {
                    seen.push(heard);
                }
            }
            assert_eq!(seen.last(), Some(&Heard::Panic));
            assert_eq!(console.panic(text), "uvmcopy: no page");
            assert!(console.has_begun() && console.panic_is_whole(text));
        }
        let mut console = Console::new(0);
        assert_eq!(console.hear(&text[..28]), Heard::Prompt);
    }

    #[test]
    fn a_first_process_that_begins_again_has_died() {
        let mut console = Console::new(5);
        assert_eq!(console.hear(b"$ a\n\ninit: taking memory"), Heard::Reborn);
        let mut console = Console::new(0);
        let once = b"init: taking memory\n".to_vec();
        assert_eq!(console.hear(&once), Heard::Nothing);
        assert_eq!(console.hear(&once.repeat(2)), Heard::Reborn);
    }

    #[test]
    fn a_console_that_never_stops_is_given_up() {
        let mut console = Console::new(0);
        assert_eq!(console.hear(&vec![b'x'; FLOOD + 1]), Heard::Flood);
    }
}
