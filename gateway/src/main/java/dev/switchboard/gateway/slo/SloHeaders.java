package dev.switchboard.gateway.slo;

import dev.switchboard.gateway.slo.SloConfig.SloClass;
import dev.switchboard.openai.ApiError;
import dev.switchboard.openai.ApiException;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * Reads what a request asks for from its headers: the class first, then each target over that of
 * the class. The names that llm-d uses are taken too; ours wins where both are sent. Safe on any
 * thread.
 */
public final class SloHeaders {
  /** Any time in a header is at most a day. */
  static final int MAX_MS = 86_400_000;

  private static final long DAY_SECONDS = 86_400;

  private static final String CLASS = "X-SLO-Class";
  private static final String TTFT = "X-SLO-TTFT-Ms";
  private static final String TPOT = "X-SLO-TPOT-Ms";
  private static final String DEADLINE = "X-SLO-Deadline-Ms";
  private static final String PRIORITY = "X-Priority";
  private static final Map<String, List<String>> OTHER_NAMES =
      Map.of(
          TTFT, List.of("x-llm-d-slo-ttft-ms"),
          TPOT, List.of("x-llm-d-slo-tpot-ms"),
          CLASS, List.of("x-llm-d-inference-objective", "x-gateway-inference-objective"));

  /** Whoever shares out a model by it; here tenants do that, whom keys name. */
  private static final List<String> FAIRNESS =
      List.of("x-llm-d-inference-fairness-id", "x-gateway-inference-fairness-id");

  /** Every name of a header that is read here. */
  public static Set<String> names() {
    Set<String> names = new TreeSet<>(Set.of(CLASS, TTFT, TPOT, DEADLINE, PRIORITY));
    OTHER_NAMES.values().forEach(names::addAll);
    names.addAll(FAIRNESS);
    return names;
  }

  private final Map<String, Slo> classes = new LinkedHashMap<>();
  private final Map<String, Goal> targets = new LinkedHashMap<>();
  private final Slo otherwise;

  public SloHeaders(SloConfig config) {
    for (SloClass each : config.classes()) {
      classes.put(each.name(), each.slo());
      targets.put(
          each.name(),
          new Goal(each.objective(), each.windowDays() * DAY_SECONDS, each.slo().objectives()));
    }
    otherwise = classes.getOrDefault(config.defaultClass(), Slo.NONE);
  }

  /**
   * What a class promises.
   *
   * @param share of its requests that are served as wanted
   * @param windowSeconds over which that counts
   * @param objectives of a request that says no more
   */
  public record Goal(double share, long windowSeconds, Set<Objective> objectives) {
    public Goal {
      objectives = Set.copyOf(objectives);
    }
  }

  /** What each class promises. */
  public Map<String, Goal> targets() {
    return Collections.unmodifiableMap(targets);
  }

  /**
   * What the request asks for.
   *
   * @param headers the value of a header; null where it is absent
   * @param maxPriority more than this is lowered to it
   * @throws ApiException naming the header
   */
  public Slo read(UnaryOperator<@Nullable String> headers, int maxPriority) {
    FAIRNESS.forEach(name -> checkFairness(name, headers.apply(name)));
    String named = sent(headers, CLASS);
    Slo base = base(named, headers.apply(named));
    return new Slo(
            base.name(),
            (int) number(headers, TTFT, base.ttftMs(), 1, MAX_MS, false),
            number(headers, TPOT, base.tpotMs(), 0.001, MAX_MS, true),
            (int) number(headers, DEADLINE, base.deadlineMs(), 1, MAX_MS, false),
            priority(headers, base))
        .atMost(maxPriority);
  }

  /** Whether the headers say how urgent the request is, whatever its class and its body say. */
  public static boolean namePriority(UnaryOperator<@Nullable String> headers) {
    return headers.apply(PRIORITY) != null;
  }

  private static int priority(UnaryOperator<@Nullable String> headers, Slo base) {
    return (int)
        number(headers, PRIORITY, base.priority(), Slo.MIN_PRIORITY, Slo.MAX_PRIORITY, false);
  }

  /** The first of a header's names that was sent; its own where none was. */
  private static String sent(UnaryOperator<@Nullable String> headers, String name) {
    if (headers.apply(name) == null) {
      for (String other : OTHER_NAMES.getOrDefault(name, List.of())) {
        if (headers.apply(other) != null) {
          return other;
        }
      }
    }
    return name;
  }

  private static void checkFairness(String name, @Nullable String value) {
    if (value != null && !value.matches("[\\x21-\\x7e]{1,128}")) {
      throw refusal(name, name + " must be 1 to 128 visible ASCII characters.");
    }
  }

  private Slo base(String header, @Nullable String name) {
    if (name == null) {
      return otherwise;
    }
    Slo known = classes.get(name);
    if (known == null) {
      throw refusal(
          header, header + " must be one of " + String.join(", ", classes.keySet()) + ".");
    }
    return known;
  }

  private static double number(
      UnaryOperator<@Nullable String> headers,
      String name,
      double otherwise,
      double low,
      double high,
      boolean fraction) {
    String sent = sent(headers, name);
    String text = headers.apply(sent);
    if (text == null) {
      return otherwise;
    }
    double value = parsed(text, fraction);
    if (!(value >= low && value <= high)) {
      String kind = fraction ? "a number" : "a whole number";
      throw refusal(
          sent, sent + " must be " + kind + " from " + bound(low) + " to " + bound(high) + ".");
    }
    return value;
  }

  /** NaN for what is no number in plain digits. */
  private static double parsed(String text, boolean fraction) {
    String digits = fraction ? "[0-9]{1,9}(\\.[0-9]{1,6})?" : "-?[0-9]{1,9}";
    return text.matches(digits) ? Double.parseDouble(text) : Double.NaN;
  }

  private static String bound(double value) {
    return value == Math.rint(value) ? Long.toString((long) value) : Double.toString(value);
  }

  private static ApiException refusal(String header, String message) {
    return new ApiException(ApiError.invalid(header, message));
  }
}
