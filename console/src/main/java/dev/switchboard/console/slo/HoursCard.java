package dev.switchboard.console.slo;

import com.vaadin.flow.component.checkbox.Checkbox;
import com.vaadin.flow.component.html.Div;
import com.vaadin.flow.component.select.Select;
import dev.switchboard.console.ui.Format;
import dev.switchboard.console.ui.Parts;
import dev.switchboard.console.ui.PlainTable;
import dev.switchboard.console.ui.Services;
import dev.switchboard.console.ui.StackChart;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.BiFunction;
import org.jspecify.annotations.Nullable;

/**
 * One objective of one class over the last day: how many requests met and missed it, by hour and
 * cause, and where the time went by which those that missed it were late.
 */
final class HoursCard extends Div {
  /** From here on times are told in seconds. */
  private static final double MANY_MS = 10_000;

  private static final Map<String, String> TONES =
      Map.of(
          "queue",
          "1",
          "prefill",
          "2",
          "decode",
          "3",
          "neighbours",
          "4",
          "straggler",
          "5",
          "machine",
          "6",
          "migration",
          "warn",
          "failure",
          "bad");

  private final Select<String> serviceClass = new Select<>();
  private final Select<String> objective = new Select<>();
  private final Checkbox withMet = new Checkbox("Those that met it too", true);
  private final StackChart counts = new StackChart("Requests by hour and by cause of a miss");
  private final StackChart lateness = new StackChart("Late time by hour and by cause of a miss");
  private final PlainTable causes =
      new PlainTable("Cause of a miss", "Requests", "Late together", "Late each");
  private final Div noLateness =
      Parts.empty(
          "info", "No late time", "Nothing was late, or the gateway does not tell by how much.");
  private final Div some;
  private final Div none = Parts.box("sb-stack");
  private @Nullable SloPresenter presenter;

  HoursCard() {
    addClassName("sb-stack");
    serviceClass.setAriaLabel("Service class");
    objective.setAriaLabel("Objective");
    objective.setItems(SloPresenter.OBJECTIVES);
    objective.setItemLabelGenerator(Format::objective);
    objective.setValue("ttft");
    serviceClass.addValueChangeListener(_ -> draw());
    objective.addValueChangeListener(_ -> draw());
    withMet.addValueChangeListener(_ -> draw());
    Div charts =
        Parts.box(
            "sb-halves",
            Parts.box("sb-stack", Parts.text("sb-muted sb-small", "Requests"), counts),
            Parts.box(
                "sb-stack",
                Parts.text("sb-muted sb-small", "By how much they were late together"),
                lateness,
                noLateness));
    some = Parts.box("sb-stack", charts, causes);
    add(
        Parts.card(
            "The last day, by hour",
            Parts.box("sb-row sb-wrap", serviceClass, objective, withMet),
            new Div[] {some, none}));
  }

  /** Shows those of another gateway from the next drawing on. */
  void of(SloPresenter chosen) {
    presenter = chosen;
  }

  /** The classes that can be chosen. */
  void offer(List<ClassRow> now) {
    List<String> names = now.stream().map(ClassRow::name).toList();
    String chosen = serviceClass.getValue();
    serviceClass.setItems(names);
    if (!names.isEmpty()) {
      String usual = names.contains("standard") ? "standard" : names.getFirst();
      serviceClass.setValue(names.contains(chosen) ? chosen : usual);
    }
  }

  /** Draws what is known now. */
  void draw() {
    String name = serviceClass.getValue();
    SloPresenter from = presenter;
    if (name == null || from == null) {
      return;
    }
    List<SloPresenter.Hour> hours = from.hours(name, objective.getValue());
    some.setVisible(!hours.isEmpty());
    none.setVisible(hours.isEmpty());
    if (hours.isEmpty()) {
      drawNone(from, name);
    } else {
      drawSome(SloPresenter.wholeDay(hours, Services.get().clock().instant()));
    }
  }

  private void drawNone(SloPresenter from, String name) {
    String failure = from.hoursFailure(name);
    if (failure != null) {
      Parts.only(none, Parts.failure("The hours cannot be read", failure));
    } else if (from.hoursRead(name)) {
      Parts.only(
          none, Parts.empty("slo", "No such request", "None of the last day had this target."));
    } else {
      Parts.only(none, Parts.text("sb-muted", "Loading"));
    }
  }

  private void drawSome(List<SloPresenter.Hour> hours) {
    List<String> bars = hours.stream().map(HoursCard::clock).toList();
    counts.show(bars, parts(hours, withMet.getValue()), "");
    boolean tells = hours.stream().anyMatch(h -> !h.lateMs().isEmpty());
    lateness.setVisible(tells);
    noLateness.setVisible(!tells);
    if (tells) {
      boolean many = hours.stream().anyMatch(h -> h.allLateMs() >= MANY_MS);
      lateness.show(bars, late(hours, many ? 1000 : 1), many ? "s" : "ms");
    }
    List<CauseRow> rows = SloPresenter.causes(hours);
    causes.setVisible(!rows.isEmpty());
    causes.show(rows.stream().map(HoursCard::cells).toList());
  }

  private static List<String> cells(CauseRow row) {
    return List.of(
        row.cause(),
        Format.number((double) row.requests()),
        Format.millis(row.lateMs()),
        Format.millis(row.eachMs()));
  }

  private static String clock(SloPresenter.Hour hour) {
    return hour.hour().length() < 16 ? hour.hour() : hour.hour().substring(5, 16).replace('T', ' ');
  }

  private static List<StackChart.Part> parts(List<SloPresenter.Hour> hours, boolean withMet) {
    List<StackChart.Part> parts =
        byCause(hours, "Missed: ", (h, cause) -> (double) h.missed().getOrDefault(cause, 0L));
    if (withMet || parts.isEmpty()) {
      parts.add(
          new StackChart.Part("Met", "good", hours.stream().map(h -> (double) h.met()).toList()));
    }
    return parts;
  }

  private static List<StackChart.Part> late(List<SloPresenter.Hour> hours, double unitMs) {
    return byCause(hours, "", (h, cause) -> h.lateMs().getOrDefault(cause, 0.0) / unitMs);
  }

  private static List<StackChart.Part> byCause(
      List<SloPresenter.Hour> hours,
      String prefix,
      BiFunction<SloPresenter.Hour, String, Double> value) {
    List<StackChart.Part> parts = new ArrayList<>();
    for (String cause : SloPresenter.CAUSES) {
      List<Double> values = hours.stream().map(h -> value.apply(h, cause)).toList();
      if (values.stream().anyMatch(v -> v > 0)) {
        parts.add(new StackChart.Part(prefix + cause, TONES.getOrDefault(cause, "other"), values));
      }
    }
    return parts;
  }
}
