//! Reads a regular expression as RE2/J does, with its words for what is wrong.
//!
//! In Kafka:   `com.google.re2j.Parser` with the flags of Perl.
//! Left out:   Unicode: of the categories and scripts those are known that have letters of ASCII.

use super::pattern::{Class, Node};

const ESCAPE: &str = "invalid escape sequence";
const PERL: &str = "invalid or unsupported Perl syntax";
const RANGE: &str = "invalid character class range";
const COUNT: &str = "invalid repeat count";
/// Repetitions at most.
const REPEAT_MAX: usize = 1_000;

type Ranges = Vec<(char, char)>;
type Parsed<T> = Result<T, &'static str>;

/// What is open: the branches before the last `|`, and what stands behind it.
#[derive(Default)]
struct Open {
    branches: Vec<Node>,
    nodes: Vec<Node>,
    /// The flag `i` outside.
    folds_before: bool,
}

impl Open {
    fn close(mut self) -> Node {
        let last = Node::Concat(self.nodes);
        if self.branches.is_empty() {
            return last;
        }
        self.branches.push(last);
        Node::Alternate(self.branches)
    }
}

/// See the module.
pub(super) struct Parser {
    text: Vec<char>,
    at: usize,
    folds: bool,
    names: Vec<String>,
    open: Vec<Open>,
}

impl Parser {
    pub(super) fn new(text: &str) -> Self {
        Self {
            text: text.chars().collect(),
            at: 0,
            folds: false,
            names: Vec::new(),
            open: vec![Open::default()],
        }
    }

    fn peek(&self) -> Option<char> {
        self.text.get(self.at).copied()
    }

    fn next(&mut self) -> Option<char> {
        let letter = self.peek();
        self.at += usize::from(letter.is_some());
        letter
    }

    fn take(&mut self, text: &str) -> bool {
        let found = self.text[self.at..].iter().take(text.len()).copied().eq(text.chars());
        self.at += if found { text.len() } else { 0 };
        found
    }

    fn push(&mut self, node: Node) {
        self.top().nodes.push(node);
    }

    fn top(&mut self) -> &mut Open {
        self.open.last_mut().expect("the outermost is never closed")
    }

    fn push_class(&mut self, parts: Vec<(Ranges, bool)>) {
        let folds = self.folds;
        self.push(Node::Class(Class { parts, negated: false, folds }));
    }

    fn push_literal(&mut self, letter: char) {
        self.push_class(vec![(vec![(letter, letter)], false)]);
    }

    pub(super) fn parse(mut self) -> Parsed<Node> {
        let mut after_repeat = false;
        while let Some(letter) = self.next() {
            let repeats = match letter {
                '*' => self.repeat(0, None, after_repeat)?,
                '+' => self.repeat(1, None, after_repeat)?,
                '?' => self.repeat(0, Some(1), after_repeat)?,
                '{' => self.braces(after_repeat)?,
                _ => {
                    self.no_repeat(letter)?;
                    false
                }
            };
            after_repeat = repeats;
        }
        if self.open.len() != 1 {
            return Err("missing closing )");
        }
        Ok(self.open.remove(0).close())
    }

    fn no_repeat(&mut self, letter: char) -> Parsed<()> {
        match letter {
            '(' if self.take("?") => self.perl_group()?,
            '(' => self.begin_group(self.folds),
            '|' => {
                let top = self.top();
                let branch = Node::Concat(std::mem::take(&mut top.nodes));
                top.branches.push(branch);
            }
            ')' => {
                if self.open.len() < 2 {
                    return Err("regexp/syntax: internal error");
                }
                let group = self.open.pop().expect("there are two");
                self.folds = group.folds_before;
                self.push(group.close());
            }
            '^' => self.push(Node::Begin),
            '$' => self.push(Node::End),
            '.' => self.push_class(vec![(vec![('\n', '\n')], true)]),
            '[' => self.class()?,
            '\\' => self.backslash()?,
            _ => self.push_literal(letter),
        }
        Ok(())
    }

