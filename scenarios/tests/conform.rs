//! Our brokers answer what Apache Kafka 4.3.0 answered, in every recorded conversation, or a list says why not.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use trial_cluster::broker::api::served;
use trial_scenarios::conform::conversation::Step;
use trial_scenarios::conform::{
    Conversation, ConversationError, Difference, Known, NotPlayed, Played, Strange, play,
};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/conformance");

fn told(conversation: &Conversation, strange: &Strange) -> String {
    let Strange { step, asked, difference } = strange;
    format!("{}, step {step}, {asked}: {difference}", conversation.path.display())
}

#[test]
fn our_brokers_answer_as_kafka_did() {
    let folder = Path::new(FOLDER);
    let conversations = Conversation::all(folder).expect("they can be read");
    assert!(conversations.len() >= 1_000, "{}", conversations.len());
    let mut known = Known::of(folder).expect("the list can be read");
    let mut found = Vec::new();
    let mut answers = 0;
    let mut not_had: Vec<&Path> = Vec::new();
    for conversation in &conversations {
        if !known.passes_over(conversation).is_empty() {
            not_had.push(&conversation.path);
            continue;
        }
        let played = play(conversation).expect("its nodes can be had");
        answers += played.answers;
        let path = conversation.path.display();
        found.extend(played.violated.iter().map(|violated| format!("{path}: {violated}")));
        let strange = played.strange.iter().filter(|strange| {
            known.excuse(conversation, strange.step, &strange.difference).is_none()
        });
        found.extend(strange.map(|strange| told(conversation, strange)));
    }
    assert!(answers >= 2_000, "{answers}");
    let had = conversations.len() - not_had.len();
    println!("{had} had; {} not, since they ask what is not served", not_had.len());
    assert!(had >= 800, "{had} were had: {not_had:?} ask what is not served");
    assert_eq!(found, Vec::<String>::new());
    assert_eq!(known.unused().collect::<Vec<_>>(), Vec::<&str>::new(), "KN-1");
}

/// What brokers serve without anybody having asked Kafka is nobody's word but our own.
#[test]
fn every_version_of_every_api_that_brokers_serve_is_asked_by_a_conversation() {
    let conversations = Conversation::all(Path::new(FOLDER)).expect("they can be read");
    let mut asked = BTreeSet::new();
    for step in conversations.iter().flat_map(|conversation| &conversation.steps) {
        if let Step::Ask(ask) = step {
            asked.insert((ask.api, ask.version));
        }
    }
    let served = served().flat_map(|row| row.versions.clone().map(|it| (row.api, it)));
    let missing: Vec<_> = served.filter(|it| !asked.contains(it)).collect();
    assert_eq!(missing, [], "record conversations of them: conformance/README.md");
}

/// A conversation whose recorded answers were changed is not alike: by one field, one byte of a record, one field less.
#[test]
fn an_answer_that_was_changed_is_noticed() {
    let text = std::fs::read_to_string(Path::new(FOLDER).join("fetch/partition-twice.json"));
    let text = text.expect("it is there");
    assert_eq!(differences("as it is", &text), []);
    let changed = [
        ("a number", text.replace("\"highWatermark\":2", "\"highWatermark\":3")),
        ("a byte of a record", text.replace("AAAAAQ4AAAABAmIA", "AAAAAQ4AAAABAmMA")),
        ("a field", text.replace("\"preferredReadReplica\":-1,", "")),
    ];
    for (what, changed) in changed {
        assert_ne!(changed, text, "{what}");
        assert_ne!(differences(what, &changed), [], "{what}");
    }
}

/// Kafka throttles nobody in the recordings, and serves APIs that we do not.
#[test]
fn a_throttle_and_an_api_that_is_missing_are_noticed() {
    let text = std::fs::read_to_string(Path::new(FOLDER).join("fetch/partition-twice.json"));
    let text =
        text.expect("it is there").replacen("\"throttleTimeMs\":0", "\"throttleTimeMs\":7", 1);
    let paths = |found: Vec<Difference>| found.into_iter().map(|it| it.path).collect::<Vec<_>>();
    assert_eq!(paths(differences("throttled", &text)), ["/throttleTimeMs"]);

    let text = std::fs::read_to_string(Path::new(FOLDER).join("api-versions/v00.json"));
    let found = paths(differences("api-versions", &text.expect("it is there")));
    let folder = Path::new(FOLDER);
    let (conversation, mut known) = (
        Conversation::read(&folder.join("api-versions/v00.json")).expect("it is one"),
        Known::of(folder).expect("the list can be read"),
    );
    let mut excused = |path: &str| {
        let difference = |path: &str| Difference {
            path: path.to_owned(),
            kafka: "{}".to_owned(),
            ours: "has no such field".to_owned(),
        };
        known.excuse(&conversation, 0, &difference(path)).is_some()
    };
    assert!(found.contains(&"/apiKeys/ShareFetch".to_owned()), "{found:?}");
    assert!(found.iter().all(|path| excused(path)), "{found:?}");
    assert!(!excused("/apiKeys/Produce"), "KN-3: were it served no more, somebody would say so");
}

