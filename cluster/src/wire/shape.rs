//! The shapes of Kafka's messages, parsed from the text in which they are kept (`shapes-4.3.0.txt`).
//!
//! In Kafka:   the JSON files under `message/` and the generator that reads them; here a line per name and version.
//! Holds:      the parsed form; the generator of the typed messages (`build.rs`) and the JSON form share it.
//! Invariants: SHAPE-1 a line parses whole or not at all; there is no shape that both readers see differently.

/// One message or record in one version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shape {
    /// Kafka's name, such as `FetchRequest`.
    pub name: String,
    /// The version.
    pub version: i16,
    /// The API key or record type; -1 where Kafka has none.
    pub key: i16,
    /// What it holds.
    pub body: Struct,
}

/// A sequence of fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Struct {
    /// The fields in the order of the wire; tagged ones last, by tag.
    pub fields: Vec<Field>,
    /// Whether a section of tagged fields ends it.
    pub flexible: bool,
}

/// One field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// Kafka's name, such as `topicData`.
    pub name: String,
    /// The number of a tagged field.
    pub tag: Option<u32>,
    /// What kind of value it holds.
    pub kind: Kind,
    /// Whether it may be null.
    pub nullable: bool,
    /// A default other than zero, false, empty; `null` for null.
    pub default: Option<String>,
}

/// What kind of value a field or an element holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// One byte, 0 or 1.
    Bool,
    /// A signed byte.
    Int8,
    /// Two bytes.
    Int16,
    /// Two bytes, unsigned.
    Uint16,
    /// Four bytes.
    Int32,
    /// Four bytes, unsigned.
    Uint32,
    /// Eight bytes.
    Int64,
    /// An IEEE double.
    Float64,
    /// Sixteen bytes.
    Uuid,
    /// UTF-8 text.
    Text {
        /// Whether its length is a varint.
        compact: bool,
    },
    /// Bytes.
    Bytes {
        /// Whether its length is a varint.
        compact: bool,
    },
    /// Record batches: on the wire the same as bytes that may be null.
    Records {
        /// Whether its length is a varint.
        compact: bool,
    },
    /// A list.
    Array {
        /// Whether its length is a varint.
        compact: bool,
        /// What it is a list of.
        of: Box<Kind>,
    },
    /// A struct.
    Struct(Struct),
}

/// The shapes in `text`, a line each; comment lines begin with `#`.
///
/// # Errors
/// Says which line cannot be read, and where.
pub fn parse(text: &str) -> Result<Vec<Shape>, String> {
    let lines = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    lines.map(|line| parse_line(line).map_err(|why| format!("{why} in: {line}"))).collect()
}

fn parse_line(line: &str) -> Result<Shape, String> {
    let (head, body) = line.split_once(':').ok_or("no colon")?;
    let mut words = head.split(' ');
    let name = words.next().ok_or("no name")?.to_owned();
    let version = words.next().ok_or("no version")?.parse().map_err(|_| "a bad version")?;
    let key = match words.next().and_then(|word| word.strip_prefix("key=")) {
        Some(key) => key.parse().map_err(|_| "a bad key")?,
        None => -1,
    };
    let mut parser = Parser { rest: body };
    let body = parser.fields()?;
    match parser.rest {
        "" => Ok(Shape { name, version, key, body }),
        rest => Err(format!("'{rest}' is left over")),
    }
}

struct Parser<'a> {
    rest: &'a str,
}

impl<'a> Parser<'a> {
    fn eat(&mut self, prefix: &str) -> bool {
        match self.rest.strip_prefix(prefix) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn until(&mut self, stops: &[char]) -> &'a str {
        let end = self.rest.find(stops).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        word
    }

    /// Fields up to a closing bracket or the end.
    fn fields(&mut self) -> Result<Struct, String> {
        let mut out = Struct { fields: Vec::new(), flexible: false };
        loop {
            self.rest = self.rest.trim_start_matches(' ');
            if self.rest.is_empty() || self.rest.starts_with([']', '}']) {
                return Ok(out);
            }
            if !self.eat("#") {
                out.fields.push(self.field(None)?);
            } else if self.rest.starts_with(|c: char| c.is_ascii_digit()) {
                let tag = self.until(&[':']).parse().map_err(|_| "a bad tag")?;
                self.eat(":");
                out.fields.push(self.field(Some(tag))?);
            } else {
                out.flexible = true;
            }
        }
    }

    fn field(&mut self, tag: Option<u32>) -> Result<Field, String> {
        let name = self.until(&[':', ' ', ']', '}']).to_owned();
        if !self.eat(":") {
            return Err(format!("{name} has no type"));
        }
        let kind = self.kind()?;
        let nullable = self.eat("?");
        let default = self.eat("=").then(|| self.until(&[' ', ']', '}']).to_owned());
        Ok(Field { name, tag, kind, nullable, default })
    }

    fn kind(&mut self) -> Result<Kind, String> {
        if self.eat("{") {
            let inner = self.fields()?;
            return if self.eat("}") { Ok(Kind::Struct(inner)) } else { Err("no }".to_owned()) };
        }
        let compact = self.eat("c[");
        if compact || self.eat("[") {
            let of = Box::new(self.element()?);
            return if self.eat("]") {
                Ok(Kind::Array { compact, of })
            } else {
                Err("no ]".into())
            };
        }
        let word = self.until(&['?', '=', ' ', ']', '}']);
        let (compact, word) = match word.strip_prefix('c') {
            Some(word) => (true, word),
            None => (false, word),
        };
        Ok(match word {
            "bool" => Kind::Bool,
            "int8" => Kind::Int8,
            "int16" => Kind::Int16,
            "uint16" => Kind::Uint16,
            "int32" => Kind::Int32,
            "uint32" => Kind::Uint32,
            "int64" => Kind::Int64,
            "float64" => Kind::Float64,
            "uuid" => Kind::Uuid,
            "string" => Kind::Text { compact },
            "bytes" => Kind::Bytes { compact },
            "records" => Kind::Records { compact },
            other => return Err(format!("an unknown type '{other}'")),
        })
    }

    /// The element of a list: fields make a struct, a bare word is a plain type.
    fn element(&mut self) -> Result<Kind, String> {
        let end = self.rest.find([':', ' ', ']', '[']).unwrap_or(self.rest.len());
        match self.rest[end..].starts_with(':') {
            true => Ok(Kind::Struct(self.fields()?)),
            false => self.kind(),
        }
    }
}
