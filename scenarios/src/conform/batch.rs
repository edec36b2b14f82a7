//! `{"$batch": {...}}`: a record batch, as a conversation writes it down.
//!
//! In Kafka:   `MemoryRecordsBuilder`, as `Record.java` uses it.
//! Inputs:     `records` (each with `key`, `value`, `ts`, `headers`, `repeat`), `base`, `codec`, `pid`, `epoch`, `seq`,
//!             `txn`, `leaderEpoch`; `flip`: the place of a byte to damage; `magic`: a byte to put there.
//! Invariants: BA-1 what cannot be a batch (another key, a value of another kind, offsets beyond 64 bits, more bytes
//!             than [`BYTES_MAX`]) is told with its key, before anything of it is built.

use trial_cluster::wire::json::Json;
use trial_log::{
    BatchBuilder, Compression, CompressionType, Header, LeaderEpoch, Offset, Producer,
};

use super::wrong::Wrong;

/// The timestamp of a record that has none of its own, in milliseconds.
const TIMESTAMP_MS: i64 = 1_700_000_000_000;
/// Bytes of a batch's keys, values and headers in all, before they are compressed.
const BYTES_MAX: usize = 16 << 20;
const BATCH_KEYS: &[&str] =
    &["records", "base", "codec", "pid", "epoch", "seq", "txn", "leaderEpoch", "flip", "magic"];
const RECORD_KEYS: &[&str] = &["key", "value", "ts", "headers", "repeat"];
/// Where the magic of a batch stands.
const MAGIC_AT: usize = 16;

/// The bytes of a batch.
///
/// # Errors
/// BA-1.
pub(super) fn bytes_of(batch: &Json) -> Result<Vec<u8>, Wrong> {
    known(batch, BATCH_KEYS)?;
    let codec: CompressionType = match batch.get("codec") {
        Some(codec) => {
            let codec = text(codec).and_then(|codec| {
                codec
                    .parse()
                    .map_err(|why: String| Wrong::new(why, "none, gzip, snappy, lz4 or zstd"))
            });
            codec.map_err(|wrong| wrong.inside("codec"))?
        }
        None => CompressionType::None,
    };
    let producer = Producer {
        id: number(batch, "pid", -1)?,
        epoch: number(batch, "epoch", -1)?,
        base_sequence: number(batch, "seq", -1)?,
    };
    let base: i64 = number(batch, "base", 0)?;
    let records = part(batch, "records", list)?.unwrap_or_default();
    let last = i64::try_from(records.len()).ok().and_then(|count| base.checked_add(count));
    if last.is_none() {
        let what = format!("the offset of a record behind {base} is none");
        return Err(Wrong::new(what, "all offsets of the batch fit 64 bits").inside("base"));
    }
    let mut builder = BatchBuilder::new(Offset(base))
        .compression(Compression::from(codec))
        .leader_epoch(LeaderEpoch(number(batch, "leaderEpoch", -1)?))
        .producer(producer);
    match batch.get("txn") {
        Some(Json::Bool(true)) => builder = builder.transactional(),
        None | Some(Json::Bool(false)) => {}
        Some(other) => return Err(kind_of(other, "true or false").inside("txn")),
    }
    let mut room = BYTES_MAX;
    for (index, record) in records.iter().enumerate() {
        append(&mut builder, record, &mut room)
            .map_err(|wrong| wrong.inside(&index.to_string()).inside("records"))?;
    }
    // Kafka's builder makes nothing of no records.
    let mut bytes = match builder.count() {
        0 => Vec::new(),
        _ => builder.build().as_bytes().to_vec(),
    };
    damage(batch, &mut bytes)?;
    Ok(bytes)
}

fn damage(batch: &Json, bytes: &mut [u8]) -> Result<(), Wrong> {
    let length = bytes.len();
    let byte_at = |bytes: &mut [u8], key: &str, at: usize, change: &dyn Fn(u8) -> u8| {
        let allowed = format!("a place within the {length} bytes of the batch");
        let beyond = || Wrong::new(format!("{at} is beyond the batch"), &allowed).inside(key);
        let byte = bytes.get_mut(at).ok_or_else(beyond)?;
        *byte = change(*byte);
        Ok(())
    };
    if batch.get("flip").is_some() {
        let at: u32 = number(batch, "flip", 0)?;
        byte_at(bytes, "flip", usize::try_from(at).unwrap_or(usize::MAX), &|byte| byte ^ 1)?;
    }
    if batch.get("magic").is_some() {
        // A Java byte: -1 is 255.
        let magic: i8 = number(batch, "magic", 0)?;
        byte_at(bytes, "magic", MAGIC_AT, &|_| magic.cast_unsigned())?;
    }
    Ok(())
}

