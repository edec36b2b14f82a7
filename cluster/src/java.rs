//! What Java does to text and numbers where Kafka's behaviour rests on it.
//!
//! In Kafka:   `String.hashCode`, `Utils.abs`: which partition a group is on, which fetcher copies a partition, in
//!             which order hash tables are walked.

/// `String.hashCode`: over the units of UTF-16.
#[must_use]
pub fn hash_code(text: &str) -> i32 {
    let step = |hash: i32, unit: u16| hash.wrapping_mul(31).wrapping_add(i32::from(unit));
    text.encode_utf16().fold(0, step)
}

/// `Utils.abs`: of the one number that has no positive it is zero.
#[must_use]
pub const fn abs(number: i32) -> i32 {
    match number.checked_abs() {
        Some(positive) => positive,
        None => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::{abs, hash_code};

    #[test]
    fn it_counts_as_java_does() {
        assert_eq!([hash_code(""), hash_code("g"), hash_code("group")], [0, 103, 98_629_247]);
        assert_eq!(hash_code("polygenelubricants"), i32::MIN);
        assert_eq!(hash_code("\u{1F600}"), 1_772_899, "two units of UTF-16");
        assert_eq!([abs(-7), abs(7), abs(i32::MIN)], [7, 7, 0]);
    }
}
