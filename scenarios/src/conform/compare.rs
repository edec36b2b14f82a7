//! Two answers to one question: where they differ.
//!
//! Holds:      which of our values stands for which of Kafka's, for what nobody can foretell: ids.
//! Invariants: CO-1 a field that is there in one answer and not in the other differs. CO-2 an id differs if it stands
//!             for another than before, or if one of the two is none. CO-3 of an error message only whether there is
//!             one counts; of a wall clock's time, a host, a port, a controller, that both are some. CO-4 the order of
//!             a list counts, unless the conversation says that Kafka's comes from a hash: then each of its values is
//!             looked for among ours.

use std::collections::BTreeMap;
use std::fmt;

use trial_cluster::wire::ApiKey;
use trial_cluster::wire::json::Json;

use super::records;

/// From here on a time is that of a wall clock: conversations give their records older ones.
const WALL_FROM_MS: i64 = 1_750_000_000_000;
/// Characters of a value that are shown.
const SHOWN: usize = 120;

/// Something that Kafka answered and we did not, or the other way round.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Where in the answer; a pointer (RFC 6901).
    pub path: String,
    /// What Kafka has there.
    pub kafka: String,
    /// What we have there.
    pub ours: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = if self.path.is_empty() { "the answer" } else { &self.path };
        write!(f, "{path}: Kafka {}, ours {}", self.kafka, self.ours)
    }
}

/// Our values for Kafka's, by kind of id.
#[derive(Debug, Clone, Default)]
pub(super) struct Ids {
    ours: BTreeMap<(Kind, String), String>,
    kafkas: BTreeMap<(Kind, String), String>,
}

/// A kind of value that nobody can foretell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Uuid,
    Producer,
    Session,
    Member,
}

impl Kind {
    fn of(field: &str) -> Option<Self> {
        match field {
            "topicId" | "directoryId" | "replicaDirectoryId" => Some(Self::Uuid),
            "producerId" => Some(Self::Producer),
            "sessionId" => Some(Self::Session),
            "memberId" | "leader" | "memberName" => Some(Self::Member),
            _ => None,
        }
    }

    /// What stands for none.
    fn is_none(self, value: &str) -> bool {
        match self {
            Self::Uuid => value == "AAAAAAAAAAAAAAAAAAAAAA",
            Self::Producer => value == "-1",
            Self::Session => value == "0",
            Self::Member => value.is_empty(),
        }
    }
}

impl Ids {
    /// CO-2.
    pub(super) fn are_one(&mut self, kind: Kind, kafka: &str, ours: &str) -> bool {
        if kind.is_none(kafka) || kind.is_none(ours) {
            return kafka == ours;
        }
        let to_ours = self.ours.entry((kind, kafka.to_owned())).or_insert_with(|| ours.to_owned());
        let to_kafka =
            self.kafkas.entry((kind, ours.to_owned())).or_insert_with(|| kafka.to_owned());
        to_ours == ours && to_kafka == kafka
    }
}

/// Compares answers.
#[derive(Debug)]
pub(super) struct Comparison<'a> {
    /// Across the whole conversation.
    pub(super) ids: &'a mut Ids,
    /// Pointers to what is not compared.
    pub(super) free: &'a [String],
    /// Pointers to lists whose order does not count.
    pub(super) unordered: &'a [String],
    pub(super) found: Vec<Difference>,
}

