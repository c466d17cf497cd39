package dev.switchboard.console.ui;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.vaadin.flow.component.button.Button;
import com.vaadin.flow.component.html.Pre;
import com.vaadin.flow.component.sidenav.SideNavItem;
import dev.switchboard.console.action.Change;
import dev.switchboard.console.action.Result;
import dev.switchboard.console.api.FakeGateway;
import dev.switchboard.console.api.Role;
import dev.switchboard.console.playground.PlaygroundPresenter;
import dev.switchboard.console.system.SystemPresenter;
import java.time.Clock;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import tools.jackson.databind.json.JsonMapper;

class OtherViewsTest extends ConsoleViewTest {
  @Test
  void auditAsksForWhatTheAddressSays() {
    as(Role.VIEWER);

    go("audit", "action=drain&status=200&from=");

    assertTrue(
        fake.calls().stream()
            .anyMatch(
                call -> call.path().equals("/admin/v1/audit?action=drain&status=200&limit=200")));
    assertTrue(text().contains("entries, the newest first"));
  }

  @ParameterizedTest
  @EnumSource(Role.class)
  void systemOffersWhatTheRoleMay(Role role) {
    as(role);

    go("system");

    assertEquals(role == Role.ADMIN, button("Reload configuration").isEnabled());
    assertEquals(role.includes(Role.OPERATOR), button("Set trace level").isEnabled());
  }

  static Stream<Arguments> systemChangesByRole() {
    SystemPresenter presenter = new SystemPresenter(gateway(), Clock.systemUTC());
    PlaygroundPresenter playground = new PlaygroundPresenter(gateway(), Clock.systemUTC());
    return Stream.of(Role.values())
        .flatMap(
            role ->
                Stream.of(
                    Arguments.of(
                        role, presenter.level(1), Role.OPERATOR, "PUT /admin/v1/trace-levels"),
                    Arguments.of(
                        role, presenter.reload(), Role.ADMIN, "POST /admin/v1/config/reload"),
                    Arguments.of(role, playground.makeKey(), Role.ADMIN, "POST /admin/v1/keys")));
  }

  @ParameterizedTest
  @MethodSource("systemChangesByRole")
  void eachChangeTakesItsRole(Role role, Change change, Role needs, String route) {
    Result result = Services.get().changes().run(gateway(), change, person(role), "a test");

    if (role.includes(needs)) {
      assertInstanceOf(Result.Done.class, result);
      FakeGateway.Call call = fake.changes().getFirst();
      assertEquals(route, call.method() + " " + call.path());
    } else {
      assertInstanceOf(Result.Denied.class, result);
      assertEquals(List.of(), fake.changes());
    }
  }

  @Test
  void aTraceLevelGoesBackToWhatItWas() throws Exception {
    Change change = new SystemPresenter(gateway(), Clock.systemUTC()).level(1);

    Change back =
        Objects.requireNonNull(change.revert()).change(JsonMapper.shared().createObjectNode());

    assertEquals("{\"level\":2}", String.valueOf(back.body()));
  }

  @Test
  void everyViewOfTheNavigationHasAKeyOfItsOwnAndTheListNamesIt() {
    as(Role.ADMIN);
    go("audit");
    List<SideNavItem> items = find(SideNavItem.class).all();
    List<String> keys =
        items.stream().map(i -> String.valueOf(i.getElement().getAttribute("data-key"))).toList();
    assertEquals(10, items.size());
    assertEquals(items.size(), Set.copyOf(keys).size(), keys.toString());

    Button help =
        find(Button.class)
            .withCondition(b -> "Keyboard".equals(b.getAriaLabel().orElse("")))
            .single();
    test(help).click();

    String said =
        find(PlainTable.class).all().stream()
            .map(t -> t.getElement().getTextRecursively())
            .reduce("", String::concat);
    keys.forEach(key -> assertTrue(said.contains("g " + key), said));
  }

  @Test
  void systemShowsTheConfiguration() {
    as(Role.VIEWER);

    go("system");

    assertTrue(find(Pre.class).all().stream().anyMatch(pre -> pre.getText().contains("\"slo\"")));
  }

  @Test
  void theFrameSaysHowGatewaysAre() {
    as(Role.VIEWER);

    go("audit");

    assertTrue(find(Badge.class).all().stream().anyMatch(b -> said(b).equals("gw · live")));
  }

  private static String said(Badge badge) {
    return badge.getElement().getTextRecursively();
  }

  private Button button(String text) {
    return find(Button.class).all().stream()
        .filter(button -> button.getText().equals(text))
        .findFirst()
        .orElseThrow();
  }
}
