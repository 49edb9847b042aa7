//! The name of a process, which only people read.

use core::fmt;

use abi::PROCESS_NAME_MAX;
use sync::LeafLock;

/// A name that exec may change while others read it.
pub struct Name(LeafLock<Text>);

/// A name at one moment.
#[derive(Clone, Copy)]
pub struct Text {
    /// Filled up with NULs.
    bytes: [u8; PROCESS_NAME_MAX],
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
        let length = last.len().min(PROCESS_NAME_MAX);
        let mut bytes = [0; PROCESS_NAME_MAX];
        bytes[..length].copy_from_slice(&last[..length]);
        Self { bytes }
    }

    /// The name with these bytes, which are filled up with NULs.
    pub fn of(bytes: [u8; PROCESS_NAME_MAX]) -> Self {
        Self { bytes }
    }

    /// The bytes of the name, filled up with NULs.
    pub fn bytes(self) -> [u8; PROCESS_NAME_MAX] {
        self.bytes
    }
}

impl fmt::Display for Text {
    /// Bytes that would disturb a terminal are shown as `?`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use fmt::Write;
        for &byte in self.bytes.iter().take_while(|&&byte| byte != 0) {
            let printable = byte.is_ascii_graphic() || byte == b' ';
            f.write_char(if printable { byte.into() } else { '?' })?;
        }
        Ok(())
    }
}
