package dev.switchboard.console.models;

import com.vaadin.flow.component.textfield.TextArea;
import com.vaadin.flow.component.textfield.TextField;
import com.vaadin.flow.data.value.ValueChangeMode;
import dev.switchboard.console.action.Change;
import dev.switchboard.console.live.LiveGateway;
import dev.switchboard.console.ui.ActionDialog;
import dev.switchboard.console.ui.Format;
import dev.switchboard.console.ui.Parts;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Asks what is to become of a name. */
final class SplitForm {
  private final LiveGateway gateway;
  private final ModelsPresenter presenter;
  private final @Nullable SplitRow before;
  private final TextField name = new TextField("Name");
  private final TextArea targets = new TextArea("Goes to");
  private final TextField fallbacks = new TextField("Fallbacks");
  private final TextField policy = new TextField("Policy");
  private final TextField shadow = new TextField("Shadow policy");

  SplitForm(LiveGateway gateway, ModelsPresenter presenter, @Nullable SplitRow before) {
    this.gateway = gateway;
    this.presenter = presenter;
    this.before = before;
    targets.setHelperText("A line for each model: its weight and its name, such as 9 llama");
    targets.setWidthFull();
    targets.setMaxLength(4096);
    fallbacks.setHelperText("Models, with commas between");
    policy.setPlaceholder("default");
    shadow.setPlaceholder("none");
    if (before == null) {
      targets.setValue(
          "1 " + String.join("\n1 ", presenter.models().stream().map(ModelRow::id).toList()));
    } else {
      name.setValue(before.name());
      name.setReadOnly(true);
      targets.setValue(
          String.join(
              "\n",
              before.targets().stream()
                  .map(t -> Format.number(t.weight()) + " " + t.model())
                  .toList()));
      fallbacks.setValue(String.join(", ", before.fallbacks()));
      policy.setValue(before.policy());
      shadow.setValue(before.shadow());
    }
  }

  void open(Runnable then) {
    ActionDialog dialog =
        new ActionDialog(
            gateway,
            this::change,
            _ -> then.run(),
            Parts.box("sb-form", name, fallbacks, policy, shadow),
            targets);
    for (TextField field : List.of(name, fallbacks, policy, shadow)) {
      field.setValueChangeMode(ValueChangeMode.LAZY);
      field.addValueChangeListener(_ -> dialog.update());
    }
    targets.setValueChangeMode(ValueChangeMode.LAZY);
    targets.addValueChangeListener(_ -> dialog.update());
    dialog.open();
  }

  private Change change() {
    List<String> others =
        Arrays.stream(fallbacks.getValue().split(",", -1))
            .map(String::strip)
            .filter(f -> !f.isEmpty())
            .toList();
    return presenter.set(
        before,
        new SplitRow(
            name.getValue().strip(),
            "",
            true,
            parse(targets.getValue()),
            others,
            policy.getValue().strip(),
            shadow.getValue().strip(),
            ""));
  }

  /** Lines of a weight and a model; a line without a weight has 1. */
  static List<SplitRow.Target> parse(String text) {
    List<SplitRow.Target> parsed = new ArrayList<>();
    for (String line : text.lines().map(String::strip).filter(l -> !l.isEmpty()).toList()) {
      int space = line.indexOf(' ');
      double weight = space < 0 ? Double.NaN : weight(line.substring(0, space));
      parsed.add(
          Double.isNaN(weight)
              ? new SplitRow.Target(line, 1)
              : new SplitRow.Target(line.substring(space + 1).strip(), weight));
    }
    return parsed;
  }

  private static double weight(String text) {
    try {
      return Double.parseDouble(text.replace(",", ""));
    } catch (NumberFormatException _) {
      return Double.NaN;
    }
  }
}
