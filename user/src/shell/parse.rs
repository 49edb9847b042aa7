//! From tokens to a [`List`], by recursive descent; the recursion is one level per parenthesis.

use super::lex::{Token, tokens};
use super::{
    Action, Chain, Command, Condition, List, MAX_DEPTH, Mode, Pipeline, Redirection, SyntaxError,
};
use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::{IntoIter, Vec};
use core::iter::Peekable;

/// Parses a line; an empty one is an empty list.
pub fn parse(line: &[u8]) -> Result<List, SyntaxError> {
    let mut parser = Parser {
        tokens: tokens(line)?.into_iter().peekable(),
        depth: 0,
    };
    let list = parser.list()?;
    match parser.tokens.next() {
        None => Ok(list),
        Some(token) => Err(SyntaxError::Unexpected(token.name())),
    }
}

struct Parser {
    tokens: Peekable<IntoIter<Token>>,
    depth: usize,
}

impl Parser {
    /// Returns the error for the current token, where another was needed.
    fn unexpected(&mut self) -> SyntaxError {
        let name = self.tokens.peek().map_or("end of line", Token::name);
        SyntaxError::Unexpected(name)
    }

    fn take(&mut self, token: &Token) -> bool {
        self.tokens.next_if_eq(token).is_some()
    }

    /// Returns a list, up to a `)` or the end.
    fn list(&mut self) -> Result<List, SyntaxError> {
        let mut chains = Vec::new();
        loop {
            // Empty lines are skipped.
            while self.take(&Token::Newline) {}
            if matches!(self.tokens.peek(), None | Some(Token::Close)) {
                return Ok(List(chains));
            }
            let mut chain = self.chain()?;
            if self.take(&Token::Background) {
                chain.mode = Mode::Background;
            } else if !self.take(&Token::Semicolon)
                && !self.take(&Token::Newline)
                && !matches!(self.tokens.peek(), None | Some(Token::Close))
            {
                return Err(self.unexpected());
            }
            chains.push(chain);
        }
    }

    fn chain(&mut self) -> Result<Chain, SyntaxError> {
        let first = self.pipeline()?;
        let mut rest = Vec::new();
        loop {
            let condition = if self.take(&Token::And) {
                Condition::Success
            } else if self.take(&Token::Or) {
                Condition::Failure
            } else {
                return Ok(Chain {
                    first,
                    rest,
                    mode: Mode::Foreground,
                });
            };
            rest.push((condition, self.pipeline()?));
        }
    }

    fn pipeline(&mut self) -> Result<Pipeline, SyntaxError> {
        let mut commands = vec![self.command()?];
        while self.take(&Token::Pipe) {
            commands.push(self.command()?);
        }
        Ok(Pipeline(commands))
    }

    fn command(&mut self) -> Result<Command, SyntaxError> {
        if !self.take(&Token::Open) {
            return self.program();
        }
        if self.depth == MAX_DEPTH {
            return Err(SyntaxError::TooDeep);
        }
        self.depth += 1;
        let list = self.list()?;
        self.depth -= 1;
        // `()` runs nothing, which cannot be meant.
        if list.0.is_empty() || !self.take(&Token::Close) {
            return Err(self.unexpected());
        }
        let mut redirections = Vec::new();
        while let Some(redirection) = self.redirection()? {
            redirections.push(redirection);
        }
        Ok(Command {
            action: Action::Group(Box::new(list)),
            redirections,
        })
    }

    fn program(&mut self) -> Result<Command, SyntaxError> {
        let mut words = Vec::new();
        let mut redirections = Vec::new();
        loop {
            if let Some(redirection) = self.redirection()? {
                redirections.push(redirection);
            } else if let Some(Token::Word(word)) =
                self.tokens.next_if(|token| matches!(token, Token::Word(_)))
            {
                words.push(word);
            } else {
                break;
            }
        }
        if words.is_empty() && redirections.is_empty() {
            return Err(self.unexpected());
        }
        Ok(Command {
            action: Action::Program(words),
            redirections,
        })
    }

    fn redirection(&mut self) -> Result<Option<Redirection>, SyntaxError> {
        let Some(&Token::Redirect(direction)) = self.tokens.peek() else {
            return Ok(None);
        };
        self.tokens.next();
        match self.tokens.next() {
            Some(Token::Word(path)) => Ok(Some(Redirection { direction, path })),
            _ => Err(SyntaxError::MissingFile),
        }
    }
}

#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod tests;
