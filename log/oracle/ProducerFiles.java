// Lets Apache Kafka's own classes write and read what a log keeps of its producers: snapshots and indexes of aborted
// transactions. Run with Kafka 4.3.0 on the class path:
//
//   java ProducerFiles.java write FOLDER    makes FOLDER/orders-0, the log in tests/data/kafka-4.3.0/by-classes/producers-0
//   java ProducerFiles.java print FOLDER    prints the snapshots and transaction indexes in FOLDER/orders-0
//   java ProducerFiles.java recover FOLDER  opens FOLDER/orders-0 as after a crash, prints what Kafka makes of it
//   java ProducerFiles.java follow FOLDER   shows what a replica enters that takes several batches at once (see
//                                           log/src/producer_state/transactions.rs)
import java.io.File;
import java.lang.reflect.Proxy;
import java.nio.ByteBuffer;
import java.util.*;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.record.internal.*;
import org.apache.kafka.common.utils.Time;
import org.apache.kafka.server.common.RequestLocal;
import org.apache.kafka.server.util.KafkaScheduler;
import org.apache.kafka.storage.internals.log.*;
import org.apache.kafka.storage.log.metrics.BrokerTopicStats;

public class ProducerFiles {
    static final long T = 1_767_225_600_000L;
    static final int LEADER_EPOCH = 3;
    static final KafkaScheduler SCHEDULER = new KafkaScheduler(1, true);
    // A clock that stands still: nobody expires.
    static final Time TIME = (Time) Proxy.newProxyInstance(ProducerFiles.class.getClassLoader(),
        new Class<?>[]{Time.class}, (self, method, args) -> switch (method.getName()) {
            case "milliseconds", "hiResClockMs" -> T;
            case "nanoseconds" -> T * 1_000_000;
            default -> throw new UnsupportedOperationException(method.getName());
        });

    static UnifiedLog open(File folder, boolean clean) throws Exception {
        LogConfig config = new LogConfig(Map.of("retention.ms", "-1"));
        return UnifiedLog.create(new File(folder, "orders-0"), config, 0, 0, SCHEDULER, new BrokerTopicStats(), TIME,
            900_000, new ProducerStateManagerConfig(86_400_000, true), 600_000, new LogDirFailureChannel(1), clean,
            Optional.empty());
    }

    static SimpleRecord[] records(int count) {
        SimpleRecord[] records = new SimpleRecord[count];
        for (int i = 0; i < count; i++) records[i] = new SimpleRecord(T + i, "key".getBytes(), "value".getBytes());
        return records;
    }

    static void data(UnifiedLog log, long id, int epoch, int sequence, int count) {
        MemoryRecords records = MemoryRecords.withIdempotentRecords(Compression.NONE, id, (short) epoch, sequence,
            records(count));
        append(log, records, AppendOrigin.CLIENT, VerificationGuard.SENTINEL, 2);
    }

    static void txn(UnifiedLog log, long id, int epoch, int sequence, int count) {
        VerificationGuard guard = log.maybeStartTransactionVerification(id, sequence, (short) epoch, true);
        MemoryRecords records = MemoryRecords.withTransactionalRecords(Compression.NONE, id, (short) epoch, sequence,
            records(count));
        append(log, records, AppendOrigin.CLIENT, guard, 2);
    }

    static void end(UnifiedLog log, long id, int epoch, ControlRecordType type, int coordinatorEpoch) {
        EndTransactionMarker marker = new EndTransactionMarker(type, coordinatorEpoch);
        MemoryRecords records = MemoryRecords.withEndTransactionMarker(0, T + 7, -1, id, (short) epoch, marker);
        append(log, records, AppendOrigin.COORDINATOR, VerificationGuard.SENTINEL, 2);
    }

    static void append(UnifiedLog log, MemoryRecords records, AppendOrigin origin, VerificationGuard guard, int version) {
        log.appendAsLeader(records, LEADER_EPOCH, origin, RequestLocal.noCaching(), guard, (short) version);
    }

    static void write(File folder) throws Exception {
        UnifiedLog log = open(folder, true);
        data(log, 1, 0, 0, 2);
        txn(log, 2, 5, 0, 1);
        txn(log, 3, 7, 0, 2);
        end(log, 2, 6, ControlRecordType.ABORT, 11);
        log.roll();
        data(log, 1, 0, 2, 1);
        txn(log, 2, 6, 0, 1);
        end(log, 3, 8, ControlRecordType.COMMIT, 12);
        end(log, 2, 7, ControlRecordType.ABORT, 11);
        log.roll();
        data(log, 1, 0, 3, 1);
        data(log, 4, 1, Integer.MAX_VALUE - 1, 3);
        txn(log, 3, 8, 0, 1);
        log.flush(true);
        log.close();
    }

