package dev.switchboard.console.ui;

import com.vaadin.flow.component.AttachEvent;
import com.vaadin.flow.component.DetachEvent;
import com.vaadin.flow.component.html.Div;
import java.util.ArrayDeque;
import java.util.Deque;
import org.jspecify.annotations.Nullable;

/** A view that is drawn again whenever something changed, with the rest of its page. */
public abstract class LiveView extends Div {
  /** The browser answers when it has drawn what it has; a page in the background draws nothing. */
  private static final String DRAWN =
      "return new Promise(then => { requestAnimationFrame(() => setTimeout(then));"
          + " setTimeout(then, 200); })";

  /** As long as parts of it are still to come. */
  private static final String BUSY = "aria-busy";

  private final Deque<Runnable> steps = new ArrayDeque<>();
  private @Nullable Runnable stop;
  private volatile @Nullable Redraw page;

  @SuppressWarnings("this-escape") // Adds a class name only.
  protected LiveView() {
    addClassName("sb-view");
  }

  /** Draws what is known now; on the session's thread. */
  protected abstract void refresh();

  /**
   * Does something once the browser has drawn what was before it. The browser makes all of one
   * message in one task, and does nothing else meanwhile, so what is large comes in several.
   */
  protected final void next(Runnable step) {
    steps.add(step);
  }

  private void whenDrawn() {
    if (steps.isEmpty()) {
      getElement().removeAttribute(BUSY);
    } else {
      getElement().setAttribute(BUSY, "true");
      getElement().executeJs(DRAWN).then(_ -> step(), _ -> step());
    }
  }

  private void step() {
    Runnable step = steps.poll();
    if (step != null) {
      step.run();
    }
    whenDrawn();
  }

  /** All that still waits for the browser, now. */
  final void allSteps() {
    for (Runnable step = steps.poll(); step != null; step = steps.poll()) {
      step.run();
    }
  }

  @Override
  protected void onAttach(AttachEvent event) {
    super.onAttach(event);
    Redraw redraw = Redraw.of(event.getUI());
    page = redraw;
    stop = redraw.add(this::draw);
    refresh();
    whenDrawn();
  }

  /** Has it be drawn soon, from any thread; for what does not come from {@code Gateways}. */
  protected final void changed() {
    Redraw redraw = page;
    if (redraw != null) {
      redraw.soon();
    }
  }

  private void draw() {
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
