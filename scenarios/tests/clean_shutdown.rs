//! Eligible leader replicas by the bytes of the clean-shutdown file: KIP-966, as Kafka decides.
//!
//! Replicas lose their power, and the file `.kafka_cleanshutdown` is put on their disks, while they are down: none, one
//! with an older broker epoch, one with the epoch of the process that is gone. In Kafka the broker looks whether the
//! file is there (`LogManager.loadLogs`: scan the log or believe it), and tells the controller the epoch in it, or -1
//! (`readBrokerEpochFromCleanShutdownFiles`); the controller compares that with the epoch it has stored
//! (`ClusterControlManager.registerBroker`), and takes whoever does not prove a clean shutdown out of the in-sync set
//! and the eligible leader replicas (`ReplicationControlManager.handleBrokerShutdown`).

use std::sync::Arc;

use bytes::Bytes;
use trial_cluster::controller::election::ElectedFrom;
use trial_cluster::ids::BrokerId;
use trial_cluster::image::{LeaderRecoveryState, PartitionRegistration};
use trial_cluster::note::Note;
use trial_cluster::note::broker::BrokerNote;
use trial_cluster::note::controller::ControllerNote;
use trial_reports::Verdict;
use trial_scenarios::explain::What;
use trial_scenarios::run::Run;
use trial_scenarios::scenario::Scenario;
use trial_sim::disk::JobId;
use trial_sim::{DiskId, HostId, Span, Time};

use File::{Absent, Present, Stale};

/// What lies on the disk when the broker starts again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum File {
    Absent,
    /// Of the process before the one that is gone.
    Stale,
    Present,
}

const FILES: [File; 3] = [Absent, Stale, Present];
const MARKER: &str = ".kafka_cleanshutdown";

/// When the files are put on the disks, just before the brokers start again.
const PUT: Span = Span::from_millis(17_900);
const END: Span = Span::from_secs(26);

/// Three replicas of which `lost` lose their power, and start again at eighteen seconds. If it is quiet the producer is
/// cut off ten seconds before that, so that the page cache has been written: nothing is lost.
fn scenario(lost: &[i32], min_isr: usize, is_quiet: bool) -> Arc<Scenario> {
    let names: Vec<String> = lost.iter().map(|id| format!("b{id}")).collect();
    let names = names.join(" ");
    let (cut, after) =
        if is_quiet { ("isolate shop", " after 10s") } else { ("slow shop by 2", "") };
    let text = format!(
        r#"
        title = "power losses with another clean-shutdown file"
        time = "26s"
        faults = [
          "when high_watermark(orders/0) >= 50 {cut}",
          "when high_watermark(orders/0) >= 50{after} crash {names} losing unsynced",
          "at 18s restart {names}",
        ]
        [cluster.config]
        "min.insync.replicas" = {min_isr}
        "broker.session.timeout.ms" = 1500
        "broker.heartbeat.interval.ms" = 300
        [topics.orders]
        partitions = 1
        replicas = 3
        assignment = [[1, 2, 3]]
        [clients.shop]
        produce = "orders"
        rate = "100/s"
        size = 500
        config = {{ acks = "all", "request.timeout.ms" = 5000, "delivery.timeout.ms" = 60000 }}
    "#
    );
    Arc::new(Scenario::from_text("clean_shutdown", &text, None, &[]).expect("it can be played"))
}

struct Played {
    run: Run,
    lost: Vec<i32>,
    /// When everybody is fenced and nobody has started again.
    before: Arc<PartitionRegistration>,
}

impl Played {
    /// Plays until the brokers that lost their power are fenced, puts the files on their disks, and goes on until each
    /// of them is registered again.
    fn until_registered(lost: &[(i32, File)], min_isr: usize, is_quiet: bool, seed: u64) -> Self {
        let ids: Vec<i32> = lost.iter().map(|(id, _)| *id).collect();
        let mut run = Run::new(&scenario(&ids, min_isr, is_quiet), seed);
        run.keep_record();
        run.play_until(Time::ZERO + PUT);
        let before = registration(&run);
        for (id, file) in lost {
            let fenced = run.judge().facts().unfenced.get(&BrokerId(*id));
            assert_eq!(fenced, Some(&false), "b{id} was fenced, seed {seed}");
            put(&mut run, *id, *file);
        }
        let mut played = Self { run, lost: ids, before };
        while !played.lost.iter().all(|id| played.is_registered(*id)) {
            let next = played.run.next_time().expect("brokers try again");
            assert!(next < Time::ZERO + END, "they register within seconds");
            played.run.play_until(next);
        }
        played
    }

    fn is_registered(&self, id: i32) -> bool {
        !self.run.judge().facts().unregistered.contains(&BrokerId(id))
    }

    /// What the controller made of the restart of a broker: whether it was a clean one, and the epoch before.
    fn was_clean(&self, id: i32) -> bool {
        registrations(&self.run, id).last().expect("it has registered again").1
    }

