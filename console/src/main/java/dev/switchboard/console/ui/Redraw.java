package dev.switchboard.console.ui;

import com.vaadin.flow.component.ComponentUtil;
import com.vaadin.flow.component.UI;
import com.vaadin.flow.component.UIDetachedException;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;

/**
 * Draws the parts of one page again when something changed: all of them at once, since each access
 * to a page is a message to the browser, and at most four times a second, whoever says that
 * something changed. While one drawing waits for its session no second one is queued.
 */
final class Redraw {
  private static final long LEAST_GAP_MS = 250;
  private static final Executor AT_ONCE = Thread::startVirtualThread;

  private final UI ui;
  private final Set<Runnable> parts = new LinkedHashSet<>();
  private final AtomicBoolean waiting = new AtomicBoolean();
  private volatile long drawnMs;
  private @Nullable Runnable stop;

  private Redraw(UI ui) {
    this.ui = ui;
  }

  /** That of a page; with its session locked, as for all but {@link #soon}. */
  static Redraw of(UI ui) {
    Redraw known = ComponentUtil.getData(ui, Redraw.class);
    if (known != null) {
      return known;
    }
    Redraw made = new Redraw(ui);
    ComponentUtil.setData(ui, Redraw.class, made);
    return made;
  }

  /** Draws a part from now on; what it returns ends that. */
  Runnable add(Runnable part) {
    if (parts.isEmpty()) {
      stop = Services.get().gateways().listen(this::soon);
    }
    parts.add(part);
    return () -> remove(part);
  }

  private void remove(Runnable part) {
    Runnable listening = stop;
    if (parts.remove(part) && parts.isEmpty() && listening != null) {
      listening.run();
      stop = null;
    }
  }

  /** Has everything be drawn soon; on any thread. */
  void soon() {
    if (waiting.compareAndSet(false, true)) {
      // A clock that was set back does not hold a page up for longer than that.
      long rest = Math.min(LEAST_GAP_MS, drawnMs + LEAST_GAP_MS - nowMs());
      if (rest <= 0) {
        ask();
      } else {
        CompletableFuture.delayedExecutor(rest, TimeUnit.MILLISECONDS, AT_ONCE).execute(this::ask);
      }
    }
  }

  private static long nowMs() {
    return Services.get().clock().millis();
  }

  private void ask() {
    try {
      var _ = ui.access(this::draw);
    } catch (UIDetachedException _) {
      waiting.set(false);
    }
  }

  private void draw() {
    drawnMs = nowMs();
    waiting.set(false);
    List.copyOf(parts).forEach(Runnable::run);
  }
}
