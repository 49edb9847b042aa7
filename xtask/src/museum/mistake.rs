//! The known mistakes in the folder `museum/`. Each is a folder named `NN-name`, with a patch that
//! puts the mistake into the tree and a page about it.
//!
//! Invariant: every [`Mistake`] has a page that names its tests. The page is for readers. Its table
//! is what [`super`], [`crate::grade`] and the oracle's own test read, so page and programs cannot
//! disagree.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use emu::sanitize::Kind;
use regex::Regex;

use super::patch::Patch;

/// The folder of the museum in the tree.
const MUSEUM: &str = "museum";
const PATCH: &str = "mistake.patch";
const PAGE: &str = "README.md";

/// The rows that the table of every page has.
const ROWS: [&str; 6] = [
    "made by",
    "shows as",
    "unit test",
    "cowtest",
    "audit",
    "oracle",
];
/// The further row of pages about mistakes that can be made on x86_64 alone.
const PC: &str = "x86_64";
/// The further row of those pages whose mistake shows only on the console.
const CONSOLE: &str = "console";
/// The further row of those pages whose mistake the adversarial machine reports: a shell line, then
/// the kinds of report.
const WATCHED: &str = "emu";
/// What an empty row says.
const NOTHING: &str = "-";

/// A mistake that copy-on-write kernels have made.
pub struct Mistake {
    /// The number in the list of `docs/rules.md`.
    pub number: u8,
    /// The short name.
    pub name: String,
    /// The tests of `cowtest` that see the mistake in the emulator.
    pub cowtest: Vec<String>,
    /// Whether the kernel's audit reports the mistake.
    pub audited: bool,
    /// Whether the simulated machine of `sim` finds the mistake.
    pub simulated: bool,
    /// Shell lines that see the mistake on x86_64, if it can be made there alone.
    pub pc: Vec<String>,
    /// What those lines print without the mistake, and do not print with it.
    pub console: Vec<String>,
    /// Whether the mistake is in code that runs in the emulator alone, so that no unit test can see
    /// it.
    pub in_the_kernel: bool,
    /// How the adversarial machine sees the mistake.
    pub watched: Option<Watched>,
    /// The folder's path from the root of the tree.
    folder: PathBuf,
    patch: String,
}

/// A shell line under which the adversarial machine reports the mistake.
pub struct Watched {
    /// The line.
    pub line: String,
    /// The kinds of report that name the mistake.
    pub kinds: Vec<String>,
}

/// Returns the mistakes of the tree with this root, in the order of their numbers.
pub fn all(root: &Path) -> Result<Vec<Mistake>> {
    let museum = root.join(MUSEUM);
    let mut mistakes = Vec::new();
    for entry in fs::read_dir(&museum).with_context(|| format!("no {}", museum.display()))? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            let folder = Path::new(MUSEUM).join(entry.file_name());
            let mistake =
                Mistake::read(root, &folder).with_context(|| folder.display().to_string())?;
            mistakes.push(mistake);
        }
    }
    mistakes.sort_by_key(|mistake| mistake.number);
    for pair in mistakes.windows(2) {
        ensure!(
            pair[0].number != pair[1].number,
            "two mistakes have the number {}",
            pair[0].number
        );
    }
    Ok(mistakes)
}

impl Mistake {
    fn read(root: &Path, folder: &Path) -> Result<Self> {
        let text = |name: &str| {
            let path = root.join(folder).join(name);
            fs::read_to_string(&path).with_context(|| format!("cannot read {name}"))
        };
        let name = folder
            .file_name()
            .and_then(|name| name.to_str())
            .context("a strange name")?;
        let (number, name) = name
            .split_once('-')
            .context("the folder is not named NN-name")?;
        let page = Page::parse(&text(PAGE)?)?;
        let number = number.parse()?;
        ensure!(
            page.number == number,
            "the page's title says {} and the folder {number}",
            page.number
        );
        Ok(Self {
            number,
            name: name.to_owned(),
            cowtest: page.names("cowtest"),
            audited: page.says("audit"),
            simulated: page.says("oracle"),
            pc: page.names(PC),
            console: page.names(CONSOLE),
            watched: page.watched()?,
            in_the_kernel: !page.says("unit test"),
            folder: folder.to_owned(),
            patch: text(PATCH)?,
        })
    }

    /// Returns the files that the mistake changes, as paths from the root, with their new text.
    pub fn changes(&self, root: &Path) -> Result<Vec<(PathBuf, String)>> {
        let patch = self.folder.join(PATCH);
        let changed = Patch::parse(&self.patch).and_then(|patch| {
            let apply = |file: &super::patch::FilePatch| {
                let text = fs::read_to_string(root.join(&file.path))
                    .with_context(|| format!("cannot read {}", file.path.display()))?;
                Ok((file.path.clone(), file.apply(&text)?))
            };
            patch.files.iter().map(apply).collect()
        });
        changed.with_context(|| {
            format!(
                "{patch} does not apply: make the mistake in the code by hand, `git diff > {patch}`, \
                 and take it back",
                patch = patch.display()
            )
        })
    }
}

