//! Writes a merged message as Rust.
//!
//! In Kafka: `MessageDataGenerator`.
//! Effects:  appends to the text of `messages.rs`; the helpers it calls are `wire/reader.rs` and `wire/writer.rs`.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::merge::{Merged, MergedField, MergedKind, Message};
use crate::shape::Shape;
use crate::versions::{condition, spans};

/// `write!` to text cannot fail.
macro_rules! line {
    ($out:expr, $($arg:tt)*) => { writeln!($out, $($arg)*).expect("writing to text cannot fail") };
}

/// A message: its module, its structs and `Message` for the outermost.
pub fn message(out: &mut String, message: &Message) {
    let Message { name, key, structs } = message;
    let outer = structs.last().expect("the message itself");
    let module = snake(name);
    line!(out, "/// `{name}` and the structs inside it.");
    line!(out, "pub mod {module} {{");
    line!(out, "use super::prelude::*;");
    for merged in structs {
        declare(out, merged, structs);
        default(out, merged);
        line!(out, "impl Part for {} {{", merged.name);
        write_fn(out, merged);
        read_fn(out, merged, structs);
        line!(out, "}}");
    }
    let (low, high) = (outer.versions.first().expect("one"), outer.versions.last().expect("one"));
    let flexible = outer.flexible.first().map_or("i16::MAX".to_owned(), ToString::to_string);
    line!(out, "impl Message for {name} {{");
    line!(out, "const NAME: &'static str = \"{name}\";");
    line!(out, "const KEY: i16 = {key};");
    line!(out, "const VERSIONS: RangeInclusive<i16> = {low}..={high};");
    line!(out, "const FLEXIBLE_FROM: i16 = {flexible};");
    line!(out, "}}\n}}\npub use {module}::{name};");
}

fn declare(out: &mut String, merged: &Merged, structs: &[Merged]) {
    line!(out, "/// `{}`.", merged.path);
    let eq = if has_float(merged, structs) { "" } else { ", Eq" };
    let default = if is_derivable(merged) { "Default, " } else { "" };
    line!(out, "#[derive({default}Debug, Clone, PartialEq{eq})]");
    line!(out, "pub struct {} {{", merged.name);
    for field in &merged.fields {
        let mut doc = format!("`{}`", field.name);
        if field.present() != merged.versions {
            write!(doc, ", versions {}", spans(&field.present())).expect("text");
        }
        if !field.tagged.is_empty() {
            write!(doc, ", tag {}", field.tag).expect("text");
        }
        line!(out, "/// {doc}.");
        line!(out, "pub {}: {},", rust_name(&field.name), rust_type(field));
    }
    line!(out, "}}");
}

fn has_float(merged: &Merged, structs: &[Merged]) -> bool {
    merged.fields.iter().any(|field| {
        let mut kind = &field.kind;
        while let MergedKind::Array(of) = kind {
            kind = of;
        }
        match kind {
            MergedKind::Struct(name) => has_float(find(structs, name), structs),
            kind => *kind == MergedKind::Int("float64"),
        }
    })
}

fn find<'a>(structs: &'a [Merged], name: &str) -> &'a Merged {
    structs.iter().find(|merged| merged.name == name).expect("the struct was merged before")
}

/// Whether every default is the one that Rust would choose.
fn is_derivable(merged: &Merged) -> bool {
    merged.fields.iter().all(|field| match is_option(field) {
        true => null_default(field),
        false => field.default.is_none(),
    })
}

fn default(out: &mut String, merged: &Merged) {
    if is_derivable(merged) {
        return;
    }
    line!(out, "impl Default for {} {{\nfn default() -> Self {{\nSelf {{", merged.name);
    for field in &merged.fields {
        line!(out, "{}: {},", rust_name(&field.name), default_value(field));
    }
    line!(out, "}}\n}}\n}}");
}

