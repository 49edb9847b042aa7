//! The name of a process, which only people read.

use core::fmt;

use sync::LeafLock;

/// Most bytes that are kept.
const LENGTH: usize = 16;

/// A name that exec may change while others read it.
pub struct Name(LeafLock<Text>);

/// A name at one moment.
#[derive(Clone, Copy)]
pub struct Text {
    bytes: [u8; LENGTH],
    length: usize,
}

impl Name {
    /// The name of what is executed at `path`: its last component.
    pub fn of_path(path: &[u8]) -> Self {
        Self(LeafLock::new(Text::of_path(path)))
    }

    /// Follows an exec.
    pub fn set(&self, path: &[u8]) {
        self.0.with(|text| *text = Text::of_path(path));
    }

    /// The name now.
    pub fn text(&self) -> Text {
        self.0.with(|text| *text)
    }
}

impl Clone for Name {
    fn clone(&self) -> Self {
        Self(LeafLock::new(self.text()))
    }
}

impl Text {
    fn of_path(path: &[u8]) -> Self {
        let last = path.rsplit(|&byte| byte == b'/').next().unwrap_or(path);
        let length = last.len().min(LENGTH);
        let mut bytes = [0; LENGTH];
        bytes[..length].copy_from_slice(&last[..length]);
        Self { bytes, length }
    }
}

impl fmt::Display for Text {
    /// Bytes that would disturb a terminal are shown as `?`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use fmt::Write;
        for &byte in &self.bytes[..self.length] {
            let printable = byte.is_ascii_graphic() || byte == b' ';
            f.write_char(if printable { byte.into() } else { '?' })?;
        }
        Ok(())
    }
}
