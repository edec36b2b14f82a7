//! Hands out producer ids from a block that the controller has given, and asks for the next block in time.
//!
//! In Kafka:   `RPCProducerIdManager`; KIP-730.
//! Holds:      the block at hand, the next one, whether it was asked for.
//! Inputs:     whoever wants an id; the controller's answers. Effects: when a block is wanted.
//! Invariants: X3 no id is given twice: a block belongs to one incarnation of one broker, and what is left of it when
//!             that ends is lost.

use trial_sim::{Span, Time};

use crate::error_code::ErrorCode;
use crate::wire::AllocateProducerIdsResponse;

/// How long a broker waits after a refusal.
const RETRY_BACKOFF: Span = Span::from_millis(50);

/// Ids that follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Block {
    first: i64,
    size: i64,
    given: i64,
}

impl Block {
    fn claim(&mut self) -> Option<i64> {
        if self.given == self.size {
            return None;
        }
        self.given += 1;
        Some(self.first + self.given - 1)
    }

    /// The id with which the next block is asked for: when nine of ten have gone.
    const fn prefetch_at(&self) -> i64 {
        self.first + self.size * 9 / 10
    }
}

/// The ids of one broker.
#[derive(Debug, Clone, Default)]
pub struct ProducerIds {
    current: Block,
    next: Option<Block>,
    /// From the request for a block to the moment at which it becomes the current one.
    asked: bool,
    not_before: Time,
}

impl ProducerIds {
    /// The next id, and whether the controller is to be asked for another block now. COORDINATOR_LOAD_IN_PROGRESS while
    /// there is none: clients try that again.
    pub fn generate(&mut self, now: Time) -> (Result<i64, ErrorCode>, bool) {
        loop {
            if let Some(id) = self.current.claim() {
                let asks = id == self.current.prefetch_at() && self.may_ask(now);
                return (Ok(id), asks);
            }
            match self.next.take() {
                Some(block) => (self.current, self.asked) = (block, false),
                None => return (Err(ErrorCode::CoordinatorLoadInProgress), self.may_ask(now)),
            }
        }
    }

    fn may_ask(&mut self, now: Time) -> bool {
        let may = now >= self.not_before && self.next.is_none() && !self.asked;
        self.asked |= may;
        may
    }

    /// The controller has answered, or nobody did in time.
    pub fn on_answer(&mut self, now: Time, answer: Option<&AllocateProducerIdsResponse>) {
        match answer {
            Some(block) if ErrorCode::from_code(block.error_code).is_ok() => {
                let (first, size) = (block.producer_id_start, i64::from(block.producer_id_len));
                self.next = Some(Block { first, size, given: 0 });
            }
            _ => (self.asked, self.not_before) = (false, now + RETRY_BACKOFF),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(first: i64) -> AllocateProducerIdsResponse {
        AllocateProducerIdsResponse {
            producer_id_start: first,
            producer_id_len: 10,
            ..AllocateProducerIdsResponse::default()
        }
    }

    const NOW: Time = Time(1_000_000_000);
    const LOADING: Result<i64, ErrorCode> = Err(ErrorCode::CoordinatorLoadInProgress);

    #[test]
    fn ids_come_from_blocks_that_are_asked_for_before_the_last_one_is_used_up() {
        let mut ids = ProducerIds::default();
        assert_eq!(ids.generate(NOW), (LOADING, true), "the first who wants one asks");
        assert_eq!(ids.generate(NOW), (LOADING, false), "the others wait");
        ids.on_answer(NOW, Some(&block(1000)));
        let given: Vec<_> = (0..10).map(|_| ids.generate(NOW)).collect();
        let want: Vec<_> = (1000..1010).map(|id| (Ok(id), id == 1009)).collect();
        assert_eq!(given, want, "the next block is asked for when nine of ten have gone");
        assert_eq!(ids.generate(NOW), (LOADING, false), "it is on its way");
        ids.on_answer(NOW, Some(&block(7000)));
        assert_eq!(ids.generate(NOW), (Ok(7000), false));
    }

    #[test]
    fn a_refusal_is_followed_by_another_try_a_while_later() {
        let mut ids = ProducerIds::default();
        assert_eq!(ids.generate(NOW), (LOADING, true));
        let refusal = AllocateProducerIdsResponse {
            error_code: ErrorCode::StaleBrokerEpoch.code(),
            ..AllocateProducerIdsResponse::default()
        };
        ids.on_answer(NOW, Some(&refusal));
        assert_eq!(ids.generate(NOW + Span::from_millis(49)), (LOADING, false));
        assert_eq!(ids.generate(NOW + Span::from_millis(50)), (LOADING, true));
        ids.on_answer(NOW, None);
        assert_eq!(ids.generate(NOW + Span::from_millis(50)), (LOADING, true));
    }
}
