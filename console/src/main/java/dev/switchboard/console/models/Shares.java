package dev.switchboard.console.models;

import com.vaadin.flow.component.Component;
import com.vaadin.flow.component.button.Button;
import com.vaadin.flow.component.combobox.ComboBox;
import com.vaadin.flow.component.html.Div;
import com.vaadin.flow.component.html.Span;
import com.vaadin.flow.component.textfield.NumberField;
import com.vaadin.flow.data.value.ValueChangeMode;
import dev.switchboard.console.ui.Format;
import dev.switchboard.console.ui.Parts;
import java.util.ArrayList;
import java.util.List;

/** Models and the share of each, in percent; together they must be 100. */
final class Shares extends Div {
  private static final double ALL = 100;
  private static final double CLOSE = 0.05;
  private static final int MOST = 16;

  private final List<String> models;
  private final List<Row> rows = new ArrayList<>();
  private final Div list = Parts.box("sb-stack");
  private final Span sum = Parts.text("sb-muted sb-small", "");
  private final Button add = Parts.button("plus", "Add a model", () -> add("", 0));
  private Runnable changed = () -> {};

  private record Row(ComboBox<String> model, NumberField share, Component box) {}

  Shares(List<String> models, List<SplitRow.Target> targets) {
    this.models = List.copyOf(models);
    sum.getElement().setAttribute("role", "status");
    add.addThemeName("tertiary");
    Button even = Parts.button("weight", "Share evenly", this::even);
    even.addThemeName("tertiary");
    add(Parts.text("sb-cell-name", "Goes to"), list, Parts.box("sb-row sb-wrap", add, even, sum));
    double left = ALL;
    for (int i = 0; i < targets.size(); i++) {
      double share = SplitRow.share(targets, targets.get(i).model()) * ALL;
      double shown = i == targets.size() - 1 ? left : Math.rint(share * 10) / 10;
      left -= shown;
      add(targets.get(i).model(), Math.rint(shown * 1000) / 1000);
    }
  }

  /** Is run whenever somebody changes something. */
  void onChange(Runnable then) {
    changed = then;
  }

  private void add(String model, double share) {
    ComboBox<String> name = new ComboBox<>();
    name.setAriaLabel("Model");
    name.setItems(models);
    name.setAllowCustomValue(true);
    name.addCustomValueSetListener(e -> name.setValue(e.getDetail()));
    name.setValue(model.isEmpty() ? null : model);
    NumberField percent = new NumberField();
    percent.setAriaLabel("Share, %");
    percent.setSuffixComponent(new Span("%"));
    percent.setMin(0);
    percent.setMax(ALL);
    percent.setStep(0.001);
    percent.setValue(share);
    percent.setWidth("120px");
    percent.setValueChangeMode(ValueChangeMode.EAGER);
    Button remove = Parts.iconButton("trash", "Remove this model", () -> remove(name));
    Row row = new Row(name, percent, Parts.box("sb-row", name, percent, remove));
    rows.add(row);
    list.add(row.box());
    name.addValueChangeListener(_ -> tell());
    percent.addValueChangeListener(_ -> tell());
    tell();
  }

  private void remove(ComboBox<String> of) {
    for (Row row : List.copyOf(rows)) {
      if (row.model().equals(of)) {
        rows.remove(row);
        list.remove(row.box());
      }
    }
    tell();
  }

  /** The last one has what is left, so that they are 100 together. */
  private void even() {
    double each = Math.floor(ALL / Math.max(1, rows.size()) * 10) / 10;
    for (int i = 0; i < rows.size(); i++) {
      boolean last = i == rows.size() - 1;
      rows.get(i).share().setValue(last ? Math.rint((ALL - each * i) * 10) / 10 : each);
    }
  }

  private void tell() {
    add.setEnabled(rows.size() < MOST);
    Parts.set(sum, "Together " + Format.number(sum()) + " %");
    changed.run();
  }

  private double sum() {
    return Math.rint(rows.stream().mapToDouble(Shares::value).sum() * 1000) / 1000;
  }

  private static double value(Row row) {
    return row.share().getValue() == null ? 0 : row.share().getValue();
  }

  /** What is wrong with them, in a sentence; empty where nothing is. */
  String problem() {
    if (rows.isEmpty()) {
      return "Choose a model";
    }
    long named = rows.stream().map(row -> row.model().getValue()).filter(m -> m != null).count();
    long different =
        rows.stream().map(row -> row.model().getValue()).filter(m -> m != null).distinct().count();
    if (named < rows.size()) {
      return "Each share needs a model";
    }
    if (different < named) {
      return "A model can stand there once only";
    }
    if (rows.stream().anyMatch(row -> value(row) <= 0)) {
      return "Each share must be above 0 %; remove the models that get nothing";
    }
    return Math.abs(sum() - ALL) > CLOSE
        ? "The shares must be 100 % together, not " + Format.number(sum()) + " %"
        : "";
  }

  List<SplitRow.Target> targets() {
    return rows.stream()
        .filter(row -> row.model().getValue() != null)
        .map(row -> new SplitRow.Target(row.model().getValue(), value(row)))
        .toList();
  }
}