    static void print(File folder) throws Exception {
        File[] files = new File(folder, "orders-0").listFiles();
        Arrays.sort(files);
        for (File file : files) {
            if (file.getName().endsWith(".snapshot"))
                for (ProducerStateEntry e : ProducerStateManager.readSnapshot(file))
                    System.out.println("snapshot " + LogFileUtils.offsetFromFile(file) + " " + describe(e));
            if (file.getName().endsWith(".txnindex")) {
                TransactionIndex index = new TransactionIndex(LogFileUtils.offsetFromFile(file), file);
                index.sanityCheck();
                for (AbortedTxn t : index.allAbortedTxns())
                    System.out.println("txnindex " + LogFileUtils.offsetFromFile(file) + " " + describe(t));
            }
        }
    }

    static String describe(ProducerStateEntry e) {
        BatchMetadata last = e.batchMetadata().stream().reduce((a, b) -> b).orElse(null);
        return String.format("producer %d epoch %d sequence %d offset %d delta %d time %d coordinator %d txn %d",
            e.producerId(), e.producerEpoch(), last == null ? -1 : last.lastSeq(), e.lastDataOffset(),
            last == null ? 0 : last.offsetDelta(), e.lastTimestamp(), e.coordinatorEpoch(),
            e.currentTxnFirstOffset().orElse(-1));
    }

    static String describe(AbortedTxn t) {
        return String.format("producer %d first %d last %d stable %d",
            t.producerId(), t.firstOffset(), t.lastOffset(), t.lastStableOffset());
    }

    static void recover(File folder) throws Exception {
        UnifiedLog log = open(folder, false);
        System.out.println("end " + log.logEndOffset() + " first unstable " + log.firstUnstableOffset());
        new TreeMap<>(log.producerStateManager().activeProducers()).values()
            .forEach(entry -> System.out.println("known " + describe(entry)));
        for (AbortedTxn t : log.collectAbortedTransactions(0, log.logEndOffset()))
            System.out.println("aborted " + describe(t));
        log.close();
        print(folder);
    }

    // Producer 2's transaction ends; its next one begins in the same append, and after that producer 3's.
    static void follow(File folder) throws Exception {
        UnifiedLog log = open(folder, true);
        EndTransactionMarker abort = new EndTransactionMarker(ControlRecordType.ABORT, 1);
        log.appendAsFollower(MemoryRecords.withTransactionalRecords(0L, Compression.NONE, 2, (short) 0, 0,
            LEADER_EPOCH, records(1)), LEADER_EPOCH);
        List<MemoryRecords> batches = List.of(
            MemoryRecords.withEndTransactionMarker(1, T, LEADER_EPOCH, 2, (short) 1, abort),
            MemoryRecords.withTransactionalRecords(2L, Compression.NONE, 2, (short) 1, 0, LEADER_EPOCH, records(8)),
            MemoryRecords.withTransactionalRecords(10L, Compression.NONE, 3, (short) 0, 0, LEADER_EPOCH, records(1)));
        ByteBuffer all = ByteBuffer.allocate(4096);
        batches.forEach(records -> all.put(records.buffer()));
        all.flip();
        log.appendAsFollower(MemoryRecords.readableRecords(all), LEADER_EPOCH);
        log.appendAsFollower(MemoryRecords.withEndTransactionMarker(11, T, LEADER_EPOCH, 2, (short) 2, abort),
            LEADER_EPOCH);
        for (long below : new long[]{5, 10, 11, 12}) {
            System.out.println("a reader of 0.." + below + " is to leave out:");
            for (AbortedTxn t : log.collectAbortedTransactions(0, below)) System.out.println("  " + describe(t));
        }
        log.close();
    }

    public static void main(String[] args) throws Exception {
        SCHEDULER.startup();
        File folder = new File(args[1]);
        switch (args[0]) {
            case "write" -> write(folder);
            case "print" -> print(folder);
            case "recover" -> recover(folder);
            case "follow" -> follow(folder);
            default -> throw new IllegalArgumentException(args[0]);
        }
        SCHEDULER.shutdown();
    }
}
