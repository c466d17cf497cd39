package dev.switchboard.gateway.telemetry;

import java.util.Arrays;
import java.util.Locale;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;

/** The reference page of all metrics, made from {@link Metric}. */
final class MetricsPage {
  private MetricsPage() {}

  static String text() {
    StringBuilder page =
        new StringBuilder(
            """
            # Metrics of the gateway

            Made from [`Metric`](src/main/java/dev/switchboard/gateway/telemetry/Metric.java); a test holds it to that. `GET /metrics` of the
            admin listener tells them as Prometheus text, OpenMetrics text or Prometheus protobuf, whichever `Accept` asks for, beside the
            JVM's own (`jvm_*`). Histograms of seconds that a request took have native buckets too, which the protobuf format carries, and
            exemplars, which it and OpenMetrics carry: the trace has the attribute `switchboard.exemplar` and is exported, whatever samples
            traces. At most `telemetry.exemplars-per-second` requests are chosen for that, when they begin.

            | Metric | Type | Unit | Labels | Meaning |
            |---|---|---|---|---|
            """);
    for (Metric metric : Metric.values()) {
      page.append(row(metric));
    }
    page.append(
        "\n## Labels\n\nTheir values are few, whatever clients send.\n\n| Label | Values |\n|---|---|\n");
    Set<Label> used = new TreeSet<>();
    Arrays.stream(Metric.values()).forEach(metric -> used.addAll(metric.labels()));
    used.forEach(label -> page.append("| `" + label.word() + "` | " + label.meaning() + " |\n"));
    page.append(
        "\n## Buckets\n\nUpper bounds, in the unit of the metric.\n\n| Metrics | Bounds |\n|---|---|\n");
    for (Metric.Buckets buckets : Metric.Buckets.values()) {
      page.append(bounds(buckets));
    }
    return page.toString();
  }

  private static String row(Metric metric) {
    String labels = metric.labels().stream().map(Label::word).collect(Collectors.joining(", "));
    return "| `"
        + metric.word()
        + "` | "
        + metric.type().name().toLowerCase(Locale.ROOT)
        + " | "
        + metric.unit().name().toLowerCase(Locale.ROOT)
        + " | "
        + labels
        + " | "
        + metric.help()
        + " |\n";
  }

  private static String bounds(Metric.Buckets buckets) {
    String metrics =
        Arrays.stream(Metric.values())
            .filter(metric -> metric.buckets() == buckets)
            .map(metric -> "`" + metric.word() + "`")
            .collect(Collectors.joining(", "));
    String bounds =
        Arrays.stream(buckets.bounds())
            .mapToObj(MetricsPage::plain)
            .collect(Collectors.joining(", "));
    return "| " + metrics + " | " + bounds + " |\n";
  }

  private static String plain(double bound) {
    return java.math.BigDecimal.valueOf(bound).stripTrailingZeros().toPlainString();
  }
}
