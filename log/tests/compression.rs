//! What is compressed comes back; other framings than ours are read as Kafka reads them.

use proptest::prelude::*;
use trial_log::{Compression, CompressionType, RecordBatch};

mod batches;

use batches::{Chance, Plan, described, odd};

#[test]
fn odd_payloads_are_read_if_kafka_reads_them() {
    for odd in odd::all() {
        let read = odd.batch.records().all(|record| record.is_ok());
        assert_eq!(read, odd.is_read, "{}: {}", odd.name, described(&odd.batch));
        if read {
            assert_eq!(odd.batch.records().count(), odd::COUNT, "{}", odd.name);
        }
    }
}

#[test]
fn a_payload_that_is_cut_anywhere_is_not_read_to_its_end() {
    for codec in &CompressionType::ALL[1..] {
        let whole = Plan::of_ten(*codec).build();
        let payload = &whole.as_bytes()[61..];
        for end in 0..payload.len() {
            let cut = odd::batch_of(*codec, &payload[..end], whole.count() as usize);
            let good = cut.records().all(|record| record.is_ok());
            assert!(!good, "{codec}: {end} of {} bytes", payload.len());
        }
    }
}

#[test]
fn levels_are_those_that_kafkas_settings_allow() {
    let check = |codec, level, want: Result<i32, &str>| {
        let got = Compression::with_level(codec, level).map(Compression::level);
        assert_eq!(got, want.map_err(str::to_owned), "{codec} {level}");
    };
    let gzip = "gzip has no level 0; allowed: 1 to 9, by default -1";
    check(CompressionType::Gzip, 0, Err(gzip));
    check(CompressionType::Gzip, -1, Ok(-1));
    check(CompressionType::Gzip, 9, Ok(9));
    check(CompressionType::Lz4, 18, Err("lz4 has no level 18; allowed: 1 to 17, by default 9"));
    check(CompressionType::Zstd, -131_072, Ok(-131_072));
    check(CompressionType::Snappy, 1, Err("snappy has no levels"));
    assert_eq!("zstd".parse(), Ok(CompressionType::Zstd));
    let unknown = "no codec is named \"brotli\"; allowed: none, gzip, snappy, lz4, zstd";
    assert_eq!("brotli".parse::<CompressionType>(), Err(unknown.to_owned()));
}

#[test]
fn what_compresses_well_gets_smaller_and_a_better_level_smaller_still() {
    let size = |compression: Compression| {
        let plan = Plan::of_ten(CompressionType::None);
        Plan { compression, ..plan }.build().size_in_bytes()
    };
    let plain = size(Compression::NONE);
    for codec in &CompressionType::ALL[1..] {
        let compressed = size((*codec).into());
        assert!(compressed < plain * 3 / 4, "{codec}: {compressed} of {plain}");
    }
    let gzip = |level| size(Compression::with_level(CompressionType::Gzip, level).expect("it is"));
    assert!(gzip(9) < gzip(1), "{} and {}", gzip(9), gzip(1));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn any_batch_comes_back_and_equal_ones_have_equal_bytes(
        seed: u64,
        codec in prop::sample::select(&CompressionType::ALL[..]),
    ) {
        // Beyond the largest block of every codec, now and then.
        let max = if seed % 50 == 0 { 300_000 } else { 3000 };
        let plan = Plan::random(&mut Chance::new(seed), codec, max);
        let batch = plan.build();
        prop_assert_eq!(described(&batch), plan.described(batch.size_in_bytes()));
        prop_assert_eq!(&plan.build(), &batch);
        if batch.max_timestamp() >= 0 {
            let first = batch.records().filter_map(Result::ok);
            let mut first = first.skip_while(|record| record.timestamp != batch.max_timestamp());
            let want = first.next().map(|record| record.offset);
            prop_assert_eq!(batch.offset_of_max_timestamp(), Ok(want));
        }
    }

    #[test]
    fn what_is_kept_of_a_record_outlives_its_batch(seed: u64, codec in 0..5usize) {
        let plan = Plan::random(&mut Chance::new(seed), CompressionType::ALL[codec], 3000);
        let batch: RecordBatch = plan.build();
        let mut kept = Vec::new();
        for record in batch.records() {
            let record = record.expect("it was built");
            kept.push((record.key().map(|it| batch.share(it)), record.value().map(|it| batch.share(it))));
        }
        let at = batch.as_bytes().as_ptr_range();
        let values = kept.iter().filter_map(|(_, value)| value.as_ref()).filter(|it| !it.is_empty());
        let shared = values.clone().filter(|value| at.contains(&value.as_ptr())).count();
        prop_assert_eq!(shared, if batch.is_compressed() { 0 } else { values.count() });
        drop(batch);
        let want: Vec<_> = plan.records.into_iter().map(|it| (it.key, it.value)).collect();
        let kept: Vec<_> = kept.into_iter().map(|(k, v)| (k.map(Vec::from), v.map(Vec::from))).collect();
        prop_assert_eq!(kept, want);
    }
}
