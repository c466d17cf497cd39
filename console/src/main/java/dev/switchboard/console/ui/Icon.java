package dev.switchboard.console.ui;

import com.vaadin.flow.component.Component;
import com.vaadin.flow.component.Tag;
import com.vaadin.flow.component.dependency.JavaScript;

/** One of the shapes of console.js. Says nothing to a screen reader: a word stands beside it. */
@JavaScript("context://console/console.js")
@Tag("sb-icon")
public final class Icon extends Component {
  public Icon(String name) {
    getElement().setAttribute("name", name);
    getElement().setAttribute("aria-hidden", "true");
  }

  /** Shows another shape. */
  public void show(String name) {
    if (!name.equals(getElement().getAttribute("name"))) {
      getElement().setAttribute("name", name);
    }
  }
}
