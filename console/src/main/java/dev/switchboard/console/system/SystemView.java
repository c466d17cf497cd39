package dev.switchboard.console.system;

import com.vaadin.flow.component.Component;
import com.vaadin.flow.component.button.Button;
import com.vaadin.flow.component.html.Div;
import com.vaadin.flow.component.html.Span;
import com.vaadin.flow.component.select.Select;
import com.vaadin.flow.router.AfterNavigationEvent;
import com.vaadin.flow.router.PageTitle;
import com.vaadin.flow.router.QueryParameters;
import com.vaadin.flow.router.Route;
import dev.switchboard.console.action.Change;
import dev.switchboard.console.api.AdminClient;
import dev.switchboard.console.api.Role;
import dev.switchboard.console.live.LiveGateway;
import dev.switchboard.console.live.Ring;
import dev.switchboard.console.live.Series;
import dev.switchboard.console.ui.ActionDialog;
import dev.switchboard.console.ui.Badge;
import dev.switchboard.console.ui.Format;
import dev.switchboard.console.ui.GatewayState;
import dev.switchboard.console.ui.GatewayView;
import dev.switchboard.console.ui.LineChart;
import dev.switchboard.console.ui.MainLayout;
import dev.switchboard.console.ui.Meter;
import dev.switchboard.console.ui.Needs;
import dev.switchboard.console.ui.Parts;
import dev.switchboard.console.ui.Services;
import dev.switchboard.console.ui.Tone;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Versions, what telemetry costs, and every object as the admin API tells it. */
@Route(value = "system", layout = MainLayout.class)
@PageTitle("System · Switchboard")
@Needs(Role.VIEWER)
public final class SystemView extends GatewayView {
  private final Badge badge = new Badge(Tone.IDLE, "");
  private final Div facts = Parts.box("sb-facts");
  private final Span telemetry = new Span();
  private final Div costs = Parts.box("sb-costs");
  private final LineChart cost = new LineChart("Telemetry's share of all cores, %", "");
  private final ConfigCard config = new ConfigCard(this::keepAddress);
  private final RawCard raw = new RawCard(gateway(), this::keepAddress);
  private Map<String, String> factsShown = Map.of();

  public SystemView() {
    Span line = Parts.text("sb-head-line", "Console version " + Services.get().version());
    Button reload =
        action("restart", "Reload configuration", Role.ADMIN, () -> ask(presenter().reload()));
    add(
        Parts.head("System", line, gatewayChoice(), reload),
        Parts.card("Gateway", badge, new Div[] {facts}),
        Parts.box(
            "sb-halves",
            Parts.card("Telemetry", levels(), new Div[] {new Div(telemetry), costs}),
            Parts.card("Telemetry's share of all cores, %", cost)),
        config,
        raw);
  }

  @Override
  public void afterNavigation(AfterNavigationEvent event) {
    super.afterNavigation(event);
    QueryParameters has = event.getLocation().getQueryParameters();
    config.ask(
        has.getSingleParameter("config").orElse(""), has.getSingleParameter("origin").orElse(""));
    raw.show(
        gateway(),
        has.getSingleParameter("show").orElse(""),
        has.getSingleParameter("of").orElse(""));
  }

  @Override
  protected void at(LiveGateway chosen) {
    cost.again();
  }

  /** What is looked at stands in the address, so that it can be sent to somebody. */
  private void keepAddress() {
    Map<String, String> query = new LinkedHashMap<>();
    query.put("gateway", Services.get().gateways().all().size() > 1 ? gateway().name() : "");
    query.putAll(config.address());
    query.putAll(raw.address());
    getUI()
        .ifPresent(
            ui ->
                ui.getPage().getHistory().replaceState(null, "system" + AdminClient.query(query)));
  }

  private static Button action(String icon, String text, Role needs, Runnable then) {
    Button button = Parts.button(icon, text, then);
    button.setEnabled(may(needs));
    if (!may(needs)) {
      button.setTooltipText("Takes the role " + needs.word());
    }
    return button;
  }

  private Button levels() {
    return action(
        "system",
        "Set trace level",
        Role.OPERATOR,
        () -> {
          Select<String> level = new Select<>();
          level.setLabel("Traces tell");
          level.setItems(SystemPresenter.LEVELS);
          level.setValue(SystemPresenter.LEVELS.get(presenter().wantedLevel()));
          ActionDialog dialog =
              new ActionDialog(
                  gateway(),
                  () -> presenter().level(SystemPresenter.LEVELS.indexOf(level.getValue())),
                  _ -> refresh(),
                  level);
          level.addValueChangeListener(_ -> dialog.update());
          dialog.open();
        });
  }

  private SystemPresenter presenter() {
    return new SystemPresenter(gateway(), Services.get().clock());
  }

  private void ask(Change change) {
    new ActionDialog(gateway(), () -> change, _ -> raw.read()).open();
  }

  @Override
  protected void refresh() {
    LiveGateway at = gateway();
    SystemPresenter known = presenter();
    badge.show(GatewayState.tone(at), GatewayState.words(at));
    if (!known.facts().equals(factsShown)) {
      factsShown = known.facts();
      facts.removeAll();
      factsShown.forEach((name, value) -> facts.add(Parts.fact(name, value)));
    }
    Parts.set(telemetry, known.telemetry());
    showCosts(known);
    config.show(known.config(), known.configFailure());
    cost.show(
        at.ring().newestSeconds(),
        Ring.STEP_SECONDS,
        List.of(
            new LineChart.Line(
                "share", "1", percents(at.ring().last(Series.TELEMETRY_CPU, Ring.SLOTS)))));
  }

  private static float[] percents(float[] shares) {
    for (int i = 0; i < shares.length; i++) {
      shares[i] *= 100;
    }
    return shares;
  }

  private void showCosts(SystemPresenter known) {
    double allowed = known.allowed();
    List<Component> now = new ArrayList<>();
    known
        .costs()
        .forEach(
            (name, share) -> {
              now.add(Parts.text("sb-muted sb-small", name));
              now.add(
                  new Meter()
                      .tone(share > allowed ? Tone.BAD : Tone.BUSY)
                      .show(share / allowed, Format.percent(share)));
            });
    Parts.only(costs, now.toArray(Component[]::new));
  }
}
