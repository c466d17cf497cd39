package dev.switchboard.console.replica;

import com.vaadin.flow.component.Component;
import com.vaadin.flow.component.button.Button;
import com.vaadin.flow.component.html.Div;
import com.vaadin.flow.component.html.H1;
import com.vaadin.flow.component.html.Pre;
import com.vaadin.flow.component.html.Span;
import com.vaadin.flow.component.select.Select;
import com.vaadin.flow.component.textfield.NumberField;
import com.vaadin.flow.data.value.ValueChangeMode;
import com.vaadin.flow.router.BeforeEnterEvent;
import com.vaadin.flow.router.BeforeEnterObserver;
import com.vaadin.flow.router.HasDynamicTitle;
import com.vaadin.flow.router.NotFoundException;
import com.vaadin.flow.router.Route;
import dev.switchboard.console.action.Change;
import dev.switchboard.console.action.Remake;
import dev.switchboard.console.api.Role;
import dev.switchboard.console.auth.Person;
import dev.switchboard.console.live.History;
import dev.switchboard.console.live.LiveGateway;
import dev.switchboard.console.live.Ring;
import dev.switchboard.console.ui.ActionDialog;
import dev.switchboard.console.ui.Badge;
import dev.switchboard.console.ui.Format;
import dev.switchboard.console.ui.GatewayState;
import dev.switchboard.console.ui.HeatMap;
import dev.switchboard.console.ui.Icon;
import dev.switchboard.console.ui.Lanes;
import dev.switchboard.console.ui.LineChart;
import dev.switchboard.console.ui.LiveView;
import dev.switchboard.console.ui.MainLayout;
import dev.switchboard.console.ui.Needs;
import dev.switchboard.console.ui.Parts;
import dev.switchboard.console.ui.Paths;
import dev.switchboard.console.ui.PlainTable;
import dev.switchboard.console.ui.Services;
import dev.switchboard.console.ui.SpanChoice;
import dev.switchboard.console.ui.StatTile;
import dev.switchboard.console.ui.Tone;
import dev.switchboard.console.ui.Visit;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.DoubleFunction;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;

/** One replica: ranks, steps, load, log, and what can be done with it. */
@Route(value = "replicas/:gateway/:replica", layout = MainLayout.class)
@Needs(Role.VIEWER)
public final class ReplicaView extends LiveView implements BeforeEnterObserver, HasDynamicTitle {
  private static final double SHARE = 100;
  private static final int REQUESTS_SHOWN = 20;

  private final Span line = Parts.text("sb-muted", "");
  private final Badge badge = new Badge(Tone.IDLE, "");
  private final H1 title = new H1();
  private final Div crumbs = Parts.box("sb-crumbs");
  private final Div actions = Parts.box("sb-head-actions");
  private final Div notices = Parts.box("sb-stack");
  private final Div slowRanks = Parts.box("sb-stack");
  private final Div drain = Parts.box("sb-facts");
  private final Div blockers = Parts.box("sb-stack");
  private final Div drainCard = Parts.card("Drain", drain, blockers);
  private final StatTile inFlight = new StatTile("In flight");
  private final StatTile running = new StatTile("In the batch");
  private final StatTile kv = new StatTile("KV blocks used");
  private final StatTile prefix = new StatTile("Prefix hits");
  private final StatTile tokens = new StatTile("Tokens generated");
  private final StatTile steps = new StatTile("Steps");
  private final Select<Metric> metric = new Select<>();
  private final Span metricAbout = Parts.text("sb-muted sb-small", "");
  private final HeatMap heat = new HeatMap();
  private final PlainTable heatTable =
      new PlainTable(
          "Stage",
          "Rank",
          "Skew",
          "Compute",
          "Waiting",
          "Off-CPU",
          "Late",
          "Bandwidth",
          "Heartbeat",
          "");
  private final Lanes lanes = new Lanes();
  private final PlainTable laneTable =
      new PlainTable("Step", "Time", "Requests", "Prompt tokens", "Generated", "Off-CPU before");
  private final Div noRanks = Parts.box("sb-stack");
  private final Div ranksBody = Parts.box("sb-stack");
  private final LineChart load = new LineChart("Sequences", "");
  private final LineChart output = new LineChart("Tokens per second", "/s");
  private final Div facts = Parts.box("sb-facts");
  private final Div device = Parts.box("sb-facts");
  private final Div noDevice =
      Parts.empty("info", "Nothing is known of its device", "Only workers tell what they have.");
  private final SpanChoice span = new SpanChoice(_ -> spanChosen());
  private final Span chartsNote = Parts.text("sb-muted sb-small", "");
  private final Pre log = new Pre();
  private @Nullable ReplicaPresenter presenter;
  private @Nullable LiveGateway gateway;
  private String name = "";
  private List<ReplicaPresenter.Command> offered = List.of();
  private List<Forecast.Request> blockersShown = List.of();
  private Map<String, String> factsShown = Map.of();
  private Map<String, String> deviceShown = Map.of();