fn written(name: &str, text: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("conform");
    std::fs::create_dir_all(&folder).expect("there is room");
    let path = folder.join(format!("{}.json", name.replace(' ', "-")));
    std::fs::write(&path, text).expect("there is room");
    path
}

fn differences(name: &str, text: &str) -> Vec<Difference> {
    let conversation = Conversation::read(&written(name, text)).expect("it is one");
    let Played { strange, .. } = play(&conversation).expect("its nodes can be had");
    strange.into_iter().map(|strange| strange.difference).collect()
}

#[test]
fn a_setting_that_nobody_knows_is_refused_with_the_file() {
    let text = r#"{"name": "n", "why": "w", "nodes": 1, "config": {"num.partitons": "4"}, "run": "r", "steps":
        [{"api": "ApiVersions", "version": 0, "answer": {}}]}"#;
    let path = written("unknown-setting", text);
    let conversation = Conversation::read(&path).expect("it is one");
    let refused = play(&conversation).expect_err("there is no such setting");
    let NotPlayed::Refused(refused) = refused else { panic!("{refused}") };
    let told = refused.to_string();
    assert!(told.contains("unknown-setting.json: `config`: "), "{told}");
    assert!(told.contains("num.partitons"), "{told}");
    let allowed = refused.allowed.expect("it says what is allowed");
    assert!(allowed.starts_with("did you mean `num.partitions`?"), "{allowed}");
}

