package dev.switchboard.openai;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.json.JsonMapper;
import java.util.List;
import org.junit.jupiter.api.Test;

class ApiErrorTest {
  private static final JsonMapper JSON = new JsonMapper();

  @Test
  void bodyIsAnOpenAiErrorObject() throws Exception {
    ApiError error = ApiError.invalid("top_p", "top_p is \"odd\".");

    assertEquals(
        JSON.readTree(
            """
            {"error":{"message":"top_p is \\"odd\\".","type":"invalid_request_error",
            "param":"top_p","code":null}}"""),
        JSON.readTree(error.toJson()));
  }

  @Test
  void detailsStandBesideTheError() throws Exception {
    String json = ApiError.deadlineExceeded("Too late.").toJson("{\"queue_ms\":7}");

    assertEquals(7, JSON.readTree(json).at("/switchboard/queue_ms").intValue());
  }

  @Test
  void streamErrorIsOneEvent() throws Exception {
    String frame = ServerSentEvents.error(ApiError.upstreamFailed("a\nb"));

    assertEquals(2, frame.lines().count());
    assertEquals("a\nb", JSON.readTree(frame.substring(6)).at("/error/message").textValue());
  }

  @Test
  void everyStatusOfTheTaxonomyHasAFactory() {
    List<ApiError> all =
        List.of(
            ApiError.invalid("a", "m"),
            ApiError.malformed("m"),
            ApiError.unsupported("a", "m"),
            ApiError.contextLength("a", "m"),
            ApiError.unmet("cut_by_stop", "stop", "m"),
            ApiError.unauthenticated("m"),
            ApiError.forbidden("m"),
            ApiError.modelNotFound("m"),
            ApiError.pathNotFound("/x"),
            ApiError.methodNotAllowed("GET"),
            ApiError.bodyTooLarge(1),
            ApiError.uriTooLong(1),
            ApiError.unsupportedMediaType("m"),
            ApiError.headersTooLarge(1),
            ApiError.rateLimited("m"),
            ApiError.overloaded("m"),
            ApiError.internal("m"),
            ApiError.upstreamFailed("m"),
            ApiError.unavailable("m"),
            ApiError.draining("m"),
            ApiError.deadlineExceeded("m"));

    assertEquals(
        List.of(
            400, 400, 400, 400, 400, 401, 403, 404, 404, 405, 413, 414, 415, 431, 429, 429, 500,
            502, 503, 503, 504),
        all.stream().map(ApiError::status).toList());
  }

  @Test
  void longNamesAreCutInMessages() {
    assertTrue(ApiError.modelNotFound("x".repeat(10_000)).message().length() < 200);
  }
}
