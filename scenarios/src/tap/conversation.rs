//! Follows every connection: which answer belongs to which request.
//!
//! In Kafka:   the request header (api key, version, correlation id) and the order of answers within a connection.
//! Holds:      for each connection what is left of a frame, and the requests that wait for their answers.
//! Invariants: CO-1 a tap sees a write whole when it is sent, so an answer is heard before anybody can act on it.
//! Left out:   versions older than those our programs speak: they are counted, not read.

use std::collections::{BTreeMap, VecDeque};

use bytes::{Buf, Bytes, BytesMut};
use trial_sim::Time;

use super::decided::{self, Decided, Question};
use super::{
    Cursor, EndAnswer, FetchAnswer, FetchRequestSeen, Malformed, ProduceAnswer, ProduceRequestSeen,
    SettingAsked, StartAsked, StartTold, admin, ends, fetch, produce,
};

const PRODUCE: i16 = 0;
const FETCH: i16 = 1;
const LIST_OFFSETS: i16 = 2;
const API_VERSIONS: i16 = 18;
const DELETE_RECORDS: i16 = 21;
const ALTER_CONFIGS: i16 = 33;
const INCREMENTAL_ALTER_CONFIGS: i16 = 44;

/// Something that was said on a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// A producer asks for records to be written.
    Produce(ProduceRequestSeen),
    /// A broker has answered it.
    Produced {
        /// What it answers.
        acks: i16,
        /// Its answers.
        answers: Vec<ProduceAnswer>,
    },
    /// A broker has answered a fetch.
    Fetched {
        /// Who asked.
        by: FetchRequestSeen,
        /// When.
        asked: Time,
        /// Its answers.
        answers: Vec<FetchAnswer>,
    },
    /// A consumer asks where logs end.
    EndsAsked,
    /// A broker has answered that.
    EndsTold(Vec<EndAnswer>),
    /// An administrator asks for logs to start later; none: in words of another version.
    StartsAsked(Option<Vec<StartAsked>>),
    /// A broker has answered that.
    StartsTold {
        /// When it was asked.
        asked: Time,
        /// Its answers.
        told: Vec<StartTold>,
    },
    /// An administrator asks for other settings.
    SettingsAsked(Vec<SettingAsked>),
    /// Topics are to be made, with these settings.
    TopicsAsked(Vec<SettingAsked>),
    /// A controller has answered, or a broker for it.
    Decided(Decided),
    /// Something was answered that the checkers do not read.
    Answered {
        /// Which API.
        api: i16,
    },
    /// Bytes that are no message.
    Malformed {
        /// Which API, if a header was there.
        api: Option<i16>,
        /// Where and what.
        fault: Malformed,
    },
}

#[derive(Debug, Clone)]
enum Awaited {
    Produce { acks: i16, version: i16 },
    Fetch { by: FetchRequestSeen, asked: Time, version: i16 },
    Decision(Question),
    Ends { asked: Vec<(String, i32)> },
    Starts { asked: Time },
    Other { api: i16 },
}

#[derive(Debug, Clone, Default)]
struct Conversation {
    towards: Frames,
    back: Frames,
    awaited: VecDeque<(i32, Awaited)>,
}

/// Every connection of a run, by its number.
#[derive(Debug, Clone, Default)]
pub struct Conversations {
    open: BTreeMap<u64, Conversation>,
    /// Frames so far.
    frames: u64,
}

impl Conversations {
    /// A write on connection `conn`; `towards_listener` if the side that connected wrote it.
    pub fn on_sent(
        &mut self,
        at: Time,
        conn: u64,
        towards_listener: bool,
        bytes: &Bytes,
        heard: &mut Vec<Heard>,
    ) {
        let Self { open, frames: number } = self;
        let conversation = open.entry(conn).or_default();
        let frames =
            if towards_listener { &mut conversation.towards } else { &mut conversation.back };
        frames.push(bytes);
        loop {
            let frames =
                if towards_listener { &mut conversation.towards } else { &mut conversation.back };
            let Some(frame) = frames.next() else { break };
            *number += 1;
            let said = if towards_listener {
                conversation.request(at, frame, *number)
            } else {
                conversation.answer(frame, *number)
            };
            match said {
                Ok(Some(said)) => heard.push(said),
                Ok(None) => {}
                Err((api, fault)) => heard.push(Heard::Malformed { api, fault }),
            }
        }
    }

    /// The connection is gone.
    pub fn on_closed(&mut self, conn: u64) {
        self.open.remove(&conn);
    }
}

