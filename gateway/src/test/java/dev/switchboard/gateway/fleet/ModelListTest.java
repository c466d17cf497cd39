package dev.switchboard.gateway.fleet;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.charset.StandardCharsets;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class ModelListTest {
  private static @Nullable ModelList of(ModelList.Check check, int status, String body) {
    return ModelList.complaint(
        check, "m", status, null, null, body.getBytes(StandardCharsets.UTF_8));
  }

  private static String why(ModelList.Check check, int status, String body) {
    return Objects.requireNonNull(of(check, status, body)).why();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{\"object\":\"list\",\"data\":[{\"id\":\"x\"},{\"id\":\"m\"}]}",
        "{\"data\":[{\"meta\":{\"id\":[1]},\"id\":\"m\"}],\"more\":[{}]}",
        "{\"models\":[{\"name\":\"m\"}]}",
        "{\"data\":[{\"id\":\"x\",\"aliases\":[\"y\",\"m\"]}]}",
        " [{\"id\":\"m\"}] "
      })
  void aServerThatListsTheModelIsProven(String body) {
    assertNull(of(ModelList.Check.FIRST, 200, body));
    assertNull(of(ModelList.Check.STILL, 200, body));
  }

  @Test
  void oneThatDoesNotListItIsToldWhatItLists() {
    assertEquals(
        "GET /v1/models does not list m (it lists m:latest, a): set models or model-names, or"
            + " check-models: false",
        why(ModelList.Check.FIRST, 200, "{\"data\":[{\"id\":\"a\"},{\"id\":\"m:latest\"}]}"));
    assertTrue(why(ModelList.Check.STILL, 200, "[]").contains("it lists nothing)"));
    assertTrue(
        why(ModelList.Check.STILL, 200, "{\"data\":[{\"id\":\"\\u0007\"}]}")
            .contains("nothing, …"));
    assertNull(of(ModelList.Check.NONE, 200, "{\"data\":[]}"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "[{\"id\":", "{} {}", "\"m\"", "1", "<html>", "{\"data\":[}"})
  void whatIsNoListProvesNothing(String body) {
    for (ModelList.Check check : ModelList.Check.values()) {
      assertEquals("GET /v1/models answered no JSON object", why(check, 200, body));
    }
  }

  @Test
  void aServerWithoutSuchAListIsTakenOnlyWhereItIsNotChecked() {
    assertNull(of(ModelList.Check.NONE, 404, ""));
    assertNull(of(ModelList.Check.NONE, 405, "{\"detail\":\"Not Found\"}"));
    String page = "GET /v1/models answered status 404 and no JSON: ";
    assertTrue(why(ModelList.Check.NONE, 404, "404 page not found").startsWith(page));
    String plain = "GET /v1/models answered status 404: ";
    assertTrue(why(ModelList.Check.FIRST, 404, "{\"detail\":\"Not Found\"}").startsWith(plain));
  }

  @Test
  void whoCountsRequestsStaysButIsNotProven() {
    assertNull(of(ModelList.Check.STILL, 429, ""));
    assertEquals("GET /v1/models answered status 429", why(ModelList.Check.FIRST, 429, ""));
  }

  @ParameterizedTest
  @EnumSource(ModelList.Check.class)
  void aRedirectAndARefusedKeyArePermanentAndAFailureIsNot(ModelList.Check check) {
    ModelList moved =
        ModelList.complaint(check, "m", 308, null, "https://x/login?token=1", new byte[0]);

    assertEquals(
        "GET /v1/models answered status 308, a redirect to https://x/login",
        Objects.requireNonNull(moved).why());
    assertTrue(moved.permanent());
    assertTrue(Objects.requireNonNull(of(check, 401, "{}")).permanent());
    assertFalse(Objects.requireNonNull(of(check, 503, "{}")).permanent());
  }
}
