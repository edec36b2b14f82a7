//! acks=all was answered too early: R12.
//!
//! Inputs:     the answer that the violation names.
//! Invariants: AN-1 that a copy came later, or not at all, is looked up in the whole record.

use trial_cluster::note::partition::PartitionEvent as E;
use trial_cluster::rules::Switch;

use super::chain::{Chain, Weight, say, see};
use super::record::What;
use crate::check::Violation;
use crate::facts::{Fact, Stored};

/// Tells it; `false` if the record lacks what the story needs.
pub(super) fn tell(chain: &mut Chain<'_>, _violation: &Violation) -> bool {
    let Some(answer) = answer(chain) else { return false };
    let Some((batch, append)) = batch(chain, answer) else { return false };
    let Some(leader) = chain.record[append].what.host() else { return false };
    let name = chain.name(leader);
    chain.batches.push(('B', batch));
    let appended = chain.event(append, Weight::Core);
    let answered = chain.event(answer, Weight::Core);
    let stood = chain.last(answer, |what| {
        chain.noted(what, Some(leader), |event| {
            matches!(event, E::LeaderHighWatermarkMoved { .. } | E::BecameLeader { .. })
        })
    });
    let is_below = stood.is_none_or(|stood| mark(chain, stood) <= batch.last);
    let stood = chain.maybe(stood, Weight::Core);
    let told = chain.next(append, |what| {
        matches!(chain.fact(what), Some(Fact::Acked { ack, .. })
            if ack.crc == batch.crc && ack.base == batch.base)
    });
    let told = told.filter(|told| *told != answer);
    let told = chain.maybe(told, Weight::Core);
    let in_sync = chain.registration(answer);
    let in_sync = chain.maybe(in_sync, Weight::Link);
    chain.argue(vec![
        say(format!("{name} appended B as its leader")),
        see(&[appended]),
        say(", and answers acks=all only for what the whole in-sync set has"),
        see(&in_sync),
        say(", that is, for what lies below its high watermark"),
    ]);
    if is_below {
        chain.argue(vec![
            say("B lay above the high watermark, because nothing had moved it past B yet"),
            see(&stood),
        ]);
        copies(chain, &batch, append, answer);
        chain.blame(&[Switch::AckBeforeReplication]);
    } else {
        chain.argue(vec![say(format!("B lay below the high watermark of {name}")), see(&stood)]);
        committed_instead(chain, &batch);
    }
    chain.argue(vec![
        say(format!("However, {name} answered that B is safe")),
        see(&[vec![answered], told].concat()),
        say(": a contradiction!"),
    ]);
    true
}

/// The high watermark that an entry tells.
fn mark(chain: &Chain<'_>, place: usize) -> i64 {
    match chain.fact(&chain.record[place].what) {
        Some(Fact::Noted {
            event:
                E::LeaderHighWatermarkMoved { to: mark, .. }
                | E::BecameLeader { high_watermark: mark, .. },
            ..
        }) => mark.0,
        _ => i64::MIN,
    }
}

/// What is committed where the batch stands, if that is another.
fn committed_instead(chain: &mut Chain<'_>, batch: &Stored) {
    let partition = chain.subject.partition(chain.facts);
    let known = partition.and_then(|partition| partition.committed_at(batch.base));
    let Some(other) = known.map(|entry| entry.batch).filter(|other| !other.is_same(batch)) else {
        return;
    };
    let Some(append) = chain.appended(&other) else { return };
    let passed = chain.committed(&other, append);
    let wrote = chain.event(append, Weight::Link);
    let passed = chain.maybe(passed, Weight::Core);
    chain.batches.insert(0, ('A', other));
    chain.argue(vec![
        say("What is committed there is A, because the high watermark of a leader that had A passed it"),
        see(&[vec![wrote], passed].concat()),
    ]);
}

/// The answer, as it was noted or seen on the connection.
fn answer(chain: &Chain<'_>) -> Option<usize> {
    let answers = |what: &What| match chain.fact(what) {
        Some(Fact::Acked { ack, .. }) => ack.acks == -1,
        Some(Fact::Noted { event: E::ProduceCompleted { error, .. }, .. }) => {
            *error == trial_cluster::error_code::ErrorCode::None
        }
        _ => false,
    };
    // The violation was found with this very entry; others may have come with it.
    let found = chain.last(chain.until, answers)?;
    let span = chain.subject.offsets.first().copied();
    let wanted = |what: &What| match (chain.fact(what), span) {
        (Some(Fact::Acked { ack, .. }), Some(base)) => ack.acks == -1 && ack.base == base,
        (_, None) => answers(what),
        _ => false,
    };
    chain.last(chain.until, wanted).or(Some(found))
}

/// What it answered, and when its leader appended that.
fn batch(chain: &Chain<'_>, answer: usize) -> Option<(Stored, usize)> {
    let test = |what: &What| match (chain.fact(what), chain.fact(&chain.record[answer].what)) {
        (Some(Fact::Written { host, batch, .. }), Some(Fact::Acked { ack, .. })) => {
            *host == ack.by && batch.base == ack.base && batch.crc == ack.crc
        }
        (
            Some(Fact::Written { host, batch, .. }),
            Some(Fact::Noted { host: by, event: E::ProduceCompleted { required, .. } }),
        ) => host == by && batch.last + 1 == required.0,
        _ => false,
    };
    let append = chain.last(answer, test)?;
    match chain.fact(&chain.record[append].what) {
        Some(Fact::Written { batch, .. }) => Some((*batch, append)),
        _ => None,
    }
}

/// Who had a copy when the answer left, and who came later.
fn copies(chain: &mut Chain<'_>, batch: &Stored, append: usize, answer: usize) {
    let leader = chain.record[append].what.host();
    let is_copy = |what: &What| {
        matches!(chain.fact(what), Some(Fact::Written { host, batch: written, .. })
            if written.is_same(batch) && Some(*host) != leader)
    };
    let all = (append..chain.record.len()).filter(|place| is_copy(&chain.record[*place].what));
    let (before, after): (Vec<usize>, Vec<usize>) = all.partition(|place| *place < answer);
    if let Some(copy) = before.first().copied() {
        let refs = chain.maybe(Some(copy), Weight::Link);
        chain.argue(vec![
            say("A follower had it by then, which its leader did not know"),
            see(&refs),
        ]);
        return;
    }
    match after.first().copied() {
        Some(copy) => {
            let refs = chain.maybe(Some(copy), Weight::Link);
            chain.argue(vec![
                say("No follower had a copy: the first wrote one only after the answer"),
                see(&refs),
            ]);
        }
        None => chain
            .argue(vec![say("No follower had a copy, and none ever wrote one in the whole run")]),
    }
}
