package dev.switchboard.console.drills;

import com.vaadin.flow.component.select.Select;
import com.vaadin.flow.component.textfield.IntegerField;
import com.vaadin.flow.component.textfield.NumberField;
import com.vaadin.flow.data.value.ValueChangeMode;
import dev.switchboard.console.action.Change;
import dev.switchboard.console.live.LiveGateway;
import dev.switchboard.console.ui.ActionDialog;
import dev.switchboard.console.ui.Parts;
import java.time.Duration;

/** Asks what is to be broken, where and for how long. */
final class DrillForm {
  private static final int USUAL_SECONDS = 30;
  private static final int DELAY_MS_MAX = 60_000;

  private final LiveGateway gateway;
  private final DrillsPresenter presenter;
  private final Select<Kind> kind = new Select<>();
  private final Select<String> replica = new Select<>();
  private final IntegerField seconds = new IntegerField("Seconds");
  private final IntegerField stage = new IntegerField("Stage");
  private final IntegerField rank = new IntegerField("Rank");
  private final NumberField factor = new NumberField("Times as long");
  private final IntegerField delay = new IntegerField("Later by, ms");

  DrillForm(LiveGateway gateway, DrillsPresenter presenter) {
    this.gateway = gateway;
    this.presenter = presenter;
    kind.setLabel("What is broken");
    kind.setItems(Kind.values());
    kind.setItemLabelGenerator(Kind::title);
    kind.setValue(Kind.SLOW_RANK);
    replica.setLabel("Replica");
    replica.setItems(presenter.replicas());
    replica.setValue(presenter.replicas().getFirst());
    int longest = Math.clamp(presenter.longest().toSeconds(), 1, 3600);
    range(seconds, 1, longest, Math.min(USUAL_SECONDS, longest));
    seconds.setHelperText("at most " + longest);
    range(stage, 0, 15, 0);
    range(rank, 0, 15, 0);
    range(delay, 1, DELAY_MS_MAX, 20);
    factor.setMin(1.01);
    factor.setMax(1000);
    factor.setValue(5.0);
    factor.setValueChangeMode(ValueChangeMode.EAGER);
    fit();
  }

  private static void range(IntegerField field, int least, int most, int value) {
    field.setMin(least);
    field.setMax(most);
    field.setValue(value);
    field.setStepButtonsVisible(true);
    field.setValueChangeMode(ValueChangeMode.EAGER);
  }

  void open(Runnable then) {
    ActionDialog dialog =
        new ActionDialog(
            gateway,
            this::change,
            _ -> then.run(),
            Parts.box("sb-form", kind, replica, seconds, factor, delay, stage, rank));
    kind.addValueChangeListener(
        _ -> {
          fit();
          dialog.update();
        });
    replica.addValueChangeListener(
        _ -> {
          fit();
          dialog.update();
        });
    seconds.addValueChangeListener(_ -> dialog.update());
    dialog.open();
  }

  /** Shows what the kind takes, and what the replica has. */
  private void fit() {
    Kind wanted = kind.getValue();
    seconds.setVisible(wanted != Kind.KILL);
    factor.setVisible(wanted == Kind.SLOW_RANK);
    delay.setVisible(wanted == Kind.DELAY_RANK);
    stage.setVisible(wanted.ranked());
    rank.setVisible(wanted.ranked());
    stage.setMax(presenter.count(replica.getValue(), "stages") - 1);
    rank.setMax(presenter.count(replica.getValue(), "ranks") - 1);
    String all = wanted.needsRank() ? "" : "empty for all";
    stage.setHelperText(all.isEmpty() ? "0 to " + stage.getMax() : all);
    rank.setHelperText(all.isEmpty() ? "0 to " + rank.getMax() : all);
    if (!wanted.needsRank()) {
      stage.clear();
      rank.clear();
    } else if (stage.getValue() == null || rank.getValue() == null) {
      stage.setValue(0);
      rank.setValue(0);
    }
  }

  private Change change() {
    int time = seconds.getValue() == null ? USUAL_SECONDS : seconds.getValue();
    return presenter.start(
        new DrillsPresenter.Wanted(
            replica.getValue(),
            kind.getValue(),
            Duration.ofSeconds(time),
            stage.getValue(),
            rank.getValue(),
            factor.getValue() == null ? 5 : factor.getValue(),
            delay.getValue() == null ? 20 : delay.getValue()));
  }
}
