package dev.switchboard.console.ui;

import com.vaadin.flow.component.AttachEvent;
import com.vaadin.flow.component.Component;
import com.vaadin.flow.component.Tag;
import com.vaadin.flow.component.dependency.JavaScript;
import com.vaadin.flow.component.html.Div;
import java.util.List;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** Stages by ranks as one canvas. {@link PlainTable} beside it has the same in text. */
public final class HeatMap extends Div {
  private static final JsonMapper JSON = new JsonMapper();

  /**
   * One rank.
   *
   * @param heat 0 to 1
   * @param named whether its worker names it for holding up its stage
   */
  public record Cell(int stage, int rank, double heat, String text, String about, boolean named) {}

  @JavaScript("context://console/console.js")
  @Tag("sb-heat")
  private static final class Canvas extends Component {}

  private final Canvas canvas = new Canvas();
  private @Nullable Picture shown;

  /**
   * What the map shows.
   *
   * @param low what no heat at all stands for
   * @param high what all of the heat stands for
   */
  public record Picture(
      String title, String low, String high, int stages, int ranks, List<Cell> cells) {
    /** Copies the list. */
    public Picture {
      cells = List.copyOf(cells);
    }
  }

  public HeatMap() {
    add(canvas);
  }

  @Override
  protected void onAttach(AttachEvent event) {
    super.onAttach(event);
    shown = null;
  }

  /** Shows it; what stayed is not sent again. */
  public void show(Picture now) {
    if (now.equals(shown)) {
      return;
    }
    shown = now;
    ObjectNode message = JSON.createObjectNode();
    message.put("title", now.title()).put("stages", now.stages()).put("ranks", now.ranks());
    message.put("low", now.low()).put("high", now.high());
    ArrayNode all = message.putArray("cells");
    for (Cell cell : now.cells()) {
      all.addObject()
          .put("stage", cell.stage())
          .put("rank", cell.rank())
          .put("heat", cell.heat())
          .put("text", cell.text())
          .put("about", cell.about())
          .put("named", cell.named());
    }
    canvas.getElement().callJsFunction("show", message);
  }
}
