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
    /// `$?`: the status of the last command. It is known only when that command has ended.
    LastStatus,
}

/// A word: its pieces side by side.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Word(pub Vec<Piece>);

/// What a redirection does.
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
    /// The direction.
    pub direction: Direction,
    /// The file.
    pub path: Word,
}

/// What a command does, its redirections aside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// A program or a built-in command, with name and arguments. Empty if the command has
    /// redirections only.
    Program(Vec<Word>),
    /// A list that runs in a process of its own.
    Group(Box<List>),
}

/// One command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// The action.
    pub action: Action,
    /// The redirections, applied from left to right.
    pub redirections: Vec<Redirection>,
}

/// Commands whose outputs are connected to the next one's input. Never empty.
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
    /// The shell waits.
    Foreground,
    /// `&`: the shell does not wait.
    Background,
}

/// Pipelines, each of which runs if those before it ended as its condition asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain {
    /// The first pipeline, which always runs.
    pub first: Pipeline,
    /// The rest, from left to right.
    pub rest: Vec<(Condition, Pipeline)>,
    /// Whether the shell waits for the chain.
    pub mode: Mode,
}

/// A whole line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct List(pub Vec<Chain>);

/// Why a line cannot be parsed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SyntaxError {
    /// This token is where it cannot be.
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