    fn begin_group(&mut self, folds: bool) {
        let folds_before = std::mem::replace(&mut self.folds, folds);
        self.open.push(Open { folds_before, ..Open::default() });
    }

    /// Behind an operator of repetition.
    fn repeat(&mut self, min: usize, max: Option<usize>, after_repeat: bool) -> Parsed<bool> {
        self.take("?");
        if after_repeat {
            return Err("invalid nested repetition operator");
        }
        let missing = "missing argument to repetition operator";
        let node = self.top().nodes.pop().ok_or(missing)?;
        let node = Node::Repeat(Box::new(node), min, max);
        if node.repeats() > REPEAT_MAX {
            return Err(COUNT);
        }
        self.push(node);
        Ok(true)
    }

    /// Numbers in braces, or a brace that is only itself.
    fn braces(&mut self, after_repeat: bool) -> Parsed<bool> {
        let start = self.at;
        let Some((min, max)) = self.numbers() else {
            self.at = start;
            self.push_literal('{');
            return Ok(false);
        };
        if min > REPEAT_MAX || max.is_some_and(|max| max > REPEAT_MAX || max < min) {
            return Err(COUNT);
        }
        self.repeat(min, max, after_repeat)
    }

    fn numbers(&mut self) -> Option<(usize, Option<usize>)> {
        let min = self.number()?;
        if self.take("}") {
            return Some((min, Some(min)));
        }
        if !self.take(",") {
            return None;
        }
        if self.take("}") {
            return Some((min, None));
        }
        let max = self.number()?;
        self.take("}").then_some((min, Some(max)))
    }

    fn number(&mut self) -> Option<usize> {
        let start = self.at;
        while self.peek().is_some_and(|letter| letter.is_ascii_digit()) {
            self.at += 1;
        }
        let digits: String = self.text[start..self.at].iter().collect();
        let is_number = !digits.is_empty() && (digits.len() == 1 || !digits.starts_with('0'));
        is_number.then(|| digits.parse().unwrap_or(usize::MAX))
    }

    /// Behind `(?`.
    fn perl_group(&mut self) -> Parsed<()> {
        if self.take("P<") || self.take("<") {
            return self.named_group();
        }
        let (mut folds, mut clears, mut any) = (self.folds, false, false);
        loop {
            match self.next().ok_or(PERL)? {
                'i' => folds = !clears,
                'm' | 's' | 'U' => {}
                '-' if !clears => {
                    (clears, any) = (true, false);
                    continue;
                }
                end @ (':' | ')') if !clears || any => {
                    if end == ':' {
                        self.begin_group(folds);
                    } else {
                        self.folds = folds;
                    }
                    return Ok(());
                }
                _ => return Err(PERL),
            }
            any = true;
        }
    }

    fn named_group(&mut self) -> Parsed<()> {
        let invalid = "invalid named capture";
        let length =
            self.text[self.at..].iter().position(|&letter| letter == '>').ok_or(invalid)?;
        let name: String = self.text[self.at..self.at + length].iter().collect();
        self.at += length + 1;
        let is_word = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
        if name.is_empty() || !name.chars().all(is_word) {
            return Err(invalid);
        }
        if self.names.contains(&name) {
            return Err("duplicate capture group name");
        }
        self.names.push(name);
        self.begin_group(self.folds);
        Ok(())
    }

    fn backslash(&mut self) -> Parsed<()> {
        match self.peek() {
            Some('A') => self.single(Node::Begin),
            Some('z') => self.single(Node::End),
            Some('b') => self.single(Node::WordBoundary(true)),
            Some('B') => self.single(Node::WordBoundary(false)),
            Some('Q') => {
                self.at += 1;
                while self.peek().is_some() && !self.take("\\E") {
                    let letter = self.next().expect("there is one");
                    self.push_literal(letter);
                }
            }
            _ => match self.escaped_class()? {
                Some(part) => self.push_class(vec![part]),
                None => {
                    let letter = self.escape()?;
                    self.push_literal(letter);
                }
            },
        }
        Ok(())
    }

