package dev.switchboard.console.ui;

import com.vaadin.flow.component.Component;
import com.vaadin.flow.component.Key;
import com.vaadin.flow.component.button.Button;
import com.vaadin.flow.component.checkbox.Checkbox;
import com.vaadin.flow.component.dialog.Dialog;
import com.vaadin.flow.component.html.Div;
import com.vaadin.flow.component.html.ListItem;
import com.vaadin.flow.component.html.UnorderedList;
import com.vaadin.flow.component.textfield.TextArea;
import dev.switchboard.console.action.Change;
import dev.switchboard.console.action.Changes;
import dev.switchboard.console.action.Current;
import dev.switchboard.console.action.Result;
import dev.switchboard.console.api.ApiFailure;
import dev.switchboard.console.auth.Person;
import dev.switchboard.console.live.LiveGateway;
import java.util.Objects;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;

/** Says what a change is expected to do, asks why, does it and says what became of it. */
public final class ActionDialog extends Dialog {
  private final LiveGateway gateway;
  private final Supplier<Change> change;
  private final Consumer<JsonNode> then;
  private final TextArea reason = Parts.reason();
  private final Checkbox agreement = new Checkbox();
  private final UnorderedList effects = new UnorderedList();
  private final Div outcome = Parts.box("sb-outcome");
  private final Button confirm;
  private @Nullable Change again;

  /** What somebody else left there, once it was read. */
  private @Nullable JsonNode left;

  private Supplier<String> problem = () -> "";

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
    outcome.getElement().setAttribute("role", "alert");
    add(Parts.text("sb-dialog-target", "at " + gateway.name()), effects);
    add(inputs);
    add(agreement, reason, outcome);
    update();
    confirm.addThemeNames(first.risky() ? "error" : "primary");
    confirm.addThemeName("primary");
    confirm.addClickShortcut(Key.ENTER, com.vaadin.flow.component.KeyModifier.CONTROL);
    confirm.setDisableOnClick(true);
    getFooter().add(copy(), new Button("Cancel", _ -> close()), confirm);
  }

  /** Is not done as long as this says what is wrong with the inputs. */
  public void check(Supplier<String> problem) {
    this.problem = problem;
  }

  /** Says again what is expected, since an input changed. */
  public void update() {
    effects.removeAll();
    Change now = wanted();
    setHeaderTitle(now.title());
    confirm.setText(now.title());
    now.effects().forEach(effect -> effects.add(new ListItem(effect)));
    String asked = now.agreement();
    agreement.setVisible(asked != null);
    agreement.setLabel(asked == null ? "" : asked);
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
                            gateway.client().address().uri(), wanted(), reason.getValue())));
    copy.addThemeName("tertiary");
    copy.addClassName("sb-push-left");
    return copy;
  }

  private void run() {
    if (!isOpened()) {
      // Ctrl+Enter was pressed again before the browser heard that it is done.
      return;
    }
    confirm.setEnabled(true);
    outcome.removeAll();
    if (!problem.get().isEmpty()) {
      show(problem.get());
      return;
    }
    if (agreement.isVisible() && !agreement.getValue()) {
      show("Tick the box if that is what you want");
      agreement.focus();
      return;
    }
    if (!Parts.isGiven(reason)) {
      return;
    }
    Person person = Visit.person().orElse(null);
    if (person == null) {
      show("Your session has ended. Sign in again");
      return;
    }
    Change wanted = wanted();
    switch (Services.get().changes().run(gateway, wanted, person, reason.getValue())) {
      case Result.Done done -> {
        close();
        LastChange.remember(gateway, wanted, done.answer());
        then.accept(done.answer());
      }
      case Result.Stale stale -> {
        show(stale.why());
        outcome.add(new Button("Read again", _ -> readAgain(wanted)));
      }
      case Result.Denied denied -> show(denied.why());
      case Result.Failed failed -> show(failed.why());
    }
  }

  /** As the inputs have it, of what is there as far as somebody has seen it. */
  private Change wanted() {
    Change asked = change.get();
    Change seen = again;
    JsonNode now = left;
    if (seen == null || now == null || !asked.path().equals(seen.path())) {
      return asked;
    }
    if (Objects.equals(asked.body(), seen.body())) {
      return seen;
    }
    try {
      return Changes.again(asked, now);
    } catch (ApiFailure _) {
      return asked;
    }
  }

  private void readAgain(Change wanted) {
    outcome.removeAll();
    gateway.refresh();
    JsonNode now;
    try {
      now = Current.read(gateway, wanted.path());
    } catch (ApiFailure e) {
      show("It cannot be read: " + e.sentence());
      return;
    }
    try {
      again = Changes.again(wanted, now);
      left = now;
      update();
      reason.focus();
    } catch (ApiFailure e) {
      show("Not done: " + e.sentence());
    }
  }

  private void show(String text) {
    outcome.removeAll();
    outcome.add(new Icon("alert"), new com.vaadin.flow.component.html.Span(text));
  }
}
