package dev.switchboard.console.live;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.console.api.AdminClient;
import dev.switchboard.console.api.FakeGateway;
import dev.switchboard.testing.Await;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;

/** What many sessions ask at once is asked of the gateway once. */
@Timeout(Await.LIMIT_SECONDS)
class LiveGatewayTest {
  private static final String PATH = "/admin/v1/models";
  private static final int SESSIONS = 50;

  private static final class SetClock extends Clock {
    private volatile Instant now = Instant.parse("2026-01-31T08:00:00Z");

    @Override
    public ZoneId getZone() {
      return ZoneOffset.UTC;
    }

    @Override
    public Clock withZone(ZoneId zone) {
      return this;
    }

    @Override
    public Instant instant() {
      return now;
    }

    void advance(Duration time) {
      now = now.plus(time);
    }
  }

  @TempDir private Path folder;
  private final SetClock clock = new SetClock();
  private final Semaphore read = new Semaphore(0);
  private FakeGateway fake;
  private LiveGateway gateway;

  @BeforeEach
  void start() throws Exception {
    fake = new FakeGateway();
    gateway =
        new LiveGateway(
            new AdminClient(fake.address(), FakeGateway.KEYS), folder, clock, read::release);
  }

  @AfterEach
  void stop() {
    gateway.close();
    fake.close();
  }

  /** All sessions ask at the same moment, so often; what each was told at the end. */
  private List<Shared> ask(int times) throws InterruptedException {
    CountDownLatch go = new CountDownLatch(1);
    List<Shared> told = java.util.Collections.synchronizedList(new ArrayList<>());
    List<Thread> sessions = new ArrayList<>();
    for (int i = 0; i < SESSIONS; i++) {
      sessions.add(
          Thread.ofPlatform()
              .start(
                  () -> {
                    try {
                      go.await();
                    } catch (InterruptedException e) {
                      throw new IllegalStateException(e);
                    }
                    for (int j = 0; j < times - 1; j++) {
                      gateway.shared(PATH);
                    }
                    told.add(gateway.shared(PATH));
                  }));
    }
    go.countDown();
    for (Thread session : sessions) {
      session.join();
    }
    return told;
  }

  private long asked() {
    return fake.calls().stream().filter(call -> call.path().equals(PATH)).count();
  }

  @Test
  void manySessionsAskOnce() throws Exception {
    List<Shared> told = ask(200);
    assertTrue(read.tryAcquire(Await.LIMIT_SECONDS, TimeUnit.SECONDS));

    assertEquals(SESSIONS, told.size());
    assertEquals(1, asked());
    assertNotNull(gateway.shared(PATH).answer());
  }

  @Test
  void anAnswerThatIsKnownIsNeverLostWhileItIsAskedForAgain() throws Exception {
    gateway.shared(PATH);
    assertTrue(read.tryAcquire(Await.LIMIT_SECONDS, TimeUnit.SECONDS));

    for (int round = 1; round <= 20; round++) {
      clock.advance(Duration.ofSeconds(2));
      List<Shared> told = ask(20);
      assertTrue(read.tryAcquire(Await.LIMIT_SECONDS, TimeUnit.SECONDS));

      assertTrue(told.stream().allMatch(shared -> shared.answer() != null));
      assertEquals(round + 1, asked());
    }
  }

  private Shared askedAgain() throws InterruptedException {
    clock.advance(Duration.ofSeconds(2));
    gateway.shared(PATH);
    assertTrue(read.tryAcquire(Await.LIMIT_SECONDS, TimeUnit.SECONDS));
    return gateway.shared(PATH);
  }

  @Test
  void whatWasToldStaysWhileItCannotBeTold() throws Exception {
    JsonNode told = askedAgain().answer();
    assertNotNull(told);

    fake.say("GET " + PATH, 503, "{\"error\":{\"message\":\"no store\"}}");
    Shared withoutStore = askedAgain();
    fake.close();
    Shared lost = askedAgain();

    assertEquals(told, withoutStore.answer());
    assertTrue(String.valueOf(withoutStore.failure()).contains("no store"));
    assertTrue(withoutStore.heard());
    assertEquals(told, lost.answer());
    assertNotNull(lost.failure());
    assertFalse(lost.heard());
  }

  @Test
  void whatIsNotThereAnyMoreIsNotKept() throws Exception {
    assertNotNull(askedAgain().answer());

    fake.say("GET " + PATH, 404, "{\"error\":{\"message\":\"no such thing\"}}");

    assertNull(askedAgain().answer());
  }

