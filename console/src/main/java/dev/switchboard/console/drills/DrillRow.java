package dev.switchboard.console.drills;

import dev.switchboard.console.ui.Tone;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * A drill.
 *
 * @param about its rank and by how much
 * @param outcome empty while it goes on
 * @param noticed null where the gateway does not tell it
 */
public record DrillRow(
    String id,
    String replica,
    String kind,
    String about,
    String phase,
    String outcome,
    String message,
    @Nullable Instant started,
    @Nullable Instant ends,
    double leftMs,
    double backMs,
    double namedMs,
    @Nullable Noticed noticed) {

  /** What users noticed. */
  public record Noticed(long requests, long missed, long moved, long broken, double pauseMs) {}

  public boolean goesOn() {
    return !phase.equals("ended");
  }

  /** What became of it, in words. */
  public String word() {
    if (goesOn()) {
      return Character.toUpperCase(phase.charAt(0)) + phase.substring(1);
    }
    return switch (outcome) {
      case "ready" -> "Back";
      case "not_ready" -> "Not back";
      case "cut_short" -> "Cut short";
      case "gateway_stopped" -> "Gateway stopped";
      default -> "Ended";
    };
  }

  public Tone tone() {
    if (goesOn()) {
      return phase.equals("running") ? Tone.WARN : Tone.BUSY;
    }
    return switch (outcome) {
      case "ready" -> Tone.GOOD;
      case "not_ready" -> Tone.BAD;
      default -> Tone.IDLE;
    };
  }
}
