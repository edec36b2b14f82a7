//! Records from a file: CSV with a header line, or NDJSON with one object a line.
//!
//! Holds:      the reader. A record's value is the line as JSON text; its key is one column or field of it.
//! Invariants: RF-1 a bad line is an error that names the file and the line; nothing is skipped in silence.

use std::fs;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use serde_json::{Map, Value};
use thiserror::Error;

/// A record to produce.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The key, if a column was named.
    pub key: Option<Bytes>,
    /// The value: the line as a JSON object.
    pub value: Bytes,
}

/// Why a record file cannot be used.
#[derive(Debug, Error)]
pub enum RecordFileError {
    /// The file cannot be opened or read.
    #[error("cannot read {}: {why}", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// What the operating system says.
        why: std::io::Error,
    },
    /// The name ends in neither `.csv` nor `.ndjson`.
    #[error("{} is neither .csv nor .ndjson (or .jsonl)", path.display())]
    UnknownKind {
        /// Which file.
        path: PathBuf,
    },
    /// A line is no CSV record or no JSON object.
    #[error("{}, line {line}: {why}", path.display())]
    BadLine {
        /// Which file.
        path: PathBuf,
        /// Counted from one.
        line: u64,
        /// What is wrong.
        why: String,
    },
    /// There is no such column.
    #[error("{} has no column `{key}`; it has {columns}", path.display())]
    NoSuchKey {
        /// Which file.
        path: PathBuf,
        /// What was asked for.
        key: String,
        /// What there is.
        columns: String,
    },
    /// There is nothing to produce.
    #[error("{} holds no record", path.display())]
    Empty {
        /// Which file.
        path: PathBuf,
    },
}

/// Reads the records of `path`, keyed by the column `key`.
///
/// # Errors
/// If the file cannot be read, a line is bad, or the column does not exist.
pub fn read_records(path: &Path, key: Option<&str>) -> Result<Vec<Record>, RecordFileError> {
    let text = fs::read_to_string(path)
        .map_err(|why| RecordFileError::Unreadable { path: path.to_owned(), why })?;
    parse_records(path, &text, key)
}

/// The same, from a text that was read already; `path` is for the messages and for the kind of file.
pub(super) fn parse_records(
    path: &Path,
    text: &str,
    key: Option<&str>,
) -> Result<Vec<Record>, RecordFileError> {
    let rows = match path.extension().and_then(|extension| extension.to_str()) {
        Some("csv") => csv_rows(path, text)?,
        Some("ndjson" | "jsonl") => json_rows(path, text)?,
        _ => return Err(RecordFileError::UnknownKind { path: path.to_owned() }),
    };
    if rows.is_empty() {
        return Err(RecordFileError::Empty { path: path.to_owned() });
    }
    rows.into_iter().map(|row| record(path, &row, key)).collect()
}

type Row = Map<String, Value>;

fn record(path: &Path, row: &Row, key: Option<&str>) -> Result<Record, RecordFileError> {
    let key = match key {
        None => None,
        Some(column) => {
            let value = row.get(column).ok_or_else(|| RecordFileError::NoSuchKey {
                path: path.to_owned(),
                key: column.to_owned(),
                columns: row.keys().map(String::as_str).collect::<Vec<_>>().join(", "),
            })?;
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            Some(Bytes::from(text))
        }
    };
    let value = serde_json::to_vec(row).expect("a map of JSON values is JSON");
    Ok(Record { key, value: Bytes::from(value) })
}

fn csv_rows(path: &Path, text: &str) -> Result<Vec<Row>, RecordFileError> {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let bad = |error: &csv::Error| RecordFileError::BadLine {
        path: path.to_owned(),
        line: error.position().map_or(1, csv::Position::line),
        why: error.to_string(),
    };
    let columns = reader.headers().map_err(|error| bad(&error))?.clone();
    let mut rows = Vec::new();
    for row in reader.records() {
        let row = row.map_err(|error| bad(&error))?;
        let fields = columns.iter().zip(row.iter());
        rows.push(
            fields
                .map(|(name, field)| (name.to_owned(), Value::String(field.to_owned())))
                .collect(),
        );
    }
    Ok(rows)
}

fn json_rows(path: &Path, text: &str) -> Result<Vec<Row>, RecordFileError> {
    let mut rows = Vec::new();
    for (index, line) in text.lines().enumerate() {
        if line.trim().is_empty() {
            continue;
        }
        let row = serde_json::from_str::<Row>(line).map_err(|error| RecordFileError::BadLine {
            path: path.to_owned(),
            line: index as u64 + 1,
            why: format!("not a JSON object: {error}"),
        })?;
        rows.push(row);
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::parse_records;
    use std::path::Path;

    #[track_caller]
    fn check(name: &str, text: &str, key: Option<&str>, want: Result<&[(&str, &str)], &str>) {
        let got = parse_records(Path::new(name), text, key);
        match (got, want) {
            (Ok(records), Ok(want)) => {
                let got: Vec<_> = records
                    .iter()
                    .map(|record| {
                        let key = record.key.as_deref().unwrap_or_default();
                        (String::from_utf8_lossy(key), String::from_utf8_lossy(&record.value))
                    })
                    .collect();
                let got: Vec<_> = got.iter().map(|(key, value)| (&**key, &**value)).collect();
                assert_eq!(got, want);
            }
            (Err(error), Err(want)) => assert_eq!(error.to_string(), want),
            (got, want) => panic!("got {got:?}, want {want:?}"),
        }
    }

    #[test]
    fn a_line_becomes_a_record_keyed_by_its_column() {
        check(
            "a.csv",
            "id,city\n7,Ulm\n",
            Some("city"),
            Ok(&[("Ulm", r#"{"id":"7","city":"Ulm"}"#)]),
        );
        check("a.ndjson", "{\"id\":7}\n\n", Some("id"), Ok(&[("7", r#"{"id":7}"#)]));
        check("a.jsonl", "{\"id\":7}", None, Ok(&[("", r#"{"id":7}"#)]));
    }

    #[test]
    fn a_bad_file_is_named_with_its_line() {
        check(
            "a.ndjson",
            "{}\n[1]\n",
            None,
            Err(
                "a.ndjson, line 2: not a JSON object: invalid type: sequence, expected a map at line 1 column 0",
            ),
        );
        check(
            "a.csv",
            "id\n1,2\n",
            None,
            Err(
                "a.csv, line 2: CSV error: record 1 (line: 2, byte: 3): found record with 2 fields, but the previous record has 1 fields",
            ),
        );
        check("a.csv", "id\n", None, Err("a.csv holds no record"));
        check("a.txt", "", None, Err("a.txt is neither .csv nor .ndjson (or .jsonl)"));
        check("a.csv", "id\n1\n", Some("x"), Err("a.csv has no column `x`; it has id"));
    }
}
