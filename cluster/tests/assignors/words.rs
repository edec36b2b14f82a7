//! The words in which groups are told to Java and written into the table; `scenarios/oracle/Assignors.java` explains
//! them.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::Arc;

use trial_cluster::client::NamedPartition;

/// What is there, or `-`.
pub fn or_nothing(word: &str) -> Option<Arc<str>> {
    (word != "-").then(|| word.into())
}

/// `a/0/1,b/3`.
pub fn partitions(word: &str) -> Vec<NamedPartition> {
    let mut out = Vec::new();
    for part in or_nothing(word).iter().flat_map(|word| word.split(',')) {
        let mut numbers = part.split('/');
        let topic: Arc<str> = numbers.next().expect("a topic").into();
        let named = |number: &str| NamedPartition {
            topic: topic.clone(),
            partition: number.parse().expect("a number"),
        };
        out.extend(numbers.map(named));
    }
    out
}

/// The same as words.
pub fn told(partitions: &[NamedPartition]) -> String {
    let mut text = String::new();
    let mut last = None;
    for NamedPartition { topic, partition } in partitions {
        if last != Some(topic) {
            text.push_str(if last.is_none() { "" } else { "," });
            text.push_str(topic);
        }
        last = Some(topic);
        write!(text, "/{partition}").expect("a string takes it");
    }
    if last.is_none() { "-".to_owned() } else { text }
}

/// The racks of each partition.
pub fn racks(words: &[&str]) -> Vec<BTreeSet<Arc<str>>> {
    if let Some(count) = words.first().and_then(|word| word.strip_prefix('*')) {
        return vec![BTreeSet::new(); count.parse().expect("a number")];
    }
    let racks = |word: &&str| word.split(',').filter_map(or_nothing).collect();
    words.iter().map(racks).collect()
}

/// Bytes of hexadecimal digits.
pub fn bytes(digits: &str) -> Vec<u8> {
    let pairs = digits.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).expect("digits"));
    pairs.map(|pair| u8::from_str_radix(pair, 16).expect("two digits")).collect()
}

/// The digits of bytes.
pub fn digits(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a string takes it");
        text
    })
}

/// FNV-1a with 64 bits.
pub fn sum(bytes: &[u8]) -> String {
    let add = |sum: u64, byte: &u8| (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    format!("{:016x}", bytes.iter().fold(0xcbf2_9ce4_8422_2325, add))
}
