// Fills the topics that log/oracle/keep-folders keeps, on a running Apache Kafka:
//
//   java KeptTopics.java BOOTSTRAP
//
// codecs       a batch of three records with each codec, one after another, with headers, null keys and null values
// idempotent   two idempotent producers, in several segments
// transactions a committed, an aborted, then an open transaction, in several segments
// compacted    keys written again and again, and tombstones, until the cleaner has been there
// A group commits offsets, so that there is a __consumer_offsets; all of it is small.
import java.time.Duration;
import java.util.*;
import org.apache.kafka.clients.admin.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.internals.RecordHeader;

public class KeptTopics {
    static final long T = 1_767_225_600_000L;
    static String bootstrap;
    static Admin admin;

    static void topic(String name, Map<String, String> config) throws Exception {
        admin.createTopics(List.of(new NewTopic(name, 1, (short) 1).configs(config))).all().get();
    }

    static KafkaProducer<byte[], byte[]> producer(Map<String, Object> more) {
        Map<String, Object> config = new HashMap<>(Map.of("bootstrap.servers", bootstrap, "linger.ms", 60_000,
            "key.serializer", "org.apache.kafka.common.serialization.ByteArraySerializer",
            "value.serializer", "org.apache.kafka.common.serialization.ByteArraySerializer"));
        config.putAll(more);
        return new KafkaProducer<>(config);
    }

    static byte[] bytes(String text) { return text == null ? null : text.getBytes(); }

    static ProducerRecord<byte[], byte[]> record(String topic, long at, String key, String value) {
        return new ProducerRecord<>(topic, 0, T + 1_000 * at, bytes(key), bytes(value));
    }

    static void codecs() {
        int at = 0;
        for (String codec : List.of("none", "gzip", "snappy", "lz4", "zstd")) {
            try (var producer = producer(Map.of("compression.type", codec, "enable.idempotence", false))) {
                for (int round = 0; round < 3; round++) {
                    var one = record("codecs", at++, "key", codec + " ".repeat(200) + round);
                    one.headers().add(new RecordHeader("trace", bytes("on"))).add(new RecordHeader("trace", null));
                    producer.send(one);
                    producer.send(record("codecs", at++, null, ""));
                    producer.send(record("codecs", at++, "gone", null));
                    producer.flush();
                }
            }
        }
    }

    static void idempotent() throws Exception {
        try (var a = producer(Map.of()); var b = producer(Map.of())) {
            for (int i = 0; i < 8; i++) {
                var producer = i % 3 == 2 ? b : a;
                for (int j = 0; j <= i % 4; j++) producer.send(record("idempotent", i, "k" + j, "value " + i));
                producer.flush();
                if (i % 3 == 0) Thread.sleep(120);
            }
        }
    }

    static KafkaProducer<byte[], byte[]> transactions(String id) {
        var producer = producer(Map.of("transactional.id", id));
        producer.initTransactions();
        return producer;
    }

    static KafkaProducer<byte[], byte[]> transactions() throws Exception {
        var a = transactions("a");
        var b = transactions("b");
        for (int round = 0; round < 3; round++) {
            a.beginTransaction();
            b.beginTransaction();
            a.send(record("transactions", round, "a", "kept"));
            b.send(record("transactions", round, "b", "not kept"));
            a.flush();
            b.flush();
            Thread.sleep(120);
            a.send(record("transactions", round, "a", "kept too"));
            b.abortTransaction();
            a.commitTransaction();
            Thread.sleep(120);
        }
        b.close();
        a.beginTransaction();
        a.send(record("transactions", 9, "a", "open"));
        a.flush();
        return a;
    }

    static void compacted() throws Exception {
        try (var producer = producer(Map.of("compression.type", "lz4"))) {
            for (int round = 0; round < 6; round++) {
                for (int key = 0; key < 6; key++)
                    producer.send(record("compacted", round, "key" + key, key == round ? null : "value " + round));
                producer.flush();
                Thread.sleep(200);
            }
            Thread.sleep(3_000);
            producer.send(record("compacted", 9, "key9", "after the cleaner"));
            producer.flush();
        }
    }

    static void group() {
        Map<String, Object> config = Map.of("bootstrap.servers", bootstrap, "group.id", "readers",
            "auto.offset.reset", "earliest", "isolation.level", "read_committed",
            "key.deserializer", "org.apache.kafka.common.serialization.ByteArrayDeserializer",
            "value.deserializer", "org.apache.kafka.common.serialization.ByteArrayDeserializer");
        try (var consumer = new KafkaConsumer<byte[], byte[]>(config)) {
            consumer.subscribe(List.of("codecs", "idempotent"));
            for (int round = 0; round < 6; round++) {
                consumer.poll(Duration.ofMillis(500));
                consumer.commitSync();
            }
        }
    }

    public static void main(String[] args) throws Exception {
        bootstrap = args[0];
        admin = Admin.create(Map.of("bootstrap.servers", bootstrap));
        topic("codecs", Map.of("index.interval.bytes", "300"));
        topic("idempotent", Map.of("segment.ms", "3000", "index.interval.bytes", "100"));
        topic("transactions", Map.of("segment.ms", "100"));
        topic("compacted", Map.of("cleanup.policy", "compact", "segment.ms", "500", "min.cleanable.dirty.ratio",
            "0.01", "max.compaction.lag.ms", "200", "delete.retention.ms", "100000000"));
        topic("gone", Map.of());
        codecs();
        idempotent();
        compacted();
        group();
        admin.incrementalAlterConfigs(Map.of(
            new org.apache.kafka.common.config.ConfigResource(org.apache.kafka.common.config.ConfigResource.Type.TOPIC, "codecs"),
            List.of(new AlterConfigOp(new ConfigEntry("retention.ms", "-1"), AlterConfigOp.OpType.SET)))).all().get();
        admin.deleteTopics(List.of("gone")).all().get();
        var open = transactions();
        Thread.sleep(1_000);
        // The open transaction stays open: no close, which would abort it.
        Runtime.getRuntime().halt(0);
    }
}
