//! Operations that depend on each other in a circle: G0, G1c, and both with the order of real time.
//!
//! In Jepsen:  `graph`, `ww-graph`, `wr-graph`, `cycles!`; Elle's `realtime-graph`. An edge leads from the last that
//!             sent a value to who polled it, with ww-deps from the sender of a value to that of the next one, and from
//!             an operation that was `:ok` to those that were invoked after it had ended.
//! Holds:      operations that both send and poll, with ww-deps all that send: some forty bytes each. Others can lie on
//!             no circle without real time.
//! Invariants: CY-1 of the orders in time no edge is made. Along the other edges each operation hears of the latest
//!             invocation of those before it: a circle with real time is there if one had ended before that. (Let no
//!             stretch of a circle between two edges of time begin after it ends; then its times rise all around.)
//! Left out:   which circles there are: parts of the graph that hold one are counted, with real time operations that
//!             close one. Elle tells one of each kind for each part. Of a value that is sent twice, which Jepsen's are
//!             not, who polls what it has sent itself does not relate to who sends it again: an empty graph may be
//!             told.

use std::collections::{BTreeMap, BTreeSet};

use super::super::Type;
use super::anomaly::Anomaly;
use super::components::Graph;
use super::found::{Case, Found, Part};
use super::op::Op;
use super::order::{Order, flag};
use super::transcript::Transcript;

/// An operation that has ended and lies on edges that lead on.
#[derive(Debug, Clone, Copy)]
struct Node {
    index: u64,
    /// Its place in the transcript, and one.
    ended: u32,
    is_ok: bool,
    /// The latest invocation of itself and those before it, along sends alone.
    heard_of_writers: u32,
    /// The same along sends and polls.
    heard: u32,
    is_on_circle_of_writers: bool,
    is_on_circle: bool,
}

/// The operations that matter, and which of them sent what.
#[derive(Debug, Default)]
pub(super) struct Cycles {
    nodes: Vec<Node>,
    /// For each key, which node sent a value last, and one; 0: none.
    writers: Vec<Vec<u32>>,
    next_node: usize,
    is_related: bool,
    /// When the first operation had ended that was `:ok`.
    first_ok: Option<u32>,
}

/// Whether an operation gets a node.
fn is_node(op: &Op, ww_deps: bool) -> bool {
    let polls = op.read().iter().any(|polled| polled.from < polled.to);
    op.is_completion() && !op.writes().is_empty() && (polls || ww_deps)
}

/// Which invocation belongs to which end.
#[derive(Debug, Default)]
pub(super) struct Invocations {
    open: BTreeMap<i64, u32>,
    at: u32,
}

impl Invocations {
    /// The places of an operation and of its invocation, each and one; 0 if it was never invoked.
    pub(super) fn take(&mut self, op: &Op) -> (u32, u32) {
        self.at += 1;
        let invoked = match op.kind {
            Type::Invoke => {
                self.open.insert(op.process, self.at);
                0
            }
            _ => self.open.remove(&op.process).unwrap_or(0),
        };
        (self.at, invoked)
    }
}

impl Cycles {
    /// Looks for circles without real time, and lets everybody hear of invocations. `has_nodes`: whether any operation
    /// both sends and polls.
    pub(super) fn of(
        transcript: &Transcript,
        orders: &mut [Order],
        has_nodes: bool,
        ww_deps: bool,
        found: &mut Found,
    ) -> Self {
        let mut cycles = Self::default();
        if !has_nodes && !ww_deps {
            return cycles;
        }
        cycles.add_nodes(transcript, orders, ww_deps);
        let ww = if ww_deps { cycles.ww_edges(orders) } else { Vec::new() };
        cycles.is_related = !ww.is_empty();
        let wr = cycles.wr_edges(transcript, orders, ww_deps);
        let count = cycles.nodes.len();
        if ww_deps {
            let graph = Graph::of(count, &mut ww.clone());
            cycles.circles(&graph, &[], Anomaly::G0, found);
        }
        let mut all = ww;
        all.extend(&wr);
        let graph = Graph::of(count, &mut all);
        drop(all);
        cycles.circles(&graph, &wr, Anomaly::G1c, found);
        for (order, writers) in orders.iter_mut().zip(&cycles.writers) {
            for (id, node) in order.ids().zip(writers) {
                if let Some(node) = node.checked_sub(1) {
                    order.set_invoked(id, cycles.nodes[node as usize].heard);
                }
            }
        }
        cycles
    }