impl Comparison<'_> {
    /// Compares what stands at `path`, the value of the field `name`.
    pub(super) fn compare(&mut self, path: &str, name: &str, kafka: &Json, ours: &Json) {
        if self.free.iter().any(|free| leads_to(free, path)) {
            return;
        }
        match (kafka, ours) {
            (Json::Object(theirs), Json::Object(_)) => {
                for (key, value) in theirs {
                    let path = format!("{path}/{key}");
                    match ours.get(key) {
                        Some(ours) => self.compare(&path, key, value, ours),
                        None => self.differ(&path, Some(value), None),
                    }
                }
                self.only_ours(path, kafka, ours);
            }
            (Json::List(theirs), Json::List(list)) => self.lists(path, name, theirs, list),
            (Json::Text(kafka_text), Json::Text(our_text)) if name == "records" => {
                let found = records::differences(kafka_text, our_text, self.ids);
                self.found.extend(found.into_iter().map(|(within, kafka, ours)| Difference {
                    path: format!("{path}{within}"),
                    kafka,
                    ours,
                }));
            }
            _ if !self.is_alike(name, kafka, ours) => self.differ(path, Some(kafka), Some(ours)),
            _ => {}
        }
    }

    fn only_ours(&mut self, path: &str, kafka: &Json, ours: &Json) {
        let Json::Object(fields) = ours else { return };
        for (key, value) in fields.iter().filter(|(key, _)| kafka.get(key).is_none()) {
            let path = format!("{path}/{key}");
            if !self.free.iter().any(|free| leads_to(free, &path)) {
                self.differ(&path, None, Some(value));
            }
        }
    }

    fn lists(&mut self, path: &str, name: &str, kafka: &[Json], ours: &[Json]) {
        let (kafka, ours) = (in_order(name, kafka), in_order(name, ours));
        if name == "apiKeys" {
            return self.api_keys(path, &kafka, &ours);
        }
        if kafka.len() != ours.len() {
            let told = |list: &[&Json]| format!("{} of them", list.len());
            let (kafka, ours) = (told(&kafka), told(&ours));
            self.found.push(Difference { path: path.to_owned(), kafka, ours });
            return;
        }
        let is_unordered = self.unordered.iter().any(|list| is_place(list, path));
        let ours = if is_unordered { self.paired(path, name, &kafka, ours) } else { ours };
        for (index, (kafka, ours)) in kafka.iter().zip(&ours).enumerate() {
            self.compare(&format!("{path}/{index}"), name, kafka, ours);
        }
    }

    /// Ours in the order of Kafka's, CO-4: what is alike side by side, the rest as it comes.
    fn paired<'a>(
        &self,
        path: &str,
        name: &str,
        kafka: &[&Json],
        mut ours: Vec<&'a Json>,
    ) -> Vec<&'a Json> {
        let mut ids = self.ids.clone();
        let mut paired = Vec::new();
        for (index, theirs) in kafka.iter().enumerate() {
            let path = format!("{path}/{index}");
            let like_it = ours.iter().position(|our| {
                let mut tried = ids.clone();
                let (free, unordered) = (self.free, self.unordered);
                let mut trial = Comparison { ids: &mut tried, free, unordered, found: Vec::new() };
                trial.compare(&path, name, theirs, our);
                let is_alike = trial.found.is_empty();
                if is_alike {
                    ids = tried;
                }
                is_alike
            });
            paired.push(like_it.map(|at| ours.remove(at)));
        }
        let mut rest = ours.into_iter();
        paired.into_iter().filter_map(|one| one.or_else(|| rest.next())).collect()
    }

    /// APIs are compared by their keys; one that only Kafka serves is told by its name, `/apiKeys/JoinGroup`.
    fn api_keys(&mut self, path: &str, kafka: &[&Json], ours: &[&Json]) {
        for (index, api) in ours.iter().enumerate() {
            let path = format!("{path}/{index}");
            match kafka.iter().find(|other| other.get("apiKey") == api.get("apiKey")) {
                Some(kafka) => self.compare(&path, "", kafka, api),
                None => self.differ(&path, None, Some(api)),
            }
        }
        for api in kafka {
            if !ours.iter().any(|other| other.get("apiKey") == api.get("apiKey")) {
                self.differ(&format!("{path}/{}", name_of(api)), Some(api), None);
            }
        }
    }

    fn is_alike(&mut self, name: &str, kafka: &Json, ours: &Json) -> bool {
        if matches!(name, "errorMessage" | "batchIndexErrorMessage") {
            return (*kafka == Json::Null) == (*ours == Json::Null);
        }
        if let Some(kind) = Kind::of(name) {
            let text = |value: &Json| match value {
                Json::Text(text) => Some(text.clone()),
                Json::Int(number) => Some(number.to_string()),
                _ => None,
            };
            if let (Some(kafka), Some(ours), true) = (text(kafka), text(ours), is_id(kind, kafka)) {
                return self.ids.are_one(kind, &kafka, &ours);
            }
        }
        if let (Json::Int(kafka), Json::Int(ours)) = (kafka, ours)
            && is_time(name)
            && *kafka >= WALL_FROM_MS
        {
            return *ours >= WALL_FROM_MS;
        }
        kafka == ours || both_are_some(name, kafka, ours)
    }

    fn differ(&mut self, path: &str, kafka: Option<&Json>, ours: Option<&Json>) {
        let (kafka, ours) = (shown(kafka), shown(ours));
        self.found.push(Difference { path: path.to_owned(), kafka, ours });
    }
}

/// The name of an entry of ApiVersions: the API's, or its number.
fn name_of(api: &Json) -> String {
    let key = api.get("apiKey").unwrap_or(&Json::Null);
    let known = match key {
        Json::Int(key) => i16::try_from(*key).ok().and_then(ApiKey::from_key),
        _ => None,
    };
    known.map_or_else(|| key.to_string(), |api| api.name().to_owned())
}

/// A leader is a broker here and a member there.
fn is_id(kind: Kind, value: &Json) -> bool {
    kind != Kind::Member || matches!(value, Json::Text(_))
}

