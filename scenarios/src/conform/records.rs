//! Record bytes of two answers: batch by batch, field by field.
//!
//! Invariants: RE-1 what is not compressed is the same byte for byte, but for ids and times of a wall clock; what is
//!             compressed has the same records: two compressors of one codec need not agree on bytes.

use bytes::Bytes;
use trial_cluster::wire::json::from_base64;
use trial_log::{Batches, RecordBatch, TimestampType};

use super::compare::{Ids, Kind};

/// Where within the records, what Kafka has there, what we have.
type Found = (String, String, String);
/// What is told of a field of a batch.
type Told<'a> = &'a dyn Fn(&RecordBatch) -> String;

/// Where two runs of record bytes, in base64, differ.
pub(super) fn differences(kafka: &str, ours: &str, ids: &mut Ids) -> Vec<Found> {
    let read = |text: &str| from_base64(text).map_err(|why| why.to_string());
    let (kafka, ours) = match (read(kafka), read(ours)) {
        (Ok(kafka), Ok(ours)) => (Bytes::from(kafka), Bytes::from(ours)),
        (kafka, ours) => {
            return vec![(String::new(), format!("{kafka:?}"), format!("{ours:?}"))];
        }
    };
    if kafka == ours {
        return Vec::new();
    }
    let (mut theirs, mut mine) = (Batches::new(kafka), Batches::new(ours));
    let mut found = Vec::new();
    for index in 0.. {
        let path = format!("/{index}");
        match (theirs.next(), mine.next()) {
            (None, None) => break,
            (Some(Ok(kafka)), Some(Ok(ours))) => batches(&path, &kafka, &ours, ids, &mut found),
            (kafka, ours) => {
                let told = |batch: Option<Result<RecordBatch, _>>| match batch {
                    None => "ends".to_owned(),
                    Some(Ok(batch)) => format!("has a batch at {}", batch.base_offset()),
                    Some(Err(why)) => format!("has bytes that are no batch ({why:?})"),
                };
                found.push((path, told(kafka), told(ours)));
                return found;
            }
        }
    }
    if theirs.rest() != mine.rest() {
        let told = |rest: &Bytes| format!("ends with {} bytes of a batch", rest.len());
        found.push((String::new(), told(theirs.rest()), told(mine.rest())));
    }
    found
}

fn batches(
    path: &str,
    kafka: &RecordBatch,
    ours: &RecordBatch,
    ids: &mut Ids,
    found: &mut Vec<Found>,
) {
    // Times that a broker has put there are those of its clock.
    let by_broker = kafka.timestamp_type() == TimestampType::LogAppendTime;
    let times = |batch: &RecordBatch| match by_broker {
        true => String::new(),
        false => format!("{} to {}", batch.base_timestamp(), batch.max_timestamp()),
    };
    let fields: [(&str, Told<'_>); 9] = [
        ("baseOffset", &|batch| batch.base_offset().to_string()),
        ("lastOffset", &|batch| batch.last_offset().to_string()),
        ("leaderEpoch", &|batch| batch.leader_epoch().to_string()),
        ("magic", &|batch| batch.magic().to_string()),
        ("attributes", &|batch| format!("{:#x}", batch.attributes())),
        ("producerEpoch", &|batch| batch.producer_epoch().to_string()),
        ("baseSequence", &|batch| batch.base_sequence().to_string()),
        ("count", &|batch| batch.count().to_string()),
        ("timestamps", &times),
    ];
    for (name, field) in fields {
        let (kafka, ours) = (field(kafka), field(ours));
        if kafka != ours {
            found.push((format!("{path}/{name}"), kafka, ours));
        }
    }
    let (theirs, mine) = (kafka.producer_id().to_string(), ours.producer_id().to_string());
    if !ids.are_one(Kind::Producer, &theirs, &mine) {
        found.push((format!("{path}/producerId"), theirs, mine));
    }
    if !kafka.is_compressed() && !ours.is_compressed() {
        let (theirs, mine) = (body(kafka), body(ours));
        if theirs != mine {
            let told = |bytes: &[u8]| format!("{} bytes of records {bytes:02x?}", bytes.len());
            found.push((format!("{path}/records"), told(theirs), told(mine)));
        }
        return;
    }
    let (theirs, mine) = (told(kafka), told(ours));
    if theirs != mine {
        found.push((format!("{path}/records"), theirs.join(", "), mine.join(", ")));
    }
}

/// The records' bytes, behind the header.
fn body(batch: &RecordBatch) -> &[u8] {
    batch.as_bytes().get(trial_log::RECORD_BATCH_OVERHEAD..).unwrap_or_default()
}

fn told(batch: &RecordBatch) -> Vec<String> {
    let records = batch.records().map(|record| match record {
        Err(why) => format!("{why:?}"),
        Ok(record) => {
            let text = |part: Option<&[u8]>| part.map(|part| part.escape_ascii().to_string());
            let headers: Vec<_> = record.headers().collect();
            let (key, value) = (text(record.key()), text(record.value()));
            format!("{} {key:?} {value:?} {headers:?}", record.offset)
        }
    });
    records.collect()
}