  public ReplicaView() {
    metric.setItems(Metric.values());
    metric.setItemLabelGenerator(Metric::title);
    metric.setValue(Metric.SKEW);
    metric.setAriaLabel("What the colour shows");
    metric.addValueChangeListener(_ -> refresh());
    log.addClassName("sb-log");
    log.getElement().setAttribute("tabindex", "0");
    ranksBody.add(metricAbout, heat, heatTable.folded("Table of ranks"));
    chartsNote.setVisible(false);
    Div names = Parts.box("sb-head-names", crumbs, Parts.box("sb-head-title", title, badge), line);
    add(
        Parts.box("sb-head", names, actions),
        notices,
        slowRanks,
        drainCard,
        Parts.box("sb-tiles", inFlight, running, kv, prefix, tokens, steps));
    Div ranks =
        Parts.box(
            "sb-body",
            Parts.card("Stages × ranks", metric, new Div[] {noRanks, ranksBody}),
            Parts.card(
                "Latest steps", legend(), new Div[] {lanes, laneTable.folded("Table of steps")}));
    Div rest =
        Parts.box(
            "sb-body",
            Parts.box("sb-row", span, chartsNote),
            Parts.box(
                "sb-halves",
                Parts.card("Sequences", load),
                Parts.card("Tokens per second", output)),
            Parts.box(
                "sb-halves",
                Parts.card("Device", device, noDevice),
                Parts.card("About this replica", facts)),
            Parts.card("Log", log));
    next(() -> add(ranks));
    next(() -> add(rest));
  }

  private static Div legend() {
    return Parts.box(
        "sb-legend",
        Parts.text("sb-kind-compute", "compute"),
        Parts.text("sb-kind-wait", "waiting"),
        Parts.text("sb-kind-off", "off-CPU"),
        Parts.text("sb-kind-network", "other"));
  }

  @Override
  public void beforeEnter(BeforeEnterEvent event) {
    String at = Paths.parameter(event, "gateway");
    name = Paths.parameter(event, "replica");
    gateway = Services.get().gateways().find(at).orElse(null);
    if (gateway == null) {
      event.rerouteToError(NotFoundException.class);
      return;
    }
    presenter = new ReplicaPresenter(gateway, name, Services.get().clock());
    title.setText(name);
    crumbs.removeAll();
    crumbs.add(Parts.link("/", "Fleet"), new Span("/"), new Span(at));
    // From one replica to another the view stays: what the charts have is of the one before.
    load.clear();
    output.clear();
    if (isAttached()) {
      refresh();
    }
  }

  @Override
  public String getPageTitle() {
    return name + " · Switchboard";
  }

