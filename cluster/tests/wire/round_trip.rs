//! What is read and written again is the same, for every typed message and every record in every version.

use bytes::{Bytes, BytesMut};
use trial_cluster::wire::header::{put_request, put_response, take_request, take_response};
use trial_cluster::wire::{
    ApiKey, CODECS, Fault, FetchRequest, Message, MetadataRecord, Reader, TopicRecord, WireError,
    json,
};

use crate::generator::{Random, instance};

/// Instances of each message and version.
const INSTANCES: u64 = 30;

#[test]
fn every_typed_message_of_every_version_comes_back_byte_for_byte() {
    let mut versions = 0;
    for codec in CODECS {
        for version in codec.versions.0..=codec.versions.1 {
            let shape = json::find(codec.name, version).expect("a typed message has a shape");
            versions += 1;
            for seed in 0..INSTANCES {
                let bytes = Bytes::from(instance(&shape.body, &mut Random(seed)));
                let again = (codec.again)(version, &bytes);
                assert_eq!(again, Ok(bytes), "{} {version}, seed {seed}", codec.name);
            }
        }
    }
    assert!(versions > 250, "only {versions} versions were tried");
}

#[test]
fn every_metadata_record_comes_back_byte_for_byte() {
    let mut kinds = std::collections::BTreeSet::new();
    for shape in json::shapes().iter().filter(|shape| shape.name.ends_with("Record")) {
        for seed in 0..INSTANCES {
            let (Ok(key), Ok(version)) = (u8::try_from(shape.key), u8::try_from(shape.version))
            else {
                continue;
            };
            if shape.name.starts_with("Remote") {
                continue;
            }
            let mut value = vec![1, key, version];
            value.extend(instance(&shape.body, &mut Random(seed)));
            let value = Bytes::from(value);
            let (record, read) = MetadataRecord::from_bytes(&value).expect(&shape.name);
            assert_eq!((record.name(), read), (shape.name.as_str(), shape.version));
            assert_eq!(record.to_bytes(read), value, "{} {read}, seed {seed}", shape.name);
            kinds.insert(record.key());
        }
    }
    assert_eq!(kinds.len(), 26, "the metadata log has 26 types of records");
}

#[test]
fn a_frame_of_another_version_type_or_length_is_refused() {
    let good = MetadataRecord::from(TopicRecord::default()).to_bytes(0);
    let fault = |at: usize, byte: u8| {
        let mut value = good.to_vec();
        value[at] = byte;
        let error = MetadataRecord::from_bytes(&value.into()).expect_err("refused");
        (error.field, error.fault)
    };
    assert_eq!(fault(0, 0), ("MetadataRecord.frameVersion", Fault::Unknown(0)));
    assert_eq!(
        fault(1, 6),
        ("MetadataRecord.type", Fault::Unknown(6)),
        "a type that was never used"
    );
    assert_eq!(fault(2, 1), ("TopicRecord", Fault::UnsupportedVersion(1)));
    let mut longer = good.to_vec();
    longer.push(7);
    let error = MetadataRecord::from_bytes(&longer.into()).expect_err("refused");
    assert_eq!(error.fault, Fault::Trailing(1));
}

#[test]
fn a_request_is_header_and_body() {
    let request = FetchRequest { max_wait_ms: 500, ..FetchRequest::default() };
    for (version, flexible) in [(4, false), (11, false), (12, true), (18, true)] {
        let mut into = BytesMut::new();
        put_request(&mut into, version, 7, Some("me"), &request);
        let bytes = into.freeze();
        let mut want = vec![0, 1, 0, version as u8, 0, 0, 0, 7, 0, 2, b'm', b'e'];
        want.extend(if flexible { &[0][..] } else { &[] });
        want.extend(request.to_bytes(version));
        assert_eq!(bytes, want, "version {version}");
        let mut from = Reader::new(&bytes);
        let (api, header) = take_request(&mut from).expect("a header");
        assert_eq!((api, header.request_api_version), (ApiKey::Fetch, version));
        assert_eq!((header.correlation_id, header.client_id.as_deref()), (7, Some("me")));
        assert_eq!(FetchRequest::decode(version, &mut from), Ok(request.clone()));

        let mut into = BytesMut::new();
        put_response::<FetchRequest>(&mut into, version, 7, &Default::default());
        let bytes = into.freeze();
        assert_eq!(bytes[..4], [0, 0, 0, 7], "the id comes first, version {version}");
        let tags = usize::from(flexible);
        assert_eq!(bytes[4..4 + tags], [0][..tags], "version {version}");
        let answer = take_response::<FetchRequest>(version, &mut Reader::new(&bytes));
        assert_eq!(answer, Ok((7, Default::default())));
    }
}

#[test]
fn an_unknown_api_is_named() {
    let bytes = Bytes::from_static(&[0, 4, 0, 0, 0, 0, 0, 0, 0, 0]);
    let want = WireError { field: "RequestHeader.requestApiKey", at: 0, fault: Fault::Unknown(4) };
    assert_eq!(take_request(&mut Reader::new(&bytes)), Err(want));
}

#[test]
fn what_a_version_cannot_carry_is_dropped_or_refused_as_kafka_does() {
    // `rackId` is ignorable: version 10 has none and leaves it out.
    let racked = FetchRequest { rack_id: "r1".to_owned(), ..FetchRequest::default() };
    assert_eq!(racked.to_bytes(10), FetchRequest::default().to_bytes(10));
    // `replicaId` ends with version 14, and is not: its caller must say it in `replicaState`.
    let replica = FetchRequest { replica_id: 3, ..FetchRequest::default() };
    assert_eq!(replica.to_bytes(14)[..4], [0, 0, 0, 3]);
    let refused = std::panic::catch_unwind(|| replica.to_bytes(15)).expect_err("refused");
    let text = refused.downcast_ref::<String>().expect("a text");
    assert_eq!(text, "FetchRequest.replicaId has no place in version 15");
}
