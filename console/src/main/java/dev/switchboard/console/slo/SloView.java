package dev.switchboard.console.slo;

import com.vaadin.flow.component.Component;
import com.vaadin.flow.component.button.Button;
import com.vaadin.flow.component.grid.ColumnTextAlign;
import com.vaadin.flow.component.grid.Grid;
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
import dev.switchboard.console.ui.MainLayout;
import dev.switchboard.console.ui.Meter;
import dev.switchboard.console.ui.Needs;
import dev.switchboard.console.ui.Parts;
import dev.switchboard.console.ui.Paths;
import dev.switchboard.console.ui.Services;
import dev.switchboard.console.ui.Tone;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** Service classes: error budgets and their burn, what was missed by hour and cause, targets. */
@Route(value = "slos", layout = MainLayout.class)
@PageTitle("SLOs · Switchboard")
@Needs(Role.VIEWER)
public final class SloView extends GatewayView {
  // Above these a budget of 30 days is gone within 2 and within 10 days.
  private static final double TEN = 10;
  private static final double FAST = 14.4;
  private static final double SLOW = 3;
  private static final int WORST_SHOWN = 10;

  // A badge of four digits, and the space around a cell.
  private static final String BURN_WIDTH = "92px";
  private final boolean admin = may(Role.ADMIN);
  private final Span line = Parts.text("sb-head-line", "Loading");
  private final Div state = Parts.box("sb-stack");
  private final Grid<BudgetRow> budgets = new Grid<>();
  private final Div noBudgets =
      Parts.empty("slo", "No requests yet", "Budgets are counted from the first request on.");
  private final HoursCard hours = new HoursCard();
  private final Grid<ClassRow> classes = new Grid<>();
  private final Grid<WorstRow> worst = new Grid<>();
  private final Span worstLine = Parts.text("sb-muted sb-small", "");
  private final Div noWorst =
      Parts.empty("check", "No request was late", "None of the last day missed an objective.");
  private SloPresenter presenter = new SloPresenter(gateway());
  private List<ClassRow> classesShown = List.of();
  private List<BudgetRow> budgetsShown = List.of();
  private List<WorstRow> worstShown = List.of();

  public SloView() {
    Button make = Parts.button("plus", "Add a class", () -> edit(null));
    make.addThemeName("primary");
    make.setEnabled(admin);
    if (!admin) {
      make.setTooltipText("Takes the role admin");
    }
    budgetColumns();
    classColumns();
    plain(budgets, "Error budgets");
    worstColumns();
    plain(classes, "Service classes");
    plain(worst, "Worst requests");
    add(
        Parts.head("SLOs", line, gatewayChoice(), make),
        state,
        Parts.card(
            "Error budgets",
            Parts.text("sb-muted sb-small", "Burn: how many times as fast as the objective allows"),
            new Div[] {Parts.box("sb-table", budgets), noBudgets}),
        hours,
        Parts.card(
            "Worst requests of the last day",
            worstLine,
            new Div[] {Parts.box("sb-table", worst), noWorst}),
        Parts.card("Service classes", Parts.box("sb-table", classes)));
  }

  private static void plain(Grid<?> grid, String label) {
    grid.setAllRowsVisible(true);
    grid.setSelectionMode(Grid.SelectionMode.NONE);
    grid.addThemeNames("no-border", "compact");
    grid.getElement().setAttribute("aria-label", label);
  }

  private void budgetColumns() {
    budgets.addColumn(BudgetRow::serviceClass).setHeader("Class").setWidth("88px").setFlexGrow(1);
    budgets
        .addComponentColumn(SloView::goal)
        .setHeader("Objective")
        .setWidth("104px")
        .setFlexGrow(1);
    budgets
        .addComponentColumn(SloView::left)
        .setHeader("Budget left")
        .setWidth("112px")
        .setFlexGrow(2);
    for (int i = 0; i < BudgetRow.SPANS.size(); i++) {
      int span = i;
      budgets
          .addComponentColumn(b -> burn(b, span))
          .setHeader("Burn " + BudgetRow.words(i))
          .setTextAlign(ColumnTextAlign.END)
          .setWidth(BURN_WIDTH)
          .setFlexGrow(0);
    }
    budgets
        .addComponentColumn(SloView::forecast)
        .setHeader("At the burn of 6 h")
        .setWidth("146px")
        .setFlexGrow(1);
    budgets
        .addComponentColumn(b -> Parts.link(worst(b.serviceClass()), Format.number(b.missed())))
        .setHeader("Missed")
        .setTextAlign(ColumnTextAlign.END)
        .setWidth("66px")
        .setFlexGrow(0);
  }