  @Test
  void theLastHourIsAskedForAnewWithoutABlankBetween() throws Exception {
    Latest latest = new Latest();
    JsonNode told = latest.of(askedAgain()).answer();
    assertNotNull(told);

    assertEquals(told, latest.of(gateway.shared(PATH + "?since=later")).answer());
    latest.forget();

    assertNull(latest.of(Shared.NOTHING_YET).answer());
  }

  /**
   * Whoever loses power or is cut off ends no connection: its stream would be waited for for ever.
   */
  @Test
  void eventsAreListenedToAnewOnceALostGatewayIsBack() throws Exception {
    fake.holdStreams();
    gateway.start();
    Await.until(() -> gateway.snapshot().reached() && fake.streams() == 1);
    fake.say("GET /admin/v1/gateway", 503, "{}");
    gateway.refresh();
    Await.until(() -> !gateway.snapshot().reached());

    fake.say("GET /admin/v1/gateway", 200, "{}");
    gateway.refresh();

    Await.until(() -> gateway.snapshot().reached() && fake.streams() == 2);
  }

  private static final String LAST_HOUR =
      "GET /admin/v1/events?limit=1000&since=2026-01-31T07%3A00%3A00Z";

  private static String event(String gateway, String replica) {
    return """
        {"id": 7, "gateway": "%s", "at": "2026-01-31T07:59:00Z", "type": "replica_state",
          "data": {"at": "2026-01-31T07:59:00Z", "replica": "%s", "from": "READY",
            "to": "EJECTED"}}\
        """
        .formatted(gateway, replica);
  }

  private List<String> replicasHeardOf() {
    return gateway.events().stream().map(e -> e.data().path("replica").asString("")).toList();
  }

  /** A store that several gateways share tells the events of all of them. */
  @Test
  void whatHappenedAtAnotherGatewayOfItsStoreIsNotTakenForItsOwn() throws Exception {
    fake.holdStreams();
    fake.say(
        "GET /admin/v1/gateways",
        200,
        """
        {"gateways": [
          {"id": "own", "this": true, "host": "a", "addresses": {"admin": "http://a:9901"}},
          {"id": "before", "this": false, "host": "a", "addresses": {"admin": "http://a:9901"}},
          {"id": "other", "this": false, "host": "b", "addresses": {"admin": "http://b:9901"}}]}\
        """);
    fake.say(
        LAST_HOUR,
        200,
        "{\"events\": ["
            + String.join(
                ",", event("own", "mine"), event("other", "theirs"), event("before", "restarted"))
            + "]}");

    gateway.start();

    Await.until(() -> !gateway.events().isEmpty());
    assertEquals(List.of("mine", "restarted"), replicasHeardOf());
  }

  @Test
  void aGatewayWhoseStoreIsDownIsListenedToAllTheSame() throws Exception {
    fake.holdStreams();
    fake.say(LAST_HOUR, 503, "{}");

    gateway.start();

    Await.until(() -> fake.streams() == 1);
  }

  @Test
  void whatItsStoreKnowsIsReadOnceThatIsBackAndStandsBehindWhatWasHeard() {
    EventStream.Message alive = new EventStream.Message("", null, "");
    fake.say(LAST_HOUR, 503, "{}");
    gateway.take(alive);
    gateway.take(
        new EventStream.Message(
            "replica_state", "8", "{\"at\": \"2026-01-31T07:59:30Z\", \"replica\": \"heard\"}"));
    assertEquals(List.of("heard"), replicasHeardOf());

    fake.say(LAST_HOUR, 200, "{\"events\": [" + event("own", "kept") + "]}");
    gateway.take(alive);

    assertEquals(List.of("heard", "kept"), replicasHeardOf());
  }

  /** The store is written a moment later, and of one moment it may have one event of two. */
  @Test
  void whatTheStoreDoesNotHaveYetStaysThoughItIsNoNewerThanWhatItHas() {
    EventStream.Message alive = new EventStream.Message("", null, "");
    fake.say(LAST_HOUR, 503, "{}");
    gateway.take(ejected("6", "2026-01-31T07:58:59.999Z", "before"));
    gateway.take(ejected("7", "2026-01-31T07:59:00Z", "kept"));
    gateway.take(ejected("8", "2026-01-31T07:59:00Z", "heard"));

    fake.say(LAST_HOUR, 200, "{\"events\": [" + event("own", "kept") + "]}");
    gateway.take(alive);

    assertEquals(List.of("heard", "kept", "before"), replicasHeardOf());
  }

