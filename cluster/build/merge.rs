//! Makes one struct of all versions of a message: the union of their fields, each with the versions that have it.
//!
//! In Kafka:   a message's JSON has one list of fields, each with its range of versions; this finds it again.
//! Invariants: MERGE-1 the order of the union is the order of every version; MERGE-2 a field has one type in all
//!             versions, but for being compact, nullable or tagged.

use std::collections::{BTreeMap, BTreeSet};

use crate::shape::{Field, Kind, Shape, Struct};

/// Some of a message's versions.
pub type Versions = BTreeSet<i16>;

/// A message in all its versions.
pub struct Message {
    pub name: String,
    pub key: i16,
    /// The message itself last, behind the structs inside it.
    pub structs: Vec<Merged>,
}

/// A struct in all versions that have it.
pub struct Merged {
    pub name: String,
    pub path: String,
    pub versions: Versions,
    pub flexible: Versions,
    pub fields: Vec<MergedField>,
}

/// A field in all versions of its struct.
pub struct MergedField {
    pub name: String,
    pub path: String,
    /// The versions in which it stands in its place.
    pub plain: Versions,
    /// The versions in which it is tagged, and its tag.
    pub tagged: Versions,
    pub tag: u32,
    pub nullable: Versions,
    pub compact: Versions,
    pub default: Option<String>,
    pub kind: MergedKind,
    /// Whether a version without it refuses a value other than the default.
    pub mandatory: bool,
}

/// A kind without the difference of compact or not.
#[derive(Clone, PartialEq, Eq)]
pub enum MergedKind {
    Bool,
    Int(&'static str),
    Uuid,
    Text,
    Bytes,
    Records,
    Array(Box<MergedKind>),
    /// The name of a struct.
    Struct(String),
}

impl MergedField {
    /// Every version that has it.
    pub fn present(&self) -> Versions {
        &self.plain | &self.tagged
    }
}

pub fn merge(shapes: &[&Shape], mandatory: &BTreeSet<&str>) -> Message {
    let mut merger = Merger { structs: Vec::new(), mandatory };
    let first = shapes.first().expect("a message has a version");
    let versions: Vec<(i16, &Struct)> = shapes.iter().map(|s| (s.version, &s.body)).collect();
    let span = versions.windows(2).all(|pair| pair[0].0 + 1 == pair[1].0);
    assert!(span, "the versions of {} have a gap", first.name);
    merger.merge(first.name.clone(), first.name.clone(), &versions);
    Message { name: first.name.clone(), key: first.key, structs: merger.structs }
}

struct Merger<'a> {
    structs: Vec<Merged>,
    mandatory: &'a BTreeSet<&'a str>,
}

