//! How an effect prints: as the text that it is read from.

use std::fmt;

use super::effect::{Configured, Effect, Group, Sides};

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, host) in self.0.iter().enumerate() {
            let space = if i == 0 { "" } else { " " };
            write!(f, "{space}{host}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Sides {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Both(one, other) => write!(f, "{one} | {other}"),
            Self::OneWay(from, to) => write!(f, "{from} > {to}"),
        }
    }
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cut { sides } => write!(f, "cut {sides}"),
            Self::Isolate { hosts } => write!(f, "isolate {hosts}"),
            Self::Bridge { over, one, other } => write!(f, "bridge {over} over {one} | {other}"),
            Self::Ring { hosts } => write!(f, "ring {hosts}"),
            Self::Swizzle { hosts } => write!(f, "swizzle {hosts}"),
            Self::Delay { label, from, to, by, up_to } => {
                f.write_str("delay ")?;
                label.iter().try_for_each(|label| write!(f, "{label} "))?;
                write!(f, "{from} > {to} by {by}")?;
                up_to.iter().try_for_each(|most| write!(f, "..{most}"))
            }
            Self::Throttle { from, to, rate } => write!(f, "throttle {from} > {to} to {rate}"),
            Self::Stall { from, to } => write!(f, "stall {from} > {to}"),
            Self::Refuse { from, to } => write!(f, "refuse {from} > {to}"),
            Self::Hang { from, to } => write!(f, "hang {from} > {to}"),
            Self::Reset { one, other } => write!(f, "reset {one} - {other}"),
            Self::Hold { label, from, to } => write!(f, "hold {label} {from} > {to}"),
            Self::Release { label, from, to } => write!(f, "release {label} {from} > {to}"),
            Self::Crash { hosts, losing_unsynced: false } => write!(f, "crash {hosts}"),
            Self::Crash { hosts, losing_unsynced: true } => {
                write!(f, "crash {hosts} losing unsynced")
            }
            Self::Stop { hosts } => write!(f, "stop {hosts}"),
            Self::Restart { hosts, profile, config } => {
                write!(f, "restart {hosts}")?;
                profile.iter().try_for_each(|profile| write!(f, " as {profile}"))?;
                for (place, (key, value)) in config.iter().enumerate() {
                    let with = if place == 0 { " with" } else { "" };
                    write!(f, "{with} {key}={value}")?;
                }
                Ok(())
            }
            Self::Pause { hosts } => write!(f, "pause {hosts}"),
            Self::Slow { hosts, factor } => write!(f, "slow {hosts} by {factor}"),
            Self::Lag { hosts, by: None } => write!(f, "lag {hosts}"),
            Self::Lag { hosts, by: Some(by) } => write!(f, "lag {hosts} by {by}"),
            Self::Wipe { disk: None, hosts } => write!(f, "wipe {hosts}"),
            Self::Wipe { disk: Some(disk), hosts } => write!(f, "wipe disk {disk} of {hosts}"),
            Self::Swap { one, other } => write!(f, "swap {one} - {other}"),
            Self::Disk { disk: None, hosts, fault } => write!(f, "disk {hosts} {fault}"),
            Self::Disk { disk: Some(disk), hosts, fault } => {
                write!(f, "disk {disk} of {hosts} {fault}")
            }
            Self::Clock { hosts, fault } => write!(f, "clock {hosts} {fault}"),
            Self::Reassign { partition, to } => write!(f, "reassign {partition} to {to}"),
            Self::Cancel { partition } => write!(f, "cancel {partition}"),
            Self::Grow { topic, partitions } => write!(f, "grow {topic} to {partitions}"),
            Self::Elect { partition } => write!(f, "elect {partition}"),
            Self::Configure { of, with, without } => {
                match of {
                    Configured::Topic(topic) => write!(f, "configure topic {topic}")?,
                    Configured::Broker(host) => write!(f, "configure broker {host}")?,
                    Configured::Group(group) => write!(f, "configure group {group}")?,
                    Configured::Brokers => f.write_str("configure brokers")?,
                }
                for (place, (key, value)) in with.iter().enumerate() {
                    let with = if place == 0 { " with" } else { "" };
                    write!(f, "{with} {key}={value}")?;
                }
                for (place, key) in without.iter().enumerate() {
                    let without = if place == 0 { " without" } else { "" };
                    write!(f, "{without} {key}")?;
                }
                Ok(())
            }
            Self::Swarm { families } => {
                f.write_str("swarm")?;
                families.iter().try_for_each(|family| write!(f, " {family}"))
            }
        }
    }
}
