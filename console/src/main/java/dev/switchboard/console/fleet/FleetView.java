package dev.switchboard.console.fleet;

import com.vaadin.flow.component.Component;
import com.vaadin.flow.component.button.Button;
import com.vaadin.flow.component.grid.ColumnTextAlign;
import com.vaadin.flow.component.html.Div;
import com.vaadin.flow.component.html.Span;
import com.vaadin.flow.component.treegrid.TreeGrid;
import com.vaadin.flow.data.provider.hierarchy.TreeData;
import com.vaadin.flow.data.renderer.LitRenderer;
import com.vaadin.flow.router.AfterNavigationEvent;
import com.vaadin.flow.router.AfterNavigationObserver;
import com.vaadin.flow.router.PageTitle;
import com.vaadin.flow.router.Route;
import dev.switchboard.console.api.Role;
import dev.switchboard.console.live.History;
import dev.switchboard.console.live.Ring;
import dev.switchboard.console.ui.Badge;
import dev.switchboard.console.ui.Cells;
import dev.switchboard.console.ui.Format;
import dev.switchboard.console.ui.Icon;
import dev.switchboard.console.ui.LiveView;
import dev.switchboard.console.ui.MainLayout;
import dev.switchboard.console.ui.Meter;
import dev.switchboard.console.ui.Needs;
import dev.switchboard.console.ui.Parts;
import dev.switchboard.console.ui.Paths;
import dev.switchboard.console.ui.Services;
import dev.switchboard.console.ui.SpanChoice;
import dev.switchboard.console.ui.Spark;
import dev.switchboard.console.ui.StatTile;
import dev.switchboard.console.ui.TimeSlider;
import dev.switchboard.console.ui.Tone;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;

/** All gateways, their models and replicas; what changed; the last hour. */
@Route(value = "", layout = MainLayout.class)
@PageTitle("Fleet · Switchboard")
@Needs(Role.VIEWER)
public final class FleetView extends LiveView implements AfterNavigationObserver {
  private static final int RECENT_EVENTS_MAX = 60;

  /** With the page; the others come when it is shown anew, so that no task makes all of it. */
  private static final int RECENT_EVENTS_FIRST = 15;

  /** More rows than these scroll: the browser would draw each of them. */
  private static final int FEW_ROWS = 40;

  private static final String MANY_ROWS_HEIGHT = "640px";

  /** Of the first rows, which come in a message of their own. */
  private static final String FIRST_ROWS_HEIGHT = "240px";

  /** A screen of them: the page makes the rows of one answer in one task. */
  private static final int ROWS_AT_ONCE = 20;

  private static final int SPARK_POINTS = 60;

  /** How far back the charts go, in the address. */
  private static final String SPAN = "span";

  private final FleetPresenter presenter =
      new FleetPresenter(Services.get().gateways(), Services.get().clock());
  private final Span line = Parts.text("sb-head-line", "");
  private final Div nothing = Parts.box("sb-card");
  private final Div body = Parts.box("sb-body");
  private final StatTile requests = new StatTile("Requests");
  private final StatTile errors = new StatTile("Errors");
  private final StatTile ttft = new StatTile("First token, p95");
  private final StatTile tpot = new StatTile("Per token, p95");
  private final StatTile tokens = new StatTile("Tokens generated");
  private final StatTile inFlight = new StatTile("In flight");
  private final TreeGrid<FleetNode> tree = new TreeGrid<>();
  private final Div table = Parts.box("sb-table");
  private final TreeData<FleetNode> data = new TreeData<>();
  private final Div recentEvents = Parts.box("sb-events");
  private final Div slos = Parts.box("sb-slos");
  private Map<FleetNode, FleetRow> rows = Map.of();
  private List<EventLine> shown = List.of();
  private Map<FleetPresenter.SloRow, String> slosShown = Map.of();
  private List<String> shape = List.of();
  private final Map<FleetNode, FleetRow> ranksShown = new HashMap<>();
  private final TimeSlider time = new TimeSlider(this::timeChosen);
  private final Button now = new Button("Back to now", _ -> nowChosen());
  private final Div past =
      Parts.box(
          "sb-notice " + Tone.WARN.className(),
          new Icon("alert"),
          new Span(
              "This was earlier: numbers from the console's own points, states as far as events"
                  + " tell."),
          now);
  private long at;

  /** Of the table, where it has many rows. */
  private String height = FIRST_ROWS_HEIGHT;

  private final SpanChoice span = new SpanChoice(_ -> spanChosen());
  private final FleetCharts charts = new FleetCharts(presenter, span);

