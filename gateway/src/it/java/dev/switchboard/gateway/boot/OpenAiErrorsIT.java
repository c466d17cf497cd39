package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.openai.client.OpenAIClient;
import com.openai.client.okhttp.OpenAIOkHttpClient;
import com.openai.core.http.StreamResponse;
import com.openai.errors.InternalServerException;
import com.openai.errors.RateLimitException;
import com.openai.errors.SseException;
import com.openai.errors.UnauthorizedException;
import com.openai.models.chat.completions.ChatCompletionChunk;
import com.openai.models.chat.completions.ChatCompletionCreateParams;
import java.io.InputStream;
import java.net.URI;
import java.net.http.HttpResponse;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What OpenAI's own Java client makes of the gateway's errors. */
class OpenAiErrorsIT {
  private FakeUpstream upstream;

  @BeforeEach
  void start() throws Exception {
    upstream = new FakeUpstream();
    upstream.script(
        (request, body) -> FakeUpstream.events(request).write(FakeUpstream.content("a")));
  }

  @AfterEach
  void stop() throws Exception {
    upstream.close();
  }

  @Test
  void aWrongKeyIsUnauthorized() throws Exception {
    String keys = "auth: {keys: [{name: app, sha256: " + "ab".repeat(32) + "}]}";
    try (InProcessGateway gateway = InProcessGateway.before(keys, upstream)) {
      UnauthorizedException error = assertThrows(UnauthorizedException.class, () -> ask(gateway));

      assertEquals("invalid_api_key", error.code().orElse(""));
    }
  }

  @Test
  void oneTooManyIsARateLimit() throws Exception {
    try (InProcessGateway gateway =
        InProcessGateway.before("admission: {max-in-flight: 1}", upstream)) {
      HttpResponse<InputStream> open =
          gateway.open(InProcessGateway.CHAT, InProcessGateway.chat(true));
      RateLimitException error = assertThrows(RateLimitException.class, () -> ask(gateway));
      open.body().close();

      assertEquals("overloaded", error.code().orElse(""));
      String seconds = error.headers().values("Retry-After").getFirst();
      assertTrue(seconds.matches("[12]"), seconds);
    }
  }

  @Test
  void noReadyReplicaIsAServerError() throws Exception {
    try (InProcessGateway gateway =
        InProcessGateway.unready("", URI.create("http://127.0.0.1:1"))) {
      InternalServerException error =
          assertThrows(InternalServerException.class, () -> ask(gateway));

      assertEquals(503, error.statusCode());
      assertEquals("no_replica_ready", error.code().orElse(""));
    }
  }

  @Test
  void anErrorInsideAStreamIsThrownAfterWhatCameBefore() throws Exception {
    upstream.script(
        (request, body) -> {
          FakeUpstream.events(request).write(FakeUpstream.content("a"));
          upstream.vertx().setTimer(50, id -> request.connection().close());
        });
    List<String> told = new ArrayList<>();
    try (InProcessGateway gateway = InProcessGateway.before("", upstream)) {
      SseException error = assertThrows(SseException.class, () -> stream(gateway, told));

      assertEquals(List.of("a"), told);
      assertTrue(String.valueOf(error.getMessage()).contains("The replica failed"));
    }
  }

  private static void ask(InProcessGateway gateway) {
    OpenAIClient client = client(gateway);
    try {
      client.chat().completions().create(params());
    } finally {
      client.close();
    }
  }

  private static void stream(InProcessGateway gateway, List<String> told) {
    OpenAIClient client = client(gateway);
    try (StreamResponse<ChatCompletionChunk> chunks =
        client.chat().completions().createStreaming(params())) {
      chunks.stream()
          .map(chunk -> chunk.choices().getFirst().delta().content().orElse(""))
          .forEach(told::add);
    } finally {
      client.close();
    }
  }

  private static OpenAIClient client(InProcessGateway gateway) {
    return OpenAIOkHttpClient.builder()
        .baseUrl(gateway.api("/v1").toString())
        .apiKey("wrong")
        .maxRetries(0)
        .build();
  }

  private static ChatCompletionCreateParams params() {
    return ChatCompletionCreateParams.builder().model("m").addUserMessage("Hello").build();
  }
}
