// Lets Apache Kafka's own assignors assign, and its own ConsumerProtocol read, to compare with what we say. Run with
// Kafka 4.3.0 on the class path:
//
//   oracle java Assignors.java assign FILE    a line for each member of each round: id, partitions, and the sums of the
//                                             bytes of its subscription and of its assignment
//   oracle java Assignors.java read FILE      a line for each line `s HEX` or `a HEX`: the sum of what the bytes say, or
//                                             `error`
//
// FILE of `assign` has words; `-` is nothing:
//   group ASSIGNOR                            another group, with a leader whose assignor is a new one
//   leader                                    another leader of the same group, with a new assignor
//   topic NAME *COUNT | RACKS...              so many partitions without racks; or of each the racks, with commas
//   member ID INSTANCE VERSION GENERATION RACK TOPICS OWNED DATA
//                                             a member of this round, and the version in which it writes itself down;
//                                             TOPICS a,b; OWNED a/0/1,b/3; DATA `own` (of a new assignor), `on:5:a/0/1`
//                                             (of one that was assigned that in generation 5), `raw:HEX`, `null`
//   assign                                    the round
//   # ...                                     a remark
// Where Kafka throws, the partitions are `!` and the name of the class. A sum is FNV-1a with 64 bits.

import java.io.BufferedOutputStream;
import java.io.PrintStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import org.apache.kafka.clients.consumer.ConsumerGroupMetadata;
import org.apache.kafka.clients.consumer.ConsumerPartitionAssignor;
import org.apache.kafka.clients.consumer.ConsumerPartitionAssignor.Assignment;
import org.apache.kafka.clients.consumer.ConsumerPartitionAssignor.GroupSubscription;
import org.apache.kafka.clients.consumer.ConsumerPartitionAssignor.Subscription;
import org.apache.kafka.clients.consumer.CooperativeStickyAssignor;
import org.apache.kafka.clients.consumer.RangeAssignor;
import org.apache.kafka.clients.consumer.RoundRobinAssignor;
import org.apache.kafka.clients.consumer.StickyAssignor;
import org.apache.kafka.clients.consumer.internals.ConsumerProtocol;
import org.apache.kafka.common.Cluster;
import org.apache.kafka.common.Node;
import org.apache.kafka.common.PartitionInfo;
import org.apache.kafka.common.TopicPartition;
import org.apache.logging.log4j.Level;
import org.apache.logging.log4j.LogManager;
import org.apache.logging.log4j.core.LoggerContext;

public class Assignors {
    static PrintStream out = new PrintStream(new BufferedOutputStream(System.out, 1 << 20), false, StandardCharsets.UTF_8);

    static String name;
    static ConsumerPartitionAssignor leader;
    static Map<String, String[]> topics = new TreeMap<>();
    static List<String> ids = new ArrayList<>();
    static Map<String, String> sums = new HashMap<>();
    static Map<String, Subscription> subscriptions = new HashMap<>();

    public static void main(String[] args) throws Exception {
        // Kafka tells of every assignment; its logger belongs to its own class loader.
        var log = (LoggerContext) LogManager.getContext(Cluster.class.getClassLoader(), false);
        log.getConfiguration().getRootLogger().setLevel(Level.OFF);
        log.updateLoggers();
        try (var lines = Files.lines(Path.of(args[1]))) {
            lines.forEach(args[0].equals("read") ? Assignors::read : Assignors::line);
        }
        out.flush();
    }

    static void line(String line) {
        String[] words = line.split(" ");
        switch (words[0]) {
            case "group" -> {
                name = words[1];
                leader = fresh();
                topics.clear();
            }
            case "leader" -> leader = fresh();
            case "topic" -> topics.put(words[1], List.of(words).subList(2, words.length).toArray(new String[0]));
            case "member" -> member(words);
            case "assign" -> assign();
            case "#" -> { }
            default -> throw new IllegalArgumentException(line);
        }
    }

    static ConsumerPartitionAssignor fresh() {
        return switch (name) {
            case "range" -> new RangeAssignor();
            case "roundrobin" -> new RoundRobinAssignor();
            case "sticky" -> new StickyAssignor();
            case "cooperative-sticky" -> new CooperativeStickyAssignor();
            default -> throw new IllegalArgumentException(name);
        };
    }

    static void member(String[] words) {
        String id = words[1];
        List<String> wanted = words[6].equals("-") ? List.of() : List.of(words[6].split(","));
        Optional<String> instance = optional(words[2]);
        ByteBuffer data = data(words[8], wanted, id, instance);
        var said = new Subscription(wanted, data, partitions(words[7]), Integer.parseInt(words[4]), optional(words[5]));
        // As the leader has it: written and read again.
        ByteBuffer bytes = ConsumerProtocol.serializeSubscription(said, Short.parseShort(words[3]));
        ids.add(id);
        sums.put(id, sum(bytes));
        Subscription heard = ConsumerProtocol.deserializeSubscription(bytes);
        heard.setGroupInstanceId(instance);
        subscriptions.put(id, heard);
    }

