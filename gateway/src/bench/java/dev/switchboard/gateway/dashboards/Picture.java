package dev.switchboard.gateway.dashboards;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.zip.CRC32;

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
  private final String fingerprint;
  private final List<Panel> panels = new ArrayList<>();
  private final List<String> empty = new ArrayList<>();
  private final Window window;
  private final List<Marks> marks;
  private final Svg svg = new Svg();

  private Picture(JsonNode dashboard, Window window, List<Marks> marks) {
    this.title = dashboard.path("title").asText();
    this.description = dashboard.path("description").asText();
    this.fingerprint = fingerprint(dashboard);
    this.window = window;
    this.marks = marks;
    dashboard.path("panels").forEach(panel -> panels.add(Panel.of(panel)));
  }

  /** Asks for the data of a dashboard and draws it. */
  public static Picture draw(
      JsonNode dashboard, PrometheusApi prometheus, Window window, int scrapeSeconds)
      throws IOException {
    List<Marks> marks = Marks.of(dashboard, prometheus, window, scrapeSeconds);
    Picture picture = new Picture(dashboard, window, marks);
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

  /** What is marked on them, by name. */
  public List<String> marked() {
    return marks.stream().filter(one -> !one.at().isEmpty()).map(Marks::name).toList();
  }

  /** Of all that the panels say and ask: a picture with another one is of other panels. */
  static String fingerprint(JsonNode dashboard) {
    CRC32 sum = new CRC32();
    for (JsonNode panel : dashboard.path("panels")) {
      sum.update(Panel.of(panel).toString().getBytes(StandardCharsets.UTF_8));
    }
    return Long.toHexString(sum.getValue());
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
    svg.raw("\" data-panels=\"" + fingerprint);
    svg.raw("\" viewBox=\"0 0 " + width + " " + height + "\" role=\"img\" aria-label=\"");
    svg.raw(Svg.escaped(title) + "\">\n" + Look.STYLE);
    svg.raw("<rect width=\"100%\" height=\"100%\" fill=\"#f6f8fa\"/>\n");
    svg.text(EDGE + 4, 28, "start", "h", title);
    svg.text(EDGE + 4, 47, "start", "n", description);
    String times = TIME.format(Instant.ofEpochSecond(window.from()));
    String until = TIME.format(Instant.ofEpochSecond(window.to())).substring(11);
    double right = EDGE + COLUMNS * COLUMN - 4;
    svg.text(right, 28, "end", "n", times + " to " + until + " UTC");
    String points = "a point for each " + window.step() + " s";
    svg.text(right, 47, "end", "n", points);
    marked(right - Svg.width(points, 11) - 16);
  }

  /** What the lines of the marks stand for, where there are any, to the left of a place. */
  private void marked(double right) {
    double at = right;
    for (Marks one : marks.reversed()) {
      if (!one.at().isEmpty()) {
        svg.text(at, 47, "end", "n", one.name());
        at -= Svg.width(one.name(), 11) + 10;
        svg.path("M" + Svg.number(at) + " 37V50", "class=\"" + one.color() + "\"");
        at -= 14;
      }
    }
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
      case "timeseries" -> mark(new LineChart(panel, data).draw(svg, x, y, width, height, window));
      case "heatmap" -> mark(new HeatMap(panel, data).draw(svg, x, y, width, height, window));
      case "status-history" ->
          mark(new StatusRows(panel, data).draw(svg, x, y, width, height, window));
      case "stat" -> new Figures(panel, data).stats(svg, x, y, width, height);
      case "bargauge" -> new Figures(panel, data).bars(svg, x, y, width, height);
      default -> throw new IllegalArgumentException("no drawing of " + panel.type());
    }
  }

  private void mark(Frame frame) {
    marks.forEach(one -> one.draw(svg, frame));
  }

  private void nothing(Panel panel, double x, double y, double width) {
    svg.text(x, y, "middle", "d", "Nothing in this time");
    String metric = panel.targets().isEmpty() ? "" : panel.targets().getFirst().metric();
    svg.text(x, y + 17, "middle", "s", Svg.fitting(metric, Look.SMALL, width));
  }
}
