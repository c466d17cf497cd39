package dev.switchboard.console.models;

import com.vaadin.flow.component.Component;
import com.vaadin.flow.component.button.Button;
import com.vaadin.flow.component.grid.Grid;
import com.vaadin.flow.component.html.Div;
import com.vaadin.flow.component.html.Span;
import com.vaadin.flow.router.PageTitle;
import com.vaadin.flow.router.Route;
import dev.switchboard.console.api.Role;
import dev.switchboard.console.live.LiveGateway;
import dev.switchboard.console.ui.ActionDialog;
import dev.switchboard.console.ui.Badge;
import dev.switchboard.console.ui.Format;
import dev.switchboard.console.ui.GatewayView;
import dev.switchboard.console.ui.MainLayout;
import dev.switchboard.console.ui.Meter;
import dev.switchboard.console.ui.Needs;
import dev.switchboard.console.ui.Parts;
import dev.switchboard.console.ui.Paths;
import dev.switchboard.console.ui.Toast;
import dev.switchboard.console.ui.Tone;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Which models there are, which names lead to them, and how their workers are restarted. */
@Route(value = "models", layout = MainLayout.class)
@PageTitle("Models · Switchboard")
@Needs(Role.VIEWER)
public final class ModelsView extends GatewayView {
  private final boolean operator = may(Role.OPERATOR);
  private final boolean admin = may(Role.ADMIN);
  private final Span line = Parts.text("sb-head-line", "Loading");
  private final Grid<ModelRow> models = new Grid<>();
  private final Grid<SplitRow> splits = new Grid<>();
  private final Div state = Parts.box("sb-stack");
  private final Div noSplits =
      Parts.empty(
          "models",
          "No name is split",
          "Each model is asked for by its own name. Set a name to spread its requests over models,"
              + " with fallbacks, or as an alias.");
  private final Badge rollingBadge = new Badge(Tone.IDLE, "");
  private final Div strip = Parts.box("sb-steps");
  private final Div rollingCard = Parts.card("Rolling restart", rollingBadge, new Div[] {strip});
  private ModelsPresenter presenter = new ModelsPresenter(gateway());
  private List<ModelRow> modelsShown = List.of();
  private List<SplitRow> splitsShown = List.of();
  private ModelsPresenter.@Nullable Rolling rollingShown;

  public ModelsView() {
    Button set = Parts.button("plus", "Set a name", () -> edit(null));
    set.setEnabled(admin);
    if (!admin) {
      set.setTooltipText("Takes the role admin");
    }
    Button load = Parts.button("plus", "Load a model", () -> open(null));
    load.addThemeName("primary");
    load.setEnabled(admin);
    if (!admin) {
      load.setTooltipText("Takes the role admin");
    }
    modelColumns();
    splitColumns();
    plain(models, "Models");
    models.addThemeNames("wrap-cell-content");
    plain(splits, "Names");
    add(
        Parts.head("Models", line, gatewayChoice(), set, load),
        state,
        rollingCard,
        Parts.card("Models", Parts.box("sb-table", models)),
        Parts.card(
            "Names",
            Parts.text(
                "sb-muted sb-small", "Aliases and splits: what clients ask for, and who answers"),
            new Div[] {Parts.box("sb-table", splits), noSplits}));
  }

  private static void plain(Grid<?> grid, String label) {
    grid.setAllRowsVisible(true);
    grid.setSelectionMode(Grid.SelectionMode.NONE);
    grid.addThemeNames("no-border", "compact");
    grid.getElement().setAttribute("aria-label", label);
  }

