package dev.switchboard.console.requests;

import com.vaadin.flow.component.Component;
import com.vaadin.flow.component.button.Button;
import com.vaadin.flow.component.grid.ColumnTextAlign;
import com.vaadin.flow.component.grid.Grid;
import com.vaadin.flow.component.html.Div;
import com.vaadin.flow.component.html.Span;
import dev.switchboard.console.api.Role;
import dev.switchboard.console.live.LiveGateway;
import dev.switchboard.console.ui.ActionDialog;
import dev.switchboard.console.ui.Badge;
import dev.switchboard.console.ui.Format;
import dev.switchboard.console.ui.Parts;
import dev.switchboard.console.ui.Paths;
import dev.switchboard.console.ui.Tone;
import dev.switchboard.console.ui.Visit;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** Requests that have not ended, each with what it waits for and a way to cancel it. */
final class RunningList extends Div {
  private final boolean operator =
      Visit.person().filter(person -> person.role().includes(Role.OPERATOR)).isPresent();
  private final Grid<RunningRow> grid = new Grid<>();
  private final Span count = Parts.text("sb-muted sb-small", "");
  private final Runnable then;
  private List<RunningRow> shown = List.of();
  private @Nullable LiveGateway gateway;

  RunningList(Runnable then) {
    this.then = then;
    grid.setAllRowsVisible(true);
    grid.setSelectionMode(Grid.SelectionMode.NONE);
    grid.addThemeNames("no-border", "compact");
    grid.getElement().setAttribute("aria-label", "Running requests");
    grid.addColumn(r -> Format.shortId(r.id()))
        .setHeader("Request")
        .setTooltipGenerator(RunningRow::id)
        .setWidth("96px")
        .setFlexGrow(0);
    grid.addComponentColumn(r -> new Badge(Tone.BUSY, Badge.word(r.phase())))
        .setHeader("Phase")
        .setWidth("120px")
        .setFlexGrow(0);
    grid.addColumn(RunningRow::model).setHeader("Model").setWidth("140px").setFlexGrow(3);
    grid.addColumn(RunningRow::serviceClass).setHeader("Class").setFlexGrow(1);
    grid.addColumn(RunningRow::tenant).setHeader("Tenant").setFlexGrow(1);
    grid.addComponentColumn(this::replica).setHeader("Replica").setFlexGrow(1);
    number("First token", r -> Format.millis(r.ttftMs()));
    number("Runs for", r -> Format.millis(r.runningMs()));
    number("Tokens", r -> Format.number(r.tokens()));
    grid.addComponentColumn(this::cancel).setHeader("").setWidth("112px").setFlexGrow(0);
    add(Parts.card("Running now", count, new Component[] {Parts.box("sb-table", grid)}));
    setVisible(false);
  }

  private void number(String header, Function<RunningRow, String> text) {
    grid.addColumn(text::apply)
        .setHeader(header)
        .setTextAlign(ColumnTextAlign.END)
        .setWidth("92px")
        .setFlexGrow(0);
  }

  private Component replica(RunningRow row) {
    LiveGateway at = gateway;
    return row.replica().isEmpty() || at == null
        ? new Span(Format.NONE)
        : Parts.link(Paths.replica(at.name(), row.replica()), row.replica());
  }

  private Component cancel(RunningRow row) {
    Button cancel =
        Parts.rowButton(
            "stop",
            "Cancel",
            "Cancel request " + row.id(),
            () -> {
              LiveGateway at = gateway;
              if (at != null) {
                new ActionDialog(at, row::cancel, _ -> then.run()).open();
              }
            });
    cancel.setEnabled(operator);
    return cancel;
  }

  void show(RequestsPresenter presenter) {
    gateway = presenter.at();
    List<RunningRow> now = presenter.running();
    long more = presenter.runningLeftOut();
    if (!now.equals(shown)) {
      shown = new ArrayList<>(now);
      grid.setItems(shown);
    }
    setVisible(!now.isEmpty());
    Parts.set(
        count,
        now.size()
            + (now.size() == 1 ? " request" : " requests")
            + (more > 0 ? ", and " + Format.number((double) more) + " more" : ""));
  }
}
