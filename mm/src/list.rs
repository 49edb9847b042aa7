//! Lists of shared objects that are searched from outside: families of spaces, mappings of files.
//!
//! The links are in the objects, so joining a list needs no memory. A list holds a handle to each of its members, and what is
//! in one was put there by [`List::join`] and leaves by [`List::leave`], once each.
//!
//! Locks: a list's, then a member's links. Whatever a visitor takes comes after the list's.

use sync::{Counted, LeafLock};

/// Neighbours in a list.
pub(crate) struct Links<T> {
    next: Option<Counted<T>>,
    previous: Option<Counted<T>>,
}

impl<T> Links<T> {
    /// Of an object that is in no list.
    pub(crate) fn new() -> LeafLock<Self> {
        LeafLock::new(Self {
            next: None,
            previous: None,
        })
    }
}

/// What can be in a list.
pub(crate) trait Linked: Sized {
    /// Its neighbours.
    fn links(&self) -> &LeafLock<Links<Self>>;
}

/// A list, in no order.
pub(crate) struct List<T> {
    first: LeafLock<Option<Counted<T>>>,
}

impl<T: Linked> List<T> {
    pub(crate) fn new() -> Self {
        Self {
            first: LeafLock::new(None),
        }
    }

    /// Puts an object that is in no list into this one.
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

    /// Takes an object out of the list it is in, which is this one.
    pub(crate) fn leave(&self, object: &Counted<T>) {
        // What is dropped inside are handles to objects that others hold too, so nothing is freed under the lock.
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

    /// Takes one out, if there is any.
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

    /// Visits all of them.
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
