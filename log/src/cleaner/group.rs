//! Which segments are cleaned into one, so that they do not get ever smaller.
//!
//! In Kafka:   `Cleaner.groupSegmentsBySize`.
//! Invariants: a group is a row of segments whose batches and indexes together are no larger than those of one may be,
//!             and whose offsets one segment can hold.

use crate::LogConfig;
use crate::Offset;
use crate::segment::Segment;

use super::source::Source;

/// Groups segments; the last one ends before `first_uncleanable_offset`.
pub(super) fn group_segments_by_size(
    segments: &[Segment],
    config: &LogConfig,
    first_uncleanable_offset: Offset,
) -> Vec<Vec<Source>> {
    let mut groups: Vec<Vec<Source>> = Vec::new();
    let mut sizes = Sizes::default();
    for (number, segment) in segments.iter().enumerate() {
        let end = segments.get(number + 1).map_or(first_uncleanable_offset, |it| it.base_offset);
        let joins = groups.last().is_some_and(|group| {
            let span = end.0 - 1 - group[0].base_offset.0;
            sizes.fits(segment, config) && (segment.size == 0 || i32::try_from(span).is_ok())
        });
        match groups.last_mut().filter(|_| joins) {
            Some(group) => group.push(Source::of(segment, end)),
            None => {
                groups.push(vec![Source::of(segment, end)]);
                sizes = Sizes::default();
            }
        }
        sizes.add(segment);
    }
    groups
}

/// How large a group is.
#[derive(Default)]
struct Sizes {
    log: u64,
    index: u64,
    time_index: u64,
}

impl Sizes {
    fn fits(&self, segment: &Segment, config: &LogConfig) -> bool {
        self.log + segment.size <= config.segment_bytes
            && self.index + segment.index.size_in_bytes() <= config.segment_index_bytes
            && self.time_index + segment.time_index.size_in_bytes() <= config.segment_index_bytes
    }

    fn add(&mut self, segment: &Segment) {
        self.log += segment.size;
        self.index += segment.index.size_in_bytes();
        self.time_index += segment.time_index.size_in_bytes();
    }
}
