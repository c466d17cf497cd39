package dev.switchboard.console.playground;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import com.vaadin.flow.component.UI;
import com.vaadin.flow.component.button.Button;
import com.vaadin.flow.component.textfield.PasswordField;
import com.vaadin.flow.component.textfield.TextArea;
import com.vaadin.flow.server.VaadinSession;
import dev.switchboard.console.api.Role;
import dev.switchboard.console.ui.ConsoleViewTest;
import dev.switchboard.console.ui.NotFoundView;
import dev.switchboard.testing.Await;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.time.Clock;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.Executors;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;

class PlaygroundViewTest extends ConsoleViewTest {
  private static HttpServer api;
  private static String base;
  private static volatile String asked = "";
  private static volatile String key = "";
  private static volatile boolean refuses;
  private static volatile boolean hangs;
  private static volatile boolean gone;
  private static volatile boolean huge;

  @BeforeAll
  static void startApi() throws IOException {
    api = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    api.setExecutor(Executors.newVirtualThreadPerTaskExecutor());
    api.createContext("/v1/", PlaygroundViewTest::answer);
    api.start();
    base = "http://127.0.0.1:" + api.getAddress().getPort();
    fake.say("GET /admin/v1/gateway", 200, "{\"addresses\": {\"api\": \"" + base + "\"}}");
    gateway().refresh();
    Await.until(() -> new PlaygroundPresenter(gateway(), Clock.systemUTC()).api().equals(base));
  }

  @AfterAll
  static void stopApi() {
    api.stop(0);
  }

  @BeforeEach
  void answersWell() {
    refuses = false;
    hangs = false;
    gone = false;
    huge = false;
  }

  private static void answer(HttpExchange exchange) throws IOException {
    asked = new String(exchange.getRequestBody().readAllBytes(), StandardCharsets.UTF_8);
    key = String.valueOf(exchange.getRequestHeaders().getFirst("Authorization"));
    exchange.getResponseHeaders().set("X-Request-Id", "r1");
    exchange.getResponseHeaders().set("X-Switchboard-Replica", "w0");
    if (refuses) {
      byte[] body =
          "{\"error\":{\"message\":\"later\",\"code\":\"queue_full\"}}"
              .getBytes(StandardCharsets.UTF_8);
      exchange.sendResponseHeaders(429, body.length);
      exchange.getResponseBody().write(body);
      exchange.close();
      return;
    }
    exchange.sendResponseHeaders(200, 0);
    try {
      event(exchange, "{\"choices\":[{\"delta\":{\"content\":\"<b>He\"}}]}");
      while (huge) {
        event(exchange, "{\"choices\":[{\"text\":\"" + "x".repeat(50_000) + "\"}]}");
      }
      while (hangs) {
        event(exchange, "{\"choices\":[{\"delta\":{}}]}");
        Thread.onSpinWait();
      }
      event(exchange, "{\"choices\":[{\"delta\":{\"content\":\"llo\"}}]}");
      event(exchange, "{\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}");
      event(exchange, "{\"choices\":[],\"usage\":{\"prompt_tokens\":4,\"completion_tokens\":2}}");
      event(exchange, "[DONE]");
      exchange.close();
    } catch (IOException _) {
      gone = true;
    }
  }

  private static void event(HttpExchange exchange, String data) throws IOException {
    exchange.getResponseBody().write(("data: " + data + "\n\n").getBytes(StandardCharsets.UTF_8));
    exchange.getResponseBody().flush();
  }

  private static Ask ask(String prompt) {
    return new Ask(true, "m", "", List.of(), prompt, null, 5, "", null, null, null, "", "");
  }

  private static Answer over(Exchange exchange) {
    Await.until(() -> exchange.answer().isOver());
    return exchange.answer();
  }

  @Test
  void anAnswerHasItsPiecesAndTheirTimes() {
    Answer answer =
        over(Exchange.start(gateway().client().http(), base, "k", ask("hi"), Clock.systemUTC()));

    assertEquals(Answer.State.DONE, answer.state());
    assertEquals("<b>Hello", answer.text());
    assertEquals(2, answer.at().size());
    assertTrue(answer.at().getFirst() <= answer.at().getLast());
    assertEquals(1, answer.gaps().length);
    assertEquals("r1", answer.requestId());
    assertEquals("w0", answer.replica());
    assertEquals(4, answer.promptTokens());
    assertEquals("Done, stop", answer.words());
    assertEquals("Bearer k", key);
  }

