package dev.switchboard.gateway.dashboards;

import java.util.Locale;

/** Writes SVG: numbers to a tenth of a pixel, and text that cannot break out of its element. */
final class Svg {
  private static final String NARROW = "fijlrt.,:;|!'()[]I ";

  private final StringBuilder out = new StringBuilder();

  /** How wide a text of a size is, about: the reader's font is not known. */
  static double width(String text, double size) {
    double letters = 0;
    for (int i = 0; i < text.length(); i++) {
      letters += width(text.charAt(i));
    }
    return letters * size;
  }

  /** As much of a text as fits. */
  static String fitting(String text, double size, double width) {
    int most = text.length();
    while (most > 1 && width(text.substring(0, most), size) > width) {
      most--;
    }
    return most == text.length() ? text : text.substring(0, most - 1) + "…";
  }

  /** Of Helvetica's kind, in units of the size. */
  private static double width(char letter) {
    if (NARROW.indexOf(letter) >= 0) {
      return 0.34;
    }
    boolean wide = Character.isUpperCase(letter) || "mwMW→%".indexOf(letter) >= 0;
    return wide ? 0.76 : 0.57;
  }

  Svg raw(String markup) {
    out.append(markup);
    return this;
  }

  /**
   * @param anchor {@code start}, {@code middle} or {@code end}: where {@code x} is
   * @param style a class of the picture's style sheet
   */
  Svg text(double x, double y, String anchor, String style, String text) {
    return text(x, y, anchor, style, text, "");
  }

  /**
   * @param color in place of that of the style; none where it is empty
   */
  Svg text(double x, double y, String anchor, String style, String text, String color) {
    out.append("<text x=\"").append(number(x)).append("\" y=\"").append(number(y)).append('"');
    if (!anchor.equals("start")) {
      out.append(" text-anchor=\"").append(anchor).append('"');
    }
    out.append(" class=\"").append(style).append('"');
    if (!color.isEmpty()) {
      out.append(" style=\"fill:").append(color).append('"');
    }
    out.append('>').append(escaped(text)).append("</text>\n");
    return this;
  }

  Svg rect(double x, double y, double width, double height, String attributes) {
    out.append("<rect x=\"").append(number(x)).append("\" y=\"").append(number(y));
    out.append("\" width=\"").append(number(Math.max(0, width)));
    out.append("\" height=\"").append(number(Math.max(0, height)));
    out.append("\" ").append(attributes).append("/>\n");
    return this;
  }

  Svg path(CharSequence data, String attributes) {
    if (!data.isEmpty()) {
      out.append("<path d=\"").append(data).append("\" ").append(attributes).append("/>\n");
    }
    return this;
  }

  static String number(double value) {
    String text = String.format(Locale.ROOT, "%.1f", value);
    return text.endsWith(".0") ? text.substring(0, text.length() - 2) : text;
  }

  static String escaped(String text) {
    return text.replace("&", "&amp;")
        .replace("<", "&lt;")
        .replace(">", "&gt;")
        .replace("\"", "&quot;");
  }

  @Override
  public String toString() {
    return out.toString();
  }
}
