package dev.switchboard.console.people;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.vaadin.flow.component.button.Button;
import com.vaadin.flow.component.dialog.Dialog;
import com.vaadin.flow.component.grid.Grid;
import com.vaadin.flow.component.select.Select;
import com.vaadin.flow.component.textfield.PasswordField;
import com.vaadin.flow.component.textfield.TextArea;
import com.vaadin.flow.component.textfield.TextField;
import dev.switchboard.console.action.Result;
import dev.switchboard.console.api.Role;
import dev.switchboard.console.auth.PeopleLog;
import dev.switchboard.console.auth.Person;
import dev.switchboard.console.auth.Users;
import dev.switchboard.console.ui.ConsoleViewTest;
import dev.switchboard.console.ui.Visit;
import java.time.Clock;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class PeopleViewTest extends ConsoleViewTest {
  private static final int ACTIONS = 3;
  private static final String OTHER_PASSWORD = "battery staple";

  private static Users users() {
    return signIn.users();
  }

  private static PeoplePresenter presenter() {
    return new PeoplePresenter(users(), Clock.systemUTC());
  }

  enum Command {
    ADD,
    ROLE,
    PASSWORD,
    REMOVE;

    PersonChange of(String name) {
      if (this == ADD) {
        return presenter().add(name, Role.VIEWER, ConsoleViewTest.PASSWORD);
      }
      Person person = users().add(name, Role.VIEWER, ConsoleViewTest.PASSWORD);
      return switch (this) {
        case ROLE -> presenter().role(person, Role.OPERATOR);
        case PASSWORD -> presenter().password(person, OTHER_PASSWORD);
        case ADD, REMOVE -> presenter().remove(person);
      };
    }

    boolean done(String name) {
      Optional<Person> now = users().find(name);
      return switch (this) {
        case ADD -> now.isPresent();
        case ROLE -> now.orElseThrow().role() == Role.OPERATOR;
        case PASSWORD -> users().verify(name, OTHER_PASSWORD).isPresent();
        case REMOVE -> now.isEmpty();
      };
    }
  }

  static Stream<Arguments> commandsByRole() {
    return Stream.of(Command.values())
        .flatMap(command -> Stream.of(Role.values()).map(role -> Arguments.of(command, role)));
  }

  @ParameterizedTest
  @MethodSource("commandsByRole")
  void eachChangeTakesAnAdminAndIsWrittenDown(Command command, Role role) {
    String name = command + "-by-" + role.word();
    PersonChange change = command.of(name);
    assertFalse(command.done(name));

    Result result = presenter().run(change, person(role), "a test");

    boolean may = role == Role.ADMIN;
    assertEquals(may ? Result.Done.class : Result.Denied.class, result.getClass());
    assertEquals(may, command.done(name));
    PeopleLog.Entry entry = users().log().newest().getFirst();
    assertEquals(role.word(), entry.who());
    assertEquals(change.did(), entry.did());
    assertTrue(entry.did().contains(name), entry.did());
    assertEquals("a test", entry.reason());
    assertEquals(may ? "done" : "denied", entry.outcome());
  }

  @Test
  void whatWillNotDoIsWrittenDownWithWhy() {
    int admins = (int) users().all().stream().filter(p -> p.role() == Role.ADMIN).count();
    assertEquals(1, admins);

    Result result = presenter().run(presenter().remove(person(Role.ADMIN)), admin(), "by mistake");

    assertInstanceOf(Result.Failed.class, result);
    assertTrue(users().find("admin").isPresent());
    assertEquals("somebody must stay an admin", users().log().newest().getFirst().outcome());
  }

  private static Person admin() {
    return person(Role.ADMIN);
  }

  private Button button(String text) {
    return find(Button.class).all().stream()
        .filter(b -> b.getText().equals(text))
        .findFirst()
        .orElseThrow();
  }

  /** A button of somebody's row. */
  private Button ofRow(String label) {
    Grid<?> grid = find(Grid.class).single();
    for (int row = 0; row < test(grid).size(); row++) {
      Optional<Button> found =
          test(grid)
              .getCellComponent(row, ACTIONS)
              .getChildren()
              .map(Button.class::cast)
              .filter(b -> b.getAriaLabel().orElse("").equals(label))
              .findFirst();
      if (found.isPresent()) {
        return found.get();
      }
    }
    throw new AssertionError("no button " + label);
  }

  @Test
  void nobodyIsRemovedWithoutAReason() {
    users().add("bob", Role.OPERATOR, PASSWORD);
    as(Role.ADMIN);
    go("people");
    ofRow("Remove bob").click();
    Dialog dialog = find(Dialog.class).single();
    assertTrue(
        dialog.getElement().getTextRecursively().contains("bob can no longer sign in"),
        dialog.getElement().getTextRecursively());
    Button confirm = button("Remove bob");

    test(confirm).click();
    assertTrue(find(TextArea.class).single().isInvalid());
    assertTrue(users().find("bob").isPresent());

    test(find(TextArea.class).single()).setValue("left the company");
    test(confirm).click();
    assertTrue(users().find("bob").isEmpty());
    assertTrue(text().contains("remove bob, operator"), text());
    assertTrue(text().contains("left the company"), text());
  }

  @Test
  void aRoleIsChangedOnlyWhenThatIsConfirmed() {
    users().add("carol", Role.VIEWER, PASSWORD);
    as(Role.ADMIN);
    go("people");
    ofRow("Role of carol").click();
    @SuppressWarnings("unchecked")
    Select<Role> role = find(Select.class).single();

    role.setValue(Role.OPERATOR);

    assertEquals(Role.VIEWER, users().find("carol").orElseThrow().role());
    String said = find(Dialog.class).single().getElement().getTextRecursively();
    assertTrue(said.contains("carol is an operator"), said);
    test(find(TextArea.class).single()).setValue("on call from today");
    test(button("Change role of carol")).click();
    assertEquals(Role.OPERATOR, users().find("carol").orElseThrow().role());
  }

  @Test
  void anAdminAddsSomebody() {
    as(Role.ADMIN);
    go("people");
    test(button("Add somebody")).click();
    find(TextField.class).withLabel("Name").single().setValue("<b>new");
    find(PasswordField.class).single().setValue(PASSWORD);
    test(find(TextArea.class).single()).setValue("joins");

    test(button("Add <b>new")).click();

    assertTrue(users().find("<b>new").isEmpty());
    String said = find(Dialog.class).single().getElement().getTextRecursively();
    assertTrue(said.contains("Not done: the name must be"), said);
    find(TextField.class).withLabel("Name").single().setValue("newcomer");
    test(button("Add newcomer")).click();
    assertEquals(Role.VIEWER, users().find("newcomer").orElseThrow().role());
  }

  @Test
  void whoConfirmsTwiceBeforeTheBrowserHearsOfItChangesOnce() {
    users().add("dora", Role.OPERATOR, PASSWORD);
    as(Role.ADMIN);
    go("people");
    ofRow("Remove dora").click();
    test(find(TextArea.class).single()).setValue("left the company");
    Button confirm = button("Remove dora");
    Dialog dialog = find(Dialog.class).single();

    confirm.click();
    confirm.click();

    assertTrue(users().find("dora").isEmpty());
    String said = dialog.getElement().getTextRecursively();
    assertFalse(said.contains("there is no user"), said);
  }

  @Test
  void whoIsNoAdminAnyMoreAddsNobody() {
    users().add("leaver", Role.ADMIN, PASSWORD);
    Visit.begin(users().find("leaver").orElseThrow());
    go("people");
    test(button("Add somebody")).click();
    find(TextField.class).withLabel("Name").single().setValue("friend");
    find(PasswordField.class).single().setValue(PASSWORD);
    test(find(TextArea.class).single()).setValue("a friend");
    users().changeRole("leaver", Role.VIEWER);

    test(button("Add friend")).click();

    assertTrue(users().find("friend").isEmpty());
  }
}
