package dev.switchboard.console.playground;

import com.vaadin.flow.component.Component;
import com.vaadin.flow.component.Tag;
import com.vaadin.flow.component.dependency.JavaScript;
import java.util.List;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;

/** When each piece of an answer came. New pieces only are sent to the browser. */
@JavaScript("context://console/console.js")
@Tag("sb-tokens")
public final class TokenStrip extends Component {
  private static final JsonMapper JSON = new JsonMapper();

  private int sent;

  /** Forgets what was shown. */
  public void begin() {
    sent = 0;
    getElement().callJsFunction("begin");
  }

  /** Shows the pieces that came since. */
  public void show(List<Double> times) {
    if (times.size() == sent) {
      return;
    }
    ArrayNode more = JSON.createArrayNode();
    times.subList(sent, times.size()).forEach(time -> more.add(Math.rint(time * 1000) / 1000));
    sent = times.size();
    getElement().callJsFunction("add", more);
  }
}