  @Test
  void aRefusalIsToldWithItsReason() {
    refuses = true;

    Answer answer =
        over(Exchange.start(gateway().client().http(), base, "", ask("hi"), Clock.systemUTC()));

    assertEquals(Answer.State.FAILED, answer.state());
    assertEquals("Refused with 429: later (queue_full)", answer.words());
  }

  @Test
  void whatNobodyListensToIsToldToo() {
    Answer answer =
        over(
            Exchange.start(
                gateway().client().http(), "http://127.0.0.1:1", "", ask("hi"), Clock.systemUTC()));

    assertTrue(answer.words().startsWith("The public API cannot be reached"), answer.words());
  }

  @Test
  void anAnswerThatIsTooLongIsEnded() {
    huge = true;

    Answer answer =
        over(Exchange.start(gateway().client().http(), base, "", ask("hi"), Clock.systemUTC()));

    assertEquals("The answer has more than 262144 characters", answer.words());
    assertTrue(answer.text().length() <= Exchange.TEXT_MAX);
    Await.until(() -> gone);
  }

  @Test
  void viewersDoNotGetIn() {
    as(Role.VIEWER);
    go("playground");

    assertTrue(getCurrentView() instanceof NotFoundView);
  }

  /** Lets what waits for the session draw, and looks for a text. */
  private boolean drawn(String wanted) {
    VaadinSession session = VaadinSession.getCurrent();
    session.unlock();
    session.lock();
    return text().contains(wanted);
  }

  private void send(String prompt) {
    TextArea text =
        find(TextArea.class)
            .withCondition(t -> "Ask something".equals(t.getPlaceholder()))
            .single();
    test(text).setValue(prompt);
    test(find(Button.class).withText("Send").single()).click();
  }

  @Test
  void aConversationThatBeginsAnewDuringAnAnswerCanBeGoneOnWith() {
    as(Role.OPERATOR);
    navigate(PlaygroundView.class);
    hangs = true;
    send("hi");
    Await.until(() -> drawn("<b>He"));

    test(find(Button.class).withText("New conversation").single()).click();

    Await.until(() -> gone);
    hangs = false;
    send("again");
    Await.until(() -> drawn("<b>Hello"));
  }

  @Test
  void anOperatorAsksAndSeesTheAnswerAsText() {
    as(Role.OPERATOR);
    navigate(PlaygroundView.class);
    find(PasswordField.class).single().setValue("sb-key");

    send("hi");

    Await.until(() -> drawn("Open the request"));
    assertTrue(text().contains("<b>Hello"), text());
    assertTrue(asked.contains("\"content\":\"hi\""), asked);
    assertEquals("Bearer sb-key", key);
    assertTrue(text().contains("4 read, 2 generated"), text());

    send("more");

    Await.until(() -> asked.contains("more"));
    assertTrue(asked.contains("\"role\":\"assistant\",\"content\":\"<b>Hello\""), asked);
  }

  @Test
  void aConversationKeepsItsNewestMessagesOnly() {
    PlaygroundPresenter presenter = new PlaygroundPresenter(gateway(), Clock.systemUTC());
    for (int i = 0; i < 6; i++) {
      presenter.send(ask(i + "x".repeat(99_000)), "");
      Await.until(() -> Objects.requireNonNull(presenter.answer()).isOver());
      presenter.keep();
    }

    List<Ask.Said> said = presenter.said();
    assertTrue(said.stream().mapToInt(s -> s.text().length()).sum() <= 500_000, said.size() + "");
    assertTrue(said.get(said.size() - 2).text().startsWith("5"));
    assertEquals("<b>Hello", said.getLast().text());
  }

  @Test
  void aPageThatIsLeftOpenDoesNotKeepAllThatWasSaid() {
    refuses = true;
    as(Role.OPERATOR);
    navigate(PlaygroundView.class);
    for (int i = 0; i < 6; i++) {
      send(i + "x".repeat(99_000));
      Await.until(() -> drawn("Refused with 429"));
    }

    assertTrue(text().length() < 600_000, text().length() + " characters");
    assertTrue(text().contains("5xxx"), "the newest is there");
    assertFalse(text().contains("0xxx"), "the first is not");
  }

  @Test
  void whoLeavesEndsTheStream() {
    hangs = true;
    as(Role.OPERATOR);
    navigate(PlaygroundView.class);
    send("hi");
    Await.until(() -> asked.contains("\"content\":\"hi\"") && !gone);

    go("");

    Await.until(() -> gone);
  }

