//! Any line is parsed or refused, and what is parsed keeps the language's promises.

use super::*;
use crate::shell::{Piece, Word};

fn check_list(list: &List, depth: usize) {
    assert!(depth <= MAX_DEPTH);
    for chain in &list.0 {
        let rest = chain.rest.iter().map(|(_, pipeline)| pipeline);
        for pipeline in core::iter::once(&chain.first).chain(rest) {
            assert!(!pipeline.0.is_empty());
            pipeline
                .0
                .iter()
                .for_each(|command| check_command(command, depth));
        }
    }
}

fn check_command(command: &Command, depth: usize) {
    match &command.action {
        Action::Program(words) => {
            assert!(!words.is_empty() || !command.redirections.is_empty());
            words.iter().for_each(check_word);
        }
        Action::Group(list) => {
            assert!(!list.0.is_empty());
            check_list(list, depth + 1);
        }
    }
    for redirection in &command.redirections {
        check_word(&redirection.path);
    }
}

fn check_word(word: &Word) {
    for piece in &word.0 {
        if let Piece::Text(text) = piece {
            assert!(!text.contains(&0));
        }
    }
}

#[test]
fn fuzz_lines() {
    let words: [&[u8]; 20] = [
        b" ",
        b"a",
        b"(",
        b")",
        b"((((((((",
        b"))))))))",
        b"|",
        b"||",
        b"&",
        b"&&",
        b";",
        b"\n",
        b"<",
        b">",
        b">>",
        b"'",
        b"\"",
        b"\\",
        b"$?",
        b"\xff",
    ];
    ::fuzz::check!().for_each(|input: &[u8]| {
        let line = ::fuzz::text(input, &words);
        match parse(&line) {
            Ok(list) => check_list(&list, 0),
            Err(error) => assert!(!alloc::string::ToString::to_string(&error).contains('\n')),
        }
    });
}
