package dev.switchboard.console.ui;

import com.vaadin.flow.component.Key;
import com.vaadin.flow.component.button.Button;
import com.vaadin.flow.component.html.Div;
import com.vaadin.flow.component.html.H1;
import com.vaadin.flow.component.textfield.PasswordField;
import com.vaadin.flow.component.textfield.TextField;
import com.vaadin.flow.router.BeforeEnterEvent;
import com.vaadin.flow.router.BeforeEnterObserver;
import com.vaadin.flow.router.PageTitle;
import com.vaadin.flow.router.Route;
import dev.switchboard.console.auth.SignIn;

/** Asks for name and password. */
@Route("sign-in")
@PageTitle("Sign in · Switchboard")
@Open
public final class SignInView extends Div implements BeforeEnterObserver {
  private final TextField name = new TextField("Name");
  private final PasswordField password = new PasswordField("Password");
  private final Div message = Parts.box("sb-outcome");

  public SignInView() {
    addClassName("sb-door");
    name.setAutofocus(true);
    name.setMaxLength(64);
    name.setAutocomplete(com.vaadin.flow.component.textfield.Autocomplete.USERNAME);
    password.setMaxLength(256);
    password.setAutocomplete(com.vaadin.flow.component.textfield.Autocomplete.CURRENT_PASSWORD);
    message.getElement().setAttribute("role", "alert");
    Button enter = new Button("Sign in", _ -> tryIt());
    enter.addThemeName("primary");
    enter.addClickShortcut(Key.ENTER);
    H1 title = new H1("Sign in to Switchboard");
    add(Parts.box("sb-door-card", new Icon("mark"), title, name, password, message, enter));
    if (Services.get().signIn().firstRunToken() != null) {
      show("info", "There is no user yet. Open the first-run address that the console printed.");
    }
  }

  @Override
  public void beforeEnter(BeforeEnterEvent event) {
    if (Visit.person().isPresent()) {
      event.forwardTo("");
    }
  }

  private void tryIt() {
    SignIn.Outcome outcome =
        Services.get()
            .signIn()
            .tryPassword(name.getValue().strip(), password.getValue(), Visit.address());
    password.clear();
    switch (outcome) {
      case SignIn.Outcome.Welcome welcome -> {
        String wanted = Visit.wanted();
        Visit.begin(welcome.person());
        getUI().ifPresent(ui -> ui.getPage().setLocation("/" + wanted));
      }
      case SignIn.Outcome.Wrong _ -> show("alert", "Name or password is wrong.");
      case SignIn.Outcome.Wait wait ->
          show(
              "alert",
              "Too many tries. Try again in " + Format.duration(wait.left().plusSeconds(1)) + ".");
    }
  }

  private void show(String icon, String text) {
    message.removeAll();
    message.add(new Icon(icon), new com.vaadin.flow.component.html.Span(text));
  }
}
