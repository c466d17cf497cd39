package dev.switchboard.console.models;

import com.vaadin.flow.component.textfield.TextField;
import com.vaadin.flow.data.value.ValueChangeMode;
import dev.switchboard.console.action.Change;
import dev.switchboard.console.live.LiveGateway;
import dev.switchboard.console.ui.ActionDialog;
import dev.switchboard.console.ui.Parts;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Asks what is to become of a name. */
final class SplitForm {
  private final LiveGateway gateway;
  private final ModelsPresenter presenter;
  private final @Nullable SplitRow before;
  private final TextField name = new TextField("Name");
  private final Shares shares;
  private final TextField fallbacks = new TextField("Fallbacks");
  private final TextField policy = new TextField("Policy");
  private final TextField shadow = new TextField("Shadow policy");

  SplitForm(LiveGateway gateway, ModelsPresenter presenter, @Nullable SplitRow before) {
    this.gateway = gateway;
    this.presenter = presenter;
    this.before = before;
    List<String> models = presenter.models().stream().map(ModelRow::id).toList();
    this.shares =
        new Shares(
            models,
            before == null
                ? models.stream().map(model -> new SplitRow.Target(model, 1)).toList()
                : before.targets());
    fallbacks.setHelperText("Models, with commas between");
    policy.setPlaceholder("default");
    shadow.setPlaceholder("none");
    if (before != null) {
      name.setValue(before.name());
      name.setReadOnly(true);
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
            shares);
    for (TextField field : List.of(name, fallbacks, policy, shadow)) {
      field.setValueChangeMode(ValueChangeMode.LAZY);
      field.addValueChangeListener(_ -> dialog.update());
    }
    shares.onChange(dialog::update);
    dialog.check(shares::problem);
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
            shares.targets(),
            others,
            policy.getValue().strip(),
            shadow.getValue().strip(),
            ""));
  }
}
