//! The shell's language and its statuses.

use super::super::case::{Case, End};

/// The exit status that stands for a status above 120, for example 127, that of a command which is
/// not found.
const TOO_LARGE: u8 = abi::EXIT_STATUS_MAX;

/// Returns the tests of the shell.
pub fn cases() -> Vec<Case> {
    vec![
        Case::line("pipes", "echo one two three | wc").shows(r"^ *1 +3 +14\b"),
        Case::line(
            "long pipes",
            "cat README | cat | cat | cat | grep -x no-such-line | wc",
        )
        .within(60),
        Case::line(
            "redirections",
            "echo first > f; echo second >> f; cat < f; wc < f > g; cat g",
        )
        .shows("^first\nsecond$")
        .shows(r"^ *2 +2 +13\b")
        .leaves_disk_sound(),
        Case::line("lists", "echo a; echo b; echo c").shows("^a\nb\nc$"),
        Case::line(
            "background",
            "sleep 10 & echo at once; sleep 20; echo later",
        )
        .shows("^at once\nlater$"),
        Case::line(
            "parentheses",
            "(echo a; echo b) | wc; (cd /; echo c) > f; cat f",
        )
        .shows(r"^ *2 +2 +4\b")
        .shows("^c$"),
        Case::line("quotes", r#"echo 'a  b' "c | d;" '>' e"#).shows(r"^a  b c \| d; > e$"),
        Case::line("cd", "mkdir d; cd d; echo x > f; cd ..; cat d/f").shows("^x$"),
        Case::line("status of the last command", "echo a; cat no-such-file")
            .ends(End::Status(1))
            .shows("no-such-file"),
        Case::line("status of a list", "cat no-such-file; echo fine").shows("^fine$"),
        Case::line("status of a pipe", "cat no-such-file | wc"),
        Case::line("status by exit", "exit 42").ends(End::Status(42)),
        Case::line("status too large to tell", "exit 121").ends(End::Status(TOO_LARGE)),
        Case::line("largest status", "exit 120").ends(End::Status(120)),
        Case::line(
            "conditions",
            "cat no-such-file || echo no; echo yes && echo and",
        )
        .shows("^no$")
        .shows("^yes\nand$"),
        Case::line("command not found", "no-such-command")
            .ends(End::Status(TOO_LARGE))
            .shows("^sh: no-such-command: .*not found"),
        Case::line("syntax error", "echo (")
            .ends(End::Status(2))
            .shows("^sh: syntax error"),
        Case::line(
            "grep, wc, ls, kill, ln, rm tell their usage",
            "ln; rm; kill; mkdir; grep",
        )
        .ends(End::Failure)
        .shows("usage: ln")
        .shows("usage: rm")
        .shows("usage: kill")
        .shows("usage: mkdir")
        .shows("usage: grep"),
        Case::line(
            "grep",
            "grep x*warran README; echo a.c > f; echo abc >> f; grep a.c f; grep ^a..$ f",
        )
        .shows("^abc$"),
        Case::line("ls", "ls README; ls")
            .shows(r"^README +2 +[0-9]+ +[0-9]+")
            .shows(r"^cowtest +2 +"),
    ]
}
