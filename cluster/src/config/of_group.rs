//! What one group may be told to live by: the settings of the resource type GROUP.
//!
//! In Kafka:   `GroupConfig.validate`, `GroupCoordinatorConfig.extractGroupConfigMap`; KIP-848, KIP-932, KIP-1071.
//! Inputs:     all that would be set for a group then, and what the node's file says: brokers have a least and a most
//!             for most of it.
//! Invariants: OG-1 a group's session is longer than the interval of its heartbeats.

use std::collections::BTreeMap;

use super::schema::{ConfigKey, ConfigType, Section, key, keys};

/// What has a least or a most on brokers, in the order in which Kafka looks at it.
const BOUNDED: [&str; 13] = [
    "consumer.heartbeat.interval.ms",
    "consumer.session.timeout.ms",
    "consumer.assignment.interval.ms",
    "share.heartbeat.interval.ms",
    "share.session.timeout.ms",
    "share.record.lock.duration.ms",
    "share.delivery.count.limit",
    "share.partition.max.record.locks",
    "share.assignment.interval.ms",
    "streams.heartbeat.interval.ms",
    "streams.session.timeout.ms",
    "streams.num.standby.replicas",
    "streams.assignment.interval.ms",
];

/// What is set for a group by name.
type Set<'a> = BTreeMap<&'a str, String>;

/// Whether a group can have these settings, on a node with this file.
///
/// # Errors
/// If it cannot, with Kafka's words for why.
pub fn check(set: &Set<'_>, file: &BTreeMap<String, String>) -> Result<(), String> {
    if let Some(name) = set.keys().find(|name| key(Section::Group, name).is_none()) {
        return Err(format!("Unknown group config name: {name}"));
    }
    for key in keys(Section::Group) {
        if let Some(text) = set.get(key.name) {
            check_value(&key, text).map_err(|why| {
                format!("Invalid value {} for configuration {}: {why}", text.trim(), key.name)
            })?;
        }
    }
    let of_broker = |name: &str| {
        let text = file.get(name).map(String::as_str);
        whole(text.or_else(|| key(Section::Broker, name)?.default)?)
    };
    for own in BOUNDED {
        let Some(value) = set.get(own).and_then(|text| whole(text)) else { continue };
        let [least, most] = ["min", "max"].map(|end| bound(own, end));
        if of_broker(&least).is_some_and(|least| value < least) {
            return Err(format!("{own} must be greater than or equal to {least}"));
        }
        if of_broker(&most).is_some_and(|most| value > most) {
            return Err(format!("{own} must be less than or equal to {most}"));
        }
    }
    for kind in ["consumer", "share", "streams"] {
        let [session, heartbeat] =
            ["session.timeout.ms", "heartbeat.interval.ms"].map(|name| format!("{kind}.{name}"));
        let value = |own: &str| {
            let text = set.get(own).and_then(|text| whole(text));
            text.or_else(|| of_broker(&format!("group.{own}")))
        };
        // OG-1.
        if value(&session) <= value(&heartbeat) {
            return Err(format!("{session} must be greater than {heartbeat}"));
        }
    }
    Ok(())
}

/// What brokers call the least or the most of it: `group.consumer.min.session.timeout.ms`; they may have none.
fn bound(own: &str, end: &str) -> String {
    let (kind, name) = own.split_once('.').expect("a kind of group comes first");
    format!("group.{kind}.{end}.{}", name.strip_prefix("num.").unwrap_or(name))
}

fn whole(text: &str) -> Option<i64> {
    text.trim().parse::<i32>().ok().map(i64::from)
}

/// The type of a value, and what else holds for it on every node.
fn check_value(key: &ConfigKey, text: &str) -> Result<(), String> {
    let text = text.trim();
    match (key.kind, key.name) {
        (ConfigType::Int, _) => {
            let least = match key.name {
                "share.record.lock.duration.ms" => 1_000,
                "share.delivery.count.limit" => 2,
                "share.partition.max.record.locks" => 100,
                name if name.contains(".session.") || name.contains(".heartbeat.") => 1,
                _ => 0,
            };
            let value = whole(text).ok_or("Not a number of type INT")?;
            match value < least {
                true => Err(format!("Value must be at least {least}")),
                false => Ok(()),
            }
        }
        (ConfigType::Boolean, _) => match text.to_ascii_lowercase().as_str() {
            "true" | "false" => Ok(()),
            _ => Err("Expected value to be either true or false".to_owned()),
        },
        (_, "share.isolation.level") => match text {
            "read_committed" | "read_uncommitted" => Ok(()),
            _ => Err("String must be one of: read_committed, read_uncommitted".to_owned()),
        },
        (_, name) => match text {
            "earliest" | "latest" => Ok(()),
            _ if text.strip_prefix("by_duration:").is_some_and(is_duration) => Ok(()),
            _ => Err(format!(
                "Invalid value `{text}` for configuration {name}. The value must be either 'earliest', 'latest' or of the format 'by_duration:<PnDTnHnMn.nS>'."
            )),
        },
    }
}