type Failed = (Option<i16>, Malformed);

impl Conversation {
    fn request(&mut self, at: Time, frame: Bytes, number: u64) -> Result<Option<Heard>, Failed> {
        let mut cursor = Cursor::new(frame);
        let (api, version, correlation) = header(&mut cursor).map_err(|fault| (None, fault))?;
        let failed = |fault| (Some(api), fault);
        match (api, version) {
            (PRODUCE, 9..=13) => {
                let body = flexible_body(cursor).map_err(failed)?;
                let request = produce::request(version, body).map_err(failed)?;
                if request.acks != 0 {
                    let awaited = Awaited::Produce { acks: request.acks, version };
                    self.awaited.push_back((correlation, awaited));
                }
                Ok(Some(Heard::Produce(request)))
            }
            (FETCH, 12..=18) => {
                let body = flexible_body(cursor).map_err(failed)?;
                let by = fetch::request(version, body).map_err(failed)?;
                self.awaited.push_back((correlation, Awaited::Fetch { by, asked: at, version }));
                Ok(None)
            }
            (LIST_OFFSETS, 6..=11) => {
                let body = flexible_body(cursor).map_err(failed)?;
                let asked = ends::request(body).map_err(failed)?;
                self.awaited.push_back((correlation, Awaited::Ends { asked }));
                Ok(Some(Heard::EndsAsked))
            }
            (DELETE_RECORDS, 2) => {
                let body = flexible_body(cursor).map_err(failed)?;
                let asked = admin::delete_records(body).map_err(failed)?;
                self.awaited.push_back((correlation, Awaited::Starts { asked: at }));
                Ok(Some(Heard::StartsAsked(Some(asked))))
            }
            (decided::CREATE_TOPICS, 2..=7) => {
                let body = admin::body(version >= 5, cursor).map_err(failed)?;
                let asked = admin::create_topics(version >= 5, body.clone()).map_err(failed)?;
                let question = decided::question(api, version, number, body).map_err(failed)?;
                let awaited = question.map_or(Awaited::Other { api }, Awaited::Decision);
                self.awaited.push_back((correlation, awaited));
                Ok(Some(Heard::TopicsAsked(asked)))
            }
            _ if is_of_controllers(api) => {
                let body = flexible_body(cursor).map_err(failed)?;
                let question = decided::question(api, version, number, body).map_err(failed)?;
                let awaited = question.map_or(Awaited::Other { api }, Awaited::Decision);
                self.awaited.push_back((correlation, awaited));
                Ok(None)
            }
            _ => {
                self.awaited.push_back((correlation, Awaited::Other { api }));
                other_request(api, version, cursor).map_err(failed)
            }
        }
    }

    fn answer(&mut self, frame: Bytes, number: u64) -> Result<Option<Heard>, Failed> {
        let mut cursor = Cursor::new(frame);
        let correlation = cursor.i32().map_err(|fault| (None, fault))?;
        let Some((asked, awaited)) = self.awaited.pop_front() else {
            return Err((
                None,
                Malformed { at: 0, expected: "no answer, since nothing was asked" },
            ));
        };
        if asked != correlation {
            return Err((
                None,
                Malformed { at: 0, expected: "the oldest request's correlation id" },
            ));
        }
        match awaited {
            Awaited::Produce { acks, version } => {
                let failed = |fault| (Some(PRODUCE), fault);
                cursor.skip_tags().map_err(failed)?;
                let answers = produce::response(version, cursor.rest()).map_err(failed)?;
                Ok(Some(Heard::Produced { acks, answers }))
            }
            Awaited::Fetch { by, asked, version } => {
                let failed = |fault| (Some(FETCH), fault);
                cursor.skip_tags().map_err(failed)?;
                let answers = fetch::response(version, cursor.rest()).map_err(failed)?;
                Ok(Some(Heard::Fetched { by, asked, answers }))
            }
            Awaited::Decision(question) => {
                let failed = |fault| (Some(question.api()), fault);
                cursor.skip_tags().map_err(failed)?;
                let decided = question.answer(number, cursor.rest()).map_err(failed)?;
                Ok(Some(Heard::Decided(decided)))
            }
            Awaited::Ends { asked } => {
                let failed = |fault| (Some(LIST_OFFSETS), fault);
                cursor.skip_tags().map_err(failed)?;
                let told = ends::response(&asked, cursor.rest()).map_err(failed)?;
                Ok(Some(Heard::EndsTold(told)))
            }
            Awaited::Starts { asked } => {
                let failed = |fault| (Some(DELETE_RECORDS), fault);
                cursor.skip_tags().map_err(failed)?;
                let told = admin::records_deleted(cursor.rest()).map_err(failed)?;
                Ok(Some(Heard::StartsTold { asked, told }))
            }
            Awaited::Other { api } if api == API_VERSIONS => Ok(None),
            Awaited::Other { api } => Ok(Some(Heard::Answered { api })),
        }
    }
}