  private static Component goal(BudgetRow b) {
    return Parts.box(
        "sb-two",
        new Span(Format.objective(b.objective())),
        Parts.text(
            "sb-muted sb-small", Format.percent(b.share()) + " in " + b.windowDays() + " d"));
  }

  private static Component left(BudgetRow b) {
    Tone tone = b.left() <= 0 ? Tone.BAD : b.left() < 0.25 ? Tone.WARN : Tone.GOOD;
    return new Meter().show(b.left(), share(b.left())).tone(tone);
  }

  /** Rounded down, so that only a whole budget is 100 %. */
  static String share(double left) {
    boolean nearlyAll = left >= 0.99 && left < 1;
    double percent = Math.floor(left * (nearlyAll ? 1000 : 100) + 1e-6) / (nearlyAll ? 10 : 1);
    return Format.percent(percent / 100, nearlyAll ? 1 : 0);
  }

  /** What the budget comes to; one that is used up stands out. */
  private static Component forecast(BudgetRow b) {
    return b.left() <= 0 ? new Badge(Tone.BAD, "Used up") : new Span(b.forecast());
  }

  private static Component burn(BudgetRow b, int span) {
    String same = b.sameAs(span);
    if (!same.isEmpty()) {
      Span text = Parts.text("sb-muted sb-small", "as " + same);
      text.setTitle("The same requests as of the last " + same + ": none is older");
      return text;
    }
    return burn(b.burn().get(span));
  }

  private static Component burn(double rate) {
    if (Double.isNaN(rate)) {
      return Parts.text("sb-muted", Format.NONE);
    }
    double shown = rate < TEN ? Math.rint(rate * 100) / 100 : Math.rint(rate);
    String text = Format.number(shown) + "×";
    if (rate < SLOW) {
      return new Span(text);
    }
    return new Badge(rate >= FAST ? Tone.BAD : Tone.WARN, text);
  }

  /** The requests of the last day that missed an objective. */
  private String worst(String name) {
    Map<String, String> query = new LinkedHashMap<>();
    query.put("gateway", gateway().name());
    query.put("class", name);
    query.put("slo", "missed");
    query.put("last", "24h");
    return "requests" + AdminClient.query(query);
  }

  private void classColumns() {
    classes
        .addComponentColumn(c -> Parts.text("sb-cell-name", c.name()))
        .setHeader("Class")
        .setFlexGrow(1);
    number("First token", c -> ClassRow.target(c.ttftMs()));
    number("Per token", c -> ClassRow.target(c.tpotMs()));
    number("Deadline", c -> ClassRow.target(c.deadlineMs()));
    number("Priority", c -> "" + c.priority());
    number("Objective", c -> Format.percent(c.objective()));
    number("Window", c -> c.windowDays() + " d");
    classes
        .addColumn(c -> c.stored() ? "admin API" : "configuration")
        .setHeader("Set by")
        .setWidth("112px");
    classes
        .addComponentColumn(c -> Parts.link(worst(c.name()), "Missed requests"))
        .setHeader("Worst")
        .setWidth("136px")
        .setFlexGrow(0);
    classes.addComponentColumn(this::actions).setHeader("").setWidth("84px").setFlexGrow(0);
  }

  private void number(String header, Function<ClassRow, String> text) {
    classes
        .addColumn(text::apply)
        .setHeader(header)
        .setTextAlign(ColumnTextAlign.END)
        .setWidth("86px")
        .setFlexGrow(1);
  }

  private Component actions(ClassRow c) {
    Button edit = Parts.iconButton("edit", "Change class " + c.name(), () -> edit(c));
    Button delete =
        Parts.iconButton(
            "trash",
            "Delete class " + c.name(),
            () -> new ActionDialog(gateway(), () -> presenter.forget(c), _ -> refresh()).open());
    edit.setEnabled(admin);
    delete.setEnabled(admin);
    delete.setVisible(c.stored());
    return Parts.box("sb-row", edit, delete);
  }

