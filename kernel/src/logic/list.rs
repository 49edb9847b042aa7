//! A short list in place, for items that are counted before memory can be allocated.

/// At most `N` items, in the order in which they were added.
#[derive(Clone, Copy, Debug)]
pub struct List<T, const N: usize> {
    items: [Option<T>; N],
    length: usize,
}

impl<T: Copy, const N: usize> Default for List<T, N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Copy, const N: usize> List<T, N> {
    /// Returns an empty list.
    pub const fn new() -> Self {
        Self {
            items: [None; N],
            length: 0,
        }
    }

    /// Adds an item. Returns it as an error if the list is full.
    pub fn push(&mut self, item: T) -> Result<(), T> {
        match self.items.get_mut(self.length) {
            Some(place) => {
                *place = Some(item);
                self.length += 1;
                Ok(())
            }
            None => Err(item),
        }
    }

    /// Returns the number of items.
    pub fn len(&self) -> usize {
        self.length
    }

    /// Returns whether the list is empty.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Returns the items, oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = T> + '_ {
        self.items[..self.length].iter().flatten().copied()
    }

    /// Exchanges the item at `index` with the first one.
    pub fn swap_to_front(&mut self, index: usize) {
        self.items[..self.length].swap(0, index);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_order_and_refuses_when_full() {
        let mut list: List<u8, 2> = List::default();
        assert!(list.is_empty());
        assert_eq!(
            (list.push(1), list.push(2), list.push(3)),
            (Ok(()), Ok(()), Err(3))
        );
        list.swap_to_front(1);
        assert_eq!(list.iter().collect::<Vec<_>>(), [2, 1]);
    }
}