    /// Whether the broker believed its logs as they were.
    fn believed_its_logs(&self, id: i32) -> Option<bool> {
        let record = self.run.record().expect("it is kept");
        let loaded = record.entries().iter().filter_map(|entry| match &entry.what {
            What::Noted { host, note: Note::Broker(BrokerNote::LogsLoaded { clean }) } => {
                (*host == host_of(&self.run, id)).then_some(*clean)
            }
            _ => None,
        });
        loaded.skip(1).last()
    }

    fn now(&self) -> Arc<PartitionRegistration> {
        registration(&self.run)
    }

    /// Every election so far, and from where the leader was taken.
    fn elections(&self) -> Vec<(Option<BrokerId>, ElectedFrom)> {
        let record = self.run.record().expect("it is kept");
        let elected = record.entries().iter().filter_map(|entry| match &entry.what {
            What::Registered { new, elected: Some(from), .. } => Some((new.leader, *from)),
            _ => None,
        });
        elected.collect()
    }

    #[track_caller]
    fn ends_well(&mut self) {
        self.run.play();
        let (verdict, violations) = (self.run.verdict(), self.run.judge().violations());
        assert_eq!(verdict, Verdict::Holds, "{violations:?} {:?}", self.run.missing());
    }
}

fn host_of(run: &Run, id: i32) -> HostId {
    run.judge().facts().setup.host_of(BrokerId(id)).expect("there is such a broker")
}

fn registration(run: &Run) -> Arc<PartitionRegistration> {
    let partition = run.judge().facts().partition_named("orders/0").expect("it was made");
    Arc::clone(partition.registration.as_ref().expect("it was registered"))
}

/// The broker epochs that a broker was given, and whether each followed a clean shutdown.
fn registrations(run: &Run, id: i32) -> Vec<(i64, bool)> {
    let record = run.record().expect("it is kept");
    let given = record.entries().iter().filter_map(|entry| match &entry.what {
        What::Noted {
            note: Note::Controller(ControllerNote::BrokerRegistered { id: who, epoch, clean, .. }),
            ..
        } => (*who == BrokerId(id)).then_some((epoch.0, *clean)),
        _ => None,
    });
    given.collect()
}

/// Puts the file on the disk as `CleanShutdownFileHandler` writes it.
fn put(run: &mut Run, id: i32, file: File) {
    let (host, now) = (host_of(run, id), run.now());
    let epoch = registrations(run, id).last().expect("it was registered").0;
    let text = match file {
        Absent => None,
        Stale => Some(format!("{{\"version\":0,\"brokerEpoch\":{}}}", epoch - 1)),
        Present => Some(format!("{{\"version\":0,\"brokerEpoch\":{epoch}}}")),
    };
    let disk = run.world_mut().tampered_disk(host, DiskId(0));
    let job = JobId(u64::MAX);
    let mut access = disk.access(now, job);
    assert!(access.open(MARKER, false).is_err(), "a process that runs has removed the file");
    if let Some(text) = text {
        let at = access.open(MARKER, true).expect("a good disk");
        access.append(at, Bytes::from(text)).expect("a good disk");
        access.sync(at).expect("a good disk");
        access.sync_dir("").expect("a good disk");
    }
    disk.settle(now, job);
}

fn nodes(ids: &[i32]) -> Vec<BrokerId> {
    ids.iter().copied().map(BrokerId).collect()
}

fn others(id: i32) -> Vec<BrokerId> {
    nodes(&[1, 2, 3]).into_iter().filter(|other| other.0 != id).collect()
}

/// min.insync.replicas is 3: whoever leaves the in-sync set is eligible to lead.
#[test]
fn one_replica_in_turn_and_three_outcomes() {
    for id in 1..=3 {
        for file in FILES {
            let mut played = Played::until_registered(&[(id, file)], 3, true, 7);
            let row = format!("b{id}, {file:?}");
            assert!(played.run.judge().facts().lossy().is_empty(), "{row}: it was quiet");
            let before = &played.before;
            assert_eq!(before.isr, others(id), "{row}: it left the in-sync set with its session");
            assert_eq!(before.eligible_leader_replicas, nodes(&[id]), "{row}");
            // b1 led; the next in the assignment leads after it.
            let leader = BrokerId(if id == 1 { 2 } else { 1 });
            assert_eq!(before.leader, Some(leader), "{row}");
            let now = played.now();
            let stays = file == Present;
            assert_eq!(played.was_clean(id), stays, "{row}");
            assert_eq!(now.eligible_leader_replicas.contains(&BrokerId(id)), stays, "{row}");
            assert_eq!((&now.isr, now.leader), (&before.isr, Some(leader)), "{row}");
            // A change of who is eligible moves the partition epoch and not the leader's.
            let moved = now.partition_epoch.0 - before.partition_epoch.0;
            assert_eq!(
                (moved, now.leader_epoch),
                (i32::from(!stays), before.leader_epoch),
                "{row}"
            );
            played.ends_well();
            // Whether the log is scanned is decided by the file alone, whatever stands in it.
            assert_eq!(played.believed_its_logs(id), Some(file != Absent), "{row}");
            assert_eq!(played.now().isr.len(), 3, "{row}: it has caught up");
        }
    }
}

