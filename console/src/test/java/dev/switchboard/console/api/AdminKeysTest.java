package dev.switchboard.console.api;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class AdminKeysTest {
  @Test
  void aPersonActsWithTheKeyOfHisRoleOrTheNextBelow() {
    AdminKeys keys = new AdminKeys(Map.of(Role.VIEWER, "v", Role.ADMIN, "a"));

    assertEquals(Optional.of("v"), keys.forRole(Role.VIEWER));
    assertEquals(Optional.of("v"), keys.forRole(Role.OPERATOR));
    assertEquals(Optional.of("a"), keys.forRole(Role.ADMIN));
    assertEquals(Optional.of("v"), keys.forReading());
  }

  @Test
  void nobodyActsWithAKeyAboveHisRole() {
    AdminKeys keys = new AdminKeys(Map.of(Role.ADMIN, "a"));

    assertEquals(Optional.empty(), keys.forRole(Role.OPERATOR));
  }

  @Test
  void theFileWinsOverTheEnvironment() {
    Map<Role, String> file = AdminKeys.parse(List.of("# ours", "", "viewer = file"));
    Map<String, String> environment =
        Map.of(
            "SWITCHBOARD_CONSOLE_VIEWER_KEY", "env", "SWITCHBOARD_CONSOLE_ADMIN_KEY", "env-admin");

    AdminKeys keys = AdminKeys.of(file, environment);

    assertEquals(Map.of(Role.VIEWER, "file", Role.ADMIN, "env-admin"), keys.byRole());
    assertFalse(keys.toString().contains("file"));
  }

  @Test
  void aLineThatIsNoneIsNamed() {
    IllegalArgumentException wrong =
        assertThrows(
            IllegalArgumentException.class, () -> AdminKeys.parse(List.of("viewer=v", "root=x")));

    assertEquals("line 2 must be viewer=KEY, operator=KEY or admin=KEY", wrong.getMessage());
  }
}
