//! Reads the effect of a fault: what happens, and to whom.

use super::clock_fault::ClockFault;
use super::disk_fault::{DiskCalls, DiskFault};
use super::effect::{Configured, Effect, Sides};
use super::error::FaultError;
use super::family::Family;
use super::parser::{Parser, Read};
use super::quantity::{parse_ppm, parse_signed_span, parse_span};
use super::words::{CLOCK_FAULTS, DISK_FAULTS, EFFECTS};
use crate::time::Span;

impl Parser<'_> {
    pub(super) fn effect(&mut self) -> Read<Effect> {
        match self.one_of("effect", EFFECTS)? {
            "cut" => self.cut(),
            "isolate" => Ok(Effect::Isolate { hosts: self.group()? }),
            "bridge" => self.bridge(),
            "ring" => Ok(Effect::Ring { hosts: self.group()? }),
            "swizzle" => Ok(Effect::Swizzle { hosts: self.group()? }),
            word @ ("delay" | "throttle" | "stall" | "refuse" | "hang") => self.on_link(word),
            word @ ("hold" | "release") => self.on_label(word),
            "reset" => {
                let one = self.group()?;
                self.dash("another host")?;
                Ok(Effect::Reset { one, other: self.group()? })
            }
            "crash" => {
                let hosts = self.group()?;
                let losing_unsynced = self.take("losing");
                if losing_unsynced {
                    self.need("unsynced")?;
                }
                Ok(Effect::Crash { hosts, losing_unsynced })
            }
            "stop" => Ok(Effect::Stop { hosts: self.group()? }),
            "restart" => self.restart(),
            "pause" => Ok(Effect::Pause { hosts: self.group()? }),
            "slow" => Ok(Effect::Slow { hosts: self.group()?, factor: self.factor()? }),
            "lag" => {
                let hosts = self.group()?;
                let by = if self.take("by") { Some(self.span()?) } else { None };
                Ok(Effect::Lag { hosts, by })
            }
            "wipe" => {
                let disk = if self.take("disk") { Some(self.disk_number()?) } else { None };
                Ok(Effect::Wipe { disk, hosts: self.group()? })
            }
            "swap" => {
                let one = self.host()?;
                self.dash("`(`")?;
                Ok(Effect::Swap { one, other: self.host()? })
            }
            "disk" => {
                let numbered = self
                    .peek()
                    .is_some_and(|token| token.text.starts_with(|c: char| c.is_ascii_digit()));
                let disk = if numbered { Some(self.disk_number()?) } else { None };
                Ok(Effect::Disk { disk, hosts: self.group()?, fault: self.disk_fault()? })
            }
            "clock" => Ok(Effect::Clock { hosts: self.group()?, fault: self.clock_fault()? }),
            word @ ("reassign" | "cancel" | "grow" | "elect") => self.by_admin(word),
            "configure" => self.configure(),
            _ => self.swarm(),
        }
    }

    fn by_admin(&mut self, word: &str) -> Read<Effect> {
        if word == "grow" {
            let topic = self.word("a topic such as orders")?.0.to_owned();
            self.need("to")?;
            let help = "a number of partitions";
            let (text, at) = self.word(help)?;
            let partitions = text.parse().map_err(|_| {
                FaultError::new(at, format!("`{text}` is no number of partitions"), &[help])
            })?;
            return Ok(Effect::Grow { topic, partitions });
        }
        let partition = self.word("a partition such as orders/0")?.0.to_owned();
        match word {
            "cancel" => Ok(Effect::Cancel { partition }),
            "elect" => Ok(Effect::Elect { partition }),
            _ => {
                self.need("to")?;
                Ok(Effect::Reassign { partition, to: self.group()? })
            }
        }
    }

    fn dash(&mut self, or: &str) -> Read<()> {
        if self.take("-") { Ok(()) } else { Err(self.wrong(&["`-`", or])) }
    }

    /// `1 of`, before the host.
    fn disk_number(&mut self) -> Read<u16> {
        let help = "the number of a disk, from 0 on";
        let (text, at) = self.word(help)?;
        let number = text.parse().map_err(|_| {
            FaultError::new(at, format!("`{text}` is no number of a disk"), &[help])
        })?;
        self.need("of")?;
        Ok(number)
    }

    fn bridge(&mut self) -> Read<Effect> {
        let over = self.host()?;
        self.need("over")?;
        let one = self.group()?;
        if !self.take("|") {
            return Err(self.wrong(&["`|`", "another host"]));
        }
        Ok(Effect::Bridge { over, one, other: self.group()? })
    }

    fn restart(&mut self) -> Read<Effect> {
        let hosts = self.group()?;
        let named = self.take("as");
        let profile =
            if named { Some(self.word("a profile such as 4.3")?.0.to_owned()) } else { None };
        let mut config = Vec::new();
        if self.take("with") {
            while config.is_empty() || self.peek().is_some_and(|token| token.is_word) {
                config.push(self.setting("a setting such as num.io.threads=1")?);
            }
        }
        Ok(Effect::Restart { hosts, profile, config })
    }

    fn setting(&mut self, example: &str) -> Read<(String, String)> {
        let key = self.word(example)?.0.to_owned();
        self.need("=")?;
        Ok((key, self.word("a value")?.0.to_owned()))
    }

    fn configure(&mut self) -> Read<Effect> {
        let of =
            match self.one_of("thing with settings", &["topic", "broker", "brokers", "group"])? {
                "topic" => Configured::Topic(self.word("a topic such as orders")?.0.to_owned()),
                "broker" => Configured::Broker(self.host()?),
                "group" => {
                    Configured::Group(self.word("a consumer group such as readers")?.0.to_owned())
                }
                _ => Configured::Brokers,
            };
        let (mut with, mut without) = (Vec::new(), Vec::new());
        if self.take("with") {
            let ends = |it: &Self| it.sees("without") || it.peek().is_none_or(|next| !next.is_word);
            while with.is_empty() || !ends(self) {
                with.push(self.setting("a setting such as retention.ms=1000")?);
            }
        } else if !self.sees("without") {
            return Err(self.wrong(&["`with`", "`without`"]));
        }
        if self.take("without") {
            while without.is_empty() || self.peek().is_some_and(|token| token.is_word) {
                without.push(self.word("a setting such as retention.ms")?.0.to_owned());
            }
        }
        Ok(Effect::Configure { of, with, without })
    }

    fn cut(&mut self) -> Read<Effect> {
        let one = self.group()?;
        let sides = if self.take("|") {
            Sides::Both(one, self.group()?)
        } else if self.take(">") {
            Sides::OneWay(one, self.group()?)
        } else {
            return Err(self.wrong(&["`|`", "`>`", "another host"]));
        };
        Ok(Effect::Cut { sides })
    }

    fn on_link(&mut self, word: &str) -> Read<Effect> {
        if word == "delay" {
            let label = if self.sees_label() { Some(self.label()?) } else { None };
            let (from, to) = self.link()?;
            self.need("by")?;
            let by = self.positive_span()?;
            let up_to = if self.take("..") { Some(self.longer_than(by)?) } else { None };
            return Ok(Effect::Delay { label, from, to, by, up_to });
        }
        let (from, to) = self.link()?;
        Ok(match word {
            "throttle" => Effect::Throttle { from, to, rate: self.rate()? },
            "refuse" => Effect::Refuse { from, to },
            "hang" => Effect::Hang { from, to },
            _ => Effect::Stall { from, to },
        })
    }

    fn longer_than(&mut self, least: Span) -> Read<Span> {
        let at = self.here();
        let most = self.span()?;
        if most > least {
            return Ok(most);
        }
        let expected = format!("longer than {least}");
        Err(FaultError::new(at, "this range is empty", &[&expected]))
    }

    fn on_label(&mut self, word: &str) -> Read<Effect> {
        let label = self.label()?;
        let (from, to) = self.link()?;
        Ok(match word {
            "hold" => Effect::Hold { label, from, to },
            _ => Effect::Release { label, from, to },
        })
    }

    fn disk_fault(&mut self) -> Read<DiskFault> {
        Ok(match self.one_after_group("disk fault", DISK_FAULTS)? {
            "slow" => DiskFault::Slow(self.factor()?),
            "throttle" => DiskFault::Throttle(self.rate()?),
            "eio" => {
                let once = self.take("once");
                let calls = DiskCalls::ALL.into_iter().find(|(word, _)| self.take(word));
                DiskFault::Eio { once, calls: calls.map(|(_, calls)| calls), path: self.path()? }
            }
            "full" => DiskFault::Full,
            "rot" => DiskFault::Rot { path: self.path()? },
            "misread" => DiskFault::Misread { path: self.path()? },
            "misdirect" => DiskFault::Misdirect { path: self.path()? },
            "hangs" => DiskFault::Hangs,
            _ => DiskFault::Dies,
        })
    }

    /// `in PATH`, if it stands there.
    fn path(&mut self) -> Read<Option<String>> {
        if !self.take("in") {
            return Ok(None);
        }
        let help = "a file or a directory such as orders-0";
        let (path, at) = self.word(help)?;
        if path.starts_with('/') || path.ends_with('/') {
            return Err(FaultError::new(at, "a path begins and ends without a slash", &[help]));
        }
        Ok(Some(path.to_owned()))
    }

    fn clock_fault(&mut self) -> Read<ClockFault> {
        match self.one_after_group("clock fault", CLOCK_FAULTS)? {
            "ahead" => {
                let ahead = |text: &str| {
                    parse_span(text).map_err(|error| match text.strip_prefix('-') {
                        Some(_) => FaultError {
                            what: "a clock cannot be ahead by a negative duration".to_owned(),
                            expected: vec!["a duration".to_owned(), format!("`step {text}`")],
                            ..error
                        },
                        None => error,
                    })
                };
                Ok(ClockFault::Ahead(self.quantity("a duration such as 5s", ahead)?))
            }
            "drift" => Ok(ClockFault::Drift(self.quantity("a drift such as 200ppm", parse_ppm)?)),
            _ => {
                let nanos = self.quantity("a duration such as 2s or -2s", parse_signed_span)?;
                Ok(ClockFault::Step(nanos))
            }
        }
    }

    fn swarm(&mut self) -> Read<Effect> {
        let words: Vec<&'static str> = Family::ALL.iter().map(|(word, _)| *word).collect();
        let mut families = Vec::new();
        while families.is_empty() || self.peek().is_some_and(|t| t.is_word && t.text != "for") {
            let at = self.here();
            let word = self.one_of("family", &words)?;
            let family = Family::ALL.iter().find(|(name, _)| *name == word).map(|(_, f)| *f);
            let family = family.expect("the word is one of theirs");
            if families.contains(&family) {
                let what = format!("`{word}` stands here twice");
                return Err(FaultError::new(at, what, &["another family"]));
            }
            families.push(family);
        }
        Ok(Effect::Swarm { families })
    }
}
