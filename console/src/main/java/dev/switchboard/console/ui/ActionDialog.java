package dev.switchboard.console.ui;

import com.vaadin.flow.component.Component;
import com.vaadin.flow.component.Key;
import com.vaadin.flow.component.button.Button;
import com.vaadin.flow.component.dialog.Dialog;
import com.vaadin.flow.component.html.Div;
import com.vaadin.flow.component.html.ListItem;
import com.vaadin.flow.component.html.UnorderedList;
import com.vaadin.flow.component.textfield.TextArea;
import com.vaadin.flow.data.value.ValueChangeMode;
import dev.switchboard.console.action.Change;
import dev.switchboard.console.action.Changes;
import dev.switchboard.console.action.Result;
import dev.switchboard.console.auth.Person;
import dev.switchboard.console.live.LiveGateway;
import java.util.function.Consumer;
import java.util.function.Supplier;
import tools.jackson.databind.JsonNode;

/** Says what a change is expected to do, asks why, does it and says what became of it. */
public final class ActionDialog extends Dialog {
  private final LiveGateway gateway;
  private final Supplier<Change> change;
  private final Consumer<JsonNode> then;
  private final TextArea reason = new TextArea("Reason");
  private final UnorderedList effects = new UnorderedList();
  private final Div outcome = Parts.box("sb-outcome");
  private final Button confirm;

  /**
   * Of a change at a gateway.
   *
   * @param change as the inputs have it now
   * @param then is told the gateway's answer
   * @param inputs what has to be said beside the reason
   */
  public ActionDialog(
      LiveGateway gateway, Supplier<Change> change, Consumer<JsonNode> then, Component... inputs) {
    this.gateway = gateway;
    this.change = change;
    this.then = then;
    Change first = change.get();
    this.confirm = new Button(first.title(), _ -> run());
    setHeaderTitle(first.title());
    setWidth("520px");
    effects.addClassName("sb-effects");
    reason.setMaxLength(512);
    reason.setRequired(true);
    reason.setWidthFull();
    reason.setHelperText("Stands in the audit log, with your name");
    reason.setValueChangeMode(ValueChangeMode.EAGER);
    reason.setAutofocus(true);
    outcome.getElement().setAttribute("role", "alert");
    add(Parts.text("sb-dialog-target", "at " + gateway.name()), effects);
    add(inputs);
    add(reason, outcome);
    update();
    confirm.addThemeNames(first.risky() ? "error" : "primary");
    confirm.addThemeName("primary");
    confirm.addClickShortcut(Key.ENTER, com.vaadin.flow.component.KeyModifier.CONTROL);
    confirm.setDisableOnClick(true);
    getFooter().add(copy(), new Button("Cancel", _ -> close()), confirm);
  }

  /** Says again what is expected, since an input changed. */
  public void update() {
    effects.removeAll();
    change.get().effects().forEach(effect -> effects.add(new ListItem(effect)));
  }

  private Button copy() {
    Button copy =
        Parts.button(
            "copy",
            "Copy as curl",
            () ->
                getElement()
                    .executeJs(
                        "window.sbCopy($0)",
                        Changes.curl(
                            gateway.client().address().uri(), change.get(), reason.getValue())));
    copy.addThemeName("tertiary");
    copy.addClassName("sb-push-left");
    return copy;
  }

  private void run() {
    confirm.setEnabled(true);
    outcome.removeAll();
    if (reason.getValue().isBlank()) {
      reason.setErrorMessage("Say why, for whoever reads the audit log");
      reason.setInvalid(true);
      reason.focus();
      return;
    }
    Person person = Visit.person().orElse(null);
    if (person == null) {
      show("Your session has ended. Sign in again");
      return;
    }
    Change wanted = change.get();
    switch (Services.get().changes().run(gateway, wanted, person, reason.getValue())) {
      case Result.Done done -> {
        close();
        Toast.done(wanted.title() + ": done");
        then.accept(done.answer());
      }
      case Result.Denied denied -> show(denied.why());
      case Result.Failed failed -> show(failed.why());
    }
  }

  private void show(String text) {
    outcome.removeAll();
    outcome.add(new Icon("alert"), new com.vaadin.flow.component.html.Span(text));
  }
}
