//! What goes into a Lab's records, and what comes out.

use bytes::Bytes;

/// What may be a key or a value: text, bytes, or nothing (`()` or `None`).
pub trait Payload {
    /// The bytes; none for null.
    fn into_payload(self) -> Option<Bytes>;
}

impl Payload for &str {
    fn into_payload(self) -> Option<Bytes> {
        Some(Bytes::copy_from_slice(self.as_bytes()))
    }
}

impl Payload for String {
    fn into_payload(self) -> Option<Bytes> {
        Some(Bytes::from(self))
    }
}

impl Payload for &String {
    fn into_payload(self) -> Option<Bytes> {
        self.as_str().into_payload()
    }
}

impl Payload for &[u8] {
    fn into_payload(self) -> Option<Bytes> {
        Some(Bytes::copy_from_slice(self))
    }
}

impl<const N: usize> Payload for &[u8; N] {
    fn into_payload(self) -> Option<Bytes> {
        Some(Bytes::copy_from_slice(self))
    }
}

impl Payload for Vec<u8> {
    fn into_payload(self) -> Option<Bytes> {
        Some(Bytes::from(self))
    }
}

impl Payload for Bytes {
    fn into_payload(self) -> Option<Bytes> {
        Some(self)
    }
}

impl Payload for () {
    fn into_payload(self) -> Option<Bytes> {
        None
    }
}

impl<P: Payload> Payload for Option<P> {
    fn into_payload(self) -> Option<Bytes> {
        self.and_then(P::into_payload)
    }
}

/// A record that a consumer of a Lab has read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consumed {
    /// Its partition, as faults write it: `orders/0`.
    pub partition: String,
    /// Its offset.
    pub offset: i64,
    /// The epoch of the leader that wrote it.
    pub leader_epoch: i32,
    /// Its timestamp, in milliseconds since 1970.
    pub timestamp: i64,
    /// Its key.
    pub key: Option<Bytes>,
    /// Its value.
    pub value: Option<Bytes>,
}

impl Consumed {
    /// Its key as text; empty if it has none.
    #[must_use]
    pub fn key_text(&self) -> String {
        text(self.key.as_ref())
    }

    /// Its value as text; empty if it has none.
    #[must_use]
    pub fn value_text(&self) -> String {
        text(self.value.as_ref())
    }
}

fn text(bytes: Option<&Bytes>) -> String {
    bytes.map_or_else(String::new, |bytes| String::from_utf8_lossy(bytes).into_owned())
}
