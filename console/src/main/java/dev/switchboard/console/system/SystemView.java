package dev.switchboard.console.system;

import com.vaadin.flow.component.button.Button;
import com.vaadin.flow.component.html.Div;
import com.vaadin.flow.component.html.Pre;
import com.vaadin.flow.component.html.Span;
import com.vaadin.flow.component.select.Select;
import com.vaadin.flow.router.PageTitle;
import com.vaadin.flow.router.Route;
import dev.switchboard.console.action.Change;
import dev.switchboard.console.api.ApiFailure;
import dev.switchboard.console.api.Role;
import dev.switchboard.console.live.LiveGateway;
import dev.switchboard.console.live.Ring;
import dev.switchboard.console.live.Series;
import dev.switchboard.console.ui.ActionDialog;
import dev.switchboard.console.ui.Badge;
import dev.switchboard.console.ui.Format;
import dev.switchboard.console.ui.GatewayState;
import dev.switchboard.console.ui.LineChart;
import dev.switchboard.console.ui.LiveView;
import dev.switchboard.console.ui.MainLayout;
import dev.switchboard.console.ui.Meter;
import dev.switchboard.console.ui.Needs;
import dev.switchboard.console.ui.Parts;
import dev.switchboard.console.ui.Services;
import dev.switchboard.console.ui.Tone;
import dev.switchboard.console.ui.Visit;
import java.util.List;
import java.util.Map;

/** Versions, what telemetry costs, and every object as the admin API tells it. */
@Route(value = "system", layout = MainLayout.class)
@PageTitle("System · Switchboard")
@Needs(Role.VIEWER)
public final class SystemView extends LiveView {
  private final Select<LiveGateway> gateway = new Select<>();
  private final Badge badge = new Badge(Tone.IDLE, "");
  private final Div facts = Parts.box("sb-facts");
  private final Span telemetry = new Span();
  private final Div costs = Parts.box("sb-costs");
  private final LineChart cost = new LineChart("Telemetry's share of all cores, %", "");
  private final Select<String> document = new Select<>();
  private final Pre json = new Pre();
  private final Div jsonState = Parts.box("sb-stack");
  private Map<String, String> factsShown = Map.of();

  public SystemView() {
    List<LiveGateway> all = Services.get().gateways().all();
    gateway.setItems(all);
    gateway.setItemLabelGenerator(LiveGateway::name);
    gateway.setValue(all.getFirst());
    gateway.setAriaLabel("Gateway");
    gateway.setVisible(all.size() > 1);
    gateway.addValueChangeListener(_ -> choose());
    document.setItems(List.copyOf(SystemPresenter.DOCUMENTS.keySet()));
    document.setValue("Configuration");
    document.setAriaLabel("What to show");
    document.setWidth("240px");
    document.addValueChangeListener(_ -> showDocument());
    json.addClassName("sb-log");
    json.getElement().setAttribute("tabindex", "0");
    Span line = Parts.text("sb-head-line", "Console version " + Services.get().version());
    Button reload =
        action("restart", "Reload configuration", Role.ADMIN, () -> ask(presenter().reload()));
    add(
        Parts.head("System", line, gateway, reload),
        Parts.card("Gateway", badge, new Div[] {facts}),
        Parts.box(
            "sb-halves",
            Parts.card("Telemetry", levels(), new Div[] {new Div(telemetry), costs}),
            Parts.card("Telemetry's share of all cores, %", cost)),
        Parts.card(
            "As the admin API tells it",
            Parts.box("sb-row", document, copies()),
            new Div[] {jsonState, new Div(json)}));
    showDocument();
  }

  private static Button action(String icon, String text, Role needs, Runnable then) {
    Button button = Parts.button(icon, text, then);
    boolean may = Visit.person().filter(p -> p.role().includes(needs)).isPresent();
    button.setEnabled(may);
    if (!may) {
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
          level.setValue(SystemPresenter.LEVELS.get(presenter().level()));
          ActionDialog dialog =
              new ActionDialog(
                  gateway.getValue(),
                  () -> presenter().level(SystemPresenter.LEVELS.indexOf(level.getValue())),
                  _ -> refresh(),
                  level);
          level.addValueChangeListener(_ -> dialog.update());
          dialog.open();
        });
  }

  private Div copies() {
    Button copy =
        Parts.iconButton(
            "copy",
            "Copy as curl",
            () ->
                getElement()
                    .executeJs(
                        "window.sbCopy($0)",
                        "curl -H \"Authorization: Bearer $SWITCHBOARD_ADMIN_KEY\" '"
                            + gateway.getValue().client().address().uri()
                            + path()
                            + "'"));
    return Parts.box("sb-row", copy, Parts.iconButton("restart", "Read again", this::showDocument));
  }

  private String path() {
    return SystemPresenter.DOCUMENTS.getOrDefault(document.getValue(), "/admin/v1/config");
  }

  private SystemPresenter presenter() {
    return new SystemPresenter(gateway.getValue(), Services.get().clock());
  }

  private void ask(Change change) {
    new ActionDialog(gateway.getValue(), () -> change, _ -> showDocument()).open();
  }

  private void choose() {
    refresh();
    showDocument();
  }

  private void showDocument() {
    jsonState.removeAll();
    try {
      json.setText(gateway.getValue().client().get(path()).toPrettyString());
    } catch (ApiFailure e) {
      json.setText("");
      jsonState.add(Parts.failure("It cannot be read", e.sentence()));
    }
    json.setVisible(!json.getText().isEmpty());
  }

  @Override
  protected void refresh() {
    LiveGateway at = gateway.getValue();
    SystemPresenter known = presenter();
    badge.show(GatewayState.tone(at), GatewayState.words(at));
    if (!known.facts().equals(factsShown)) {
      factsShown = known.facts();
      facts.removeAll();
      factsShown.forEach((name, value) -> facts.add(Parts.fact(name, value)));
    }
    Parts.set(telemetry, known.telemetry());
    showCosts(known);
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
    costs.removeAll();
    double allowed = known.allowed();
    known
        .costs()
        .forEach(
            (name, share) ->
                costs.add(
                    Parts.text("sb-muted sb-small", name),
                    new Meter()
                        .tone(share > allowed ? Tone.BAD : Tone.BUSY)
                        .show(share / allowed, Format.percent(share))));
  }
}