fn write_fn(out: &mut String, merged: &Merged) {
    line!(out, "fn write(&self, in_version: i16, into: &mut BytesMut) {{");
    for field in &merged.fields {
        let mine = format!("self.{}", rust_name(&field.name));
        if !field.plain.is_empty() {
            let write = write_value(field, &mine);
            match condition(&field.plain, &merged.versions).as_str() {
                "true" => line!(out, "{write};"),
                when => line!(out, "if {when} {{ {write}; }}"),
            }
        }
        if field.mandatory && field.present() != merged.versions {
            let here = condition(&field.present(), &merged.versions);
            let is_default = default_test(field, &mine, true);
            line!(out, "assert!({here} || {is_default},");
            line!(out, "\"{} has no place in version {{in_version}}\");", field.path);
        }
    }
    if !merged.flexible.is_empty() {
        let when = condition(&merged.flexible, &merged.versions);
        if when != "true" {
            line!(out, "if {when} {{");
        }
        let mut tagged: Vec<_> = merged.fields.iter().filter(|f| !f.tagged.is_empty()).collect();
        tagged.sort_by_key(|field| field.tag);
        let mutable = if tagged.is_empty() { "" } else { "mut " };
        line!(out, "let {mutable}tags = TagWriter::begin(into);");
        for field in tagged {
            let mine = format!("self.{}", rust_name(&field.name));
            let test = match condition(&field.tagged, &merged.flexible).as_str() {
                "true" => default_test(field, &mine, false),
                when => format!("{when} && {}", default_test(field, &mine, false)),
            };
            let write = match is_nullable_struct(field) {
                true => format!(
                    "writer::tagged_struct_or_null(into, {mine}.as_ref(), |into, x| x.write(in_version, into))"
                ),
                false => write_value(field, &mine),
            };
            line!(out, "if {test} {{ tags.put({}, |into| {write}); }}", field.tag);
        }
        line!(out, "tags.end();");
        if when != "true" {
            line!(out, "}}");
        }
    }
    if merged.fields.is_empty() && merged.flexible.is_empty() {
        line!(out, "let _ = into;");
    }
    line!(out, "let _ = in_version;\n}}");
}

fn read_fn(out: &mut String, merged: &Merged, structs: &[Merged]) {
    line!(out, "fn read(in_version: i16, from: &mut Reader<'_>) -> Result<Self, WireError> {{");
    for field in &merged.fields {
        let name = rust_name(&field.name);
        let mutable = if field.tagged.is_empty() { "" } else { "mut " };
        let value = if field.plain.is_empty() {
            default_value(field)
        } else {
            let read = format!("{}?", read_value(field, structs));
            match condition(&field.plain, &merged.versions).as_str() {
                "true" => read,
                when => format!("if {when} {{ {read} }} else {{ {} }}", default_value(field)),
            }
        };
        line!(out, "let {mutable}{name} = {value};");
    }
    if !merged.flexible.is_empty() {
        let when = condition(&merged.flexible, &merged.versions);
        if when != "true" {
            line!(out, "if {when} {{");
        }
        let tagged: Vec<_> = merged.fields.iter().filter(|f| !f.tagged.is_empty()).collect();
        if tagged.is_empty() {
            line!(out, "from.tags(\"{}\", |_, _| Ok(false))?;", merged.path);
        } else {
            line!(out, "from.tags(\"{}\", |tag, from| {{\nmatch tag {{", merged.path);
            for field in tagged {
                let when = match condition(&field.tagged, &merged.flexible).as_str() {
                    "true" => String::new(),
                    when => format!(" if {when}"),
                };
                let name = rust_name(&field.name);
                let read = match (&field.kind, is_nullable_struct(field)) {
                    (MergedKind::Struct(name), true) => format!(
                        "from.tagged_struct_or_null(\"{}\", |from| {name}::read(in_version, from))",
                        field.path
                    ),
                    _ => read_value(field, structs),
                };
                line!(out, "{}{when} => {name} = {read}?,", field.tag);
            }
            line!(out, "_ => return Ok(false),\n}}\nOk(true)\n}})?;");
        }
        if when != "true" {
            line!(out, "}}");
        }
    }
    let names: Vec<String> = merged.fields.iter().map(|field| rust_name(&field.name)).collect();
    line!(out, "let _ = (in_version, from);\nOk(Self {{ {} }})\n}}", names.join(", "));
}

