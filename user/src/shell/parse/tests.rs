//! What lines mean, and that none of them breaks the parser.

use super::*;
use crate::shell::{Direction, Piece, Word};
use std::string::String;

/// Returns the list in a form short enough to compare: pieces of a word are joined, `$?` is
/// `STATUS`.
fn show(list: &List) -> String {
    let chains = list.0.iter().map(|chain| {
        let mut text = show_pipeline(&chain.first);
        for (condition, pipeline) in &chain.rest {
            text += match condition {
                Condition::Success => " && ",
                Condition::Failure => " || ",
            };
            text += &show_pipeline(pipeline);
        }
        text + match chain.mode {
            Mode::Foreground => ";",
            Mode::Background => "&",
        }
    });
    chains.collect::<Vec<_>>().join(" ")
}

fn show_pipeline(pipeline: &Pipeline) -> String {
    let commands = pipeline.0.iter().map(|command| {
        let mut parts = match &command.action {
            Action::Program(words) => words.iter().map(show_word).collect(),
            Action::Group(list) => vec![format!("({})", show(list))],
        };
        for redirection in &command.redirections {
            let sign = match redirection.direction {
                Direction::Input => "<",
                Direction::Output => ">",
                Direction::Append => ">>",
            };
            parts.push(format!("{sign}{}", show_word(&redirection.path)));
        }
        parts.join(" ")
    });
    commands.collect::<Vec<_>>().join(" | ")
}

fn show_word(word: &Word) -> String {
    let pieces = word.0.iter().map(|piece| match piece {
        Piece::Text(text) => String::from_utf8_lossy(text).into_owned(),
        Piece::LastStatus => "STATUS".into(),
    });
    format!("[{}]", pieces.collect::<String>())
}

fn meaning(line: &str) -> String {
    show(&parse(line.as_bytes()).expect(line))
}

fn error(line: &str) -> String {
    parse(line.as_bytes()).expect_err(line).to_string()
}

#[test]
fn words_are_split_at_blanks() {
    assert_eq!(meaning("echo  a\tb"), "[echo] [a] [b];");
    assert_eq!(meaning(""), "");
    assert_eq!(meaning("   # only a comment"), "");
    assert_eq!(meaning("echo a#b #c"), "[echo] [a#b];");
}

#[test]
fn quotes_and_backslashes_take_their_meaning_from_operators() {
    assert_eq!(meaning("echo 'a | b' \"c ; d\""), "[echo] [a | b] [c ; d];");
    assert_eq!(meaning("echo a'b'\"c\"d"), "[echo] [abcd];");
    assert_eq!(meaning(r"echo \| \' a\ b"), "[echo] [|] ['] [a b];");
    assert_eq!(meaning(r#"echo "\"\\\a" '\'"#), r#"[echo] ["\\a] [\];"#);
    assert_eq!(meaning("echo ''"), "[echo] [];");
    assert_eq!(meaning("echo \\"), "[echo] [\\];");
}

#[test]
fn the_last_status_expands_outside_single_quotes() {
    assert_eq!(
        meaning("echo $? a$?b \"$?\" '$?' \\$? $x \"\\$?\""),
        "[echo] [STATUS] [aSTATUSb] [STATUS] [$?] [$?] [$x] [$?];"
    );
}

#[test]
fn operators_bind_as_in_the_grammar() {
    assert_eq!(meaning("a|b"), "[a] | [b];");
    assert_eq!(meaning("a;b&c"), "[a]; [b]& [c];");
    assert_eq!(meaning("a&&b||c|d;"), "[a] && [b] || [c] | [d];");
    assert_eq!(meaning("\na\n\n#c\nb\n"), "[a]; [b];");
    assert_eq!(meaning("(a;b)|c&"), "([a]; [b];) | [c]&");
    assert_eq!(meaning("((a))"), "(([a];););");
}

#[test]
fn redirections_may_stand_anywhere_in_a_command() {
    assert_eq!(
        meaning("<in cat >out x>>more"),
        "[cat] [x] <[in] >[out] >>[more];"
    );
    assert_eq!(meaning("(a;b) >f <g"), "([a]; [b];) >[f] <[g];");
    assert_eq!(meaning("> f"), ">[f];");
}

#[test]
fn nonsense_is_named() {
    assert_eq!(error("| a"), "unexpected |");
    assert_eq!(error("a |"), "unexpected end of line");
    assert_eq!(error("a && ; b"), "unexpected ;");
    assert_eq!(error(";"), "unexpected ;");
    assert_eq!(error("&"), "unexpected &");
    assert_eq!(error("a )"), "unexpected )");
    assert_eq!(error("(a"), "unexpected end of line");
    assert_eq!(error("()"), "unexpected )");
    assert_eq!(error("(a) b"), "unexpected word");
    assert_eq!(error("a (b)"), "unexpected (");
    assert_eq!(error("echo 'a"), "no closing '");
    assert_eq!(error("echo \"a"), "no closing \"");
    assert_eq!(error("a >"), "a redirection needs a file name");
    assert_eq!(error("a > | b"), "a redirection needs a file name");
    assert_eq!(error("a\0b"), "NUL byte in the line");
}

#[test]
fn nesting_is_bounded() {
    let nested = |depth| "(".repeat(depth) + "a" + &")".repeat(depth);
    assert!(parse(nested(MAX_DEPTH).as_bytes()).is_ok());
    assert_eq!(
        parse(nested(MAX_DEPTH + 1).as_bytes()),
        Err(SyntaxError::TooDeep)
    );
    assert_eq!(
        parse("(".repeat(100_000).as_bytes()),
        Err(SyntaxError::TooDeep)
    );
}

/// Random lines, short and long, are parsed or refused.
#[test]
fn no_line_breaks_the_parser() {
    const SYMBOLS: &[u8] = b"a &|;()<>'\"\\$?#\n\0\xff";
    let mut seed = 1u64;
    let mut random = || {
        // Knuth's MMIX multiplier; the high bits are good enough here.
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize
    };
    for round in 0..200_000 {
        let length = if round % 100 == 0 { 500 } else { random() % 8 };
        let line: Vec<u8> = (0..length)
            .map(|_| SYMBOLS[random() % SYMBOLS.len()])
            .collect();
        let _ = parse(&line);
    }
}
