package dev.switchboard.gateway.dashboards;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** A dashboard as SVG: every panel where Grafana would have it, drawn from a Prometheus. */
public final class Picture {
  private static final double COLUMN = 50;
  private static final double ROW = 26;
  private static final double HEAD = 58;
  private static final double EDGE = 8;
  private static final double INSET = 12;
  private static final double TITLE = 26;
  private static final int COLUMNS = 24;
  private static final DateTimeFormatter TIME =
      DateTimeFormatter.ofPattern("uuuu-MM-dd HH:mm:ss", Locale.ROOT).withZone(ZoneOffset.UTC);

  private final String title;
  private final String description;
  private final List<Panel> panels = new ArrayList<>();
  private final List<String> empty = new ArrayList<>();
  private final Window window;
  private final Svg svg = new Svg();

  private Picture(JsonNode dashboard, Window window) {
    this.title = dashboard.path("title").asText();
    this.description = dashboard.path("description").asText();
    this.window = window;
    dashboard.path("panels").forEach(panel -> panels.add(Panel.of(panel)));
  }

  /** Asks for the data of a dashboard and draws it. */
  public static Picture draw(
      JsonNode dashboard, PrometheusApi prometheus, Window window, int scrapeSeconds)
      throws IOException {
    Picture picture = new Picture(dashboard, window);
    picture.head();
    for (Panel panel : picture.panels) {
      picture.panel(panel, PanelData.of(panel, prometheus, window, scrapeSeconds));
    }
    return picture;
  }

  /** Titles of the panels that had nothing to show. */
  public List<String> empty() {
    return List.copyOf(empty);
  }

  /** The file's text. */
  public String svg() {
    return svg + "</svg>\n";
  }

  private void head() {
    int rows = panels.stream().mapToInt(panel -> panel.y() + panel.h()).max().orElse(0);
    String width = Svg.number(COLUMNS * COLUMN + 2 * EDGE);
    String height = Svg.number(HEAD + rows * ROW + EDGE);
    svg.raw("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"" + width + "\" height=\"" + height);
    svg.raw("\" viewBox=\"0 0 " + width + " " + height + "\" role=\"img\" aria-label=\"");
    svg.raw(Svg.escaped(title) + "\">\n" + Look.STYLE);
    svg.raw("<rect width=\"100%\" height=\"100%\" fill=\"#f6f8fa\"/>\n");
    svg.text(EDGE + 4, 28, "start", "h", title);
    svg.text(EDGE + 4, 47, "start", "n", description);
    String times = TIME.format(Instant.ofEpochSecond(window.from()));
    String until = TIME.format(Instant.ofEpochSecond(window.to())).substring(11);
    double right = EDGE + COLUMNS * COLUMN - 4;
    svg.text(right, 28, "end", "n", times + " to " + until + " UTC");
    svg.text(right, 47, "end", "n", "a point for each " + window.step() + " s");
  }

  private void panel(Panel panel, PanelData data) {
    double x = EDGE + panel.x() * COLUMN + 3;
    double y = HEAD + panel.y() * ROW + 3;
    double width = panel.w() * COLUMN - 6;
    double height = panel.h() * ROW - 6;
    svg.raw("<g><title>" + Svg.escaped(panel.description()) + "</title>\n");
    svg.rect(x, y, width, height, "rx=\"5\" class=\"c\"");
    svg.text(x + INSET, y + 18, "start", "t", panel.title());
    double inside = width - 2 * INSET;
    if (data.isEmpty()) {
      empty.add(panel.title());
      nothing(panel, x + width / 2, y + height / 2, inside);
    } else {
      content(panel, data, x + INSET, y + TITLE, inside, height - TITLE - 6);
    }
    svg.raw("</g>\n");
  }

  private void content(
      Panel panel, PanelData data, double x, double y, double width, double height) {
    switch (panel.type()) {
      case "timeseries" -> new LineChart(panel, data).draw(svg, x, y, width, height, window);
      case "heatmap" -> new HeatMap(panel, data).draw(svg, x, y, width, height, window);
      case "status-history" -> new StatusRows(panel, data).draw(svg, x, y, width, height, window);
      case "stat" -> new Figures(panel, data).stats(svg, x, y, width, height);
      case "bargauge" -> new Figures(panel, data).bars(svg, x, y, width, height);
      default -> throw new IllegalArgumentException("no drawing of " + panel.type());
    }
  }

  private void nothing(Panel panel, double x, double y, double width) {
    svg.text(x, y, "middle", "d", "Nothing in this time");
    String metric = panel.targets().isEmpty() ? "" : panel.targets().getFirst().metric();
    svg.text(x, y + 17, "middle", "s", Svg.fitting(metric, Look.SMALL, width));
  }
}
