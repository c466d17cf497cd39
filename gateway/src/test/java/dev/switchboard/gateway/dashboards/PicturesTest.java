package dev.switchboard.gateway.dashboards;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
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
      for (JsonNode panel : dashboard.panels()) {
        String title = ">" + Svg.escaped(panel.path("title").asText()) + "</text>";
        assertTrue(svg.contains(title), () -> name + " is older than " + panel.path("title"));
      }
    }
  }

  @ParameterizedTest
  @CsvSource({
    "s, 0.0000245, 24.5 µs",
    "s, 0.25, 250 ms",
    "s, 90, 90 s",
    "s, 600, 10 min",
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
    Series never = new Series("broken", Double.NaN, new double[] {0, Double.NaN, 0});
    Series once = new Series("resumed", Double.NaN, new double[] {0, 2, 0});
    Svg svg = new Svg();

    new LineChart(Panel.of(panel), new PanelData(List.of(never, once), List.of()))
        .draw(svg, 0, 0, 300, 100, Window.until(30, 10, 5));

    String drawn = svg.toString();
    assertTrue(drawn.indexOf(">resumed<") < drawn.indexOf(">broken<"), drawn);
    String mark = "stroke=\"" + Look.color(1) + "\" stroke-width=\"3\"";
    assertTrue(drawn.indexOf(mark) < drawn.indexOf(">resumed<"), drawn);
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
            "rate(switchboard_x_total{job=~\"$job\"}[$__rate_interval])", "{{ replica }} x");

    assertEquals("rate(switchboard_x_total{job=~\".+\"}[20s])", target.asked(5));
    assertEquals("switchboard_x_total", target.metric());
  }
}