    @SuppressWarnings("removal")
    static ByteBuffer data(String word, List<String> wanted, String id, Optional<String> instance) {
        if (word.equals("null")) return null;
        if (word.startsWith("raw:")) return ByteBuffer.wrap(HexFormat.of().parseHex(word.substring(4)));
        ConsumerPartitionAssignor assignor = fresh();
        if (word.startsWith("on:")) {
            String[] parts = word.split(":", 3);
            var metadata = new ConsumerGroupMetadata("group", Integer.parseInt(parts[1]), id, instance);
            assignor.onAssignment(new Assignment(partitions(parts[2])), metadata);
        }
        return assignor.subscriptionUserData(Set.copyOf(wanted));
    }

    static void assign() {
        Map<String, Assignment> assigned = null;
        String thrown = null;
        try {
            assigned = leader.assign(cluster(), new GroupSubscription(subscriptions)).groupAssignment();
        } catch (RuntimeException e) {
            thrown = e.getClass().getSimpleName();
        }
        for (String id : ids) {
            if (assigned == null) {
                out.println(id + " !" + thrown + " " + sums.get(id) + " -");
            } else {
                Assignment its = assigned.get(id);
                String sum = sum(ConsumerProtocol.serializeAssignment(its));
                out.println(id + " " + text(its.partitions()) + " " + sums.get(id) + " " + sum);
            }
        }
        ids.clear();
        sums.clear();
        // Kafka makes a new one for each round, and so does its order begin anew.
        subscriptions = new HashMap<>();
    }

    static Cluster cluster() {
        Map<String, Node> nodes = new HashMap<>();
        List<PartitionInfo> partitions = new ArrayList<>();
        topics.forEach((topic, racks) -> {
            boolean counted = racks.length == 1 && racks[0].startsWith("*");
            int count = counted ? Integer.parseInt(racks[0].substring(1)) : racks.length;
            for (int i = 0; i < count; i++) {
                String[] names = (counted ? "-" : racks[i]).split(",");
                Node[] replicas = new Node[names.length];
                for (int j = 0; j < names.length; j++) {
                    String rack = names[j];
                    replicas[j] = nodes.computeIfAbsent(rack,
                        it -> new Node(nodes.size(), "host", 9092, it.equals("-") ? null : it));
                }
                partitions.add(new PartitionInfo(topic, i, replicas[0], replicas, replicas));
            }
        });
        return new Cluster("cluster", nodes.values(), partitions, Set.of(), Set.of());
    }

    static Optional<String> optional(String word) {
        return word.equals("-") ? Optional.empty() : Optional.of(word);
    }

    static List<TopicPartition> partitions(String word) {
        List<TopicPartition> list = new ArrayList<>();
        if (word.equals("-")) return list;
        for (String part : word.split(",")) {
            String[] numbers = part.split("/");
            for (int i = 1; i < numbers.length; i++) list.add(new TopicPartition(numbers[0], Integer.parseInt(numbers[i])));
        }
        return list;
    }

    static String text(List<TopicPartition> list) {
        var text = new StringBuilder();
        String last = null;
        for (TopicPartition partition : list) {
            if (!partition.topic().equals(last)) text.append(last == null ? "" : ",").append(partition.topic());
            last = partition.topic();
            text.append('/').append(partition.partition());
        }
        return last == null ? "-" : text.toString();
    }

    static String sum(ByteBuffer bytes) {
        long sum = 0xcbf29ce484222325L;
        for (ByteBuffer rest = bytes.duplicate(); rest.hasRemaining();) sum = (sum ^ (rest.get() & 0xff)) * 0x100000001b3L;
        return String.format("%016x", sum);
    }

    static void read(String line) {
        ByteBuffer bytes = ByteBuffer.wrap(HexFormat.of().parseHex(line.substring(2)));
        try {
            String said = line.startsWith("s") ? subscription(bytes) : assignment(bytes);
            out.println("ok " + sum(ByteBuffer.wrap(said.getBytes(StandardCharsets.UTF_8))));
        } catch (RuntimeException e) {
            out.println("error");
        }
    }

    static String subscription(ByteBuffer bytes) {
        Subscription said = ConsumerProtocol.deserializeSubscription(bytes);
        String wanted = said.topics().isEmpty() ? "-" : String.join(",", said.topics());
        return wanted + " " + text(said.ownedPartitions()) + " " + said.generationId().orElse(-1)
            + " " + said.rackId().orElse("-") + " " + hex(said.userData());
    }

    static String assignment(ByteBuffer bytes) {
        Assignment said = ConsumerProtocol.deserializeAssignment(bytes);
        return text(said.partitions()) + " " + hex(said.userData());
    }

    static String hex(ByteBuffer bytes) {
        if (bytes == null) return "null";
        byte[] copy = new byte[bytes.remaining()];
        bytes.duplicate().get(copy);
        return "raw:" + HexFormat.of().formatHex(copy);
    }
}
