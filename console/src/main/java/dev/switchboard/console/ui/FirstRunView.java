package dev.switchboard.console.ui;

import com.vaadin.flow.component.Key;
import com.vaadin.flow.component.button.Button;
import com.vaadin.flow.component.html.Div;
import com.vaadin.flow.component.html.H1;
import com.vaadin.flow.component.html.Paragraph;
import com.vaadin.flow.component.html.Span;
import com.vaadin.flow.component.textfield.Autocomplete;
import com.vaadin.flow.component.textfield.PasswordField;
import com.vaadin.flow.component.textfield.TextField;
import com.vaadin.flow.router.BeforeEnterEvent;
import com.vaadin.flow.router.BeforeEnterObserver;
import com.vaadin.flow.router.PageTitle;
import com.vaadin.flow.router.Route;
import dev.switchboard.console.auth.SignIn;
import java.io.UncheckedIOException;

/** Makes the first admin, for whoever has the token that the console printed. */
@Route("first-run")
@PageTitle("First run · Switchboard")
@Open
public final class FirstRunView extends Div implements BeforeEnterObserver {
  private final TextField token = new TextField("First-run token");
  private final TextField name = new TextField("Name");
  private final PasswordField password = new PasswordField("Password");
  private final Div message = Parts.box("sb-outcome");

  public FirstRunView() {
    addClassName("sb-door");
    name.setMaxLength(64);
    name.setAutofocus(true);
    name.setAutocomplete(Autocomplete.USERNAME);
    token.setMaxLength(64);
    token.setAutocomplete(Autocomplete.OFF);
    password.setMaxLength(256);
    password.setHelperText("10 characters or more");
    password.setAutocomplete(Autocomplete.NEW_PASSWORD);
    message.getElement().setAttribute("role", "alert");
    Button make = new Button("Make the first admin", _ -> tryIt());
    make.addThemeName("primary");
    make.addClickShortcut(Key.ENTER);
    H1 title = new H1("Welcome to Switchboard");
    Paragraph line = new Paragraph("Make the first user, an admin who can add others.");
    add(
        Parts.box(
            "sb-door-card", new Icon("mark"), title, line, token, name, password, message, make));
  }

  @Override
  public void beforeEnter(BeforeEnterEvent event) {
    if (Services.get().signIn().users().hasAdmin()) {
      event.forwardTo(SignInView.class);
      return;
    }
    event
        .getLocation()
        .getQueryParameters()
        .getSingleParameter("token")
        .ifPresent(
            text -> {
              token.setValue(text);
              token.setVisible(false);
            });
  }

  private void tryIt() {
    SignIn signIn = Services.get().signIn();
    try {
      String as = name.getValue().strip();
      if (signIn.makeFirstAdmin(
          token.getValue().strip(), as, password.getValue(), Visit.address())) {
        signIn.users().find(as).ifPresent(Visit::begin);
        getUI().ifPresent(ui -> ui.getPage().setLocation("/"));
      } else {
        token.setVisible(true);
        show("The token is not valid: it works once, for an hour after the console's start.");
      }
    } catch (IllegalArgumentException e) {
      show("This will not do: " + e.getMessage() + ".");
    } catch (UncheckedIOException e) {
      show("Nobody was made: " + e.getMessage() + ".");
    }
  }

  private void show(String text) {
    message.removeAll();
    message.add(new Icon("alert"), new Span(text));
  }
}
