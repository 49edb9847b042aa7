//! Values of arguments that are read from text: sizes, files, lines, faults, seeds and parts.
//!
//! Invariant: a value that was read can be used without another check.

use std::fmt;
use std::path::{Path, PathBuf};

/// A memory size in KiB.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Memory(u64);

impl Memory {
    /// Returns a size of this many MiB.
    pub const fn mebibytes(count: u64) -> Self {
        Self(count * 1024)
    }

    /// Returns the size in bytes.
    pub const fn bytes(self) -> u64 {
        self.0 * 1024
    }

    /// Reads the size of a swap disk. It must be a number of pages, and no more than the kernel
    /// uses.
    pub(super) fn parse_swap(text: &str) -> Result<Self, String> {
        const MAX: u64 = 4 << 30;
        let size = Self::parse(text)?;
        if size.0 > MAX / 1024 {
            return Err(format!(
                "`{text}` is more than a swap disk may have; give at most 4G"
            ));
        }
        if !size.bytes().is_multiple_of(abi::PAGE_SIZE as u64) {
            return Err(format!(
                "`{text}` is not a number of pages; give a multiple of 4K"
            ));
        }
        Ok(size)
    }

    /// Reads a size such as `128M`.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let cure = || format!("`{text}` is not a memory size; write for example 128M or 1G");
        let (digits, scale) = match text.char_indices().last() {
            Some((at, 'k' | 'K')) => (&text[..at], 1),
            Some((at, 'm' | 'M')) => (&text[..at], 1024),
            Some((at, 'g' | 'G')) => (&text[..at], 1024 * 1024),
            _ => return Err(cure()),
        };
        let count: u64 = digits.parse().map_err(|_| cure())?;
        match count.checked_mul(scale) {
            Some(size) if size > 0 => Ok(Self(size)),
            _ => Err(cure()),
        }
    }
}

impl fmt::Display for Memory {
    /// Writes the size as QEMU's `-m` reads it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}K", self.0)
    }
}

/// A host file and its name in the root of the image.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WithFile {
    /// The file on the host.
    pub host: PathBuf,
    /// The file's name in the image.
    pub name: String,
}

impl WithFile {
    /// Reads `HOSTFILE[:NAME]`. If a file with the whole text as its name exists, that file is
    /// meant.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let (host, name) = match text.rsplit_once(':') {
            Some((host, name)) if !Path::new(text).exists() => (host, Some(name)),
            _ => (text, None),
        };
        let path = PathBuf::from(host);
        if path.is_dir() {
            return Err(format!(
                "`{host}` is a directory; --with adds one file, and may be given more than once"
            ));
        }
        if !path.exists() {
            return Err(format!("there is no file `{host}`"));
        }
        if !path.is_file() {
            return Err(format!("`{host}` is not a regular file"));
        }
        let name = match name {
            Some(name) => name.trim_start_matches('/').to_owned(),
            // A program in C is compiled, and the name of the program lacks the suffix.
            None => match path.file_name().and_then(|name| name.to_str()) {
                Some(name) => name.strip_suffix(".c").unwrap_or(name).to_owned(),
                None => return Err(format!("`{host}` has no usable name; add `:NAME`")),
            },
        };
        if name.is_empty() || name.contains('/') || name == "." || name == ".." {
            return Err(format!(
                "`{name}` cannot name a file in the root of the image"
            ));
        }
        if name.len() > abi::NAME_MAX {
            return Err(format!(
                "the name `{name}` is longer than {} bytes; give a shorter one as `{host}:NAME`",
                abi::NAME_MAX
            ));
        }
        Ok(Self { host: path, name })
    }
}

/// A page of the swap disk that cannot be read, or that cannot be written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fault {
    /// The access that fails.
    pub access: Access,
    /// The number of the page.
    pub page: u64,
    /// How often the access fails.
    pub often: Often,
}

/// An access to a page of the disk.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Access {
    /// The page is read.
    Read,
    /// The page is written.
    Write,
}

/// How often an access fails.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Often {
    /// The first attempt fails.
    Once,
    /// Every attempt fails.
    Always,
}

impl Fault {
    /// Reads `read:PAGE` or `write:PAGE`. `:once` at the end means that only the first attempt
    /// fails.
    pub fn parse(text: &str) -> Result<Self, String> {
        let cure = || format!("`{text}` is no fault; write for example read:12 or write:40:once");
        let mut parts = text.split(':');
        let access = match parts.next() {
            Some("read") => Access::Read,
            Some("write") => Access::Write,
            _ => return Err(cure()),
        };
        let page: Option<u32> = parts.next().and_then(|page| page.parse().ok());
        let page = page.ok_or_else(cure)?.into();
        let often = match (parts.next(), parts.next()) {
            (None, _) => Often::Always,
            (Some("once"), None) => Often::Once,
            _ => return Err(cure()),
        };
        Ok(Self {
            access,
            page,
            often,
        })
    }
}

/// A range of seeds. The end is not part of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Seeds {
    /// The first seed.
    pub first: u64,
    /// The seed after the last one.
    pub end: u64,
}

