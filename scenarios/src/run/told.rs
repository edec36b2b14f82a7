//! What faults did, in words and numbers.
//!
//! Invariants: TO-1 what a killed process had not done yet is never called lost: nothing that it had done is.

use trial_cluster::error_code::ErrorCode;
use trial_reports::{EffectNumber, FaultEffect};
use trial_sim::disk::DiskHarm;
use trial_sim::{CrashKind, CrashReport, FaultEffect as Counted};

use super::player::number;

/// What is said of a fault that did nothing.
pub(super) const WITHOUT: &str = "without effect";

/// Adds up what the parts of one fault did.
#[must_use]
pub fn effect(parts: &[Counted], crashes: &[(CrashKind, CrashReport)]) -> FaultEffect {
    let sum = |pick: fn(&Counted) -> u64| parts.iter().map(pick).sum::<u64>();
    let max = |pick: fn(&Counted) -> u64| parts.iter().map(pick).max().unwrap_or(0);
    let reports = || crashes.iter().map(|(_, report)| report);
    let disks = |of: CrashKind| {
        let crashes = crashes.iter().filter(move |(kind, _)| *kind == of);
        crashes.flat_map(|(_, report)| &report.disks)
    };
    let bytes = |of| disks(of).map(|disk| disk.bytes_lost).sum();
    let names = |of| disks(of).map(|disk| disk.names_undone.len() as u64).sum();
    let (killed, dark) = (CrashKind::Process, CrashKind::PowerLoss);
    let mut numbers: Vec<EffectNumber> = [
        number("chunks_held", sum(|part| part.chunks_held)),
        number("bytes_held", sum(|part| part.bytes_held)),
        number("frames_held", sum(|part| part.frames_held)),
        number("connects_held", sum(|part| part.connects_held)),
        number("connects_refused", sum(|part| part.connects_refused)),
        number("chunks_delayed", sum(|part| part.chunks_delayed)),
        number("delayed_ms", sum(|part| part.delayed.as_millis())),
        number("connections_reset", sum(|part| part.connections_reset)),
        number("events_deferred", sum(|part| part.events_deferred)),
        number("busy_added_ms", sum(|part| part.busy_added.as_millis())),
        number("disk_busy_added_ms", sum(|part| part.disk_busy_added.as_millis())),
        number("disk_wait_added_ms", sum(|part| part.disk_wait_added.as_millis())),
        number("disk_errors", sum(|part| part.disk_errors)),
        number("pages_forgotten", sum(|part| part.pages_forgotten)),
        number("reads_flipped", sum(|part| part.reads_flipped)),
        number("writes_misdirected", sum(|part| part.writes_misdirected)),
        number("calls_hung", sum(|part| part.calls_hung)),
        number("hung_ms", sum(|part| part.hung.as_millis())),
        number("bits_rotted", sum(|part| part.bits_rotted)),
        number("bytes_wiped", sum(|part| part.bytes_wiped)),
        number("disks_swapped", sum(|part| part.disks_swapped)),
        number("clock_reads", sum(|part| part.clock_reads)),
        number("skew_ms", max(|part| part.skew_ns_max) / 1_000_000),
    ]
    .into_iter()
    .flatten()
    .collect();
    // A clock that nobody read while it was wrong, or that was not wrong, did nothing.
    let skewed = sum(|part| part.clock_reads) > 0;
    let happened = numbers.iter().any(|one| !matches!(&*one.name, "clock_reads" | "skew_ms"))
        || skewed
        || reports().any(|report| *report != CrashReport::default());
    numbers.extend(
        [
            number("connections_lost", reports().map(|c| u64::from(c.connections)).sum()),
            number("jobs_cut_short", reports().map(|c| u64::from(c.jobs_unfinished)).sum()),
            number("bytes_never_written", bytes(killed)),
            number("names_never_changed", names(killed)),
            number("pages_lost", disks(dark).map(|disk| disk.pages_lost).sum()),
            number("pages_torn", disks(dark).map(|disk| disk.pages_torn).sum()),
            number("bytes_lost", bytes(dark)),
            number("names_undone", names(dark)),
        ]
        .into_iter()
        .flatten(),
    );
    let text = if !happened {
        WITHOUT.to_owned()
    } else if numbers.is_empty() {
        "went down".to_owned()
    } else {
        let words = numbers.iter().map(|one| phrase(&one.name, one.value));
        words.collect::<Vec<_>>().join(", ")
    };
    FaultEffect { text, happened, numbers }
}