  public FleetView() {
    columns();
    tree.setTreeData(data);
    tree.getElement().setAttribute("aria-label", "Gateways, models and replicas");
    tree.addThemeNames("no-border");
    tree.setPageSize(ROWS_AT_ONCE);
    tree.addItemClickListener(click -> open(click.getItem()));
    Div tiles = Parts.box("sb-tiles", requests, errors, ttft, tpot, tokens, inFlight);
    Div topology = Parts.card("Gateways, models, replicas", table);
    next(() -> table.add(tree));
    next(this::showAllRows);
    next(this::showClasses);
    Div right =
        Parts.box(
            "sb-stack",
            Parts.card("Error budget of the last hour", slos),
            Parts.card("What changed in the last hour", recentEvents));
    body.add(tiles, topology, Parts.box("sb-columns", charts, right));
    past.setVisible(false);
    add(Parts.head("Fleet", line, span, time), past, nothing, body);
  }

  /** Shows how it was so many seconds ago; 0 for now. */
  private void timeChosen(long secondsAgo) {
    at = secondsAgo == 0 ? 0 : Services.get().clock().instant().getEpochSecond() - secondsAgo;
    presenter.at(at);
    past.setVisible(at > 0);
    charts.again();
    refresh();
  }

  private void spanChosen() {
    charts.clear();
    getUI()
        .ifPresent(
            ui ->
                ui.getPage()
                    .getHistory()
                    .replaceState(
                        null, span.longer() ? "?" + SPAN + "=" + span.getValue().word() : "."));
    refresh();
  }

  @Override
  public void afterNavigation(AfterNavigationEvent event) {
    span.setValue(
        History.Span.of(
            event.getLocation().getQueryParameters().getSingleParameter(SPAN).orElse("")));
  }

  private void nowChosen() {
    time.choose(0);
  }

  private void columns() {
    tree.addColumn(name()).setHeader("Name").setFlexGrow(3).setWidth("178px");
    tree.addColumn(Cells.badge(this::state)).setHeader("State").setFlexGrow(2).setWidth("150px");
    number("In flight", row -> Format.number(row.inFlight()), "66px");
    number("Running", row -> Format.number(row.running()), "66px");
    number("Waiting", row -> Format.number(row.waiting()), "66px");
    tree.addColumn(Cells.meter(node -> row(node).kv(), FleetView::kvTone))
        .setHeader("KV used")
        .setWidth("84px")
        .setFlexGrow(1);
    tree.addColumn(Cells.badge(node -> headroom(row(node).headroom())))
        .setHeader("SLO headroom")
        .setWidth("112px")
        .setFlexGrow(1);
    number("Prefix hits", row -> Format.percent(row.prefixHit()), "76px");
    number("Weight", row -> Format.number(row.weight()), "60px");
    number("Ranks", FleetRow::ranks, "54px");
    tree.addColumn(Cells.spark(node -> Spark.thin(row(node).tokens(), SPARK_POINTS)))
        .setHeader("Tokens/s")
        .setWidth("70px")
        .setFlexGrow(1);
  }

  private void number(String header, Function<FleetRow, String> text, String width) {
    tree.addColumn(node -> Format.blankForNone(text.apply(row(node))))
        .setHeader(header)
        .setTextAlign(ColumnTextAlign.END)
        .setWidth(width)
        .setFlexGrow(0);
  }

  private FleetRow row(FleetNode node) {
    FleetRow row = node.isRank() ? presenter.rankRow(node) : rows.get(node);
    return row == null ? FleetRow.bare(node, "", Tone.IDLE, "Gone", "") : row;
  }

  /** As the tree's own column of names, whose names are no links. */
  private LitRenderer<FleetNode> name() {
    return LitRenderer.<FleetNode>of(
            """
            <vaadin-grid-tree-toggle @click=${event => !item.parent || event.target.localName === 'a' || turn(event)} .leaf=${!item.parent} .expanded=${live(model.expanded)} .level=${model.level}>\
            ${item.href ? html`<a href=${item.href}>${item.name}</a>` : html`<span class="sb-cell-group">${item.name}</span>`}\
            </vaadin-grid-tree-toggle>""")
        .withProperty("parent", node -> !data.getChildren(node).isEmpty())
        .withProperty("href", this::href)
        .withProperty("name", node -> row(node).name())
        .withFunction("turn", this::turn);
  }

  private void turn(FleetNode node) {
    if (tree.isExpanded(node)) {
      tree.collapse(node);
    } else {
      tree.expand(node);
    }
  }

  private String href(FleetNode node) {
    return node.isReplica() || node.isRank() ? Paths.replica(node.gateway(), node.replica()) : "";
  }

