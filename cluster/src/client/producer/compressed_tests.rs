//! Batches that are compressed: what goes into one, and what the producer learns of it.

use trial_log::{Batches, CompressionType};

use super::tests::Fixture;
use crate::error_code::ErrorCode;
use crate::wire::ProduceRequest;

/// Sends `count` records one after the other, and answers each request at once; the records of each batch.
fn batches(codec: &str, count: u64) -> Vec<(CompressionType, i32)> {
    let settings = [("compression.type", codec), ("batch.size", "1000"), ("linger.ms", "60000")];
    let mut fixture = Fixture::new(&[1], &settings);
    fixture.run_to(100);
    let mut found = Vec::new();
    for id in 0..count {
        let value = format!("{id:0100}");
        fixture.send_of(id, Some(0), None, &value);
        while !fixture.cluster.asked.is_empty() {
            let asked = fixture.cluster.asked.remove(0);
            let request: ProduceRequest = asked.decode();
            let data = &request.topic_data[0].partition_data[0];
            let records = data.records.clone().expect("a batch");
            let batch = Batches::new(records).next().expect("one").expect("a whole one");
            batch.ensure_valid().expect("with a good checksum");
            let sent = batch.records().filter_map(Result::ok).count();
            assert_eq!(sent, usize::try_from(batch.count()).expect("few"), "all can be read");
            found.push((batch.compression_type().expect("a codec"), batch.count()));
            fixture.answer(&asked, ErrorCode::None, 0);
        }
    }
    found
}

#[test]
fn a_batch_takes_more_records_as_the_producer_learns_how_small_they_become() {
    let plain = batches("none", 200);
    assert!(plain.iter().all(|it| *it == (CompressionType::None, 8)), "{plain:?}");
    for codec in [CompressionType::Gzip, CompressionType::Lz4, CompressionType::Snappy] {
        let packed = batches(codec.name(), 2_000);
        assert!(packed.iter().all(|(it, _)| *it == codec), "{codec} is not used throughout");
        let (first, last) = (packed[0].1, packed[packed.len() - 1].1);
        // Kafka begins with the guess that nothing is gained, and adds a twentieth.
        assert_eq!(first, 8, "{codec} begins with {first}");
        assert!(last > first, "{codec} ends with {last} records a batch");
        let steps = packed.windows(2).map(|pair| pair[1].1 - pair[0].1);
        assert!(steps.clone().max() <= Some(2), "{codec} learns slowly");
    }
}
