//! JSON to bytes, by the shape of the message.
//!
//! In Kafka:   `*JsonConverter.read`.
//! Invariants: ENC-1 what cannot be written in this version (an unknown key, a number out of range, null where none is
//!             allowed) is an error that names the field, never a panic; ENC-2 [`super::to_json`] of the bytes gives
//!             the value back, with defaults filled in.

use bytes::{BufMut, Bytes, BytesMut};

use super::super::shape::{Field, Kind, Struct};
use super::super::writer;
use super::decode::UNKNOWN_TAGS;
use super::shapes::find;
use super::value::{Json, JsonError};
use crate::ids::Uuid;

/// The bytes of the message that `value` describes; a field that it does not mention has its default.
///
/// # Errors
/// There is no such message or version, or the value does not fit it.
pub fn from_json(name: &str, version: i16, value: &Json) -> Result<Bytes, JsonError> {
    let shape = find(name, version);
    let shape = shape.ok_or_else(|| JsonError::new(name, format!("no version {version}")))?;
    let mut into = BytesMut::new();
    write_struct(&shape.body, value, &mut into).map_err(|error| error.inside(name))?;
    Ok(into.freeze())
}

fn wrong(value: &Json, wanted: &str) -> JsonError {
    JsonError::new("", format!("{} stands where {wanted} is wanted", value.kind()))
}

fn write_struct(shape: &Struct, value: &Json, into: &mut BytesMut) -> Result<(), JsonError> {
    let Json::Object(given) = value else { return Err(wrong(value, "an object")) };
    for (key, _) in given {
        let known = shape.fields.iter().any(|field| field.name == *key);
        let is_tags = shape.flexible && key == UNKNOWN_TAGS;
        if !known && !is_tags {
            return Err(JsonError::new(key.as_ref(), "this version has no such field"));
        }
    }
    for field in shape.fields.iter().filter(|field| field.tag.is_none()) {
        let named = |error: JsonError| error.inside(&field.name);
        match value.get(&field.name) {
            Some(value) => write_field(field, value, into).map_err(named)?,
            None => write_field(field, &default_of(field), into).map_err(named)?,
        }
    }
    if shape.flexible { write_tags(shape, value, into) } else { Ok(()) }
}

fn write_tags(shape: &Struct, value: &Json, into: &mut BytesMut) -> Result<(), JsonError> {
    let mut tags: Vec<(u32, BytesMut)> = Vec::new();
    for field in &shape.fields {
        let (Some(tag), Some(value)) = (field.tag, value.get(&field.name)) else { continue };
        let mut bytes = BytesMut::new();
        write_field(field, value, &mut bytes).map_err(|error| error.inside(&field.name))?;
        if !is_default(field, value) {
            tags.push((tag, bytes));
        }
    }
    if let Some(unknown) = value.get(UNKNOWN_TAGS) {
        let Json::Object(unknown) = unknown else { return Err(wrong(unknown, "an object")) };
        for (tag, value) in unknown {
            let number = tag.parse().map_err(|_| JsonError::new(tag.as_ref(), "not a tag"))?;
            if shape.fields.iter().any(|field| field.tag == Some(number)) {
                return Err(JsonError::new(tag.as_ref(), "the tag is known under a name"));
            }
            let Json::Text(text) = value else { return Err(wrong(value, "base64")) };
            tags.push((number, BytesMut::from(from_base64(text)?.as_slice())));
        }
    }
    tags.sort_by_key(|(tag, _)| *tag);
    let length = |bytes: &[u8]| u32::try_from(bytes.len()).expect("JSON of 4 GiB is not read");
    writer::varint(into, u32::try_from(tags.len()).expect("JSON of 4 GiB is not read"));
    for (tag, bytes) in tags {
        writer::varint(into, tag);
        writer::varint(into, length(&bytes));
        into.put_slice(&bytes);
    }
    Ok(())
}

fn write_field(field: &Field, value: &Json, into: &mut BytesMut) -> Result<(), JsonError> {
    if *value == Json::Null && !field.nullable {
        return Err(JsonError::new("", "null, which this version does not allow"));
    }
    match (&field.kind, value) {
        (Kind::Struct(_), Json::Null) if field.tag.is_some() => writer::varint(into, 0),
        (Kind::Struct(_), Json::Null) => into.put_i8(-1),
        (Kind::Text { compact: true }, Json::Null) => writer::varint(into, 0),
        (Kind::Text { compact: false }, Json::Null) => into.put_i16(-1),
        (
            Kind::Bytes { compact } | Kind::Records { compact } | Kind::Array { compact, .. },
            Json::Null,
        ) => writer::list_length(into, *compact, None),
        (Kind::Struct(inner), value) => {
            if field.nullable {
                into.put_i8(1);
            }
            write_struct(inner, value, into)?;
        }
        (kind, value) => write_kind(kind, value, into)?,
    }
    Ok(())
}

