//! Reads an argument clause by clause: which form it has, what stands in its holes, which events it refers to.
//!
//! Inputs:     arguments and the names of batches, as text; the entries of the events that they refer to.
//! Invariants: RG-1 every word of an argument belongs to a form; what is left over is refused.

use std::collections::BTreeMap;

use trial_cluster::ids::TopicPartition;
use trial_sim::HostId;

use super::forms::{FORMS, Holds};
use crate::explain::explanation::Explanation;
use crate::explain::record::{Entry, Record, What};
use crate::facts::{Fact, Facts, Stored};

/// What a clause says, and what is known when it is read.
pub(super) struct Clause<'a> {
    pub(super) record: &'a Record,
    pub(super) facts: &'a Facts,
    pub(super) explanation: &'a Explanation,
    pub(super) partition: Option<TopicPartition>,
    batches: &'a BTreeMap<char, Stored>,
    /// The hosts in its holes.
    pub(super) hosts: Vec<HostId>,
    /// The number in its hole.
    pub(super) number: Option<i64>,
    /// Free text in its hole.
    pub(super) text: String,
    /// The host that the argument is about: the first that it names.
    pub(super) about: Option<HostId>,
    /// The last number that the argument has named before.
    pub(super) before: Option<i64>,
    /// The events that it refers to, each with its entries; none if it refers to none.
    pub(super) events: Vec<Vec<usize>>,
}

impl Clause<'_> {
    pub(super) fn batch(&self, letter: char) -> Option<&Stored> {
        self.batches.get(&letter)
    }

    pub(super) fn entry(&self, place: usize) -> &Entry {
        &self.record.entries()[place]
    }

    /// What an entry says of the partition.
    pub(super) fn fact(&self, place: usize) -> Option<&Fact> {
        match &self.entry(place).what {
            What::Known(partition, fact) if Some(*partition) == self.partition => Some(fact),
            _ => None,
        }
    }

    /// Whether an entry that it refers to is so; any of the record if it refers to none.
    pub(super) fn any(&self, is_so: impl Fn(usize) -> bool) -> bool {
        if self.events.is_empty() {
            return (0..self.record.entries().len()).any(is_so);
        }
        self.events.iter().flatten().any(|place| is_so(*place))
    }

    /// Whether every event that it refers to has an entry that is so, and there is one.
    pub(super) fn all(&self, is_so: impl Fn(usize) -> bool) -> bool {
        self.any(&is_so) && self.events.iter().all(|event| event.iter().any(|place| is_so(*place)))
    }

    /// Whether no entry of the whole record is so.
    pub(super) fn never(&self, is_so: impl Fn(usize) -> bool) -> bool {
        !(0..self.record.entries().len()).any(is_so)
    }
}

/// What the arguments say and the record does not.
pub(super) fn unsupported(
    explanation: &Explanation,
    record: &Record,
    facts: &Facts,
) -> Vec<String> {
    let mut found = Vec::new();
    let mut batches = BTreeMap::new();
    let mut partition = None;
    for name in &explanation.names {
        match named(name, record, facts) {
            Some((letter, of, batch)) => {
                batches.insert(letter, batch);
                partition = Some(of);
            }
            None => found.push(format!("nobody wrote such a batch: {name}")),
        }
    }
    if batches.is_empty() {
        let title = super::words(&explanation.title);
        let named = title.iter().find_map(|word| facts.partition_named(word));
        partition = named.map(|partition| partition.id);
    }
    for argument in &explanation.arguments {
        let clause = Clause {
            record,
            facts,
            explanation,
            partition,
            batches: &batches,
            hosts: Vec::new(),
            number: None,
            text: String::new(),
            about: None,
            before: None,
            events: Vec::new(),
        };
        if let Err(what) = read(argument, clause) {
            found.push(format!("{what}: {argument}"));
        }
    }
    found
}

/// `B = the batch at offset 19 of orders/0 in leader epoch 0 (checksum 10fa1323), sent by p1`.
fn named(text: &str, record: &Record, facts: &Facts) -> Option<(char, TopicPartition, Stored)> {
    let (letter, rest) = text.split_once(" = the batch at offset")?;
    let (span, rest) = rest.trim_start_matches('s').trim_start().split_once(" of ")?;
    let (partition, rest) = rest.split_once(" in leader epoch ")?;
    let (epoch, rest) = rest.split_once(" (checksum ")?;
    let (checksum, sent) = rest.split_once(')')?;
    let (base, last) = span.split_once(" to ").unwrap_or((span, span));
    let (base, last) = (base.parse::<i64>().ok()?, last.parse::<i64>().ok()?);
    let (epoch, crc) = (epoch.parse::<i32>().ok()?, u32::from_str_radix(checksum, 16).ok()?);
    let partition = facts.partition_named(partition)?.id;
    let known = |entry: &Entry| match &entry.what {
        What::Known(of, Fact::Written { batch, .. }) if *of == partition => Some(*batch),
        _ => None,
    };
    let batch = record.entries().iter().filter_map(known).find(|batch| {
        (batch.base, batch.last, batch.epoch, batch.crc) == (base, last, epoch, crc)
    })?;
    if let Some(sender) = sent.strip_prefix(", sent by ") {
        let sender = facts.setup.host_named(sender)?;
        let told = |entry: &Entry| {
            matches!(&entry.what, What::Known(of, Fact::Acked { ack, .. }) if *of == partition
                && ack.producer == sender && ack.base == base && ack.crc == crc)
        };
        record.entries().iter().find(|entry| told(entry))?;
    }
    Some((letter.chars().next()?, partition, batch))
}

