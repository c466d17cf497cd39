package dev.switchboard.console.ui;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.vaadin.flow.component.UI;
import com.vaadin.flow.component.button.Button;
import com.vaadin.flow.component.textfield.PasswordField;
import com.vaadin.flow.component.textfield.TextField;
import com.vaadin.flow.router.Route;
import com.vaadin.flow.router.RouteConfiguration;
import dev.switchboard.console.api.Role;
import dev.switchboard.console.audit.AuditView;
import dev.switchboard.console.people.PeopleView;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class GateTest extends ConsoleViewTest {
  @ParameterizedTest
  @ValueSource(
      strings = {"", "requests", "audit", "system", "people", "replicas/gw/w0", "requests/gw/x"})
  void whoHasNotSignedInIsAskedTo(String path) {
    go(path);

    assertInstanceOf(SignInView.class, getCurrentView());
  }

  @ParameterizedTest
  @EnumSource(
      value = Role.class,
      names = {"VIEWER", "OPERATOR"})
  void onlyAdminsSeePeople(Role role) {
    as(role);

    go("people");

    assertInstanceOf(NotFoundView.class, getCurrentView());
  }

  @Test
  void adminsSeePeople() {
    as(Role.ADMIN);

    navigate(PeopleView.class);

    assertTrue(find(Button.class).all().stream().anyMatch(b -> b.getText().equals("Add somebody")));
  }

  @Test
  void everyViewSaysWhoMaySeeIt() {
    for (var route : RouteConfiguration.forApplicationScope().getAvailableRoutes()) {
      Class<?> view = route.getNavigationTarget();
      assertTrue(
          view.isAnnotationPresent(Needs.class) ^ view.isAnnotationPresent(Open.class),
          view + " must have @Needs or @Open");
      assertTrue(view.isAnnotationPresent(Route.class));
    }
  }

  @Test
  void whatIsNoViewIsNotFound() {
    as(Role.VIEWER);

    go("nothing");

    assertInstanceOf(NotFoundView.class, getCurrentView());
  }

  @Test
  void aWrongPasswordDoesNotSignIn() {
    navigate(SignInView.class);
    test(find(TextField.class).single()).setValue("viewer");
    test(find(PasswordField.class).single()).setValue("not this one");

    test(find(Button.class).single()).click();

    assertTrue(Visit.person().isEmpty());
    assertTrue(text().contains("Name or password is wrong."), text());
  }

  @Test
  void theRightPasswordSignsIn() {
    navigate(SignInView.class);
    test(find(TextField.class).single()).setValue("operator");
    test(find(PasswordField.class).single()).setValue(PASSWORD);

    test(find(Button.class).single()).click();

    assertEquals(Role.OPERATOR, Visit.person().orElseThrow().role());
  }

  @Test
  void whoIsAddedUnderTheNameOfSomebodyRemovedIsSomebodyElse() {
    signIn.users().add("namesake", Role.VIEWER, PASSWORD);
    Visit.begin(signIn.users().find("namesake").orElseThrow());
    signIn.users().remove("namesake");
    signIn.users().add("namesake", Role.ADMIN, "another horse");

    go("people");

    assertInstanceOf(SignInView.class, getCurrentView());
  }

  @Test
  void aChangeOfRoleSignsNobodyOut() {
    signIn.users().add("promoted", Role.VIEWER, PASSWORD);
    Visit.begin(signIn.users().find("promoted").orElseThrow());

    signIn.users().changeRole("promoted", Role.ADMIN);

    assertEquals(Role.ADMIN, Visit.person().orElseThrow().role());
  }

  private static MainLayout frame() {
    return (MainLayout)
        UI.getCurrent()
            .getChildren()
            .filter(MainLayout.class::isInstance)
            .findFirst()
            .orElseThrow();
  }

  @Test
  void whoIsRemovedIsShownNothingMoreThoughThePageStaysOpen() {
    signIn.users().add("leaver", Role.VIEWER, PASSWORD);
    Visit.begin(signIn.users().find("leaver").orElseThrow());
    go("audit");
    MainLayout frame = frame();
    frame.refresh();
    assertInstanceOf(AuditView.class, frame.getContent());

    signIn.users().remove("leaver");
    frame.refresh();

    assertNull(frame.getContent());
  }

  @Test
  void whoIsAnAdminNoMoreIsShownNoPeopleThoughThePageStaysOpen() {
    signIn.users().add("demoted", Role.ADMIN, PASSWORD);
    Visit.begin(signIn.users().find("demoted").orElseThrow());
    go("people");
    MainLayout frame = frame();

    signIn.users().changeRole("demoted", Role.OPERATOR);
    frame.refresh();

    assertNull(frame.getContent());
  }

  @Test
  void whoIsRemovedIsNotSignedInAnyMore() {
    signIn.users().add("guest", Role.VIEWER, PASSWORD);
    Visit.begin(signIn.users().find("guest").orElseThrow());
    signIn.users().remove("guest");

    go("requests");

    assertInstanceOf(SignInView.class, getCurrentView());
  }
}
