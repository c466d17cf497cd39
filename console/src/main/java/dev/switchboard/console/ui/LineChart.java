package dev.switchboard.console.ui;

import com.vaadin.flow.component.AttachEvent;
import com.vaadin.flow.component.Component;
import com.vaadin.flow.component.Tag;
import com.vaadin.flow.component.dependency.JavaScript;
import com.vaadin.flow.component.html.Div;
import java.util.ArrayList;
import java.util.List;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * Lines over the last hour, drawn by ECharts in the browser. The first time all points are sent,
 * then only those that came. The browser offers the same numbers as a table.
 */
public final class LineChart extends Div {
  private static final JsonMapper JSON = new JsonMapper();

  /**
   * One line.
   *
   * @param tone a colour of the stylesheet: 1 to 6, good, warn or bad
   * @param points oldest first; NaN is a gap
   */
  public record Line(String name, String tone, float[] points) {}

  @JavaScript("context://console/console.js")
  @Tag("sb-chart")
  private static final class Canvas extends Component {}

  private final Canvas canvas = new Canvas();
  private final String title;
  private final String unit;
  private List<String> names = List.of();
  private long newest = -1;

  public LineChart(String title, String unit) {
    this.title = title;
    this.unit = unit;
    addClassName("sb-chart");
    canvas.getElement().setAttribute("label", title);
    add(canvas);
  }

  @Override
  protected void onAttach(AttachEvent event) {
    super.onAttach(event);
    newest = -1;
  }

  /** Has the next lines be shown whole, since earlier points may be others. */
  public void again() {
    newest = -1;
  }

  /** Shows nothing, until there are lines that belong to what is asked for now. */
  public void clear() {
    newest = -1;
    if (!names.isEmpty()) {
      names = List.of();
      send(0, 1, List.of(), true, 0);
    }
  }

  /**
   * Shows lines whose newest points are of that time, with so many seconds between points. One
   * without any point is left out while others have some.
   */
  public void show(long newestSeconds, int stepSeconds, List<Line> all) {
    if (newestSeconds < 0 || newestSeconds == newest) {
      return;
    }
    List<Line> some = all.stream().filter(LineChart::hasPoints).toList();
    List<Line> lines = some.isEmpty() ? all : some;
    List<String> now = lines.stream().map(Line::name).toList();
    long behind = (newestSeconds - newest) / stepSeconds;
    boolean whole = newest < 0 || !now.equals(names) || behind > 60;
    int points = lines.isEmpty() ? 0 : lines.getFirst().points().length;
    send(newestSeconds, stepSeconds, lines, whole, whole ? points : (int) behind);
    newest = newestSeconds;
    names = new ArrayList<>(now);
  }

  private static boolean hasPoints(Line line) {
    for (float point : line.points()) {
      if (!Float.isNaN(point)) {
        return true;
      }
    }
    return false;
  }

  private void send(long newestSeconds, int step, List<Line> lines, boolean whole, int points) {
    ObjectNode message = JSON.createObjectNode();
    message.put("whole", whole).put("end", newestSeconds).put("step", step);
    message.put("unit", unit).put("title", title).put("count", points);
    ArrayNode all = message.putArray("lines");
    for (Line line : lines) {
      ObjectNode one = all.addObject().put("name", line.name()).put("tone", line.tone());
      ArrayNode values = one.putArray("points");
      for (int i = line.points().length - points; i < line.points().length; i++) {
        if (Float.isNaN(line.points()[i])) {
          values.addNull();
        } else {
          values.add(line.points()[i]);
        }
      }
    }
    canvas.getElement().callJsFunction("show", message);
  }
}
