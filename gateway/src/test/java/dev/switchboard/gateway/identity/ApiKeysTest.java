package dev.switchboard.gateway.identity;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.gateway.identity.Caller.Role;
import java.security.SecureRandom;
import java.util.HexFormat;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ApiKeysTest {
  private long nowMs = 1000;
  private final ApiKeys keys = new ApiKeys(config(Role.APP), () -> nowMs);

  @ParameterizedTest
  @CsvSource({
    "Bearer secret, true",
    "bearer secret, true",
    "Bearer secre, false",
    "Bearer secret2, false",
    "Basic secret, false",
    "secret, false",
    "Bearer, false"
  })
  void onlyTheKeyItselfIsAdmitted(String authorization, boolean admitted) {
    assertEquals(admitted, keys.caller(authorization) != null);
  }

  @Test
  void withoutKeysEverybodyIsAdmitted() {
    assertEquals(
        Caller.ANYBODY, new ApiKeys(AuthConfig.DEFAULTS, () -> nowMs).caller("Bearer anything"));
  }

  @Test
  void aKeyThatIsNoHashIsRefusedAtStart() {
    assertThrows(
        IllegalArgumentException.class, () -> new AuthConfig.Key("a", "secret", "t", Role.APP));
  }

  @Test
  void keysThatDifferLateAreTwoKeys() {
    String text = "sb-0123456789012345678901234567890123456789";
    keys.stored(List.of(stored(text + "A", "one", null), stored(text + "B", "two", null)));

    assertEquals("one", name(text + "A"));
    assertEquals("two", name(text + "B"));
    assertNull(name(text + "C"));
    assertNull(name(text));
  }

  @Test
  void aStoredKeyIsGoneAsSoonAsItIsTakenOut() {
    keys.stored(List.of(stored("text", "one", null)));
    assertEquals("one", name("text"));

    keys.stored(List.of());

    assertNull(name("text"));
    assertEquals("configured", name("secret"));
  }

  @Test
  void anExpiredKeyIsRefusedAndOpensNoDoor() {
    ApiKeys fresh = new ApiKeys(AuthConfig.DEFAULTS, () -> nowMs);
    fresh.stored(List.of(stored("text", "one", 2000L)));
    nowMs = 1999;
    assertTrue(fresh.caller("Bearer text") != null);

    nowMs = 2000;

    assertNull(fresh.caller("Bearer text"));
    assertNull(fresh.caller(null));
    assertTrue(fresh.required());
  }

  @Test
  void eachListenerAsksFromTheFirstKeyOnThatOpensIt() {
    ApiKeys admin = new ApiKeys(config(Role.ADMIN), () -> nowMs);

    assertFalse(admin.required());
    assertTrue(admin.requiredForAdmin());
    assertTrue(keys.required());
    assertFalse(keys.requiredForAdmin());
    assertEquals(Caller.ANYBODY, admin.caller("Bearer secret"));
  }

  @ParameterizedTest
  @CsvSource({
    "APP, false, false, false",
    "VIEWER, true, false, false",
    "OPERATOR, true, true, false",
    "ADMIN, true, true, true"
  })
  void aRoleMayWhatThoseBelowItMay(Role role, boolean reads, boolean operates, boolean manages) {
    assertFalse(Role.APP.may(Role.APP));
    assertEquals(reads, role.may(Role.VIEWER));
    assertEquals(operates, role.may(Role.OPERATOR));
    assertEquals(manages, role.may(Role.ADMIN));
  }

  @Test
  void freshKeysAreLongAndDiffer() {
    SecureRandom random = new SecureRandom();
    String key = KeySecret.fresh(random);

    assertTrue(key.matches("sb-[0-9A-Za-z]{43}"), key);
    assertNotEquals(key, KeySecret.fresh(random));
  }

  private @Nullable String name(String text) {
    Caller caller = keys.caller("Bearer " + text);
    return caller == null ? null : caller.key();
  }

  private static AuthConfig config(Role role) {
    return new AuthConfig(List.of(new AuthConfig.Key("configured", hash("secret"), "t", role)));
  }

  private static ApiKey stored(String text, String name, @Nullable Long expiresMs) {
    return new ApiKey(
        "key-" + name, name, "t", Role.APP, hash(text), 0, expiresMs, ApiKey.Facts.NONE);
  }

  private static String hash(String text) {
    return HexFormat.of().formatHex(KeySecret.sha256(text));
  }
}
