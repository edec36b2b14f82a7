// Prints the batches of kafka-4.3.0-batches.txt, built by Kafka's own classes. With the jars of Kafka 4.3.0:
//   java -cp 'kafka-libs/*' Batches.java | grep -v '^#'
import java.nio.ByteBuffer;
import java.util.*;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.message.LeaderChangeMessage;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.common.record.internal.*;

public class Batches {
  static final long T = 1767225600000L;
  static void show(String name, MemoryRecords records) {
    ByteBuffer b = records.buffer().duplicate();
    StringBuilder s = new StringBuilder();
    while (b.hasRemaining()) s.append(String.format("%02x", b.get()));
    System.out.println(name + " " + s);
  }
  static MemoryRecordsBuilder builder(long base, TimestampType type, long appendTime, long pid, short epoch, int seq, boolean txn, boolean control, int leaderEpoch) {
    return new MemoryRecordsBuilder(ByteBuffer.allocate(4096), RecordBatch.CURRENT_MAGIC_VALUE, Compression.NONE, type, base, appendTime, pid, epoch, seq, txn, control, leaderEpoch, 4096);
  }
  static byte[] b(String s) { return s == null ? null : s.getBytes(java.nio.charset.StandardCharsets.UTF_8); }
  public static void main(String[] a) throws Exception {
    TimestampType C = TimestampType.CREATE_TIME, L = TimestampType.LOG_APPEND_TIME;
    MemoryRecordsBuilder m = builder(0, C, -1, -1, (short) -1, -1, false, false, -1);
    m.append(T, b("key"), b("value"));
    show("one_record", m.build());

    m = builder(1000, C, -1, -1, (short) -1, -1, false, false, 7);
    m.append(T, b("k"), b("first"), new Header[]{new RecordHeader("trace", b("on")), new RecordHeader("trace", b("off")), new RecordHeader("trace", (byte[]) null), new RecordHeader("\u00e9t\u00e9", b(""))});
    m.append(T + 5, (byte[]) null, b("no key"));
    m.append(T - 3, b("tombstone"), null);
    m.append(T + 900000, b(""), b(""));
    show("headers_and_nulls", m.build());

    m = builder(0, C, -1, 4711, (short) 3, 17, false, false, -1);
    m.append(T, null, b("a")); m.append(T + 1, null, b("b"));
    show("idempotent", m.build());

    m = builder(0, C, -1, 4711, (short) 3, Integer.MAX_VALUE, true, false, -1);
    m.append(T, null, b("a")); m.append(T + 1, null, b("b"));
    show("transactional_sequence_wraps", m.build());

    m = builder(42, L, T + 77, -1, (short) -1, -1, false, false, 5);
    m.append(T, b("k"), b("v")); m.append(T + 3, b("k"), b("w"));
    show("log_append_time", m.build());

    m = builder(10, C, -1, -1, (short) -1, -1, false, false, 2);
    m.appendWithOffset(10, T, b("a"), b("1")); m.appendWithOffset(14, T + 200, b("b"), b("2")); m.appendWithOffset(90, T + 100, b("c"), b("3"));
    show("with_gaps", m.build());

    show("end_transaction_marker", MemoryRecords.withEndTransactionMarker(99, T, 6, 4711L, (short) 3, new EndTransactionMarker(ControlRecordType.COMMIT, 12)));

    LeaderChangeMessage lc = new LeaderChangeMessage().setVersion((short) 0).setLeaderId(1)
      .setVoters(List.of(new LeaderChangeMessage.Voter().setVoterId(1), new LeaderChangeMessage.Voter().setVoterId(2)))
      .setGrantingVoters(List.of(new LeaderChangeMessage.Voter().setVoterId(1)));
    show("leader_change", MemoryRecords.withLeaderChangeMessage(5, T, 8, ByteBuffer.allocate(512), lc));

    ByteBuffer e = ByteBuffer.allocate(DefaultRecordBatch.RECORD_BATCH_OVERHEAD);
    DefaultRecordBatch.writeEmptyHeader(e, (byte) 2, 4711L, (short) 3, 5, 20, 29, 4, C, T, true, false);
    e.flip();
    show("empty", MemoryRecords.readableRecords(e));

    // A batch as its leader stamps it: what the client sent, then offsets, epoch and append time set in place.
    m = builder(0, C, -1, -1, (short) -1, -1, false, false, -1);
    m.append(T, b("key"), b("value")); m.append(T + 1, b("key"), b("value2"));
    MemoryRecords r = m.build();
    show("as_sent", r);
    MutableRecordBatch batch = r.batches().iterator().next();
    batch.setLastOffset(501); batch.setPartitionLeaderEpoch(9); batch.setMaxTimestamp(C, T + 1);
    show("as_stamped_create_time", r);
    batch.setMaxTimestamp(L, T + 5000);
    show("as_stamped_append_time", r);

    m = new MemoryRecordsBuilder(ByteBuffer.allocate(4096), (byte) 2, Compression.gzip().build(), C, 0, -1, -1, (short) -1, -1, false, false, -1, 4096);
    m.append(T, b("key"), b("value"));
    show("gzip", m.build());

    m = new MemoryRecordsBuilder(new org.apache.kafka.common.utils.ByteBufferOutputStream(ByteBuffer.allocate(4096)), (byte) 2, Compression.NONE, C, 0, -1, -1, (short) -1, -1, false, false, 3, 4096, T + 1000000);
    m.append(T, b("key"), null);
    show("delete_horizon", m.build());
  }
}
