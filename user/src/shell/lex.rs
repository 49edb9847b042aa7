//! From bytes to tokens: operators and words, quotes and escapes resolved.
//!
//! As in the POSIX shell: nothing is special between single quotes; between double quotes only
//! `$?` and a backslash before `"`, `\` or `$` are; elsewhere a backslash takes the next byte as it
//! is, and `#` at the start of a word begins a comment.

use super::{Direction, Piece, SyntaxError, Word};
use alloc::vec::Vec;

/// What a line consists of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    Word(Word),
    Redirect(Direction),
    Pipe,
    And,
    Or,
    Semicolon,
    Newline,
    Background,
    Open,
    Close,
}

impl Token {
    /// Returns the token as messages show it.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Word(_) => "word",
            Self::Redirect(Direction::Input) => "<",
            Self::Redirect(Direction::Output) => ">",
            Self::Redirect(Direction::Append) => ">>",
            Self::Pipe => "|",
            Self::And => "&&",
            Self::Or => "||",
            Self::Semicolon => ";",
            Self::Newline => "newline",
            Self::Background => "&",
            Self::Open => "(",
            Self::Close => ")",
        }
    }
}

/// Returns the tokens of `line`.
pub(super) fn tokens(line: &[u8]) -> Result<Vec<Token>, SyntaxError> {
    if line.contains(&0) {
        return Err(SyntaxError::Nul);
    }
    let mut lexer = Lexer { rest: line };
    let mut tokens = Vec::new();
    while let Some(token) = lexer.token()? {
        tokens.push(token);
    }
    Ok(tokens)
}

struct Lexer<'a> {
    rest: &'a [u8],
}

impl Lexer<'_> {
    /// Takes `text` if it comes next.
    fn take(&mut self, text: &[u8]) -> bool {
        let Some(rest) = self.rest.strip_prefix(text) else {
            return false;
        };
        self.rest = rest;
        true
    }

    /// Takes the next byte, whatever it is.
    fn next(&mut self) -> Option<u8> {
        let (&byte, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(byte)
    }

    fn skip_blanks_and_comment(&mut self) {
        while let [b' ' | b'\t' | b'\r', rest @ ..] = self.rest {
            self.rest = rest;
        }
        if self.rest.first() == Some(&b'#') {
            let end = self.rest.iter().position(|&byte| byte == b'\n');
            self.rest = &self.rest[end.unwrap_or(self.rest.len())..];
        }
    }

    fn token(&mut self) -> Result<Option<Token>, SyntaxError> {
        // Longer operators first: `>` begins `>>`.
        const OPERATORS: [(&[u8], Token); 11] = [
            (b"&&", Token::And),
            (b"||", Token::Or),
            (b">>", Token::Redirect(Direction::Append)),
            (b">", Token::Redirect(Direction::Output)),
            (b"<", Token::Redirect(Direction::Input)),
            (b"|", Token::Pipe),
            (b"&", Token::Background),
            (b";", Token::Semicolon),
            (b"\n", Token::Newline),
            (b"(", Token::Open),
            (b")", Token::Close),
        ];
        self.skip_blanks_and_comment();
        if self.rest.is_empty() {
            return Ok(None);
        }
        for (text, token) in OPERATORS {
            if self.take(text) {
                return Ok(Some(token));
            }
        }
        self.word().map(|word| Some(Token::Word(word)))
    }

    fn word(&mut self) -> Result<Word, SyntaxError> {
        let mut word = Building::default();
        while let Some(&byte) = self.rest.first() {
            if b" \t\r\n<>|&;()".contains(&byte) {
                break;
            }
            if self.take(b"$?") {
                word.last_status();
                continue;
            }
            self.next();
            match byte {
                b'\'' => self.single_quoted(&mut word)?,
                b'"' => self.double_quoted(&mut word)?,
                // A backslash at the very end stands for itself.
                b'\\' => word.byte(self.next().unwrap_or(b'\\')),
                _ => word.byte(byte),
            }
        }
        Ok(word.finish())
    }

    fn single_quoted(&mut self, word: &mut Building) -> Result<(), SyntaxError> {
        while let Some(byte) = self.next() {
            if byte == b'\'' {
                return Ok(());
            }
            word.byte(byte);
        }
        Err(SyntaxError::Unterminated('\''))
    }

    fn double_quoted(&mut self, word: &mut Building) -> Result<(), SyntaxError> {
        loop {
            if self.take(b"$?") {
                word.last_status();
                continue;
            }
            match (self.next(), self.rest.first()) {
                (None, _) => return Err(SyntaxError::Unterminated('"')),
                (Some(b'"'), _) => return Ok(()),
                (Some(b'\\'), Some(&escaped @ (b'"' | b'\\' | b'$'))) => {
                    self.next();
                    word.byte(escaped);
                }
                (Some(byte), _) => word.byte(byte),
            }
        }
    }
}

/// A word in the making.
#[derive(Default)]
struct Building {
    pieces: Vec<Piece>,
    text: Vec<u8>,
}

impl Building {
    fn byte(&mut self, byte: u8) {
        self.text.push(byte);
    }

    fn last_status(&mut self) {
        self.end_text();
        self.pieces.push(Piece::LastStatus);
    }

    fn end_text(&mut self) {
        if !self.text.is_empty() {
            self.pieces
                .push(Piece::Text(core::mem::take(&mut self.text)));
        }
    }

    fn finish(mut self) -> Word {
        self.end_text();
        Word(self.pieces)
    }
}
