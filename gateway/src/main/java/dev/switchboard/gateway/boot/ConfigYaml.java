package dev.switchboard.gateway.boot;

import com.fasterxml.jackson.core.JsonLocation;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.dataformat.yaml.YAMLFactory;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** A YAML file as a tree that knows its lines, and the keys that stand in it twice. */
final class ConfigYaml {
  private static final ObjectMapper MAPPER = new ObjectMapper(new YAMLFactory());
  private static final int DEEPEST = 64;

  /** A value with the line on which it begins. */
  sealed interface Node {
    int line();
  }

  /**
   * @param text as it is written, where the value is a number or a truth
   */
  record Scalar(JsonNode value, String text, int line) implements Node {}

  record Many(List<Node> items, int line) implements Node {}

  record Keyed(Map<String, Entry> entries, int line) implements Node {}

  /** A value, and the line of its key. */
  record Entry(int line, Node value) {}

  private final List<ConfigFault> faults;

  private ConfigYaml(List<ConfigFault> faults) {
    this.faults = faults;
  }

  /**
   * The map that a file holds; null for an empty file, and for one with a fault that leaves nothing
   * to read.
   */
  static @Nullable Keyed read(String text, List<ConfigFault> faults) {
    try (JsonParser parser = MAPPER.createParser(text)) {
      ConfigYaml reader = new ConfigYaml(faults);
      if (parser.nextToken() == null) {
        return null;
      }
      Node root = reader.node(parser, "", 0);
      if (parser.nextToken() != null) {
        faults.add(fault(line(parser), "a second document begins here: a file holds only one"));
      }
      if (root instanceof Keyed keyed) {
        return keyed;
      }
      if (!(root instanceof Scalar(JsonNode value, String _, int _) && value.isNull())) {
        faults.add(fault(root.line(), "the configuration must be a map of keys, such as http:"));
      }
      return null;
    } catch (JsonProcessingException e) {
      JsonLocation where = e.getLocation();
      String what = String.valueOf(e.getOriginalMessage()).strip();
      faults.add(fault(where == null ? 0 : where.getLineNr(), "not valid YAML: " + what));
      return null;
    } catch (IOException e) {
      faults.add(fault(0, "not valid YAML: " + e.getMessage()));
      return null;
    }
  }

  private static ConfigFault fault(int line, String message) {
    return new ConfigFault("", line, message, null);
  }

  private static int line(JsonParser parser) {
    return parser.currentTokenLocation().getLineNr();
  }

  private Node node(JsonParser parser, String path, int depth) throws IOException {
    if (depth > DEEPEST) {
      throw new IOException("it nests deeper than " + DEEPEST + " levels");
    }
    int line = line(parser);
    if (parser.currentToken() == JsonToken.START_OBJECT) {
      return new Keyed(entries(parser, path, depth), line);
    }
    if (parser.currentToken() == JsonToken.START_ARRAY) {
      List<Node> items = new ArrayList<>();
      while (parser.nextToken() != JsonToken.END_ARRAY) {
        items.add(node(parser, path + "[" + items.size() + "]", depth + 1));
      }
      return new Many(items, line);
    }
    String text = parser.getText();
    return new Scalar(MAPPER.readTree(parser), text, line);
  }

  private Map<String, Entry> entries(JsonParser parser, String path, int depth) throws IOException {
    Map<String, Entry> entries = new LinkedHashMap<>();
    while (parser.nextToken() == JsonToken.FIELD_NAME) {
      String key = parser.currentName();
      int line = line(parser);
      parser.nextToken();
      String own = path.isEmpty() ? key : path + "." + key;
      Entry entry = new Entry(line, node(parser, own, depth + 1));
      Entry first = entries.putIfAbsent(key, entry);
      if (first != null) {
        faults.add(
            new ConfigFault(
                own,
                line,
                "it stands twice, in line " + first.line() + " and in line " + line,
                "keep one of them"));
      }
    }
    return entries;
  }
}
