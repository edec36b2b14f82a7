// Lets Apache Kafka's own log recover folders after an unclean stop, and prints what it makes of each. Run with Kafka
// 4.3.0 on the class path:
//
//   java Folders.java recover PARENT   PARENT/NAME/TOPIC-PARTITION: one log for each NAME
//
// For each NAME, in order: a line "log NAME start S end E unstable U epochs EPOCH@OFFSET ...", a line for each producer,
// one for each aborted transaction, then "file NAME SIZE CRC32" for each file that is left in the folder. What Kafka
// cannot open is "log NAME error". The test log/tests/kept_folders.rs wants the same words from our own log.
import java.io.File;
import java.lang.reflect.Proxy;
import java.nio.file.Files;
import java.util.*;
import java.util.concurrent.ScheduledFuture;
import java.util.zip.CRC32;
import org.apache.kafka.common.utils.Time;
import org.apache.kafka.server.util.Scheduler;
import org.apache.kafka.storage.internals.log.*;
import org.apache.kafka.storage.log.metrics.BrokerTopicStats;

public class Folders {
    static final long T = 1_767_225_600_000L;
    static final Time TIME = (Time) Proxy.newProxyInstance(Folders.class.getClassLoader(),
        new Class<?>[]{Time.class}, (self, method, args) -> switch (method.getName()) {
            case "milliseconds", "hiResClockMs" -> T;
            case "nanoseconds" -> T * 1_000_000;
            default -> throw new UnsupportedOperationException(method.getName());
        });
    // Nothing happens in the background: what is due at once is done, what is put off never is.
    static final Scheduler SCHEDULER = new Scheduler() {
        @Override public void startup() { }
        @Override public void shutdown() { }
        @Override public void resizeThreadPool(int newSize) { }
        @Override public ScheduledFuture<?> schedule(String name, Runnable task, long delayMs, long periodMs) {
            if (delayMs <= 0 && periodMs < 0) task.run();
            return (ScheduledFuture<?>) Proxy.newProxyInstance(Folders.class.getClassLoader(),
                new Class<?>[]{ScheduledFuture.class}, (self, method, args) -> method.getName().equals("cancel"));
        }
    };

    public static void main(String[] args) throws Exception {
        if (!args[0].equals("recover")) throw new IllegalArgumentException(args[0]);
        File[] names = new File(args[1]).listFiles(File::isDirectory);
        Arrays.sort(names);
        StringBuilder out = new StringBuilder();
        for (File name : names) {
            File folder = Objects.requireNonNull(name.listFiles(File::isDirectory))[0];
            StringBuilder words = new StringBuilder();
            try {
                recover(name.getName(), folder, words);
                out.append(words);
            } catch (Throwable e) {
                System.err.println(name + ": " + e);
                out.append("log ").append(name.getName()).append(" error\n");
            }
        }
        System.out.print(out);
    }

    static void recover(String name, File folder, StringBuilder out) throws Exception {
        LogConfig config = new LogConfig(Map.of("retention.ms", "-1"));
        UnifiedLog log = UnifiedLog.create(folder, config, 0, 0, SCHEDULER, new BrokerTopicStats(), TIME, 900_000,
            new ProducerStateManagerConfig(86_400_000, true), 600_000, new LogDirFailureChannel(1), false,
            Optional.empty());
        out.append(String.format("log %s start %d end %d unstable %s epochs", name, log.logStartOffset(),
            log.logEndOffset(), log.firstUnstableOffset().map(String::valueOf).orElse("none")));
        for (EpochEntry entry : log.leaderEpochCache().epochEntries())
            out.append(String.format(" %d@%d", entry.epoch(), entry.startOffset()));
        out.append("\n");
        for (ProducerStateEntry e : new TreeMap<>(log.producerStateManager().activeProducers()).values()) {
            out.append(String.format("producer %d epoch %d time %d coordinator %d txn %d", e.producerId(),
                e.producerEpoch(), e.lastTimestamp(), e.coordinatorEpoch(), e.currentTxnFirstOffset().orElse(-1)));
            for (BatchMetadata b : e.batchMetadata())
                out.append(String.format(" %d..%d@%d", b.firstSeq(), b.lastSeq(), b.lastOffset()));
            out.append("\n");
        }
        for (AbortedTxn t : log.collectAbortedTransactions(log.logStartOffset(), log.logEndOffset()))
            out.append(String.format("aborted %d first %d last %d stable %d%n", t.producerId(), t.firstOffset(),
                t.lastOffset(), t.lastStableOffset()));
        log.flush(true);
        log.close();
        File[] files = folder.listFiles(File::isFile);
        Arrays.sort(files);
        for (File file : files) {
            byte[] bytes = Files.readAllBytes(file.toPath());
            CRC32 crc = new CRC32();
            crc.update(bytes);
            out.append(String.format("file %s %d %08x%n", file.getName(), bytes.length, crc.getValue()));
        }
    }
}
