package dev.switchboard.console.people;

import com.vaadin.flow.component.Component;
import com.vaadin.flow.component.button.Button;
import com.vaadin.flow.component.grid.Grid;
import com.vaadin.flow.component.html.Div;
import com.vaadin.flow.component.html.Span;
import com.vaadin.flow.component.select.Select;
import com.vaadin.flow.component.textfield.Autocomplete;
import com.vaadin.flow.component.textfield.PasswordField;
import com.vaadin.flow.component.textfield.TextField;
import com.vaadin.flow.data.value.ValueChangeMode;
import com.vaadin.flow.router.PageTitle;
import com.vaadin.flow.router.Route;
import dev.switchboard.console.api.Role;
import dev.switchboard.console.auth.Person;
import dev.switchboard.console.ui.Format;
import dev.switchboard.console.ui.MainLayout;
import dev.switchboard.console.ui.Needs;
import dev.switchboard.console.ui.Parts;
import dev.switchboard.console.ui.PlainTable;
import dev.switchboard.console.ui.Services;
import dev.switchboard.console.ui.Toast;

/** Who may sign in, and as what. Every change asks again whether the person is an admin. */
@Route(value = "people", layout = MainLayout.class)
@PageTitle("People · Switchboard")
@Needs(Role.ADMIN)
public final class PeopleView extends Div {
  private final PeoplePresenter presenter =
      new PeoplePresenter(Services.get().signIn().users(), Services.get().clock());
  private final Grid<Person> grid = new Grid<>();
  private final PlainTable log = new PlainTable("UTC", "Who", "Did", "Reason", "Outcome");

  public PeopleView() {
    addClassName("sb-view");
    grid.addColumn(Person::name).setHeader("Name").setFlexGrow(2);
    grid.addColumn(person -> person.role().word()).setHeader("Role").setFlexGrow(1);
    grid.addColumn(person -> Format.full(person.since())).setHeader("Since, UTC").setFlexGrow(1);
    grid.addComponentColumn(this::actions).setHeader("").setFlexGrow(0).setWidth("330px");
    grid.setAllRowsVisible(true);
    grid.setSelectionMode(Grid.SelectionMode.NONE);
    grid.addThemeNames("no-border");
    grid.getElement().setAttribute("aria-label", "People");
    Span line =
        Parts.text("sb-head-line", "Viewers read, operators drain and restart, admins do all.");
    Button add = Parts.button("plus", "Add somebody", this::add);
    add.addThemeName("primary");
    add(
        Parts.head("People", line, add),
        Parts.box("sb-card", Parts.box("sb-table", grid)),
        Parts.card(
            "What was changed",
            Parts.text(
                "sb-muted sb-small", "The newest 200, from people.jsonl of the state folder"),
            new Component[] {log}));
    show();
  }

  private void show() {
    grid.setItems(presenter.people());
    log.show(presenter.log());
  }

  private Component actions(Person person) {
    return Parts.box(
        "sb-row",
        Parts.rowButton("edit", "Role", "Role of " + person.name(), () -> role(person)),
        Parts.rowButton("key", "Password", "Password of " + person.name(), () -> password(person)),
        Parts.rowButton("trash", "Remove", "Remove " + person.name(), () -> remove(person)));
  }

  private static Select<Role> roles(Role chosen) {
    Select<Role> role = new Select<>();
    role.setLabel("Role");
    role.setItems(Role.values());
    role.setItemLabelGenerator(Role::word);
    role.setValue(chosen);
    return role;
  }

  private static PasswordField newPassword() {
    PasswordField password = new PasswordField("Password");
    password.setMaxLength(256);
    password.setHelperText("10 characters or more");
    password.setAutocomplete(Autocomplete.NEW_PASSWORD);
    return password;
  }

  private void add() {
    TextField name = new TextField("Name");
    name.setMaxLength(64);
    name.setValueChangeMode(ValueChangeMode.EAGER);
    PasswordField password = newPassword();
    Select<Role> role = roles(Role.VIEWER);
    PersonDialog dialog =
        new PersonDialog(
            presenter,
            () -> presenter.add(name.getValue().strip(), role.getValue(), password.getValue()),
            () -> done("Added"),
            name,
            role,
            password);
    name.addValueChangeListener(_ -> dialog.update());
    role.addValueChangeListener(_ -> dialog.update());
    dialog.open();
  }

  private void role(Person person) {
    Select<Role> role = roles(person.role());
    PersonDialog dialog =
        new PersonDialog(
            presenter,
            () -> presenter.role(person, role.getValue()),
            () -> done("The role is changed"),
            role);
    role.addValueChangeListener(_ -> dialog.update());
    dialog.open();
  }

  private void password(Person person) {
    PasswordField password = newPassword();
    new PersonDialog(
            presenter,
            () -> presenter.password(person, password.getValue()),
            () -> done("The password is changed"),
            password)
        .open();
  }

  private void remove(Person person) {
    new PersonDialog(presenter, () -> presenter.remove(person), () -> done("Removed")).open();
  }

  private void done(String what) {
    Toast.done(what);
    show();
  }
}
