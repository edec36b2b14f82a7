//! Regular expressions as brokers understand them, matched against whole names of topics.
//!
//! In Kafka:   `com.google.re2j.Pattern`; KIP-848 chose RE2 since it needs no backtracking.
//! Holds:      a syntax tree. Matching walks it with the set of all places where a match may have come to.
//! Left out:   places of groups, and the difference between greedy and lazy: nobody asks where, only whether. Letters
//!             beyond ASCII are known by no category: a topic has none in its name.

use std::collections::BTreeSet;

use super::pattern_parse::Parser;

/// A set of characters.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Class {
    /// Ranges, each with both its ends; true: what is not in any of these.
    pub parts: Vec<(Vec<(char, char)>, bool)>,
    /// What is not in it.
    pub negated: bool,
    /// Whether the case of letters does not matter.
    pub folds: bool,
}

impl Class {
    fn has(&self, letter: char) -> bool {
        let in_part = |(ranges, negated): &(Vec<(char, char)>, bool)| {
            ranges.iter().any(|&(from, to)| (from..=to).contains(&letter)) != *negated
        };
        self.parts.iter().any(in_part)
    }

    fn matches(&self, letter: char) -> bool {
        let folded = self.folds
            && (self.has(letter.to_ascii_lowercase()) || self.has(letter.to_ascii_uppercase()));
        (self.has(letter) || folded) != self.negated
    }
}

/// A syntax tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Node {
    /// One character.
    Class(Class),
    /// The beginning of the text.
    Begin,
    /// Its end.
    End,
    /// A place between a word and something else; false: one that is not.
    WordBoundary(bool),
    /// One after the other.
    Concat(Vec<Node>),
    /// One of them.
    Alternate(Vec<Node>),
    /// So often, and no more often than that, if there is an end to it.
    Repeat(Box<Node>, usize, Option<usize>),
}

type Places = BTreeSet<usize>;

impl Node {
    fn run(&self, text: &[char], from: &Places) -> Places {
        let keep = |condition: &dyn Fn(usize) -> bool| -> Places {
            from.iter().copied().filter(|&place| condition(place)).collect()
        };
        let is_word = |place: Option<usize>| {
            let letter = place.and_then(|place| text.get(place));
            letter.is_some_and(|letter| letter.is_ascii_alphanumeric() || *letter == '_')
        };
        match self {
            Self::Class(class) => {
                let steps = |&place: &usize| text.get(place).is_some_and(|&at| class.matches(at));
                from.iter().filter(|place| steps(place)).map(|place| place + 1).collect()
            }
            Self::Begin => keep(&|place| place == 0),
            Self::End => keep(&|place| place == text.len()),
            Self::WordBoundary(wanted) => {
                keep(&|place| (is_word(place.checked_sub(1)) != is_word(Some(place))) == *wanted)
            }
            Self::Concat(nodes) => {
                nodes.iter().fold(from.clone(), |places, node| node.run(text, &places))
            }
            Self::Alternate(nodes) => nodes.iter().flat_map(|node| node.run(text, from)).collect(),
            Self::Repeat(node, min, max) => repeat(node, *min, *max, text, from),
        }
    }

    /// How often a part of it is repeated at most, by numbers in braces within each other.
    pub(super) fn repeats(&self) -> usize {
        match self {
            Self::Repeat(node, min, max) => {
                node.repeats().saturating_mul(max.unwrap_or(*min).max(1))
            }
            Self::Concat(nodes) | Self::Alternate(nodes) => {
                nodes.iter().map(Self::repeats).max().unwrap_or(1)
            }
            _ => 1,
        }
    }
}

fn repeat(node: &Node, min: usize, max: Option<usize>, text: &[char], from: &Places) -> Places {
    let mut places = from.clone();
    for _ in 0..min {
        places = node.run(text, &places);
    }
    let (mut all, mut newest, mut rounds) = (places.clone(), places, min);
    while !newest.is_empty() && max.is_none_or(|max| rounds < max) {
        let next = node.run(text, &newest);
        newest = next.difference(&all).copied().collect();
        all.extend(&newest);
        rounds += 1;
    }
    all
}

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pattern(Node);

impl Pattern {
    /// What a text means.
    ///
    /// # Errors
    /// It means nothing; RE2/J's words for why.
    pub(crate) fn compile(text: &str) -> Result<Self, &'static str> {
        Parser::new(text).parse().map(Self)
    }

    /// Whether it matches all of a text.
    pub(crate) fn matches(&self, text: &str) -> bool {
        let text: Vec<char> = text.chars().collect();
        self.0.run(&text, &Places::from([0])).contains(&text.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_said_in_the_words_of_re2j() {
        let (paren, bracket) = ("missing closing )", "missing closing ]");
        let (nothing, nested) =
            ("missing argument to repetition operator", "invalid nested repetition operator");
        let (perl, range) = ("invalid or unsupported Perl syntax", "invalid character class range");
        let (escape, count) = ("invalid escape sequence", "invalid repeat count");
        // As com.google.re2j 1.8 answered.
        let rows = [
            ("*[", nothing),
            ("foo*[", bracket),
            ("(", paren),
            ("a)", "regexp/syntax: internal error"),
            ("[a", bracket),
            ("*a", nothing),
            ("a**", nested),
            ("a++", nested),
            ("\\", "trailing backslash at end of expression"),
            ("\\q", escape),
            ("\\8", escape),
            ("[a-\\d]", escape),
            ("\\C", escape),
            ("a{2000}", count),
            ("x{1001}", count),
            ("a{2,1}", count),
            ("[z-a]", range),
            ("[[:foo:]]", range),
            ("\\pX", range),
            ("(?P<n", "invalid named capture"),
            ("(?P<n>a)(?P<n>b)", "duplicate capture group name"),
            ("(?i", perl),
            ("(?=a)", perl),
            ("(?z)", perl),
            ("[]", bracket),
        ];
        for (text, why) in rows {
            assert_eq!(Pattern::compile(text), Err(why), "{text}");
        }
    }

    #[test]
    fn a_whole_name_is_matched() {
        let rows = [
            ("foo", "foo", true),
            ("foo", "foobar", false),
            ("foo.*", "foobar", true),
            ("foo|bar", "bar", true),
            ("foo|bar", "foobar", false),
            ("(foo|bar)+", "foobarfoo", true),
            ("^a$", "a", true),
            ("(?i)AB", "aB", true),
            ("(?i:a)B", "Ab", false),
            ("a{2,3}", "aa", true),
            ("a{2,3}", "aaaa", false),
            ("a{,2}", "a{,2}", true),
            ("[[a]", "[", true),
            ("[a&&b]", "&", true),
            ("[]a]", "]", true),
            ("[^a-c]x", "dx", true),
            ("[^a-c]x", "bx", false),
            ("\\Qa.b\\E", "a.b", true),
            ("\\Qa.b\\E", "axb", false),
            ("\\w+-\\d{2}", "orders-07", true),
            ("[[:alpha:]_]+", "a_b", true),
            ("\\p{Lu}x", "Ax", true),
            ("\\PLx", "1x", true),
            ("(?U)a+?", "aaa", true),
            ("(a*)*", "", true),
            ("(?<n>a)\\b.c\\z", "a.c", true),
            ("\\x41\\x{42}", "AB", true),
        ];
        for (text, name, want) in rows {
            let pattern = Pattern::compile(text).unwrap_or_else(|why| panic!("{text}: {why}"));
            assert_eq!(pattern.matches(name), want, "{text} {name}");
        }
    }
}
