//! The current directory of a process. Children share it until they change their own.

use fs::InodeNo;
use mm::NoMemory;
use sync::{Counted, Held, level};

use super::system;

/// A counted reference to the inode of a directory.
#[derive(Clone)]
pub struct Directory(Counted<InodeNo>);

impl Directory {
    /// Takes a reference to `inode` over. Releases the reference if there is no memory.
    pub fn try_new(inode: InodeNo, held: &mut Held<level::Nothing>) -> Result<Self, NoMemory> {
        match Counted::try_new(inode) {
            Ok(counted) => Ok(Self(counted)),
            Err(error) => {
                system::release(inode, held);
                Err(error.into())
            }
        }
    }

    /// Returns the inode.
    pub fn inode(&self) -> InodeNo {
        *self.0
    }

    /// Drops the handle. The last handle releases the reference to the inode.
    pub fn release(self, held: &mut Held<level::Nothing>) {
        if let Some(inode) = self.0.into_inner() {
            system::release(inode, held);
        }
    }
}
