//! Whom a fault hits, to be read and to be replaced.
//!
//! Invariants: GR-1 what is put back unchanged is the same fault.

use trial_sim::fault::{Configured, Effect, Fault, Group, HostExpr, Sides};

/// The groups of an effect that may become smaller, in its order.
pub(super) fn groups(effect: &Effect) -> Vec<Group> {
    match effect {
        Effect::Cut { sides: Sides::Both(one, other) | Sides::OneWay(one, other) }
        | Effect::Bridge { one, other, .. }
        | Effect::Delay { from: one, to: other, .. }
        | Effect::Throttle { from: one, to: other, .. }
        | Effect::Stall { from: one, to: other }
        | Effect::Refuse { from: one, to: other }
        | Effect::Hang { from: one, to: other }
        | Effect::Reset { one, other }
        | Effect::Hold { from: one, to: other, .. }
        | Effect::Release { from: one, to: other, .. } => vec![one.clone(), other.clone()],
        Effect::Isolate { hosts }
        | Effect::Ring { hosts }
        | Effect::Swizzle { hosts }
        | Effect::Crash { hosts, .. }
        | Effect::Stop { hosts }
        | Effect::Restart { hosts, .. }
        | Effect::Pause { hosts }
        | Effect::Slow { hosts, .. }
        | Effect::Lag { hosts, .. }
        | Effect::Wipe { hosts, .. }
        | Effect::Disk { hosts, .. }
        | Effect::Clock { hosts, .. }
        | Effect::Reassign { to: hosts, .. } => vec![hosts.clone()],
        Effect::Swap { .. }
        | Effect::Swarm { .. }
        | Effect::Cancel { .. }
        | Effect::Grow { .. }
        | Effect::Elect { .. }
        | Effect::Configure { .. } => Vec::new(),
    }
}

/// The effect with other groups; none if one of them is empty, or a ring has no three hosts.
pub(super) fn with_groups(effect: &Effect, groups: Vec<Group>) -> Option<Effect> {
    if groups.iter().any(|group| group.0.is_empty()) {
        return None;
    }
    let mut effect = effect.clone();
    let mut left = groups.into_iter();
    match &mut effect {
        Effect::Cut { sides: Sides::Both(one, other) | Sides::OneWay(one, other) }
        | Effect::Bridge { one, other, .. }
        | Effect::Delay { from: one, to: other, .. }
        | Effect::Throttle { from: one, to: other, .. }
        | Effect::Stall { from: one, to: other }
        | Effect::Refuse { from: one, to: other }
        | Effect::Hang { from: one, to: other }
        | Effect::Reset { one, other }
        | Effect::Hold { from: one, to: other, .. }
        | Effect::Release { from: one, to: other, .. } => {
            (*one, *other) = (left.next()?, left.next()?);
        }
        Effect::Ring { hosts } => {
            *hosts = left.next()?;
            if hosts.0.len() < 3 {
                return None;
            }
        }
        Effect::Isolate { hosts }
        | Effect::Swizzle { hosts }
        | Effect::Crash { hosts, .. }
        | Effect::Stop { hosts }
        | Effect::Restart { hosts, .. }
        | Effect::Pause { hosts }
        | Effect::Slow { hosts, .. }
        | Effect::Lag { hosts, .. }
        | Effect::Wipe { hosts, .. }
        | Effect::Disk { hosts, .. }
        | Effect::Clock { hosts, .. }
        | Effect::Reassign { to: hosts, .. } => *hosts = left.next()?,
        Effect::Swap { .. }
        | Effect::Swarm { .. }
        | Effect::Cancel { .. }
        | Effect::Grow { .. }
        | Effect::Elect { .. }
        | Effect::Configure { .. } => {}
    }
    Some(effect)
}

/// The same faults without these hosts: whoever names only them goes, too.
pub(super) fn without_hosts(faults: &[Fault], is_gone: &dyn Fn(&str) -> bool) -> Vec<Fault> {
    let gone = |host: &HostExpr| matches!(host, HostExpr::Name(name) if is_gone(name));
    let less = |fault: &Fault| {
        let effect = match &fault.effect {
            Effect::Swap { one, other } if gone(one) || gone(other) => return None,
            Effect::Configure { of: Configured::Broker(host), .. } if gone(host) => return None,
            Effect::Bridge { over, one, other } if gone(over) => {
                Effect::Cut { sides: Sides::Both(one.clone(), other.clone()) }
            }
            effect => effect.clone(),
        };
        let mut left = groups(&effect);
        left.iter_mut().for_each(|group| group.0.retain(|host| !gone(host)));
        Some(Fault { effect: with_groups(&effect, left)?, ..fault.clone() })
    };
    faults.iter().filter_map(less).collect()
}

#[cfg(test)]
mod tests {
    use super::{groups, with_groups, without_hosts};
    use trial_sim::fault::{Fault, WORDS};

    #[test]
    fn every_word_of_the_fault_text_can_be_taken_apart_and_put_together() {
        for word in WORDS {
            let Ok(fault) = word.example.parse::<Fault>() else { continue };
            let same = with_groups(&fault.effect, groups(&fault.effect));
            assert_eq!(same.as_ref(), Some(&fault.effect), "GR-1: {}", word.example);
        }
    }

    #[test]
    fn a_fault_goes_with_the_last_host_that_it_names() {
        let lines = [
            ("at 2s cut b1 | b2 b4 for 1s", Some("at 2s cut b1 | b2 for 1s")),
            ("at 2s cut b1 | b4 for 1s", None),
            ("at 2s crash b4", None),
            ("at 2s crash leader(orders/0)", Some("at 2s crash leader(orders/0)")),
            ("at 2s bridge b4 over b1 | b2 for 1s", Some("at 2s cut b1 | b2 for 1s")),
            ("at 2s ring b1 b2 b4 for 1s", None),
            ("at 2s swap b1 - b4", None),
        ];
        for (line, want) in lines {
            let fault: Fault = line.parse().expect("a fault");
            let left = without_hosts(&[fault], &|name| name == "b4");
            assert_eq!(left.first().map(Fault::to_string).as_deref(), want, "{line}");
        }
    }
}