impl Merger<'_> {
    fn merge(&mut self, name: String, path: String, versions: &[(i16, &Struct)]) {
        let order = order(&path, versions);
        let fields = order.iter().map(|field| self.field(&name, &path, field, versions)).collect();
        let flexible = versions.iter().filter(|(_, s)| s.flexible).map(|(v, _)| *v).collect();
        let versions = versions.iter().map(|(v, _)| *v).collect();
        self.structs.push(Merged { name, path, versions, flexible, fields });
    }

    fn field(
        &mut self,
        parent: &str,
        path: &str,
        name: &str,
        versions: &[(i16, &Struct)],
    ) -> MergedField {
        let path = format!("{path}.{name}");
        let find = |(v, s): &(i16, &Struct)| -> Option<(i16, Field)> {
            Some((*v, s.fields.iter().find(|field| field.name == name)?.clone()))
        };
        let here: Vec<(i16, Field)> = versions.iter().filter_map(find).collect();
        let only = |test: fn(&Field) -> bool| -> Versions {
            here.iter().filter(|(_, field)| test(field)).map(|(v, _)| *v).collect()
        };
        let tags: BTreeSet<u32> = here.iter().filter_map(|(_, field)| field.tag).collect();
        assert!(tags.len() <= 1, "{path} changes its tag");
        // Where null is not allowed, the shapes do not say that it is the default.
        let may_be_null = here.iter().rfind(|(_, field)| field.nullable);
        let (_, says) = may_be_null.or(here.last()).expect("a field is in some version");
        let kinds: Vec<(i16, &Kind)> = here.iter().map(|(v, field)| (*v, &field.kind)).collect();
        MergedField {
            name: name.to_owned(),
            plain: only(|field| field.tag.is_none()),
            tagged: only(|field| field.tag.is_some()),
            tag: tags.first().copied().unwrap_or(0),
            nullable: only(|field| field.nullable),
            compact: only(|field| is_compact(&field.kind)),
            default: says.default.clone(),
            kind: self.kind(parent, name, &path, &kinds),
            mandatory: self.mandatory.contains(path.as_str()),
            path,
        }
    }

    fn kind(&mut self, parent: &str, name: &str, path: &str, kinds: &[(i16, &Kind)]) -> MergedKind {
        if let (_, Kind::Array { .. }) = kinds[0] {
            let inner = kinds.iter().map(|(v, kind)| match kind {
                Kind::Array { of, compact } => {
                    let text = matches!(**of, Kind::Text { .. } | Kind::Bytes { .. });
                    assert!(!text || is_compact(of) == *compact, "{path} mixes its forms");
                    (*v, &**of)
                }
                _ => panic!("{path} is not always a list"),
            });
            let inner: Vec<(i16, &Kind)> = inner.collect();
            return MergedKind::Array(Box::new(self.kind(parent, name, path, &inner)));
        }
        if let (_, Kind::Struct(_)) = kinds[0] {
            let inner = kinds.iter().map(|(v, kind)| match kind {
                Kind::Struct(inner) => (*v, inner),
                _ => panic!("{path} is not always a struct"),
            });
            let inner: Vec<(i16, &Struct)> = inner.collect();
            let mut struct_name = singular(name);
            let rust_has_it = matches!(struct_name.as_str(), "Result" | "Message" | "Part");
            if rust_has_it || self.structs.iter().any(|known| known.name == struct_name) {
                struct_name = format!("{parent}{struct_name}");
            }
            self.merge(struct_name.clone(), path.to_owned(), &inner);
            return MergedKind::Struct(struct_name);
        }
        let all: Vec<MergedKind> = kinds.iter().map(|(_, kind)| simple(kind)).collect();
        assert!(all.iter().all(|kind| *kind == all[0]), "{path} changes its type");
        all[0].clone()
    }
}

fn simple(kind: &Kind) -> MergedKind {
    match kind {
        Kind::Bool => MergedKind::Bool,
        Kind::Int8 => MergedKind::Int("int8"),
        Kind::Int16 => MergedKind::Int("int16"),
        Kind::Uint16 => MergedKind::Int("uint16"),
        Kind::Int32 => MergedKind::Int("int32"),
        Kind::Uint32 => MergedKind::Int("uint32"),
        Kind::Int64 => MergedKind::Int("int64"),
        Kind::Float64 => MergedKind::Int("float64"),
        Kind::Uuid => MergedKind::Uuid,
        Kind::Text { .. } => MergedKind::Text,
        Kind::Bytes { .. } => MergedKind::Bytes,
        Kind::Records { .. } => MergedKind::Records,
        Kind::Array { .. } | Kind::Struct(_) => unreachable!("handled by the caller"),
    }
}

fn is_compact(kind: &Kind) -> bool {
    match kind {
        Kind::Text { compact }
        | Kind::Bytes { compact }
        | Kind::Records { compact }
        | Kind::Array { compact, .. } => *compact,
        _ => false,
    }
}

/// The names of the fields of all versions, in the one order that fits every version (MERGE-1).
fn order(path: &str, versions: &[(i16, &Struct)]) -> Vec<String> {
    let mut after: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let mut left: Vec<&str> = Vec::new();
    for (_, body) in versions {
        let plain = body.fields.iter().filter(|field| field.tag.is_none());
        let plain: Vec<&str> = plain.map(|field| field.name.as_str()).collect();
        for (index, name) in plain.iter().enumerate() {
            after.entry(name).or_default().extend(&plain[..index]);
        }
        for field in &body.fields {
            if !left.contains(&field.name.as_str()) {
                left.push(&field.name);
            }
        }
    }
    let mut order: Vec<String> = Vec::new();
    while !left.is_empty() {
        let free = left.iter().position(|name| {
            let before = after.get(name);
            before.is_none_or(|before| before.iter().all(|b| !left.contains(b)))
        });
        let free = free.unwrap_or_else(|| panic!("the versions of {path} disagree in their order"));
        order.push(left.remove(free).to_owned());
    }
    order
}

/// `partitions` becomes `Partition`, `directories` becomes `Directory`.
fn singular(field: &str) -> String {
    let mut name = field[..1].to_uppercase() + &field[1..];
    if let Some(stem) = name.strip_suffix("ies") {
        name = format!("{stem}y");
    } else if name.ends_with('s') && !name.ends_with("ss") {
        name.pop();
    }
    name
}