    fn add_nodes(&mut self, transcript: &Transcript, orders: &[Order], ww_deps: bool) {
        self.writers = orders.iter().map(|order| vec![0; order.ids().len()]).collect();
        let mut invocations = Invocations::default();
        let mut replay = transcript.read();
        while let Some(op) = replay.next() {
            let (ended, invoked) = invocations.take(op);
            if !op.is_completion() {
                continue;
            }
            let node = is_node(op, ww_deps).then(|| {
                self.nodes.push(Node {
                    index: op.index,
                    ended,
                    is_ok: op.kind == Type::Ok,
                    heard_of_writers: invoked,
                    heard: invoked,
                    is_on_circle_of_writers: false,
                    is_on_circle: false,
                });
                u32::try_from(self.nodes.len()).expect("as many as operations at most")
            });
            for send in op.writes() {
                if let Some(id) = orders[send.key.place()].find(send.value) {
                    self.writers[send.key.place()][id as usize] = node.unwrap_or(0);
                }
            }
        }
    }

    /// From the sender of a value to that of the next one: targets first.
    fn ww_edges(&self, orders: &[Order]) -> Vec<(u32, u32)> {
        let mut edges = Vec::new();
        for (order, writers) in orders.iter().zip(&self.writers) {
            let chosen = order.by_index();
            for (at, pair) in chosen.windows(2).enumerate() {
                // A value that stands at several indices follows that before its last.
                let is_its_index =
                    order.index(pair[1]).is_some_and(|index| index as usize == at + 1);
                let (source, target) = (writers[pair[0] as usize], writers[pair[1] as usize]);
                if is_its_index && source > 0 && target > 0 && source != target {
                    edges.push((target - 1, source - 1));
                }
            }
        }
        edges
    }

    /// From the sender of a value to who polled it: targets first.
    fn wr_edges(
        &mut self,
        transcript: &Transcript,
        orders: &[Order],
        ww_deps: bool,
    ) -> Vec<(u32, u32)> {
        let mut edges = Vec::new();
        let mut node = 0;
        let mut replay = transcript.read();
        while let Some(op) = replay.next() {
            if !is_node(op, ww_deps) {
                continue;
            }
            for polled in op.read() {
                let (order, writers) =
                    (&orders[polled.key.place()], &self.writers[polled.key.place()]);
                for read in op.records(polled) {
                    let Some(id) = order.find(read.value) else { continue };
                    let writer = writers[id as usize];
                    if writer == 0 {
                        let heard = &mut self.nodes[node as usize].heard;
                        *heard = order.invoked(id).max(*heard);
                    } else if writer - 1 != node {
                        edges.push((node, writer - 1));
                    }
                }
            }
            node += 1;
        }
        edges
    }

