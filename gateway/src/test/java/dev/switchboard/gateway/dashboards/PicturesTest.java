package dev.switchboard.gateway.dashboards;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.switchboard.gateway.dashboards.Dashboards.Dashboard;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** How panels are drawn, and that the pictures of the page are of the dashboards as they are. */
class PicturesTest {

  @Test
  void thePageShowsEveryDashboardAsItIs() throws IOException {
    String page = Files.readString(Dashboards.FOLDER.resolve("README.md"));
    for (Dashboard dashboard : Dashboards.all()) {
      String name = "pictures/" + dashboard.file().replace(".json", ".svg");
      Path file = Dashboards.FOLDER.resolve(name);
      String svg = Files.readString(file);

      assertTrue(page.contains("](" + name + ")"), name);
      assertTrue(Files.size(file) < 200_000, name);
      String drawn = "data-panels=\"" + Picture.fingerprint(dashboard.json()) + "\"";
      assertTrue(svg.contains(drawn), () -> name + " was drawn of other panels");
    }
  }

  @ParameterizedTest
  @CsvSource({
    "s, 0.0000245, 24.5 µs",
    "s, 0.25, 250 ms",
    "s, 90, 90 s",
    "s, 600, 10 min",
    "s, 10800, 3 h",
    "s, 1296000, 15 d",
    "percentunit, 0.995, 99.5 %",
    "bytes, 536870912, 512 MiB",
    "Bps, 44100000000, 44.1 GB/s",
    "reqps, 1500, 1.5 k req/s",
    "short, 0, 0",
    "short, 12345, 12.3 k"
  })
  void valuesAreWrittenInTheMultipleThatSuitsThem(String unit, double value, String text) {
    assertEquals(text, Scale.of(unit, value).text(value));
  }

  @ParameterizedTest
  @CsvSource({"0, 1, 5", "0, 0.3, 4", "0, 97, 5", "-4, 6, 6", "0, 1e-9, 5"})
  void axesEndAtRoundValuesAroundWhatTheyShow(double least, double most, int count) {
    List<Double> ticks = Scale.of("short", most).ticks(least, most);

    assertEquals(count, ticks.size(), ticks::toString);
    assertTrue(ticks.getFirst() <= least && ticks.getLast() >= most * (1 - 1e-6), ticks::toString);
  }

  @Test
  void aPictureHasFewPointsHoweverLongItsTime() {
    Window month = Window.until(3_000_000, 30 * 86_400, 5);

    assertTrue(month.points() <= 91, month::toString);
    assertEquals(3_000_000, month.to());
    assertEquals(5, Window.until(3_000_000, 60, 5).step());
  }

  @Test
  void whatIsAlwaysZeroIsNamedLastAndKeepsItsColour() {
    JsonNode panel = Dashboards.all().getFirst().panels().getFirst();
    Series never = new Series("broken", false, Double.NaN, new double[] {0, Double.NaN, 0});
    Series once = new Series("resumed", false, Double.NaN, new double[] {0, 2, 0});
    Svg svg = new Svg();

    new LineChart(Panel.of(panel), new PanelData(List.of(never, once), List.of()))
        .draw(svg, 0, 0, 300, 100, Window.until(30, 10, 5));

    String drawn = svg.toString();
    assertTrue(drawn.indexOf(">resumed<") < drawn.indexOf(">broken<"), drawn);
    String mark = "stroke=\"" + Look.color(1) + "\" stroke-width=\"3\"";
    assertTrue(drawn.indexOf(mark) < drawn.indexOf(">resumed<"), drawn);
  }

  /** A line of 3 over areas of 1 and 2: an axis that ended at 6 would count it to the stack. */
  @Test
  void aLineOverAStackIsNoPartOfIt() {
    Panel stacked = panel("Phases");
    Series queue = new Series("queue", false, Double.NaN, new double[] {1, 1, 1});
    Series engine = new Series("engine", false, Double.NaN, new double[] {2, 2, 2});
    Series wall = new Series("wall time", true, Double.NaN, new double[] {3, 3, 3});
    Svg svg = new Svg();

    new LineChart(stacked, new PanelData(List.of(queue, engine, wall), List.of()))
        .draw(svg, 0, 0, 300, 200, Window.until(30, 10, 5));

    assertTrue(stacked.targets().get(1).alone() && !stacked.targets().get(0).alone());
    assertTrue(svg.toString().contains(">3 s</text>"), svg::toString);
    assertFalse(svg.toString().contains(">4 s</text>"), svg::toString);
  }

  @Test
  void aThresholdIsALineWhereTheAxisReachesIt() {
    String red = "stroke=\"" + Look.threshold("red") + "\"";
    String orange = "stroke=\"" + Look.threshold("orange") + "\"";

    String drawn = lagged(0.07);

    assertTrue(drawn.contains(orange), drawn);
    assertTrue(lagged(0.2).contains(red));
    assertFalse(lagged(0.01).contains(orange));
  }

  private static String lagged(double seconds) {
    Series lag = new Series("api p99", false, Double.NaN, new double[] {seconds, seconds, seconds});
    Svg svg = new Svg();
    new LineChart(panel("Event-loop lag"), new PanelData(List.of(lag), List.of()))
        .draw(svg, 0, 0, 300, 200, Window.until(30, 10, 5));
    return svg.toString();
  }

  private static Panel panel(String title) {
    return Dashboards.all().stream()
        .flatMap(dashboard -> dashboard.panels().stream())
        .filter(panel -> panel.path("title").asText().equals(title))
        .map(Panel::of)
        .findFirst()
        .orElseThrow();
  }

  @Test
  void aMarkIsWhereSomethingBeginsAndNotWhileItGoesOn() throws IOException {
    JsonNode points = new ObjectMapper().readTree("[[10,\"1\"],[12,\"1\"],[20,\"1\"],[22,\"1\"]]");

    assertEquals(List.of(10.0, 20.0), Marks.beginnings(points, 2));
  }

  @Test
  void namesOfSeriesCannotBreakOutOfTheirElement() {
    String svg = new Svg().text(0, 0, "start", "l", "</text><script>\"&").toString();

    assertTrue(svg.contains("&lt;/text&gt;&lt;script&gt;&quot;&amp;"), svg);
  }

  @Test
  void variablesAreAskedForAsGrafanaWouldWithAll() {
    Panel.Target target =
        new Panel.Target(
            "rate(switchboard_x_total{job=~\"$job\"}[$__rate_interval])", "{{ replica }} x", false);

    assertEquals("rate(switchboard_x_total{job=~\".+\"}[20s])", target.asked(5));
    assertEquals("switchboard_x_total", target.metric());
  }
}
