//! Changing the permissions of pages.
//!
//! Invariants: the call succeeds for the whole range or changes nothing (R5). Permissions that are
//! taken away are flushed before the call returns (R3). The permission to write is given only by
//! the next write fault, which knows whether the page is shared. So a page that was made read-only
//! before a fork does not become writable while the child shares it (mistake 4).

use super::area::Area;
use super::map::user_pages;
use super::{AddressSpace, MapError};
use crate::addr::PageRange;
use crate::machine::Machine;
use crate::pt::{Entry, Permissions, UserRange};
use crate::tlb::{Broken, Scope};

impl<M: Machine> AddressSpace<'_, M> {
    /// Changes the permissions of pages, all of which must be mapped. Pages without any permission
    /// keep their contents.
    pub fn protect(&mut self, pages: PageRange, permissions: Permissions) -> Result<(), MapError> {
        let pages = user_pages::<M>(pages)?;
        if !self.areas.cover(*pages) || !self.may_protect(*pages, permissions) {
            return Err(MapError::BadRange);
        }
        self.areas.reserve(self.memory)?;
        self.own_tables(pages)?;
        let mut areas = core::mem::take(&mut self.areas);
        areas.protect(*pages, permissions, |_, piece| {
            self.protect_piece(piece, permissions);
        });
        self.areas = areas;
        if !pages.is_empty() {
            Broken::new((), Scope::Space)
                .flush(&self.context)
                .into_inner();
        }
        if permissions.contains(Permissions::EXECUTE) {
            self.context.code_changed();
        }
        Ok(())
    }

    /// Returns `false` if a file would become writable through a mapping that must not write it.
    fn may_protect(&self, pages: PageRange, permissions: Permissions) -> bool {
        let forbids = |area: &Area| {
            let mut file = area.file().into_iter();
            file.any(|mapped| !mapped.map().sharing.permits(permissions))
        };
        !self.areas.within(pages).any(forbids)
    }

    /// Changes the entries of an area, or of a part of it.
    fn protect_piece(&self, pages: UserRange, permissions: Permissions) {
        self.for_each_leaf(pages, |table, index, _| {
            loop {
                let pte = table.get(index);
                if pte.decode(0) == Entry::Empty {
                    break;
                }
                // Eviction and the hardware change entries too, so the replacement may have to be
                // repeated.
                if table.replace(index, pte, pte.with_permissions(permissions)) {
                    break;
                }
            }
        });
    }
}