  @Test
  void whatCannotBeSentIsNotSent() {
    asked = "";
    as(Role.OPERATOR);
    navigate(PlaygroundView.class);

    test(find(Button.class).withText("Send").single()).click();

    assertTrue(text().contains("Say something"), text());
    assertEquals("", asked);
    assertFalse(text().contains("Streaming"));
  }

  private void fill(String label, String text) {
    find(TextArea.class).withLabel(label).single().setValue(text);
  }

  @Test
  void aSchemaAndToolsAreSentAsTheyWereWritten() {
    as(Role.OPERATOR);
    navigate(PlaygroundView.class);
    fill("JSON schema of the answer", "{\"type\":\"object\"}");
    fill("Tools", "[{\"type\":\"function\",\"function\":{\"name\":\"look\"}}]");
    fill("System prompt", "Be short.");

    send("with tools");

    Await.until(() -> asked.contains("with tools"));
    JsonNode body = JsonMapper.shared().readTree(asked);
    assertEquals(
        "object",
        body.path("response_format").path("json_schema").path("schema").path("type").asString(""));
    assertEquals("look", body.path("tools").path(0).path("function").path("name").asString(""));
    assertEquals("Be short.", body.path("messages").path(0).path("content").asString(""));
  }

  @Test
  void aSchemaThatIsNoJsonIsNotSent() {
    asked = "";
    as(Role.OPERATOR);
    navigate(PlaygroundView.class);
    fill("JSON schema of the answer", "{");

    send("hi");

    assertEquals("", asked);
    assertFalse(text().contains("Streaming"), text());
  }

  /** What the browser is asked to copy. */
  private String copied(String button) {
    test(find(Button.class).withText(button).single()).click();
    StringBuilder copied = new StringBuilder();
    var internals = UI.getCurrent().getInternals();
    internals.getStateTree().runExecutionsBeforeClientResponse();
    for (var call : internals.dumpPendingJavaScriptInvocations()) {
      if (call.getInvocation().getExpression().contains("sbCopy")) {
        copied.append(call.getInvocation().getParameters().getFirst());
      }
    }
    return copied.toString();
  }

  @Test
  void whatIsAskedIsCopiedAsCurlAndPythonWithoutTheKey() {
    as(Role.OPERATOR);
    navigate(PlaygroundView.class);
    find(PasswordField.class).single().setValue("sb-key-secret");
    TextArea prompt =
        find(TextArea.class)
            .withCondition(t -> "Ask something".equals(t.getPlaceholder()))
            .single();
    test(prompt).setValue("how long?");

    String curl = copied("Copy as curl");
    String python = copied("Copy as Python");

    assertTrue(curl.startsWith("curl ") && curl.contains(base + "/v1/chat/completions"), curl);
    assertTrue(curl.contains("how long?"), curl);
    assertTrue(python.contains("import ") && python.contains("how long?"), python);
    assertFalse((curl + python).contains("sb-key-secret"), curl + python);
  }

  @Test
  void underTheAnswerStandTheTimesOfItsPiecesAndItsLanes() {
    as(Role.OPERATOR);
    navigate(PlaygroundView.class);

    send("lanes, please");

    Await.until(() -> drawn("Open the request"));
    assertTrue(text().contains("stage 1, rank 1"), text());
    assertTrue(text().contains("gap of more than three medians"), text());
    assertTrue(text().contains("Longest gap"), text());
    assertEquals(2, pieces());
  }

  /** How many times of pieces the browser was told. */
  private static int pieces() {
    int count = 0;
    var internals = UI.getCurrent().getInternals();
    internals.getStateTree().runExecutionsBeforeClientResponse();
    for (var call : internals.dumpPendingJavaScriptInvocations()) {
      for (Object parameter : call.getInvocation().getParameters()) {
        boolean times = call.getInvocation().getExpression().contains("add");
        count += times && parameter instanceof ArrayNode array ? array.size() : 0;
      }
    }
    return count;
  }

  @Test
  void namesOfAllPagesAreOffered() {
    String names = "GET /admin/v1/splits?limit=1000";
    fake.say(names, 200, "{\"splits\": [{\"name\": \"a\"}], \"next\": \"a\"}");
    fake.say(names + "&after=a", 200, "{\"splits\": [{\"name\": \"z\"}]}");
    PlaygroundPresenter presenter = new PlaygroundPresenter(gateway(), Clock.systemUTC());

    Await.until(() -> presenter.models().containsAll(List.of("a", "z")));

    List.of(names, names + "&after=a").forEach(fake::unsay);
    Await.until(() -> !presenter.models().contains("z"));
  }
}
