//! Nobody grows who is not listened to: clients that do not read, and brokers that do not.

use std::io::Write as _;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use trial_cluster::net::frames;
use trial_cluster::wire::{ApiKey, Message as _, MetadataRequest};

use super::asking::read_frame;
use super::guest::fetch_request;
use super::served::Served;
use super::{resident, turn};

/// Writes as much as the other side takes; how much that was.
fn write_until_stuck(stream: &mut TcpStream, frame: &[u8], most: usize) -> usize {
    stream.set_write_timeout(Some(Duration::from_millis(500))).expect("a time above zero");
    let mut written = 0;
    while written < most {
        match stream.write(frame) {
            Ok(count) if count == frame.len() => written += count,
            // Part of a frame has gone: whoever goes on from here is out of step, so nobody does.
            Ok(count) => return written + count,
            Err(_) => return written,
        }
    }
    written
}

#[test]
fn a_client_that_does_not_read_is_not_sent_for_ever() {
    const VALUE: usize = 512 * 1024;
    const FETCHES: usize = 200;
    let _turn = turn();
    let served = Served::quick();
    assert_eq!(served.guest(1).create("orders", 1), 0);
    let mut producer = served.guest_of_leader("orders", 0);
    for _ in 0..8 {
        let said = producer.produce("orders", 0, &vec![7; VALUE]);
        assert_eq!(said.map(|(error, _)| error), Some(0));
    }
    let before = resident();
    let mut deaf: Vec<TcpStream> = (1..=3).map(|broker| served.connect(broker)).collect();
    let request = fetch_request("orders", 0, 0);
    for stream in &mut deaf {
        for number in 0..FETCHES {
            let number = i32::try_from(number).expect("few");
            let frame = frames::request_frame(ApiKey::Fetch, 12, number, "deaf", |body| {
                request.encode(12, body);
            });
            stream.write_all(&frame).expect("requests are small");
        }
    }
    // Somebody else is served meanwhile.
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(2) {
        assert_eq!(served.guest(2).metadata(None).brokers.len(), 3);
    }
    let grown = resident().saturating_sub(before);
    let asked_for = u64::try_from(FETCHES * 8 * VALUE).expect("it fits");
    println!("{grown} bytes more, of {asked_for} that were asked for");
    assert!(grown < asked_for / 8, "{grown} bytes are kept for clients that do not read");
    // Whoever reads at last gets it all.
    let leader = deaf.iter_mut().map(|stream| {
        (0..FETCHES).map(|_| read_frame(stream).map_or(0, |frame| frame.len())).sum::<usize>()
    });
    let most = leader.max().expect("three of them");
    assert!(most >= FETCHES * 8 * VALUE, "nothing is missing: {most}");
    drop(deaf);
    served.holds();
}

#[test]
fn a_broker_that_does_not_read_holds_its_client_back() {
    let _turn = turn();
    let mut served = Served::quick();
    let mut stream = served.connect(1);
    served.type_line("pause b1");
    served.wait_for("pause b1");
    let request = MetadataRequest::default();
    let frame = frames::request_frame(ApiKey::Metadata, 12, 1, "eager", |body| {
        request.encode(12, body);
    });
    let frames = frame.repeat(1_000);
    let most = 64 << 20;
    let written = write_until_stuck(&mut stream, &frames, most);
    println!("{written} bytes were taken for a broker that stands still");
    assert!(written < most / 2, "{written} bytes were taken");
    drop(stream);
    served.type_line("heal");
    served.wait_for("every fault is over");
    served.holds();
}
