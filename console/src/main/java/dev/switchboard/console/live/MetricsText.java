package dev.switchboard.console.live;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Reads Prometheus text. Only wanted names are kept; a line that is not what it should be is left
 * out, so that one bad line costs no whole scrape.
 */
final class MetricsText {
  private final String text;
  private int at;

  private MetricsText(String text) {
    this.text = text;
  }

  static List<Sample> parse(byte[] body, Set<String> wanted) {
    List<Sample> samples = new ArrayList<>();
    String whole = new String(body, StandardCharsets.UTF_8);
    int start = 0;
    while (start < whole.length()) {
      int end = whole.indexOf('\n', start);
      end = end < 0 ? whole.length() : end;
      if (end > start && whole.charAt(start) != '#') {
        add(samples, whole.substring(start, end), wanted);
      }
      start = end + 1;
    }
    return samples;
  }

  private static void add(List<Sample> samples, String line, Set<String> wanted) {
    int end = 0;
    while (end < line.length() && line.charAt(end) != '{' && line.charAt(end) != ' ') {
      end++;
    }
    String name = line.substring(0, end);
    if (!wanted.contains(name)) {
      return;
    }
    try {
      MetricsText rest = new MetricsText(line);
      rest.at = end;
      Map<String, String> labels = rest.labels();
      samples.add(new Sample(name, labels, rest.value()));
    } catch (IllegalArgumentException | StringIndexOutOfBoundsException _) {
      // Left out.
    }
  }

  private Map<String, String> labels() {
    if (text.charAt(at) != '{') {
      return Map.of();
    }
    Map<String, String> labels = new HashMap<>();
    at++;
    while (text.charAt(at) != '}') {
      int equals = text.indexOf('=', at);
      String key = text.substring(at, equals);
      at = equals + 2;
      labels.put(key, quoted());
      if (text.charAt(at) == ',') {
        at++;
      }
    }
    at++;
    return labels;
  }

  private String quoted() {
    StringBuilder value = new StringBuilder();
    for (char c = text.charAt(at++); c != '"'; c = text.charAt(at++)) {
      if (c == '\\') {
        char escaped = text.charAt(at++);
        value.append(escaped == 'n' ? '\n' : escaped);
      } else {
        value.append(c);
      }
    }
    return value.toString();
  }

  private double value() {
    String rest = text.substring(at).strip();
    int space = rest.indexOf(' ');
    String number = space < 0 ? rest : rest.substring(0, space);
    return switch (number) {
      case "+Inf" -> Double.POSITIVE_INFINITY;
      case "-Inf" -> Double.NEGATIVE_INFINITY;
      default -> Double.parseDouble(number);
    };
  }
}
