//! Nothing is violated, and yet it is not as it should be: stuck, unknown, or a state that was never reached.
//!
//! Inputs:     what was missing at the end, and the last thing that each participant in it said.
//! Invariants: ST-1 it tells what was last seen, and claims no causes.

use trial_cluster::note::Note;
use trial_reports::Verdict;
use trial_sim::HostId;

use super::chain::{Chain, Weight, say, see};
use super::explanation::Explanation;
use super::record::{Record, What};
use super::subject::{Subject, hosts, words};
use crate::check::Violation;
use crate::facts::{Fact, Role};
use crate::play::End;
use crate::run::Run;

/// Explains it; none if the run came to what its scenario expects.
pub(super) fn explained(run: &Run, record: &Record, end: &End) -> Option<Explanation> {
    if end.is_as_expected() {
        return None;
    }
    if end.verdict == Verdict::Stuck {
        return Some(missing(run, record));
    }
    let complaint = end.complaint()?;
    let mut page = page(run, record, &complaint, Subject::default());
    let unknown = run.judge().unknown();
    if !unknown.is_empty() {
        page.argue(vec![say(format!("Nobody can say: {}", unknown.join("; ")))]);
    }
    faults(&mut page);
    page.argue(vec![say(format!(
        "Nothing contradicts anything here: {complaint}. The events are what the scenario's faults did"
    ))]);
    Some(finished(page, complaint))
}

/// The cluster did not become live again.
fn missing(run: &Run, record: &Record) -> Explanation {
    let facts = run.judge().facts();
    let mut subject = Subject::default();
    for line in run.missing() {
        subject.hosts.extend(hosts(line, facts));
        let partition = words(line).into_iter().find(|word| facts.partition_named(word).is_some());
        subject.partition = subject.partition.or_else(|| partition.map(str::to_owned));
    }
    let title = run.missing().first().cloned().unwrap_or_default();
    let mut page = page(run, record, &title, subject);
    let newest = page.registration(page.until);
    let newest = page.maybe(newest, Weight::Core);
    if let Some(name) = page.subject.partition.clone()
        && !newest.is_empty()
    {
        page.argue(vec![
            say(format!("The controller's last word about {name} is still what counts")),
            see(&newest),
        ]);
    }
    for host in participants(&page) {
        let last = page.last(page.until, |what| says(what, host, &page));
        let fault = page.last_fault(host, page.until);
        let fault = page.maybe(fault, Weight::Aside);
        let last = page.maybe(last, Weight::Link);
        let name = page.name(host);
        let mut pieces = match last[..] {
            [] => vec![say(format!("{name} has said nothing about it in the whole run"))],
            _ => {
                vec![say(format!("{name}: its last word about it")), see(&last)]
            }
        };
        if !fault.is_empty() {
            pieces.push(say("; the last fault that did something to it"));
            pieces.push(see(&fault));
        }
        page.argue(pieces);
    }
    let all = run.missing().join("; ");
    page.argue(vec![say(format!("However, at the end there was still missing: {all}"))]);
    finished(page, format!("stuck: {title}"))
}

/// Everybody who is named, and the brokers of the partition.
fn participants(page: &Chain<'_>) -> Vec<HostId> {
    let mut all = page.subject.everybody();
    let partition = page.subject.partition(page.facts);
    let replicas = partition.and_then(|partition| partition.registration.as_ref());
    for id in replicas.map_or(&[][..], |registration| &registration.replicas) {
        all.extend(page.facts.setup.host_of(*id).filter(|host| !all.contains(host)));
    }
    if all.is_empty() {
        let hosts = (0..page.facts.setup.hosts.len()).filter_map(|place| u16::try_from(place).ok());
        let voters = hosts.map(HostId).filter(|host| {
            matches!(
                page.facts.setup.role(*host),
                Some(Role::Controller { .. } | Role::Broker { controller: true, .. })
            )
        });
        all.extend(voters);
    }
    all
}

/// Whether this is something that the host said of the matter, or that became of it.
fn says(what: &What, host: HostId, page: &Chain<'_>) -> bool {
    if what.host() != Some(host) {
        return false;
    }
    match what {
        What::Known(..) => {
            page.partition.is_none() || matches!(page.fact(what), Some(Fact::Noted { .. }))
        }
        What::Crashed { .. } | What::Stopped { .. } => true,
        What::Noted { note, .. } => match note {
            Note::Raft(_) | Note::Controller(_) => page.partition.is_none(),
            Note::Broker(_) => true,
            _ => false,
        },
        _ => false,
    }
}

fn faults(page: &mut Chain<'_>) {
    let all: Vec<usize> = (0..page.until)
        .filter(|place| matches!(page.record[*place].what, What::Fault { .. }))
        .filter(|place| page.did(*place, page.until))
        .collect();
    for place in all {
        page.event(place, Weight::Link);
    }
}

fn page<'a>(run: &'a Run, record: &'a Record, _title: &str, subject: Subject) -> Chain<'a> {
    Chain::new(record, run.judge().facts(), record.entries().len(), subject)
}

fn finished(page: Chain<'_>, title: String) -> Explanation {
    let nothing = Violation {
        invariant: "",
        at: trial_sim::Time::ZERO,
        message: String::new(),
        facts: [String::new(), String::new()],
    };
    let mut explanation = page.finish(&nothing);
    explanation.title = title;
    explanation.contradiction = None;
    explanation
}