/// What brokers tell in the order of a hash is compared in that of their ids or names.
fn in_order<'a>(name: &str, list: &'a [Json]) -> Vec<&'a Json> {
    let mut list: Vec<&Json> = list.iter().collect();
    let key = match name {
        "brokers" | "nodes" | "nodeEndpoints" => ["nodeId", "brokerId"],
        "supportedFeatures" | "finalizedFeatures" => {
            list.sort_by_key(|value| value.get("name").map(Json::to_string));
            return list;
        }
        _ => return list,
    };
    let id = |value: &Json| match key.iter().find_map(|key| value.get(key)) {
        Some(Json::Int(id)) => *id,
        _ => 0,
    };
    list.sort_by_key(|value| id(value));
    list
}

/// Whether two values of a field are both some, where it is one of those whose value nobody can foretell.
fn both_are_some(field: &str, kafka: &Json, ours: &Json) -> bool {
    match (field, kafka, ours) {
        ("port" | "controllerId", Json::Int(kafka), Json::Int(ours)) => *kafka >= 0 && *ours >= 0,
        ("host" | "clusterId", Json::Text(kafka), Json::Text(ours)) => {
            !kafka.is_empty() && !ours.is_empty()
        }
        _ => false,
    }
}

fn is_time(field: &str) -> bool {
    matches!(
        field,
        "logAppendTimeMs"
            | "timestamp"
            | "lastTimestamp"
            | "lastCaughtUpTimestamp"
            | "lastFetchTimestamp"
    )
}

/// Whether a pointer with `*` for any place leads there, or to something around it.
pub(super) fn leads_to(pointer: &str, path: &str) -> bool {
    let mut path = path.split('/');
    pointer.split('/').all(|part| path.next().is_some_and(|key| part == "*" || part == key))
}

/// Whether a pointer with `*` for any place leads there, and no further.
fn is_place(pointer: &str, path: &str) -> bool {
    leads_to(pointer, path) && pointer.split('/').count() == path.split('/').count()
}

fn shown(value: Option<&Json>) -> String {
    let Some(value) = value else { return "has no such field".to_owned() };
    let text = value.to_string();
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use trial_cluster::wire::json::Json;

    use super::{Comparison, Ids};

    /// Where two answers differ, whose list `members` has no order, or has one.
    fn paths(kafka: &str, ours: &str, has_order: bool) -> Vec<String> {
        let (kafka, ours) = (Json::parse(kafka), Json::parse(ours));
        let unordered = if has_order { Vec::new() } else { vec!["/members".to_owned()] };
        let mut ids = Ids::default();
        let mut comparison =
            Comparison { ids: &mut ids, free: &[], unordered: &unordered, found: Vec::new() };
        comparison.compare("", "", &kafka.expect("it is one"), &ours.expect("it is one"));
        comparison.found.into_iter().map(|found| found.path).collect()
    }

    fn group(leader: &str, members: &[(&str, &str, &str)]) -> String {
        let member = |(id, topics, owned): &(&str, &str, &str)| {
            format!(r#"{{"memberId": "{id}", "topics": [{topics}], "owned": [{owned}]}}"#)
        };
        let members: Vec<String> = members.iter().map(member).collect();
        format!(r#"{{"leader": "{leader}", "members": [{}]}}"#, members.join(", "))
    }

    #[test]
    fn a_list_without_order_is_compared_in_any_and_nothing_within_it_is() {
        let kafka = group("k1", &[("k1", "1, 2", "7"), ("k2", "1, 2", "8"), ("k3", "3", "")]);
        let turned = group("o1", &[("o3", "3", ""), ("o2", "1, 2", "8"), ("o1", "1, 2", "7")]);
        assert_eq!(paths(&kafka, &turned, false), Vec::<String>::new());
        assert_ne!(paths(&kafka, &turned, true), Vec::<String>::new());

        let within = group("o1", &[("o1", "2, 1", "7"), ("o2", "1, 2", "8"), ("o3", "3", "")]);
        assert_eq!(paths(&kafka, &within, false), ["/members/0/topics/0", "/members/0/topics/1"]);
    }

    #[test]
    fn a_list_without_order_still_has_the_same_in_it() {
        let kafka = group("k1", &[("k1", "1", "7"), ("k2", "1", "8")]);
        let others = [
            (
                "what the leader has is another's",
                group("o1", &[("o2", "1", "7"), ("o1", "1", "8")]),
            ),
            ("one has something else", group("o1", &[("o2", "1", "9"), ("o1", "1", "7")])),
            ("one is there twice", group("o1", &[("o1", "1", "7"), ("o1", "1", "7")])),
            ("one is missing", group("o1", &[("o1", "1", "7")])),
        ];
        for (what, ours) in others {
            assert_ne!(paths(&kafka, &ours, false), Vec::<String>::new(), "{what}");
        }
    }
}
