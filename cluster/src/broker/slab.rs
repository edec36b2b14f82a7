//! Things that are waited for, each under a small number that is used again once it is done.
//!
//! Invariants: SL-1 a number is handed out again only after its thing was taken.

/// A slab: insert answers the key, take empties the place.
#[derive(Debug, Clone)]
pub struct Slab<T> {
    places: Vec<Option<T>>,
    free: Vec<u32>,
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Self { places: Vec::new(), free: Vec::new() }
    }
}

impl<T> Slab<T> {
    /// Puts a thing in; answers its key.
    pub fn insert(&mut self, thing: T) -> u32 {
        if let Some(key) = self.free.pop() {
            self.places[key as usize] = Some(thing);
            return key;
        }
        let key = u32::try_from(self.places.len()).expect("there are not four billion of them");
        self.places.push(Some(thing));
        key
    }

    /// Takes it out.
    pub fn take(&mut self, key: u32) -> T {
        let thing = self.places[key as usize].take().expect("SL-1: nothing is under this key");
        self.free.push(key);
        thing
    }

    /// Looks at it.
    pub fn get_mut(&mut self, key: u32) -> &mut T {
        self.places[key as usize].as_mut().expect("SL-1: nothing is under this key")
    }

    /// Takes it out for a moment, its key stays taken; to be given back.
    pub fn lend(&mut self, key: u32) -> T {
        self.places[key as usize].take().expect("SL-1: nothing is under this key")
    }

    /// Puts back what was lent.
    pub fn give_back(&mut self, key: u32, thing: T) {
        let place = &mut self.places[key as usize];
        assert!(place.is_none(), "SL-1: key {key} was given away meanwhile");
        *place = Some(thing);
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.places.len() - self.free.len()
    }
}

#[cfg(test)]
mod tests {
    use super::Slab;

    #[test]
    fn a_key_is_used_again_only_after_it_was_taken() {
        let mut slab = Slab::default();
        let (a, b) = (slab.insert('a'), slab.insert('b'));
        assert_ne!(a, b);
        assert_eq!(slab.take(a), 'a');
        assert_eq!(slab.insert('c'), a);
        assert_eq!((*slab.get_mut(b), slab.count()), ('b', 2));
    }
}
