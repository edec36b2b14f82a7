import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.apache.kafka.common.utils.AppInfoParser;

/**
 * The clients of Apache Kafka: make a topic, produce across a leader crash, read all of it back.
 * Says `half` when somebody may crash the leader, and at the end one line of figures.
 */
public class Guest {
    static final String TOPIC = "orders";
    static final int PARTITIONS = 3;
    static final int RECORDS = 3000;

    public static void main(String[] args) throws Exception {
        String bootstrap = args[0];
        System.out.println("kafka-clients " + AppInfoParser.getVersion());
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", bootstrap))) {
            System.out.println("cluster of " + admin.describeCluster().nodes().get().size());
            admin.createTopics(List.of(new NewTopic(TOPIC, Optional.of(PARTITIONS), Optional.empty()))).all().get();
            System.out.println("topics " + admin.listTopics().names().get());
            int count = admin.describeTopics(List.of(TOPIC)).allTopicNames().get().get(TOPIC).partitions().size();
            if (count != PARTITIONS) throw new IllegalStateException(count + " partitions");
        }

        Map<String, Object> settings = new HashMap<>();
        settings.put("bootstrap.servers", bootstrap);
        settings.put("acks", "all");
        settings.put("linger.ms", 5);
        settings.put("compression.type", "zstd");
        Map<String, String> acked = new ConcurrentHashMap<>();
        AtomicInteger failed = new AtomicInteger();
        try (var producer = new KafkaProducer<>(settings, new StringSerializer(), new StringSerializer())) {
            for (int number = 0; number < RECORDS; number++) {
                String value = Integer.toString(number);
                producer.send(new ProducerRecord<>(TOPIC, Integer.toString(number % 17), value), (told, why) -> {
                    if (why == null) acked.put(value, told.partition() + "@" + told.offset());
                    else {
                        System.out.println(why);
                        failed.incrementAndGet();
                    }
                });
                Thread.sleep(2);
                if (number == RECORDS / 3) {
                    producer.flush();
                    System.out.println("half");
                }
            }
            producer.flush();
        }

        settings = new HashMap<>();
        settings.put("bootstrap.servers", bootstrap);
        settings.put("enable.auto.commit", false);
        Map<String, List<String>> read = new HashMap<>();
        int seen = 0;
        try (var consumer = new KafkaConsumer<>(settings, new StringDeserializer(), new StringDeserializer())) {
            List<TopicPartition> partitions = new ArrayList<>();
            for (int number = 0; number < PARTITIONS; number++) partitions.add(new TopicPartition(TOPIC, number));
            consumer.assign(partitions);
            consumer.seekToBeginning(partitions);
            long ends = consumer.endOffsets(partitions).values().stream().mapToLong(Long::longValue).sum();
            long limit = System.currentTimeMillis() + 60_000;
            while (seen < ends && System.currentTimeMillis() < limit) {
                for (var record : consumer.poll(Duration.ofSeconds(1))) {
                    seen++;
                    String place = record.partition() + "@" + record.offset();
                    read.computeIfAbsent(record.value(), value -> new ArrayList<>()).add(place);
                }
            }
        }
        long lost = acked.entrySet().stream()
            .filter(told -> !read.getOrDefault(told.getKey(), List.of()).contains(told.getValue())).count();
        System.out.printf("acked %d failed %d read %d lost %d%n", acked.size(), failed.get(), seen, lost);
        System.exit(lost == 0 && failed.get() == 0 && acked.size() == RECORDS ? 0 : 1);
    }
}
