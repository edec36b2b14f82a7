//! `{"$batch": {...}}`: a record batch, as a conversation writes it down.
//!
//! In Kafka:   `MemoryRecordsBuilder`, as `Record.java` uses it.
//! Inputs:     `records` (each with `key`, `value`, `ts`, `headers`, `repeat`), `base`, `codec`, `pid`, `epoch`, `seq`,
//!             `txn`, `leaderEpoch`; `flip`: the place of a byte to damage; `magic`: a byte to put there.

use trial_cluster::wire::json::Json;
use trial_log::{
    BatchBuilder, Compression, CompressionType, Header, LeaderEpoch, Offset, Producer,
};

/// The timestamp of a record that has none of its own, in milliseconds.
const TIMESTAMP_MS: i64 = 1_700_000_000_000;
/// Where the magic of a batch stands.
const MAGIC_AT: usize = 16;

/// The bytes of a batch.
///
/// # Errors
/// A key has a value of another kind than it takes.
pub fn bytes_of(batch: &Json) -> Result<Vec<u8>, String> {
    let number = |key: &str, default: i64| number(batch, key, default);
    let codec: CompressionType = match batch.get("codec") {
        Some(codec) => text(codec, "codec")?.parse()?,
        None => CompressionType::None,
    };
    let producer = Producer {
        id: number("pid", -1)?,
        epoch: fit("epoch", number("epoch", -1)?)?,
        base_sequence: fit("seq", number("seq", -1)?)?,
    };
    let mut builder = BatchBuilder::new(Offset(number("base", 0)?))
        .compression(Compression::from(codec))
        .leader_epoch(LeaderEpoch(fit("leaderEpoch", number("leaderEpoch", -1)?)?))
        .producer(producer);
    if batch.get("txn") == Some(&Json::Bool(true)) {
        builder = builder.transactional();
    }
    let records = batch.get("records").map_or(Ok(&[][..]), |records| list(records, "records"))?;
    for record in records {
        append(&mut builder, record)?;
    }
    // Kafka's builder makes nothing of no records.
    let mut bytes = match builder.count() {
        0 => Vec::new(),
        _ => builder.build().as_bytes().to_vec(),
    };
    for (key, damage) in [("flip", None), ("magic", Some(MAGIC_AT))] {
        let Some(value) = batch.get(key) else { continue };
        let Json::Int(value) = *value else { return Err(format!("{key} takes a number")) };
        let at = damage.map_or_else(|| usize::try_from(value).ok(), Some);
        let byte = at.and_then(|at| bytes.get_mut(at));
        let byte = byte.ok_or_else(|| format!("{key} is beyond the batch"))?;
        *byte = if damage.is_some() { fit("magic", value & 0xff)? } else { *byte ^ 1 };
    }
    Ok(bytes)
}

fn append(builder: &mut BatchBuilder, record: &Json) -> Result<(), String> {
    let repeat = usize::try_from(number(record, "repeat", 1)?).unwrap_or(1);
    let part = |key: &str| match record.get(key) {
        None | Some(Json::Null) => Ok(None),
        Some(value) => Ok::<_, String>(Some(text(value, key)?.repeat(repeat).into_bytes())),
    };
    let (key, value) = (part("key")?, part("value")?);
    let pairs = record.get("headers").map_or(Ok(&[][..]), |headers| list(headers, "headers"))?;
    let mut headers = Vec::new();
    for pair in pairs {
        let [key, value] = list(pair, "a header")? else {
            return Err("a header is a key and a value".to_owned());
        };
        let value = match value {
            Json::Null => None,
            value => Some(text(value, "a header's value")?.as_bytes()),
        };
        headers.push(Header { key: text(key, "a header's key")?.as_bytes(), value });
    }
    let at = number(record, "ts", TIMESTAMP_MS)?;
    builder.append(at, key.as_deref(), value.as_deref(), &headers);
    Ok(())
}

fn number(of: &Json, key: &str, default: i64) -> Result<i64, String> {
    match of.get(key) {
        None => Ok(default),
        Some(Json::Int(value)) => Ok(*value),
        Some(other) => Err(format!("{key} takes a number, and this is {}", other.kind())),
    }
}

fn fit<T: TryFrom<i64>>(key: &str, value: i64) -> Result<T, String> {
    T::try_from(value).map_err(|_| format!("{value} is too large for {key}"))
}

fn text<'a>(value: &'a Json, key: &str) -> Result<&'a str, String> {
    match value {
        Json::Text(text) => Ok(text),
        other => Err(format!("{key} takes a text, and this is {}", other.kind())),
    }
}

fn list<'a>(value: &'a Json, key: &str) -> Result<&'a [Json], String> {
    match value {
        Json::List(list) => Ok(list),
        other => Err(format!("{key} takes a list, and this is {}", other.kind())),
    }
}
