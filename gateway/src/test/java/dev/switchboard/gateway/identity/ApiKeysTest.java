package dev.switchboard.gateway.identity;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ApiKeysTest {
  /** SHA-256 of {@code secret}. */
  private static final String HASH =
      "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b";

  private final ApiKeys keys =
      new ApiKeys(new AuthConfig(List.of(new AuthConfig.Key("app", HASH))));

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
    assertEquals(Caller.ANYBODY, new ApiKeys(AuthConfig.DEFAULTS).caller(null));
  }

  @Test
  void aKeyThatIsNoHashIsRefusedAtStart() {
    assertThrows(IllegalArgumentException.class, () -> new AuthConfig.Key("app", "secret"));
  }
}
