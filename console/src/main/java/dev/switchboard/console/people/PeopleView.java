package dev.switchboard.console.people;

import com.vaadin.flow.component.Component;
import com.vaadin.flow.component.button.Button;
import com.vaadin.flow.component.confirmdialog.ConfirmDialog;
import com.vaadin.flow.component.dialog.Dialog;
import com.vaadin.flow.component.grid.Grid;
import com.vaadin.flow.component.html.Div;
import com.vaadin.flow.component.html.Span;
import com.vaadin.flow.component.select.Select;
import com.vaadin.flow.component.textfield.Autocomplete;
import com.vaadin.flow.component.textfield.PasswordField;
import com.vaadin.flow.component.textfield.TextField;
import com.vaadin.flow.router.PageTitle;
import com.vaadin.flow.router.Route;
import dev.switchboard.console.api.Role;
import dev.switchboard.console.auth.Person;
import dev.switchboard.console.auth.Users;
import dev.switchboard.console.ui.Format;
import dev.switchboard.console.ui.Icon;
import dev.switchboard.console.ui.MainLayout;
import dev.switchboard.console.ui.Needs;
import dev.switchboard.console.ui.Parts;
import dev.switchboard.console.ui.Services;
import dev.switchboard.console.ui.Toast;
import dev.switchboard.console.ui.Visit;

/** Who may sign in, and as what. Every change asks again whether the person is an admin. */
@Route(value = "people", layout = MainLayout.class)
@PageTitle("People · Switchboard")
@Needs(Role.ADMIN)
public final class PeopleView extends Div {
  private final Grid<Person> grid = new Grid<>();

  public PeopleView() {
    addClassName("sb-view");
    grid.addColumn(Person::name).setHeader("Name").setFlexGrow(2);
    grid.addComponentColumn(this::role).setHeader("Role").setFlexGrow(1);
    grid.addColumn(person -> Format.full(person.since())).setHeader("Since, UTC").setFlexGrow(1);
    grid.addComponentColumn(this::actions).setHeader("").setFlexGrow(0).setWidth("120px");
    grid.setAllRowsVisible(true);
    grid.setSelectionMode(Grid.SelectionMode.NONE);
    grid.addThemeNames("no-border");
    grid.getElement().setAttribute("aria-label", "People");
    Span line =
        Parts.text("sb-head-line", "Viewers read, operators drain and restart, admins do all.");
    Button add = Parts.button("plus", "Add somebody", () -> ask(null));
    add.addThemeName("primary");
    add(Parts.head("People", line, add), Parts.box("sb-card", Parts.box("sb-table", grid)));
    show();
  }

  private static Users users() {
    return Services.get().signIn().users();
  }

  private void show() {
    grid.setItems(users().all());
  }

  private Component role(Person person) {
    Select<Role> role = new Select<>();
    role.setItems(Role.values());
    role.setItemLabelGenerator(Role::word);
    role.setValue(person.role());
    role.setAriaLabel("Role of " + person.name());
    role.addValueChangeListener(
        e -> attempt(() -> users().changeRole(person.name(), e.getValue()), "The role is changed"));
    return role;
  }

  private Component actions(Person person) {
    return Parts.box(
        "sb-row",
        Parts.iconButton("key", "New password for " + person.name(), () -> ask(person)),
        Parts.iconButton("trash", "Remove " + person.name(), () -> remove(person)));
  }

  private void remove(Person person) {
    ConfirmDialog dialog = new ConfirmDialog();
    dialog.setHeader("Remove " + person.name());
    dialog.setText("He cannot sign in any more, and is signed out where he is.");
    dialog.setCancelable(true);
    dialog.setConfirmText("Remove");
    dialog.setConfirmButtonTheme("error primary");
    dialog.addConfirmListener(_ -> attempt(() -> users().remove(person.name()), "Removed"));
    dialog.open();
  }

  private void ask(@org.jspecify.annotations.Nullable Person person) {
    TextField name = new TextField("Name");
    PasswordField password = new PasswordField("Password");
    Select<Role> role = new Select<>();
    role.setLabel("Role");
    role.setItems(Role.values());
    role.setItemLabelGenerator(Role::word);
    role.setValue(Role.VIEWER);
    name.setVisible(person == null);
    role.setVisible(person == null);
    name.setMaxLength(64);
    password.setMaxLength(256);
    password.setHelperText("10 characters or more");
    password.setAutocomplete(Autocomplete.NEW_PASSWORD);
    Dialog dialog =
        new Dialog(person == null ? "Add somebody" : "New password for " + person.name());
    Button done =
        new Button(
            person == null ? "Add" : "Set password",
            new Icon("check"),
            _ -> {
              boolean worked =
                  person == null
                      ? attempt(
                          () ->
                              users()
                                  .add(
                                      name.getValue().strip(),
                                      role.getValue(),
                                      password.getValue()),
                          "Added")
                      : attempt(
                          () -> users().changePassword(person.name(), password.getValue()),
                          "The password is changed");
              if (worked) {
                dialog.close();
              }
            });
    done.addThemeName("primary");
    dialog.add(Parts.box("sb-stack", name, role, password));
    dialog.getFooter().add(new Button("Cancel", _ -> dialog.close()), done);
    dialog.open();
  }

  private boolean attempt(Runnable change, String done) {
    try {
      if (Visit.person().filter(p -> p.role() == Role.ADMIN).isEmpty()) {
        throw new IllegalArgumentException("this takes the role admin");
      }
      change.run();
      Toast.done(done);
      return true;
    } catch (IllegalArgumentException e) {
      Toast.failed("Not done: " + e.getMessage());
      return false;
    } finally {
      show();
    }
  }
}
