package dev.switchboard.worker;

import static dev.switchboard.worker.WorkerFixture.json;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import dev.switchboard.scheduler.GenerationRequest;
import dev.switchboard.testing.Await;
import java.net.http.HttpResponse;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What the two completion endpoints answer, against an engine whose tokens are written down. */
class CompletionIT {
  private static final String CHAT = "/v1/chat/completions";
  private static final String TEXT = "/v1/completions";

  private static String chat(String more) {
    return "{\"model\":\"test-model\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]"
        + more
        + "}";
  }

  private static String text(String more) {
    return "{\"model\":\"test-model\"" + more + "}";
  }

  /** The text of a choice, put together from a stream's events. */
  private static String streamed(List<String> events, int choice) {
    StringBuilder text = new StringBuilder();
    for (String event : events) {
      if (!event.equals("[DONE]")) {
        for (JsonNode part : json(event).path("choices")) {
          if (part.path("index").asInt() == choice) {
            text.append(part.path("delta").path("content").asText(""));
            text.append(part.path("text").asText(""));
          }
        }
      }
    }
    return text.toString();
  }

  private static String finishReason(List<String> events, int choice) {
    String reason = "none";
    for (String event : events) {
      if (!event.equals("[DONE]")) {
        for (JsonNode part : json(event).path("choices")) {
          if (part.path("index").asInt() == choice && !part.path("finish_reason").isNull()) {
            reason = part.path("finish_reason").asText();
          }
        }
      }
    }
    return reason;
  }

  @Test
  void aChatIsAnsweredWhole() {
    ScriptedEngine engine = WorkerFixture.answering("héllo → wörld");
    try (WorkerFixture worker = new WorkerFixture(engine).serve()) {
      HttpResponse<String> response = worker.post(CHAT, chat(""));

      JsonNode answer = json(response.body());
      assertEquals(200, response.statusCode());
      assertEquals("chat.completion", answer.path("object").asText());
      assertEquals("test-model", answer.path("model").asText());
      JsonNode choice = answer.path("choices").path(0);
      assertEquals("héllo → wörld", choice.path("message").path("content").asText());
      assertEquals("stop", choice.path("finish_reason").asText());
      assertEquals(17, answer.path("usage").path("completion_tokens").asInt());
      // "user: hi\nassistant:" and BOS.
      assertEquals(20, answer.path("usage").path("prompt_tokens").asInt());
      assertEquals("w-test", response.headers().firstValue("X-Switchboard-Replica").orElse(""));
    }
  }

  @Test
  void aChatIsStreamed() {
    ScriptedEngine engine = WorkerFixture.answering("héllo → wörld");
    try (WorkerFixture worker = new WorkerFixture(engine).serve()) {
      HttpResponse<String> response = worker.post(CHAT, chat(",\"stream\":true"));

      List<String> events = WorkerFixture.data(response.body());
      assertEquals(
          "text/event-stream; charset=utf-8",
          response.headers().firstValue("Content-Type").orElse(""));
      JsonNode first = json(events.getFirst()).path("choices").path(0).path("delta");
      assertEquals("assistant", first.path("role").asText());
      assertEquals("héllo → wörld", streamed(events, 0));
      assertEquals("stop", finishReason(events, 0));
      assertEquals("[DONE]", events.getLast());
    }
  }

  @Test
  void tokensArriveOneByOneAsTheyAreComputed() {
    ScriptedEngine engine = WorkerFixture.answering("abc");
    try (WorkerFixture worker = new WorkerFixture(engine).serve()) {
      engine.allow(1);
      var lines = worker.stream(CHAT, chat(",\"stream\":true")).body().iterator();

      assertTrue(lines.next().contains("\"role\":\"assistant\""));
      lines.next();
      assertTrue(lines.next().contains("\"content\":\"a\""));
      engine.allowMore(1);
      lines.next();
      assertTrue(lines.next().contains("\"content\":\"b\""));
      engine.allowMore(100);
    }
  }

  @Test
  void usageComesLastWhenAskedFor() {
    ScriptedEngine engine = WorkerFixture.answering("abc");
    try (WorkerFixture worker = new WorkerFixture(engine).serve()) {
      List<String> events =
          worker.events(CHAT, chat(",\"stream\":true,\"stream_options\":{\"include_usage\":true}"));

      JsonNode usage = json(events.get(events.size() - 2));
      assertEquals(0, usage.path("choices").size());
      assertEquals(3, usage.path("usage").path("completion_tokens").asInt());
      assertEquals(23, usage.path("usage").path("total_tokens").asInt());
    }
  }

