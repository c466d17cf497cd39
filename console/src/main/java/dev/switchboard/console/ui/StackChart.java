package dev.switchboard.console.ui;

import com.vaadin.flow.component.AttachEvent;
import com.vaadin.flow.component.Component;
import com.vaadin.flow.component.Tag;
import com.vaadin.flow.component.dependency.JavaScript;
import com.vaadin.flow.component.html.Div;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** Numbers that add up, one bar for each hour, drawn by ECharts in the browser; a table below. */
public final class StackChart extends Div {
  private static final JsonMapper JSON = new JsonMapper();

  /**
   * A part of each bar.
   *
   * @param tone a colour of the stylesheet: 1 to 6, good, warn, bad or other
   */
  public record Part(String name, String tone, List<Double> values) {
    /** Copies the list. */
    public Part {
      values = List.copyOf(values);
    }
  }

  @JavaScript("context://console/console.js")
  @Tag("sb-stack")
  private static final class Canvas extends Component {}

  private record Shown(List<String> bars, List<Part> parts, String unit) {}

  private final Canvas canvas = new Canvas();
  private final Div table = Parts.box("sb-stack-table");
  private @Nullable Shown shown;

  public StackChart(String title) {
    addClassName("sb-chart");
    canvas.getElement().setAttribute("label", title);
    add(canvas, table);
  }

  @Override
  protected void onAttach(AttachEvent event) {
    super.onAttach(event);
    Shown before = shown;
    shown = null;
    if (before != null) {
      show(before.bars(), before.parts(), before.unit());
    }
  }

  /** Shows a bar for each name; parts have a number of the unit for each bar. */
  public void show(List<String> bars, List<Part> parts, String unit) {
    Shown now = new Shown(List.copyOf(bars), List.copyOf(parts), unit);
    if (now.equals(shown)) {
      return;
    }
    shown = now;
    ObjectNode message = JSON.createObjectNode().put("unit", unit);
    ArrayNode names = message.putArray("bars");
    bars.forEach(names::add);
    ArrayNode all = message.putArray("parts");
    for (Part part : parts) {
      ObjectNode one = all.addObject().put("name", part.name()).put("tone", part.tone());
      ArrayNode values = one.putArray("values");
      part.values().forEach(values::add);
    }
    canvas.getElement().callJsFunction("show", message);
    table(now);
  }

  private void table(Shown now) {
    List<String> header = new ArrayList<>(List.of("Hour, UTC"));
    String unit = now.unit().isEmpty() ? "" : ", " + now.unit();
    now.parts().forEach(part -> header.add(part.name() + unit));
    PlainTable rows = new PlainTable(header.toArray(String[]::new));
    List<List<String>> lines = new ArrayList<>();
    for (int i = 0; i < now.bars().size(); i++) {
      List<String> line = new ArrayList<>(List.of(now.bars().get(i)));
      for (Part part : now.parts()) {
        line.add(Format.number(part.values().get(i)));
      }
      lines.add(line);
    }
    rows.show(lines);
    table.removeAll();
    table.add(rows.folded("Table"));
  }
}
