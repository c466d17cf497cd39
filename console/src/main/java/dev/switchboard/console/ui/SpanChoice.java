package dev.switchboard.console.ui;

import com.vaadin.flow.component.select.Select;
import dev.switchboard.console.live.History;
import dev.switchboard.console.live.History.Span;
import java.util.List;
import java.util.function.Consumer;

/** Chooses how far back charts go; there to choose only where a Prometheus is configured. */
public final class SpanChoice extends Select<Span> {
  /** Of what the charts ask; the hour is the console's own. */
  public SpanChoice(Consumer<Span> then) {
    setItems(Span.values());
    setItemLabelGenerator(Span::title);
    setAriaLabel("How far back charts go");
    setValue(Span.HOUR);
    setWidth("120px");
    setVisible(Services.get().history() != null);
    addValueChangeListener(e -> then.accept(e.getValue()));
  }

  /** Whether charts show what Prometheus has. */
  public boolean longer() {
    return isVisible() && getValue() != Span.HOUR;
  }

  /** One line of a chart: its name, its colour, and what Prometheus is asked for it. */
  public record Asked(String name, String tone, String query) {}

  /** Has a chart show what Prometheus answers; why it does not, else an empty text. */
  public String show(LineChart chart, List<Asked> lines) {
    History history = Services.get().history();
    if (history == null) {
      return "";
    }
    List<LineChart.Line> shown = new java.util.ArrayList<>();
    String failure = "";
    long end = -1;
    for (Asked line : lines) {
      History.Lines answer =
          history.ask(line.query().replace("RATE", getValue().rate()), getValue());
      failure = answer.failure() == null ? failure : answer.failure();
      end = Math.max(end, answer.endSeconds());
      shown.add(new LineChart.Line(line.name(), line.tone(), answer.first()));
    }
    if (failure.isEmpty()) {
      chart.show(end, getValue().stepSeconds(), shown);
    }
    return failure;
  }
}
