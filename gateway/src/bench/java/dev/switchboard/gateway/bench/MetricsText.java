package dev.switchboard.gateway.bench;

import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** One scrape of the gateway's metrics. */
public final class MetricsText {
  private final Map<String, Double> series = new HashMap<>();

  /** Reads the Prometheus text format. */
  public MetricsText(String text) {
    for (String line : text.lines().toList()) {
      int space = line.lastIndexOf(' ');
      if (space > 0 && line.charAt(0) != '#') {
        series.put(line.substring(0, space), Double.parseDouble(line.substring(space + 1)));
      }
    }
  }

  private MetricsText(List<MetricsText> parts) {
    parts.forEach(
        part -> part.series.forEach((name, value) -> series.merge(name, value, Double::sum)));
  }

  /** Of several gateways, as if they were one. */
  static MetricsText together(List<MetricsText> parts) {
    return new MetricsText(parts);
  }

  /** Scrapes the admin listener. */
  public static MetricsText scrape(HttpClient client, URI admin) throws IOException {
    return scrape(client, HttpRequest.newBuilder(admin.resolve("/metrics")).build());
  }

  /** Scrapes an admin listener that wants a key. */
  static MetricsText scrape(HttpClient client, URI admin, String key) throws IOException {
    return scrape(
        client,
        HttpRequest.newBuilder(admin.resolve("/metrics"))
            .header("Authorization", "Bearer " + key)
            .build());
  }

  private static MetricsText scrape(HttpClient client, HttpRequest request) throws IOException {
    try {
      HttpResponse<String> answer = client.send(request, HttpResponse.BodyHandlers.ofString());
      return new MetricsText(answer.body());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException("interrupted", e);
    }
  }

  /** The sum of a metric over its series that have each of these labels. */
  public double sum(String name, String... labels) {
    double sum = 0;
    for (Map.Entry<String, Double> entry : series.entrySet()) {
      if (isOf(name, entry.getKey()) && hasAll(labels, entry.getKey())) {
        sum += entry.getValue();
      }
    }
    return sum;
  }

  /** A metric's values by one of its labels, in the labels' order. */
  Map<String, Double> by(String name, String label) {
    Pattern value = Pattern.compile("[{,]" + label + "=\"([^\"]*)\"");
    Map<String, Double> values = new TreeMap<>();
    for (Map.Entry<String, Double> entry : series.entrySet()) {
      Matcher found = value.matcher(entry.getKey());
      if (isOf(name, entry.getKey()) && found.find()) {
        values.merge(found.group(1), entry.getValue(), Double::sum);
      }
    }
    return values;
  }

  /** By how much {@link #sum} has grown since an earlier scrape. */
  double since(MetricsText before, String name, String... labels) {
    return sum(name, labels) - before.sum(name, labels);
  }

  private static boolean isOf(String name, String key) {
    return key.startsWith(name)
        && (key.length() == name.length() || key.charAt(name.length()) == '{');
  }

  private static boolean hasAll(String[] labels, String key) {
    for (String label : labels) {
      if (!key.contains(label)) {
        return false;
      }
    }
    return true;
  }
}