/// Reads all clauses of an argument.
fn read(argument: &str, mut clause: Clause<'_>) -> Result<(), String> {
    let mut rest = argument;
    while !rest.is_empty() {
        let mut taken: Option<((bool, usize), Holes<'_>, &Holds, &str)> = None;
        for (form, holds) in FORMS {
            let Some(holes) = fill(form, rest) else { continue };
            // The longest form that fits, since another may begin with the same words; one of free text only if no
            // other does.
            let rank = (holes.text.is_empty(), holes.length);
            if taken.as_ref().is_none_or(|(known, ..)| *known < rank) {
                taken = Some((rank, holes, holds, *form));
            }
        }
        let Some((_, holes, holds, form)) = taken else {
            return Err(format!("the witness knows no such words `{rest}`"));
        };
        let said = &rest[..holes.length];
        rest = &rest[holes.length..];
        clause.events = references(&mut rest, clause.explanation)?;
        clause.hosts.clear();
        for name in &holes.hosts {
            if *name == "nobody" && form.contains("elected {h}") {
                continue;
            }
            let host = clause.facts.setup.host_named(name);
            clause.hosts.push(host.ok_or_else(|| format!("{name} is no host"))?);
        }
        clause.about = clause.about.or(clause.hosts.first().copied());
        clause.number = holes.number;
        clause.text = holes.text.to_owned();
        if !holds(&clause) {
            return Err(format!("the record does not show `{}`", said.trim()));
        }
        clause.before = clause.number.or(clause.before);
    }
    Ok(())
}

/// What stands in the holes of a form.
#[derive(Default)]
struct Holes<'a> {
    hosts: Vec<&'a str>,
    number: Option<i64>,
    text: &'a str,
    length: usize,
}

/// Lays a form over the beginning of a text. Its holes: `{h}` a host, `{n}` a number, `{s}` anything up to what
/// follows.
fn fill<'a>(form: &str, text: &'a str) -> Option<Holes<'a>> {
    let mut holes = Holes::default();
    let mut rest = text;
    let mut form = form;
    while !form.is_empty() {
        let Some((before, after)) = form.split_once('{') else {
            rest = rest.strip_prefix(form)?;
            break;
        };
        rest = rest.strip_prefix(before)?;
        let (hole, next) = after.split_once('}')?;
        let word =
            rest.find(|letter: char| !letter.is_ascii_alphanumeric() && !"-_".contains(letter));
        let word = &rest[..word.unwrap_or(rest.len())];
        match hole {
            "h" => holes.hosts.push(word),
            "n" => holes.number = Some(word.parse().ok()?),
            _ => {
                let until = next.split('{').next().unwrap_or_default();
                let end = if until.is_empty() { rest.len() } else { rest.rfind(until)? };
                holes.text = &rest[..end];
                rest = &rest[end..];
                form = next;
                continue;
            }
        }
        if word.is_empty() {
            return None;
        }
        rest = &rest[word.len()..];
        form = next;
    }
    holes.length = text.len() - rest.len();
    Some(holes)
}

/// Takes ` (E1, E2)` off the text: the entries of these events.
fn references(rest: &mut &str, explanation: &Explanation) -> Result<Vec<Vec<usize>>, String> {
    let Some(after) = rest.strip_prefix(" (E") else { return Ok(Vec::new()) };
    let Some((list, after)) = after.split_once(')') else { return Err("no end".to_owned()) };
    *rest = after;
    list.split(", ")
        .map(|name| {
            let number = name.trim_start_matches('E').parse::<usize>().ok();
            let event = number.and_then(|number| explanation.events.get(number.checked_sub(1)?));
            event.map(|event| event.entries.clone()).ok_or_else(|| format!("there is no E{name}"))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::fill;

    #[test]
    fn a_form_is_laid_over_the_beginning_of_a_text() {
        let holes =
            fill("However, {h} cut {n} off", "However, b1 cut 17 off (E1)").expect("it fits");
        assert_eq!((holes.hosts, holes.number, holes.length), (vec!["b1"], Some(17), 22));
        assert!(fill("However, {h} cut {n} off", "However, b1 cut it off").is_none());
        assert!(fill("{h} cut", " cut").is_none(), "a hole is not empty");
        let holes = fill("However, {s}: a contradiction!", "However, so: it is: a contradiction!");
        assert_eq!(holes.expect("it fits").text, "so: it is");
    }
}
