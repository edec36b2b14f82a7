// Lets Apache Kafka's own cleaner clean logs, to compare what is left with what we leave. Run with Kafka 4.3.0 on the
// class path:
//
//   java Cleanings.java FOLDER CASES    cleans the logs that the lines of the file CASES name, and prints for each pass
//                                       up to where the log is clean
//
// A line is: name delete.retention.ms segment.bytes keys high-watermark, and for each pass from:to:time. The log lies in
// FOLDER/name/orders-0, and was shut down in good order.
import java.io.File;
import java.lang.reflect.Proxy;
import java.nio.file.*;
import java.util.*;
import org.apache.kafka.common.utils.Time;
import org.apache.kafka.server.util.KafkaScheduler;
import org.apache.kafka.storage.internals.log.*;
import org.apache.kafka.storage.internals.utils.Throttler;
import org.apache.kafka.storage.log.metrics.BrokerTopicStats;

public class Cleanings {
    static final long T = 1_767_225_600_000L;
    static final KafkaScheduler SCHEDULER = new KafkaScheduler(1, true);
    // A clock that stands still: nobody expires.
    static final Time TIME = (Time) Proxy.newProxyInstance(Cleanings.class.getClassLoader(),
        new Class<?>[]{Time.class}, (self, method, args) -> switch (method.getName()) {
            case "milliseconds", "hiResClockMs" -> T;
            case "nanoseconds" -> T * 1_000_000;
            default -> throw new UnsupportedOperationException(method.getName());
        });

    static UnifiedLog open(File folder, String retention, String segmentBytes) throws Exception {
        LogConfig config = new LogConfig(Map.of("cleanup.policy", "compact", "delete.retention.ms", retention,
            "internal.segment.bytes", segmentBytes, "index.interval.bytes", "100"));
        return UnifiedLog.create(folder, config, 0, 0, SCHEDULER, new BrokerTopicStats(), TIME,
            900_000, new ProducerStateManagerConfig(86_400_000, true), 600_000, new LogDirFailureChannel(1), true,
            Optional.empty());
    }

    static void clean(File folder, String[] words) throws Exception {
        UnifiedLog log = open(new File(folder, words[0] + "/orders-0"), words[1], words[2]);
        log.updateHighWatermark(Long.parseLong(words[4]));
        OffsetMap map = new SkimpyOffsetMap(24 * Integer.parseInt(words[3]));
        Throttler throttler = new Throttler(Double.MAX_VALUE, Long.MAX_VALUE, "throttler", "bytes", Time.SYSTEM);
        Cleaner cleaner = new Cleaner(0, map, 1 << 20, 1 << 20, 1.0, throttler, TIME, partition -> { });
        StringBuilder line = new StringBuilder(words[0]);
        for (int i = 5; i < words.length; i++) {
            String[] pass = words[i].split(":");
            LogToClean toClean = new LogToClean(log, Long.parseLong(pass[0]), Long.parseLong(pass[1]), false);
            line.append(' ').append(cleaner.doClean(toClean, Long.parseLong(pass[2])).getKey());
        }
        System.out.println(line);
        log.flush(true);
        log.close();
    }

    public static void main(String[] args) throws Exception {
        SCHEDULER.startup();
        for (String line : Files.readAllLines(Path.of(args[1]))) clean(new File(args[0]), line.split(" "));
        SCHEDULER.shutdown();
    }
}