fn append(builder: &mut BatchBuilder, record: &Json, room: &mut usize) -> Result<(), Wrong> {
    known(record, RECORD_KEYS)?;
    let repeat: u32 = number(record, "repeat", 1)?;
    let repeat = usize::try_from(repeat).unwrap_or(usize::MAX);
    let mut take = |length: usize| {
        *room = room.checked_sub(length).ok_or_else(|| {
            let allowed = format!("{BYTES_MAX} bytes of keys, values and headers in a batch");
            Wrong::new("the records are too large", &allowed)
        })?;
        Ok::<_, Wrong>(())
    };
    let mut repeated = |key: &str| match record.get(key) {
        None | Some(Json::Null) => Ok(None),
        Some(value) => {
            let value = text(value).map_err(|wrong| wrong.inside(key))?;
            take(value.len().saturating_mul(repeat)).map_err(|wrong| wrong.inside("repeat"))?;
            Ok::<_, Wrong>(Some(value.repeat(repeat).into_bytes()))
        }
    };
    let (key, value) = (repeated("key")?, repeated("value")?);
    let mut headers = Vec::new();
    for pair in part(record, "headers", list)?.unwrap_or_default() {
        let header = header(pair).map_err(|wrong| wrong.inside("headers"))?;
        let length = header.key.len() + header.value.map_or(0, <[u8]>::len);
        take(length).map_err(|wrong| wrong.inside("headers"))?;
        headers.push(header);
    }
    let at = number(record, "ts", TIMESTAMP_MS)?;
    builder.append(at, key.as_deref(), value.as_deref(), &headers);
    Ok(())
}

fn header(pair: &Json) -> Result<Header<'_>, Wrong> {
    let [key, value] = list(pair)? else {
        let what = "a header that is no pair";
        return Err(Wrong::new(what, "a key and a value, as in [\"k\", \"v\"]"));
    };
    let value = match value {
        Json::Null => None,
        value => Some(text(value)?.as_bytes()),
    };
    Ok(Header { key: text(key)?.as_bytes(), value })
}

/// BA-1: an object with these keys and no others.
fn known(of: &Json, keys: &[&str]) -> Result<(), Wrong> {
    let Json::Object(fields) = of else { return Err(kind_of(of, "an object")) };
    match fields.iter().find(|(key, _)| !keys.contains(&key.as_ref())) {
        None => Ok(()),
        Some((key, _)) => {
            Err(Wrong::new(format!("there is no key `{key}` here"), &keys.join(", ")))
        }
    }
}

fn number<T: TryFrom<i64>>(of: &Json, key: &str, default: i64) -> Result<T, Wrong> {
    let value = match of.get(key) {
        None => default,
        Some(Json::Int(value)) => *value,
        Some(other) => return Err(kind_of(other, "a whole number").inside(key)),
    };
    let bits = 8 * size_of::<T>();
    let allowed = match T::try_from(-1) {
        Ok(_) => format!("a whole number of {bits} bits"),
        Err(_) => format!("a whole number of {bits} bits, from 0 on"),
    };
    T::try_from(value)
        .map_err(|_| Wrong::new(format!("{value} does not fit"), &allowed).inside(key))
}

fn part<'a, T>(
    of: &'a Json,
    key: &str,
    read: impl FnOnce(&'a Json) -> Result<T, Wrong>,
) -> Result<Option<T>, Wrong> {
    of.get(key).map(|value| read(value).map_err(|wrong| wrong.inside(key))).transpose()
}

fn text(value: &Json) -> Result<&str, Wrong> {
    match value {
        Json::Text(text) => Ok(text),
        other => Err(kind_of(other, "text")),
    }
}

fn list(value: &Json) -> Result<&[Json], Wrong> {
    match value {
        Json::List(list) => Ok(list),
        other => Err(kind_of(other, "a list")),
    }
}

fn kind_of(value: &Json, wanted: &str) -> Wrong {
    Wrong::new(format!("{} stands where {wanted} is wanted", value.kind()), wanted)
}
