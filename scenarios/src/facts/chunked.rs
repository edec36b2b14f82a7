//! A list that grows at its end and is cheap to clone: full chunks are shared.
//!
//! Invariants: CH-1 a clone and its original never see each other's changes.

use std::sync::Arc;

const CHUNK: usize = 256;

/// A list of chunks behind `Arc`.
#[derive(Debug, Clone)]
pub struct Chunked<T> {
    chunks: Vec<Arc<Vec<T>>>,
    len: usize,
}

impl<T> Default for Chunked<T> {
    fn default() -> Self {
        Self { chunks: Vec::new(), len: 0 }
    }
}

impl<T: Clone> Chunked<T> {
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Adds one.
    pub fn push(&mut self, item: T) {
        if self.len.is_multiple_of(CHUNK) {
            self.chunks.push(Arc::new(Vec::with_capacity(CHUNK)));
        }
        let last = self.chunks.last_mut().expect("a chunk was made for it");
        Arc::make_mut(last).push(item);
        self.len += 1;
    }

    /// Takes everything from `len` on out.
    pub fn truncate(&mut self, len: usize) {
        if len >= self.len {
            return;
        }
        self.chunks.truncate(len.div_ceil(CHUNK));
        if let Some(last) = self.chunks.last_mut() {
            let within = len - (len.div_ceil(CHUNK) - 1) * CHUNK;
            if within < last.len() {
                Arc::make_mut(last).truncate(within);
            }
        }
        self.len = len;
    }

    /// The one at `index`.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<&T> {
        self.chunks.get(index / CHUNK)?.get(index % CHUNK)
    }

    /// The one at `index`, to change it.
    pub fn get_mut(&mut self, index: usize) -> Option<&mut T> {
        Arc::make_mut(self.chunks.get_mut(index / CHUNK)?).get_mut(index % CHUNK)
    }

    /// The last one.
    #[must_use]
    pub fn last(&self) -> Option<&T> {
        self.get(self.len.checked_sub(1)?)
    }

    /// All from `from` on.
    pub fn iter_from(&self, from: usize) -> impl Iterator<Item = &T> + '_ {
        (from..self.len).filter_map(|index| self.get(index))
    }

    /// All.
    pub fn iter(&self) -> impl Iterator<Item = &T> + '_ {
        self.iter_from(0)
    }

    /// The first index for which `before` does not hold; `before` holds for a prefix.
    pub fn partition_point(&self, before: impl Fn(&T) -> bool) -> usize {
        let (mut low, mut high) = (0, self.len);
        while low < high {
            let middle = low + (high - low) / 2;
            if self.get(middle).is_some_and(&before) { low = middle + 1 } else { high = middle }
        }
        low
    }
}

#[cfg(test)]
mod tests {
    use super::Chunked;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_is_a_list(steps in prop::collection::vec((any::<bool>(), 0usize..900), 1..60)) {
            let (mut list, mut model) = (Chunked::default(), Vec::new());
            for (grows, count) in steps {
                if grows {
                    for item in 0..count { list.push(item); model.push(item); }
                } else {
                    let before = list.clone();
                    list.truncate(count);
                    prop_assert_eq!(before.iter().copied().collect::<Vec<_>>(), model.clone());
                    model.truncate(count);
                }
                prop_assert_eq!(list.iter().copied().collect::<Vec<_>>(), model.clone());
                prop_assert_eq!(list.last(), model.last());
            }
        }
    }
}