  private static EventStream.Message ejected(String id, String at, String replica) {
    return new EventStream.Message(
        "replica_state",
        id,
        "{\"at\": \"%s\", \"replica\": \"%s\", \"from\": \"READY\", \"to\": \"EJECTED\"}"
            .formatted(at, replica));
  }

  /** What happens between an answer and a stream that is opened after it is in neither. */
  @Test
  void theStreamIsOpenBeforeTheLastHourIsRead() throws Exception {
    fake.holdStreams();
    fake.say(LAST_HOUR, 200, "{\"events\": [" + event("own", "kept") + "]}");

    gateway.start();

    Await.until(() -> !gateway.events().isEmpty());
    List<String> asked =
        fake.calls().stream()
            .map(FakeGateway.Call::path)
            .filter(path -> path.startsWith("/admin/v1/events"))
            .toList();
    assertEquals(List.of("/admin/v1/events", LAST_HOUR.substring("GET ".length())), asked);
  }

  @Test
  void whatHappenedBetweenTwoStreamsIsAskedFor() throws Exception {
    fake.say(LAST_HOUR, 503, "{}");
    fake.say("GET /admin/v1/events", 200, "id: 8\nevent: audit\ndata: {}\n\n: alive\n\n");

    gateway.start();

    Await.until(() -> fake.streams() == 2);
    List<String> last =
        fake.calls().stream()
            .filter(call -> call.path().equals("/admin/v1/events"))
            .map(call -> String.valueOf(call.headers().get("last-event-id")))
            .toList();
    assertEquals(List.of("null", "8"), last);
  }

  @Test
  void whatIsToldAgainStandsOnceAndWhereItsTimeIs() {
    fake.say(LAST_HOUR, 200, "{\"events\": [" + event("own", "kept") + "]}");
    gateway.take(new EventStream.Message("", null, ""));

    gateway.take(ejected("6", "2026-01-31T07:58:00Z", "before"));
    gateway.take(ejected("7", "2026-01-31T07:59:00Z", "kept"));
    gateway.take(ejected("8", "2026-01-31T07:59:30Z", "new"));

    assertEquals(List.of("new", "kept", "before"), replicasHeardOf());
  }

  @Test
  void whatTheStreamHasLostIsReadOfTheStore() {
    EventStream.Message alive = new EventStream.Message("", null, "");
    fake.say(LAST_HOUR, 200, "{\"events\": []}");
    gateway.take(alive);
    fake.say(LAST_HOUR, 200, "{\"events\": [" + event("own", "lost") + "]}");

    gateway.take(new EventStream.Message("gap", "7", "{\"lost\": 1}"));

    assertEquals(List.of("lost"), replicasHeardOf());
  }

  /** The same of a stream that a view opened, as that of requests as they end. */
  @Test
  void aViewsStreamEndsOnceALostGatewayIsBack() throws Exception {
    fake.holdStreams();
    gateway.start();
    Await.until(() -> gateway.snapshot().reached());
    try (InputStream in = gateway.stream("/admin/v1/requests/tail")) {
      Thread reader = Thread.ofVirtual().start(() -> drain(in));
      fake.say("GET /admin/v1/gateway", 503, "{}");
      gateway.refresh();
      Await.until(() -> !gateway.snapshot().reached());
      assertTrue(reader.isAlive());

      fake.say("GET /admin/v1/gateway", 200, "{}");
      gateway.refresh();

      assertTrue(reader.join(Duration.ofSeconds(Await.LIMIT_SECONDS)));
    }
  }

  private static void drain(InputStream in) {
    try {
      in.readAllBytes();
    } catch (IOException _) {
      // It was ended.
    }
  }

  @Test
  void whatIsReadLessOftenIsAskedLessOften() throws Exception {
    gateway.shared(PATH, Duration.ofSeconds(10));
    assertTrue(read.tryAcquire(Await.LIMIT_SECONDS, TimeUnit.SECONDS));

    clock.advance(Duration.ofSeconds(9));
    gateway.shared(PATH, Duration.ofSeconds(10));
    assertEquals(1, asked());
    clock.advance(Duration.ofSeconds(1));
    gateway.shared(PATH, Duration.ofSeconds(10));
    assertTrue(read.tryAcquire(Await.LIMIT_SECONDS, TimeUnit.SECONDS));
    assertEquals(2, asked());
  }
}
