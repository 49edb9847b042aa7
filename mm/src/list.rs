//! Intrusive lists of shared objects: the members of a family, the mappings of a file.
//!
//! The links are in the objects, so joining a list needs no memory. A list holds a handle to each
//! of its objects. An object is put into a list by [`List::join`] and removed by [`List::leave`],
//! once each.
//!
//! Locks: a list's, then an object's links. A visitor's locks come after the list's.

use sync::{Counted, LeafLock};

/// The neighbours of an object in its list.
pub(crate) struct Links<T> {
    next: Option<Counted<T>>,
    previous: Option<Counted<T>>,
}

impl<T> Links<T> {
    /// Returns the links of an object that is in no list.
    pub(crate) fn new() -> LeafLock<Self> {
        LeafLock::new(Self {
            next: None,
            previous: None,
        })
    }
}

/// An object that can be in a list.
pub(crate) trait Linked: Sized {
    /// Returns the neighbours of the object.
    fn links(&self) -> &LeafLock<Links<Self>>;
}

/// A list without an order.
pub(crate) struct List<T> {
    first: LeafLock<Option<Counted<T>>>,
}

impl<T: Linked> List<T> {
    pub(crate) fn new() -> Self {
        Self {
            first: LeafLock::new(None),
        }
    }

    /// Adds an object, which is in no list.
    pub(crate) fn join(&self, object: &Counted<T>) {
        self.first.with(|first| {
            let next = first.replace(object.clone());
            if let Some(next) = &next {
                next.links()
                    .with(|links| links.previous = Some(object.clone()));
            }
            object.links().with(|links| links.next = next);
        });
    }

    /// Removes an object, which is in this list.
    pub(crate) fn leave(&self, object: &Counted<T>) {
        // The handles dropped here are not the last ones, so nothing is freed under the lock.
        self.first.with(|first| {
            let (next, previous) = object
                .links()
                .with(|links| (links.next.take(), links.previous.take()));
            if let Some(next) = &next {
                next.links().with(|links| links.previous = previous.clone());
            }
            match previous {
                Some(previous) => previous.links().with(|links| links.next = next),
                None => *first = next,
            }
        });
    }

    /// Removes and returns any object, or `None` if the list is empty.
    pub(crate) fn take_any(&self) -> Option<Counted<T>> {
        self.first.with(|first| {
            let taken = first.take()?;
            let next = taken.links().with(|links| links.next.take());
            if let Some(next) = &next {
                next.links().with(|links| links.previous = None);
            }
            *first = next;
            Some(taken)
        })
    }

    /// Visits all objects, under the lock of the list.
    pub(crate) fn for_each(&self, mut visit: impl FnMut(&Counted<T>)) {
        self.first.with(|first| {
            let mut at = first.clone();
            while let Some(object) = at {
                visit(&object);
                at = object.links().with(|links| links.next.clone());
            }
        });
    }
}
