package dev.switchboard.console.drills;

import com.vaadin.flow.component.Component;
import com.vaadin.flow.component.button.Button;
import com.vaadin.flow.component.grid.ColumnTextAlign;
import com.vaadin.flow.component.grid.Grid;
import com.vaadin.flow.component.html.Anchor;
import com.vaadin.flow.component.html.Div;
import com.vaadin.flow.component.html.Span;
import com.vaadin.flow.router.PageTitle;
import com.vaadin.flow.router.Route;
import dev.switchboard.console.api.AdminClient;
import dev.switchboard.console.api.Role;
import dev.switchboard.console.live.LiveGateway;
import dev.switchboard.console.ui.ActionDialog;
import dev.switchboard.console.ui.Badge;
import dev.switchboard.console.ui.Format;
import dev.switchboard.console.ui.GatewayView;
import dev.switchboard.console.ui.Icon;
import dev.switchboard.console.ui.MainLayout;
import dev.switchboard.console.ui.Meter;
import dev.switchboard.console.ui.Needs;
import dev.switchboard.console.ui.Parts;
import dev.switchboard.console.ui.Paths;
import dev.switchboard.console.ui.Services;
import dev.switchboard.console.ui.Tone;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** What is broken on purpose now, and what came of the drills before. */
@Route(value = "drills", layout = MainLayout.class)
@PageTitle("Drills · Switchboard")
@Needs(Role.VIEWER)
public final class DrillsView extends GatewayView {
  private final boolean operator = may(Role.OPERATOR);
  private final Span line = Parts.text("sb-head-line", "Loading");
  private final Button start = Parts.button("drill", "Start drill", this::ask);
  private final Div state = Parts.box("sb-stack");
  private final Div running = Parts.box("sb-stack");
  private final Grid<DrillRow> grid = new Grid<>();
  private final Div table = Parts.card("Past drills", Parts.box("sb-table", grid));
  private final Map<String, Running> cards = new HashMap<>();
  private DrillsPresenter presenter = new DrillsPresenter(gateway(), Services.get().clock());
  private List<DrillRow> shown = List.of();

  /** The card of a drill that goes on; only its texts change. */
  private static final class Running {
    private final Div card;
    private final Badge badge;
    private final Meter meter;

    Running(Div card, Badge badge, Meter meter) {
      this.card = card;
      this.badge = badge;
      this.meter = meter;
    }
  }

  public DrillsView() {
    start.addThemeName("primary");
    columns();
    grid.setAllRowsVisible(true);
    grid.setSelectionMode(Grid.SelectionMode.NONE);
    grid.addThemeNames("no-border", "compact");
    grid.getElement().setAttribute("aria-label", "Past drills");
    running.getElement().setAttribute("aria-live", "polite");
    add(Parts.head("Drills", line, gatewayChoice(), start), running, state, table);
  }

  private void columns() {
    grid.addComponentColumn(DrillsView::started)
        .setHeader("Started, UTC")
        .setWidth("150px")
        .setFlexGrow(0);
    grid.addComponentColumn(row -> new Badge(row.tone(), row.word()))
        .setHeader("Outcome")
        .setWidth("130px")
        .setFlexGrow(0);
    grid.addComponentColumn(DrillsView::what).setHeader("Drill").setFlexGrow(2);
    grid.addComponentColumn(this::replica).setHeader("Replica").setWidth("76px").setFlexGrow(0);
    number("Out after", row -> Format.millis(row.leftMs()));
    number("Named after", row -> Format.millis(row.namedMs()));
    number("Back after", row -> Format.millis(row.backMs()));
    grid.addComponentColumn(DrillsView::noticed).setHeader("What users noticed").setFlexGrow(3);
  }

  private void number(String header, Function<DrillRow, String> text) {
    grid.addColumn(text::apply)
        .setHeader(header)
        .setTextAlign(ColumnTextAlign.END)
        .setWidth("100px")
        .setFlexGrow(0);
  }

  private static Component started(DrillRow row) {
    return new Span(row.started() == null ? Format.NONE : Format.full(row.started()));
  }

  private static Component what(DrillRow row) {
    Div cell =
        Parts.box(
            "sb-two",
            Parts.text("sb-cell-name", row.kind()),
            Parts.text("sb-muted sb-small", row.about()));
    if (!row.message().isEmpty()) {
      cell.getElement().setAttribute("title", row.message());
    }
    return cell;
  }

  private Component replica(DrillRow row) {
    return Parts.link(Paths.replica(gateway().name(), row.replica()), row.replica());
  }

