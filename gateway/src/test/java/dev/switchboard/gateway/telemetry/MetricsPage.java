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
    engineNames(page);
    page.append(
        """

        ## Made from these

        Quotients that [recording rules](../dashboards/rules/recording.yml) keep:

        | Series | Meaning |
        |---|---|
        | `switchboard:bubble:ratio_rate5m` | share of its time that a stage of the pipeline waited for the one before it |
        | `switchboard:rank_bandwidth:bytes_per_second5m` | achieved bandwidth of a rank: bytes that it read and moved, over the time that it computed |
        | `switchboard:kv_used:ratio` | share of a replica's KV blocks that sequences hold |
        | `switchboard:slo_missed:ratio_rate5m` to `…3d` | share of a class's requests that missed an objective |
        | `switchboard:slo_burn:rate5m` to `…3d` | the same over the share that may |
        | `switchboard:slo_missed:increase1h` to `…3d` | how many of them did: alerts look at no share of a handful |

        `switchboard_device_*` are of the GPUs that workers may use, as the driver's management library tells each worker every second;
        two workers that share one both tell it. NVIDIA's DCGM exporter, where it runs, tells more of all GPUs of a machine. The dashboard
        `gpu.json` shows both.
        """);
    page.append(
        "\n## Labels\n\nTheir values are few, whatever clients send.\n\n| Label | Values |\n|---|---|\n");
    Set<Label> used = new TreeSet<>();
    Arrays.stream(Metric.values()).forEach(metric -> used.addAll(metric.labels()));
    used.forEach(label -> page.append("| `" + label.word() + "` | " + label.meaning() + " |\n"));
    buckets(page);
    return page.toString();
  }

  private static void buckets(StringBuilder page) {
    page.append(
        """

        ## Buckets

        Upper bounds, in the unit of the metric. The targets of the service classes of a gateway without a configuration are among them. Of what a
        request waits for the last one is at least what the defaults allow (`deadlines`, `admission.queue-ms`, `autoscaling.hold-ms`). Where yours
        allow more, a quantile above the last bound is told as that bound.

        | Metrics | Bounds |
        |---|---|
        """);
    for (Metric.Buckets buckets : Metric.Buckets.values()) {
      page.append(bounds(buckets));
    }
  }

  private static void engineNames(StringBuilder page) {
    page.append(
        """

        ## Under the names of vLLM

        For dashboards, autoscalers and endpoint pickers that ask vLLM for them, told where `telemetry.replica-engine-names` says so, with
        the labels `model_name` and `replica`. Gauges and counters are what the replica last reported, and missing where that is ten
        seconds ago; a counter begins anew with its replica. Histograms are what this gateway saw of its own requests, with vLLM's
        bounds. Workers serve all of these of themselves.

        | Metric | Type | Meaning |
        |---|---|---|
        """);
    for (EngineName name : EngineName.values()) {
      String type = name.type().name().toLowerCase(Locale.ROOT);
      page.append("| `" + name.word() + "` | " + type + " | " + name.help() + " |\n");
    }
    page.append(
        "| `"
            + EngineSeries.CACHE_CONFIG
            + "` | info | "
            + EngineSeries.CACHE_CONFIG_HELP
            + " |\n");
    for (EngineTime time : EngineTime.values()) {
      page.append("| `" + time.word() + "` | histogram | " + time.help() + " |\n");
    }
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
