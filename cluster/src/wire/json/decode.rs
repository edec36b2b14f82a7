//! Bytes to JSON, by the shape of the message.
//!
//! In Kafka:   `*JsonConverter.write`.
//! Invariants: as in [`super::super::reader`]: every length is checked against the bytes that are there, and an error
//!             names message, field and byte. Tagged fields with their default are left out; unknown ones are kept
//!             under [`UNKNOWN_TAGS`].

use std::borrow::Cow;

use bytes::Bytes;

use super::super::shape::{Field, Kind, Struct};
use super::super::{Reader, WireError};
use super::encode::is_default;
use super::shapes::{find, min_size};
use super::value::{Json, JsonError};

/// The key for tagged fields that the shape does not know: an object of tag and bytes.
pub(super) const UNKNOWN_TAGS: &str = "_unknownTaggedFields";

/// The JSON of a message that `bytes` hold from beginning to end.
///
/// # Errors
/// There is no such message or version, or the bytes are not one.
pub fn to_json(name: &str, version: i16, bytes: &Bytes) -> Result<Json, JsonError> {
    let shape = find(name, version);
    let shape = shape.ok_or_else(|| JsonError::new(name, format!("no version {version}")))?;
    let mut from = Reader::new(bytes);
    let value = read_struct(&shape.body, &mut from).map_err(|error| error.inside(name))?;
    from.end("").map_err(|error| wire(error).inside(name))?;
    Ok(value)
}

fn wire(error: WireError) -> JsonError {
    // `Display` begins with the field, whose place in the path is known to the caller.
    let text = error.to_string();
    let why = text.strip_prefix(error.field).unwrap_or(&text).trim_start();
    JsonError::new("", why)
}

fn read_struct(shape: &'static Struct, from: &mut Reader<'_>) -> Result<Json, JsonError> {
    let mut fields: Vec<(Cow<'static, str>, Json)> = Vec::new();
    for field in shape.fields.iter().filter(|field| field.tag.is_none()) {
        fields.push((Cow::Borrowed(&field.name), read_field(field, from)?));
    }
    if shape.flexible {
        let unknown = read_tags(shape, from, &mut fields)?;
        if !unknown.is_empty() {
            fields.push((Cow::Borrowed(UNKNOWN_TAGS), Json::Object(unknown)));
        }
    }
    Ok(Json::Object(fields))
}

type Fields = Vec<(Cow<'static, str>, Json)>;

fn read_tags(
    shape: &'static Struct,
    from: &mut Reader<'_>,
    fields: &mut Fields,
) -> Result<Fields, JsonError> {
    let mut unknown: Fields = Vec::new();
    let mut problem = None;
    let walked = from.tags("", |tag, from| {
        let known = shape.fields.iter().find(|field| field.tag == Some(tag));
        let Some(field) = known else {
            unknown.push((Cow::Owned(tag.to_string()), Json::Text(base64(&from.tag_value()))));
            return Ok(false);
        };
        match read_field(field, from) {
            Ok(value) if is_default(field, &value) => {}
            Ok(value) => fields.push((Cow::Borrowed(&field.name), value)),
            Err(error) => {
                problem = Some(error);
                return Err(from.fault("", super::super::Fault::Null));
            }
        }
        Ok(true)
    });
    match (problem, walked) {
        (Some(problem), _) => Err(problem),
        (None, Err(error)) => Err(wire(error)),
        (None, Ok(())) => Ok(unknown),
    }
}

fn read_field(field: &'static Field, from: &mut Reader<'_>) -> Result<Json, JsonError> {
    let value = match (&field.kind, field.nullable) {
        (Kind::Struct(inner), true) => {
            let is_there = match field.tag {
                Some(_) => from.varint("").map(|present| present > 0),
                None => from.int8("").map(|present| present >= 0),
            };
            match is_there {
                Ok(true) => read_struct(inner, from),
                Ok(false) => Ok(Json::Null),
                Err(error) => Err(wire(error)),
            }
        }
        (kind, nullable) => read_kind(kind, nullable, from),
    };
    value.map_err(|error| error.inside(&field.name))
}

fn read_kind(
    kind: &'static Kind,
    nullable: bool,
    from: &mut Reader<'_>,
) -> Result<Json, JsonError> {
    let value = match kind {
        Kind::Bool => from.bool("").map(Json::Bool),
        Kind::Int8 => from.int8("").map(|value| Json::Int(value.into())),
        Kind::Int16 => from.int16("").map(|value| Json::Int(value.into())),
        Kind::Uint16 => from.uint16("").map(|value| Json::Int(value.into())),
        Kind::Int32 => from.int32("").map(|value| Json::Int(value.into())),
        Kind::Uint32 => from.uint32("").map(|value| Json::Int(value.into())),
        Kind::Int64 => from.int64("").map(Json::Int),
        Kind::Float64 => from.float64("").map(Json::Float),
        Kind::Uuid => from.uuid("").map(|value| Json::Text(value.to_string())),
        Kind::Text { compact } => {
            let text = from.text_or_null(*compact, nullable, "");
            text.map(|text| text.map_or(Json::Null, Json::Text))
        }
        Kind::Bytes { compact } | Kind::Records { compact } => {
            let bytes = from.bytes_or_null(*compact, nullable, "");
            bytes.map(|bytes| bytes.map_or(Json::Null, |bytes| Json::Text(base64(&bytes))))
        }
        Kind::Array { compact, of } => return read_list(*compact, of, nullable, from),
        Kind::Struct(inner) => return read_struct(inner, from),
    };
    value.map_err(wire)
}

fn read_list(
    compact: bool,
    of: &'static Kind,
    nullable: bool,
    from: &mut Reader<'_>,
) -> Result<Json, JsonError> {
    let mut problem = None;
    let mut index = 0usize;
    let list = from.array_or_null(compact, nullable, min_size(of), "", |from| {
        let value = read_kind(of, false, from).map_err(|error| {
            problem = Some(error.inside(&format!("[{index}]")));
            from.fault("", super::super::Fault::Null)
        });
        index += 1;
        value
    });
    match (problem, list) {
        (Some(problem), _) => Err(problem),
        (None, list) => list.map(|list| list.map_or(Json::Null, Json::List)).map_err(wire),
    }
}

/// Base64 with padding, as Kafka's JSON has bytes.
#[must_use]
pub fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let byte = |index: usize| u32::from(group.get(index).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for digit in 0..4usize {
            let six = usize::try_from(bits >> (18 - 6 * digit) & 63).expect("six bits fit");
            out.push(if digit <= group.len() { char::from(ALPHABET[six]) } else { '=' });
        }
    }
    out
}