fn write_kind(kind: &Kind, value: &Json, into: &mut BytesMut) -> Result<(), JsonError> {
    match (kind, value) {
        (Kind::Bool, Json::Bool(value)) => into.put_u8(u8::from(*value)),
        (Kind::Int8, Json::Int(value)) => into.put_i8(fit(*value)?),
        (Kind::Int16, Json::Int(value)) => into.put_i16(fit(*value)?),
        (Kind::Uint16, Json::Int(value)) => into.put_u16(fit(*value)?),
        (Kind::Int32, Json::Int(value)) => into.put_i32(fit(*value)?),
        (Kind::Uint32, Json::Int(value)) => into.put_u32(fit(*value)?),
        (Kind::Int64, Json::Int(value)) => into.put_i64(*value),
        (Kind::Float64, value) => into.put_f64(float(value)?),
        (Kind::Uuid, Json::Text(text)) => into.put_u128(uuid(text)?.0),
        (Kind::Text { compact }, Json::Text(text)) => {
            if text.len() > i16::MAX.unsigned_abs().into() {
                return Err(JsonError::new("", "text of more than 32,767 bytes"));
            }
            writer::text(into, *compact, text);
        }
        (Kind::Bytes { compact } | Kind::Records { compact }, Json::Text(text)) => {
            writer::bytes(into, *compact, &from_base64(text)?);
        }
        (Kind::Array { compact, of }, Json::List(list)) => {
            writer::list_length(into, *compact, Some(list.len()));
            for (index, value) in list.iter().enumerate() {
                let at = |error: JsonError| error.inside(&format!("[{index}]"));
                write_kind(of, value, into).map_err(at)?;
            }
        }
        (Kind::Struct(inner), value) => write_struct(inner, value, into)?,
        (kind, value) => return Err(wrong(value, wanted(kind))),
    }
    Ok(())
}

fn wanted(kind: &Kind) -> &'static str {
    match kind {
        Kind::Bool => "a boolean",
        Kind::Float64 => "a number",
        Kind::Uuid => "a uuid",
        Kind::Text { .. } => "text",
        Kind::Bytes { .. } | Kind::Records { .. } => "base64",
        Kind::Array { .. } => "a list",
        Kind::Struct(_) => "an object",
        _ => "a whole number",
    }
}

fn fit<T: TryFrom<i64>>(value: i64) -> Result<T, JsonError> {
    T::try_from(value).map_err(|_| JsonError::new("", format!("{value} does not fit")))
}

fn float(value: &Json) -> Result<f64, JsonError> {
    match value {
        Json::Float(value) => Ok(*value),
        Json::Int(value) => value.to_string().parse().map_err(|_| wrong(&Json::Null, "a number")),
        Json::Text(text) if matches!(text.as_str(), "NaN" | "inf" | "-inf") => {
            text.parse().map_err(|_| wrong(value, "a number"))
        }
        value => Err(wrong(value, "a number")),
    }
}

/// Whether `value` is what a tagged field has when it is not there.
pub(super) fn is_default(field: &Field, value: &Json) -> bool {
    match (&field.kind, value) {
        (Kind::Struct(inner), Json::Object(given)) if !field.nullable => {
            inner.fields.iter().all(|field| {
                let value = given.iter().find(|(name, _)| *name == field.name);
                value.is_none_or(|(_, value)| is_default(field, value))
            })
        }
        _ => *value == default_of(field),
    }
}

fn default_of(field: &Field) -> Json {
    let said = field.default.as_deref();
    if field.nullable && (said == Some("null") || matches!(field.kind, Kind::Records { .. })) {
        return Json::Null;
    }
    match &field.kind {
        Kind::Bool => Json::Bool(said == Some("true")),
        Kind::Float64 => Json::Float(said.and_then(|text| text.parse().ok()).unwrap_or(0.0)),
        Kind::Uuid => Json::Text(Uuid::ZERO.to_string()),
        Kind::Text { .. } | Kind::Bytes { .. } | Kind::Records { .. } => {
            Json::Text(said.unwrap_or("").to_owned())
        }
        Kind::Array { .. } => Json::List(Vec::new()),
        Kind::Struct(_) => Json::Object(Vec::new()),
        _ => Json::Int(said.and_then(|text| text.parse().ok()).unwrap_or(0)),
    }
}

/// Six bits of each letter, with either alphabet of base64.
fn six_bits(text: &str) -> Result<Vec<u32>, JsonError> {
    let digit = |letter: u8| match letter {
        b'A'..=b'Z' => Ok(u32::from(letter - b'A')),
        b'a'..=b'z' => Ok(u32::from(letter - b'a') + 26),
        b'0'..=b'9' => Ok(u32::from(letter - b'0') + 52),
        b'+' | b'-' => Ok(62),
        b'/' | b'_' => Ok(63),
        _ => Err(JsonError::new("", format!("'{}' is not base64", letter.escape_ascii()))),
    };
    text.trim_end_matches('=').bytes().map(digit).collect()
}

/// The bytes that base64 stands for, in either alphabet, padded or not.
///
/// # Errors
/// If it is none.
pub fn from_base64(text: &str) -> Result<Vec<u8>, JsonError> {
    let digits = six_bits(text)?;
    if digits.len() % 4 == 1 {
        return Err(JsonError::new("", "a letter of base64 is missing"));
    }
    let mut out = Vec::with_capacity(digits.len() * 3 / 4);
    for group in digits.chunks(4) {
        let digit = |index: usize| group.get(index).copied().unwrap_or(0);
        let bits = digit(0) << 18 | digit(1) << 12 | digit(2) << 6 | digit(3);
        out.extend(&bits.to_be_bytes()[1..group.len()]);
    }
    Ok(out)
}

fn uuid(text: &str) -> Result<Uuid, JsonError> {
    let bytes: Result<[u8; 16], _> = from_base64(text)?.try_into();
    match bytes {
        Ok(bytes) if text.len() == 22 => Ok(Uuid(u128::from_be_bytes(bytes))),
        _ => Err(JsonError::new("", "a uuid is 22 letters of base64")),
    }
}
