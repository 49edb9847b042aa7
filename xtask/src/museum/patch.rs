//! Patches in the unified format of `git diff`, read and applied to text.
//!
//! A hunk is found by the lines that it expects, not by its line number: the nearest match to its
//! number is taken. If no place matches, up to [`FUZZ`] lines of context at each end are ignored,
//! so a small change nearby does not break a patch. The lines that the patch itself removes must be
//! there.

use std::fmt;
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

/// How many lines of context may differ at each end of a hunk.
const FUZZ: usize = 2;

/// Changes to some files.
pub struct Patch {
    /// The files, in the order of the patch.
    pub files: Vec<FilePatch>,
}

/// The changes to one file.
pub struct FilePatch {
    /// The file's path from the root of the tree.
    pub path: PathBuf,
    hunks: Vec<Hunk>,
}

/// A run of lines, and the lines that replace them.
struct Hunk {
    /// The index of the first line when the patch was made.
    start: usize,
    lines: Vec<Line>,
}

/// A line of a hunk.
struct Line {
    mark: Mark,
    text: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mark {
    Context,
    Removed,
    Added,
}

/// The error that no place matches a hunk.
#[derive(Debug)]
pub struct Misfit {
    path: PathBuf,
    /// The first line that the hunk removes, or the line behind which it adds.
    line: String,
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} has no such place any more: `{}`",
            self.path.display(),
            self.line.trim()
        )
    }
}

impl std::error::Error for Misfit {}

impl Patch {
    /// Reads a patch. It may only change files, and neither add nor remove any.
    pub fn parse(text: &str) -> Result<Self> {
        let mut files: Vec<FilePatch> = Vec::new();
        let mut lines = text.lines().enumerate().peekable();
        while let Some((number, line)) = lines.next() {
            let number = number + 1;
            if let Some(name) = line.strip_prefix("+++ ") {
                files.push(FilePatch {
                    path: path_of(name).with_context(|| format!("line {number}"))?,
                    hunks: Vec::new(),
                });
            } else if line.starts_with("@@ ") {
                let file = files.last_mut().context("a hunk stands before any file")?;
                let (start, mut old, mut new) =
                    ranges_of(line).with_context(|| format!("line {number}: no hunk header"))?;
                let mut hunk = Vec::new();
                while old > 0 || new > 0 {
                    let (_, line) = lines.next().context("the last hunk is cut off")?;
                    let (mark, text) = marked(line)?;
                    let (olds, news) = mark.sides();
                    old = old.checked_sub(olds).context("a hunk is too long")?;
                    new = new.checked_sub(news).context("a hunk is too long")?;
                    hunk.push(Line {
                        mark,
                        text: text.to_owned(),
                    });
                }
                file.hunks.push(Hunk { start, lines: hunk });
            }
        }
        ensure!(
            files.iter().any(|file| !file.hunks.is_empty()),
            "the patch changes nothing"
        );
        Ok(Self { files })
    }
}

/// Returns the path in a `+++` line, without the `b/` and without the time that some tools add.
fn path_of(name: &str) -> Result<PathBuf> {
    let name = name.split('\t').next().unwrap_or(name);
    let path = Path::new(name.strip_prefix("b/").unwrap_or(name));
    let inside = path
        .components()
        .all(|part| matches!(part, Component::Normal(_)));
    ensure!(inside, "`{name}` lies outside the tree");
    Ok(path.to_owned())
}

/// Returns the index of the first line and the two lengths in `@@ -12,7 +12,9 @@`.
fn ranges_of(header: &str) -> Option<(usize, usize, usize)> {
    let mut words = header.split(' ').skip(1);
    let range = |word: &str, sign: char| -> Option<(usize, usize)> {
        let word = word.strip_prefix(sign)?;
        let (start, length) = word.split_once(',').unwrap_or((word, "1"));
        Some((start.parse().ok()?, length.parse().ok()?))
    };
    let (start, old) = range(words.next()?, '-')?;
    let (_, new) = range(words.next()?, '+')?;
    Some((start.saturating_sub(1), old, new))
}

