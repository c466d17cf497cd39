package dev.switchboard.console.ui;

import static org.junit.jupiter.api.Assertions.assertEquals;

import com.vaadin.flow.component.UI;
import dev.switchboard.console.ui.LineChart.Line;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

class LineChartTest extends ConsoleViewTest {
  private static final float NONE = Float.NaN;

  private final LineChart chart = new LineChart("Requests", "/s");

  private static Line line(String name, float... points) {
    return new Line(name, "1", points);
  }

  /** The names of the lines that the browser is told, and their newest points. */
  private List<String> shown(long newest, Line... lines) {
    chart.show(newest, 5, List.of(lines));
    UI ui = UI.getCurrent();
    ui.getInternals().getStateTree().runExecutionsBeforeClientResponse();
    List<String> told = new ArrayList<>();
    for (var call : ui.getInternals().dumpPendingJavaScriptInvocations()) {
      for (Object parameter : call.getInvocation().getParameters()) {
        if (parameter instanceof ObjectNode message && message.has("lines")) {
          for (JsonNode line : message.get("lines")) {
            told.add(line.get("name").asString() + line.get("points"));
          }
        }
      }
    }
    return told;
  }

  @Test
  void aLineWithoutAnyPointIsLeftOutWhileOthersHaveSome() {
    UI.getCurrent().add(chart);

    assertEquals(
        List.of("requests[null,1.0]"),
        shown(5, line("requests", NONE, 1), line("goodput", NONE, NONE)));
    assertEquals(
        List.of("requests[1.0,2.0]", "goodput[null,3.0]"),
        shown(10, line("requests", 1, 2), line("goodput", NONE, 3)),
        "one that gets points is shown whole");
    assertEquals(
        List.of("requests[4.0]", "goodput[5.0]"),
        shown(15, line("requests", 2, 4), line("goodput", 3, 5)),
        "then only what came");
    assertEquals(
        List.of(), shown(15, line("requests", 2, 4), line("goodput", 3, 5)), "nothing twice");
    assertEquals(
        List.of("requests[6.0,7.0]", "goodput[8.0,9.0]"),
        shown(25, line("requests", 4, 6, 7), line("goodput", 5, 8, 9)),
        "two points after ten seconds");
  }

  @Test
  void whereNoneHasPointsAllAreNamed() {
    UI.getCurrent().add(chart);

    assertEquals(
        List.of("requests[null]", "goodput[null]"),
        shown(5, line("requests", NONE), line("goodput", NONE)));
  }
}
