//! From a path to an inode.
//!
//! Paths are those of xv6. They begin at the root if they begin with a slash, and at the current
//! directory otherwise. Repeated and trailing slashes count once. `.` and `..` are ordinary
//! entries. A removed directory that is some process's current directory has no name but `.`,
//! because the directory behind its `..` may be freed. Neighbours: `names` above, `directory`
//! below.

use crate::device::BlockDevice;
use crate::error::FsError;
use crate::inode::Inode;
use crate::number::InodeNo;
use crate::volume::Volume;

/// Returns the components of a path. The path ends at a NUL, as in C.
fn components(path: &[u8]) -> impl DoubleEndedIterator<Item = &[u8]> {
    c_string(path)
        .split(|&byte| byte == b'/')
        .filter(|component| !component.is_empty())
}

fn c_string(path: &[u8]) -> &[u8] {
    let end = path.iter().position(|&byte| byte == 0);
    &path[..end.unwrap_or(path.len())]
}

impl<D: BlockDevice> Volume<D> {
    /// Returns the inode at `path`. The empty path is the current directory itself.
    pub(crate) fn resolve(&mut self, current: InodeNo, path: &[u8]) -> Result<Inode, FsError> {
        self.walk(current, path, components(path))
    }

    /// Returns the directory that has, or would have, the last component of `path`, and that
    /// component.
    ///
    /// # Errors
    ///
    /// Those of looking up the directory. There is also an error if there is no last component,
    /// because the path is empty or the root's.
    pub(crate) fn resolve_parent<'a>(
        &mut self,
        current: InodeNo,
        path: &'a [u8],
    ) -> Result<(Inode, &'a [u8]), FsError> {
        let mut rest = components(path);
        let name = rest
            .next_back()
            .ok_or(FsError::Invalid("the path names nothing in a directory"))?;
        let parent = self.walk(current, path, rest)?.number;
        let parent = self.directory(parent)?;
        if parent.is_unlinked() {
            return Err(FsError::NotFound);
        }
        Ok((parent, name))
    }

    fn walk<'a>(
        &mut self,
        current: InodeNo,
        path: &[u8],
        components: impl Iterator<Item = &'a [u8]>,
    ) -> Result<Inode, FsError> {
        let start = if path.first() == Some(&b'/') {
            InodeNo::ROOT
        } else {
            current
        };
        let mut inode = self.inode(start)?;
        for name in components {
            let directory = self.directory(inode.number)?;
            if directory.is_unlinked() && name != b"." {
                return Err(FsError::NotFound);
            }
            let found = self.find_name(&directory, name)?.ok_or(FsError::NotFound)?;
            inode = self.inode(found.inode)?;
        }
        Ok(inode)
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    #[test]
    fn slashes_separate_and_nothing_else_matters() {
        let split = |path: &'static [u8]| components(path).collect::<Vec<_>>();
        assert_eq!(split(b"a/b"), [b"a", b"b"]);
        assert_eq!(split(b"///a//b//"), [b"a", b"b"]);
        assert_eq!(split(b"a\0/b"), [b"a"]);
        assert!(split(b"").is_empty());
        assert!(split(b"//").is_empty());
    }
}
