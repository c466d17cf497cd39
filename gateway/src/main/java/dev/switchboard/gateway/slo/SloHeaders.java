package dev.switchboard.gateway.slo;

import dev.switchboard.gateway.slo.SloConfig.SloClass;
import dev.switchboard.openai.ApiError;
import dev.switchboard.openai.ApiException;
import java.util.Collections;
import java.util.LinkedHashMap;
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
  private static final Map<String, String> OTHER_NAMES =
      Map.of(TTFT, "x-llm-d-slo-ttft-ms", TPOT, "x-llm-d-slo-tpot-ms");

  /** Every name of a header that is read here. */
  public static Set<String> names() {
    Set<String> names = new TreeSet<>(Set.of(CLASS, TTFT, TPOT, DEADLINE, PRIORITY));
    names.addAll(OTHER_NAMES.values());
    return names;
  }

  private final Map<String, Slo> classes = new LinkedHashMap<>();
  private final Map<String, Goal> targets = new LinkedHashMap<>();
  private final Slo otherwise;

  public SloHeaders(SloConfig config) {
    for (SloClass each : config.classes()) {
      classes.put(each.name(), each.slo());
      targets.put(each.name(), new Goal(each.objective(), each.windowDays() * DAY_SECONDS));
    }
    otherwise = classes.getOrDefault(config.defaultClass(), Slo.NONE);
  }

  /**
   * What a class promises.
   *
   * @param share of its requests that are served as wanted
   * @param windowSeconds over which that counts
   */
  public record Goal(double share, long windowSeconds) {}

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
    Slo base = base(headers.apply(CLASS));
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

  private Slo base(@Nullable String name) {
    if (name == null) {
      return otherwise;
    }
    Slo known = classes.get(name);
    if (known == null) {
      throw refusal(CLASS, CLASS + " must be one of " + String.join(", ", classes.keySet()) + ".");
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
    String text = headers.apply(name);
    String other = OTHER_NAMES.get(name);
    String sent = name;
    if (text == null && other != null) {
      text = headers.apply(other);
      sent = other;
    }
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