/// Returns the mark and the text of a hunk's line. An editor may have removed the space of an empty
/// line.
fn marked(line: &str) -> Result<(Mark, &str)> {
    let mark = match line.chars().next() {
        None => return Ok((Mark::Context, "")),
        Some(' ') => Mark::Context,
        Some('-') => Mark::Removed,
        Some('+') => Mark::Added,
        Some(_) => bail!("a hunk's line begins with neither ` `, `-` nor `+`: `{line}`"),
    };
    Ok((mark, &line[1..]))
}

impl Mark {
    /// Returns how many lines this line counts for on the old and on the new side.
    fn sides(self) -> (usize, usize) {
        match self {
            Self::Context => (1, 1),
            Self::Removed => (1, 0),
            Self::Added => (0, 1),
        }
    }
}

impl FilePatch {
    /// Returns the text with all hunks applied.
    pub fn apply(&self, text: &str) -> Result<String, Misfit> {
        let mut lines: Vec<&str> = text.lines().collect();
        // The distance by which earlier hunks have moved the lines behind them.
        let mut moved = 0;
        for hunk in &self.hunks {
            let expected = hunk.start.saturating_add_signed(moved);
            let Some((at, cut)) = hunk.place(&lines, expected) else {
                return Err(Misfit {
                    path: self.path.clone(),
                    line: hunk.landmark().to_owned(),
                });
            };
            let body = hunk.without(cut);
            let old = body.iter().filter(|line| line.mark != Mark::Added).count();
            let mut place = at;
            let mut new = Vec::new();
            for line in body {
                match line.mark {
                    // The file's own line is kept, because the patch's may differ within the fuzz.
                    Mark::Context => {
                        new.push(lines[place]);
                        place += 1;
                    }
                    Mark::Removed => place += 1,
                    Mark::Added => new.push(line.text.as_str()),
                }
            }
            moved = at as isize - cut.0 as isize - hunk.start as isize;
            moved += new.len() as isize - old as isize;
            lines.splice(at..at + old, new);
        }
        let mut result = lines.join("\n");
        result.push('\n');
        Ok(result)
    }
}

impl Hunk {
    /// Returns the line by which a person finds the place in the file.
    fn landmark(&self) -> &str {
        let of = |mark| self.lines.iter().find(move |line| line.mark == mark);
        of(Mark::Removed)
            .or_else(|| {
                let added = self
                    .lines
                    .iter()
                    .position(|line| line.mark == Mark::Added)?;
                self.lines[..added].last()
            })
            .or_else(|| of(Mark::Context))
            .map_or("", |line| &line.text)
    }

    /// Returns how many lines of context there are at both ends.
    fn context(&self) -> (usize, usize) {
        let context = |line: &&Line| line.mark == Mark::Context;
        let before = self.lines.iter().take_while(context).count();
        let after = self.lines.iter().rev().take_while(context).count();
        (before, after)
    }

    /// Returns the lines without some of the context at both ends.
    fn without(&self, cut: (usize, usize)) -> &[Line] {
        &self.lines[cut.0..self.lines.len() - cut.1]
    }

