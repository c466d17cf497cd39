package dev.switchboard.console.ui;

import com.vaadin.flow.component.html.Div;
import com.vaadin.flow.component.html.Span;

/** One number, its unit, what it is of, and how it was in the last hour. */
public final class StatTile extends Div {
  private final Span value = new Span("–");
  private final Span unit = new Span();
  private final Span note = new Span();
  private final Spark spark = new Spark();

  public StatTile(String name) {
    addClassName("sb-tile");
    value.addClassName("sb-tile-value");
    unit.addClassName("sb-tile-unit");
    note.addClassName("sb-tile-note");
    add(Parts.text("sb-tile-name", name), Parts.box("sb-tile-number", value, unit), note, spark);
  }

  /** Shows a number, formatted, with a line below it. */
  public void show(String number, String unitText, String noteText) {
    Parts.set(value, number);
    Parts.set(unit, number.equals("–") ? "" : unitText);
    Parts.set(note, noteText);
  }

  /** Colours the number where it is no good news; the note says why. */
  public void tone(Tone tone) {
    Parts.setClass(this, "sb-tile " + tone.className());
  }

  public void history(float[] points) {
    spark.show(Spark.thin(points, 90));
  }

  public String number() {
    return value.getText();
  }
}
