package dev.switchboard.console.people;

import com.vaadin.flow.component.Component;
import com.vaadin.flow.component.Key;
import com.vaadin.flow.component.KeyModifier;
import com.vaadin.flow.component.button.Button;
import com.vaadin.flow.component.dialog.Dialog;
import com.vaadin.flow.component.html.Div;
import com.vaadin.flow.component.html.ListItem;
import com.vaadin.flow.component.html.Span;
import com.vaadin.flow.component.html.UnorderedList;
import com.vaadin.flow.component.textfield.TextArea;
import dev.switchboard.console.action.Result;
import dev.switchboard.console.auth.Person;
import dev.switchboard.console.ui.Icon;
import dev.switchboard.console.ui.Parts;
import dev.switchboard.console.ui.Visit;
import java.util.function.Supplier;

/**
 * Says what a change of a person is expected to do, asks why, does it and says what became of it.
 */
final class PersonDialog extends Dialog {
  private final PeoplePresenter presenter;
  private final Supplier<PersonChange> change;
  private final Runnable then;
  private final UnorderedList effects = new UnorderedList();
  private final TextArea reason = Parts.reason();
  private final Div outcome = Parts.box("sb-outcome");
  private final Button confirm;

  /**
   * Of a change.
   *
   * @param change as the inputs have it now
   * @param then is run when it is done
   * @param inputs what has to be said beside the reason
   */
  PersonDialog(
      PeoplePresenter presenter,
      Supplier<PersonChange> change,
      Runnable then,
      Component... inputs) {
    this.presenter = presenter;
    this.change = change;
    this.then = then;
    this.confirm = new Button("", _ -> run());
    setWidth("520px");
    effects.addClassName("sb-effects");
    outcome.getElement().setAttribute("role", "alert");
    add(Parts.text("sb-dialog-target", "in this console"), effects, Parts.box("sb-stack", inputs));
    add(reason, outcome);
    confirm.addThemeNames(change.get().risky() ? "error" : "primary", "primary");
    confirm.addClickShortcut(Key.ENTER, KeyModifier.CONTROL);
    getFooter().add(new Button("Cancel", _ -> close()), confirm);
    update();
  }

  /** Says again what is expected, since an input changed. */
  void update() {
    PersonChange now = change.get();
    setHeaderTitle(now.title());
    confirm.setText(now.title());
    effects.removeAll();
    now.effects().forEach(effect -> effects.add(new ListItem(effect)));
  }

  private void run() {
    if (!isOpened()) {
      // Ctrl+Enter was pressed again before the browser heard that it is done.
      return;
    }
    outcome.removeAll();
    Person person = Visit.person().orElse(null);
    if (person == null) {
      show("Your session has ended. Sign in again");
      return;
    }
    if (!Parts.isGiven(reason)) {
      return;
    }
    switch (presenter.run(change.get(), person, reason.getValue())) {
      case Result.Done _ -> {
        close();
        then.run();
      }
      case Result.Stale stale -> show(stale.why());
      case Result.Denied denied -> show(denied.why());
      case Result.Failed failed -> show(failed.why());
    }
  }

  private void show(String text) {
    outcome.add(new Icon("alert"), new Span(text));
  }
}