  @Test
  void aStopStringCutsTheAnswerAndCancelsTheRest() {
    ScriptedEngine engine = WorkerFixture.answering("one two three four five");
    try (WorkerFixture worker = new WorkerFixture(engine).serve()) {
      JsonNode answer = json(worker.post(CHAT, chat(",\"stop\":[\" thr\",\"zzz\"]")).body());

      JsonNode choice = answer.path("choices").path(0);
      assertEquals("one two", choice.path("message").path("content").asText());
      assertEquals("stop", choice.path("finish_reason").asText());
      Await.until("running", engine::running, count -> count == 0);
    }
  }

  @Test
  void aStreamNeverShowsTheStartOfAStopString() {
    ScriptedEngine engine = WorkerFixture.answering("one two three");
    try (WorkerFixture worker = new WorkerFixture(engine).serve()) {
      List<String> events = worker.events(CHAT, chat(",\"stream\":true,\"stop\":\" three\""));

      assertEquals("one two", streamed(events, 0));
      assertEquals("stop", finishReason(events, 0));
      assertEquals("[DONE]", events.getLast());
    }
  }

  @Test
  void choicesAreInterleavedWithSeedsOfTheirOwn() {
    ScriptedEngine engine = WorkerFixture.answering("xy");
    try (WorkerFixture worker = new WorkerFixture(engine).serve()) {
      List<String> events = worker.events(CHAT, chat(",\"stream\":true,\"n\":3,\"seed\":41"));

      for (int choice = 0; choice < 3; choice++) {
        assertEquals("xy", streamed(events, choice));
        assertEquals("stop", finishReason(events, choice));
      }
      assertEquals(
          IntStream.range(0, 3).mapToObj(choice -> Completion.streamSeed(41, choice)).toList(),
          seeds(engine));
      assertEquals(41, seeds(engine).getFirst());
    }
  }

  @Test
  void everyChoiceOfEveryPromptHasRandomNumbersOfItsOwn() {
    ScriptedEngine engine = WorkerFixture.answering("xy");
    try (WorkerFixture worker = new WorkerFixture(engine).serve()) {
      for (int seed = 40; seed < 44; seed++) {
        String prompts = ",\"prompt\":[\"a\",\"a\",\"b\"],\"n\":3,\"seed\":" + seed;
        assertEquals(200, worker.post(TEXT, text(prompts)).statusCode());
      }

      assertEquals(36, Set.copyOf(seeds(engine)).size());
    }
  }

  @Test
  void aRawPromptIsReadWithItsControlTokensUnlessTheRequestSaysElse() {
    ScriptedEngine engine = WorkerFixture.answering("xy");
    try (WorkerFixture worker = new WorkerFixture(engine).serve()) {
      worker.post(TEXT, text(",\"prompt\":\"<bos>a<end>\""));
      worker.post(TEXT, text(",\"prompt\":\"<end>\",\"parse_special\":false"));
      worker.post(TEXT, text(",\"prompt\":\"a\",\"add_special_tokens\":false"));

      assertEquals(
          List.of(
              List.of(ByteTokenizer.BOS, (int) 'a', ByteTokenizer.END),
              List.of(ByteTokenizer.BOS, (int) '<', (int) 'e', (int) 'n', (int) 'd', (int) '>'),
              List.of((int) 'a')),
          prompts(engine));
    }
  }

  @Test
  void aSuffixIsPutWhereTheVocabularyHasTokensForIt() {
    ScriptedEngine engine = WorkerFixture.answering("xy");
    ByteTokenizer vocabulary = new ByteTokenizer(true, "<pre>", "<suf>", "<mid>");
    try (WorkerFixture worker = new WorkerFixture(engine).calling("x", vocabulary)) {
      String body = text(",\"prompt\":[\"a\",\"<end>\"],\"suffix\":\"b\"");
      assertEquals(200, worker.post(TEXT, body).statusCode());

      int pre = ByteTokenizer.SIZE;
      List<Integer> end = List.of((int) '<', (int) 'e', (int) 'n', (int) 'd', (int) '>');
      List<Integer> second = new ArrayList<>(List.of(ByteTokenizer.BOS, pre));
      second.addAll(end);
      second.addAll(List.of(pre + 1, (int) 'b', pre + 2));
      assertEquals(
          List.of(List.of(ByteTokenizer.BOS, pre, (int) 'a', pre + 1, (int) 'b', pre + 2), second),
          prompts(engine));
    }
  }

