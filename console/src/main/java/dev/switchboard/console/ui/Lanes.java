package dev.switchboard.console.ui;

import com.vaadin.flow.component.AttachEvent;
import com.vaadin.flow.component.Component;
import com.vaadin.flow.component.Tag;
import com.vaadin.flow.component.dependency.JavaScript;
import com.vaadin.flow.component.html.Div;
import java.util.List;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** What ranks did, a row each, as bars of compute, wait and off-CPU. */
public final class Lanes extends Div {
  private static final JsonMapper JSON = new JsonMapper();

  /**
   * What a row did from a time on, in microseconds.
   *
   * @param other what nobody accounts for
   * @param about said when it is pointed at
   */
  public record Bar(
      int row, long start, long compute, long waited, long offCpu, long other, String about) {}

  @JavaScript("context://console/console.js")
  @Tag("sb-lanes")
  private static final class Canvas extends Component {}

  private final Canvas canvas = new Canvas();
  private List<Bar> shown = List.of();

  public Lanes() {
    add(canvas);
  }

  @Override
  protected void onAttach(AttachEvent event) {
    super.onAttach(event);
    shown = List.of();
  }

  public void show(String title, List<String> rows, long totalUs, List<Bar> bars) {
    if (bars.equals(shown)) {
      return;
    }
    shown = bars;
    ObjectNode message = JSON.createObjectNode();
    message.put("title", title).put("total", totalUs);
    ArrayNode names = message.putArray("rows");
    rows.forEach(names::add);
    ArrayNode all = message.putArray("bars");
    for (Bar bar : bars) {
      all.addArray()
          .add(bar.row())
          .add(bar.start())
          .add(bar.compute())
          .add(bar.waited())
          .add(bar.offCpu())
          .add(bar.other())
          .add(bar.about());
    }
    canvas.getElement().callJsFunction("show", message);
  }
}
