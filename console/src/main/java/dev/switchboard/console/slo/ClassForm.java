package dev.switchboard.console.slo;

import com.vaadin.flow.component.button.Button;
import com.vaadin.flow.component.dialog.Dialog;
import com.vaadin.flow.component.html.Div;
import com.vaadin.flow.component.html.Span;
import com.vaadin.flow.component.textfield.IntegerField;
import com.vaadin.flow.component.textfield.NumberField;
import com.vaadin.flow.component.textfield.TextField;
import dev.switchboard.console.api.Role;
import dev.switchboard.console.auth.Person;
import dev.switchboard.console.live.LiveGateway;
import dev.switchboard.console.ui.ActionDialog;
import dev.switchboard.console.ui.Icon;
import dev.switchboard.console.ui.Parts;
import dev.switchboard.console.ui.Visit;
import org.jspecify.annotations.Nullable;

/**
 * Asks for a class's targets, and shows what the last day would have come to before they are set.
 */
final class ClassForm extends Dialog {
  private static final int MS_MAX = 86_400_000;

  private final LiveGateway gateway;
  private final SloPresenter presenter;
  private final @Nullable ClassRow before;
  private final Runnable then;
  private final TextField name = new TextField("Name");
  private final IntegerField ttft = whole("First token, ms", 0, MS_MAX);
  private final NumberField tpot = new NumberField("Per token, ms");
  private final IntegerField deadline = whole("Deadline, ms", 0, MS_MAX);
  private final IntegerField priority = whole("Priority", -100, 100);
  private final NumberField objective = new NumberField("Objective, %");
  private final IntegerField window = whole("Window, days", 1, 90);
  private final Div outcome = Parts.box("sb-outcome");

  ClassForm(LiveGateway gateway, SloPresenter presenter, @Nullable ClassRow before, Runnable then) {
    this.gateway = gateway;
    this.presenter = presenter;
    this.before = before;
    this.then = then;
    setHeaderTitle(before == null ? "Add a class" : "Change class " + before.name());
    setWidth("520px");
    outcome.getElement().setAttribute("role", "alert");
    ttft.setHelperText("0 for none");
    tpot.setHelperText("0 for none");
    deadline.setHelperText("0 for none");
    tpot.setMin(0);
    tpot.setMax(MS_MAX);
    objective.setMin(0.001);
    objective.setMax(99.999);
    fill(before == null ? new ClassRow("", 0, 0, 0, 0, 0.99, 30, "", false) : before);
    Button preview = new Button("Preview", _ -> preview());
    preview.addThemeNames("primary");
    add(Parts.text("sb-dialog-target", "at " + gateway.name()));
    add(Parts.box("sb-form", name, ttft, tpot, deadline, priority, objective, window), outcome);
    getFooter().add(new Button("Cancel", _ -> close()), preview);
  }

  private static IntegerField whole(String label, int least, int most) {
    IntegerField field = new IntegerField(label);
    field.setMin(least);
    field.setMax(most);
    return field;
  }

  private void fill(ClassRow row) {
    name.setValue(row.name());
    name.setReadOnly(before != null);
    name.setMaxLength(64);
    ttft.setValue(row.ttftMs());
    tpot.setValue(row.tpotMs());
    deadline.setValue(row.deadlineMs());
    priority.setValue(row.priority());
    objective.setValue(Math.rint(row.objective() * 1e5) / 1e3);
    window.setValue(row.windowDays());
  }

  private void preview() {
    outcome.removeAll();
    if (name.getValue().isBlank()) {
      name.setErrorMessage("A class needs a name");
      name.setInvalid(true);
      return;
    }
    Role role = Visit.person().map(Person::role).orElse(Role.VIEWER);
    switch (presenter.set(before, wanted(), role)) {
      case Preview.Refused refused -> outcome.add(new Icon("alert"), new Span(refused.why()));
      case Preview.Possible possible -> {
        close();
        new ActionDialog(gateway, possible::change, _ -> then.run()).open();
      }
    }
  }

  private ClassRow wanted() {
    return new ClassRow(
        name.getValue().strip(),
        value(ttft.getValue(), 0),
        tpot.getValue() == null ? 0 : tpot.getValue(),
        value(deadline.getValue(), 0),
        value(priority.getValue(), 0),
        objective.getValue() == null ? 0.99 : Math.rint(objective.getValue() * 1e3) / 1e5,
        value(window.getValue(), 30),
        "",
        true);
  }

  private static int value(@Nullable Integer number, int otherwise) {
    return number == null ? otherwise : number;
  }
}
