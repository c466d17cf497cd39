package dev.switchboard.console.ui;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.vaadin.flow.component.UI;
import com.vaadin.flow.component.button.Button;
import com.vaadin.flow.component.html.Pre;
import dev.switchboard.console.api.Role;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

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

    UI.getCurrent().navigate("system");

    assertEquals(role == Role.ADMIN, button("Reload configuration").isEnabled());
    assertEquals(role.includes(Role.OPERATOR), button("Set trace level").isEnabled());
  }

  @Test
  void systemShowsTheConfiguration() {
    as(Role.VIEWER);

    UI.getCurrent().navigate("system");

    assertTrue(find(Pre.class).all().stream().anyMatch(pre -> pre.getText().contains("\"slo\"")));
  }

  @Test
  void theFrameSaysHowGatewaysAre() {
    as(Role.VIEWER);

    UI.getCurrent().navigate("audit");

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