    /// Counts the parts that hold a circle, of G1c those in which an edge of a poll lies; CY-1.
    fn circles(&mut self, graph: &Graph, wr: &[(u32, u32)], anomaly: Anomaly, found: &mut Found) {
        let is_g0 = anomaly == Anomaly::G0;
        let nodes = &mut self.nodes;
        let mut part_of = vec![0_u32; graph.len()];
        let mut parts = 0;
        let mut circles: Vec<(u32, Vec<u32>)> = Vec::new();
        graph.parts(|part| {
            parts += 1;
            let mut heard = 0;
            for node in part {
                part_of[*node as usize] = parts;
                let all = graph.sources(*node).iter().chain([node]);
                let heard_of = all.map(|other| {
                    let other = &nodes[*other as usize];
                    if is_g0 { other.heard_of_writers } else { other.heard }
                });
                heard = heard.max(heard_of.max().unwrap_or(0));
            }
            for node in part {
                let node = &mut nodes[*node as usize];
                if is_g0 {
                    node.heard_of_writers = heard;
                    node.is_on_circle_of_writers = part.len() > 1;
                } else {
                    node.heard = heard;
                    node.is_on_circle = part.len() > 1;
                }
            }
            if part.len() > 1 {
                circles.push((parts, part.to_vec()));
            }
        });
        let polled: BTreeSet<u32> = wr
            .iter()
            .map(|(target, source)| (part_of[*target as usize], part_of[*source as usize]))
            .filter(|(target, source)| target == source)
            .map(|(part, _)| part)
            .collect();
        for (part, members) in circles {
            if is_g0 || polled.contains(&part) {
                let mut indices: Vec<u64> =
                    members.iter().map(|node| self.nodes[*node as usize].index).collect();
                indices.sort_unstable();
                found.add(anomaly, indices.len() as u64, indices[0], || Case {
                    ops: indices.iter().take(8).map(|index| (Part::Itself, *index)).collect(),
                    ..Case::default()
                });
            }
        }
    }

    /// Looks at one operation, for circles with real time; in order. `ids`: the numbers of what it read; `ended`,
    /// `invoked`: see [`Invocations::take`].
    pub(super) fn take(
        &mut self,
        op: &Op,
        ids: &[Option<u32>],
        (ended, invoked): (u32, u32),
        orders: &[Order],
        found: &mut Found,
    ) {
        if !op.carries() || !op.is_completion() {
            return;
        }
        self.relate(op, ids, invoked, orders);
        if op.kind == Type::Ok {
            self.first_ok.get_or_insert(ended);
        }
        if let Some(node) =
            self.nodes.get(self.next_node).copied().filter(|node| node.ended == ended)
        {
            self.next_node += 1;
            if !node.is_ok {
                return;
            }
            let anomaly = if node.ended < node.heard_of_writers && !node.is_on_circle_of_writers {
                Anomaly::G0Realtime
            } else if node.ended < node.heard && !node.is_on_circle {
                Anomaly::G1cRealtime
            } else {
                return;
            };
            found.add(anomaly, 0, op.index, || Case {
                ops: vec![(Part::Itself, op.index)],
                ..Case::default()
            });
            return;
        }
        if op.kind != Type::Ok {
            return;
        }
        let from_future = op.read().iter().find_map(|polled| {
            let order = &orders[polled.key.place()];
            let mut records = op.records(polled).iter().zip(&ids[polled.range()]);
            let begins_later = |id: &Option<u32>| id.is_some_and(|id| ended < order.invoked(id));
            let record = records.find(|(_, id)| begins_later(id));
            record.map(|(read, _)| (polled.key, read.value))
        });
        let Some((key, value)) = from_future else { return };
        found.add(Anomaly::G1cRealtime, 0, op.index, || Case {
            key: Some(key),
            values: vec![value],
            ops: vec![(Part::Reader, op.index)],
            ..Case::default()
        });
    }

    /// Whether any two operations have to do with each other.
    fn relate(&mut self, op: &Op, ids: &[Option<u32>], invoked: u32, orders: &[Order]) {
        if self.is_related {
            return;
        }
        let is_own =
            |key, value| op.writes().iter().any(|send| (send.key, send.value) == (key, value));
        let polled_of_others = op.read().iter().any(|polled| {
            let order = &orders[polled.key.place()];
            let mut records = op.records(polled).iter().zip(&ids[polled.range()]);
            records.any(|(read, id)| {
                let was_sent = id.is_some_and(|id| order.has(id, flag::WRITTEN));
                was_sent && !is_own(polled.key, read.value)
            })
        });
        self.is_related = polled_of_others || self.first_ok.is_some_and(|ok| ok < invoked);
    }

    /// The history is over.
    pub(super) fn finish(&self, found: &mut Found) {
        if !self.is_related {
            found.add(Anomaly::EmptyTransactionGraph, 0, 0, Case::default);
        }
    }
}