/// The table of a page.
struct Page {
    number: u8,
    rows: Vec<(String, String)>,
}

impl Page {
    fn parse(text: &str) -> Result<Self> {
        let title = Regex::new(r"^# Mistake (\d+): \S")?;
        let number = title
            .captures(text)
            .context("the page does not begin with `# Mistake NN: ...`")?[1]
            .parse()?;
        let row = Regex::new(r"(?m)^\| ([a-z0-9_ ]+) \| (.+) \|$")?;
        let rows: Vec<(String, String)> = row
            .captures_iter(text)
            .map(|found| (found[1].to_owned(), found[2].to_owned()))
            .collect();
        let keys = rows.iter().map(|(key, _)| key.as_str());
        let keys: Vec<&str> = keys
            .filter(|&key| ![PC, CONSOLE, WATCHED].contains(&key))
            .collect();
        if keys != ROWS {
            bail!("the page's table has the rows {keys:?}, and must have {ROWS:?}");
        }
        Ok(Self { number, rows })
    }

    fn row(&self, key: &str) -> &str {
        let found = self.rows.iter().find(|(name, _)| name == key);
        found.map_or(NOTHING, |(_, value)| value)
    }

    /// Returns whether a row is not empty.
    fn says(&self, key: &str) -> bool {
        self.row(key) != NOTHING
    }

    /// Returns how the adversarial machine sees the mistake, if it does.
    fn watched(&self) -> Result<Option<Watched>> {
        let mut names = self.names(WATCHED).into_iter();
        let Some(line) = names.next() else {
            return Ok(None);
        };
        let kinds: Vec<String> = names.collect();
        let known = |kind: &String| Kind::ALL.iter().any(|known| known.name() == kind);
        ensure!(
            !kinds.is_empty() && kinds.iter().all(known),
            "the row {WATCHED} names a shell line and then kinds of report, not {kinds:?}"
        );
        Ok(Some(Watched { line, kinds }))
    }

    /// Returns the names in backquotes in a row.
    fn names(&self, key: &str) -> Vec<String> {
        self.row(key)
            .split('`')
            .skip(1)
            .step_by(2)
            .map(str::to_owned)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "# Mistake 7: no flush\n\nText.\n\n| | |\n|---|---|\n\
        | made by | somebody |\n| shows as | writes |\n| unit test | `mistake_07_...` |\n\
        | cowtest | `stale`, `fork` |\n| audit | - |\n| oracle | a divergence |\n";

    #[test]
    fn a_page_says_which_tests_see_the_mistake() {
        let page = Page::parse(PAGE).expect("a good page");
        assert_eq!(page.number, 7);
        assert_eq!(page.names("cowtest"), ["stale", "fork"]);
        assert!(page.says("oracle") && page.says("unit test"));
        assert!(page.names(PC).is_empty());
        let pc = PAGE.to_owned() + "| x86_64 | `c-trap` |\n";
        let page = Page::parse(&pc).expect("a page with one more row");
        assert_eq!(page.names(PC), ["c-trap"]);
        assert!(!page.says("audit") && page.names("audit").is_empty());
        assert!(page.watched().expect("nothing").is_none());
        let watched = PAGE.to_owned() + "| emu | `cowtest stale`: `race` or `reused-frame` |\n";
        let page = Page::parse(&watched).expect("a page with one more row");
        let watched = page.watched().expect("known kinds").expect("a row");
        assert_eq!(watched.line, "cowtest stale");
        assert_eq!(watched.kinds, ["race", "reused-frame"]);
        for wrong in ["`cowtest stale`", "`cowtest stale`: `rice`"] {
            let page = PAGE.to_owned() + &format!("| emu | {wrong} |\n");
            let page = Page::parse(&page).expect("a page");
            assert!(page.watched().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_page_that_leaves_something_open_is_refused() {
        for (what, with) in [
            ("# Mistake 7: no", "# Mistake: no"),
            ("# Mistake 7: no", "# Mistake seven: no"),
            ("| audit | - |\n", ""),
            ("| made by | somebody |", "| made by |  |"),
        ] {
            let page = PAGE.replace(what, with);
            assert_ne!(page, PAGE);
            assert!(Page::parse(&page).is_err(), "{page}");
        }
    }

    #[test]
    fn every_mistake_of_the_tree_is_understood_and_has_a_number_of_its_own() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
        let mistakes = all(root.expect("a workspace")).expect("a museum");
        let numbers: Vec<u8> = mistakes.iter().map(|mistake| mistake.number).collect();
        assert!(numbers.is_sorted());
        assert!(
            (1..=19).all(|number| numbers.contains(&number)),
            "{numbers:?}"
        );
    }
}
