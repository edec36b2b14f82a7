//! Texts that have a form: who writes something else in their place, such as a number, is told the form by an example.
//!
//! Invariants: FO-1 only the type is judged here; what the text says, its reader does.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer};
use serde_spanned::Spanned;

/// What a text has to look like.
pub(super) trait Form {
    /// In words, with an example.
    const EXPECTED: &'static str;
}

/// A length of time.
#[derive(Debug)]
pub(super) struct Duration;
/// How often.
#[derive(Debug)]
pub(super) struct Rate;
/// Some of all.
#[derive(Debug)]
pub(super) struct Percent;
/// How long bytes are on their way.
#[derive(Debug)]
pub(super) struct Latency;
/// Bytes a second.
#[derive(Debug)]
pub(super) struct Bandwidth;

impl Form for Duration {
    const EXPECTED: &'static str = "a duration, as in \"30s\"";
}

impl Form for Rate {
    const EXPECTED: &'static str = "records a second, as in \"25/s\"";
}

impl Form for Percent {
    const EXPECTED: &'static str = "a whole number of percent, as in \"10%\"";
}

impl Form for Latency {
    const EXPECTED: &'static str = "a latency, as in \"1ms\"";
}

impl Form for Bandwidth {
    const EXPECTED: &'static str = "bytes a second, as in \"125MB/s\"";
}

/// A text of this form, with its place.
pub(super) fn text<'de, F: Form, D: Deserializer<'de>>(
    from: D,
) -> Result<Option<Spanned<String>>, D::Error> {
    let found = Spanned::<Text<F>>::deserialize(from)?;
    Ok(Some(Spanned::new(found.span(), found.into_inner().text)))
}

struct Text<F> {
    text: String,
    form: PhantomData<F>,
}

impl<'de, F: Form> Deserialize<'de> for Text<F> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Expected<F>(PhantomData<F>);

        impl<F: Form> Visitor<'_> for Expected<F> {
            type Value = String;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(F::EXPECTED)
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<String, E> {
                Ok(text.to_owned())
            }
        }

        let text = from.deserialize_str(Expected::<F>(PhantomData))?;
        Ok(Self { text, form: PhantomData })
    }
}
