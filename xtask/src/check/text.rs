//! The files that people read, and the prose in them.
//!
//! Invariant: code and tables are never taken for prose. The prose of a Rust or C file is its
//! comments, of a Markdown file everything but code, and of a TOML file the lines that begin with
//! `#`.

use std::fs;
use std::path::{Path, PathBuf};

/// Folders that hold no sources of the project.
const FOREIGN: [&str; 2] = ["target", "node_modules"];

/// How prose is marked in a file.
#[derive(Clone, Copy)]
enum Language {
    /// Comments begin with `//`.
    Slashes,
    /// The lines that begin with `#`.
    Hash,
    Markdown,
}

/// A file with its text.
pub struct Text {
    /// The path of the file from the root of the tree.
    pub path: PathBuf,
    language: Language,
    text: String,
}

/// A line that holds prose.
pub struct Prose<'t> {
    /// The number of the line, counted from 1.
    pub number: usize,
    /// The whole line.
    pub line: &'t str,
    /// The prose in the line.
    pub prose: &'t str,
}

/// Returns the texts of the tree, in the order of their paths.
pub fn texts(root: &Path) -> Vec<Text> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(root.join(&folder))
            .into_iter()
            .flatten()
            .flatten()
        {
            let name = entry.file_name();
            let path = folder.join(&name);
            let hidden = name.to_string_lossy().starts_with('.');
            if hidden || FOREIGN.iter().any(|foreign| name == *foreign) {
                continue;
            }
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                folders.push(path);
            } else if let Some(language) = Language::of(&path)
                && let Ok(text) = fs::read_to_string(root.join(&path))
            {
                found.push(Text {
                    path,
                    language,
                    text,
                });
            }
        }
    }
    found.sort_by(|one, other| one.path.cmp(&other.path));
    found
}

impl Language {
    fn of(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()? {
            "rs" | "c" | "h" | "S" | "s" => Some(Self::Slashes),
            "toml" => Some(Self::Hash),
            "md" => Some(Self::Markdown),
            _ => None,
        }
    }
}

impl Text {
    /// Returns the prose, line by line.
    pub fn prose(&self) -> Vec<Prose<'_>> {
        let mut code = false;
        let mut prose = Vec::new();
        for (index, line) in self.text.lines().enumerate() {
            let part = match self.language {
                Language::Slashes => comment(line),
                Language::Hash => line.trim_start().starts_with('#').then_some(line),
                Language::Markdown => {
                    if line.trim_start().starts_with("```") {
                        code = !code;
                        continue;
                    }
                    let indented = line.starts_with("    ");
                    (!code && !indented).then_some(line)
                }
            };
            if let Some(part) = part {
                prose.push(Prose {
                    number: index + 1,
                    line,
                    prose: part,
                });
            }
        }
        prose
    }
}

/// Returns the comment on a line of code: what follows `//`, unless that is in an address or a
/// string.
fn comment(line: &str) -> Option<&str> {
    let mut from = 0;
    while let Some(at) = line[from..].find("//").map(|at| at + from) {
        let before = &line[..at];
        let in_string = before.matches('"').count() % 2 == 1;
        if !before.ends_with(':') && !in_string {
            return Some(&line[at..]);
        }
        from = at + 2;
    }
    None
}

#[cfg(test)]
impl Text {
    /// Returns a text that is in no tree.
    pub fn new(path: &str, text: &str) -> Self {
        let path = PathBuf::from(path);
        Self {
            language: Language::of(&path).expect("a known kind of file"),
            path,
            text: text.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_are_told_from_code() {
        assert_eq!(comment("    /// A frame."), Some("/// A frame."));
        assert_eq!(comment("let x = 1; // one"), Some("// one"));
        assert_eq!(comment("let x = \"a // b\";"), None);
        assert_eq!(comment("let x = \"a\"; // b"), Some("// b"));
        assert_eq!(comment("    see https://example.org"), None);
        assert_eq!(comment("fn f() {}"), None);
    }

    #[test]
    fn code_in_a_document_is_no_prose() {
        let text = "a\n\n    code\n\n```\ncode\n```\nb\n";
        let text = Text::new("a.md", text);
        let lines: Vec<_> = text.prose().iter().map(|prose| prose.line).collect();
        assert_eq!(lines, ["a", "", "", "b"]);
        let text = Text::new("a.toml", "# a\nb = 1\n");
        assert_eq!(text.prose().len(), 1);
    }
}
