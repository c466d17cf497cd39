package dev.switchboard.gateway.boot;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.dataformat.yaml.YAMLFactory;
import com.fasterxml.jackson.dataformat.yaml.YAMLGenerator;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;

/**
 * A configuration file with every key, its meaning and its default. What begins with {@code #} and
 * no space is a setting that takes effect without it; as it is, the file changes nothing.
 */
final class ConfigTemplate {
  private static final int WIDTH = 110;
  private static final ObjectMapper YAML =
      new ObjectMapper(
          new YAMLFactory()
              .disable(YAMLGenerator.Feature.WRITE_DOC_START_MARKER)
              .enable(YAMLGenerator.Feature.MINIMIZE_QUOTES)
              .enable(YAMLGenerator.Feature.INDENT_ARRAYS_WITH_INDICATOR));

  private final StringBuilder text = new StringBuilder();
  private List<String> open = List.of();

  private ConfigTemplate() {}

  /** The file. */
  static String text() {
    ConfigTemplate template = new ConfigTemplate();
    template.text.append(
        """
        # The configuration of Switchboard. Every key is here, with its default or an example behind a #.
        # Take the # away in front of what you set, and those in front of the lines around it. As it is,
        # the file changes nothing. Judge it with ./switchboard config check FILE, start with
        # ./switchboard up --config FILE.
        """);
    for (ConfigReference.Key key : ConfigReference.keys()) {
      if (!key.path().contains("[]")) {
        template.key(key);
      }
    }
    return template.text.toString();
  }

  private void key(ConfigReference.Key key) {
    List<String> parts = List.of(key.path().split("\\."));
    List<String> sections = parts.subList(0, parts.size() - 1);
    open(sections);
    String indent = "  ".repeat(sections.size());
    text.append('\n');
    comment(indent, meaning(key));
    if (key.type().equals("list of maps")) {
      ConfigReference.keys().stream()
          .filter(each -> each.path().startsWith(key.path() + "[]."))
          .forEach(
              each ->
                  comment(
                      indent + "  ",
                      each.path().substring(key.path().length() + 3) + ": " + meaning(each)));
    }
    String name = parts.getLast();
    JsonNode value = value(key.path());
    if (value.isValueNode() || value.isEmpty()) {
      text.append(indent).append('#').append(name).append(':');
      text.append(value.isNull() ? "" : " " + ConfigShape.flow(value)).append('\n');
      return;
    }
    text.append(indent).append('#').append(name).append(":\n");
    yaml(value)
        .lines()
        .forEach(line -> text.append(indent).append("  ").append(hashed(line)).append('\n'));
  }

  /** With the hash where its text begins, so that without it the line is as it was. */
  private static String hashed(String line) {
    String bare = line.stripLeading();
    return line.substring(0, line.length() - bare.length()) + "#" + bare;
  }

  /** Begins the maps that a key stands in. */
  private void open(List<String> sections) {
    int same = 0;
    while (same < Math.min(open.size(), sections.size())
        && open.get(same).equals(sections.get(same))) {
      same++;
    }
    for (int i = same; i < sections.size(); i++) {
      text.append('\n').append("  ".repeat(i)).append(sections.get(i)).append(":\n");
    }
    open = sections;
  }

  private static String meaning(ConfigReference.Key key) {
    String range = key.range().isEmpty() ? "" : " (" + key.range() + ")";
    return key.meaning() + range + (key.reloadable() ? "" : "; takes a restart");
  }

  /** The default; for what has none, or an empty list, an example. */
  private static JsonNode value(String path) {
    JsonNode usual = ConfigReader.defaults().at("/" + path.replace('.', '/'));
    JsonNode example = ConfigHints.example(path);
    boolean bare = usual.isMissingNode() || usual.isNull() || (usual.isEmpty() && usual.isArray());
    if (bare && example != null) {
      return example;
    }
    return usual.isTextual()
        ? ConfigValues.JSON.getNodeFactory().textNode(ConfigReference.plain(usual))
        : usual;
  }

  private static String yaml(JsonNode value) {
    try {
      return Objects.requireNonNull(YAML.writeValueAsString(value)).stripTrailing();
    } catch (JsonProcessingException e) {
      throw new IllegalStateException(e);
    }
  }

  /** Words in lines that are not too long. */
  private void comment(String indent, String words) {
    List<String> lines = new ArrayList<>();
    StringBuilder line = new StringBuilder();
    for (String word : words.split(" ", -1)) {
      if (!line.isEmpty() && line.length() + word.length() + 1 > WIDTH - indent.length()) {
        lines.add(line.toString());
        line.setLength(0);
      }
      line.append(line.isEmpty() ? "" : " ").append(word);
    }
    lines.add(line.toString());
    lines.forEach(each -> text.append(indent).append("# ").append(each).append('\n'));
  }
}
