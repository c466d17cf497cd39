package dev.switchboard.console.system;

import com.vaadin.flow.component.grid.Grid;
import com.vaadin.flow.component.html.Div;
import com.vaadin.flow.component.html.Span;
import com.vaadin.flow.component.select.Select;
import com.vaadin.flow.component.textfield.TextField;
import com.vaadin.flow.data.value.ValueChangeMode;
import dev.switchboard.console.ui.Badge;
import dev.switchboard.console.ui.Parts;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** The configuration in force, key by key, with where each value is from. */
final class ConfigCard extends Div {
  private static final String ANY = "";
  private static final String WIDTH = "176px";

  private final TextField search = new TextField();
  private final Select<String> origin = new Select<>();
  private final Span line = Parts.text("sb-muted sb-small", "");
  private final Grid<ConfigRow> grid = new Grid<>();
  private final Div table = Parts.box("sb-table", grid);
  private final Div none = Parts.box("sb-stack");
  private final Runnable changed;
  private List<ConfigRow> all = List.of();
  private List<ConfigRow> shown = List.of();

  /**
   * Without rows.
   *
   * @param changed is run when somebody asks for other ones
   */
  ConfigCard(Runnable changed) {
    this.changed = changed;
    search.setPlaceholder("Key, value, file, flag …");
    search.setAriaLabel("Search the configuration");
    search.setClearButtonVisible(true);
    search.setMaxLength(128);
    search.setWidth("280px");
    search.setValueChangeMode(ValueChangeMode.LAZY);
    search.addValueChangeListener(e -> asked(e.isFromClient()));
    List<String> origins = new ArrayList<>(List.of(ANY));
    origins.addAll(ConfigRow.ORIGINS);
    origin.setItems(origins);
    origin.setItemLabelGenerator(o -> o.isEmpty() ? "From anywhere" : Badge.word(o));
    origin.setAriaLabel("Where values are from");
    origin.setWidth(WIDTH);
    origin.setValue(ANY);
    origin.addValueChangeListener(e -> asked(e.isFromClient()));
    columns();
    add(
        Parts.card(
            "Configuration",
            Parts.box("sb-row sb-wrap", search, origin, line),
            new Div[] {table, none}));
  }

  private void columns() {
    grid.addColumn(ConfigRow::key).setHeader("Key").setWidth("260px").setFlexGrow(2);
    grid.addColumn(ConfigRow::value)
        .setHeader("Value")
        .setWidth("240px")
        .setFlexGrow(3)
        .setTooltipGenerator(ConfigRow::value);
    grid.addColumn(row -> row.origin().isEmpty() ? "" : Badge.word(row.origin()))
        .setHeader("Origin")
        .setWidth("122px")
        .setFlexGrow(0);
    grid.addColumn(ConfigRow::where)
        .setHeader("Where")
        .setWidth("200px")
        .setFlexGrow(2)
        .setTooltipGenerator(ConfigRow::where);
    grid.setSelectionMode(Grid.SelectionMode.NONE);
    grid.addThemeNames("no-border", "compact");
    grid.getElement().setAttribute("aria-label", "Configuration");
  }

  private void asked(boolean bySomebody) {
    filter();
    if (bySomebody) {
      changed.run();
    }
  }

  /** What is asked for, as it stands in the address. */
  Map<String, String> address() {
    return Map.of("config", search.getValue(), "origin", origin.getValue());
  }

  /** Asks for what the address has. */
  void ask(String text, String from) {
    search.setValue(text);
    origin.setValue(ConfigRow.ORIGINS.contains(from) ? from : ANY);
    filter();
  }

  /** Shows these; a failure where they cannot be read. */
  void show(List<ConfigRow> rows, String failure) {
    if (!rows.equals(all)) {
      all = rows;
      filter();
    }
    if (failure.isEmpty()) {
      Parts.only(none);
    } else {
      Parts.only(none, Parts.failure("The configuration cannot be read", failure));
    }
  }

  private void filter() {
    List<ConfigRow> now =
        all.stream().filter(row -> row.matches(search.getValue(), origin.getValue())).toList();
    if (!now.equals(shown)) {
      shown = now;
      grid.setItems(new ArrayList<>(now));
    }
    table.setVisible(!now.isEmpty());
    Parts.fit(grid, now.size(), "420px");
    Parts.set(line, all.isEmpty() ? "Loading" : now.size() + " of " + all.size() + " keys");
  }
}
