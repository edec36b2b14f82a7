//! A map by text that is walked in the order of Java's `HashMap`.
//!
//! In Kafka:   `java.util.HashMap`, in which `ClassicGroup` keeps its members and counts votes. Who becomes leader when
//!             the leader is gone, how the members of a group are listed, and which of two protocols with as many votes
//!             wins, is decided by where their names fall in its table.
//! Invariants: HO-1 the walk is by bucket, and in a bucket by arrival. HO-2 the table doubles when it is filled to more
//!             than three quarters, and never shrinks.
//! Left out:   the trees into which Java turns a bucket of more than eight.

use std::collections::BTreeMap;
use std::sync::Arc;

/// Java's `String.hashCode`, spread as `HashMap` spreads it.
fn spread_hash(key: &str) -> u32 {
    let hash = key
        .encode_utf16()
        .fold(0u32, |hash, unit| hash.wrapping_mul(31).wrapping_add(u32::from(unit)));
    hash ^ (hash >> 16)
}

/// A bucket, and when a key came into it.
type Place = (u32, u64);

/// The map.
#[derive(Debug, Clone)]
pub struct HashOrder<V> {
    places: BTreeMap<Arc<str>, Place>,
    walk: BTreeMap<Place, (Arc<str>, V)>,
    buckets: u32,
    arrivals: u64,
}

impl<V> Default for HashOrder<V> {
    fn default() -> Self {
        Self { places: BTreeMap::new(), walk: BTreeMap::new(), buckets: 16, arrivals: 0 }
    }
}

impl<V> HashOrder<V> {
    /// How many keys there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Whether `key` is there.
    #[must_use]
    pub fn contains(&self, key: &str) -> bool {
        self.places.contains_key(key)
    }

    /// What `key` stands for.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&V> {
        self.walk.get(self.places.get(key)?).map(|(_, value)| value)
    }

    /// The same, to change it.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut V> {
        self.walk.get_mut(self.places.get(key)?).map(|(_, value)| value)
    }

    /// Sets what `key` stands for; a key that is there keeps its place.
    pub fn insert(&mut self, key: Arc<str>, value: V) {
        if let Some(held) = self.get_mut(&key) {
            *held = value;
            return;
        }
        let place = (spread_hash(&key) & (self.buckets - 1), self.arrivals);
        self.arrivals += 1;
        self.places.insert(key.clone(), place);
        self.walk.insert(place, (key, value));
        if self.places.len() > self.buckets as usize / 4 * 3 {
            self.double();
        }
    }

    /// HO-2: each bucket becomes two, in which the order of arrival stays.
    fn double(&mut self) {
        self.buckets *= 2;
        for ((_, arrival), (key, value)) in std::mem::take(&mut self.walk) {
            let place = (spread_hash(&key) & (self.buckets - 1), arrival);
            self.places.insert(key.clone(), place);
            self.walk.insert(place, (key, value));
        }
    }

    /// Takes `key` out.
    pub fn remove(&mut self, key: &str) -> Option<V> {
        let place = self.places.remove(key)?;
        self.walk.remove(&place).map(|(_, value)| value)
    }

    /// The keys in Java's order.
    pub fn keys(&self) -> impl Iterator<Item = &Arc<str>> {
        self.walk.values().map(|(key, _)| key)
    }

    /// The values in Java's order.
    pub fn values(&self) -> impl Iterator<Item = &V> {
        self.walk.values().map(|(_, value)| value)
    }

    /// The same, to change them.
    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut V> {
        self.walk.values_mut().map(|(_, value)| value)
    }

    /// Keys and values in Java's order.
    pub fn iter(&self) -> impl Iterator<Item = (&Arc<str>, &V)> {
        self.walk.values().map(|(key, value)| (key, value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The order in which `new HashMap` has these keys, put in this order: what Java answered.
    #[track_caller]
    fn check(put: &[&str], removed: &[&str], walked: &[&str]) {
        let mut map = HashOrder::default();
        for key in put {
            map.insert((*key).into(), ());
        }
        for key in removed {
            map.remove(key);
        }
        assert_eq!(map.keys().map(|key| &**key).collect::<Vec<_>>(), walked, "HO-1");
    }

    #[test]
    fn keys_are_walked_as_in_a_hash_map() {
        check(&["b", "a"], &[], &["a", "b"]);
        check(
            &["roundrobin", "range", "sticky", "cooperative-sticky", "uniform", "stream"],
            &[],
            &["uniform", "stream", "sticky", "range", "roundrobin", "cooperative-sticky"],
        );
        check(&["Aa", "BB"], &[], &["Aa", "BB"]);
        check(&["BB", "Aa"], &[], &["BB", "Aa"]);
        check(&["BB", "Aa", "c"], &["BB"], &["Aa", "c"]);
    }

    #[test]
    fn thirty_keys_are_walked_as_in_a_hash_map() {
        let names: Vec<String> = (0..30).map(|at| format!("client-{at}-\u{e9}\u{1f600}")).collect();
        let mut map = HashOrder::default();
        let walk = |map: &HashOrder<usize>| map.values().copied().collect::<Vec<_>>();
        for (at, name) in names.iter().enumerate() {
            map.insert(name.as_str().into(), at);
        }
        let java = [
            17, 21, 8, 13, 20, 4, 26, 7, 22, 18, 3, 14, 27, 28, 10, 15, 23, 6, 19, 24, 0, 11, 2,
            16, 9, 25, 5, 29, 1, 12,
        ];
        assert_eq!(walk(&map), java);
        for name in names.iter().step_by(2) {
            map.remove(name);
        }
        map.insert(names[4].as_str().into(), 4);
        map.insert(names[0].as_str().into(), 0);
        let java = [17, 21, 13, 4, 7, 3, 27, 15, 23, 19, 11, 0, 9, 25, 5, 29, 1];
        assert_eq!(walk(&map), java, "HO-2");
    }

    #[test]
    fn a_table_that_has_grown_stays_large() {
        let names: Vec<String> = (0..13).map(|at| format!("m{at}")).collect();
        let mut map = HashOrder::default();
        for name in &names {
            map.insert(name.as_str().into(), ());
        }
        assert_eq!(map.buckets, 32, "HO-2");
        for name in &names {
            assert!(map.remove(name).is_some() && !map.contains(name));
        }
        assert!(map.is_empty() && map.buckets == 32, "HO-2");
    }
}
