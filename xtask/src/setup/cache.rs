//! The user's cache folder (XDG Base Directory Specification, `XDG_CACHE_HOME`).

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;

use anyhow::{Context, Result};

/// Returns the path of a folder of this project in the cache. The folder need not exist.
pub fn folder(name: &str) -> Result<PathBuf> {
    let cache = cache(env::var_os("XDG_CACHE_HOME"), env::var_os("HOME"));
    let cache = cache.context("neither XDG_CACHE_HOME nor HOME names a folder")?;
    Ok(cache.join("cowslip").join(name))
}

/// Returns the cache folder. By the specification, a variable that is empty or relative counts as
/// unset.
fn cache(cache: Option<OsString>, home: Option<OsString>) -> Option<PathBuf> {
    let absolute = |value: OsString| Some(PathBuf::from(value)).filter(|path| path.is_absolute());
    let of_home = || Some(home.and_then(absolute)?.join(".cache"));
    cache.and_then(absolute).or_else(of_home)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn an_empty_or_relative_variable_counts_as_unset() {
        let find = |xdg: Option<&str>, home: Option<&str>| {
            cache(xdg.map(OsString::from), home.map(OsString::from))
        };
        assert_eq!(
            find(Some("/c"), Some("/h")).as_deref(),
            Some(Path::new("/c"))
        );
        for unset in [None, Some(""), Some("c")] {
            let found = find(unset, Some("/h"));
            assert_eq!(found.as_deref(), Some(Path::new("/h/.cache")), "{unset:?}");
            assert_eq!(find(unset, Some("")), None, "{unset:?}");
        }
    }
}
