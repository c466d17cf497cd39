package dev.switchboard.worker;

import java.util.LinkedHashSet;
import java.util.Set;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.Executor;
import java.util.concurrent.atomic.AtomicBoolean;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Carries what the engine thread produced to the event loop.
 *
 * <p>A step gives one token to each of its requests. The first of them wakes the event loop; the
 * others find the wakeup pending and only join the list, so a step costs one task on the event
 * loop's queue however many streams it feeds. A stream that is already on the list is not added
 * again.
 */
final class Handover {

  /** A stream with something to take. */
  interface Source {
    /** Takes everything that is there; on the event loop. */
    Sink drain();
  }

  /** Where sources of one request meet: written once per wakeup. */
  interface Sink {
    void flush();
  }

  private static final Logger LOG = LoggerFactory.getLogger(Handover.class);

  /** A source's place on the list; one per source. */
  final class Signal {
    private final Source source;
    private final AtomicBoolean listed = new AtomicBoolean();

    private Signal(Source source) {
      this.source = source;
    }

    /** Says that the source has something; on any thread. */
    void raise() {
      if (listed.compareAndSet(false, true)) {
        raised.add(this);
        if (pending.compareAndSet(false, true)) {
          eventLoop.execute(Handover.this::drain);
        }
      }
    }
  }

  private final Executor eventLoop;
  private final ConcurrentLinkedQueue<Signal> raised = new ConcurrentLinkedQueue<>();
  private final AtomicBoolean pending = new AtomicBoolean();
  private final Set<Sink> touched = new LinkedHashSet<>();

  Handover(Executor eventLoop) {
    this.eventLoop = eventLoop;
  }

  Signal signal(Source source) {
    return new Signal(source);
  }

  /** One that breaks is to end by itself; the others must not wait for it. */
  private void drain() {
    pending.set(false);
    for (Signal signal = raised.poll(); signal != null; signal = raised.poll()) {
      signal.listed.set(false);
      Source source = signal.source;
      guarded(() -> touched.add(source.drain()));
    }
    touched.forEach(sink -> guarded(sink::flush));
    touched.clear();
  }

  private static void guarded(Runnable task) {
    try {
      task.run();
    } catch (RuntimeException | LinkageError | StackOverflowError broken) {
      LOG.error("handover_failed", broken);
    }
  }
}