  private Cells.State state(FleetNode node) {
    FleetRow row = row(node);
    return new Cells.State(row.tone(), row.state(), row.about());
  }

  private static Tone kvTone(double share) {
    return share > 0.95 ? Tone.BAD : share > 0.8 ? Tone.WARN : Tone.BUSY;
  }

  /** What nine in ten requests of the last minutes left of their targets. */
  static Cells.State headroom(double share) {
    if (Double.isNaN(share)) {
      return new Cells.State(Tone.IDLE, "");
    }
    Tone tone = share < 0 ? Tone.BAD : share < 0.1 ? Tone.WARN : Tone.GOOD;
    String percent = Format.percent(Math.rint(Math.abs(share) * 100) / 100);
    return new Cells.State(
        tone,
        percent + (share < 0 ? " over" : " left"),
        share < 0
            ? "One in ten requests of the last 10 minutes exceeded its target by this or more"
            : "Nine in ten requests of the last 10 minutes stayed below their targets by this");
  }

  private void open(FleetNode node) {
    if (node.isReplica() || node.isRank()) {
      getUI().ifPresent(ui -> ui.navigate(Paths.replica(node.gateway(), node.replica())));
    }
  }

  @Override
  protected void refresh() {
    boolean knows = presenter.knowsAnything();
    body.setVisible(knows);
    nothing.setVisible(!knows);
    if (!knows) {
      nothing.removeAll();
      nothing.add(Parts.failure("No gateway answers yet", presenter.whyNothing()));
      return;
    }
    Parts.set(line, presenter.line());
    time.say(at, Services.get().clock().instant());
    showTree(presenter.rows());
    showTiles();
    showRecentEvents(
        presenter.recentEvents(shown.isEmpty() ? RECENT_EVENTS_FIRST : RECENT_EVENTS_MAX));
    showSlos(presenter.slos());
    charts.show();
  }

  private void showTree(Map<FleetNode, FleetRow> now) {
    Map<FleetNode, FleetRow> before = rows;
    rows = now;
    List<String> shapeNow =
        now.values().stream().map(row -> row.node() + " " + row.ranks()).toList();
    if (!shape.equals(shapeNow)) {
      shape = new ArrayList<>(shapeNow);
      boolean few = now.size() <= FEW_ROWS;
      tree.setAllRowsVisible(few);
      tree.setHeight(few ? null : height);
      table.setMinHeight(few ? null : MANY_ROWS_HEIGHT);
      data.clear();
      now.keySet().forEach(this::place);
      ranksShown.keySet().removeIf(rank -> !data.contains(rank));
      tree.getDataProvider().refreshAll();
      tree.expandRecursively(data.getRootItems(), 1);
      return;
    }
    now.forEach(
        (node, row) -> {
          if (!row.equals(before.get(node))) {
            tree.getDataProvider().refreshItem(node);
          }
          if (node.isReplica() && tree.isExpanded(node)) {
            data.getChildren(node).forEach(this::showRank);
          }
        });
  }

  private void showAllRows() {
    height = MANY_ROWS_HEIGHT;
    tree.setHeight(tree.isAllRowsVisible() ? null : height);
  }

  private void showClasses() {
    charts.addClasses();
    charts.show();
  }

  private void place(FleetNode node) {
    data.addItem(parent(node), node);
    if (node.isReplica()) {
      presenter
          .ranks(node)
          .forEach(
              rank ->
                  data.addItem(
                      node, new FleetNode(node.gateway(), node.model(), node.replica(), rank)));
    }
  }

  /** Its numbers are read only while its replica is open. */
  private void showRank(FleetNode node) {
    FleetRow now = presenter.rankRow(node);
    if (!now.equals(ranksShown.put(node, now))) {
      tree.getDataProvider().refreshItem(node);
    }
  }

  /** Of how many ranks it is known what stands there. */
  int ranksShown() {
    return ranksShown.size();
  }

  private static @org.jspecify.annotations.Nullable FleetNode parent(FleetNode node) {
    if (node.isReplica()) {
      return new FleetNode(node.gateway(), node.model(), "");
    }
    return node.isGateway() ? null : FleetNode.gateway(node.gateway());
  }

  private void showTiles() {
    tile(requests, "requests", "/s", goodput("good_requests"));
    tile(tokens, "tokens_completion", "/s", goodput("good_tokens"));
    tile(inFlight, "in_flight", "", "waiting: " + Format.number(minute("queue")));
    tile(errors, "errors", "/s", share(minute("errors"), minute("requests")));
    errors.tone(minute("errors") > 0 ? Tone.BAD : Tone.GOOD);
    time(ttft, "ttft_p95", "ttft_p50");
    time(tpot, "tpot_p95", "tpot_p50");
  }

