package dev.switchboard.gateway.dashboards;

import java.util.List;

/** Colours and letters of the pictures: told apart by colour-blind people, and on white paper. */
final class Look {
  static final double SMALL = 10;

  static final String STYLE =
      """
      <style>
      text{font-family:Inter,"Helvetica Neue",Helvetica,Arial,"Liberation Sans",sans-serif;fill:#1f2328}
      .h{font-size:18px;font-weight:600}.t{font-size:12px;font-weight:600}
      .s{font-size:10px;fill:#59636e}.l{font-size:10px;fill:#30363d}.n{font-size:11px;fill:#59636e}
      .b{font-size:24px;font-weight:600}.d{font-size:11px;fill:#59636e}
      .blue,.orange{stroke-width:1.2;stroke-opacity:.55;stroke-dasharray:2 2}
      .blue{stroke:#0550ae}.orange{stroke:#bc4c00}
      .c{fill:#fff;stroke:#d8dee4}.g{stroke:#eaeef2;fill:none}.a{stroke:#c2c9d1;fill:none}
      </style>
      """;

  /** After Okabe and Ito, without the yellow that nobody sees on white. */
  private static final List<String> SERIES =
      List.of(
          "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#6f4e9c", "#7a7a7a");

  private static final List<String> DASHES = List.of("", "4 2", "1.5 1.5");

  static final List<String> HEAT =
      List.of("#fef0d9", "#fdd49e", "#fdbb84", "#fc8d59", "#e34a33", "#b30000");

  private Look() {}

  static String color(int series) {
    return SERIES.get(series % SERIES.size());
  }

  /** Further rounds of the colours are dashed. */
  static String dash(int series) {
    return DASHES.get(series / SERIES.size() % DASHES.size());
  }

  /** Of a threshold, by its name. */
  static String threshold(String name) {
    return switch (name) {
      case "green" -> "#2da44e";
      case "yellow" -> "#e0b000";
      case "orange" -> "#e8772e";
      case "red" -> "#cf222e";
      default -> "#7a7a7a";
    };
  }
}
