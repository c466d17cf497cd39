package dev.switchboard.console.ui;

import com.vaadin.flow.component.AttachEvent;
import com.vaadin.flow.component.DetachEvent;
import com.vaadin.flow.component.UI;
import com.vaadin.flow.component.html.Div;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;

/**
 * A view that is drawn again whenever something changed, at most four times a second. While one
 * drawing waits for its session no second one is queued.
 */
public abstract class LiveView extends Div {
  private final AtomicBoolean waiting = new AtomicBoolean();
  private @Nullable Runnable stop;
  private volatile @Nullable UI page;

  @SuppressWarnings("this-escape") // Adds a class name only.
  protected LiveView() {
    addClassName("sb-view");
  }

  /** Draws what is known now; on the session's thread. */
  protected abstract void refresh();

  @Override
  protected void onAttach(AttachEvent event) {
    super.onAttach(event);
    UI ui = event.getUI();
    page = ui;
    stop = Services.get().gateways().listen(() -> tell(ui));
    refresh();
  }

  /** Has it be drawn soon, from any thread; for what does not come from {@code Gateways}. */
  protected final void changed() {
    UI ui = page;
    if (ui != null) {
      tell(ui);
    }
  }

  private void tell(UI ui) {
    if (waiting.compareAndSet(false, true)) {
      try {
        var _ = ui.access(this::draw);
      } catch (com.vaadin.flow.component.UIDetachedException _) {
        waiting.set(false);
      }
    }
  }

  private void draw() {
    waiting.set(false);
    if (isAttached()) {
      refresh();
    }
  }

  @Override
  protected void onDetach(DetachEvent event) {
    page = null;
    Runnable listening = stop;
    if (listening != null) {
      listening.run();
    }
    super.onDetach(event);
  }
}