  @Override
  protected void refresh() {
    ReplicaPresenter known = presenter;
    LiveGateway at = gateway;
    if (known == null || at == null) {
      return;
    }
    badge.show(tone(known), known.word());
    Parts.set(
        line, known.replica().isPresent() ? known.about() : "The gateway knows no such replica");
    showNotices(known, at);
    showActions(known);
    showDrain(known);
    showTiles(known);
    showRanks(known);
    showCharts(known);
    showFacts(known.facts());
    showDevice(known.device());
    Parts.set(log, known.log());
  }

  private static Tone tone(ReplicaPresenter known) {
    if (known.held()) {
      return Tone.WARN;
    }
    return known.state().isEmpty() ? Tone.IDLE : Tone.ofReplica(known.state());
  }

  private void showNotices(ReplicaPresenter known, LiveGateway at) {
    List<Component> lines = new ArrayList<>();
    if (!at.snapshot().reached()) {
      lines.add(
          notice(
              Tone.BAD,
              at.name()
                  + ": "
                  + GatewayState.words(at)
                  + ". What stands here is what it last told."));
    }
    Parts.only(notices, lines.toArray(Component[]::new));
    showSlow(known.slow(), at);
  }

  /** Each stays the same component, since somebody may be about to press what is in it. */
  private void showSlow(List<ReplicaPresenter.Slow> slow, LiveGateway at) {
    while (slowRanks.getComponentCount() < slow.size()) {
      slowRanks.add(new SlowRank());
    }
    while (slowRanks.getComponentCount() > slow.size()) {
      slowRanks.remove(slowRanks.getComponentAt(slow.size()));
    }
    for (int i = 0; i < slow.size(); i++) {
      ((SlowRank) slowRanks.getComponentAt(i)).show(at.name(), name, slow.get(i));
    }
    slowRanks.setVisible(!slow.isEmpty());
  }

  private static Div notice(Tone tone, String text) {
    return Parts.box("sb-notice " + tone.className(), new Icon("alert"), new Span(text));
  }

  private void showActions(ReplicaPresenter known) {
    List<ReplicaPresenter.Command> now = known.commands();
    if (now.equals(offered)) {
      return;
    }
    offered = now;
    actions.removeAll();
    boolean may = Visit.person().filter(p -> p.role().includes(Role.OPERATOR)).isPresent();
    for (ReplicaPresenter.Command command : now) {
      Button button = Parts.button(command.icon(), command.title(), () -> ask(command));
      button.setEnabled(may);
      if (!may) {
        button.setTooltipText("Takes the role operator");
      }
      actions.add(button);
    }
  }

  private void ask(ReplicaPresenter.Command command) {
    Person person = Visit.person().orElse(null);
    ReplicaPresenter known = presenter;
    LiveGateway at = gateway;
    if (person == null || known == null || at == null) {
      return;
    }
    if (command == ReplicaPresenter.Command.WEIGHT) {
      weigh(known, at);
      return;
    }
    var change = known.change(command, person);
    boolean empties =
        command == ReplicaPresenter.Command.DRAIN || command == ReplicaPresenter.Command.RESTART;
    Div there = Parts.box("sb-blockers");
    Runnable show = () -> requests(there, at, empties ? known.planned() : List.of());
    show.run();
    Change asked = remade(change, show);
    new ActionDialog(at, () -> asked, _ -> refresh(), there).open();
  }

  /** The same, after which something is shown each time that it was made again. */
  private static Change remade(Change change, Runnable show) {
    Remake remake = change.remake();
    if (remake == null) {
      return change;
    }
    return change.remadeBy(
        now -> {
          Change again = remake.change(now);
          show.run();
          return remade(again, show);
        });
  }

  /** Lists requests, each with what becomes of it, linked. */
  private static void requests(Div list, LiveGateway at, List<Forecast.Request> requests) {
    list.removeAll();
    list.setVisible(!requests.isEmpty());
    for (Forecast.Request r : requests.subList(0, Math.min(REQUESTS_SHOWN, requests.size()))) {
      list.add(
          Parts.box(
              "sb-blocker",
              Parts.link(Paths.request(at.name(), r.id()), Format.shortId(r.id())),
              new Span(r.fate()),
              Parts.text("sb-muted sb-small", r.about())));
    }
    int more = requests.size() - REQUESTS_SHOWN;
    if (more > 0) {
      list.add(Parts.text("sb-muted sb-small", "and " + more + " more"));
    }
  }