fn refused(steps: &str) -> ConversationError {
    let text = format!(r#"{{"name": "n", "nodes": 1, "run": "r", "steps": [{steps}]}}"#);
    // Tests run at once, each in a thread of its name.
    let test = std::thread::current();
    match Conversation::read(&written(test.name().expect("a test has one"), &text)) {
        Ok(_) => panic!("it is taken: {steps}"),
        Err(refused) => refused,
    }
}

/// A request, with what is put beside it.
fn request(beside: &str) -> String {
    format!(r#"{{"api": "Metadata", "version": 1, "request": {{"topics": []}}{beside}}}"#)
}

/// A Produce request with this batch.
fn batch(batch: &str) -> String {
    let records = format!(r#"{{"index": 0, "records": {{"$batch": {batch}}}}}"#);
    let topics = format!(r#"[{{"name": "t", "partitionData": [{records}]}}]"#);
    format!(
        r#"{{"api": "Produce", "version": 9, "request": {{"acks": -1, "topicData": {topics}}}, "answer": {{}}}}"#
    )
}

#[track_caller]
fn is_refused(steps: &str, place: &str, what: &str, allowed: &str) {
    let refused = refused(steps);
    assert!(refused.to_string().contains(".json: step"), "{refused}");
    assert!(refused.what.starts_with(place), "{steps}: `{place}` is missing: {}", refused.what);
    assert!(refused.what.contains(what), "{steps}: `{what}` is missing: {}", refused.what);
    let told = refused.allowed.expect("it says what is allowed");
    assert!(told.contains(allowed), "{steps}: `{allowed}` is missing: {told}");
}

#[test]
fn a_conversation_that_nobody_could_end_is_refused_with_its_place() {
    let again = |with: &str| {
        let until = r#""until": "/controllerId", "is": 1"#;
        request(&format!(r#", "answer": {{}}, "again": {{{until}, {with}}}"#))
    };
    let key =
        |name: &str| format!("step 0: request/topicData/0/partitionData/0/records/$batch/{name}");
    let hour = "an hour (3600000 ms) in all";
    is_refused(r#"{"wait_ms": 18446744073709551615}"#, "step 0: wait_ms: ", "too long", hour);
    let twice = r#"{"wait_ms": 2000000}, {"wait_ms": 2000000}"#;
    is_refused(twice, "step 1: wait_ms: 4000000 ms in all", "", hour);
    let every = "step 0: again/every_ms: ";
    is_refused(&again(r#""every_ms": 18446744073709551615"#), every, "too long", hour);
    is_refused(&again(r#""every_ms": 3600000"#), every, "180000000 ms in all", hour);
    is_refused(&again(r#""times": 4294967295"#), "step 0: again/times: ", "", "1 to 10000");
    is_refused(&again(r#""times": 0"#), "step 0: again/times: ", "0 times", "1 to 10000");

    let base = r#"{"base": 9223372036854775807, "records": [{"value": "a"}]}"#;
    is_refused(&batch(base), &key("base: "), "9223372036854775807", "fit 64 bits");
    let bytes = "16777216 bytes of keys, values and headers";
    let repeat = r#"{"records": [{"value": "a", "repeat": 4294967295}]}"#;
    is_refused(&batch(repeat), &key("records/0/repeat: "), "too large", bytes);
    let repeat = r#"{"records": [{"value": "a", "repeat": 9223372036854775807}]}"#;
    is_refused(&batch(repeat), &key("records/0/repeat: "), "does not fit", "from 0 on");
    let repeat = r#"{"records": [{"value": "a", "repeat": -1}]}"#;
    is_refused(&batch(repeat), &key("records/0/repeat: "), "-1 does not fit", "from 0 on");
    let many = batch(r#"{"records": [{"value": "a", "repeat": 16000000}]}"#);
    is_refused(&[many.as_str(); 6].join(","), "step 4: ", "bytes are sent", "64 MiB in all");
    let key_of_none = key("").trim_end_matches('/').to_owned() + ": ";
    is_refused(&batch(r#"{"recods": []}"#), &key_of_none, "`recods`", "records, base");
    let flip = r#"{"records": [{"value": "a"}], "flip": 900}"#;
    is_refused(&batch(flip), &key("flip: "), "900 is beyond", "within the 69 bytes");
}

/// What would be passed over, and so never be compared.
#[test]
fn a_conversation_that_asks_nothing_or_two_things_at_once_is_refused_with_its_place() {
    is_refused("", "steps is empty", "nothing is asked", "one request at least");
    let one_of = "one of api, read, raw, wait_ms, close";
    is_refused("{}", "step 0: ", "it does nothing", one_of);
    is_refused(&request(r#", "wait_ms": 1, "close": "a""#), "step 0: ", "two things", one_of);
    is_refused(
        r#"{"wait_ms": 1, "answer": {}}"#,
        "step 0: ",
        "answer means nothing",
        "stands alone",
    );
    let both = request(r#", "later": true, "noreply": true, "answer": {}"#);
    is_refused(&both, "step 0: ", "noreply and later contradict", "one of again, later, noreply");
    let later = request(r#", "later": true, "answer": {}"#);
    is_refused(&later, "step 0: ", "answer means nothing beside later", "`read`");
    is_refused(&request(r#", "later": true"#), "step 0: ", "nobody reads", "`read`");
    is_refused(
        &request(""),
        "step 0: answer: ",
        "what Kafka answered is missing",
        "make.py record",
    );
    is_refused(
        &request(r#", "answer": {}, "free": [""]"#),
        "step 0: free: ",
        "name a field",
        "/topics",
    );
    is_refused(
        &request(r#", "answer": {}, "free": ["/*"]"#),
        "step 0: free: ",
        "name a field",
        "/topics",
    );
    let unordered = |list: &str| request(&format!(r#", "answer": {{"brokers": []}}, {list}"#));
    let place = "step 0: unordered: ";
    is_refused(&unordered(r#""unordered": ["/*"]"#), place, "name a field", "/topics");
    is_refused(&unordered(r#""unordered": ["/brokrs"]"#), place, "no list at /brokrs", "to a list");
    is_refused(&unordered(r#""unordered": ["/brokers/*"]"#), place, "no list at", "to a list");
    let later = request(r#", "later": true, "unordered": ["/brokers"]"#);
    is_refused(&later, "step 0: ", "unordered means nothing beside later", "`read`");
    is_refused(r#"{"read": true, "answer": {}}"#, "step 0: ", "no connection", "sent before");
    is_refused(
        r#"{"close": "x"}"#,
        "step 0: close: ",
        "no connection `x` to node 1",
        "sent before",
    );
}

#[test]
fn what_cannot_be_asked_is_an_error_of_the_file_and_no_difference() {
    let field = r#"{"api": "Metadata", "version": 1, "request": {"topcs": []}, "answer": {}}"#;
    is_refused(field, "step 0: request: MetadataRequest.topcs: ", "no such field", "in Kafka");
    let name = r#"{"api": "Metadata", "version": 1, "request": {"topics": [{"name": "${x}"}]}, "answer": {}}"#;
    is_refused(name, "step 0: request/topics/0/name: ", "saved as `x`", "so far: run");
    let save = request(r#", "answer": {"controllerId": 1}, "save": {"x": "/controlerId"}"#);
    is_refused(&save, "step 0: save/x: ", "nothing at /controlerId", "of the answer");
}

#[test]
fn a_list_of_differences_that_excuses_everything_or_gives_no_reason_is_refused_with_its_line() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("conform-lists");
    std::fs::create_dir_all(&folder).expect("there is room");
    let entry = |conversation: &str, why: &str| {
        format!("\n[[differs]]\nconversation = \"{conversation}\"\nwhy = \"{why}\"\n")
    };
    let apis =
        |apis: &str, why: &str| format!("\n[[not_served]]\napis = [{apis}]\nwhy = \"{why}\"\n");
    let good = entry("fetch/x", "not there yet");
    let cases = [
        (format!("{good}{}", entry("fetch/y", " ")), "line 6: `fetch/y`: `why` is empty"),
        (entry("*", "w"), "line 2: `conversation = \"*\"` excuses everything"),
        (entry("", "w"), "excuses everything"),
        (entry("*/*", "w"), "excuses everything"),
        (apis("\"JoinGrup\"", "w"), "there is no API `JoinGrup`"),
        (apis("\"JoinGroup\", \"JoinGroup\"", "w"), "`JoinGroup` stands twice"),
        (apis("\"JoinGroup\"", ""), "`why` is empty"),
        (apis("", "w"), "`apis` is empty"),
    ];
    let list = folder.join("differences.toml");
    std::fs::write(&list, good).expect("there is room");
    Known::of(&folder).expect("it is a list");
    for (text, want) in cases {
        std::fs::write(&list, &text).expect("there is room");
        let refused = Known::of(&folder).expect_err(want);
        assert!(refused.path.ends_with("differences.toml"), "{refused}");
        assert!(refused.what.contains(want), "`{want}` is missing: {}", refused.what);
        assert!(refused.allowed.is_some(), "{refused}");
    }
}

/// KN-4: who asks what is on the list and is not served is passed over; nobody else is.
#[test]
fn a_conversation_is_passed_over_only_if_its_api_is_listed_and_not_served() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("conform-passed-over");
    std::fs::create_dir_all(&folder).expect("there is room");
    let listed = |apis: &str| {
        let entry = "[[differs]]\nconversation = \"talk\"\nwhy = \"not there yet\"\n";
        let list = format!("{entry}[[not_served]]\napis = [{apis}]\nwhy = \"not there yet\"\n");
        std::fs::write(folder.join("differences.toml"), list).expect("there is room");
        Known::of(&folder).expect("it is a list")
    };
    let asking = |api: &str, request: &str| {
        let step = format!(
            r#"{{"api": "{api}", "version": 1, "request": {request}, "answer": {{"errorCode": 0}}}}"#
        );
        let path = folder.join("talk.json");
        std::fs::write(&path, format!(r#"{{"name": "n", "nodes": 1, "steps": [{step}]}}"#))
            .expect("there is room");
        Conversation::read(&path).expect("it is one")
    };
    let of_sasl = asking("SaslHandshake", r#"{"mechanism": "PLAIN"}"#);
    let of_topics = asking("Metadata", r#"{"topics": []}"#);

    let mut known = listed("\"SaslHandshake\"");
    assert_eq!(known.passes_over(&of_topics), []);
    assert_eq!(known.unused().collect::<Vec<_>>(), ["talk", "SaslHandshake"]);
    let missing = known.passes_over(&of_sasl);
    assert_eq!(missing.iter().map(|api| api.name()).collect::<Vec<_>>(), ["SaslHandshake"]);
    let still = "that it is not served is what ApiVersions has to show";
    assert_eq!(known.unused().collect::<Vec<_>>(), ["SaslHandshake"], "{still}");

    assert_eq!(listed("\"SaslAuthenticate\"").passes_over(&of_sasl), [], "it is not listed");
    assert_eq!(listed("\"Metadata\"").passes_over(&of_topics), [], "it is served all the same");
}
