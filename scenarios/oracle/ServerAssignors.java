// What Kafka's assignors of brokers make of groups:
//   oracle java ServerAssignors.java FILE
//
// FILE has a line for each thing, and groups in turn:
//   group uniform|range homogeneous|heterogeneous
//   topic ID PARTITIONS
//   member NAME INSTANCE|- TOPIC,TOPIC|- ASSIGNED|-       where ASSIGNED is TOPIC:0,1;TOPIC:2
//   end
// It prints a line `NAME ASSIGNED` for each member, in the order of names, topics and partitions in order, then `end`; or
// `failed` and `end`. Members go into a HashMap in the order in which they stand there, as TargetAssignmentBuilder does.

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.coordinator.group.api.assignor.ConsumerGroupPartitionAssignor;
import org.apache.kafka.coordinator.group.api.assignor.GroupAssignment;
import org.apache.kafka.coordinator.group.api.assignor.MemberAssignment;
import org.apache.kafka.coordinator.group.api.assignor.PartitionAssignorException;
import org.apache.kafka.coordinator.group.api.assignor.SubscribedTopicDescriber;
import org.apache.kafka.coordinator.group.api.assignor.SubscriptionType;
import org.apache.kafka.coordinator.group.assignor.RangeAssignor;
import org.apache.kafka.coordinator.group.assignor.UniformAssignor;
import org.apache.kafka.coordinator.group.modern.Assignment;
import org.apache.kafka.coordinator.group.modern.GroupSpecImpl;
import org.apache.kafka.coordinator.group.modern.MemberSubscriptionAndAssignmentImpl;

public class ServerAssignors {
    static class Topics implements SubscribedTopicDescriber {
        final Map<Uuid, Integer> counts = new HashMap<>();

        public int numPartitions(Uuid id) {
            return counts.getOrDefault(id, -1);
        }

        public Set<String> racksForPartition(Uuid id, int partition) {
            return Set.of();
        }
    }

    static Map<Uuid, Set<Integer>> assigned(String text) {
        Map<Uuid, Set<Integer>> assigned = new HashMap<>();
        if (!text.equals("-")) {
            for (String topic : text.split(";")) {
                String[] halves = topic.split(":");
                List<Integer> partitions =
                    Arrays.stream(halves[1].split(",")).map(Integer::valueOf).collect(Collectors.toList());
                assigned.put(Uuid.fromString(halves[0]), new HashSet<>(partitions));
            }
        }
        return assigned;
    }

    static String shown(Map<Uuid, Set<Integer>> assigned) {
        Map<String, String> topics = new TreeMap<>();
        assigned.forEach((id, of) -> {
            if (!of.isEmpty()) {
                topics.put(id.toString(), new TreeSet<>(of).stream().map(String::valueOf).collect(Collectors.joining(",")));
            }
        });
        if (topics.isEmpty()) return "-";
        return topics.entrySet().stream().map(e -> e.getKey() + ":" + e.getValue()).collect(Collectors.joining(";"));
    }

    public static void main(String[] args) throws Exception {
        StringBuilder out = new StringBuilder();
        String[] head = null;
        Topics topics = new Topics();
        Map<String, MemberSubscriptionAndAssignmentImpl> members = new HashMap<>();
        Map<Uuid, Map<Integer, String>> inverted = new HashMap<>();
        for (String line : Files.readAllLines(Path.of(args[0]))) {
            String[] words = line.split(" ");
            switch (words[0]) {
                case "group" -> {
                    head = words;
                    topics = new Topics();
                    members = new HashMap<>();
                    inverted = new HashMap<>();
                }
                case "topic" -> topics.counts.put(Uuid.fromString(words[1]), Integer.parseInt(words[2]));
                case "member" -> {
                    Set<Uuid> subscribed = new LinkedHashSet<>();
                    if (!words[3].equals("-"))
                        for (String id : words[3].split(",")) subscribed.add(Uuid.fromString(id));
                    Map<Uuid, Set<Integer>> had = assigned(words[4]);
                    for (Map.Entry<Uuid, Set<Integer>> entry : had.entrySet())
                        for (int partition : entry.getValue())
                            inverted.computeIfAbsent(entry.getKey(), k -> new HashMap<>()).put(partition, words[1]);
                    members.put(words[1], new MemberSubscriptionAndAssignmentImpl(
                        Optional.empty(),
                        words[2].equals("-") ? Optional.empty() : Optional.of(words[2]),
                        subscribed,
                        new Assignment(had)));
                }
                case "end" -> {
                    ConsumerGroupPartitionAssignor assignor =
                        head[1].equals("range") ? new RangeAssignor() : new UniformAssignor();
                    SubscriptionType type = head[2].equals("homogeneous")
                        ? SubscriptionType.HOMOGENEOUS : SubscriptionType.HETEROGENEOUS;
                    try {
                        GroupAssignment assignment = assignor.assign(new GroupSpecImpl(members, type, inverted), topics);
                        for (String id : new TreeSet<>(members.keySet())) {
                            MemberAssignment of = assignment.members().get(id);
                            out.append(id).append(' ').append(of == null ? "-" : shown(of.partitions())).append('\n');
                        }
                    } catch (PartitionAssignorException e) {
                        out.append("failed\n");
                    }
                    out.append("end\n");
                }
                default -> throw new IllegalArgumentException(line);
            }
        }
        System.out.print(out);
    }
}
