package dev.switchboard.openai;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class NearPathTest {
  private static final NearPath PATHS =
      new NearPath(
          List.of(
              "/v1/chat/completions",
              "/v1/completions",
              "/v1/embeddings",
              "/v1/models",
              "/tokenize",
              "/health"));

  @ParameterizedTest
  @CsvSource({
    "/chat/completions, /v1/chat/completions",
    "/v1/v1/chat/completions, /v1/chat/completions",
    "/v1/chat/completion, /v1/chat/completions",
    "/v1/chat/completions/, /v1/chat/completions",
    "//v1//chat/completions, /v1/chat/completions",
    "/V1/Chat/Completions, /v1/chat/completions",
    "/api/v1/chat/completions, /v1/chat/completions",
    "/openai/deployments/m/chat/completions, /v1/chat/completions",
    "/completion, /v1/completions",
    "/v1/engines/m/completions, /v1/completions",
    "/v1/embedding, /v1/embeddings",
    "/v1/tokenize, /tokenize",
    "/models, /v1/models",
    "/healthz, /health",
  })
  void thePathThatWasMeantIsNamed(String asked, String meant) {
    assertEquals(meant, PATHS.near(asked));
  }

  @ParameterizedTest
  @ValueSource(strings = {"/", "/v1", "/v1/responses", "/v1/audio/speech", "/favicon.ico", "/x"})
  void whatIsNearNothingHasNoNeighbour(String asked) {
    assertNull(PATHS.near(asked));
  }

  @Test
  void theErrorSaysBoth() {
    assertEquals(
        "Unknown path: /v1/model. Did you mean /v1/models?", PATHS.notFound("/v1/model").message());
    assertEquals("Unknown path: /x", PATHS.notFound("/x").message());
    assertNull(PATHS.near("/models".repeat(1000)));
  }
}
