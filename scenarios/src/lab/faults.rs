//! What a Lab does to its cluster, in the words of scenario files.

use trial_sim::Time;
use trial_sim::fault::{Fault, When};

use super::lab::Lab;

/// A fault that was set off: to be ended, or asked what it did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ongoing(Vec<usize>);

impl Lab {
    /// Sets off a fault, in the words of a scenario file. Without a time it begins now and lasts until it is ended,
    /// or as long as it says: `crash leader(orders/0) losing unsynced for 4s`. With one it waits for it: `at 20s cut
    /// b1 | b2 b3`, `when isr(orders/0) == 1 crash b1`.
    ///
    /// # Panics
    /// If it is no fault, names what is not there, or stands for nobody now.
    #[track_caller]
    pub fn fault(&mut self, fault: &str) -> Ongoing {
        let first = fault.split_whitespace().next().unwrap_or_default();
        let is_planned = matches!(first, "at" | "during" | "every" | "when");
        let line = if is_planned { fault.to_owned() } else { format!("at {} {fault}", self.now()) };
        let read = match self.run.scenario().fault(&line) {
            Ok(read) => read,
            Err(error) => panic!("{:?}", miette::Report::new(error)),
        };
        let ongoing = Ongoing(self.run.begin(&read));
        let told = self.what_it_did(&ongoing);
        if is_due(&read, self.now()) && told.contains("found nobody") {
            panic!("`{fault}` found nobody\n\n{self}");
        }
        self.look();
        ongoing
    }

    /// Ends one fault: what it held goes on, whom it took down starts again.
    #[track_caller]
    pub fn end(&mut self, fault: &Ongoing) {
        fault.0.iter().for_each(|index| self.run.end_fault(*index));
        self.look();
    }

    /// Ends every fault, and starts everybody who is down.
    #[track_caller]
    pub fn heal_all(&mut self) {
        self.run.heal();
        self.look();
    }

    /// What a fault has done so far, in words.
    #[must_use]
    pub fn what_it_did(&mut self, fault: &Ongoing) -> String {
        let outcomes = self.run.fault_outcomes();
        let of = |index: &usize| outcomes[*index].effect.text.clone();
        fault.0.iter().map(of).collect::<Vec<_>>().join("; ")
    }

    /// The process dies, the machine keeps its power and its page cache. Hosts are named as in faults: `b1`, `b1 b2`,
    /// `leader(orders/0)`, `controller()`.
    ///
    /// # Panics
    /// As [`fault`](Self::fault).
    #[track_caller]
    pub fn crash(&mut self, hosts: &str) -> Ongoing {
        self.fault(&format!("crash {hosts}"))
    }

    /// The machine loses its power, and with it what was not synced.
    ///
    /// # Panics
    /// As [`fault`](Self::fault).
    #[track_caller]
    pub fn lose_power(&mut self, hosts: &str) -> Ongoing {
        self.fault(&format!("crash {hosts} losing unsynced"))
    }

    /// The process is asked to stop in good order.
    ///
    /// # Panics
    /// As [`fault`](Self::fault).
    #[track_caller]
    pub fn stop(&mut self, hosts: &str) -> Ongoing {
        self.fault(&format!("stop {hosts}"))
    }

    /// Starts a host that is down; nothing if it runs. One that is on its way out starts once it is.
    ///
    /// # Panics
    /// If there is no such host.
    #[track_caller]
    pub fn restart(&mut self, host: &str) {
        let host = self.host(host);
        self.run.start_again(host);
        self.look();
    }

    /// Nothing runs on the hosts, and their connections stay open.
    ///
    /// # Panics
    /// As [`fault`](Self::fault).
    #[track_caller]
    pub fn pause(&mut self, hosts: &str) -> Ongoing {
        self.fault(&format!("pause {hosts}"))
    }

    /// Nothing gets through between the two sides: `lab.cut("b1", "b2 b3")`. It is late, not lost.
    ///
    /// # Panics
    /// As [`fault`](Self::fault).
    #[track_caller]
    pub fn cut(&mut self, one: &str, other: &str) -> Ongoing {
        self.fault(&format!("cut {one} | {other}"))
    }

    /// The hosts are cut off from everybody else, clients among them.
    ///
    /// # Panics
    /// As [`fault`](Self::fault).
    #[track_caller]
    pub fn isolate(&mut self, hosts: &str) -> Ongoing {
        self.fault(&format!("isolate {hosts}"))
    }
}

/// Whether a fault has begun.
fn is_due(fault: &Fault, now: Time) -> bool {
    matches!(fault.when, When::At(at) if at <= now)
}
