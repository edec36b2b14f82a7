//! The checkpoints and markers of a log directory, in Kafka's forms.

use trial_log::{
    CleanShutdown, DiskError, LogError, MemoryDisk, MetaProperties, Offset, PartitionOffsets,
    REPLICATION_OFFSET_CHECKPOINT, read_clean_shutdown, read_meta_properties,
    read_offset_checkpoint, read_partition_metadata, remove_clean_shutdown, write_clean_shutdown,
    write_meta_properties, write_offset_checkpoint, write_partition_metadata,
};

#[test]
fn a_checkpoint_of_offsets_has_kafkas_form() {
    let mut disk = MemoryDisk::new();
    let path = REPLICATION_OFFSET_CHECKPOINT;
    assert_eq!(read_offset_checkpoint(&mut disk, path), Ok(PartitionOffsets::new()), "no file");
    let offsets = PartitionOffsets::from([
        (("orders".into(), 0), Offset(17)),
        (("orders".into(), 1), Offset(0)),
        (("a.b-c_d".into(), 12), Offset(i64::MAX)),
    ]);
    write_offset_checkpoint(&mut disk, path, &offsets).expect("the disk is whole");
    let want = "0\n3\na.b-c_d 12 9223372036854775807\norders 0 17\norders 1 0\n";
    assert_eq!(disk.contents(path), Some(want.as_bytes()));
    assert_eq!(read_offset_checkpoint(&mut disk, path), Ok(offsets));
    disk.set_contents(path, b"0\n1\norders zero 17\n");
    let corrupt = LogError::CorruptFile { path: path.to_owned(), line: 3 };
    assert_eq!(read_offset_checkpoint(&mut disk, path), Err(corrupt));
}

#[test]
fn a_crash_at_any_call_leaves_the_old_checkpoint_or_the_new_one() {
    let offsets = |offset| PartitionOffsets::from([(("orders".into(), 0), Offset(offset))]);
    let mut crashes = 0;
    for calls in 0.. {
        let mut disk = MemoryDisk::new();
        write_offset_checkpoint(&mut disk, "c", &offsets(1)).expect("the disk is whole");
        disk.fail_after(calls, DiskError::Io);
        let outcome = write_offset_checkpoint(&mut disk, "c", &offsets(2));
        disk.repair();
        let read = read_offset_checkpoint(&mut disk, "c").expect("a checkpoint is replaced whole");
        assert!(read == offsets(1) || read == offsets(2), "call {calls}: {read:?}");
        if outcome.is_ok() {
            assert_eq!(read, offsets(2), "all calls went through");
            break;
        }
        crashes += 1;
    }
    assert_eq!(crashes, 6, "open, truncate, append, sync, rename, sync of the folder");
}

#[test]
fn the_marker_of_a_clean_shutdown_carries_the_broker_epoch() {
    let mut disk = MemoryDisk::new();
    assert_eq!(read_clean_shutdown(&mut disk), Ok(None));
    write_clean_shutdown(&mut disk, 41).expect("the disk is whole");
    let path = ".kafka_cleanshutdown";
    assert_eq!(disk.contents(path), Some(&b"{\"version\":0,\"brokerEpoch\":41}"[..]));
    let reads = |disk: &mut MemoryDisk, contents: &[u8], broker_epoch| {
        disk.set_contents(path, contents);
        let want = Ok(Some(CleanShutdown { broker_epoch }));
        assert_eq!(read_clean_shutdown(disk), want, "{:?}", String::from_utf8_lossy(contents));
    };
    reads(&mut disk, b"{\"version\":0,\"brokerEpoch\":41}", Some(41));
    reads(&mut disk, b" { \"brokerEpoch\" : -1 , \"more\": 2 }\n", Some(-1));
    reads(&mut disk, b"", None);
    reads(&mut disk, b"{\"brokerEpoch\":}", None);
    remove_clean_shutdown(&mut disk).expect("the disk is whole");
    remove_clean_shutdown(&mut disk).expect("that it is gone is no error");
    assert_eq!(read_clean_shutdown(&mut disk), Ok(None));
}

#[test]
fn the_files_that_name_a_directory_and_a_topic_come_back() {
    let mut disk = MemoryDisk::new();
    let properties = MetaProperties {
        cluster_id: "4L6g3nShT-eMCtK--X86sw".to_owned(),
        node_id: 3,
        directory_id: "AAAAAAAAAAAAAAAAAAAAZA".to_owned(),
    };
    assert_eq!(read_meta_properties(&mut disk), Ok(None));
    write_meta_properties(&mut disk, &properties).expect("the disk is whole");
    assert_eq!(read_meta_properties(&mut disk), Ok(Some(properties)));
    disk.set_contents("meta.properties", b"version=0\nbroker.id=1\n");
    assert!(read_meta_properties(&mut disk).is_err(), "the form before KRaft");

    assert_eq!(read_partition_metadata(&mut disk, "orders-0"), Ok(None));
    disk.set_contents("orders-0/partition.metadata", b"version: 0\ntopic_id: abc\n");
    assert_eq!(read_partition_metadata(&mut disk, "orders-0"), Ok(Some("abc".to_owned())));
    write_partition_metadata(&mut disk, "orders-0", "xyz").expect_err("there is no such folder");
    disk.set_contents("orders-0/partition.metadata", b"version: 0\n");
    assert!(read_partition_metadata(&mut disk, "orders-0").is_err(), "no topic");
}