/// Whether a request is for controllers, and its answer of interest. All versions have flexible headers.
const fn is_of_controllers(api: i16) -> bool {
    matches!(
        api,
        decided::ALTER_PARTITION | decided::BROKER_REGISTRATION | decided::BROKER_HEARTBEAT
    )
}

/// A request whose answer says nothing that the checkers need.
fn other_request(api: i16, version: i16, cursor: Cursor) -> Result<Option<Heard>, Malformed> {
    Ok(match (api, version) {
        (DELETE_RECORDS, _) => Some(Heard::StartsAsked(None)),
        (INCREMENTAL_ALTER_CONFIGS, 0 | 1) => {
            let body = admin::body(version >= 1, cursor)?;
            Some(Heard::SettingsAsked(admin::alter_configs(version >= 1, body, true)?))
        }
        (ALTER_CONFIGS, 0..=2) => {
            let body = admin::body(version >= 2, cursor)?;
            Some(Heard::SettingsAsked(admin::alter_configs(version >= 2, body, false)?))
        }
        _ => None,
    })
}

fn header(cursor: &mut Cursor) -> Result<(i16, i16, i32), Malformed> {
    Ok((cursor.i16()?, cursor.i16()?, cursor.i32()?))
}

/// What follows the rest of a flexible request header.
fn flexible_body(cursor: Cursor) -> Result<Bytes, Malformed> {
    admin::body(true, cursor)
}

/// Cuts a byte stream into Kafka's frames: four bytes of length, then as many bytes.
#[derive(Debug, Clone, Default)]
struct Frames {
    whole: VecDeque<Bytes>,
    rest: BytesMut,
}

impl Frames {
    fn push(&mut self, bytes: &Bytes) {
        let mut bytes = bytes.clone();
        // Nearly every write is whole frames: those are sliced, not copied.
        while self.rest.is_empty() {
            let Some(length) = frame_length(&bytes).filter(|length| *length <= bytes.len()) else {
                break;
            };
            let mut frame = bytes.split_to(length);
            frame.advance(4);
            self.whole.push_back(frame);
        }
        if bytes.is_empty() {
            return;
        }
        self.rest.extend_from_slice(&bytes);
        while let Some(length) =
            frame_length(&self.rest).filter(|length| *length <= self.rest.len())
        {
            let frame = self.rest.split_to(length).freeze();
            self.whole.push_back(frame.slice(4..));
        }
    }

    fn next(&mut self) -> Option<Bytes> {
        self.whole.pop_front()
    }
}

/// Bytes of the frame that begins here, its length field included.
fn frame_length(bytes: &[u8]) -> Option<usize> {
    let field = bytes.get(..4)?.try_into().expect("four bytes");
    usize::try_from(i32::from_be_bytes(field)).ok().map(|length| length + 4)
}

#[cfg(test)]
mod tests {
    use super::{Conversations, Frames, Heard};
    use bytes::Bytes;
    use trial_sim::Time;

    #[test]
    fn frames_are_found_however_they_are_cut() {
        let stream: &[u8] = &[0, 0, 0, 2, 7, 8, 0, 0, 0, 0, 0, 0, 0, 1, 9];
        for cut in 0..=stream.len() {
            let mut frames = Frames::default();
            frames.push(&Bytes::copy_from_slice(&stream[..cut]));
            frames.push(&Bytes::copy_from_slice(&stream[cut..]));
            let found: Vec<_> = std::iter::from_fn(|| frames.next()).collect();
            assert_eq!(found, [&[7u8, 8][..], &[], &[9]], "cut at {cut}");
        }
    }

    #[test]
    fn an_answer_to_nothing_is_malformed() {
        let mut heard = Vec::new();
        let frame = Bytes::from_static(&[0, 0, 0, 4, 0, 0, 0, 1]);
        Conversations::default().on_sent(Time::ZERO, 1, false, &frame, &mut heard);
        assert!(matches!(heard[..], [Heard::Malformed { api: None, .. }]), "{heard:?}");
    }
}
