package dev.switchboard.gateway.bench;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/**
 * What a scripted engine does: how long its steps take, and what happens to it when. A step of
 * continuous batching takes {@code (baseMs + perRunningMs × running + perPromptTokenMs × new prompt
 * tokens) / speed}, and gives each running sequence one token at its end. Seconds count from the
 * script's begin. The simulator runs the same scripts in virtual time.
 *
 * @param batch sequences that run at once, at most
 * @param speed 2 takes half of the time
 * @param cold how it begins
 * @param stalls when it computes nothing, though it answers that it is well
 * @param absences when its process is gone, with all that it had
 */
public record EngineScript(
    double baseMs,
    double perRunningMs,
    double perPromptTokenMs,
    int batch,
    double speed,
    Cold cold,
    List<Span> stalls,
    List<Span> absences) {
  /** About a model of 8 billion weights on one accelerator. */
  public static final EngineScript DEFAULT =
      new EngineScript(40, 1, 0.05, 256, 1, new Cold(1, 0), List.of(), List.of());

  private static final List<String> KEYS =
      List.of("base", "running", "prompt", "batch", "speed", "cold", "stall", "gone");

  /** Bytes of a prompt that make a token. */
  public static final int BYTES_PER_TOKEN = 4;

  /** Its first seconds take so many times as long. */
  public record Cold(double factor, double seconds) {}

  /** A part of the run. */
  public record Span(double fromSeconds, double seconds) {
    public double toSeconds() {
      return fromSeconds + seconds;
    }

    private String text() {
      return fromSeconds + "+" + seconds;
    }
  }

  public EngineScript {
    require(baseMs > 0 && baseMs <= 60_000, "base must be above 0 and at most 60000 ms");
    require(perRunningMs >= 0 && perRunningMs <= 10_000, "running must be 0 to 10000 ms");
    require(perPromptTokenMs >= 0 && perPromptTokenMs <= 1000, "prompt must be 0 to 1000 ms");
    require(batch >= 1 && batch <= 100_000, "batch must be 1 to 100000");
    require(speed >= 0.001 && speed <= 1000, "speed must be 0.001 to 1000");
    require(cold.factor() >= 0.001 && cold.factor() <= 1000, "cold: a factor is 0.001 to 1000");
    stalls = List.copyOf(stalls);
    absences = List.copyOf(absences);
    check("stall", stalls);
    check("gone", absences);
  }

  private static void require(boolean condition, String message) {
    if (!condition) {
      throw new IllegalArgumentException(message);
    }
  }

  /**
   * Reads {@code speed=2,cold=8x25,stall=10+2,gone=20+5}: eight times slower for its first 25 s, a
   * stall of 2 s after 10 s, gone for 5 s after 20 s. Further keys are base, running, prompt (ms)
   * and batch; what is not there is the {@link #DEFAULT}'s.
   */
  public static EngineScript parse(String text) {
    Map<String, List<String>> values = values(text);
    Span cold = values(values, "cold", "x").reduce(new Span(1, 0), (first, last) -> last);
    return new EngineScript(
        number(values, "base", DEFAULT.baseMs),
        number(values, "running", DEFAULT.perRunningMs),
        number(values, "prompt", DEFAULT.perPromptTokenMs),
        (int) number(values, "batch", DEFAULT.batch),
        number(values, "speed", DEFAULT.speed),
        new Cold(cold.fromSeconds, cold.seconds),
        values(values, "stall", "+").toList(),
        values(values, "gone", "+").toList());
  }

  /** What {@link #parse} makes this of. */
  public String text() {
    StringBuilder text = new StringBuilder();
    text.append("base=").append(baseMs).append(",running=").append(perRunningMs);
    text.append(",prompt=").append(perPromptTokenMs).append(",batch=").append(batch);
    text.append(",speed=").append(speed);
    text.append(",cold=").append(cold.factor()).append('x').append(cold.seconds());
    stalls.forEach(span -> text.append(",stall=").append(span.text()));
    absences.forEach(span -> text.append(",gone=").append(span.text()));
    return text.toString();
  }

  private static Map<String, List<String>> values(String text) {
    Map<String, List<String>> values = new HashMap<>();
    for (String part : text.isBlank() ? new String[0] : text.split(",", -1)) {
      String[] pair = part.split("=", -1);
      require(pair.length == 2, "not a key with its value: " + part);
      require(KEYS.contains(pair[0]), "unknown key: " + pair[0] + "; there are " + KEYS);
      values.computeIfAbsent(pair[0], first -> new ArrayList<>()).add(pair[1]);
    }
    return values;
  }

  private static double number(Map<String, List<String>> values, String key, double otherwise) {
    List<String> given = values.get(key);
    return given == null ? otherwise : number(key, given.getLast());
  }

  private static double number(String key, String text) {
    try {
      return Double.parseDouble(text);
    } catch (NumberFormatException e) {
      throw new IllegalArgumentException(key + ": not a number: " + text, e);
    }
  }

  private static Stream<Span> values(
      Map<String, List<String>> values, String key, String separator) {
    return values.getOrDefault(key, List.of()).stream()
        .map(
            text -> {
              int at = text.indexOf(separator);
              require(at > 0, key + ": not two numbers with " + separator + " between: " + text);
              return new Span(
                  number(key, text.substring(0, at)), number(key, text.substring(at + 1)));
            });
  }

  private static void check(String what, List<Span> spans) {
    double free = 0;
    for (Span span : spans) {
      require(span.fromSeconds >= free, what + ": spans must not overlap and be in order");
      require(span.seconds > 0 && span.seconds <= 86_400, what + " must last 0 to 86400 s");
      free = span.toSeconds();
    }
  }

  /** How long a step would take that begins then, if nothing held it up. */
  public double stepMs(int running, int promptTokens, double atSeconds) {
    double factor = atSeconds < cold.seconds() ? cold.factor() : 1;
    double work = baseMs + perRunningMs * running + perPromptTokenMs * promptTokens;
    return work * factor / speed;
  }

  /** When a step ends that begins then: stalls within it come on top. */
  public double stepEnd(int running, int promptTokens, double atSeconds) {
    double end = atSeconds + stepMs(running, promptTokens, atSeconds) / 1000;
    for (Span stall : stalls) {
      if (stall.fromSeconds < end && stall.toSeconds() > atSeconds) {
        end += stall.toSeconds() - Math.max(atSeconds, stall.fromSeconds);
      }
    }
    return end;
  }

  /** Whether its process is gone then. */
  public boolean gone(double atSeconds) {
    return absences.stream()
        .anyMatch(span -> span.fromSeconds <= atSeconds && atSeconds < span.toSeconds());
  }

  /** When its process comes or goes next; infinity when it does not. */
  public double nextChange(double atSeconds) {
    return absences.stream()
        .flatMap(span -> List.of(span.fromSeconds, span.toSeconds()).stream())
        .filter(moment -> moment > atSeconds)
        .findFirst()
        .orElse(Double.POSITIVE_INFINITY);
  }
}
