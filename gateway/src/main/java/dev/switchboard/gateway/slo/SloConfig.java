package dev.switchboard.gateway.slo;

import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;

/**
 * The service classes.
 *
 * @param defaultClass of requests that name none
 * @param classes in the order in which they are shown
 */
public record SloConfig(String defaultClass, List<SloClass> classes) {
  /** Of requests that name none; other classes have from it what they do not say. */
  public static final SloClass STANDARD = new SloClass("standard", 2000, 100, 0, 0, 0.99, 30);

  public static final SloConfig DEFAULTS =
      new SloConfig(
          "standard",
          List.of(
              new SloClass("interactive", 300, 50, 0, 50, 0.99, 30),
              STANDARD,
              new SloClass("batch", 0, 0, 0, -50, 0.95, 30)));

  /**
   * One service class. What a request's own headers say stands over its targets.
   *
   * @param name letters, digits and {@code . _ -}
   * @param ttftMs target of the time to the first token; 0 for none
   * @param tpotMs target of the mean time per output token after the first; 0 for none
   * @param deadlineMs end of the answer after acceptance; 0 for none
   * @param priority −100 to 100, the higher the sooner
   * @param objective share of requests that must meet the targets
   * @param windowDays over which that share counts
   */
  public record SloClass(
      String name,
      int ttftMs,
      double tpotMs,
      int deadlineMs,
      int priority,
      double objective,
      int windowDays) {
    public SloClass {
      Objects.requireNonNull(name, "name is missing");
      if (!name.matches("[A-Za-z0-9._-]{1,64}")) {
        throw new IllegalArgumentException("name may hold letters, digits and . _ - only");
      }
      range("ttft-ms", ttftMs, 0, SloHeaders.MAX_MS);
      range("tpot-ms", tpotMs, 0, SloHeaders.MAX_MS);
      range("deadline-ms", deadlineMs, 0, SloHeaders.MAX_MS);
      range("priority", priority, Slo.MIN_PRIORITY, Slo.MAX_PRIORITY);
      range("window-days", windowDays, 1, 90);
      if (!(objective > 0 && objective < 1)) {
        throw new IllegalArgumentException("objective must be above 0 and below 1");
      }
    }

    /** What a request of this class wants that says no more. */
    public Slo slo() {
      return new Slo(name, ttftMs, tpotMs, deadlineMs, priority);
    }

    private static void range(String key, double value, long low, long high) {
      if (!(value >= low && value <= high)) {
        throw new IllegalArgumentException(key + " must be " + low + " to " + high);
      }
    }
  }

  public SloConfig {
    classes = List.copyOf(classes);
    Set<String> names = new HashSet<>();
    for (SloClass each : classes) {
      if (!names.add(each.name())) {
        throw new IllegalArgumentException("classes: two are called " + each.name());
      }
    }
    if (!names.contains(defaultClass)) {
      throw new IllegalArgumentException(
          "default-class: there is no class "
              + defaultClass
              + " among "
              + String.join(", ", classes.stream().map(SloClass::name).toList())
              + ": name one of them, or add - name: "
              + defaultClass);
    }
  }
}
