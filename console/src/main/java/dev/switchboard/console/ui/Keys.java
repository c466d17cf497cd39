package dev.switchboard.console.ui;

import com.vaadin.flow.component.button.Button;
import com.vaadin.flow.component.checkbox.Checkbox;
import com.vaadin.flow.component.dialog.Dialog;
import com.vaadin.flow.component.page.WebStorage;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Which keys do what. Letters are listened to by console.js, and can be switched off. */
public final class Keys {
  private static final String STORED = "switchboard.keys";

  /** Of each view's path the letter that opens it after a g. */
  private static final Map<String, String> VIEWS = views();

  private Keys() {}

  private static Map<String, String> views() {
    Map<String, String> views = new LinkedHashMap<>();
    views.put("", "f");
    views.put("requests", "r");
    views.put("models", "m");
    views.put("slos", "s");
    views.put("playground", "p");
    views.put("drills", "d");
    views.put("tenants", "t");
    views.put("audit", "a");
    views.put("system", "y");
    views.put("people", "e");
    return views;
  }

  /** The letter of a view's path. */
  static Optional<String> of(String path) {
    return Optional.ofNullable(VIEWS.get(path));
  }

  /** Opens the list of keys. */
  static Button button() {
    Button button = Parts.iconButton("info", "Keyboard", Keys::open);
    button.setId("sb-keys");
    return button;
  }

  private static void open() {
    Dialog dialog = new Dialog("Keyboard");
    PlainTable table = new PlainTable("Keys", "What they do");
    table.show(rows());
    Checkbox letters = new Checkbox("Letters and ? open views", true);
    WebStorage.getItem(STORED, stored -> letters.setValue(!"off".equals(stored)));
    letters.addValueChangeListener(
        e -> WebStorage.setItem(STORED, Boolean.TRUE.equals(e.getValue()) ? "on" : "off"));
    Button close = new Button("Close", _ -> dialog.close());
    close.setAutofocus(true);
    dialog.add(table, letters);
    dialog.getFooter().add(close);
    dialog.open();
  }

  private static List<List<String>> rows() {
    List<List<String>> rows = new ArrayList<>();
    VIEWS.forEach((path, key) -> rows.add(List.of("g " + key, "Open " + name(path))));
    rows.add(List.of("?", "Show these keys"));
    rows.add(List.of("Tab, Shift+Tab", "Next and previous control"));
    rows.add(List.of("Arrow keys", "Move in a table, a heat map, lanes, token times, the slider"));
    rows.add(List.of("Enter", "Press, open the row of a table, sort by a column"));
    rows.add(List.of("Ctrl+Enter", "Confirm a change, and send in the playground"));
    rows.add(List.of("Escape", "Close a dialog"));
    return rows;
  }

  private static String name(String path) {
    return switch (path) {
      case "" -> "Fleet";
      case "slos" -> "SLOs";
      case "tenants" -> "Tenants and keys";
      default -> Badge.word(path);
    };
  }
}