  private static Component noticed(DrillRow row) {
    DrillRow.Noticed n = row.noticed();
    if (n == null) {
      return Parts.text("sb-muted", Format.NONE);
    }
    if (n.requests() == 0) {
      return Parts.text("sb-muted", "No request was there");
    }
    Tone tone = n.broken() > 0 ? Tone.BAD : n.missed() > 0 ? Tone.WARN : Tone.GOOD;
    String word =
        n.broken() > 0
            ? n.broken() + " broken"
            : n.missed() > 0 ? n.missed() + " late" : "Nothing late";
    String more =
        "of " + n.requests() + ", " + n.moved() + " moved, pause " + Format.millis(n.pauseMs());
    return Parts.box("sb-two", new Badge(tone, word), Parts.text("sb-muted sb-small", more));
  }

  @Override
  protected void at(LiveGateway chosen) {
    presenter = new DrillsPresenter(chosen, Services.get().clock());
    shown = List.of();
    cards.clear();
    running.removeAll();
    state.removeAll();
    state.setVisible(false);
  }

  @Override
  protected void refresh() {
    List<DrillRow> ended = presenter.ended();
    List<DrillRow> now = presenter.running();
    if (!ended.equals(shown)) {
      shown = new ArrayList<>(ended);
      grid.setItems(shown);
    }
    table.setVisible(!ended.isEmpty());
    showRunning(now);
    boolean can = operator && presenter.enabled() && now.isEmpty();
    Parts.enable(start, can);
    start.setTooltipText(why(now));
    Parts.set(line, presenter.asked() ? words(now, ended) : notYet(presenter.failure()));
    showState(presenter.failure(), now.isEmpty() && ended.isEmpty());
  }

  private @Nullable String why(List<DrillRow> now) {
    if (!operator) {
      return "Takes the role operator";
    }
    if (!presenter.enabled()) {
      return "drills.enabled is false at this gateway";
    }
    return now.isEmpty() ? null : "One at a time";
  }

  private static String words(List<DrillRow> now, List<DrillRow> ended) {
    return (now.isEmpty() ? "Nothing is broken on purpose" : now.size() + " in progress")
        + ", "
        + ended.size()
        + " before";
  }

  private void showState(@Nullable String failure, boolean nothing) {
    String title = "";
    String text = "";
    if (failure != null) {
      title = "The drills cannot be read";
      text = failure;
    } else if (presenter.asked() && !presenter.enabled()) {
      title = "Drills are off";
      text =
          "This gateway may break nothing on purpose. With drills.enabled in its configuration it"
              + " starts its workers so that they can be broken.";
    } else if (presenter.asked() && nothing) {
      title = "No drill yet";
      text = "Slow a rank or stop a replica for a minute, and see who notices.";
    }
    if (title.isEmpty()) {
      Parts.only(state);
    } else {
      Div part = failure == null ? Parts.empty("drill", title, text) : Parts.failure(title, text);
      Parts.only(state, Parts.box("sb-card", part));
    }
  }

  private void showRunning(List<DrillRow> now) {
    List<String> ids = now.stream().map(DrillRow::id).toList();
    cards
        .entrySet()
        .removeIf(
            each -> {
              boolean over = !ids.contains(each.getKey());
              if (over) {
                running.remove(each.getValue().card);
              }
              return over;
            });
    for (DrillRow row : now) {
      Running card = cards.computeIfAbsent(row.id(), _ -> open(row));
      card.badge.show(row.tone(), row.word());
      card.meter.tone(row.tone()).show(presenter.progress(row), presenter.countdown(row));
    }
    running.setVisible(!now.isEmpty());
  }

  private Running open(DrillRow row) {
    Badge badge = new Badge(row.tone(), row.word());
    Meter meter = new Meter();
    Button end =
        Parts.button(
            "stop",
            "End drill",
            () -> new ActionDialog(gateway(), () -> presenter.end(row), _ -> refresh()).open());
    end.setEnabled(operator);
    Anchor at = Parts.link(Paths.replica(gateway().name(), row.replica()), row.replica());
    Anchor seen =
        Parts.link("requests?last=5m&replica=" + AdminClient.encode(row.replica()), "Its requests");
    Div title =
        Parts.box(
            "sb-row",
            new Icon("drill"),
            Parts.text("sb-cell-group", row.kind()),
            new Span("at"),
            at,
            badge);
    Div card =
        Parts.box(
            "sb-card",
            Parts.box("sb-card-head", title, Parts.box("sb-row", seen, end)),
            Parts.text("sb-muted", row.about()),
            meter);
    running.add(card);
    return new Running(card, badge, meter);
  }

  private void ask() {
    if (presenter.replicas().isEmpty()) {
      dev.switchboard.console.ui.Toast.failed("No replica is ready");
      return;
    }
    new DrillForm(gateway(), presenter).open(this::refresh);
  }
}
