// What a producer feels when the leader's node is stopped, killed or paused:
//   oracle java Felt.java BOOTSTRAP ORACLE_HOME TOPIC -TERM|-KILL|-STOP next|other SECONDS
//
// Of three combined nodes it takes one that is not the active controller, makes a topic of one partition that this node
// leads (next: the active controller is the second replica; other: the third), and sends 100 bytes every 5 ms with
// acks=all. After 3 s it signals the node. It prints every time between two acknowledgements above 40 ms, and at the end
// the longest. The nodes' own logs say what they did meanwhile. Nothing in `cargo test` needs it.

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.LocalTime;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArraySerializer;

public class Felt {
    static long last;
    static long longest;

    public static void main(String[] args) throws Exception {
        String bootstrap = args[0], home = args[1], topic = args[2], signal = args[3];
        boolean next = args[4].equals("next");
        long lasting = Long.parseLong(args[5]) * 1_000_000_000L;
        int leader = makeTopic(bootstrap, topic, next);
        Thread.sleep(1_000);
        Map<String, Object> config = new HashMap<>();
        config.put("bootstrap.servers", bootstrap);
        config.put("acks", "all");
        config.put("linger.ms", 0);
        byte[] value = new byte[100];
        var bytes = new ByteArraySerializer();
        try (var producer = new KafkaProducer<byte[], byte[]>(config, bytes, bytes)) {
            long begin = System.nanoTime();
            boolean done = false;
            while (System.nanoTime() - begin < lasting) {
                if (!done && System.nanoTime() - begin > 3_000_000_000L) {
                    done = true;
                    String pid = Files.readString(Path.of(home, "node" + leader, "pid")).trim();
                    System.out.println(LocalTime.now() + " " + signal + " node " + leader);
                    new ProcessBuilder("kill", signal, pid).start();
                }
                producer.send(new ProducerRecord<>(topic, value), (told, error) -> acknowledged(error));
                Thread.sleep(5);
            }
        }
        System.out.println("longest " + longest + " ms");
    }

    static int makeTopic(String bootstrap, String topic, boolean next) throws Exception {
        Map<String, Object> config = Map.of("bootstrap.servers", bootstrap);
        try (Admin admin = Admin.create(config)) {
            int controller = admin.describeMetadataQuorum().quorumInfo().get().leaderId();
            List<Integer> others = new ArrayList<>(List.of(1, 2, 3));
            others.remove((Integer) controller);
            int leader = others.get(0), third = others.get(1);
            List<Integer> replicas = next ? List.of(leader, controller, third) : List.of(leader, third, controller);
            var settings = Map.of("min.insync.replicas", "2");
            var made = new NewTopic(topic, Map.of(0, replicas)).configs(settings);
            admin.createTopics(List.of(made)).all().get();
            System.out.println("controller " + controller + ", replicas " + replicas);
            return leader;
        }
    }

    static void acknowledged(Exception error) {
        long now = System.nanoTime();
        if (error != null) {
            System.out.println(LocalTime.now() + " failed: " + error);
            return;
        }
        long took = last == 0 ? 0 : (now - last) / 1_000_000;
        if (took > 40) System.out.println(LocalTime.now() + " " + took + " ms");
        longest = Math.max(longest, took);
        last = now;
    }
}