  private void weigh(ReplicaPresenter known, LiveGateway at) {
    NumberField weight = new NumberField("Weight");
    weight.setMin(0);
    weight.setMax(1000);
    weight.setValue(known.number("weight"));
    weight.setHelperText("0 to 1000; 0 keeps new requests away");
    weight.setValueChangeMode(ValueChangeMode.EAGER);
    DoubleFunction<Change> weighing = known.weighing();
    ActionDialog dialog =
        new ActionDialog(
            at,
            () -> weighing.apply(weight.getValue() == null ? 1 : weight.getValue()),
            _ -> refresh(),
            weight);
    weight.addValueChangeListener(_ -> dialog.update());
    dialog.open();
  }

  private void showDrain(ReplicaPresenter known) {
    JsonNode d = known.drain();
    boolean goesOn = known.state().equals("DRAINING");
    drainCard.setVisible(d != null && (goesOn || known.state().equals("DRAINED")));
    if (d == null || !drainCard.isVisible()) {
      return;
    }
    List<Component> told = new ArrayList<>();
    told.add(count(d, "Remaining", "remaining"));
    told.add(count(d, "Finished here", "finished_in_place"));
    told.add(count(d, "Moved to another worker", "migrated"));
    told.add(count(d, "Begun anew elsewhere", "restarted"));
    told.add(count(d, "Broken", "broken"));
    told.add(millis(d, "Longest pause", "longest_pause_ms"));
    told.add(millis(d, "Time", "duration_ms"));
    if (goesOn && d.path("expected_ms").isNumber()) {
      told.add(millis(d, "Empty in about", "expected_ms"));
    }
    Parts.only(drain, told.toArray(Component[]::new));
    showBlockers(goesOn ? Forecast.requests(d.path("remaining_requests")) : List.of());
  }

  private void showBlockers(List<Forecast.Request> now) {
    LiveGateway at = gateway;
    if (at != null && !now.equals(blockersShown)) {
      blockersShown = now;
      blockers.removeAll();
      if (!now.isEmpty()) {
        blockers.add(Parts.text("sb-muted sb-small", "Still there, the longest first"));
        Div list = Parts.box("sb-blockers");
        requests(list, at, now);
        blockers.add(list);
      }
    }
  }

  private static Div count(JsonNode d, String label, String field) {
    return Parts.fact(label, d.path(field).asInt(0) + " of " + d.path("requests").asInt(0));
  }

  private static Div millis(JsonNode d, String label, String field) {
    return Parts.fact(label, Format.millis(d.path(field).asDouble(0)));
  }

  private void showTiles(ReplicaPresenter known) {
    show(
        inFlight,
        Format.number(known.number("in_flight")),
        "",
        "of this gateway",
        known.history("in_flight"));
    show(
        running,
        Format.number(known.reported("running")),
        "sequences",
        "waiting: " + Format.number(known.reported("waiting")),
        known.history("running"));
    double used = known.reported("kv_blocks_used");
    double all = used + known.reported("kv_blocks_free") + known.reported("kv_blocks_cached");
    show(
        kv,
        percent(used / all),
        "%",
        "cached: "
            + Format.number(known.reported("kv_blocks_cached"))
            + ", evicted: "
            + Format.number(known.reported("kv_evictions")),
        known.history("kv"));
    double looked = known.reported("prefix_lookup_tokens");
    show(
        prefix,
        percent(known.reported("prefix_hit_tokens") / looked),
        "%",
        "of " + Format.number(looked) + " prompt tokens",
        known.history("prefix_hit"));
    show(
        tokens,
        Format.number(known.minute("tokens_completion")),
        "/s",
        "mean of the last minute",
        known.history("tokens_completion"));
    show(
        steps,
        Format.number(known.minute("steps")),
        "/s",
        "mean of the last minute",
        known.history("steps"));
  }

