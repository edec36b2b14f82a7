//! What the checks need of an operation.
//!
//! In Jepsen:  `jepsen.history.Op`, and `op-writes` and `op-reads` of `jepsen.tests.kafka`.
//! Invariants: OQ-1 the pairs that an operation polled of a key stand together, in the order of its polls.

use std::ops::Range;

use super::super::Type;
use super::value::{Key, Val};

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Function {
    /// Sends alone.
    #[default]
    Send,
    /// Polls alone.
    Poll,
    /// Both, perhaps.
    Txn,
    /// Takes partitions by hand.
    Assign,
    /// Takes what the group gives it.
    Subscribe,
}

/// A send within an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Send {
    pub(super) key: Key,
    pub(super) offset: Option<i64>,
    pub(super) value: Val,
}

/// A record that was polled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Read {
    pub(super) offset: Option<i64>,
    pub(super) value: Val,
}

/// What was polled of a key: a part of [`Op::reads`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Polled {
    pub(super) key: Key,
    pub(super) from: u32,
    pub(super) to: u32,
}

impl Polled {
    /// Where its records stand.
    pub(super) fn range(&self) -> Range<usize> {
        self.from as usize..self.to as usize
    }
}

/// A line of a history, of a client, that the checks look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Op {
    pub(super) index: u64,
    pub(super) kind: Type,
    pub(super) f: Function,
    pub(super) process: i64,
    pub(super) sends: Vec<Send>,
    pub(super) polled: Vec<Polled>,
    pub(super) reads: Vec<Read>,
    /// Of `assign` and `subscribe`: which keys.
    pub(super) keys: Vec<Key>,
    /// Keys of the rebalance log.
    pub(super) rebalanced: Vec<Key>,
}

impl Default for Op {
    fn default() -> Self {
        Self {
            index: 0,
            kind: Type::Invoke,
            f: Function::Send,
            process: 0,
            sends: Vec::new(),
            polled: Vec::new(),
            reads: Vec::new(),
            keys: Vec::new(),
            rebalanced: Vec::new(),
        }
    }
}

impl Op {
    pub(super) fn clear(&mut self) {
        self.sends.clear();
        self.polled.clear();
        self.reads.clear();
        self.keys.clear();
        self.rebalanced.clear();
    }

    /// Whether it is one of those that carry records.
    pub(super) fn carries(&self) -> bool {
        matches!(self.f, Function::Send | Function::Poll | Function::Txn)
    }

    /// Whether it ends an operation.
    pub(super) fn is_completion(&self) -> bool {
        self.kind != Type::Invoke
    }

    /// What it wrote, as far as it is one that writes (`op-writes`).
    pub(super) fn writes(&self) -> &[Send] {
        match self.f {
            Function::Send | Function::Txn => &self.sends,
            _ => &[],
        }
    }

    /// What it read, as far as it is one that reads (`op-reads`).
    pub(super) fn read(&self) -> &[Polled] {
        match self.f {
            Function::Poll | Function::Txn => &self.polled,
            _ => &[],
        }
    }

    /// The records of a key.
    pub(super) fn records(&self, polled: &Polled) -> &[Read] {
        &self.reads[polled.range()]
    }

    /// OQ-1.
    pub(super) fn gather(&mut self) {
        if !self.is_doubled() {
            return;
        }
        let mut groups = std::mem::take(&mut self.polled);
        groups.sort_by_key(|polled| polled.key);
        let old = std::mem::take(&mut self.reads);
        for group in groups {
            let records = &old[group.range()];
            let from = u32::try_from(self.reads.len()).expect("as many as before");
            self.reads.extend_from_slice(records);
            let to = u32::try_from(self.reads.len()).expect("as many as before");
            match self.polled.last_mut() {
                Some(last) if last.key == group.key => last.to = to,
                _ => self.polled.push(Polled { key: group.key, from, to }),
            }
        }
    }

    fn is_doubled(&self) -> bool {
        let rising = self.polled.windows(2).all(|pair| pair[0].key < pair[1].key);
        if rising {
            return false;
        }
        let mut keys: Vec<Key> = self.polled.iter().map(|polled| polled.key).collect();
        keys.sort_unstable();
        keys.windows(2).any(|pair| pair[0] == pair[1])
    }

    /// Calls `f` with each two sends that follow each other to a key.
    pub(super) fn each_pair_of_sends(&self, mut f: impl FnMut(&Send, &Send)) {
        let sends = self.writes();
        match sends {
            [] | [_] => {}
            _ => {
                let mut order: Vec<&Send> = sends.iter().collect();
                order.sort_by_key(|send| send.key);
                for pair in order.windows(2) {
                    if pair[0].key == pair[1].key {
                        f(pair[0], pair[1]);
                    }
                }
            }
        }
    }
}
