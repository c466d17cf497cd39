package dev.switchboard.console.requests;

import dev.switchboard.console.api.AdminClient;
import java.math.BigDecimal;
import java.time.Duration;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Which requests are wanted, as it stands in the address of the page. */
public record Filters(String gateway, Map<String, String> wanted) {
  /** Parameters of the admin API that stand in the address too. */
  static final List<String> NAMES =
      List.of(
          "model",
          "class",
          "tenant",
          "outcome",
          "status",
          "replica",
          "min_ms",
          "slo",
          "waited_for",
          "trace_id");

  /** A time before now instead of since and until. */
  static final String LAST = "last";

  /** Says 1 where requests are shown as they end. */
  static final String TAIL = "tail";

  /** What can be asked of requests that run. */
  private static final List<String> RUNNING =
      List.of("model", "class", "tenant", "replica", "min_ms", "trace_id");

  private static final Map<String, Duration> SPANS =
      Map.of(
          "5m",
          Duration.ofMinutes(5),
          "15m",
          Duration.ofMinutes(15),
          "1h",
          Duration.ofHours(1),
          "6h",
          Duration.ofHours(6),
          "24h",
          Duration.ofHours(24));

  /** Keeps what is no empty word. */
  public Filters {
    Map<String, String> kept = new LinkedHashMap<>();
    wanted.forEach(
        (name, value) -> {
          if (!value.isBlank()
              && (NAMES.contains(name) || name.equals(LAST) || name.equals(TAIL))) {
            kept.put(name, value.strip());
          }
        });
    wanted = Map.copyOf(kept);
  }

  static Set<String> spans() {
    return SPANS.keySet();
  }

  static Filters of(String gateway, Map<String, List<String>> parameters) {
    Map<String, String> wanted = new LinkedHashMap<>();
    parameters.forEach(
        (name, values) -> wanted.put(name, values.isEmpty() ? "" : values.getFirst()));
    return new Filters(gateway, wanted);
  }

  public String get(String name) {
    return wanted.getOrDefault(name, "");
  }

  Filters with(String name, String value) {
    Map<String, String> changed = new LinkedHashMap<>(wanted);
    changed.put(name, value);
    return new Filters(gateway, changed);
  }

  Filters at(String other) {
    return new Filters(other, wanted);
  }

  /** As the query of the page's address. */
  Map<String, String> address(String onlyGateway) {
    Map<String, String> address = new LinkedHashMap<>();
    if (!gateway.equals(onlyGateway)) {
      address.put("gateway", gateway);
    }
    NAMES.forEach(
        name -> {
          if (!get(name).isEmpty()) {
            address.put(name, get(name));
          }
        });
    if (!get(LAST).isEmpty()) {
      address.put(LAST, get(LAST));
    }
    if (!get(TAIL).isEmpty()) {
      address.put(TAIL, "1");
    }
    return address;
  }

  /** As a path of the admin API that tells of requests as they end. */
  String tail(double sample) {
    Map<String, String> query = new LinkedHashMap<>();
    query.put("sample", sample >= 1 ? "" : BigDecimal.valueOf(sample).toPlainString());
    NAMES.forEach(name -> query.put(name, get(name)));
    return "/admin/v1/requests/tail" + AdminClient.query(query);
  }

  /** As a path of the admin API that tells of requests that run. */
  String running(int limit) {
    Map<String, String> query = new LinkedHashMap<>();
    query.put("running", "true");
    query.put("limit", "" + limit);
    RUNNING.forEach(name -> query.put(name, get(name)));
    return "/admin/v1/requests" + AdminClient.query(query);
  }

  /** As a path of the admin API. */
  String path(int limit, String before, Instant now) {
    Map<String, String> query = new LinkedHashMap<>();
    query.put("limit", "" + limit);
    query.put("before", before);
    NAMES.forEach(name -> query.put(name, get(name)));
    Duration span = SPANS.get(get(LAST));
    if (span != null) {
      // To the minute, so that the same question is asked again and not another one each time.
      Instant since = now.minus(span);
      query.put("since", "" + Instant.ofEpochSecond(since.getEpochSecond() / 60 * 60));
    }
    return "/admin/v1/requests" + AdminClient.query(query);
  }
}
