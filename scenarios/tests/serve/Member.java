import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.Properties;
import java.util.TreeSet;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.Collectors;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.utils.AppInfoParser;

/**
 * A member of a group, of Apache Kafka's own consumer. Says `has 0 1 2` whenever that changes, `read PARTITION OFFSET` of
 * every record, and leaves its group when its input ends.
 */
public class Member {
    public static void main(String[] args) throws Exception {
        var settings = new Properties();
        settings.put("bootstrap.servers", args[0]);
        settings.put("group.id", args[1]);
        settings.put("group.protocol", args[2]);
        settings.put("client.id", args[3]);
        settings.put("auto.offset.reset", "earliest");
        settings.put("auto.commit.interval.ms", 200);
        settings.put("reconnect.backoff.max.ms", 200);
        settings.put("request.timeout.ms", 5000);
        if (args[2].equals("classic")) {
            settings.put("session.timeout.ms", 4000);
            settings.put("heartbeat.interval.ms", 300);
            // A coordinator that loses its power does not say that it has forgotten who wants to join: the answer is
            // waited for as long as this, and five seconds.
            settings.put("max.poll.interval.ms", 10000);
        }
        System.out.println("kafka-clients " + AppInfoParser.getVersion() + ", " + args[2]);
        var ends = new AtomicBoolean();
        Thread listens = new Thread(() -> {
            try {
                while (System.in.read() >= 0) { }
            } catch (java.io.IOException why) {
                System.err.println(why);
            }
            ends.set(true);
        });
        listens.setDaemon(true);
        listens.start();
        var has = new TreeSet<Integer>();
        try (var consumer = new KafkaConsumer<>(settings, new StringDeserializer(), new StringDeserializer())) {
            consumer.subscribe(List.of("orders"), new ConsumerRebalanceListener() {
                void tell() {
                    System.out.println("has " + has.stream().map(String::valueOf).collect(Collectors.joining(" ")));
                }

                @Override
                public void onPartitionsAssigned(Collection<TopicPartition> partitions) {
                    partitions.forEach(partition -> has.add(partition.partition()));
                    tell();
                }

                @Override
                public void onPartitionsRevoked(Collection<TopicPartition> partitions) {
                    partitions.forEach(partition -> has.remove(partition.partition()));
                    tell();
                }
            });
            while (!ends.get()) {
                var told = new StringBuilder();
                for (var record : consumer.poll(Duration.ofMillis(100))) {
                    told.append("read ").append(record.partition()).append(' ').append(record.offset()).append('\n');
                }
                System.out.print(told);
                System.out.flush();
            }
        }
        System.out.println("left");
    }
}
