package dev.switchboard.console.ui;

import com.vaadin.flow.component.Tag;
import com.vaadin.flow.component.html.Div;
import com.vaadin.flow.component.html.NativeTable;
import com.vaadin.flow.component.html.NativeTableHeader;
import com.vaadin.flow.component.html.NativeTableRow;
import java.util.List;

/** A small table of texts. */
public final class PlainTable extends Div {
  private final NativeTable table = new NativeTable();
  private List<List<String>> shown = List.of();
  private final List<String> header;

  public PlainTable(String... header) {
    this.header = List.of(header);
    addClassName("sb-scroll");
    getElement().setAttribute("tabindex", "0");
    table.addClassName("sb-plain");
    add(table);
  }

  /** Shows the rows, a text for each column. */
  public void show(List<List<String>> rows) {
    if (rows.equals(shown)) {
      return;
    }
    shown = rows;
    table.removeAll();
    NativeTableHeader head = table.getHead();
    NativeTableRow names = head.addRow();
    header.forEach(name -> names.addHeaderCell().setText(name));
    for (List<String> row : rows) {
      NativeTableRow line = table.getBody().addRow();
      row.forEach(text -> line.addDataCell().setText(text));
    }
  }

  /** What opens to show this in text, beside a canvas. */
  public Div folded(String title) {
    Folded details = new Folded();
    details
        .getElement()
        .appendChild(new com.vaadin.flow.dom.Element("summary").setText(title), getElement());
    Div box = Parts.box("sb-details");
    box.getElement().appendChild(details.getElement());
    return box;
  }

  @Tag("details")
  private static final class Folded extends com.vaadin.flow.component.Component {}
}
