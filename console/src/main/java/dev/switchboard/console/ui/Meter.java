package dev.switchboard.console.ui;

import com.vaadin.flow.component.html.Div;
import com.vaadin.flow.component.html.Span;
import java.util.Locale;

/** A share as a bar with its number. */
public final class Meter extends Div {
  private final Div bar = new Div();
  private final Span number = new Span();

  public Meter() {
    addClassName("sb-meter");
    bar.addClassName("sb-meter-bar");
    number.addClassName("sb-meter-number");
    add(Parts.box("sb-meter-track", bar), number);
  }

  /** Shows a share of 0 to 1 with the text beside it; NaN is unknown. */
  public Meter show(double share, String text) {
    bar.getStyle().setWidth(width(share));
    Parts.set(number, text);
    return this;
  }

  static String width(double share) {
    double bounded = Double.isNaN(share) ? 0 : Math.clamp(share, 0, 1);
    return String.format(Locale.ROOT, "%.1f%%", bounded * 100);
  }

  public Meter tone(Tone tone) {
    Parts.setClass(this, "sb-meter " + tone.className());
    return this;
  }
}
