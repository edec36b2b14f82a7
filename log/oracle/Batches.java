// Reads batches with Kafka's own classes, or writes random ones with them, and describes each in words.
//
//   java -cp 'kafka-libs/*' Batches.java read FILE                  describe the batches of a file
//   java -cp 'kafka-libs/*' Batches.java validate FILE              have a leader store each, and say what it does
//   java -cp 'kafka-libs/*' Batches.java write FILE SEED COUNT MAX  write random ones of MAX bytes or so, and describe
//
// A batch is a line "batch ...", each of its records a line "record ..."; what Kafka cannot read ends with "error". The
// test log/tests/oracle.rs runs all three, and wants the same words from its own reader; log/tests/data holds what
// "write" gave with seed 1, 160 batches and 2000 bytes. The jars are those of Kafka 4.3.0.
import java.io.*;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.*;
import java.util.*;
import java.util.zip.CRC32;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.common.record.internal.*;
import org.apache.kafka.common.record.internal.Record;
import org.apache.kafka.common.errors.InvalidTimestampException;
import org.apache.kafka.common.utils.*;
import org.apache.kafka.storage.internals.log.AppendOrigin;
import org.apache.kafka.storage.internals.log.LogValidator;
import org.apache.kafka.storage.internals.log.RecordValidationException;

public class Batches {
  static final long T = 1767225600000L;

  public static void main(String[] args) throws Exception {
    PrintStream out = new PrintStream(new BufferedOutputStream(new FileOutputStream(FileDescriptor.out), 1 << 16), false, "UTF-8");
    if (args[0].equals("write")) {
      Random random = new Random(Long.parseLong(args[2]));
      try (OutputStream file = new BufferedOutputStream(Files.newOutputStream(Path.of(args[1])))) {
        int count = Integer.parseInt(args[3]), max = Integer.parseInt(args[4]);
        for (int i = 0; i < count; i++) file.write(Utils.toArray(build(random, i, max)));
      }
    }
    if (args[0].equals("validate")) validate(Path.of(args[1]), out);
    else read(Path.of(args[1]), out);
    out.flush();
  }

  static void read(Path path, PrintStream out) throws IOException {
    ByteBuffer rest = ByteBuffer.wrap(Files.readAllBytes(path));
    try (BufferSupplier buffers = BufferSupplier.create()) {
      while (rest.hasRemaining()) {
        int size = 12 + rest.getInt(rest.position() + 8);
        ByteBuffer one = rest.slice().limit(size);
        rest.position(rest.position() + size);
        describe((DefaultRecordBatch) MemoryRecords.readableRecords(one.slice()).batches().iterator().next(), buffers, out);
      }
    }
  }

  /** The topic's settings follow from the number of the batch; log/tests/oracle.rs has the same lines. */
  static void validate(Path path, PrintStream out) throws IOException {
    ByteBuffer rest = ByteBuffer.wrap(Files.readAllBytes(path));
    Time time = (Time) java.lang.reflect.Proxy.newProxyInstance(Batches.class.getClassLoader(), new Class<?>[]{Time.class},
      (proxy, method, a) -> method.getName().equals("milliseconds") ? (Object) (T + 2500) : (Object) 0L);
    LogValidator.MetricsRecorder nobody = (LogValidator.MetricsRecorder) java.lang.reflect.Proxy.newProxyInstance(
      Batches.class.getClassLoader(), new Class<?>[]{LogValidator.MetricsRecorder.class}, (proxy, method, a) -> null);
    for (int i = 0; rest.hasRemaining(); i++) {
      int size = 12 + rest.getInt(rest.position() + 8);
      MemoryRecords records = MemoryRecords.readableRecords(rest.slice().limit(size).slice());
      rest.position(rest.position() + size);
      CompressionType source = records.batches().iterator().next().compressionType();
      long limit = i / 100 % 2 == 0 ? Long.MAX_VALUE : 2400;
      LogValidator validator = new LogValidator(records, new org.apache.kafka.common.TopicPartition("orders", 0), time, source,
        Compression.of(CompressionType.forId(i % 5)).build(), i / 50 % 2 == 1, (byte) 2,
        i / 25 % 2 == 0 ? TimestampType.CREATE_TIME : TimestampType.LOG_APPEND_TIME, limit, limit, 3, AppendOrigin.CLIENT);
      try {
        LogValidator.ValidationResult r = validator.validateMessagesAndAssignOffsets(PrimitiveRef.ofLong(70), nobody, BufferSupplier.NO_CACHING);
        out.println("stored " + r.maxTimestampMs() + " " + r.recordValidationStats().temporaryMemoryBytes() + " " + r.recordValidationStats().numRecordsConverted());
        describe((DefaultRecordBatch) r.validatedRecords().batches().iterator().next(), BufferSupplier.NO_CACHING, out);
      } catch (RecordValidationException e) {
        out.print("refused " + (e.invalidException() instanceof InvalidTimestampException ? "Timestamp" : "Invalid"));
        e.recordErrors().forEach(error -> out.print(" " + error.batchIndex));
        out.println();
      } catch (org.apache.kafka.common.InvalidRecordException e) {
        out.println("refused Invalid");
      } catch (Throwable e) {
        out.println("refused Unexpected");
      }
    }
  }

