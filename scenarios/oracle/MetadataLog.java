import java.util.*;
import org.apache.kafka.clients.admin.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.quota.*;
import org.apache.kafka.common.serialization.*;

/**
 * Makes a running Apache Kafka write as many kinds of metadata records as a client can cause, so that its metadata log
 * can be kept as an example of its bytes:
 *
 *   oracle java MetadataLog.java BOOTSTRAP REPLICATION_FACTOR
 */
public class MetadataLog {
    public static void main(String[] args) throws Exception {
        short copies = Short.parseShort(args[1]);
        Map<String, Object> conf = Map.of("bootstrap.servers", args[0]);
        try (Admin admin = Admin.create(conf)) {
            var first = new NewTopic("first", 2, copies).configs(Map.of("min.insync.replicas", copies > 1 ? "2" : "1", "retention.ms", "60000"));
            admin.createTopics(List.of(first, new NewTopic("gone", 1, copies), new NewTopic("more", 1, copies))).all().get();
            var topic = new ConfigResource(ConfigResource.Type.TOPIC, "first");
            admin.incrementalAlterConfigs(Map.of(topic, List.of(
                new AlterConfigOp(new ConfigEntry("segment.bytes", "1048576"), AlterConfigOp.OpType.SET),
                new AlterConfigOp(new ConfigEntry("retention.ms", ""), AlterConfigOp.OpType.DELETE)))).all().get();
            admin.createPartitions(Map.of("first", NewPartitions.increaseTo(3))).all().get();
            admin.deleteTopics(List.of("gone")).all().get();
            var quota = new ClientQuotaEntity(Map.of(ClientQuotaEntity.CLIENT_ID, "größe"));
            admin.alterClientQuotas(List.of(new ClientQuotaAlteration(quota, List.of(new ClientQuotaAlteration.Op("request_percentage", 12.5))))).all().get();
            var scram = new ScramCredentialInfo(ScramMechanism.SCRAM_SHA_256, 4096);
            admin.alterUserScramCredentials(List.of(new UserScramCredentialUpsertion("u", scram, "secret".getBytes(), "salt".getBytes()))).all().get();
            admin.alterUserScramCredentials(List.of(new UserScramCredentialDeletion("u", ScramMechanism.SCRAM_SHA_256))).all().get();
            admin.updateFeatures(Map.of("group.version", new FeatureUpdate((short) 0, FeatureUpdate.UpgradeType.SAFE_DOWNGRADE)), new UpdateFeaturesOptions()).all().get();
            Map<String, Object> producing = new HashMap<>(conf);
            producing.put("acks", "all");
            try (var producer = new KafkaProducer<>(producing, new StringSerializer(), new StringSerializer())) {
                for (int i = 0; i < 10; i++) producer.send(new ProducerRecord<>("first", i % 3, "k" + i, "v" + i)).get();
            }
        }
    }
}
