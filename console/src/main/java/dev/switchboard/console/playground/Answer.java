package dev.switchboard.console.playground;

import dev.switchboard.console.ui.Format;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * An answer as far as it has come.
 *
 * @param at when each piece of it came, in ms from the request's start
 * @param calls of tools whose results it waits for
 * @param failure why it ended early; null where it did not
 * @param requestId empty until the answer's head is there
 */
public record Answer(
    State state,
    String text,
    String tools,
    List<Double> at,
    double nowMs,
    int status,
    String requestId,
    String replica,
    String model,
    String finish,
    int promptTokens,
    int completionTokens,
    @Nullable String failure,
    List<Call> calls) {

  /** A tool that the model calls, with arguments in JSON as far as they have come. */
  public record Call(String id, String name, String arguments) {}

  /** How far it is. */
  public enum State {
    WAITING,
    STREAMING,
    DONE,
    STOPPED,
    FAILED
  }

  /** Copies the list. */
  public Answer {
    at = List.copyOf(at);
    calls = List.copyOf(calls);
  }

  public boolean isOver() {
    return state != State.WAITING && state != State.STREAMING;
  }

  /** Time to the first piece; NaN before it. */
  public double firstMs() {
    return at.isEmpty() ? Double.NaN : at.getFirst();
  }

  /** Times between pieces. */
  public double[] gaps() {
    double[] gaps = new double[Math.max(0, at.size() - 1)];
    for (int i = 0; i < gaps.length; i++) {
      gaps[i] = at.get(i + 1) - at.get(i);
    }
    return gaps;
  }

  /** The gap that so many of all are not above; NaN where there is none. */
  public double gap(double share) {
    double[] sorted = gaps();
    Arrays.sort(sorted);
    return sorted.length == 0
        ? Double.NaN
        : sorted[(int) Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
  }

  /** Pieces per second after the first one. */
  public double perSecond() {
    double time = at.isEmpty() ? 0 : at.getLast() - at.getFirst();
    return time > 0 ? (at.size() - 1) * 1000 / time : Double.NaN;
  }

  /** What became of it, in words. */
  public String words() {
    return switch (state) {
      case WAITING -> "Waiting for the first token, " + Format.millis(nowMs);
      case STREAMING -> "Streaming, " + at.size() + " pieces";
      case DONE -> finish.isEmpty() ? "Done" : "Done, " + finish.replace('_', ' ');
      case STOPPED -> "Stopped here";
      case FAILED -> failure == null ? "Failed" : failure;
    };
  }
}
