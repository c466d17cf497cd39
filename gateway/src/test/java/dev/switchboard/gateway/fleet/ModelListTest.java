package dev.switchboard.gateway.fleet;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;

import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ModelListTest {
  private static @Nullable String complaint(int status, String body) {
    return ModelList.complaint(status, null, body.getBytes(StandardCharsets.UTF_8));
  }

  @ParameterizedTest
  @ValueSource(strings = {"{\"data\":[]}", "[{\"id\":\"m\"}]", " [] "})
  void anObjectOrAListOfModelsProvesTheServer(String body) {
    assertNull(complaint(200, body));
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "[{\"id\":", "{} {}", "\"m\"", "1", "<html>"})
  void whatIsNeitherProvesNothing(String body) {
    assertEquals("GET /v1/models answered no JSON object", complaint(200, body));
  }

  @Test
  void aServerWithoutSuchAListMaySaySoWithoutAPage() {
    assertNull(complaint(404, ""));
    assertNull(complaint(404, "{\"detail\":\"Not Found\"}"));
    assertEquals(
        "GET /v1/models answered status 404 and no JSON", complaint(404, "404 page not found"));
  }
}
