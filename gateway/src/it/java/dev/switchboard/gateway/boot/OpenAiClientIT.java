package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.openai.client.OpenAIClient;
import com.openai.client.okhttp.OpenAIOkHttpClient;
import com.openai.core.http.StreamResponse;
import com.openai.errors.BadRequestException;
import com.openai.errors.NotFoundException;
import com.openai.helpers.ChatCompletionAccumulator;
import com.openai.models.chat.completions.ChatCompletion;
import com.openai.models.chat.completions.ChatCompletionChunk;
import com.openai.models.chat.completions.ChatCompletionCreateParams;
import com.openai.models.chat.completions.ChatCompletionStreamOptions;
import com.openai.models.completions.Completion;
import com.openai.models.completions.CompletionCreateParams;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** OpenAI's own Java client against the real gateway and a real worker. */
class OpenAiClientIT {
  private static GatewayProcess gateway;
  private static OpenAIClient client;

  @BeforeAll
  static void start() throws Exception {
    gateway = GatewayProcess.start(List.of(), "--workers", "1").awaitReady();
    client =
        OpenAIOkHttpClient.builder()
            .baseUrl(gateway.api("/v1").toString())
            .apiKey("none")
            .maxRetries(0)
            .build();
  }

  @AfterAll
  static void stop() {
    client.close();
    gateway.close();
  }

  @Test
  void aChatIsAnswered() {
    ChatCompletion answer = client.chat().completions().create(chat().build());

    assertEquals(GatewayProcess.MODEL, answer.model());
    assertFalse(answer.choices().getFirst().message().content().orElse("").isEmpty());
    assertTrue(answer.usage().orElseThrow().completionTokens() > 0);
  }

  @Test
  void aStreamedChatSaysTheSameAsAWholeOne() {
    ChatCompletionAccumulator told = ChatCompletionAccumulator.create();
    ChatCompletionCreateParams params =
        chat()
            .streamOptions(ChatCompletionStreamOptions.builder().includeUsage(true).build())
            .build();
    try (StreamResponse<ChatCompletionChunk> stream =
        client.chat().completions().createStreaming(params)) {
      stream.stream().forEach(told::accumulate);
    }

    ChatCompletion whole = client.chat().completions().create(chat().build());
    ChatCompletion streamed = told.chatCompletion();
    assertEquals(
        whole.choices().getFirst().message().content(),
        streamed.choices().getFirst().message().content());
    assertEquals(
        whole.usage().orElseThrow().completionTokens(),
        streamed.usage().orElseThrow().completionTokens());
  }

  @Test
  void aCompletionIsAnswered() {
    Completion answer =
        client
            .completions()
            .create(
                CompletionCreateParams.builder()
                    .model(GatewayProcess.MODEL)
                    .prompt("Hello")
                    .maxTokens(5)
                    .echo(true)
                    .build());

    assertTrue(answer.choices().getFirst().text().startsWith("Hello"));
  }

  @Test
  void modelsAreListed() {
    assertEquals(
        List.of(GatewayProcess.MODEL),
        client.models().list().data().stream().map(model -> model.id()).toList());
    assertEquals(GatewayProcess.MODEL, client.models().retrieve(GatewayProcess.MODEL).id());
  }

  @Test
  void errorsAreTyped() {
    ChatCompletionCreateParams hot = chat().temperature(9).build();
    ChatCompletionCreateParams unknown = chat().model("nobody").build();

    BadRequestException bad =
        assertThrows(BadRequestException.class, () -> client.chat().completions().create(hot));
    NotFoundException missing =
        assertThrows(NotFoundException.class, () -> client.chat().completions().create(unknown));

    assertEquals("temperature", bad.param().orElse(""));
    assertEquals("model_not_found", missing.code().orElse(""));
    assertThrows(NotFoundException.class, () -> client.models().retrieve("nobody"));
  }

  private static ChatCompletionCreateParams.Builder chat() {
    return ChatCompletionCreateParams.builder()
        .model(GatewayProcess.MODEL)
        .addUserMessage("Hello")
        .temperature(0)
        .maxCompletionTokens(12);
  }
}
