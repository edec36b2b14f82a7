//! Reads back the EDN that histories are written in; a reader of its own, with nothing of the writer.

use trial_scenarios::history::Value;

/// The one value that `text` holds.
pub fn read(text: &str) -> Value {
    let mut reader = Reader { rest: text };
    let value = reader.value();
    reader.skip();
    assert!(reader.rest.is_empty(), "nothing follows: {}", reader.rest);
    value
}

struct Reader<'a> {
    rest: &'a str,
}

impl<'a> Reader<'a> {
    /// In EDN a comma is white space.
    fn skip(&mut self) {
        self.rest =
            self.rest.trim_start_matches(|letter: char| letter.is_whitespace() || letter == ',');
    }

    fn next(&mut self) -> char {
        let letter = self.rest.chars().next().expect("something follows");
        self.rest = &self.rest[letter.len_utf8()..];
        letter
    }

    fn word(&mut self) -> &'a str {
        let ends = |letter: char| letter.is_whitespace() || ",[]{}\"".contains(letter);
        let end = self.rest.find(ends).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        word
    }

    fn until(&mut self, close: char) -> Vec<Value> {
        let mut found = Vec::new();
        loop {
            self.skip();
            if self.rest.starts_with(close) {
                self.next();
                return found;
            }
            found.push(self.value());
        }
    }

    fn value(&mut self) -> Value {
        self.skip();
        match self.rest.chars().next().expect("a value follows") {
            '[' => {
                self.next();
                Value::Vector(self.until(']'))
            }
            '{' => {
                self.next();
                let all = self.until('}');
                let pairs = all.chunks(2).map(|pair| (pair[0].clone(), pair[1].clone()));
                Value::Map(pairs.collect())
            }
            ':' => {
                self.next();
                Value::Keyword(self.word().to_owned())
            }
            '"' => self.text(),
            _ => match self.word() {
                "nil" => Value::Nil,
                number => Value::Number(number.parse().expect("a number")),
            },
        }
    }

    fn text(&mut self) -> Value {
        self.next();
        let mut text = String::new();
        loop {
            match self.next() {
                '"' => return Value::Text(text),
                '\\' => text.push(match self.next() {
                    'n' => '\n',
                    't' => '\t',
                    'r' => '\r',
                    other => other,
                }),
                letter => text.push(letter),
            }
        }
    }
}
