package dev.switchboard.console.ui;

import com.vaadin.flow.component.html.Div;
import com.vaadin.flow.component.html.Span;
import com.vaadin.flow.dom.DomEvent;
import com.vaadin.flow.dom.Element;
import java.time.Duration;
import java.time.Instant;
import java.util.function.LongConsumer;

/** Chooses a time of the last hour; its right end is now. */
public final class TimeSlider extends Div {
  private static final int MINUTES = 59;
  private static final String VALUE = "element.value";

  private final Element input = new Element("input");
  private final Span said = Parts.text("sb-muted sb-small", "Now");
  private final LongConsumer then;

  /**
   * Of the last hour.
   *
   * @param then is told how many seconds ago; 0 for now
   */
  public TimeSlider(LongConsumer then) {
    this.then = then;
    addClassName("sb-time");
    input.setAttribute("type", "range");
    input.setAttribute("min", "-" + MINUTES);
    input.setAttribute("max", "0");
    input.setAttribute("step", "0.25");
    input.setProperty("value", "0");
    input.setAttribute("aria-label", "Minutes before now");
    input.addEventListener("input", this::moved).addEventData(VALUE).throttle(250);
    // The last place, which a throttled event may not tell.
    input.addEventListener("change", this::moved).addEventData(VALUE);
    getElement().appendChild(input);
    add(said);
  }

  private void moved(DomEvent event) {
    double minutes = event.getEventData().path(VALUE).asDouble(0);
    choose(Math.round(Math.clamp(-minutes, 0, MINUTES) * 60));
  }

  /** As if somebody had moved it there. */
  public void choose(long secondsAgo) {
    input.setProperty("value", "" + -secondsAgo / 60.0);
    then.accept(secondsAgo);
  }

  /** Says which time is shown. */
  public void say(long at, Instant now) {
    if (at == 0) {
      Parts.set(said, "Now");
      return;
    }
    Instant shown = Instant.ofEpochSecond(at);
    Parts.set(
        said,
        Format.clock(shown) + " UTC, " + Format.duration(Duration.between(shown, now)) + " ago");
  }
}