    fn single(&mut self, node: Node) {
        self.at += 1;
        self.push(node);
    }

    /// `\d` and its like, and categories of Unicode, behind the backslash.
    fn escaped_class(&mut self) -> Parsed<Option<(Ranges, bool)>> {
        let Some(letter) = self.peek() else { return Ok(None) };
        let perl = match letter.to_ascii_lowercase() {
            'd' => "digit",
            's' => "perl space",
            'w' => "word",
            'p' => {
                self.at += 1;
                return self.category(letter == 'P').map(Some);
            }
            _ => return Ok(None),
        };
        self.at += 1;
        let ranges = posix(perl).expect("it is one of ours");
        Ok(Some((ranges, letter.is_ascii_uppercase())))
    }

    fn category(&mut self, negated: bool) -> Parsed<(Ranges, bool)> {
        let mut name = String::from(self.next().ok_or(RANGE)?);
        if name == "{" {
            let length = self.text[self.at..].iter().position(|&l| l == '}').ok_or(RANGE)?;
            name = self.text[self.at..self.at + length].iter().collect();
            self.at += length + 1;
        }
        let plain = name.trim_start_matches('^');
        let ranges = category(plain).ok_or(RANGE)?;
        Ok((ranges, negated != name.starts_with('^')))
    }

    /// A character that is written with a backslash, behind that.
    fn escape(&mut self) -> Parsed<char> {
        let letter = self.next().ok_or("trailing backslash at end of expression")?;
        let is_octal = |letter: Option<char>| letter.is_some_and(|l| l.is_digit(8));
        match letter {
            '1'..='7' if !is_octal(self.peek()) => Err(ESCAPE),
            '0'..='7' => {
                let mut value = letter.to_digit(8).expect("it is octal");
                for _ in 0..2 {
                    if !is_octal(self.peek()) {
                        break;
                    }
                    let digit = self.next().and_then(|l| l.to_digit(8)).expect("it is octal");
                    value = value * 8 + digit;
                }
                char::from_u32(value).ok_or(ESCAPE)
            }
            'x' => self.hexadecimal(),
            'a' => Ok('\u{7}'),
            'f' => Ok('\u{c}'),
            'n' => Ok('\n'),
            'r' => Ok('\r'),
            't' => Ok('\t'),
            'v' => Ok('\u{b}'),
            _ if letter.is_ascii() && !letter.is_ascii_alphanumeric() => Ok(letter),
            _ => Err(ESCAPE),
        }
    }

    fn hexadecimal(&mut self) -> Parsed<char> {
        let digits: String = if self.take("{") {
            let length = self.text[self.at..].iter().position(|&l| l == '}').ok_or(ESCAPE)?;
            self.at += length + 1;
            self.text[self.at - length - 1..self.at - 1].iter().collect()
        } else {
            [self.next().ok_or(ESCAPE)?, self.next().ok_or(ESCAPE)?].iter().collect()
        };
        let value = u32::from_str_radix(&digits, 16).map_err(|_| ESCAPE)?;
        char::from_u32(value).ok_or(ESCAPE)
    }

    /// Behind `[`.
    fn class(&mut self) -> Parsed<()> {
        let negated = self.take("^");
        let mut parts = Vec::new();
        let mut is_first = true;
        while is_first || self.peek() != Some(']') {
            is_first = false;
            if let Some(part) = self.posix_class()? {
                parts.push(part);
                continue;
            }
            if self.peek() == Some('\\') {
                self.at += 1;
                if let Some(part) = self.escaped_class()? {
                    parts.push(part);
                    continue;
                }
                self.at -= 1;
            }
            parts.push((vec![self.class_range()?], false));
        }
        self.at += 1;
        let folds = self.folds;
        self.push(Node::Class(Class { parts, negated, folds }));
        Ok(())
    }

