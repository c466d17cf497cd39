package dev.switchboard.gateway.fleet;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Single samples of a page in Prometheus' text format or OpenMetrics'. Only lines of wanted names
 * are read, so a page costs one pass over its bytes; a page that is not such text is refused as a
 * whole. Timestamps and exemplars are passed over, and so are values that are no finite number of 0
 * or more: nothing that is read here can be negative.
 */
final class MetricsPage {
  /** A page of a server with many models and buckets has a few hundred KiB. */
  static final int MOST_BYTES = 1 << 20;

  private static final int MOST_LINE_BYTES = 8 << 10;
  private static final int MOST_SAMPLES = 4096;
  private static final int MOST_LABELS = 128;

  /** One line. */
  record Sample(String name, Map<String, String> labels, double value) {
    Sample {
      labels = Map.copyOf(labels);
    }

    String label(String key) {
      return labels.getOrDefault(key, "");
    }
  }

  private final Map<String, List<Sample>> samples = new HashMap<>();

  private MetricsPage() {}

  /**
   * Reads a page.
   *
   * @param wanted names of samples; others are passed over
   * @throws IllegalArgumentException naming the line that is wrong
   */
  static MetricsPage read(byte[] page, Set<String> wanted) {
    if (page.length > MOST_BYTES) {
      throw new IllegalArgumentException("it has more than " + MOST_BYTES + " bytes");
    }
    MetricsPage read = new MetricsPage();
    int number = 0;
    int begin = 0;
    int found = 0;
    while (begin < page.length) {
      int end = begin;
      while (end < page.length && page[end] != '\n') {
        end++;
      }
      number++;
      if (end - begin > MOST_LINE_BYTES) {
        throw wrong(number, "has more than " + MOST_LINE_BYTES + " bytes");
      }
      if (begin < end && page[begin] != '#' && read.take(page, begin, end, wanted, number)) {
        found++;
      }
      if (found > MOST_SAMPLES) {
        throw new IllegalArgumentException("it has more than " + MOST_SAMPLES + " such samples");
      }
      begin = end + 1;
    }
    return read;
  }

  private static IllegalArgumentException wrong(int line, String why) {
    return new IllegalArgumentException("line " + line + " " + why);
  }

  /** Says whether the line has a wanted name. */
  private boolean take(byte[] page, int begin, int end, Set<String> wanted, int number) {
    int nameEnd = begin;
    while (nameEnd < end && nameByte(page[nameEnd])) {
      nameEnd++;
    }
    String name = new String(page, begin, nameEnd - begin, StandardCharsets.ISO_8859_1);
    if (!wanted.contains(name)) {
      return false;
    }
    String rest = new String(page, nameEnd, end - nameEnd, StandardCharsets.UTF_8);
    Line line = new Line(rest, number);
    Map<String, String> labels = line.labels();
    double value = line.value();
    if (value >= 0 && Double.isFinite(value)) {
      samples
          .computeIfAbsent(name, first -> new ArrayList<>())
          .add(new Sample(name, labels, value));
    }
    return true;
  }

  private static boolean nameByte(byte b) {
    return (b >= 'a' && b <= 'z')
        || (b >= 'A' && b <= 'Z')
        || (b >= '0' && b <= '9')
        || b == '_'
        || b == ':';
  }

  /** What follows a name. */
  private static final class Line {
    private final String text;
    private final int number;
    private int at;

    Line(String text, int number) {
      this.text = text;
      this.number = number;
    }

    Map<String, String> labels() {
      Map<String, String> labels = new HashMap<>();
      if (at == text.length() || text.charAt(at) != '{') {
        return labels;
      }
      at++;
      skip();
      while (!taken('}')) {
        int equals = text.indexOf('=', at);
        if (equals < 0 || labels.size() == MOST_LABELS) {
          throw wrong(number, "has labels that are none");
        }
        String key = text.substring(at, equals).strip();
        at = equals + 1;
        labels.put(key, quoted());
        skip();
        if (!taken(',') && (at == text.length() || text.charAt(at) != '}')) {
          throw wrong(number, "has labels that do not end");
        }
        skip();
      }
      return labels;
    }

    private String quoted() {
      if (!taken('"')) {
        throw wrong(number, "has a label without quotes");
      }
      StringBuilder value = new StringBuilder();
      while (at < text.length()) {
        char c = text.charAt(at++);
        if (c == '"') {
          return value.toString();
        }
        if (c == '\\' && at < text.length()) {
          char escaped = text.charAt(at++);
          value.append(escaped == 'n' ? '\n' : escaped);
        } else {
          value.append(c);
        }
      }
      throw wrong(number, "has a label that does not end");
    }

    double value() {
      skip();
      int end = at;
      while (end < text.length() && " \t\r".indexOf(text.charAt(end)) < 0) {
        end++;
      }
      String word = text.substring(at, end);
      return switch (word) {
        case "NaN", "+Inf", "-Inf", "Inf" -> Double.NaN;
        default -> number(word);
      };
    }

    private double number(String word) {
      try {
        return Double.parseDouble(word);
      } catch (NumberFormatException none) {
        throw wrong(number, "has no value");
      }
    }

    private boolean taken(char c) {
      if (at < text.length() && text.charAt(at) == c) {
        at++;
        return true;
      }
      return false;
    }

    private void skip() {
      while (at < text.length() && (text.charAt(at) == ' ' || text.charAt(at) == '\t')) {
        at++;
      }
    }
  }

  /** Of a name, in their order. */
  List<Sample> all(String name) {
    return samples.getOrDefault(name, List.of());
  }

  boolean has(String name) {
    return samples.containsKey(name);
  }

  /** 0 where there is none. */
  double sum(String name) {
    return all(name).stream().mapToDouble(Sample::value).sum();
  }

  /** The largest; not a number where there is none. */
  double most(String name) {
    return all(name).stream().mapToDouble(Sample::value).max().orElse(Double.NaN);
  }

  /** The sum of the first of these names that there is; 0 where there is none. */
  double sumOf(String... names) {
    for (String name : names) {
      if (has(name)) {
        return sum(name);
      }
    }
    return 0;
  }
}
