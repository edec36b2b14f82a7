//! Text to JSON value.
//!
//! Invariants: PARSE-1 no text makes it panic or recurse beyond [`DEPTH_MAX`]; PARSE-2 what is not JSON (RFC 8259), a
//!             number that does not fit and a key that stands twice in one object are refused with their place.

use super::value::{Json, JsonError};

/// How deep lists and objects may stand in one another; Kafka's messages need six.
const DEPTH_MAX: usize = 64;

impl Json {
    /// The value that `text` is.
    ///
    /// # Errors
    /// It is not JSON; the path tells the character.
    pub fn parse(text: &str) -> Result<Self, JsonError> {
        let mut parser = Parser { text, at: 0 };
        parser.spaces();
        let value = parser.value(0)?;
        parser.spaces();
        if parser.at < text.len() {
            return Err(parser.error("something follows the value"));
        }
        Ok(value)
    }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
}

impl Parser<'_> {
    fn error(&self, why: &str) -> JsonError {
        JsonError::new(format!("character {}", self.at), why)
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn eat(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn spaces(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            self.at += 1;
        }
    }

    fn value(&mut self, depth: usize) -> Result<Json, JsonError> {
        if depth > DEPTH_MAX {
            return Err(self.error("lists and objects stand too deep"));
        }
        match self.peek() {
            Some(b'{') => self.object(depth),
            Some(b'[') => self.list(depth),
            Some(b'"') => self.string().map(Json::Text),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => {
                let words = [
                    ("null", Json::Null),
                    ("true", Json::Bool(true)),
                    ("false", Json::Bool(false)),
                ];
                for (word, value) in words {
                    if self.text[self.at..].starts_with(word) {
                        self.at += word.len();
                        return Ok(value);
                    }
                }
                Err(self.error("a value is missing"))
            }
        }
    }

    /// Items between brackets, with commas.
    fn items(
        &mut self,
        close: u8,
        mut item: impl FnMut(&mut Self) -> Result<(), JsonError>,
    ) -> Result<(), JsonError> {
        self.at += 1;
        self.spaces();
        if self.eat(close) {
            return Ok(());
        }
        loop {
            self.spaces();
            item(self)?;
            self.spaces();
            if self.eat(close) {
                return Ok(());
            }
            if !self.eat(b',') {
                return Err(self.error("a comma or a closing bracket is missing"));
            }
        }
    }

    fn list(&mut self, depth: usize) -> Result<Json, JsonError> {
        let mut list = Vec::new();
        self.items(b']', |parser| {
            list.push(parser.value(depth + 1)?);
            Ok(())
        })?;
        Ok(Json::List(list))
    }

    fn object(&mut self, depth: usize) -> Result<Json, JsonError> {
        let mut fields: Vec<(std::borrow::Cow<'static, str>, Json)> = Vec::new();
        self.items(b'}', |parser| {
            if parser.peek() != Some(b'"') {
                return Err(parser.error("a key is missing"));
            }
            let key = parser.string()?;
            if fields.iter().any(|(known, _)| *known == key) {
                return Err(parser.error("the key stands twice"));
            }
            parser.spaces();
            if !parser.eat(b':') {
                return Err(parser.error("a colon is missing"));
            }
            parser.spaces();
            fields.push((key.into(), parser.value(depth + 1)?));
            Ok(())
        })?;
        Ok(Json::Object(fields))
    }

    fn digits(&mut self) -> Result<(), JsonError> {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        if start == self.at { Err(self.error("a digit is missing")) } else { Ok(()) }
    }

    fn number(&mut self) -> Result<Json, JsonError> {
        let start = self.at;
        self.eat(b'-');
        if !self.eat(b'0') {
            self.digits()?;
        } else if matches!(self.peek(), Some(b'0'..=b'9')) {
            return Err(self.error("a number begins with 0"));
        }
        let mut whole = true;
        if self.eat(b'.') {
            whole = false;
            self.digits()?;
        }
        if self.eat(b'e') || self.eat(b'E') {
            whole = false;
            if !self.eat(b'-') {
                self.eat(b'+');
            }
            self.digits()?;
        }
        let text = &self.text[start..self.at];
        if whole {
            let value = text.parse().map_err(|_| self.error("the number needs over 64 bits"))?;
            return Ok(Json::Int(value));
        }
        match text.parse() {
            Ok(value) if f64::is_finite(value) => Ok(Json::Float(value)),
            _ => Err(self.error("the number is too large")),
        }
    }

    fn string(&mut self) -> Result<String, JsonError> {
        self.at += 1;
        let mut out = String::new();
        loop {
            let Some(c) = self.text[self.at..].chars().next() else {
                return Err(self.error("the text does not end"));
            };
            match c {
                '"' => {
                    self.at += 1;
                    return Ok(out);
                }
                '\\' => {
                    self.at += 1;
                    out.push(self.escaped()?);
                }
                c if c < ' ' => return Err(self.error("a control character stands in text")),
                c => {
                    self.at += c.len_utf8();
                    out.push(c);
                }
            }
        }
    }

    fn escaped(&mut self) -> Result<char, JsonError> {
        let c = match self.peek() {
            Some(c @ (b'"' | b'\\' | b'/')) => char::from(c),
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'u') => {
                let first = self.four_digits()?;
                if !(0xd800..0xdc00).contains(&first) {
                    return char::from_u32(first).ok_or_else(|| self.error("half a character"));
                }
                if !(self.eat(b'\\') && self.peek() == Some(b'u')) {
                    return Err(self.error("half a character"));
                }
                let second = self.four_digits()?;
                if !(0xdc00..0xe000).contains(&second) {
                    return Err(self.error("half a character"));
                }
                let both = 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
                return char::from_u32(both).ok_or_else(|| self.error("half a character"));
            }
            _ => return Err(self.error("an unknown escape")),
        };
        self.at += 1;
        Ok(c)
    }

    /// The digits behind the `u` at which the parser stands.
    fn four_digits(&mut self) -> Result<u32, JsonError> {
        let digits = self.text.get(self.at + 1..self.at + 5);
        let digits = digits.filter(|text| text.bytes().all(|b| b.is_ascii_hexdigit()));
        let value = digits.and_then(|text| u32::from_str_radix(text, 16).ok());
        let value = value.ok_or_else(|| self.error("four hexadecimal digits are missing"))?;
        self.at += 5;
        Ok(value)
    }
}
