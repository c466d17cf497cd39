package dev.switchboard.gateway.admission;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What the listeners hear after the lock is released, whatever was thrown under it: who has a place
 * by then must know. One that throws is no fault of whoever made the call, nor of the next ones.
 */
final class DeferredNotifications implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(DeferredNotifications.class);

  /** Null while there is nothing to say, as nearly always. */
  private @Nullable List<Runnable> calls;

  void dispatched(AdmissionQueue.Entry entry, long now) {
    add(() -> entry.listener.dispatched(entry, now));
  }

  void refused(AdmissionQueue.Entry entry, Refusal refusal) {
    add(() -> entry.listener.refused(entry, refusal));
  }

  private void add(Runnable call) {
    if (calls == null) {
      calls = new ArrayList<>(1);
    }
    calls.add(call);
  }

  @Override
  public void close() {
    for (Runnable call : calls == null ? List.<Runnable>of() : calls) {
      try {
        call.run();
      } catch (RuntimeException fault) {
        LOG.error("listener_failed", fault);
      }
    }
  }
}