    /// Finds the nearest place that matches the lines of the hunk, with as little fuzz as possible.
    /// Returns the index of its first line, and how much of the context was ignored.
    fn place(&self, lines: &[&str], expected: usize) -> Option<(usize, (usize, usize))> {
        let (before, after) = self.context();
        (0..=FUZZ).find_map(|fuzz| {
            // At least one line of context is kept. Without any, an addition would match
            // everywhere.
            let cut = (
                fuzz.min(before.saturating_sub(1)),
                fuzz.min(after.saturating_sub(1)),
            );
            let old: Vec<&str> = self
                .without(cut)
                .iter()
                .filter(|line| line.mark != Mark::Added)
                .map(|line| line.text.as_str())
                .collect();
            let expected = expected + cut.0;
            (0..=lines.len().checked_sub(old.len())?)
                .filter(|&at| lines[at..at + old.len()] == old[..])
                .min_by_key(|at| at.abs_diff(expected))
                .map(|at| (at, cut))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATCH: &str = "\
diff --git a/mm/a.rs b/mm/a.rs
--- a/mm/a.rs
+++ b/mm/a.rs
@@ -2,5 +2,5 @@ fn head()
 two
 three
-four
+FOUR
 five
 six
";

    fn applied(patch: &str, text: &str) -> Result<String, Misfit> {
        let patch = Patch::parse(patch).expect("a good patch");
        assert_eq!(patch.files.len(), 1);
        assert_eq!(patch.files[0].path, Path::new("mm/a.rs"));
        patch.files[0].apply(text)
    }

    #[test]
    fn a_patch_is_applied_where_its_lines_are() {
        for (before, after) in [
            (
                "one\ntwo\nthree\nfour\nfive\nsix\n",
                "one\ntwo\nthree\nFOUR\nfive\nsix\n",
            ),
            // The place has moved.
            (
                "0\n0\n0\n0\ntwo\nthree\nfour\nfive\nsix\n",
                "0\n0\n0\n0\ntwo\nthree\nFOUR\nfive\nsix\n",
            ),
            // The nearest of two places.
            (
                "one\ntwo\nthree\nfour\nfive\nsix\n0\n0\ntwo\nthree\nfour\nfive\nsix\n",
                "one\ntwo\nthree\nFOUR\nfive\nsix\n0\n0\ntwo\nthree\nfour\nfive\nsix\n",
            ),
            // A changed line of context stays as the file has it.
            (
                "one\n2\nthree\nfour\nfive\nsix\n",
                "one\n2\nthree\nFOUR\nfive\nsix\n",
            ),
        ] {
            assert_eq!(applied(PATCH, before).expect("it fits"), after);
        }
    }

    #[test]
    fn a_patch_without_a_place_says_which_line_it_misses() {
        for text in [
            "one\ntwo\nthree\n4\nfive\nsix\n",
            "one\ntwo\n3\nfour\n5\nsix\n",
            "",
        ] {
            let misfit = applied(PATCH, text).expect_err("there is no place");
            assert!(misfit.to_string().contains("mm/a.rs"), "{misfit}");
            assert!(misfit.to_string().contains("`four`"), "{misfit}");
        }
    }

    #[test]
    fn hunks_of_a_file_move_each_other() {
        let patch = "+++ b/mm/a.rs\n@@ -1,2 +1,4 @@\n a\n+x\n+y\n b\n@@ -4,3 +6,2 @@\n c\n-d\n e\n";
        // The second `c d e` is where the patch was made.
        let text = "a\nb\n0\nc\nd\ne\nc\nd\ne\n";
        assert_eq!(
            applied(patch, text).expect("it fits"),
            "a\nx\ny\nb\n0\nc\ne\nc\nd\ne\n"
        );
    }

    #[test]
    fn what_is_no_patch_is_refused() {
        for text in [
            "",
            "hello\n",
            "+++ b/a.rs\n",
            "@@ -1 +1 @@\n-a\n+b\n",
            "+++ b/../a.rs\n@@ -1 +1 @@\n-a\n+b\n",
            "+++ /etc/passwd\n@@ -1 +1 @@\n-a\n+b\n",
            "+++ b/a.rs\n@@ -1,2 +1,2 @@\n-a\n+b\n",
            "+++ b/a.rs\n@@ -1 +1 @@\n-a\n-b\n+b\n",
            "+++ b/a.rs\n@@ -one +1 @@\n-a\n+b\n",
            "+++ b/a.rs\n@@ -1 +1 @@\n*a\n+b\n",
        ] {
            assert!(Patch::parse(text).is_err(), "{text:?}");
        }
    }
}
