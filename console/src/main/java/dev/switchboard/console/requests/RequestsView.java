package dev.switchboard.console.requests;

import com.vaadin.flow.component.AttachEvent;
import com.vaadin.flow.component.DetachEvent;
import com.vaadin.flow.component.button.Button;
import com.vaadin.flow.component.checkbox.Checkbox;
import com.vaadin.flow.component.combobox.ComboBox;
import com.vaadin.flow.component.grid.ColumnTextAlign;
import com.vaadin.flow.component.grid.Grid;
import com.vaadin.flow.component.html.Div;
import com.vaadin.flow.component.html.Span;
import com.vaadin.flow.component.textfield.TextField;
import com.vaadin.flow.router.AfterNavigationEvent;
import com.vaadin.flow.router.AfterNavigationObserver;
import com.vaadin.flow.router.BeforeEnterEvent;
import com.vaadin.flow.router.BeforeEnterObserver;
import com.vaadin.flow.router.PageTitle;
import com.vaadin.flow.router.QueryParameters;
import com.vaadin.flow.router.Route;
import dev.switchboard.console.api.ApiFailure;
import dev.switchboard.console.api.Role;
import dev.switchboard.console.ui.Badge;
import dev.switchboard.console.ui.Cells;
import dev.switchboard.console.ui.Format;
import dev.switchboard.console.ui.LiveView;
import dev.switchboard.console.ui.MainLayout;
import dev.switchboard.console.ui.Needs;
import dev.switchboard.console.ui.Parts;
import dev.switchboard.console.ui.Paths;
import dev.switchboard.console.ui.Services;
import dev.switchboard.console.ui.Toast;
import dev.switchboard.console.ui.Tone;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** Requests that are over, the newest first, live; filters stand in the address. */
@Route(value = "requests", layout = MainLayout.class)
@PageTitle("Requests · Switchboard")
@Needs(Role.VIEWER)
public final class RequestsView extends LiveView
    implements BeforeEnterObserver, AfterNavigationObserver {
  private static final List<String> OUTCOMES =
      List.of(
          "ok", "shed", "deadline", "client_gone", "upstream_broken", "unavailable", "internal");

  private final RequestsPresenter presenter;
  private final Span line = Parts.text("sb-head-line", "");
  private final Checkbox live = new Checkbox("Auto-refresh", true);
  private final Checkbox missed = new Checkbox("Missed an objective");
  private final Checkbox tailing = new Checkbox("Tail");
  private final Span tailLine = Parts.text("sb-muted sb-small", "");
  private final Grid<RequestRow> grid = new Grid<>();
  private final RunningList running = new RunningList(this::refresh);
  private final Div state = Parts.box("sb-stack");
  private final Button more = new Button("Load older ones", _ -> loadMore());
  private final Map<String, ComboBox<String>> choices = new HashMap<>();
  private final Map<String, TextField> fields = new HashMap<>();
  private final ComboBox<String> gateway = new ComboBox<>("Gateway");
  private List<RequestRow> shown = List.of();
  private boolean filling;

  /** At first of few rows, which come in a message of their own. */
  private String height = "320px";

  private @Nullable Tail tail;
  private Tail.@Nullable Shown tailShown;

  public RequestsView() {
    var gateways = Services.get().gateways();
    String first = gateways.all().getFirst().name();
    presenter =
        new RequestsPresenter(gateways, Services.get().clock(), new Filters(first, Map.of()));
    live.addValueChangeListener(_ -> refresh());
    tailing.setTooltipText("Each request as it ends, by the filters; a share where there are many");
    tailing.addValueChangeListener(
        e -> change(Filters.TAIL, Boolean.TRUE.equals(e.getValue()) ? "1" : ""));
    missed.addValueChangeListener(
        e -> change("slo", Boolean.TRUE.equals(e.getValue()) ? "missed" : ""));
    columns();
    grid.addThemeNames("no-border", "compact");
    grid.setSelectionMode(Grid.SelectionMode.NONE);
    grid.getElement().setAttribute("aria-label", "Requests");
    grid.addItemClickListener(click -> getUI().ifPresent(ui -> ui.navigate(path(click.getItem()))));
    more.addThemeName("tertiary");
    Div table = Parts.box("sb-table");
    next(() -> table.add(grid));
    next(this::showAllRows);
    Div card = Parts.box("sb-card", filters(), tailLine, table, state, more);
    add(Parts.head("Requests", line, tailing, live), running, card);
  }

  private Div filters() {
    gateway.setItems(presenter.gateways());
    gateway.setVisible(presenter.gateways().size() > 1);
    gateway.addValueChangeListener(
        e -> {
          if (e.isFromClient() && e.getValue() != null) {
            go(presenter.filters().at(e.getValue()));
          }
        });
    Div bar = Parts.box("sb-filters", gateway);
    bar.add(choice(Filters.LAST, "Time", List.of("5m", "15m", "1h", "6h", "24h"), false));
    bar.add(choice("model", "Model", presenter.models(), true));
    bar.add(choice("class", "Service class", presenter.classes(), true));
    bar.add(choice("outcome", "Outcome", OUTCOMES, true));
    bar.add(choice("replica", "Replica", presenter.replicas(), true));
    bar.add(field("min_ms", "At least ms", "[0-9]{0,9}"));
    bar.add(field("waited_for", "Waited for stage.rank", "([0-9]{1,4}\\.[0-9]{1,4})?"));
    bar.add(field("tenant", "Tenant", ""));
    bar.add(field("trace_id", "Trace id", ""));
    bar.add(missed);
    bar.add(new Button("Clear", _ -> go(new Filters(presenter.filters().gateway(), Map.of()))));
    return bar;
  }

  private ComboBox<String> choice(String name, String label, List<String> items, boolean others) {
    ComboBox<String> box = new ComboBox<>(label);
    box.setItems(items);
    box.setAllowCustomValue(others);
    box.setClearButtonVisible(true);
    box.setWidth("132px");
    box.setPlaceholder("any");
    box.addCustomValueSetListener(e -> change(name, e.getDetail()));
    box.addValueChangeListener(e -> change(name, e.getValue() == null ? "" : e.getValue()));
    choices.put(name, box);
    return box;
  }

  private TextField field(String name, String label, String pattern) {
    TextField field = new TextField(label);
    field.setWidth("132px");
    field.setPlaceholder("any");
    field.setMaxLength(128);
    if (!pattern.isEmpty()) {
      field.setPattern(pattern);
    }
    field.addValueChangeListener(
        e -> {
          if (!field.isInvalid()) {
            change(name, e.getValue());
          }
        });
    fields.put(name, field);
    return field;
  }

  private void change(String name, String value) {
    if (!filling && !presenter.filters().get(name).equals(value.strip())) {
      go(presenter.filters().with(name, value));
    }
  }

  private void go(Filters wanted) {
    String only = presenter.gateways().size() == 1 ? presenter.gateways().getFirst() : "";
    getUI().ifPresent(ui -> ui.navigate("requests", QueryParameters.simple(wanted.address(only))));
  }

  @Override
  public void beforeEnter(BeforeEnterEvent event) {
    Paths.keepGateway(event, presenter.filters().gateway());
  }

  @Override
  public void afterNavigation(AfterNavigationEvent event) {
    Map<String, List<String>> parameters = event.getLocation().getQueryParameters().getParameters();
    String at =
        parameters.getOrDefault("gateway", List.of(presenter.filters().gateway())).getFirst();
    presenter.filter(Filters.of(at, parameters));
    filling = true;
    gateway.setValue(at);
    choices.forEach((name, box) -> box.setValue(orNull(presenter.filters().get(name))));
    fields.forEach((name, field) -> field.setValue(presenter.filters().get(name)));
    missed.setValue(!presenter.filters().get("slo").isEmpty());
    tailing.setValue(!presenter.filters().get(Filters.TAIL).isEmpty());
    filling = false;
    endTail();
    beginTail();
    shown = List.of();
    if (tail == null) {
      running.show(presenter);
      show();
    } else {
      // What ends is to have the page's height.
      running.setVisible(false);
      showTail(tail.shown());
    }
  }

  private void beginTail() {
    live.setVisible(!tailing.getValue());
    tailLine.setVisible(tailing.getValue());
    if (tailing.getValue() && isAttached()) {
      tail = presenter.tail(this::changed);
      if (tail != null) {
        tail.start();
      }
    }
  }

  private void endTail() {
    if (tail != null) {
      tail.close();
    }
    tail = null;
    tailShown = null;
  }

  @Override
  protected void onAttach(AttachEvent event) {
    super.onAttach(event);
    if (tail == null) {
      beginTail();
    }
  }

  @Override
  protected void onDetach(DetachEvent event) {
    endTail();
    super.onDetach(event);
  }

  private static @Nullable String orNull(String text) {
    return text.isEmpty() ? null : text;
  }

  private void columns() {
    text("UTC", row -> Format.clock(row.accepted()), "82px");
    grid.addColumn(Cells.badge(RequestsView::outcome))
        .setHeader("Outcome")
        .setWidth("104px")
        .setFlexGrow(0);
    grid.addColumn(Cells.link(RequestsView::path, row -> Format.shortId(row.id())))
        .setHeader("Request")
        .setWidth("86px")
        .setFlexGrow(0);
    grid.addColumn(RequestRow::model).setHeader("Model").setWidth("136px").setFlexGrow(3);
    grid.addColumn(RequestRow::serviceClass).setHeader("Class").setWidth("86px").setFlexGrow(1);
    grid.addColumn(RequestRow::tenant).setHeader("Tenant").setWidth("72px").setFlexGrow(1);
    text("Replica", RequestRow::replica, "66px");
    number("First token", row -> Format.millis(row.ttftMs()), "86px");
    number("Per token", row -> Format.millis(row.tpotMs()), "80px");
    number("Wall time", row -> Format.millis(row.wallMs()), "80px");
    number(
        "Tokens",
        row -> Format.number(row.promptTokens()) + " → " + Format.number(row.completionTokens()),
        "82px");
  }

  private void text(String header, Function<RequestRow, String> text, String width) {
    grid.addColumn(text::apply).setHeader(header).setWidth(width).setFlexGrow(0);
  }

  private void number(String header, Function<RequestRow, String> text, String width) {
    grid.addColumn(text::apply)
        .setHeader(header)
        .setTextAlign(ColumnTextAlign.END)
        .setWidth(width)
        .setFlexGrow(0);
  }

  private static String path(RequestRow row) {
    return Paths.request(row.gateway(), row.id());
  }

  private static Cells.State outcome(RequestRow row) {
    if (row.missed() && row.outcome().equals("ok")) {
      return new Cells.State(Tone.WARN, "Late");
    }
    String word = Badge.word(row.outcome());
    String text = row.status() == 200 ? word : word + " " + row.status();
    boolean refused = row.status() >= 400 && row.status() < 500;
    return new Cells.State(refused ? Tone.WARN : Tone.ofOutcome(row.outcome()), text);
  }

  @Override
  protected void refresh() {
    Tail now = tail;
    if (now != null) {
      showTail(now.shown());
      return;
    }
    running.show(presenter);
    if (live.getValue() || shown.isEmpty()) {
      show();
    }
  }

  private void show() {
    List<RequestRow> rows = presenter.rows();
    more.setVisible(presenter.hasMore());
    Parts.set(
        line,
        presenter.asked()
            ? rows.size()
                + (rows.size() == 1 ? " request" : " requests")
                + (presenter.hasMore() || presenter.cut() ? ", the newest" : "")
            : presenter.failure() == null ? "Loading" : "Not read");
    if (!rows.equals(shown)) {
      shown = new ArrayList<>(rows);
      grid.setItems(shown);
    }
    grid.setVisible(!rows.isEmpty());
    Parts.fit(grid, rows.size(), height);
    String failure = presenter.failure();
    if (failure != null) {
      Parts.only(state, Parts.failure("The requests cannot be read", failure));
    } else if (rows.isEmpty() && presenter.asked()) {
      Parts.only(
          state,
          Parts.empty("search", "No request", "None that the gateway remembers is like that."));
    } else if (presenter.cut()) {
      Parts.only(state, Parts.text("sb-muted", "Older ones are not shown: narrow the filters."));
    } else {
      Parts.only(state);
    }
  }

  /** At most four times a second, since the tail tells no more often. */
  private void showTail(Tail.Shown now) {
    if (now.equals(tailShown)) {
      return;
    }
    tailShown = now;
    more.setVisible(false);
    shown = new ArrayList<>(now.rows());
    grid.setItems(shown);
    grid.setVisible(!shown.isEmpty());
    Parts.fit(grid, shown.size(), height);
    Parts.set(line, shown.size() + " of the newest, as they end");
    Parts.set(tailLine, now.words());
    String failure = now.failure();
    if (failure != null) {
      Parts.only(state, Parts.failure("The tail is lost and tried again", failure));
    } else if (shown.isEmpty()) {
      Parts.only(state, Parts.empty("live", "Listening", "No such request has ended since."));
    } else {
      Parts.only(state);
    }
  }

  private void showAllRows() {
    height = "calc(100vh - 300px)";
    Parts.fit(grid, shown.size(), height);
  }

  private void loadMore() {
    try {
      presenter.more();
      show();
    } catch (ApiFailure e) {
      Toast.failed(e.sentence());
    }
  }
}