  @Test
  void aSuffixWithoutTokensForItIsRefused() {
    try (WorkerFixture worker = new WorkerFixture(WorkerFixture.answering("xy")).serve()) {
      HttpResponse<String> answer = worker.post(TEXT, text(",\"prompt\":\"a\",\"suffix\":\"b\""));

      assertEquals(400, answer.statusCode());
      assertEquals("suffix", json(answer.body()).at("/error/param").asText());
      assertTrue(answer.body().contains("no tokens to fill in"), answer.body());
    }
  }

  private static List<List<Integer>> prompts(ScriptedEngine engine) {
    return engine.submitted().stream()
        .filter(request -> !request.requestId().equals("canary"))
        .map(request -> Arrays.stream(request.prompt()).boxed().toList())
        .toList();
  }

  private static List<Long> seeds(ScriptedEngine engine) {
    List<Long> seeds = new ArrayList<>();
    for (GenerationRequest request : engine.submitted()) {
      if (!request.requestId().equals("canary")) {
        seeds.add(request.sampling().seed());
      }
    }
    return seeds;
  }

  @Test
  void aRequestWithoutASeedGetsOneForAllItsChoices() {
    ScriptedEngine engine = WorkerFixture.answering("xy");
    try (WorkerFixture worker = new WorkerFixture(engine).serve()) {
      worker.post(CHAT, chat(",\"n\":2"));
      worker.post(CHAT, chat(""));

      List<Long> seeds = seeds(engine);
      assertEquals(Completion.streamSeed(seeds.get(0), 1), seeds.get(1));
      assertFalse(seeds.get(2).equals(seeds.get(0)));
    }
  }

  @Test
  void whatWarmsUpFitsIntoAShortContext() {
    for (int context = 2; context <= 8; context++) {
      ScriptedEngine engine = WorkerFixture.answering("x");
      try (WorkerFixture worker = new WorkerFixture(engine).within(context)) {
        for (GenerationRequest request : engine.submitted()) {
          int most = request.prompt().length + request.maxTokens();
          assertTrue(most <= context, context + ": " + most);
        }
        assertEquals(200, worker.post(TEXT, text(",\"prompt\":[120]")).statusCode());
      }
    }
  }

  @Test
  void theLengthLimitEndsWithLength() {
    ScriptedEngine engine = WorkerFixture.answering("abcdef");
    try (WorkerFixture worker = new WorkerFixture(engine).serve()) {
      JsonNode byOld = json(worker.post(CHAT, chat(",\"max_tokens\":2")).body());
      JsonNode byNew = json(worker.post(CHAT, chat(",\"max_completion_tokens\":3")).body());

      assertEquals("ab", byOld.at("/choices/0/message/content").asText());
      assertEquals("length", byOld.at("/choices/0/finish_reason").asText());
      assertEquals("abc", byNew.at("/choices/0/message/content").asText());
    }
  }

  @Test
  void samplingReachesTheEngineAsSent() {
    ScriptedEngine engine = WorkerFixture.answering("a");
    try (WorkerFixture worker = new WorkerFixture(engine).serve()) {
      worker.post(
          CHAT,
          chat(
              ",\"temperature\":0.5,\"top_p\":0.9,\"top_k\":7,\"min_p\":0.1,"
                  + "\"repetition_penalty\":1.2,\"presence_penalty\":0.3,"
                  + "\"frequency_penalty\":-0.4,\"logit_bias\":{\"65\":5},\"ignore_eos\":true"));

      GenerationRequest request = engine.submitted().getLast();
      assertEquals(0.5f, request.sampling().temperature());
      assertEquals(0.9f, request.sampling().topP());
      assertEquals(7, request.sampling().topK());
      assertEquals(0.1f, request.sampling().minP());
      assertEquals(1.2f, request.sampling().repetitionPenalty());
      assertEquals(0.3f, request.sampling().presencePenalty());
      assertEquals(-0.4f, request.sampling().frequencyPenalty());
      assertEquals(5f, request.sampling().logitBias().get(65));
      assertTrue(request.stopTokens().isEmpty());
      assertEquals(WorkerFixture.CONTEXT - 20, request.maxTokens());
    }
  }

