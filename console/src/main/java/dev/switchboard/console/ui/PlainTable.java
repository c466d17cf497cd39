package dev.switchboard.console.ui;

import com.vaadin.flow.component.HasStyle;
import com.vaadin.flow.component.HasText;
import com.vaadin.flow.component.Tag;
import com.vaadin.flow.component.html.Div;
import com.vaadin.flow.component.html.NativeTable;
import com.vaadin.flow.component.html.NativeTableHeader;
import com.vaadin.flow.component.html.NativeTableRow;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;

/** A small table of texts. */
public final class PlainTable extends Div {
  /** With a unit where it has one; no identifier that begins with digits, no time of day. */
  private static final Pattern NUMBER =
      Pattern.compile("[+−-]?[0-9][0-9.,]*[kMG]?×?( %| [0-9]+| [A-Za-z/]{1,5})*");

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
    // Not removeAll: the table would go on filling the head and the body that it had before.
    table.removeHead();
    List.copyOf(table.getBodies()).forEach(table::removeBody);
    NativeTableHeader head = table.getHead();
    NativeTableRow names = head.addRow();
    List<NativeTableRow> lines = new ArrayList<>();
    rows.forEach(_ -> lines.add(table.getBody().addRow()));
    for (int i = 0; i < header.size(); i++) {
      int column = i;
      List<String> texts = rows.stream().map(row -> row.get(column)).toList();
      boolean numbers = numbers(texts);
      cell(names.addHeaderCell(), header.get(column), numbers);
      for (int j = 0; j < texts.size(); j++) {
        cell(lines.get(j).addDataCell(), texts.get(j), numbers);
      }
    }
  }

  private static <C extends HasText & HasStyle> void cell(C cell, String text, boolean number) {
    cell.setText(text);
    cell.setClassName("sb-end", number);
  }

  /** Numbers that are compared stand at the right. */
  private static boolean numbers(List<String> texts) {
    List<String> said = texts.stream().filter(text -> !text.equals(Format.NONE)).toList();
    return !said.isEmpty() && said.stream().allMatch(text -> NUMBER.matcher(text).matches());
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
