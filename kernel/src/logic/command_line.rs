//! The kernel's command line: options for the kernel, then ` -- `, then one line for the shell.
//!
//! Options are words:
//!
//! - `fork=eager`, `fork=cow` or `fork=shared`: how processes fork unless they ask otherwise;
//! - `audit`: the kernel audits its memory when a program that the shell started has waited for its
//!   last child, and panics if something is wrong;
//! - `clock=fine`: every hart is interrupted so often that `/dev/stretch` misses little;
//! - `test=panic`, `test=overrun`, `test=leak`: deliberate failures, to test how they end;
//! - `test=swapdisk`: the swap disk is overwritten, checked and measured;
//! - `stack-pages=N`: the size of every program's stack, for programs of other years;
//! - `lazy-sbrk`: `sbrk` promises nothing, whatever its second argument, for those programs too.

use abi::ForkMode;

/// The largest number of pages of a stack.
pub const STACK_PAGES_MAX: u64 = 16;

/// A test of the kernel itself. Most tests are deliberate failures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Test {
    /// The kernel loses an address space.
    Leak,
    /// The kernel panics.
    Panic,
    /// The kernel overruns a kernel stack.
    Overrun,
    /// The kernel overwrites the swap disk, reads it back and measures both.
    SwapDisk,
}

/// The options of a command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options<'a> {
    /// How processes fork.
    pub fork: ForkMode,
    /// Whether the kernel audits its memory without being asked.
    pub audit: bool,
    /// Pages of a program's stack, 1 to [`STACK_PAGES_MAX`].
    pub stack_pages: u64,
    /// Whether `sbrk` is lazy even if a program does not ask for it.
    pub lazy_sbrk: bool,
    /// Whether alarms come often, to measure stretches without pre-emption.
    pub fine_clock: bool,
    /// The test asked for, if any.
    pub test: Option<Test>,
    /// The shell line to run instead of an interactive shell.
    pub line: Option<&'a str>,
}

impl<'a> Options<'a> {
    /// Parses a command line. Calls `unknown` with every word that is no option.
    pub fn parse(text: &'a str, mut unknown: impl FnMut(&'a str)) -> Self {
        let (words, line) = split(text);
        let mut options = Self {
            fork: ForkMode::CopyOnWrite,
            audit: false,
            stack_pages: 1,
            lazy_sbrk: false,
            fine_clock: false,
            test: None,
            line,
        };
        for word in words.split_ascii_whitespace() {
            match word {
                "fork=eager" => options.fork = ForkMode::Eager,
                "fork=cow" => options.fork = ForkMode::CopyOnWrite,
                "fork=shared" => options.fork = ForkMode::SharedTables,
                "audit" => options.audit = true,
                "clock=fine" => options.fine_clock = true,
                "test=leak" => options.test = Some(Test::Leak),
                "test=panic" => options.test = Some(Test::Panic),
                "test=overrun" => options.test = Some(Test::Overrun),
                "test=swapdisk" => options.test = Some(Test::SwapDisk),
                "lazy-sbrk" => options.lazy_sbrk = true,
                _ => match stack_pages(word) {
                    Some(count) => options.stack_pages = count,
                    None => unknown(word),
                },
            }
        }
        options
    }
}

/// Returns the number in `stack-pages=N`, if it is in range.
fn stack_pages(word: &str) -> Option<u64> {
    let count = word.strip_prefix("stack-pages=")?.parse().ok()?;
    (1..=STACK_PAGES_MAX).contains(&count).then_some(count)
}

/// Returns the words before the first `--` that stands alone, and the line after it. Further `--`
/// belong to the line.
fn split(text: &str) -> (&str, Option<&str>) {
    let mut from = 0;
    while let Some(found) = text[from..].find("--") {
        let (start, end) = (from + found, from + found + 2);
        let alone = |neighbour: Option<char>| neighbour.is_none_or(|c| c.is_ascii_whitespace());
        if alone(text[..start].chars().next_back()) && alone(text[end..].chars().next()) {
            let line = text[end..].trim_ascii();
            return (&text[..start], (!line.is_empty()).then_some(line));
        }
        from = end;
    }
    (text, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> (Options<'_>, Vec<&str>) {
        let mut unknown = Vec::new();
        let options = Options::parse(text, |word| unknown.push(word));
        (options, unknown)
    }

    #[test]
    fn nothing_means_the_defaults() {
        let (options, unknown) = parse("");
        assert_eq!(options.fork, ForkMode::CopyOnWrite);
        assert_eq!(
            (options.audit, options.test, options.line),
            (false, None, None)
        );
        assert!(unknown.is_empty());
    }

    #[test]
    fn options_end_where_the_line_begins() {
        let (options, unknown) = parse("fork=eager audit test=overrun -- echo fork=cow -- 'a  b'");
        assert_eq!(options.fork, ForkMode::Eager);
        assert!(options.audit);
        assert_eq!(options.test, Some(Test::Overrun));
        assert_eq!(options.line, Some("echo fork=cow -- 'a  b'"));
        assert!(unknown.is_empty());
    }

    #[test]
    fn dashes_inside_a_word_are_no_separator() {
        let (options, unknown) = parse("a--b --c -- ls");
        assert_eq!(options.line, Some("ls"));
        assert_eq!(unknown, ["a--b", "--c"]);
    }

    #[test]
    fn an_empty_line_is_no_line() {
        assert_eq!(parse("fork=cow --").0.line, None);
        assert_eq!(parse("-- ls").0.line, Some("ls"));
    }

    #[test]
    fn only_ascii_blanks_around_the_line_are_nobodys() {
        assert_eq!(parse("-- \techo \u{2003} ").0.line, Some("echo \u{2003}"));
        assert_eq!(parse("-- \u{b}").0.line, Some("\u{b}"));
    }

    #[test]
    fn a_test_of_the_swap_disk_is_asked_for() {
        let (options, unknown) = parse("test=swapdisk -- ls");
        assert_eq!(options.test, Some(Test::SwapDisk));
        assert!(unknown.is_empty());
    }

    #[test]
    fn programs_of_other_years_are_provided_for() {
        let (options, _) = parse("");
        assert_eq!((options.stack_pages, options.lazy_sbrk), (1, false));
        let (options, unknown) = parse("stack-pages=2 lazy-sbrk");
        assert_eq!((options.stack_pages, options.lazy_sbrk), (2, true));
        assert!(unknown.is_empty());
    }

    #[test]
    fn a_fine_clock_is_asked_for() {
        assert!(parse("clock=fine").0.fine_clock);
        assert!(!parse("").0.fine_clock);
    }

    #[test]
    fn unknown_words_are_told() {
        assert_eq!(parse("fork=fast quiet").1, ["fork=fast", "quiet"]);
        for word in [
            "stack-pages=0",
            "stack-pages=17",
            "stack-pages=",
            "stack-pages=-1",
        ] {
            let (options, unknown) = parse(word);
            assert_eq!((options.stack_pages, unknown), (1, vec![word]));
        }
    }
}
