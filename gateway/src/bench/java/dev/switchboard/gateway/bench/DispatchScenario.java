package dev.switchboard.gateway.bench;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Engines, who loads them, and which part of the run counts. Runs in front of scripted engines and,
 * in virtual time, in front of simulated ones.
 *
 * @param fromSeconds from when on it counts, until {@code toSeconds}, when no request is sent any
 *     more
 * @param recovery an engine that is as well as the others from a moment on; null for none
 */
public record DispatchScenario(
    String label,
    String title,
    List<EngineScript> engines,
    List<DispatchCrowd> crowds,
    double fromSeconds,
    double toSeconds,
    @Nullable Recovery recovery) {

  /** From when on an engine is as well as the others. */
  public record Recovery(int engine, double atSeconds) {}

  /** After which a client whose request was lost comes again. */
  public static final double LOST_SECONDS = 0.1;

  /** Over which the clients of a closed loop begin, before the part that counts. */
  private static final double BEGIN_SECONDS = 1;

  /** That answers are waited for when no request is sent any more. */
  private static final double PATIENCE_SECONDS = 15;

  private static final int TTFT_MS = 2000;
  private static final int TPOT_MS = 120;

  /** Where a token may take 100 ms: about 150 requests at once, of 70 tokens each. */
  private static final double OVERLOAD_CAPACITY = 20;

  private static final String OVERLOADED = "batch=48";

  /** By its label. */
  public static DispatchScenario of(String label) {
    return all().stream()
        .filter(scenario -> scenario.label.equals(label))
        .findFirst()
        .orElseThrow(
            () ->
                new IllegalArgumentException(
                    "no scenario "
                        + label
                        + "; there are "
                        + String.join(", ", all().stream().map(DispatchScenario::label).toList())));
  }

  /** Of the command. */
  static List<DispatchScenario> all() {
    List<DispatchScenario> all = new ArrayList<>();
    all.add(plain("equal", "four equal engines, 60 clients without targets", same(4), anybody(60)));
    all.add(plain("equal-targets", "the same with targets", same(4), wanting(60)));
    all.add(
        plain(
            "equal-open",
            "four equal engines, 13 requests a second with targets (Poisson)",
            same(4),
            DispatchCrowd.open("people", 13).targets(TTFT_MS, TPOT_MS)));
    all.add(plain("speeds", "speeds of ½, 1 and 2, 45 clients", speeds(0.5, 1, 2), wanting(45)));
    all.add(
        plain(
            "speeds-untargeted",
            "speeds of ½, 1 and 2, 45 clients without targets",
            speeds(0.5, 1, 2),
            anybody(45)));
    all.add(
        plain(
            "speeds-of-four",
            "speeds of 2, 1, 1 and ½, 60 clients",
            speeds(2, 1, 1, 0.5),
            wanting(60)));
    all.add(
        troubled("cold", "one of four is 8 times slower for its first 25 s", "cold=8x25", 25, 20));
    all.add(troubled("stall", "one of four stands still for 6 s, unnoticed", "stall=15+6", 21, 15));
    all.add(troubled("death", "one of four dies and is back after 6 s", "gone=15+6", 21, 15));
    all.add(overload("people-alone", "people at half of the capacity of three engines", false));
    all.add(
        overload("three-classes", "beside them others at 0.3 times it and batches at 1.7", true));
    return all;
  }

  private static DispatchScenario plain(
      String label, String title, List<EngineScript> engines, DispatchCrowd crowd) {
    return new DispatchScenario(label, title, engines, List.of(crowd), 10, 40, null);
  }

  /** The last of four engines has trouble; it counts what comes after it, for so long. */
  private static DispatchScenario troubled(
      String label, String title, String script, double over, double seconds) {
    List<EngineScript> engines = new ArrayList<>(same(3));
    engines.add(EngineScript.parse(script));
    return new DispatchScenario(
        label,
        title,
        engines,
        List.of(wanting(60)),
        label.equals("cold") ? over : 10,
        over + seconds,
        new Recovery(3, over));
  }

  private static DispatchScenario overload(String label, String title, boolean others) {
    List<DispatchCrowd> crowds = new ArrayList<>();
    crowds.add(
        DispatchCrowd.open("people", 0.5 * OVERLOAD_CAPACITY).targets(1000, TPOT_MS).priority(50));
    if (others) {
      crowds.add(DispatchCrowd.open("others", 0.3 * OVERLOAD_CAPACITY).targets(5000, 200));
      crowds.add(DispatchCrowd.open("batches", 1.7 * OVERLOAD_CAPACITY).priority(-50));
    }
    List<EngineScript> engines = Collections.nCopies(3, EngineScript.parse(OVERLOADED));
    return new DispatchScenario(label, title, engines, crowds, 10, 50, null);
  }

  private static DispatchCrowd anybody(int clients) {
    return DispatchCrowd.closed("anybody", clients);
  }

  private static DispatchCrowd wanting(int clients) {
    return DispatchCrowd.closed("people", clients).targets(TTFT_MS, TPOT_MS);
  }

  private static List<EngineScript> same(int count) {
    return Collections.nCopies(count, EngineScript.DEFAULT);
  }

  private static List<EngineScript> speeds(double... speeds) {
    return Arrays.stream(speeds).mapToObj(speed -> EngineScript.parse("speed=" + speed)).toList();
  }

  /** When its clients are gone. */
  public double lastSecond() {
    return toSeconds + PATIENCE_SECONDS;
  }

  /** When a client of a closed loop sends its first request. */
  public double beginSecond(DispatchCrowd crowd, int client) {
    return Math.min(BEGIN_SECONDS, fromSeconds) * client / crowd.clients();
  }

  /** Whether its engines are alike from the first moment to the last. */
  boolean isEqual() {
    return engines.stream().distinct().count() == 1;
  }

  /** The figures that tell who had how much: the least and the most where all are alike. */
  List<String> shares() {
    return isEqual()
        ? List.of(DispatchFigures.LEAST_SHARE, DispatchFigures.MOST_SHARE)
        : IntStream.range(0, engines.size()).mapToObj(DispatchFigures::share).toList();
  }

  /** Whether some are always faster. */
  boolean isMixed() {
    return engines.stream().mapToDouble(EngineScript::speed).distinct().count() > 1;
  }

  /** Of all engines, for the command that begins them. */
  Stream<String> scripts() {
    return engines.stream().map(EngineScript::text);
  }
}