  @Test
  void chatLogprobsNameEveryToken() {
    ScriptedEngine engine = WorkerFixture.answering("aé");
    try (WorkerFixture worker = new WorkerFixture(engine).serve()) {
      JsonNode answer =
          json(worker.post(CHAT, chat(",\"logprobs\":true,\"top_logprobs\":2")).body());

      JsonNode content = answer.at("/choices/0/logprobs/content");
      assertEquals(3, content.size());
      assertEquals("a", content.path(0).path("token").asText());
      assertEquals(-0.5, content.path(0).path("logprob").asDouble());
      assertEquals(2, content.path(0).path("top_logprobs").size());
      assertEquals(0xc3, content.path(1).path("bytes").path(0).asInt());
    }
  }

  @Test
  void everyFormOfPromptIsContinued() {
    ScriptedEngine engine = WorkerFixture.answering("ok");
    try (WorkerFixture worker = new WorkerFixture(engine).serve()) {
      worker.post(TEXT, text(",\"prompt\":\"AB\""));
      JsonNode many = json(worker.post(TEXT, text(",\"prompt\":[\"A\",\"B\"]")).body());
      worker.post(TEXT, text(",\"prompt\":[65,66]"));
      JsonNode lists = json(worker.post(TEXT, text(",\"prompt\":[[65],[66,67]],\"n\":2")).body());

      assertEquals(2, many.path("choices").size());
      assertEquals(4, lists.path("choices").size());
      List<GenerationRequest> sent = engine.submitted();
      assertEquals(List.of(256, 65, 66), boxed(sent.get(1).prompt()));
      assertEquals(List.of(256, 65), boxed(sent.get(2).prompt()));
      assertEquals(List.of(65, 66), boxed(sent.get(4).prompt()));
      assertEquals(List.of(66, 67), boxed(sent.getLast().prompt()));
    }
  }

  private static List<Integer> boxed(int[] tokens) {
    return Arrays.stream(tokens).boxed().toList();
  }

  @Test
  void echoPutsThePromptBeforeTheAnswerWithItsLogprobs() {
    ScriptedEngine engine = WorkerFixture.answering("cd");
    try (WorkerFixture worker = new WorkerFixture(engine).serve()) {
      JsonNode answer =
          json(worker.post(TEXT, text(",\"prompt\":[97,98],\"echo\":true,\"logprobs\":1")).body());

      JsonNode choice = answer.path("choices").path(0);
      assertEquals("abcd", choice.path("text").asText());
      JsonNode logprobs = choice.path("logprobs");
      assertEquals(4, logprobs.path("tokens").size());
      assertTrue(logprobs.path("token_logprobs").path(0).isNull());
      assertEquals(-0.5, logprobs.path("token_logprobs").path(1).asDouble());
      assertEquals("[0,1,2,3]", logprobs.path("text_offset").toString());
    }
  }

  @Test
  void offsetsCountTheTextThatIsSentAndNoNamesOfTokens() {
    int[] answered = {'a', ByteTokenizer.BOS, 'b', 0xc3, 0xa9, 'c'};
    ScriptedEngine engine = WorkerFixture.scripted(request -> answered);
    try (WorkerFixture worker = new WorkerFixture(engine).serve()) {
      String body = text(",\"prompt\":\"x\",\"logprobs\":0");

      String whole = worker.post(TEXT, body).body();

      JsonNode choice = json(whole).path("choices").path(0);
      assertEquals("abéc", choice.path("text").asText());
      assertEquals("[0,1,1,2,2,3]", choice.at("/logprobs/text_offset").toString());
      assertEquals("<bos>", choice.at("/logprobs/tokens/1").asText());
    }
  }

  @ParameterizedTest
  @CsvSource(
      quoteCharacter = '`',
      delimiter = '|',
      value = {"\"a<bos>b\"|a<bos>b|[0,1,6]", "[97,256,98]|ab|[0,1,1]"})
  void offsetsOfAPromptAreThoseOfTheTextThatIsEchoed(String prompt, String echoed, String offsets) {
    ScriptedEngine engine = WorkerFixture.answering("cd");
    try (WorkerFixture worker = new WorkerFixture(engine).serve()) {
      String body = text(",\"prompt\":" + prompt + ",\"echo\":true,\"logprobs\":0");

      JsonNode choice = json(worker.post(TEXT, body).body()).path("choices").path(0);

      int end = echoed.length();
      String generated = "," + end + "," + (end + 1) + "]";
      assertEquals(echoed + "cd", choice.path("text").asText());
      assertEquals(offsets.replace("]", generated), choice.at("/logprobs/text_offset").toString());
    }
  }