/// The same with pages that were not written yet: what the file says is believed, and a checker knows better.
#[test]
fn a_file_that_lies_is_believed_and_r17_tells() {
    for id in 1..=3 {
        for file in FILES {
            let played = Played::until_registered(&[(id, file)], 3, false, 7);
            let facts = played.run.judge().facts();
            let partition = facts.partition_named("orders/0").expect("it was made");
            assert!(partition.lossy.contains(&host_of(&played.run, id)), "b{id} lost bytes");
            let stays = played.now().eligible_leader_replicas.contains(&BrokerId(id));
            assert_eq!(stays, file == Present, "b{id}, {file:?}");
            let found: Vec<_> =
                played.run.judge().violations().iter().map(|it| it.invariant).collect();
            let want: &[&str] = if file == Present { &["R17"] } else { &[] };
            assert_eq!(found, want, "b{id}, {file:?}");
        }
    }
}

/// min.insync.replicas is 2: the one that is fenced first leaves a set that is still large enough, and is not eligible
/// whatever its file says. The other one is as its file says.
#[test]
fn two_replicas_at_once() {
    for (one, two) in [(2, 3), (1, 2), (1, 3)] {
        for first in FILES {
            for second in FILES {
                let lost = [(one, first), (two, second)];
                let mut played = Played::until_registered(&lost, 2, true, 3);
                let row = format!("{lost:?}");
                let left = 6 - one - two;
                let before = &played.before;
                assert_eq!((&before.isr, before.leader), (&nodes(&[left]), Some(BrokerId(left))));
                let [eligible] = before.eligible_leader_replicas[..] else {
                    panic!("{row}: one left a set of two: {before:?}")
                };
                let (_, file) = lost.into_iter().find(|(id, _)| eligible == BrokerId(*id)).unwrap();
                let want = if file == Present { vec![eligible] } else { Vec::new() };
                let now = played.now();
                let joined = now.isr.len() >= 2;
                // Once somebody has joined, enough are in sync, and nobody is merely eligible.
                let want = if joined { Vec::new() } else { want };
                assert_eq!(now.eligible_leader_replicas, want, "{row}");
                assert_eq!(
                    (now.isr[0], now.leader),
                    (BrokerId(left), Some(BrokerId(left))),
                    "{row}"
                );
                for (id, file) in lost {
                    assert_eq!(played.was_clean(id), file == Present, "{row}");
                }
                played.ends_well();
            }
        }
    }
}

/// All three: the in-sync set is empty, the last two to leave it are eligible, and the last leader is remembered. An
/// eligible one that proves a clean shutdown leads, and has recovered. If none does, the last leader leads when it is
/// back (KIP-966's balanced recovery), and recovers.
#[test]
fn all_replicas_at_once() {
    for files in
        [[Absent; 3], [Stale; 3], [Present; 3], [Present, Absent, Stale], [Stale, Absent, Present]]
    {
        let lost = [(1, files[0]), (2, files[1]), (3, files[2])];
        let mut played = Played::until_registered(&lost, 2, true, 5);
        let row = format!("{files:?}");
        let before = Arc::clone(&played.before);
        assert_eq!((&before.isr, before.leader), (&Vec::new(), None), "{row}");
        assert_eq!(before.eligible_leader_replicas.len(), 2, "{row}: {before:?}");
        let [last] = before.last_known_elr[..] else { panic!("{row}: {before:?}") };
        let proven: Vec<BrokerId> = lost
            .into_iter()
            .filter(|(id, file)| {
                *file == Present && before.eligible_leader_replicas.contains(&BrokerId(*id))
            })
            .map(|(id, _)| BrokerId(id))
            .collect();
        while played.now().leader.is_none() {
            let next = played.run.next_time().expect("brokers try again");
            assert!(next < Time::ZERO + END, "{row}: somebody leads");
            played.run.play_until(next);
        }
        let (leader, from) = played.elections().last().copied().expect("somebody was elected");
        let state = played.now().leader_recovery_state;
        if proven.is_empty() {
            assert_eq!((leader, from), (Some(last), ElectedFrom::LastKnownLeader), "{row}");
        } else {
            assert_eq!(from, ElectedFrom::EligibleLeaderReplicas, "{row}");
            assert!(proven.contains(&leader.expect("somebody")), "{row}: {leader:?} of {proven:?}");
            assert_eq!(state, LeaderRecoveryState::Recovered, "{row}");
        }
        played.ends_well();
        assert_eq!(played.now().leader_recovery_state, LeaderRecoveryState::Recovered, "{row}");
    }
}
