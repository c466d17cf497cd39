package dev.switchboard.worker;

import dev.switchboard.scheduler.EngineHealth.RankHeartbeat;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import java.util.function.LongSupplier;

/**
 * Readiness as an orchestrator asks for it: does every rank compute? Where all of them finished a
 * step since the last answer nothing is computed for it; else a canary goes through them. There is
 * one at a time, and its outcome holds for a second, since whoever reaches the port may ask. On the
 * event loop.
 */
final class RankProbe {
  private static final long HOLDS_NANOS = Duration.ofSeconds(1).toNanos();

  private final Canary canary;
  private final Duration timeout;
  private final LongSupplier nanos;
  private final List<Consumer<Boolean>> waiting = new ArrayList<>();
  private List<RankHeartbeat> seen = List.of();
  private boolean good;
  private long answeredNanos;

  RankProbe(Canary canary, Duration timeout, LongSupplier nanos) {
    this.canary = canary;
    this.timeout = timeout;
    this.nanos = nanos;
    answeredNanos = nanos.getAsLong() - HOLDS_NANOS;
  }

  void ask(ServedModel model, Consumer<Boolean> answer) {
    if (nanos.getAsLong() - answeredNanos < HOLDS_NANOS) {
      answer.accept(good);
      return;
    }
    waiting.add(answer);
    if (waiting.size() > 1) {
      return;
    }
    if (allFinishedAStep(model.engine().health().ranks())) {
      answered(model, true);
    } else {
      canary.send(model, timeout, outcome -> answered(model, outcome.ok()));
    }
  }

  private boolean allFinishedAStep(List<RankHeartbeat> now) {
    if (seen.isEmpty() || now.size() != seen.size()) {
      return false;
    }
    for (int i = 0; i < now.size(); i++) {
      if (now.get(i).finishedStep() <= seen.get(i).finishedStep()) {
        return false;
      }
    }
    return true;
  }

  private void answered(ServedModel model, boolean outcome) {
    seen = model.engine().health().ranks();
    good = outcome;
    answeredNanos = nanos.getAsLong();
    List<Consumer<Boolean>> told = List.copyOf(waiting);
    waiting.clear();
    told.forEach(each -> each.accept(outcome));
  }
}