  private void modelColumns() {
    models
        .addComponentColumn(
            m ->
                Parts.box(
                    "sb-two",
                    Parts.text("sb-cell-name", m.id()),
                    Parts.text("sb-muted sb-small", m.about())))
        .setHeader("Model")
        .setFlexGrow(2);
    models
        .addComponentColumn(ModelsView::ready)
        .setHeader("State")
        .setWidth("190px")
        .setFlexGrow(0);
    models.addComponentColumn(this::replicas).setHeader("Replicas").setFlexGrow(2);
    models
        .addColumn(m -> m.served().isEmpty() ? Format.NONE : m.served())
        .setHeader("Served by")
        .setFlexGrow(1);
    models.addComponentColumn(this::modelActions).setHeader("").setWidth("240px").setFlexGrow(0);
  }

  private static Component ready(ModelRow m) {
    ModelRow.Loading loading = m.loading();
    if (loading != null) {
      return Parts.box(
          "sb-two",
          new Badge(Tone.BUSY, m.ready() + " of " + m.replicas().size() + " ready, one loads"),
          new Meter().show(loading.share(), "").tone(Tone.BUSY),
          Parts.text("sb-muted sb-small", loading.text()));
    }
    if (!m.loaded()) {
      return new Badge(Tone.IDLE, "Unloaded");
    }
    int all = m.replicas().size();
    Tone tone = m.ready() == 0 ? Tone.BAD : m.ready() == all ? Tone.GOOD : Tone.WARN;
    return new Badge(tone, m.ready() + " of " + all + " ready");
  }

  private Component replicas(ModelRow m) {
    Div links = Parts.box("sb-row sb-wrap");
    m.replicas().forEach(id -> links.add(Parts.link(Paths.replica(gateway().name(), id), id)));
    return links;
  }

  private Component modelActions(ModelRow m) {
    Button restart =
        Parts.rowButton(
            "restart",
            "Restart",
            "Restart workers of " + m.id(),
            () -> new ActionDialog(gateway(), () -> presenter.restart(m), _ -> refresh()).open());
    restart.setEnabled(operator);
    Button edit = Parts.rowButton("edit", "Change", "Change " + m.id(), () -> open(m));
    edit.setEnabled(admin);
    edit.setVisible(m.spec() != null);
    Button reset =
        Parts.rowButton(
            "up",
            "As configured",
            "As configured: " + m.id(),
            () -> planned(new ModelPlans(gateway()).reset(m, ModelForm.role())));
    reset.setEnabled(admin);
    ModelRow.Spec spec = m.spec();
    reset.setVisible(spec != null && spec.stored());
    Button unload =
        Parts.rowButton(
            "trash",
            "Unload",
            "Unload " + m.id(),
            () -> planned(new ModelPlans(gateway()).unload(m, ModelForm.role())));
    unload.setEnabled(admin);
    unload.setVisible(spec != null && m.loaded());
    return Parts.box("sb-row sb-wrap", restart, edit, reset, unload);
  }

  private void open(@Nullable ModelRow model) {
    new ModelForm(gateway(), model, this::refresh).open();
  }

  private void planned(Planned planned) {
    switch (planned) {
      case Planned.Possible possible -> ModelForm.apply(gateway(), possible, this::refresh);
      case Planned.Refused refused -> Toast.failed("The gateway refused: " + refused.why());
    }
  }

  private void splitColumns() {
    splits
        .addComponentColumn(s -> Parts.text("sb-cell-name", s.name()))
        .setHeader("Name")
        .setFlexGrow(1);
    splits
        .addComponentColumn(ModelsView::targets)
        .setHeader("Goes to")
        .setWidth("190px")
        .setFlexGrow(2);
    splits
        .addColumn(s -> s.fallbacks().isEmpty() ? Format.NONE : String.join(", ", s.fallbacks()))
        .setHeader("Fallbacks")
        .setFlexGrow(1);
    splits
        .addColumn(s -> s.policy().isEmpty() ? "default" : s.policy())
        .setHeader("Policy")
        .setFlexGrow(1);
    splits
        .addComponentColumn(
            s ->
                Parts.box(
                    "sb-two",
                    new Span(s.shadow().isEmpty() ? Format.NONE : s.shadow()),
                    Parts.text("sb-muted sb-small", s.shadowResults())))
        .setHeader("Shadow")
        .setFlexGrow(2);
    splits
        .addColumn(s -> s.stored() ? "admin API" : "configuration")
        .setHeader("Set by")
        .setWidth("110px")
        .setFlexGrow(0);
    splits.addComponentColumn(this::splitActions).setHeader("").setWidth("210px").setFlexGrow(0);
  }

