//! Says whose turn it is to get a partition, and whose to give one away.
//!
//! In Kafka:   `UniformHeterogeneousAssignmentBuilder.MemberAssignmentBalancer`.
//! Holds:      the members of one topic from the least to the most loaded, and two ranges of them: those that have the
//!             fewest partitions, which grows from the left as it fills up, and those that have the most, which grows
//!             from the right. In each, all had equally many when the range was last extended.
//! Invariants: BA-1 who is handed out for a partition has no more than any other of the least loaded range.

/// See the module. A member is its index in the group.
#[derive(Debug, Default)]
pub(super) struct Balancer {
    sorted: Vec<usize>,
    least_end: usize,
    least_count: i64,
    next_least: usize,
    most_start: usize,
    most_end: usize,
    most_count: i64,
    next_most: i64,
}

fn signed(number: usize) -> i64 {
    i64::try_from(number).expect("a group has no more members or partitions than that")
}

impl Balancer {
    /// Begins with these members. Returns how far they are apart.
    pub(super) fn initialize(&mut self, members: &[usize], sizes: &[usize]) -> usize {
        assert!(!members.is_empty(), "a topic to balance has subscribers");
        self.sorted = members.to_vec();
        self.sorted.sort_by_key(|&member| (sizes[member], member));
        let (first, last) = (sizes[self.sorted[0]], sizes[self.sorted[self.sorted.len() - 1]]);
        self.least_end = 0;
        self.least_count = signed(first) - 1;
        self.next_least = 0;
        self.most_start = self.sorted.len();
        self.most_end = self.sorted.len();
        self.most_count = signed(last) + 1;
        self.next_most = signed(self.sorted.len()) - 1;
        last - first
    }

    /// Who gets the next partition.
    pub(super) fn next_least_loaded(&mut self, sizes: &[usize]) -> usize {
        if self.next_least >= self.least_end {
            self.least_count += 1;
            while self.least_end < self.sorted.len()
                && signed(sizes[self.sorted[self.least_end]]) == self.least_count
            {
                self.least_end += 1;
            }
            self.next_least = 0;
        }
        self.next_least += 1;
        self.sorted[self.next_least - 1]
    }

    /// Who gives the next partition away; none if nobody can.
    pub(super) fn next_most_loaded(&mut self, sizes: &[usize]) -> Option<usize> {
        if self.next_most < signed(self.most_start) {
            if self.most_end <= self.most_start && self.most_start > 0 {
                // All of the range were excluded: it has to grow, or the next one would be from outside of it.
                self.most_count = signed(sizes[self.sorted[self.most_start - 1]]);
            } else {
                self.most_count -= 1;
            }
            while self.most_start > 0
                && signed(sizes[self.sorted[self.most_start - 1]]) == self.most_count
            {
                self.most_start -= 1;
            }
            self.next_most = signed(self.most_end) - 1;
        }
        let index = usize::try_from(self.next_most).ok()?;
        self.next_most -= 1;
        Some(self.sorted[index])
    }

    /// The last one that was handed out has nothing to give.
    pub(super) fn exclude_most_loaded(&mut self) {
        let index = usize::try_from(self.next_most + 1).expect("somebody was handed out");
        self.sorted.swap(index, self.most_end - 1);
        self.most_end -= 1;
    }

    /// Whether the two ranges are one partition apart at most.
    pub(super) const fn is_balanced(&self) -> bool {
        self.most_count - self.least_count <= 1
    }
}