    fn posix_class(&mut self) -> Parsed<Option<(Ranges, bool)>> {
        let rest: String = self.text[self.at..].iter().collect();
        let Some(inner) = rest.strip_prefix("[:") else { return Ok(None) };
        let Some(end) = inner.find(":]") else { return Ok(None) };
        let name = &inner[..end];
        let ranges = posix(name.trim_start_matches('^')).ok_or(RANGE)?;
        self.at += 2 + name.chars().count() + 2;
        Ok(Some((ranges, name.starts_with('^'))))
    }

    fn class_range(&mut self) -> Parsed<(char, char)> {
        let from = self.class_letter()?;
        let is_range =
            self.peek() == Some('-') && self.text.get(self.at + 1).is_some_and(|&next| next != ']');
        if !is_range {
            return Ok((from, from));
        }
        self.at += 1;
        let to = self.class_letter()?;
        if to < from { Err(RANGE) } else { Ok((from, to)) }
    }

    fn class_letter(&mut self) -> Parsed<char> {
        match self.next().ok_or("missing closing ]")? {
            '\\' => self.escape(),
            letter => Ok(letter),
        }
    }
}

fn posix(name: &str) -> Option<Ranges> {
    let (digits, upper, lower) = (('0', '9'), ('A', 'Z'), ('a', 'z'));
    Some(match name {
        "alnum" => vec![digits, upper, lower],
        "alpha" => vec![upper, lower],
        "ascii" => vec![('\0', '\u{7f}')],
        "blank" => vec![('\t', '\t'), (' ', ' ')],
        "cntrl" => vec![('\0', '\u{1f}'), ('\u{7f}', '\u{7f}')],
        "digit" => vec![digits],
        "graph" => vec![('!', '~')],
        "lower" => vec![lower],
        "print" => vec![(' ', '~')],
        "punct" => vec![('!', '/'), (':', '@'), ('[', '`'), ('{', '~')],
        "space" => vec![('\t', '\r'), (' ', ' ')],
        "perl space" => vec![('\t', '\n'), ('\u{c}', '\r'), (' ', ' ')],
        "upper" => vec![upper],
        "word" => vec![digits, upper, lower, ('_', '_')],
        "xdigit" => vec![digits, ('A', 'F'), ('a', 'f')],
        _ => return None,
    })
}

fn category(name: &str) -> Option<Ranges> {
    Some(match name {
        "Any" => vec![('\0', char::MAX)],
        "L" | "Latin" => posix("alpha")?,
        "Lu" => posix("upper")?,
        "Ll" => posix("lower")?,
        "N" | "Nd" => posix("digit")?,
        "P" => {
            vec![('!', '#'), ('%', '*'), (',', '/'), (':', ';'), ('?', '@'), ('[', ']'), ('_', '_')]
        }
        "Pc" => vec![('_', '_')],
        "Pd" => vec![('-', '-')],
        "Po" => vec![
            ('!', '#'),
            ('%', '\''),
            ('*', '*'),
            (',', ','),
            ('.', '/'),
            (':', ';'),
            ('?', '@'),
        ],
        "Lm" | "Lo" | "Lt" | "M" | "Mc" | "Me" | "Mn" | "Nl" | "No" | "Pe" | "Pf" | "Pi" | "Ps"
        | "S" | "Sc" | "Sk" | "Sm" | "So" | "Z" | "Zl" | "Zp" | "Zs" | "C" | "Cc" | "Cf" | "Co"
        | "Cs" | "Greek" | "Cyrillic" | "Han" | "Arabic" | "Hebrew" | "Hiragana" | "Katakana"
        | "Hangul" | "Thai" | "Common" => Vec::new(),
        _ => return None,
    })
}