  private void edit(@Nullable ClassRow row) {
    new ClassForm(gateway(), presenter, row, this::refresh).open();
  }

  @Override
  protected void at(LiveGateway chosen) {
    presenter = new SloPresenter(chosen);
    hours.of(presenter);
    classesShown = List.of();
    budgetsShown = List.of();
    worstShown = List.of();
  }

  @Override
  protected void refresh() {
    List<ClassRow> now = presenter.classes();
    if (!now.equals(classesShown)) {
      classesShown = new ArrayList<>(now);
      classes.setItems(classesShown);
      hours.offer(now);
    }
    List<BudgetRow> left = presenter.budgets();
    if (!left.equals(budgetsShown)) {
      budgetsShown = new ArrayList<>(left);
      budgets.setItems(budgetsShown);
    }
    budgets.setVisible(!left.isEmpty());
    noBudgets.setVisible(presenter.withoutBudgets());
    String failure = presenter.failure();
    Parts.only(state, failed("The objectives cannot be read", failure));
    String count = now.size() + (now.size() == 1 ? " class" : " classes");
    Parts.set(line, presenter.asked() ? count : notYet(failure));
    hours.draw();
    showWorst();
  }

  private void showWorst() {
    Instant now = Services.get().clock().instant();
    List<WorstRow> latest = presenter.worst(now, WORST_SHOWN);
    double read = presenter.missedRead(now);
    if (!latest.equals(worstShown)) {
      worstShown = new ArrayList<>(latest);
      worst.setItems(worstShown);
    }
    worst.setVisible(!latest.isEmpty());
    noWorst.setVisible(read == 0);
    Parts.set(
        worstLine,
        read > 0
            ? "The latest of "
                + (read >= SloPresenter.MISSED_READ ? "the newest " : "")
                + Format.number(read)
                + " that missed an objective"
            : "");
  }

  private void worstColumns() {
    worst
        .addComponentColumn(
            w -> Parts.link(Paths.request(gateway().name(), w.id()), Format.shortId(w.id())))
        .setHeader("Request")
        .setWidth("90px")
        .setFlexGrow(1);
    worst.addColumn(w -> time(w.accepted())).setHeader("UTC").setWidth("120px").setFlexGrow(1);
    worst.addColumn(WorstRow::serviceClass).setHeader("Class").setWidth("90px").setFlexGrow(1);
    worst.addColumn(WorstRow::model).setHeader("Model").setWidth("140px").setFlexGrow(1);
    worst.addComponentColumn(this::replica).setHeader("Replica").setWidth("70px").setFlexGrow(1);
    worst
        .addComponentColumn(SloView::lateness)
        .setHeader("Late by")
        .setWidth("100px")
        .setFlexGrow(1);
    worst.addColumn(SloView::took).setHeader("What was late").setWidth("200px").setFlexGrow(2);
    worst
        .addColumn(w -> w.waitedFor().isEmpty() ? Format.NONE : w.waitedFor())
        .setHeader("Waited for rank")
        .setFlexGrow(1);
  }

  private static String time(String accepted) {
    return accepted.length() < 19 ? accepted : accepted.substring(5, 19).replace('T', ' ');
  }

  private Component replica(WorstRow w) {
    return w.replica().isEmpty()
        ? new Span(Format.NONE)
        : Parts.link(Paths.replica(gateway().name(), w.replica()), w.replica());
  }

  private static Component lateness(WorstRow w) {
    if (Double.isNaN(w.isMs())) {
      return new Badge(Tone.BAD, "Failed");
    }
    return new Badge(Tone.WARN, w.lateMs() > 0 ? Format.millis(w.lateMs()) : "Own target");
  }

  private static String took(WorstRow w) {
    String what = Format.objective(w.objective());
    String wanted = Double.isNaN(w.wantedMs()) ? "" : " of " + Format.millis(w.wantedMs());
    return Double.isNaN(w.isMs()) ? what : what + " " + Format.millis(w.isMs()) + wanted;
  }
}
