//! `trial conform`: conversations that Apache Kafka had, had again with our brokers.
//!
//! Effects:    what differs, by conversation and step; how many are alike; which invariants our brokers violated; in
//!             which conversation Trial itself panicked: the others are had all the same; how many were not had, since
//!             they ask what our brokers do not serve.

use std::collections::BTreeMap;
use std::path::Path;

use trial_scenarios::conform::{Conversation, Known, NotPlayed, Strange, play};
use trial_scenarios::play::EXIT_OUR_FAULT;

use super::args::ConformArgs;
use super::print::{Stop, complain, say};

/// Something differs that is not listed, or an invariant was violated.
const EXIT_DIFFERS: u8 = 1;
/// Differences of one conversation that are shown.
const SHOWN: usize = 8;

pub(crate) fn conform(args: &ConformArgs) -> Result<u8, Stop> {
    let mut known = Known::of(&args.path)?;
    let (conversations, not_had) = to_be_had(Conversation::all(&args.path)?, &mut known);
    let (mut answers, mut alike, mut listed, mut strange, mut violated) = (0, 0, 0, 0, 0);
    let mut broken = 0;
    let mut reasons: BTreeMap<String, usize> = BTreeMap::new();
    for conversation in &conversations {
        let played = match play(conversation) {
            Ok(played) => played,
            Err(NotPlayed::Refused(refused)) => return Err(refused.into()),
            Err(fault @ NotPlayed::OurFault { .. }) => {
                complain(&fault);
                let again = conversation.path.display();
                complain(format_args!("please report it with this line:   trial conform {again}"));
                broken += 1;
                continue;
            }
        };
        answers += played.answers;
        violated += usize::from(!played.violated.is_empty());
        for violation in &played.violated {
            say(format_args!("{}: violated: {violation}\n", conversation.path.display()));
        }
        let mut left = Vec::new();
        let mut is_listed = false;
        for found in played.strange {
            match known.excuse(conversation, found.step, &found.difference) {
                Some(why) => {
                    is_listed = true;
                    *reasons.entry(why.to_owned()).or_default() += 1;
                }
                None => left.push(found),
            }
        }
        match (left.is_empty(), is_listed) {
            (false, _) => strange += 1,
            (true, true) => listed += 1,
            (true, false) => alike += 1,
        }
        if !left.is_empty() {
            say(told(conversation, &args.path, &left));
        }
    }
    say(format_args!(
        "{} conversations, {answers} answers of Apache Kafka 4.3.0: {alike} alike, {listed} differ as listed, {strange} differ\n",
        conversations.len()
    ));
    say(not_had);
    for (why, count) in &reasons {
        say(format_args!("  {count:>4} times: {why}\n"));
    }
    let unused: Vec<&str> = known.unused().collect();
    for entry in &unused {
        say(format_args!("  listed, and not seen: {entry}\n"));
    }
    if violated > 0 {
        say(format_args!("  an invariant was violated in {violated} of them\n"));
    }
    if broken > 0 {
        say(format_args!("  not had, by a fault of Trial itself: {broken}\n"));
        return Ok(EXIT_OUR_FAULT);
    }
    let is_clean = strange == 0 && unused.is_empty() && violated == 0;
    Ok(if is_clean { 0 } else { EXIT_DIFFERS })
}

/// The conversations that can be had; and how many cannot, since our brokers do not serve what they ask.
fn to_be_had(all: Vec<Conversation>, known: &mut Known) -> (Vec<Conversation>, String) {
    let mut asked: BTreeMap<&str, usize> = BTreeMap::new();
    let mut not_had = 0;
    let mut can_be_had = |conversation: &Conversation| {
        let missing = known.passes_over(conversation);
        not_had += usize::from(!missing.is_empty());
        for api in &missing {
            *asked.entry(api.name()).or_default() += 1;
        }
        missing.is_empty()
    };
    let conversations = all.into_iter().filter(|one| can_be_had(one)).collect();
    if not_had == 0 {
        return (conversations, String::new());
    }
    let mut told = format!("  not had, since our brokers do not serve what they ask: {not_had}\n");
    for (api, count) in asked {
        told.push_str(&format!("  {count:>4} ask {api}\n"));
    }
    (conversations, told)
}

fn told(conversation: &Conversation, root: &Path, strange: &[Strange]) -> String {
    let path = conversation.path.strip_prefix(root).unwrap_or(&conversation.path);
    let path = if path.as_os_str().is_empty() { &conversation.path } else { path };
    let mut text = format!("{}: {}\n", path.display(), conversation.name);
    let mut step = None;
    for Strange { step: at, asked, difference } in strange.iter().take(SHOWN) {
        if step.replace(*at) != Some(*at) {
            text.push_str(&format!("  step {at}, {asked}\n"));
        }
        text.push_str(&format!("    {difference}\n"));
    }
    if strange.len() > SHOWN {
        text.push_str(&format!("  … and {} more\n", strange.len() - SHOWN));
    }
    text.push('\n');
    text
}