  private double minute(String what) {
    return FleetPresenter.mean(presenter.total(what, FleetPresenter.MINUTE));
  }

  /** Of requests that met all of their objectives, where the gateway counts them. */
  private String goodput(String what) {
    double good = minute(what);
    return Double.isNaN(good)
        ? "mean of the last minute"
        : "goodput " + Format.number(good) + " /s";
  }

  private static String share(double part, double all) {
    return all > 0 ? Format.percent(part / all) + " of requests" : "no requests";
  }

  private void tile(StatTile tile, String what, String unit, String note) {
    tile.show(Format.number(minute(what)), unit, note);
    tile.history(presenter.total(what, Ring.SLOTS));
  }

  private void time(StatTile tile, String high, String middle) {
    String text = Format.millis(FleetPresenter.mean(presenter.worst(high, FleetPresenter.MINUTE)));
    int space = text.indexOf(' ');
    String median =
        Format.millis(FleetPresenter.mean(presenter.worst(middle, FleetPresenter.MINUTE)));
    tile.show(
        space < 0 ? text : text.substring(0, space),
        space < 0 ? "" : text.substring(space + 1),
        "median " + median);
    tile.history(presenter.worst(high, Ring.SLOTS));
  }

  private void showRecentEvents(List<EventLine> now) {
    if (now.equals(shown) && recentEvents.getComponentCount() > 0) {
      return;
    }
    shown = now;
    recentEvents.removeAll();
    if (now.isEmpty()) {
      recentEvents.add(
          Parts.empty(
              "live", "Nothing changed", "No state, drain, reload or action in the last hour."));
    }
    boolean many = Services.get().gateways().all().size() > 1;
    for (EventLine each : now) {
      Div text = Parts.box("sb-event-line");
      sentence(each).forEach(text::add);
      if (many) {
        text.add(Parts.text("sb-muted sb-small", " " + each.gateway()));
      }
      Div row =
          Parts.box(
              "sb-event " + each.tone().className(),
              Parts.text("sb-event-time", Format.clock(each.at())),
              new Icon(each.icon()),
              text);
      recentEvents.add(row);
    }
  }

  /** The sentence, with the replica's name as a link. */
  private static List<Component> sentence(EventLine each) {
    int at = each.replica().isEmpty() ? -1 : each.text().indexOf(each.replica());
    if (at < 0) {
      return List.of(new Span(each.text()));
    }
    return List.of(
        new Span(each.text().substring(0, at)),
        Parts.link(Paths.replica(each.gateway(), each.replica()), each.replica()),
        new Span(each.text().substring(at + each.replica().length())));
  }

  private void showSlos(List<FleetPresenter.SloRow> rows) {
    Map<FleetPresenter.SloRow, String> now = new LinkedHashMap<>();
    rows.forEach(row -> now.put(row, presenter.now(row.name())));
    if (now.equals(slosShown)) {
      return;
    }
    slosShown = now;
    slos.removeAll();
    now.forEach((slo, traffic) -> slos.add(sloRow(slo, traffic)));
    if (now.isEmpty()) {
      slos.add(Parts.empty("info", "No service class", "The configuration has no slo.classes."));
    }
  }

  static Div sloRow(FleetPresenter.SloRow slo, String traffic) {
    double left = slo.budgetLeft();
    Tone tone = left < 0 ? Tone.BAD : left < 0.25 ? Tone.WARN : Tone.GOOD;
    boolean none = Double.isNaN(slo.attained());
    String about =
        none
            ? "no requests in the last hour"
            : Format.objective(slo.objective())
                + ": "
                + Format.percent(slo.attained())
                + " of "
                + Format.number(Math.rint(slo.requests()))
                + " met it, target "
                + Format.percent(slo.target());
    Badge badge =
        none
            ? new Badge(Tone.IDLE, "No traffic")
            : new Badge(tone, left < 0 ? "Budget spent" : Format.percent(left) + " left");
    Div row =
        Parts.box(
            "sb-slo",
            Parts.box("sb-row sb-between", Parts.text("sb-cell-name", slo.name()), badge),
            new Meter().tone(none ? Tone.IDLE : tone).show(none ? 0 : left, ""),
            Parts.text("sb-muted sb-small", about));
    if (!traffic.isEmpty()) {
      row.add(Parts.text("sb-muted sb-small", "Now " + traffic));
    }
    return row;
  }
}