/// Whether a text is a duration in Java's form (`java.time.Duration.parse`) that is not negative.
fn is_duration(text: &str) -> bool {
    let text = text.to_ascii_uppercase();
    let (sign, text) = signed(&text);
    let Some(text) = text.strip_prefix('P') else { return false };
    let (days, clock) = match text.split_once('T') {
        Some((days, clock)) if !clock.is_empty() => (days, clock),
        Some(_) => return false,
        None => (text, ""),
    };
    if days.is_empty() && clock.is_empty() {
        return false;
    }
    let of_clock = [('H', 3_600), ('M', 60), ('S', 1)];
    let nanos = nanos_in(days, &[('D', 86_400)]).zip(nanos_in(clock, &of_clock));
    nanos.is_some_and(|(days, clock)| sign * (days + clock) >= 0)
}

/// The sum of numbers, each with its unit behind it, of which each is there once at most, in this order.
fn nanos_in(text: &str, units: &[(char, i128)]) -> Option<i128> {
    let (mut nanos, mut rest) = (0, text);
    for (unit, seconds) in units {
        if let Some((number, behind)) = rest.split_once(*unit) {
            nanos += nanos_of(number, *unit == 'S')? * seconds;
            rest = behind;
        }
    }
    rest.is_empty().then_some(nanos)
}

/// A number of seconds, or of what is longer, in nanoseconds.
fn nanos_of(number: &str, may_have_fraction: bool) -> Option<i128> {
    let (sign, digits) = signed(number);
    let (digits, fraction) = match digits.split_once(['.', ',']) {
        Some((digits, fraction)) if may_have_fraction && fraction.len() <= 9 => (digits, fraction),
        Some(_) => return None,
        None => (digits, ""),
    };
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if digits.is_empty() || !is_number(digits) || !is_number(fraction) {
        return None;
    }
    let whole = i128::from(digits.parse::<i64>().ok()?);
    let fraction = format!("{fraction:0<9}").parse::<i128>().ok()?;
    Some(sign * (whole * 1_000_000_000 + fraction))
}

fn signed(text: &str) -> (i128, &str) {
    match text.strip_prefix('-') {
        Some(text) => (-1, text),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{check, is_duration};

    #[track_caller]
    fn refused(set: &[(&'static str, &str)], file: &[(&str, &str)]) -> Option<String> {
        let set = set.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        let file: BTreeMap<_, _> =
            file.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        check(&set, &file).err()
    }

    #[test]
    fn brokers_have_a_least_and_a_most() {
        let session = "consumer.session.timeout.ms";
        assert_eq!(refused(&[(session, " 50000 ")], &[]), None);
        let least = "group.consumer.min.session.timeout.ms";
        let why = format!("{session} must be greater than or equal to {least}");
        assert_eq!(refused(&[(session, "6000")], &[]), Some(why));
        assert_eq!(refused(&[(session, "6000")], &[(least, "1000")]), None);
        let why = "consumer.session.timeout.ms must be greater than consumer.heartbeat.interval.ms";
        assert_eq!(refused(&[(session, "5000")], &[(least, "1000")]), Some(why.to_owned()), "OG-1");
        let why = "streams.num.standby.replicas must be less than or equal to group.streams.max.standby.replicas";
        assert_eq!(refused(&[("streams.num.standby.replicas", "3")], &[]), Some(why.to_owned()));
    }

    #[test]
    fn durations_are_javas() {
        for good in [
            "PT1H",
            "P1D",
            "PT0S",
            "p1dt1.5s",
            "PT-1H61M",
            "-PT-1S",
            "PT1,S",
            "P+2DT3H4M5.123456789S",
        ] {
            assert!(is_duration(good), "{good}");
        }
        for bad in [
            "",
            "P",
            "PT",
            "P1DT",
            "1H",
            "PT1",
            "PT1.5H",
            "PT1M1H",
            "-PT1H",
            "PT-1S",
            "PTS",
            "P1DT1D",
            "PT1.1234567890S",
        ] {
            assert!(!is_duration(bad), "{bad}");
        }
    }
}