  @Test
  void echoAloneScoresAPrompt() {
    ScriptedEngine engine = WorkerFixture.answering("cd");
    try (WorkerFixture worker = new WorkerFixture(engine).serve()) {
      JsonNode answer =
          json(
              worker
                  .post(
                      TEXT,
                      text(",\"prompt\":\"ab\",\"echo\":true,\"logprobs\":0,\"max_tokens\":0"))
                  .body());

      JsonNode choice = answer.path("choices").path(0);
      assertEquals("ab", choice.path("text").asText());
      // BOS is not part of the text, so the first token has a probability too.
      assertEquals("[-0.5,-0.5]", choice.path("logprobs").path("token_logprobs").toString());
      assertEquals(0, answer.at("/usage/completion_tokens").asInt());
    }
  }

  @Test
  void echoIsStreamedFirst() {
    ScriptedEngine engine = WorkerFixture.answering("cd");
    try (WorkerFixture worker = new WorkerFixture(engine).serve()) {
      List<String> events =
          worker.events(TEXT, text(",\"prompt\":\"ab\",\"echo\":true,\"stream\":true"));

      assertEquals("abcd", streamed(events, 0));
    }
  }

  @Test
  void theTimelineIsInTheLastChunkWhenAskedFor() {
    ScriptedEngine engine = WorkerFixture.answering("one two three");
    try (WorkerFixture worker = new WorkerFixture(engine).serve()) {
      List<String> events =
          worker.events(
              CHAT,
              chat(",\"stream\":true,\"stop\":\"two\",\"n\":2"),
              "X-Switchboard-Timeline",
              "summary",
              "X-Request-Id",
              "r-1");

      JsonNode last = json(events.get(events.size() - 2)).path("switchboard");
      assertEquals("w-test", last.path("replica").asText());
      assertEquals(2, last.path("timelines").size());
      assertEquals("r-1", last.at("/timelines/0/request_id").asText());
      assertEquals(0, last.at("/timelines/0/steps").size());
      assertTrue(last.path("sent_ns").asLong() >= last.path("received_ns").asLong());
      assertEquals(1, events.stream().filter(event -> event.contains("\"switchboard\":{")).count());
      assertEquals("one ", streamed(events, 1));
    }
  }

  @Test
  void theFullTimelineHasEveryStep() {
    ScriptedEngine engine = WorkerFixture.answering("abc");
    try (WorkerFixture worker = new WorkerFixture(engine).serve()) {
      JsonNode answer = json(worker.post(CHAT, chat(""), "X-Switchboard-Timeline", "full").body());

      assertEquals(1, answer.at("/switchboard/timelines/0/steps").size());
      assertTrue(answer.at("/switchboard/timelines/0/steps/0/members").isMissingNode());
    }
  }

  @Test
  void theTimelineWaitsForTheUsageChunk() {
    ScriptedEngine engine = WorkerFixture.answering("abc");
    try (WorkerFixture worker = new WorkerFixture(engine).serve()) {
      List<String> events =
          worker.events(
              CHAT,
              chat(",\"stream\":true,\"stream_options\":{\"include_usage\":true}"),
              "X-Switchboard-Timeline",
              "summary");

      JsonNode last = json(events.get(events.size() - 2));
      assertTrue(last.has("switchboard"));
      assertEquals(3, last.at("/usage/completion_tokens").asInt());
    }
  }

  @Test
  void aLongPromptIsPreparedOffTheLoopWithTheSameAnswer() {
    ScriptedEngine engine = WorkerFixture.answering("abc");
    try (WorkerFixture worker =
        new WorkerFixture(engine, settings -> Settings.offLoop(settings, 10)).serve()) {
      JsonNode answer = json(worker.post(CHAT, chat("")).body());
      HttpResponse<String> refused = worker.post(CHAT, chat(",\"n\":99"));

      assertEquals("abc", answer.at("/choices/0/message/content").asText());
      assertEquals(400, refused.statusCode());
    }
  }

  @Test
  void aRequestIdIsEchoedWhenItMayBe() {
    ScriptedEngine engine = WorkerFixture.answering("abc");
    try (WorkerFixture worker = new WorkerFixture(engine).serve()) {
      String given = id(worker.post(CHAT, chat(""), "X-Request-Id", "order-66/a"));
      String spaces = id(worker.post(CHAT, chat(""), "X-Request-Id", "a b"));
      String longer = id(worker.post(CHAT, chat(""), "X-Request-Id", "x".repeat(129)));

      assertEquals("order-66/a", given);
      assertTrue(spaces.startsWith("req-"));
      assertTrue(longer.startsWith("req-"));
    }
  }

  private static String id(HttpResponse<String> response) {
    return response.headers().firstValue("X-Request-Id").orElse("");
  }
}