/// As a tagged field it says in another way whether it is there.
fn is_nullable_struct(field: &MergedField) -> bool {
    matches!(field.kind, MergedKind::Struct(_)) && is_option(field)
}

/// The expression that writes `mine`.
fn write_value(field: &MergedField, mine: &str) -> String {
    let compact = condition(&field.compact, &field.present());
    let nullable = condition(&field.nullable, &field.present());
    let path = &field.path;
    match (&field.kind, is_option(field)) {
        (MergedKind::Text, false) => format!("writer::text(into, {compact}, &{mine})"),
        (MergedKind::Text, true) => {
            format!(
                "writer::text_or_null(into, {compact}, {nullable}, \"{path}\", {mine}.as_deref())"
            )
        }
        (MergedKind::Bytes | MergedKind::Records, false) => {
            format!("writer::bytes(into, {compact}, &{mine})")
        }
        (MergedKind::Bytes | MergedKind::Records, true) => {
            format!(
                "writer::bytes_or_null(into, {compact}, {nullable}, \"{path}\", {mine}.as_ref())"
            )
        }
        (MergedKind::Array(of), null) => {
            let element = match &**of {
                MergedKind::Struct(_) => "|into, x| x.write(in_version, into)".to_owned(),
                MergedKind::Text => format!("|into, x| writer::text(into, {compact}, x)"),
                MergedKind::Bytes => format!("|into, x| writer::bytes(into, {compact}, x)"),
                MergedKind::Uuid => "|into, x| into.put_u128(x.0)".to_owned(),
                of => format!("|into, x| {}", write_fixed(of, "*x")),
            };
            if null {
                format!(
                    "writer::array_or_null(into, {compact}, {nullable}, \"{path}\", {mine}.as_ref(), {element})"
                )
            } else {
                format!("writer::array(into, {compact}, &{mine}, {element})")
            }
        }
        (MergedKind::Struct(_), false) => format!("{mine}.write(in_version, into)"),
        (MergedKind::Struct(_), true) => format!(
            "writer::struct_or_null(into, {mine}.as_ref(), |into, x| x.write(in_version, into))"
        ),
        (fixed, _) => write_fixed(fixed, mine),
    }
}

fn write_fixed(kind: &MergedKind, mine: &str) -> String {
    match kind {
        MergedKind::Bool => format!("into.put_u8(u8::from({mine}))"),
        MergedKind::Uuid => format!("into.put_u128({mine}.0)"),
        MergedKind::Int(name) => format!("into.put_{}({mine})", rust_int(name)),
        _ => unreachable!("not of a fixed size"),
    }
}