  private static Component targets(SplitRow s) {
    Div all = Parts.box("sb-two");
    for (SplitRow.Target target : s.targets()) {
      double share = SplitRow.share(s.targets(), target.model());
      all.add(new Span(Format.percent(Math.rint(share * 1000) / 1000) + " " + target.model()));
    }
    return all;
  }

  private Component splitActions(SplitRow s) {
    Button edit = Parts.rowButton("edit", "Change", "Change " + s.name(), () -> edit(s));
    Button delete =
        Parts.rowButton(
            "trash",
            "Delete",
            "Delete " + s.name(),
            () -> new ActionDialog(gateway(), () -> presenter.forget(s), _ -> refresh()).open());
    edit.setEnabled(admin);
    delete.setEnabled(admin);
    delete.setVisible(s.stored());
    return Parts.box("sb-row", edit, delete);
  }

  private void edit(@Nullable SplitRow row) {
    new SplitForm(gateway(), presenter, row).open(this::refresh);
  }

  @Override
  protected void at(LiveGateway chosen) {
    presenter = new ModelsPresenter(chosen);
    modelsShown = List.of();
    splitsShown = List.of();
    rollingShown = null;
  }

  @Override
  protected void refresh() {
    List<ModelRow> now = presenter.models();
    List<SplitRow> names = presenter.splits();
    if (!now.equals(modelsShown)) {
      modelsShown = new ArrayList<>(now);
      models.setItems(modelsShown);
    }
    if (!names.equals(splitsShown)) {
      splitsShown = new ArrayList<>(names);
      splits.setItems(splitsShown);
    }
    models.setVisible(!now.isEmpty());
    splits.setVisible(!names.isEmpty());
    noSplits.setVisible(presenter.withoutSplits());
    String failure = presenter.failure();
    Parts.only(state, failed("The models cannot be read", failure));
    Parts.set(line, presenter.asked() ? words(now.size(), names.size()) : notYet(failure));
    show(presenter.rolling());
  }

  private static String words(int models, int names) {
    return models
        + (models == 1 ? " model, " : " models, ")
        + names
        + (names == 1 ? " name" : " names");
  }

  private void show(ModelsPresenter.@Nullable Rolling rolling) {
    rollingCard.setVisible(rolling != null && !rolling.steps().isEmpty());
    if (rolling == null || rolling.equals(rollingShown)) {
      return;
    }
    rollingShown = rolling;
    String time = Format.duration(Duration.ofSeconds((long) rolling.seconds()));
    if (rolling.failed()) {
      rollingBadge.show(Tone.BAD, "Stopped after " + time);
    } else {
      rollingBadge.show(
          rolling.done() ? Tone.GOOD : Tone.BUSY,
          rolling.done() ? "Done in " + time : "Since " + time);
    }
    strip.removeAll();
    for (ModelsPresenter.Step step : rolling.steps()) {
      Badge badge = new Badge(tone(step.step()), Badge.word(step.step()));
      Div box =
          Parts.box(
              "sb-step",
              Parts.link(Paths.replica(gateway().name(), step.worker()), step.worker()),
              badge,
              Parts.text(
                  "sb-muted sb-small",
                  step.seconds() > 0 ? Format.number(step.seconds()) + " s" : ""));
      strip.add(box);
    }
  }

  private static Tone tone(String step) {
    return switch (step) {
      case "DONE" -> Tone.GOOD;
      case "FAILED" -> Tone.BAD;
      case "WAITING", "SKIPPED" -> Tone.IDLE;
      default -> Tone.BUSY;
    };
  }
}