impl Seeds {
    /// Reads `A..B`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let cure = || format!("`{text}` is no range of seeds; write for example 1..100");
        let (first, end) = text.split_once("..").ok_or_else(cure)?;
        let seeds = Self {
            first: first.parse().map_err(|_| cure())?,
            end: end.parse().map_err(|_| cure())?,
        };
        if seeds.first < seeds.end {
            Ok(seeds)
        } else {
            Err(cure())
        }
    }
}

/// One of several equal parts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Shard {
    index: usize,
    count: usize,
}

impl Shard {
    /// Reads `K/N`, where K is 0 to N - 1.
    pub fn parse(text: &str) -> Result<Self, String> {
        let cure = || format!("`{text}` is no part; write K/N, from 0/4 to 3/4 for a quarter each");
        let (index, count) = text.split_once('/').ok_or_else(cure)?;
        let index = index.parse().map_err(|_| cure())?;
        let count = count.parse().map_err(|_| cure())?;
        if index >= count {
            return Err(cure());
        }
        Ok(Self { index, count })
    }

    /// Returns the items of this part: every n-th of the list, so that each part has mutants of all
    /// files.
    pub fn of(self, all: &[String]) -> Vec<String> {
        all.iter()
            .skip(self.index)
            .step_by(self.count)
            .cloned()
            .collect()
    }
}

/// Reads a number above 0.
pub(super) fn positive(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(number) if number > 0 => Ok(number),
        _ => Err(format!("`{text}` is not a number above 0")),
    }
}

/// Reads a shell line, which must be one line of text and not empty.
pub(super) fn shell_line(text: &str) -> Result<String, String> {
    if text.trim().is_empty() {
        return Err("the line is empty; leave --exec out for an interactive shell".to_owned());
    }
    if text.chars().any(char::is_control) {
        return Err("the line has control characters; a shell line is one line of text".to_owned());
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn memory_sizes() {
        assert_eq!(Memory::parse("24M"), Ok(Memory::mebibytes(24)));
        assert_eq!(Memory::parse("1g"), Ok(Memory::mebibytes(1024)));
        assert_eq!(Memory::parse("512K"), Ok(Memory(512)));
        for bad in ["", "M", "128", "-1M", "0M", "99999999999999999999G", "12é"] {
            assert!(Memory::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn sizes_of_swap() {
        assert_eq!(Memory::parse_swap("256M"), Ok(Memory::mebibytes(256)));
        assert_eq!(Memory::parse_swap("4K"), Ok(Memory(4)));
        assert_eq!(Memory::parse_swap("4G"), Ok(Memory::mebibytes(4096)));
        let largest = u64::MAX.to_string() + "K";
        for bad in ["0", "0K", "5G", "4097M", "6K", "4194305K", largest.as_str()] {
            assert!(Memory::parse_swap(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn files_for_the_image() {
        let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
        let with = WithFile::parse(manifest).expect("a file under its own name");
        assert_eq!(with.name, "Cargo.toml");
        let with = WithFile::parse(&format!("{manifest}:/m")).expect("a file under a given name");
        assert_eq!(
            (with.host.as_path(), with.name.as_str()),
            (Path::new(manifest), "m")
        );
        for name in ["", "a/b", "..", "fifteen-letters"] {
            assert!(
                WithFile::parse(&format!("{manifest}:{name}")).is_err(),
                "{name}"
            );
        }
        let refused = |text: &str| WithFile::parse(text).expect_err("it is no file");
        assert!(refused("/no/such/file").contains("there is no file"));
        let folder = env!("CARGO_MANIFEST_DIR");
        assert!(refused(folder).contains("is a directory"));
        assert!(refused(&format!("{folder}:name")).contains("is a directory"));
        assert!(refused("/dev/null").contains("not a regular file"));
    }

    #[test]
    fn shell_lines_are_one_line() {
        assert!(shell_line("cowtest; echo done").is_ok());
        for bad in ["", "  ", "ls\nls", "a\0b"] {
            assert!(shell_line(bad).is_err());
        }
    }

    #[test]
    fn a_range_of_seeds_has_a_first_and_an_end() {
        assert_eq!(Seeds::parse("3..5"), Ok(Seeds { first: 3, end: 5 }));
        for wrong in ["", "3", "5..3", "3..3", "a..b"] {
            assert!(Seeds::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_parts_are_everything_once() {
        let all: Vec<_> = (0..10).map(|number| number.to_string()).collect();
        let mut together = Vec::new();
        for part in ["0/3", "1/3", "2/3"] {
            together.extend(Shard::parse(part).expect("a part").of(&all));
        }
        assert_eq!(together.len(), 10);
        assert_eq!(BTreeSet::from_iter(together), BTreeSet::from_iter(all));
        for bad in ["", "1", "3/3", "0/0", "-1/2", "a/b", "1/2/3"] {
            assert!(Shard::parse(bad).is_err(), "{bad}");
        }
    }
}
