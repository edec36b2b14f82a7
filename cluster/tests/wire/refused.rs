//! What is wrong with bytes is said with its place; nothing is believed.

use bytes::Bytes;
use trial_cluster::wire::{FetchRequest, Message, MetadataRequest, VoteRequest, json};

#[track_caller]
fn check<M: Message + std::fmt::Debug>(version: i16, bytes: &[u8], want: &str) {
    let bytes = Bytes::copy_from_slice(bytes);
    let error = M::from_bytes(version, &bytes).expect_err("refused");
    assert_eq!(error.to_string(), want, "{bytes:?}");
    assert_eq!(error.message(), M::NAME, "the first part of the path");
    // The interpreter of the shapes says the same in its own words, if it knows the version at all.
    assert!(json::to_json(M::NAME, version, &bytes).is_err(), "both refuse");
}

#[test]
fn an_error_names_message_field_and_byte() {
    check::<FetchRequest>(99, &[], "FetchRequest at byte 0: no version 99");
    check::<FetchRequest>(17, &[1], "FetchRequest.maxWaitMs at byte 0: needs 4 bytes, 1 are left");
    // A list of two thousand million topics in five bytes: each takes at least one.
    check::<MetadataRequest>(
        0,
        &[0x7f, 0xff, 0xff, 0xff, 0],
        "MetadataRequest.topics at byte 4: needs 2147483647 bytes, 1 are left",
    );
    check::<MetadataRequest>(
        0,
        &[0xff; 4],
        "MetadataRequest.topics at byte 0: null, which this version does not allow",
    );
    check::<MetadataRequest>(
        0,
        &[0xff, 0xff, 0xff, 0xfe],
        "MetadataRequest.topics at byte 4: the length is -2",
    );
    check::<MetadataRequest>(
        0,
        &[0, 0, 0, 1, 0, 1, 0xff],
        "MetadataRequest.topics.name at byte 4: not UTF-8",
    );
    check::<MetadataRequest>(
        0,
        &[0, 0, 0, 0, 9],
        "MetadataRequest at byte 4: 1 bytes follow the end",
    );
    check::<VoteRequest>(
        2,
        &[0xff, 0xff, 0xff, 0xff, 0x7f],
        "VoteRequest.clusterId at byte 0: a varint does not end within 32 bits",
    );
}

#[test]
fn a_tagged_field_must_be_as_long_as_it_says() {
    let good = FetchRequest { cluster_id: Some("ab".to_owned()), ..FetchRequest::default() };
    let bytes = good.to_bytes(12);
    let at = bytes.len() - 4;
    assert_eq!(bytes[at - 2..], [1, 0, 3, 3, b'a', b'b'][..], "one tag, number 0, three bytes");
    let mut longer = bytes.to_vec();
    longer[at] = 4;
    longer.push(0);
    check::<FetchRequest>(
        12,
        &longer,
        &format!("FetchRequest at byte {}: a tagged field of 4 bytes takes 3", at + 1),
    );
}

#[test]
fn unknown_tags_are_skipped_by_types_and_kept_by_json() {
    let mut bytes = FetchRequest::default().to_bytes(12).to_vec();
    assert_eq!(bytes.pop(), Some(0), "no tags");
    bytes.extend([1, 42, 2, 0xca, 0xfe]);
    let bytes = Bytes::from(bytes);
    assert_eq!(FetchRequest::from_bytes(12, &bytes), Ok(FetchRequest::default()));
    let value = json::to_json("FetchRequest", 12, &bytes).expect("JSON");
    let unknown = value.get("_unknownTaggedFields").map(ToString::to_string);
    assert_eq!(unknown.as_deref(), Some(r#"{"42":"yv4="}"#));
    assert_eq!(json::from_json("FetchRequest", 12, &value), Ok(bytes));
}
