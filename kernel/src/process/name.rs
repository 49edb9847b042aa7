//! The name of a process, for people.

use core::fmt;

use abi::PROCESS_NAME_MAX;
use sync::LeafLock;

/// A process's name, which exec may change while others read it.
pub struct Name(LeafLock<Text>);

/// A copy of a name.
#[derive(Clone, Copy)]
pub struct Text {
    /// The name, padded with NULs.
    bytes: [u8; PROCESS_NAME_MAX],
}

impl Name {
    /// Returns the name of a process that runs the program at `path`: the last component of the
    /// path.
    pub fn of_path(path: &[u8]) -> Self {
        Self(LeafLock::new(Text::of_path(path)))
    }

    /// Changes the name to that of the program at `path`.
    pub fn set(&self, path: &[u8]) {
        self.0.with(|text| *text = Text::of_path(path));
    }

    /// Returns a copy of the name.
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

    /// Returns the name with these bytes, which are padded with NULs.
    pub fn of(bytes: [u8; PROCESS_NAME_MAX]) -> Self {
        Self { bytes }
    }

    /// Returns the bytes of the name, padded with NULs.
    pub fn bytes(self) -> [u8; PROCESS_NAME_MAX] {
        self.bytes
    }
}

impl fmt::Display for Text {
    /// Writes the name. Bytes that would disturb a terminal are shown as `?`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use fmt::Write;
        for &byte in self.bytes.iter().take_while(|&&byte| byte != 0) {
            let printable = byte.is_ascii_graphic() || byte == b' ';
            f.write_char(if printable { byte.into() } else { '?' })?;
        }
        Ok(())
    }
}
