//! The shapes of all 272 messages and records, parsed once.
//!
//! Holds: a constant of the program: what `shapes-4.3.0.txt` says.

use std::sync::OnceLock;

use super::super::shape::{self, Kind, Shape, Struct};

/// Every message and record in every version, sorted by name and version.
#[must_use]
pub fn shapes() -> &'static [Shape] {
    static SHAPES: OnceLock<Vec<Shape>> = OnceLock::new();
    SHAPES.get_or_init(|| {
        let text = include_str!("../../../shapes-4.3.0.txt");
        let mut shapes = shape::parse(text).expect("the build parsed the same text");
        shapes.sort_by(|a, b| (&a.name, a.version).cmp(&(&b.name, b.version)));
        shapes
    })
}

/// The shape of a message in one version.
#[must_use]
pub fn find(name: &str, version: i16) -> Option<&'static Shape> {
    let all = shapes();
    let found =
        all.binary_search_by(|shape| (shape.name.as_str(), shape.version).cmp(&(name, version)));
    found.ok().map(|index| &all[index])
}

/// The fewest bytes that a value takes.
pub(super) fn min_size(kind: &Kind) -> usize {
    match kind {
        Kind::Bool | Kind::Int8 => 1,
        Kind::Int16 | Kind::Uint16 => 2,
        Kind::Int32 | Kind::Uint32 => 4,
        Kind::Int64 | Kind::Float64 => 8,
        Kind::Uuid => 16,
        Kind::Text { compact } => {
            if *compact {
                1
            } else {
                2
            }
        }
        Kind::Bytes { compact } | Kind::Records { compact } | Kind::Array { compact, .. } => {
            if *compact {
                1
            } else {
                4
            }
        }
        Kind::Struct(inner) => min_struct(inner),
    }
}

fn min_struct(inner: &Struct) -> usize {
    let plain = inner.fields.iter().filter(|field| field.tag.is_none());
    let sizes = plain.map(|field| match (&field.kind, field.nullable) {
        (Kind::Struct(_), true) => 1,
        (kind, _) => min_size(kind),
    });
    sizes.sum::<usize>() + usize::from(inner.flexible)
}
