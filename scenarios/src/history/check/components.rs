//! The strongly connected parts of a graph, by Tarjan's algorithm, without recursion.
//!
//! Holds:      four numbers for each node, one for each edge.
//! Invariants: CO-1 a part is told after every part from which an edge leads to it.

/// A graph, by the edges that come in.
#[derive(Debug, Default)]
pub(super) struct Graph {
    /// Where a node's edges begin; and where the last one's end.
    starts: Vec<usize>,
    sources: Vec<u32>,
}

impl Graph {
    /// The graph of edges from the second to the first.
    pub(super) fn of(nodes: usize, edges: &mut Vec<(u32, u32)>) -> Self {
        edges.sort_unstable();
        edges.dedup();
        let mut starts = Vec::with_capacity(nodes + 1);
        let mut at = 0;
        for node in 0..nodes {
            starts.push(at);
            while edges.get(at).is_some_and(|(target, _)| *target as usize == node) {
                at += 1;
            }
        }
        starts.push(at);
        Self { starts, sources: edges.iter().map(|(_, source)| *source).collect() }
    }

    pub(super) fn len(&self) -> usize {
        self.starts.len().saturating_sub(1)
    }

    /// The nodes from which edges lead to this one.
    pub(super) fn sources(&self, node: u32) -> &[u32] {
        let node = node as usize;
        &self.sources[self.starts[node]..self.starts[node + 1]]
    }

    /// Calls `part` with the nodes of each part: CO-1.
    pub(super) fn parts(&self, mut part: impl FnMut(&[u32])) {
        const NEW: u32 = u32::MAX;
        let mut number = vec![NEW; self.len()];
        let mut low = vec![0; self.len()];
        let mut is_open = vec![false; self.len()];
        let mut open: Vec<u32> = Vec::new();
        let mut path: Vec<(u32, usize)> = Vec::new();
        let mut next = 0;
        for root in 0..u32::try_from(self.len()).expect("nodes are u32") {
            if number[root as usize] != NEW {
                continue;
            }
            path.push((root, 0));
            while let Some((node, edge)) = path.pop() {
                let at = node as usize;
                if edge == 0 {
                    (number[at], low[at], is_open[at]) = (next, next, true);
                    next += 1;
                    open.push(node);
                } else {
                    let child = self.sources(node)[edge - 1] as usize;
                    low[at] = low[at].min(low[child]);
                }
                if let Some(edge) = self.follow(node, edge, (&number, &is_open), &mut low) {
                    path.push((node, edge + 1));
                    path.push((self.sources(node)[edge], 0));
                } else if low[at] == number[at] {
                    let from = open.iter().rposition(|other| *other == node).expect("it is open");
                    for other in &open[from..] {
                        is_open[*other as usize] = false;
                    }
                    part(&open[from..]);
                    open.truncate(from);
                }
            }
        }
    }

    /// The next edge of a node to a node that is new; the others lower its mark.
    fn follow(
        &self,
        node: u32,
        from: usize,
        (number, is_open): (&[u32], &[bool]),
        low: &mut [u32],
    ) -> Option<usize> {
        let sources = self.sources(node);
        for (edge, source) in sources.iter().enumerate().skip(from) {
            let source = *source as usize;
            if number[source] == u32::MAX {
                return Some(edge);
            }
            if is_open[source] {
                low[node as usize] = low[node as usize].min(number[source]);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::Graph;

    #[track_caller]
    fn check(nodes: usize, edges: &[(u32, u32)], want: &[&[u32]]) {
        let graph = Graph::of(nodes, &mut edges.to_vec());
        let mut parts = Vec::new();
        graph.parts(|part| {
            let mut part = part.to_vec();
            part.sort_unstable();
            parts.push(part);
        });
        assert_eq!(parts, want);
    }

    #[test]
    fn parts_are_told_after_those_from_which_edges_lead_to_them() {
        check(0, &[], &[]);
        check(3, &[], &[&[0], &[1], &[2]]);
        check(3, &[(0, 1), (1, 2)], &[&[2], &[1], &[0]]);
        check(3, &[(0, 1), (1, 2), (2, 0)], &[&[0, 1, 2]]);
        check(4, &[(0, 1), (1, 0), (1, 2), (2, 3), (3, 2)], &[&[2, 3], &[0, 1]]);
        check(2, &[(0, 0), (1, 0)], &[&[0], &[1]]);
    }

    #[test]
    fn a_long_chain_is_no_matter() {
        let mut edges: Vec<(u32, u32)> = (1..300_000).map(|node| (node - 1, node)).collect();
        let mut parts = 0;
        Graph::of(300_000, &mut edges).parts(|part| parts += part.len());
        assert_eq!(parts, 300_000);
    }
}
