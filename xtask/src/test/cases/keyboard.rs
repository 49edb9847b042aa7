//! The console's line editing and its special keys, typed at the shell's prompt.

use std::time::Duration;

use super::super::case::Case;
use super::super::talk::Step::{Insist, Pause, Prompt, See, Type};

const CTRL_C: &str = "\x03";
const CTRL_D: &str = "\x04";
const CTRL_P: &str = "\x10";
const BACKSPACE_LINE: &str = "echo hexx\x7f\x7fllo\n";
const CTRL_U_LINE: &str = "rm -everything\x15echo fresh\n";

/// The time for a program to start and to wait for input.
const STARTED: Duration = Duration::from_millis(700);

/// Returns the tests of the keyboard.
pub fn cases() -> Vec<Case> {
    vec![
        Case::talk(
            "keyboard: a line",
            vec![Prompt, Type("echo typed\n"), See("(?m)^typed\r?$"), Prompt],
        )
        .shows("^init: starting sh$"),
        Case::talk(
            "keyboard: backspace",
            vec![Prompt, Type(BACKSPACE_LINE), See("(?m)^hello\r?$"), Prompt],
        ),
        Case::talk(
            "keyboard: Ctrl-U",
            vec![Prompt, Type(CTRL_U_LINE), See("(?m)^fresh\r?$"), Prompt],
        )
        .hides("not found|cannot"),
        Case::talk(
            "keyboard: Ctrl-D ends the input of a program",
            vec![
                Prompt,
                Type("cat\n"),
                Pause(STARTED),
                Type("again\n"),
                See("again\r?\nagain\r?\n"),
                Type(CTRL_D),
                Prompt,
                Type("echo back\n"),
                See("(?m)^back\r?$"),
            ],
        )
        .hides("(?s)starting sh.*starting sh"),
        Case::talk(
            "keyboard: Ctrl-D ends the shell, init starts another",
            vec![
                Prompt,
                Type(CTRL_D),
                See("init: starting sh"),
                Prompt,
                Type("echo new\n"),
                See("(?m)^new\r?$"),
            ],
        ),
        Case::talk(
            "keyboard: Ctrl-C ends the program and not the shell",
            vec![
                Prompt,
                Type("sleep 1000\n"),
                Pause(STARTED),
                Insist(CTRL_C),
                Type("echo back\n"),
                See("(?m)^back\r?$"),
            ],
        )
        .hides("(?s)starting sh.*starting sh"),
        Case::talk(
            "keyboard: Ctrl-C ends a whole pipeline",
            vec![
                Prompt,
                Type("(sleep 1000; echo no) | cat | wc\n"),
                Pause(STARTED),
                Insist(CTRL_C),
                Type("echo back\n"),
                See("(?m)^back\r?$"),
            ],
        )
        .hides("^no$"),
        Case::talk(
            "keyboard: Ctrl-C ends a busy program",
            vec![
                Prompt,
                Type("c-spin\n"),
                Pause(STARTED),
                Insist(CTRL_C),
                Type("echo back\n"),
                See("(?m)^back\r?$"),
            ],
        )
        .harts(2),
        Case::talk(
            "keyboard: Ctrl-C spares what runs in the background",
            vec![
                Prompt,
                Type("(sleep 30; echo survived) &\n"),
                Prompt,
                Type("sleep 1000\n"),
                Pause(STARTED),
                Insist(CTRL_C),
                See("(?m)^(\\$ )?survived\r?$"),
            ],
        ),
        Case::talk(
            "keyboard: Ctrl-C at the prompt",
            vec![
                Prompt,
                Type(CTRL_C),
                Prompt,
                Type("echo not run"),
                Type(CTRL_C),
                Prompt,
                Type("echo here\n"),
                See("(?m)^here\r?$"),
                Prompt,
            ],
        )
        .hides("^not run")
        .hides("(?s)starting sh.*starting sh"),
        Case::piped(
            "keyboard: an input from before the boot",
            "echo first\ncat\nfor cat\nand more",
        )
        .shows("first$")
        .shows("^for cat\nfor cat$")
        .shows("^and more\nand more$"),
        Case::piped("keyboard: no input at all", "").shows(r"^\$ init: starting sh$"),
        Case::talk(
            "keyboard: Ctrl-P lists the processes",
            vec![
                Prompt,
                Type(CTRL_P),
                See("(?m)^ *1 .*init"),
                See("(?m)^ *2 .*sh"),
                Type("\n"),
                Prompt,
            ],
        ),
        // The pattern allows five digits, so a longer stretch fails the test.
        Case::talk(
            "keyboard: keys beside very many processes hold nobody up",
            vec![
                Prompt,
                Type("c-sleepers 900\n"),
                See("(?m)^c-sleepers: 900 asleep\r?$"),
                Type(CTRL_P),
                See("(?m) sleep +c-sleepers\r?$"),
                Pause(STARTED),
                Insist(CTRL_C),
                Type("cat /dev/stretch\n"),
                See("(?m)^[0-9]{1,5}\r?$"),
                Type("sleep 10; ps | grep c-sleep | wc\n"),
                See("(?m)^(\\$ )?0 0 0 *\r?$"),
            ],
        )
        .mebibytes(256)
        .option("clock=fine")
        .counts_instructions()
        .within(120),
        Case::talk(
            "keyboard: typing ahead",
            vec![
                Prompt,
                Type("sleep 5\necho ahead\n"),
                See("(?m)^(\\$ )?ahead\r?$"),
                Prompt,
            ],
        ),
    ]
}
