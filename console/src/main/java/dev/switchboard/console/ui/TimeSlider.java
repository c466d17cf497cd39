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
  private static final String TICKS = "sb-time-ticks";
  private static final String LIVE = "Live";

  private final Element input = new Element("input");
  private final Span said = Parts.text("sb-muted sb-small", LIVE);
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
    input.setAttribute("aria-label", "Time of the last hour that is shown, in minutes before now");
    input.addEventListener("input", this::moved).addEventData(VALUE).throttle(250);
    // The last place, which a throttled event may not tell.
    input.addEventListener("change", this::moved).addEventData(VALUE);
    input.setAttribute("list", TICKS);
    Element ticks = new Element("datalist").setAttribute("id", TICKS);
    for (int minutes = 15; minutes < MINUTES; minutes += 15) {
      ticks.appendChild(new Element("option").setAttribute("value", "-" + minutes));
    }
    getElement().appendChild(input, ticks);
    add(Parts.box("sb-time-ends", new Span(MINUTES + " min ago"), said, new Span("now")));
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
      Parts.set(said, LIVE);
      return;
    }
    Instant shown = Instant.ofEpochSecond(at);
    Parts.set(
        said,
        Format.clock(shown) + " UTC, " + Format.duration(Duration.between(shown, now)) + " ago");
  }
}
