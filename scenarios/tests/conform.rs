//! Our brokers answer what Apache Kafka 4.3.0 answered, in every recorded conversation, or a list says why not.

use std::path::Path;

use trial_scenarios::conform::{Conversation, Difference, Known, Played, Strange, play};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/conformance");

fn told(conversation: &Conversation, strange: &Strange) -> String {
    let Strange { step, asked, difference } = strange;
    format!("{}, step {step}, {asked}: {difference}", conversation.path.display())
}

#[test]
fn our_brokers_answer_as_kafka_did() {
    let folder = Path::new(FOLDER);
    let conversations = Conversation::all(folder).expect("they can be read");
    assert!(conversations.len() >= 300, "{}", conversations.len());
    let mut known = Known::of(folder).expect("the list can be read");
    let mut found = Vec::new();
    let mut answers = 0;
    for conversation in &conversations {
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
    assert_eq!(found, Vec::<String>::new());
    let unused: Vec<_> = known.unused().map(|entry| entry.conversation.clone()).collect();
    assert_eq!(unused, Vec::<String>::new(), "KN-1");
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

fn differences(name: &str, text: &str) -> Vec<Difference> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("conform");
    std::fs::create_dir_all(&folder).expect("there is room");
    let path = folder.join(format!("{}.json", name.replace(' ', "-")));
    std::fs::write(&path, text).expect("there is room");
    let conversation = Conversation::read(&path).expect("it is one");
    let Played { strange, .. } = play(&conversation).expect("its nodes can be had");
    strange.into_iter().map(|strange| strange.difference).collect()
}

#[test]
fn a_setting_that_nobody_knows_is_refused_with_the_file() {
    let text = r#"{"name": "n", "why": "w", "nodes": 1, "config": {"num.partitons": "4"}, "run": "r", "steps": []}"#;
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("conform");
    std::fs::create_dir_all(&folder).expect("there is room");
    let path = folder.join("unknown-setting.json");
    std::fs::write(&path, text).expect("there is room");
    let conversation = Conversation::read(&path).expect("it is one");
    let refused = play(&conversation).expect_err("there is no such setting");
    let told = refused.to_string();
    assert!(told.contains("unknown-setting.json: `config`: "), "{told}");
    assert!(told.contains("num.partitons"), "{told}");
    let allowed = refused.allowed.expect("it says what is allowed");
    assert!(allowed.starts_with("did you mean `num.partitions`?"), "{allowed}");
}
