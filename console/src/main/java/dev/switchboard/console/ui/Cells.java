package dev.switchboard.console.ui;

import com.vaadin.flow.data.renderer.LitRenderer;
import java.util.function.Function;

/**
 * Cells of long or lively tables. The browser makes them of a row's texts: a component for each
 * would be kept on both sides, sent again whenever its row changes, and made in one task for all
 * rows. Texts are set as texts.
 */
public final class Cells {
  private Cells() {}

  /** What a {@link Badge} is. */
  public record State(Tone tone, String text, String about) {
    public State(Tone tone, String text) {
      this(tone, text, "");
    }
  }

  /** A badge; nothing where the text is empty. */
  public static <T> LitRenderer<T> badge(Function<T, State> state) {
    return LitRenderer.<T>of(
            """
            ${item.text ? html`<span class="sb-badge ${item.tone}" title=${item.about}>\
            <sb-icon name=${item.icon} aria-hidden="true"></sb-icon><span>${item.text}</span></span>` : ''}""")
        .withProperty("tone", row -> state.apply(row).tone().className())
        .withProperty("icon", row -> state.apply(row).tone().icon())
        .withProperty("text", row -> state.apply(row).text())
        .withProperty("about", row -> state.apply(row).about());
  }

  public static <T> LitRenderer<T> link(Function<T, String> href, Function<T, String> text) {
    return LitRenderer.<T>of("<a href=${item.href}>${item.text}</a>")
        .withProperty("href", href::apply)
        .withProperty("text", text::apply);
  }

  /** What a {@link Meter} is; nothing where the share is not known. */
  public static <T> LitRenderer<T> meter(Function<T, Double> share, Function<Double, Tone> tone) {
    return LitRenderer.<T>of(
            """
            ${item.number ? html`<div class="sb-meter ${item.tone}"><div class="sb-meter-track">\
            <div class="sb-meter-bar" style="width:${item.width}"></div></div>\
            <span class="sb-meter-number">${item.number}</span></div>` : ''}""")
        .withProperty("tone", row -> tone.apply(share.apply(row)).className())
        .withProperty("width", row -> Meter.width(share.apply(row)))
        .withProperty("number", row -> Format.blankForNone(Format.percent(share.apply(row))));
  }

  public static <T> LitRenderer<T> spark(Function<T, float[]> points) {
    return LitRenderer.<T>of("<sb-spark aria-hidden=\"true\" points=${item.points}></sb-spark>")
        .withProperty("points", row -> Spark.text(points.apply(row)));
  }
}
