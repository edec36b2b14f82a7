import java.util.*;
import java.util.jar.*;
import org.apache.kafka.common.protocol.types.*;

/**
 * Prints the shape of every message and record that Apache Kafka knows, a line per name and version:
 *
 *   ProduceRequest 13 key=0: transactionalId:cstring? acks:int16 ... topicData:c[topicId:uuid ...]
 *
 * Types: bool int8 int16 uint16 int32 uint32 int64 float64 uuid string bytes records; a leading c is the compact
 * form (lengths as unsigned varint plus one), a trailing ? may be null; [..] is an array, c[..] a compact one,
 * {..} a struct, #n:name:type a tagged field (left out when it has its default), # the end of a flexible struct's
 * tags. A struct that may be null has an int8 before it: -1 for null, 1 otherwise. =value is a default other
 * than 0, false, "" and empty; =null the default of what may be null.
 */
public class Shapes {
    public static void main(String[] args) throws Exception {
        TreeMap<String, List<String>> out = new TreeMap<>();
        for (String path : System.getProperty("java.class.path").split(":")) {
            if (!path.matches(".*/kafka-[^/]*\\.jar")) continue;
            try (JarFile jar = new JarFile(path)) {
                for (var e : Collections.list(jar.entries())) {
                    String n = e.getName();
                    if (!n.endsWith(".class") || n.contains("$") || n.contains("JsonConverter") || !(n.contains("/message/") || n.contains("/generated/") || n.contains("/metadata/"))) continue;
                    Class<?> c;
                    try { c = Class.forName(n.replace('/', '.').substring(0, n.length() - 6)); } catch (Throwable t) { continue; }
                    java.lang.reflect.Field schemas;
                    try { schemas = c.getField("SCHEMAS"); } catch (NoSuchFieldException x) { continue; }
                    Schema[] all = (Schema[]) schemas.get(null);
                    String key = "";
                    try {
                        Object instance = c.getDeclaredConstructor().newInstance();
                        key = " key=" + c.getMethod("apiKey").invoke(instance);
                    } catch (Throwable t) { key = ""; }
                    String name = c.getSimpleName().replaceAll("Data$", "");
                    List<String> lines = new ArrayList<>();
                    for (int v = 0; v < all.length; v++)
                        if (all[v] != null) lines.add(name + " " + v + key + ": " + fields(all[v], c));
                    out.putIfAbsent(name, lines);
                }
            }
        }
        out.values().forEach(lines -> lines.forEach(System.out::println));
    }

    static String fields(Schema schema, Class<?> c) throws Exception {
        StringJoiner out = new StringJoiner(" ");
        for (BoundField f : schema.fields())
            out.add(f.def.type instanceof TaggedFields tagged ? tags(tagged, c) : field(f.def, c));
        return out.toString();
    }

    static String tags(TaggedFields tagged, Class<?> c) throws Exception {
        StringJoiner out = new StringJoiner(" ");
        for (var e : tagged.fields().entrySet()) out.add("#" + e.getKey() + ":" + field(e.getValue(), c));
        return out.length() == 0 ? "#" : out + " #";
    }

    static String field(Field def, Class<?> c) throws Exception {
        java.lang.reflect.Field member = null;
        if (c != null) for (var m : c.getDeclaredFields()) if (m.getName().equals(camel(def.name))) member = m;
        String text = camel(def.name) + ":" + type(def.type, member == null ? null : element(member.getGenericType()));
        // Only the generated reader knows that a snapshot's records may not be null: the schema has no word for it.
        if (text.endsWith("records?") && c != null && c.getName().contains("FetchSnapshot")) text = text.substring(0, text.length() - 1);
        if (member == null) return text;
        member.setAccessible(true);
        Object value = member.get(c.getDeclaredConstructor().newInstance());
        boolean nullable = text.endsWith("?");
        if (value == null) return nullable && !text.contains("records") ? text + "=null" : text;
        if (value instanceof Number n) return n.doubleValue() == 0 ? text : text + "=" + n;
        if (value instanceof Boolean b) return b ? text + "=true" : text;
        if (value instanceof String t && !t.isEmpty()) return text + "=" + t;
        return text;
    }

    /** The class of a struct inside: itself, a list's element, a collection's element. */
    static Class<?> element(java.lang.reflect.Type t) {
        if (t instanceof java.lang.reflect.ParameterizedType p) return element(p.getActualTypeArguments()[0]);
        Class<?> c = (Class<?>) t;
        return c.getGenericSuperclass() instanceof java.lang.reflect.ParameterizedType p ? element(p) : c;
    }

    static String type(Type t, Class<?> inside) throws Exception {
        if (t instanceof Schema nested) return "{" + fields(nested, inside) + "}" + (t instanceof NullableSchema ? "?" : "");
        if (t instanceof ArrayOf a) return "[" + inner(a.arrayElementType().orElseThrow(), inside) + "]" + (a.isNullable() ? "?" : "");
        if (t instanceof CompactArrayOf a) return "c[" + inner(a.arrayElementType().orElseThrow(), inside) + "]" + (a.isNullable() ? "?" : "");
        String n = t.toString().toLowerCase(Locale.ROOT);
        if (n.startsWith("{")) return n;
        boolean nullable = n.contains("nullable") || n.endsWith("records");
        return n.replace("nullable_", "").replace("compact_", "c").replace("boolean", "bool") + (nullable ? "?" : "");
    }

    static String inner(Type t, Class<?> inside) throws Exception {
        return t instanceof Schema nested ? fields(nested, inside) : type(t, inside);
    }

    static String camel(String snake) {
        StringBuilder out = new StringBuilder();
        for (String part : snake.split("_")) out.append(out.length() == 0 ? part : Character.toUpperCase(part.charAt(0)) + part.substring(1));
        return out.toString();
    }
}
