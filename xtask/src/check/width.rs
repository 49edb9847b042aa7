//! Checks that comments and documents end at column 100. rustfmt checks code only.

use std::path::Path;

use super::text::{self, Prose};

/// The last column.
const WIDTH: usize = 100;

/// Returns the lines that are too wide.
pub fn problems(root: &Path) -> Vec<String> {
    let texts = text::texts(root);
    texts
        .iter()
        .flat_map(|text| {
            let wide = text.prose().into_iter().filter(is_wide);
            wide.map(|prose| {
                format!(
                    "{}:{}: {} columns, {WIDTH} are allowed in a comment or document",
                    text.path.display(),
                    prose.number,
                    prose.line.chars().count()
                )
            })
            .collect::<Vec<_>>()
        })
        .collect()
}

/// Returns whether a line is too wide. Tables and addresses may be, because they cannot be wrapped.
fn is_wide(prose: &Prose) -> bool {
    let text = prose.prose.trim_start_matches(['/', '!', '#', ' ']);
    let spared = text.starts_with('|') || text.contains("://");
    prose.line.chars().count() > WIDTH && !spared
}

#[cfg(test)]
mod tests {
    use super::super::text::Text;
    use super::*;

    fn wide(path: &str, line: &str) -> bool {
        Text::new(path, line).prose().iter().any(is_wide)
    }

    #[test]
    fn comments_end_at_column_100() {
        let long = "x".repeat(WIDTH);
        assert!(wide("a.rs", &format!("/// {long}")));
        assert!(wide("a.rs", &format!("let a = 1; // {long}")));
        assert!(wide("a.md", &format!("{long} b")));
        assert!(wide("a.toml", &format!("# {long}")));
        assert!(!wide("a.rs", &format!("/// {}", &long[4..])));
    }

    #[test]
    fn tables_addresses_and_code_may_be_wider() {
        let long = "x".repeat(WIDTH);
        assert!(!wide("a.rs", &format!("//! | {long} |")));
        assert!(!wide("a.rs", &format!("/// <https://example.org/{long}>")));
        assert!(!wide("a.rs", &format!("let a = \"{long}\";")));
        assert!(!wide("a.md", &format!("| {long} |")));
        assert!(!wide("a.md", &format!("    {long}")));
    }
}