/// What the controller answered an admin.
#[must_use]
pub fn answer(told: Option<ErrorCode>) -> String {
    match told {
        None => "asked, and never told anything".to_owned(),
        Some(ErrorCode::None) => "the controller agreed".to_owned(),
        Some(error) => format!("refused: {error}"),
    }
}

/// Which bytes a fault of a disk has harmed: the first of them.
#[must_use]
pub fn harm(harms: &[DiskHarm]) -> Option<String> {
    let first = match harms.first()? {
        DiskHarm::Rotted(flip) | DiskHarm::Misread(flip) => {
            format!("bit {} of byte {} of {}", flip.bit, flip.offset, flip.path)
        }
        DiskHarm::Misdirected { path, offset, went: Some((other, to)), .. } => {
            format!("what was for byte {offset} of {path} went to byte {to} of {other}")
        }
        DiskHarm::Misdirected { path, offset, went: None, .. } => {
            format!("what was for byte {offset} of {path} went nowhere")
        }
    };
    Some(match harms.len() {
        1 => first,
        more => format!("{first} and {} more", more - 1),
    })
}

fn phrase(name: &str, value: u64) -> String {
    let (unit, what) = match name {
        "bytes_held" => return format!("{} held", bytes(value)),
        "bytes_never_written" => return format!("{} never written", bytes(value)),
        "bytes_lost" => return format!("{} lost", bytes(value)),
        "delayed_ms" => (" ms", "of delay"),
        "busy_added_ms" => (" ms", "of work added"),
        "disk_busy_added_ms" => (" ms", "of disk work added"),
        "disk_wait_added_ms" => (" ms", "of waiting for the disk added"),
        "bytes_wiped" => return format!("{} wiped", bytes(value)),
        "hung_ms" => (" ms", "of waiting for it"),
        "skew_ms" => (" ms", "of skew"),
        other => ("", other),
    };
    let what = match what {
        "chunks_held" => "writes held",
        "frames_held" => "frames held",
        "connects_held" => "connects held",
        "connects_refused" => "connects refused",
        "chunks_delayed" => "writes delayed",
        "connections_reset" => "connections reset",
        "events_deferred" => "events deferred",
        "disk_errors" => "disk errors",
        "pages_forgotten" => "pages forgotten",
        "reads_flipped" => "reads with a wrong bit",
        "writes_misdirected" => "writes gone astray",
        "calls_hung" => "calls without an answer",
        "bits_rotted" => "bits flipped",
        "disks_swapped" => "disks exchanged",
        "clock_reads" => "clock reads",
        "connections_lost" => "connections lost",
        "jobs_cut_short" => "jobs cut short",
        "pages_lost" => "pages lost",
        "pages_torn" => "pages torn",
        "names_never_changed" => "names never changed",
        "names_undone" => "changes of names undone",
        other => other,
    };
    if value == 1 && unit.is_empty() {
        return format!("1 {}", singular(what));
    }
    format!("{value}{unit} {what}")
}

/// `writes held` for one of them: `write held`.
fn singular(what: &str) -> String {
    match what.split_once("s ") {
        Some((noun, rest)) => format!("{noun} {rest}"),
        None => what.strip_suffix('s').unwrap_or(what).to_owned(),
    }
}

fn bytes(count: u64) -> String {
    match count {
        0..10_000 => format!("{count} B"),
        10_000..10_000_000 => format!("{} kB", count / 1_000),
        _ => format!("{} MB", count / 1_000_000),
    }
}

#[cfg(test)]
mod tests {
    use super::{WITHOUT, effect};
    use trial_sim::disk::DiskCrash;
    use trial_sim::{CrashKind, CrashReport};

    #[test]
    fn a_killed_process_has_not_done_what_a_power_loss_takes() {
        let disk = DiskCrash { bytes_lost: 1_410, ..DiskCrash::default() };
        let report = CrashReport { jobs_unfinished: 1, disks: vec![disk], ..Default::default() };
        let told = |kind| effect(&[], &[(kind, report.clone())]).text;
        assert_eq!(told(CrashKind::Process), "1 job cut short, 1410 B never written", "TO-1");
        assert_eq!(told(CrashKind::PowerLoss), "1 job cut short, 1410 B lost");
        assert_eq!(effect(&[], &[]).text, WITHOUT);
    }
}