/// The expression that reads a value, without its question mark.
fn read_value(field: &MergedField, structs: &[Merged]) -> String {
    let compact = condition(&field.compact, &field.present());
    let nullable = condition(&field.nullable, &field.present());
    let path = &field.path;
    match (&field.kind, is_option(field)) {
        (MergedKind::Text, false) => format!("from.text({compact}, \"{path}\")"),
        (MergedKind::Text, true) => {
            format!("from.text_or_null({compact}, {nullable}, \"{path}\")")
        }
        (MergedKind::Bytes | MergedKind::Records, false) => {
            format!("from.bytes({compact}, \"{path}\")")
        }
        (MergedKind::Bytes | MergedKind::Records, true) => {
            format!("from.bytes_or_null({compact}, {nullable}, \"{path}\")")
        }
        (MergedKind::Array(of), null) => {
            let element = match &**of {
                MergedKind::Struct(name) => format!("{name}::read(in_version, from)"),
                MergedKind::Text => format!("from.text({compact}, \"{path}\")"),
                MergedKind::Bytes => format!("from.bytes({compact}, \"{path}\")"),
                of => format!("from.{}(\"{path}\")", fixed_name(of)),
            };
            let min = min_size(of, structs);
            if null {
                format!(
                    "from.array_or_null({compact}, {nullable}, {min}, \"{path}\", |from| {element})"
                )
            } else {
                format!("from.array({compact}, {min}, \"{path}\", |from| {element})")
            }
        }
        (MergedKind::Struct(name), false) => format!("{name}::read(in_version, from)"),
        (MergedKind::Struct(name), true) => {
            format!("from.struct_or_null(\"{path}\", |from| {name}::read(in_version, from))")
        }
        (fixed, _) => format!("from.{}(\"{path}\")", fixed_name(fixed)),
    }
}

fn fixed_name(kind: &MergedKind) -> &'static str {
    match kind {
        MergedKind::Bool => "bool",
        MergedKind::Uuid => "uuid",
        MergedKind::Int(name) => name,
        _ => unreachable!("not of a fixed size"),
    }
}

/// The fewest bytes that a value takes in any version.
fn min_size(kind: &MergedKind, structs: &[Merged]) -> usize {
    match kind {
        MergedKind::Bool | MergedKind::Int("int8") => 1,
        MergedKind::Int("int16" | "uint16") => 2,
        MergedKind::Int("int32" | "uint32") => 4,
        MergedKind::Int(_) => 8,
        MergedKind::Uuid => 16,
        MergedKind::Text | MergedKind::Bytes | MergedKind::Records | MergedKind::Array(_) => 1,
        MergedKind::Struct(name) => {
            let merged = find(structs, name);
            let size = |version: &i16| -> usize {
                let plain = merged.fields.iter().filter(|field| field.plain.contains(version));
                let tags = usize::from(merged.flexible.contains(version));
                plain
                    .map(|f| if is_option(f) { 1 } else { min_size(&f.kind, structs) })
                    .sum::<usize>()
                    + tags
            };
            merged.versions.iter().map(size).min().unwrap_or(1)
        }
    }
}

fn is_option(field: &MergedField) -> bool {
    !field.nullable.is_empty()
}

fn rust_type(field: &MergedField) -> String {
    let plain = kind_type(&field.kind);
    if is_option(field) { format!("Option<{plain}>") } else { plain }
}

fn kind_type(kind: &MergedKind) -> String {
    match kind {
        MergedKind::Bool => "bool".to_owned(),
        MergedKind::Int(name) => rust_int(name).to_owned(),
        MergedKind::Uuid => "Uuid".to_owned(),
        MergedKind::Text => "String".to_owned(),
        MergedKind::Bytes | MergedKind::Records => "Bytes".to_owned(),
        MergedKind::Array(of) => format!("Vec<{}>", kind_type(of)),
        MergedKind::Struct(name) => name.clone(),
    }
}

fn rust_int(name: &str) -> &'static str {
    match name {
        "int8" => "i8",
        "int16" => "i16",
        "uint16" => "u16",
        "int32" => "i32",
        "uint32" => "u32",
        "int64" => "i64",
        _ => "f64",
    }
}

/// Records are null by default, as in Kafka; other values are empty unless the shape says otherwise.
fn null_default(field: &MergedField) -> bool {
    field.kind == MergedKind::Records || field.default.as_deref() == Some("null")
}

