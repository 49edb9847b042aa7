//! The shell's language: from a line to what is to be run.
//!
//! [`parse()`] never fails otherwise than by a [`SyntaxError`], whatever the bytes, and its depth
//! is bounded by [`MAX_DEPTH`], so no line overruns a stack. Running is `src/bin/sh`'s business.
//!
//! The grammar, loosest first:
//!
//! ```text
//! list     = [ chain { (";" | "&" | newline) chain } [ ";" | "&" | newline ] ]
//! chain    = pipeline { ("&&" | "||") pipeline }
//! pipeline = command { "|" command }
//! command  = ( "(" list ")" | word ) { word | ("<" | ">" | ">>") word }
//! ```

mod lex;
mod parse;

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

pub use parse::parse;

/// How deep parentheses may nest.
pub const MAX_DEPTH: usize = 32;

/// A part of a word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// These bytes; none of them is NUL.
    Text(Vec<u8>),
    /// `$?`: the status of the last command, known only when it has run.
    LastStatus,
}

/// A word: its pieces side by side.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Word(pub Vec<Piece>);

/// What a redirection does to which descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// `<`: standard input comes from the file.
    Input,
    /// `>`: standard output goes to the file, emptied first.
    Output,
    /// `>>`: standard output goes to the end of the file.
    Append,
}

/// A redirection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redirection {
    /// What it does.
    pub direction: Direction,
    /// The file.
    pub path: Word,
}

/// What a command does, its redirections aside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Runs a program or a built-in command: name and arguments. Empty when the line has
    /// redirections only.
    Program(Vec<Word>),
    /// Runs a list in a process of its own.
    Group(Box<List>),
}

/// One command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// What it does.
    pub action: Action,
    /// Its redirections, applied from left to right.
    pub redirections: Vec<Redirection>,
}

/// Commands, each one's output the next one's input; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pipeline(pub Vec<Command>);

/// When the next pipeline of a chain runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// `&&`: if the last status is 0.
    Success,
    /// `||`: if it is not.
    Failure,
}

/// Whether the shell waits for a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// It does.
    Foreground,
    /// `&`: it does not.
    Background,
}

/// Pipelines, each run if those before it ended as its condition asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain {
    /// Always run.
    pub first: Pipeline,
    /// The rest, from left to right.
    pub rest: Vec<(Condition, Pipeline)>,
    /// Whether the shell waits for it.
    pub mode: Mode,
}

/// A whole line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct List(pub Vec<Chain>);

/// Why a line means nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SyntaxError {
    /// This stands where it cannot.
    Unexpected(&'static str),
    /// A quote with no end.
    Unterminated(char),
    /// A redirection without a file.
    MissingFile,
    /// More than [`MAX_DEPTH`] parentheses within each other.
    TooDeep,
    /// A NUL byte, which no argument can hold.
    Nul,
}

impl fmt::Display for SyntaxError {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Unexpected(token) => write!(formatter, "unexpected {token}"),
            Self::Unterminated(quote) => write!(formatter, "no closing {quote}"),
            Self::MissingFile => write!(formatter, "a redirection needs a file name"),
            Self::TooDeep => write!(formatter, "more than {MAX_DEPTH} nested parentheses"),
            Self::Nul => write!(formatter, "NUL byte in the line"),
        }
    }
}
