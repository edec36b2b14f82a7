//! What a replica must not forget: the epoch, its leader and to whom the vote went; the file `quorum-state`.
//!
//! In Kafka:   `ElectionState`, `FileQuorumStateStore`; JSON, `data_version` 1 (KIP-853).
//! Invariants: K6 the epoch on disk never falls (the writer's duty); K7 a vote is on disk before it is given.
//! Left out:   writing version 0, which forgets the directory of the vote; it is read.

use std::str::FromStr;

use super::voters::ReplicaKey;
use crate::ids::{BrokerId, LeaderEpoch, Uuid};

/// The durable part of a replica's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ElectionState {
    /// The epoch.
    pub epoch: LeaderEpoch,
    /// Its leader, once known.
    pub leader: Option<BrokerId>,
    /// To whom this replica's vote of the epoch went.
    pub voted: Option<ReplicaKey>,
}

impl ElectionState {
    /// The file's name.
    pub const FILE: &'static str = "quorum-state";

    /// The file's content, in the order in which Kafka writes it.
    #[must_use]
    pub fn to_json(&self) -> String {
        let leader = self.leader.unwrap_or(BrokerId::NONE);
        let voted = self.voted.map_or(BrokerId::NONE, |voted| voted.id);
        let directory = self.voted.map_or(Uuid::ZERO, ReplicaKey::directory_or_zero);
        format!(
            "{{\"leaderId\":{leader},\"leaderEpoch\":{},\"votedId\":{voted},\
             \"votedDirectoryId\":\"{directory}\",\"data_version\":1}}",
            self.epoch
        )
    }

    /// Reads the file's content, of version 0 or 1; none if it is torn or strange.
    #[must_use]
    pub fn from_json(text: &str) -> Option<Self> {
        let body = text.trim().strip_prefix('{')?.strip_suffix('}')?;
        let number = |name: &str| field(body, name)?.parse::<i32>().ok();
        let version = number("data_version")?;
        let directory = match version {
            0 => Uuid::ZERO,
            1 => {
                let quoted = field(body, "votedDirectoryId")?;
                Uuid::from_str(quoted.strip_prefix('"')?.strip_suffix('"')?).ok()?
            }
            _ => return None,
        };
        let some = |id: i32| (id >= 0).then_some(BrokerId(id));
        Some(Self {
            epoch: LeaderEpoch(number("leaderEpoch")?),
            leader: some(number("leaderId")?),
            voted: some(number("votedId")?).map(|id| ReplicaKey::new(id, directory)),
        })
    }
}

/// The raw value of a field of a flat object whose values hold no commas before the field asked for.
fn field<'a>(body: &'a str, name: &str) -> Option<&'a str> {
    let quoted = format!("\"{name}\":");
    let at = body.find(&quoted)? + quoted.len();
    let rest = &body[at..];
    Some(rest[..rest.find(',').unwrap_or(rest.len())].trim())
}

#[cfg(test)]
mod tests {
    use super::super::voters::tests::key;
    use super::*;

    fn states() -> Vec<ElectionState> {
        let mut states = Vec::new();
        for leader in [None, Some(BrokerId(3))] {
            for voted in [None, Some(key(2)), Some(ReplicaKey { id: BrokerId(2), directory: None })]
            {
                states.push(ElectionState { epoch: LeaderEpoch(7), leader, voted });
            }
        }
        states
    }

    #[test]
    fn the_file_reads_back_as_it_was_written() {
        for state in states() {
            let text = state.to_json();
            assert_eq!(ElectionState::from_json(&text), Some(state), "{text}");
        }
    }

    #[test]
    fn the_file_looks_as_kafka_writes_it() {
        let state = ElectionState { epoch: LeaderEpoch(5), leader: None, voted: Some(key(2)) };
        let want = "{\"leaderId\":-1,\"leaderEpoch\":5,\"votedId\":2,\
                    \"votedDirectoryId\":\"AAAAAAAAAAAAAAAAAAAD6g\",\"data_version\":1}";
        assert_eq!(state.to_json(), want);
        let old = "{\"clusterId\":\"\",\"leaderId\":1,\"leaderEpoch\":2,\"votedId\":-1,\
                   \"appliedOffset\":0,\"currentVoters\":[{\"voterId\":1},{\"voterId\":2}],\
                   \"data_version\":0}";
        let want = ElectionState { epoch: LeaderEpoch(2), leader: Some(BrokerId(1)), voted: None };
        assert_eq!(ElectionState::from_json(old), Some(want), "version 0");
    }

    #[test]
    fn a_torn_file_is_never_read_as_something_else() {
        for state in states() {
            let text = state.to_json();
            for length in 0..text.len() {
                assert_eq!(ElectionState::from_json(&text[..length]), None, "{length} of {text}");
            }
        }
    }
}