  static void describe(DefaultRecordBatch b, BufferSupplier buffers, PrintStream out) {
    StringBuilder s = new StringBuilder();
    try {
      String codec = b.compressionType().name;
      s.append(String.format("batch %d..%d epoch %d %s %s%s%s%s base %d max %d producer %d %d %d count %d size %d valid %b%n",
        b.baseOffset(), b.lastOffset(), b.partitionLeaderEpoch(), codec,
        b.timestampType() == TimestampType.CREATE_TIME ? "created" : "appended",
        b.isTransactional() ? " transactional" : "", b.isControlBatch() ? " control" : "",
        b.deleteHorizonMs().isPresent() ? " horizon" : "", b.baseTimestamp(), b.maxTimestamp(),
        b.producerId(), b.producerEpoch(), b.baseSequence(), b.countOrNull(), b.sizeInBytes(), b.isValid()));
      try (CloseableIterator<Record> records = b.streamingIterator(buffers)) {
        while (b.countOrNull() != 0 && records.hasNext()) {
          Record r = records.next();
          s.append(String.format("record %d at %d sequence %d %s %s", r.offset(), r.timestamp(), r.sequence(), words(r.key()), words(r.value())));
          for (Header h : r.headers()) s.append(" ").append(words(ByteBuffer.wrap(h.key().getBytes(StandardCharsets.UTF_8))))
            .append("=").append(words(h.value() == null ? null : ByteBuffer.wrap(h.value())));
          s.append("\n");
        }
      }
    } catch (Throwable e) {
      s.append("error\n");
    }
    out.print(s);
  }

  /** Short bytes in hexadecimal, longer ones by their size and checksum. */
  static String words(ByteBuffer bytes) {
    if (bytes == null) return "null";
    byte[] b = Utils.toArray(bytes);
    if (b.length > 24) {
      CRC32 crc = new CRC32();
      crc.update(b);
      return String.format("%d:%08x", b.length, crc.getValue());
    }
    StringBuilder s = new StringBuilder("[");
    for (byte x : b) s.append(String.format("%02x", x));
    return s.append("]").toString();
  }

  static Compression compression(Random r, int i) {
    switch (i % 5) {
      case 1: return r.nextBoolean() ? Compression.gzip().build() : Compression.gzip().level(1 + r.nextInt(9)).build();
      case 2: return Compression.snappy().build();
      case 3: return r.nextBoolean() ? Compression.lz4().build() : Compression.lz4().level(1 + r.nextInt(17)).build();
      case 4: return r.nextBoolean() ? Compression.zstd().build() : Compression.zstd().level(r.nextInt(26) - 3).build();
      default: return Compression.NONE;
    }
  }

  static byte[] bytes(Random r, int max) {
    byte[] b = new byte[r.nextInt(10) == 0 ? r.nextInt(max) : r.nextInt(40)];
    if (r.nextInt(4) == 0) r.nextBytes(b);
    else for (int i = 0; i < b.length; i++) b[i] = (byte) ("orders and payments".charAt(i % 19) + (r.nextInt(20) == 0 ? 1 : 0));
    return b;
  }

  static ByteBuffer build(Random r, int i, int max) {
    long base = r.nextInt(3) == 0 ? 0 : r.nextLong(1L << 40);
    boolean appended = r.nextInt(4) == 0, control = r.nextInt(10) == 0, horizon = r.nextInt(8) == 0;
    boolean produced = r.nextBoolean(), transactional = produced && r.nextBoolean();
    long pid = produced ? r.nextLong(1L << 40) : -1;
    short epoch = (short) (produced ? r.nextInt(30000) : -1);
    int sequence = !produced || control ? -1 : r.nextInt(4) == 0 ? Integer.MAX_VALUE - r.nextInt(5) : r.nextInt(1000);
    int leaderEpoch = r.nextInt(5) - 1;
    TimestampType type = appended ? TimestampType.LOG_APPEND_TIME : TimestampType.CREATE_TIME;
    if (r.nextInt(15) == 0) {
      ByteBuffer empty = ByteBuffer.allocate(DefaultRecordBatch.RECORD_BATCH_OVERHEAD);
      DefaultRecordBatch.writeEmptyHeader(empty, (byte) 2, pid, epoch, sequence, base, base + r.nextInt(50), leaderEpoch, type, T + r.nextInt(1000), transactional, control);
      return empty.flip();
    }
    MemoryRecordsBuilder m = new MemoryRecordsBuilder(new ByteBufferOutputStream(1024), (byte) 2, compression(r, i), type, base,
      appended ? T + 9000 : -1, pid, epoch, sequence, transactional, control, leaderEpoch, Integer.MAX_VALUE,
      horizon ? T + 86400000L : -1);
    int count = r.nextInt(4) == 0 ? 1 : 1 + r.nextInt(20);
    boolean gaps = r.nextInt(4) == 0;
    long offset = base;
    for (int j = 0; j < count; j++) {
      if (gaps) offset += r.nextInt(100);
      long timestamp = r.nextInt(20) == 0 ? -1 : T + r.nextInt(5000);
      if (control) {
        ControlRecordType kind = r.nextBoolean() ? ControlRecordType.ABORT : ControlRecordType.COMMIT;
        m.appendControlRecordWithOffset(offset, new SimpleRecord(timestamp, Utils.toArray(kind.recordKey()), new byte[]{0, 0, 0, 0, 0, (byte) j}));
      } else {
        Header[] headers = new Header[r.nextInt(3) == 0 ? r.nextInt(4) : 0];
        for (int h = 0; h < headers.length; h++) headers[h] = new RecordHeader(r.nextBoolean() ? "trace" : "\u00e9t\u00e9", r.nextInt(5) == 0 ? null : bytes(r, 30));
        m.appendWithOffset(offset, timestamp, r.nextInt(3) == 0 ? null : bytes(r, 30), r.nextInt(6) == 0 ? null : bytes(r, max), headers);
      }
      offset++;
    }
    if (gaps && r.nextBoolean()) m.overrideLastOffset(offset + 10);
    return m.build().buffer();
  }
}