fn default_value(field: &MergedField) -> String {
    if is_option(field) && null_default(field) {
        return "None".to_owned();
    }
    let plain = match &field.kind {
        MergedKind::Bool => field.default.clone().unwrap_or("false".to_owned()),
        MergedKind::Int("float64") => format!("{}_f64", field.default.as_deref().unwrap_or("0")),
        MergedKind::Int(_) => field.default.clone().unwrap_or("0".to_owned()),
        MergedKind::Uuid => "Uuid::ZERO".to_owned(),
        MergedKind::Text => match &field.default {
            Some(text) => format!("\"{text}\".to_owned()"),
            None => "String::new()".to_owned(),
        },
        MergedKind::Bytes | MergedKind::Records => "Bytes::new()".to_owned(),
        MergedKind::Array(_) => "Vec::new()".to_owned(),
        MergedKind::Struct(name) => format!("{name}::default()"),
    };
    if is_option(field) { format!("Some({plain})") } else { plain }
}

/// The test whether a value is the default, or that it is another.
fn default_test(field: &MergedField, mine: &str, is: bool) -> String {
    let (not, equal) = if is { ("", "==") } else { ("!", "!=") };
    match (&field.kind, is_option(field)) {
        (_, true) if null_default(field) => {
            format!("{mine}.{}()", if is { "is_none" } else { "is_some" })
        }
        (MergedKind::Text | MergedKind::Bytes | MergedKind::Array(_), false) => {
            format!("{not}{mine}.is_empty()")
        }
        (MergedKind::Bool, false) => match is == (field.default.as_deref() == Some("true")) {
            true => mine.to_owned(),
            false => format!("!{mine}"),
        },
        _ => format!("{mine} {equal} {}", default_value(field)),
    }
}

/// `topicData` becomes `topic_data`, `KRaftVersionRecord` becomes `kraft_version_record`.
fn snake(name: &str) -> String {
    let mut out = String::new();
    let mut after_small = false;
    for c in name.replace("KRaft", "Kraft").chars() {
        if c.is_ascii_uppercase() && after_small {
            out.push('_');
        }
        after_small = !c.is_ascii_uppercase();
        out.push(c.to_ascii_lowercase());
    }
    out
}

fn rust_name(field: &str) -> String {
    match snake(field).as_str() {
        word @ ("type" | "match") => format!("r#{word}"),
        word => word.to_owned(),
    }
}

/// Pairs each request with its response.
pub fn requests(out: &mut String, apis: &[&str]) {
    for api in apis {
        line!(out, "impl Request for {api}Request {{");
        line!(out, "type Response = {api}Response;");
        line!(out, "const API: ApiKey = ApiKey::{api};\n}}");
    }
}

/// A table of all messages.
pub fn codecs(out: &mut String, names: &[String]) {
    line!(out, "/// Every message that exists as a type.");
    line!(out, "pub const CODECS: &[Codec] = &[");
    for name in names {
        line!(out, "Codec::of::<{name}>(),");
    }
    line!(out, "];");
}

/// Every API that Kafka 4.3.0 has, generated as types or not.
pub fn api_keys(shapes: &BTreeMap<&str, Vec<&Shape>>) -> String {
    let mut out = String::new();
    let mut apis = Vec::new();
    for (name, versions) in shapes {
        let Some(api) = name.strip_suffix("Request") else { continue };
        let key = versions[0].key;
        let (low, high) = (versions[0].version, versions[versions.len() - 1].version);
        let flexible = versions.iter().find(|shape| shape.body.flexible).map(|s| s.version);
        apis.push((key, api, low, high, flexible.unwrap_or(i16::MAX)));
    }
    apis.sort_unstable();
    line!(out, "api_keys! {{");
    for (key, api, low, high, flexible) in apis {
        line!(out, "{api} = {key}, {low}, {high}, {flexible};");
    }
    line!(out, "}}");
    out
}

/// The enum of all records of the metadata log.
pub fn metadata_records(records: &[&str]) -> String {
    let mut out = String::new();
    line!(out, "metadata_records! {{");
    for name in records {
        line!(out, "{} {name};", name.strip_suffix("Record").expect("a record's name"));
    }
    line!(out, "}}");
    out
}