  private static String percent(double share) {
    return Double.isNaN(share)
        ? Format.NONE
        : share == 0 ? "0" : String.format(Locale.ROOT, "%.1f", share * SHARE);
  }

  private static void show(StatTile tile, String number, String unit, String note, float[] points) {
    tile.show(number, unit, note);
    tile.history(points);
  }

  private void showRanks(ReplicaPresenter known) {
    Ranks ranks = known.ranks();
    String why = known.whyNoRanks();
    boolean has = ranks.stages() > 0;
    ranksBody.setVisible(has);
    if (!has) {
      Parts.only(
          noRanks,
          why == null
              ? Parts.empty("loader", "Asking the worker", "Its state comes in a moment.")
              : Parts.failure("Nothing is known of its ranks", why));
      return;
    }
    Parts.only(noRanks);
    Metric wanted = metric.getValue();
    Parts.set(metricAbout, wanted.title() + ": " + wanted.about() + ".");
    heat.show(ranks.map(wanted));
    heatTable.show(ranks.table());
    Ranks.Picture picture = ranks.lanes();
    lanes.show("Latest steps", picture.rows(), picture.totalUs(), picture.bars());
    laneTable.show(ranks.stepTable());
  }

  private void spanChosen() {
    load.clear();
    output.clear();
    refresh();
  }

  /** What Prometheus has of a replica of that name. */
  private void showLonger() {
    String which = "replica=" + History.quoted(name);
    String failure =
        span.show(
            load, List.of(sequences("running", "1", which), sequences("waiting", "4", which)));
    String other =
        span.show(
            output,
            List.of(
                tokens("generated", "1", which, "completion"),
                tokens("read", "3", which, "prompt")));
    String why = failure.isEmpty() ? other : failure;
    Parts.set(
        chartsNote,
        why.isEmpty()
            ? "The charts are of Prometheus, " + span.getValue().title()
            : "Prometheus does not answer: " + why);
  }

  private static SpanChoice.Asked sequences(String state, String tone, String which) {
    return new SpanChoice.Asked(
        state, tone, "sum(switchboard_replica_sequences{" + which + ",state=\"" + state + "\"})");
  }

  private static SpanChoice.Asked tokens(String name, String tone, String which, String direction) {
    return new SpanChoice.Asked(
        name,
        tone,
        "sum(rate(switchboard_replica_tokens_total{"
            + which
            + ",direction=\""
            + direction
            + "\"}[RATE]))");
  }

  private void showCharts(ReplicaPresenter known) {
    chartsNote.setVisible(span.longer());
    if (span.longer()) {
      showLonger();
      return;
    }
    long at = known.newestSeconds();
    load.show(
        at,
        Ring.STEP_SECONDS,
        List.of(
            new LineChart.Line("running", "1", known.history("running")),
            new LineChart.Line("waiting", "4", known.history("waiting"))));
    output.show(
        at,
        Ring.STEP_SECONDS,
        List.of(
            new LineChart.Line("generated", "1", known.history("tokens_completion")),
            new LineChart.Line("read", "3", known.history("tokens_prompt"))));
  }

  private void showDevice(Map<String, String> now) {
    noDevice.setVisible(now.isEmpty());
    if (!now.equals(deviceShown)) {
      deviceShown = now;
      device.removeAll();
      now.forEach((fact, value) -> device.add(Parts.fact(fact, value)));
    }
  }

  private void showFacts(Map<String, String> now) {
    if (!now.equals(factsShown)) {
      factsShown = now;
      facts.removeAll();
      now.forEach((fact, value) -> facts.add(Parts.fact(fact, value)));
    }
  }
}
