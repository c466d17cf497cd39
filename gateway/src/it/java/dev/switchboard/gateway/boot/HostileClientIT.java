package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.switchboard.gateway.bench.ClientLedger;
import dev.switchboard.gateway.bench.MetricsText;
import dev.switchboard.gateway.flight.Outcome;
import dev.switchboard.testing.Await;
import io.vertx.core.http.HttpServerResponse;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketException;
import java.net.SocketTimeoutException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Clients that do harm: each is cut off in time, costs a bounded amount, and the others go on. */
class HostileClientIT {
  private static final String STALLS =
      "deadlines: {write-stall-ms: 700}\nadmission: {replica-concurrency: 1000}";
  private static final int MANY = 100;
  private static final int STORM = 400;

  /** Two such bodies fit into three quarters of a megabyte, and three do not. */
  private static final int LARGE = 300_000;

  /** Heads and buffers of a stalled stream on its way, sockets included. */
  private static final long MOST_BYTES_AHEAD = 2 << 20;

  private static final String ENDED = "switchboard_requests_total";

  private static final String LIVEZ = "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n";

  private FakeUpstream upstream;

  @BeforeEach
  void start() throws Exception {
    upstream = new FakeUpstream();
  }

  @AfterEach
  void stop() {
    upstream.close();
  }

  private static Socket connect(InProcessGateway gateway) throws IOException {
    return connect(gateway.api(""));
  }

  private static Socket connect(URI listener) throws IOException {
    return connect(listener, "127.0.0.1");
  }

  /** Comes from an address of this machine. */
  private static Socket connect(URI listener, String from) throws IOException {
    Socket socket = new Socket();
    socket.setReceiveBufferSize(4096);
    socket.bind(new InetSocketAddress(from, 0));
    socket.connect(new InetSocketAddress(InetAddress.getLoopbackAddress(), listener.getPort()));
    socket.setSoTimeout(Await.LIMIT_MS);
    return socket;
  }

  private static void send(Socket socket, String text) throws IOException {
    socket.getOutputStream().write(text.getBytes(StandardCharsets.ISO_8859_1));
    socket.getOutputStream().flush();
  }

  private static String chat(boolean stream) {
    return chat(stream, "");
  }

  private static String chat(boolean stream, String header) {
    String body = InProcessGateway.chat(stream);
    return "POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\n"
        + header
        + "Content-Length: "
        + body.length()
        + "\r\n\r\n"
        + body;
  }

  private static MetricsText metrics(InProcessGateway gateway) throws Exception {
    return new MetricsText(gateway.get(gateway.admin("/metrics")).body());
  }

  /** Whole answers are served meanwhile, each of them. */
  private static void assertOthersAreServed(InProcessGateway gateway) throws Exception {
    for (int i = 0; i < 10; i++) {
      assertEquals(
          200, gateway.post(InProcessGateway.CHAT, InProcessGateway.chat(false)).statusCode());
    }
  }

  /** Waits until what clients saw is what the gateway counted and wrote, of each request. */
  private static void awaitIdle(
      InProcessGateway gateway, ClientLedger ledger, MetricsText before, RequestEnds ends) {
    Await.until(
        "differences",
        () -> ledger.compare(before, metrics(gateway), ends.all(), List.of()),
        List::isEmpty);
  }

  /** Waits for what is counted behind the last byte, which its client may see before. */
  private static MetricsText awaitEnded(
      InProcessGateway gateway, MetricsText before, Outcome outcome, int count) {
    String label = "outcome=\"" + outcome.label() + "\"";
    double expected = before.sum(ENDED, label) + count;
    MetricsText now =
        Await.until(label, () -> metrics(gateway), told -> told.sum(ENDED, label) >= expected);
    assertEquals(expected, now.sum(ENDED, label));
    return now;
  }

  private static <T> List<T> together(int count, Callable<T> task) throws Exception {
    List<T> results = new ArrayList<>();
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      List<Future<T>> running = new ArrayList<>();
      for (int i = 0; i < count; i++) {
        running.add(threads.submit(task));
      }
      for (Future<T> one : running) {
        results.add(one.get(Await.LIMIT_SECONDS, TimeUnit.SECONDS));
      }
    }
    return results;
  }

  /** Sends content without end, as fast as it is taken, a piece for each of its turns. */
  private void pour(HttpServerResponse response, String content, AtomicLong poured) {
    if (response.closed()) {
      return;
    }
    if (response.writeQueueFull()) {
      response.drainHandler(drained -> pour(response, content, poured));
      return;
    }
    response.write(content);
    poured.addAndGet(content.length());
    upstream.vertx().runOnContext(next -> pour(response, content, poured));
  }

  @Test
  void clientsThatNeverReadAreCutAndTheirStreamsAreNotBuffered() throws Exception {
    AtomicLong poured = new AtomicLong();
    String content = FakeUpstream.content("x".repeat(8000));
    upstream.script(
        (request, body) -> {
          if (body.toString().contains("\"stream\":true")) {
            pour(FakeUpstream.events(request), content, poured);
          } else {
            request.response().end("{\"choices\":[]}");
          }
        });
    try (InProcessGateway gateway = InProcessGateway.before(STALLS, upstream)) {
      MetricsText before = metrics(gateway);
      List<Socket> clients = new ArrayList<>();
      for (int i = 0; i < MANY; i++) {
        clients.add(connect(gateway));
        send(clients.getLast(), chat(true));
      }

      assertOthersAreServed(gateway);

      Await.until("closed streams", upstream.closed::size, size -> size >= MANY);
      MetricsText after = awaitEnded(gateway, before, Outcome.CLIENT_GONE, MANY);
      assertEquals(0, after.sum("switchboard_requests_in_flight"));
      assertTrue(after.sum("switchboard_client_stall_seconds_total") > MANY * 0.5);
      assertTrue(poured.get() < MANY * MOST_BYTES_AHEAD, poured + " bytes were taken");
      for (Socket client : clients) {
        Await.until("a cut", () -> isCut(client));
        client.close();
      }
    }
  }

  /** What is sent to a connection that is not there any more is answered by a reset. */
  private static boolean isCut(Socket socket) {
    try {
      socket.getOutputStream().write('x');
      return false;
    } catch (IOException reset) {
      return true;
    }
  }

  @Test
  void aHeadThatDripsInIsCutAndTheOthersAreServed() throws Exception {
    upstream.script((request, body) -> request.response().end("{\"choices\":[]}"));
    // The others need as much time for theirs as a busy machine takes.
    String deadlines = "deadlines: {header-ms: 3000}";
    try (InProcessGateway gateway = InProcessGateway.before(deadlines, upstream)) {
      try (ExecutorService dripping = Executors.newSingleThreadExecutor()) {
        Future<?> cut =
            dripping.submit(
                () -> together(MANY, () -> drip(gateway.api(""), "GET /livez HTTP/1.1\r\nX: ")));

        assertOthersAreServed(gateway);

        cut.get();
      }
    }
  }

  @Test
  void headsThatDripIntoTheAdminListenerHoldItsPlacesOnlyForAWhile() throws Exception {
    String limits = "{header-ms: 700, keep-alive-ms: 700}";
    String places = "{max-connections: 20, max-connections-per-client: 20}";
    try (InProcessGateway gateway =
        InProcessGateway.before("deadlines: " + limits + "\nadmin: " + places, upstream)) {
      String first = "GET /livez HTTP/1.1\r\nHost: localhost\r\nX: ";
      String second = first + "a\r\n\r\n" + first;

      together(10, () -> drip(gateway.admin(""), first) && drip(gateway.admin(""), second));

      Await.until("a free place", () -> accepts(gateway.admin("")));
    }
  }

  @Test
  void whoNeverReadsItsAnswersHoldsItsPlaceNoLongerThanWhoAsksNothing() throws Exception {
    String one = "{port: 0, max-connections-per-client: 1}";
    String yaml = "deadlines: {keep-alive-ms: 500}\nhttp: " + one + "\nadmin: " + one;
    String many = "GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(20);
    try (InProcessGateway gateway = InProcessGateway.before(yaml, upstream)) {
      for (URI listener : List.of(gateway.api(""), gateway.admin(""))) {
        try (Socket silent = connect(listener)) {
          send(silent, many);

          Await.until("a free place", () -> accepts(listener));
        }
      }
    }
  }

  @Test
  void aBodyThatDripsInIsCutAndTheOthersAreServed() throws Exception {
    upstream.script((request, body) -> request.response().end("{\"choices\":[]}"));
    // A client that the machine holds up must not be cut before its head is there.
    String deadlines = "deadlines: {header-ms: 20000, body-ms: 700}";
    try (InProcessGateway gateway = InProcessGateway.before(deadlines, upstream)) {
      MetricsText before = metrics(gateway);
      String head =
          "POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n{";
      try (ExecutorService dripping = Executors.newSingleThreadExecutor()) {
        Future<?> cut = dripping.submit(() -> together(MANY, () -> drip(gateway.api(""), head)));

        assertOthersAreServed(gateway);

        cut.get();
      }
      awaitEnded(gateway, before, Outcome.REQUEST_TIMEOUT, MANY);
      assertEquals(10, upstream.seen.size());
    }
  }

  @Test
  void bodiesOfAllClientsTogetherAreBoundedAndSmallOnesAreServedBesideLargeOnes() throws Exception {
    Queue<HttpServerResponse> held = new ConcurrentLinkedQueue<>();
    AtomicBoolean holds = new AtomicBoolean(true);
    upstream.script(
        (request, body) -> {
          if (holds.get() && body.length() > LARGE) {
            held.add(request.response());
          } else {
            request.response().end("{\"choices\":[]}");
          }
        });
    String large = InProcessGateway.chat(false).replace("\"x\"", "\"" + "x".repeat(LARGE) + "\"");
    try (InProcessGateway gateway =
            InProcessGateway.before("http: {port: 0, body-memory-bytes: 1048576}", upstream);
        ExecutorService clients = Executors.newVirtualThreadPerTaskExecutor()) {
      List<Future<Integer>> first = new ArrayList<>();
      for (int i = 0; i < 2; i++) {
        first.add(clients.submit(() -> gateway.post(InProcessGateway.CHAT, large).statusCode()));
      }
      Await.until("both bodies", held::size, size -> size == 2);

      String announced =
          gateway.raw(
              "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 400000\r\n\r\n");
      String unannounced =
          gateway.raw(
              "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                  + "61a80\r\n"
                  + "x".repeat(400_000));
      assertOthersAreServed(gateway);
      holds.set(false);
      held.forEach(response -> response.end("{\"choices\":[]}"));

      for (String refused : List.of(announced, unannounced)) {
        assertTrue(refused.startsWith("HTTP/1.1 429 "), refused);
        assertTrue(refused.contains("X-Switchboard-Reason: body_memory\r\n"), refused);
        assertTrue(refused.contains("Retry-After: "), refused);
      }
      assertEquals(
          2, metrics(gateway).sum("switchboard_admissions_total", "verdict=\"body_memory\""));
      for (Future<Integer> served : first) {
        assertEquals(200, served.get(Await.LIMIT_SECONDS, TimeUnit.SECONDS));
      }
      assertEquals(200, gateway.post(InProcessGateway.CHAT, large).statusCode());
    }
  }

  @Test
  void aBodyWithoutRoomIsToldHowLongItTakesUntilThereIsSome() throws Exception {
    Queue<HttpServerResponse> held = new ConcurrentLinkedQueue<>();
    AtomicBoolean holds = new AtomicBoolean();
    upstream.script(
        (request, body) -> {
          if (holds.get()) {
            held.add(request.response());
          } else {
            request.response().end("{\"choices\":[]}");
          }
        });
    String large = InProcessGateway.chat(false).replace("\"x\"", "\"" + "x".repeat(LARGE) + "\"");
    try (InProcessGateway gateway =
            InProcessGateway.before("http: {port: 0, body-memory-bytes: 1048576}", upstream);
        ExecutorService clients = Executors.newVirtualThreadPerTaskExecutor()) {
      assertEquals(200, gateway.post(InProcessGateway.CHAT, large).statusCode());
      holds.set(true);
      List<Future<Integer>> first = new ArrayList<>();
      for (int i = 0; i < 2; i++) {
        first.add(clients.submit(() -> gateway.post(InProcessGateway.CHAT, large).statusCode()));
      }
      Await.until("both bodies", held::size, size -> size == 2);

      var refused = gateway.post(InProcessGateway.CHAT, large);
      held.forEach(response -> response.end("{\"choices\":[]}"));

      assertEquals(429, refused.statusCode());
      JsonNode told = new ObjectMapper().readTree(refused.body()).path("switchboard");
      assertEquals("body_memory", told.path("reason").asText());
      JsonNode wait = told.path("predicted_wait_ms");
      assertTrue(wait.path("p50").asLong() >= 1, told::toString);
      assertTrue(wait.path("p90").asLong() >= wait.path("p50").asLong(), told::toString);
      assertEquals(
          refused.headers().firstValue("Retry-After").orElseThrow(),
          told.path("retry_after_s").asText());
      for (Future<Integer> served : first) {
        assertEquals(200, served.get(Await.LIMIT_SECONDS, TimeUnit.SECONDS));
      }
    }
  }

  /** Sends a byte now and then until the server closes, which it must. */
  private static boolean drip(URI listener, String begin) throws IOException {
    try (Socket socket = connect(listener)) {
      send(socket, begin);
      socket.setSoTimeout(50);
      Await.until("a cut", () -> isCutOrDrips(socket));
      return true;
    } catch (SocketException reset) {
      // The server closed it before a byte was on its way.
      return true;
    }
  }

  private static boolean isCutOrDrips(Socket socket) {
    try {
      return socket.getInputStream().read(new byte[1024]) < 0;
    } catch (SocketTimeoutException silent) {
      return isCut(socket);
    } catch (IOException reset) {
      return true;
    }
  }

  @Test
  void aStormOfClientsThatLeaveLeavesNothingInFlight() throws Exception {
    upstream.script(
        (request, body) -> FakeUpstream.events(request).write(FakeUpstream.content("a")));
    try (InProcessGateway gateway =
            InProcessGateway.before("admission: {replica-concurrency: 1000}", upstream);
        RequestEnds ends = new RequestEnds()) {
      MetricsText before = metrics(gateway);
      ClientLedger ledger = new ClientLedger();

      together(STORM, () -> leaveAfterTheFirstToken(gateway, ledger));

      awaitIdle(gateway, ledger, before, ends);
      Await.until("closed streams", upstream.closed::size, size -> size == STORM);
      assertEquals(STORM, ledger.begun());
    }
  }

  private static boolean leaveAfterTheFirstToken(InProcessGateway gateway, ClientLedger ledger)
      throws IOException {
    try (Socket socket = connect(gateway)) {
      ClientLedger.Entry entry = ledger.named(true);
      send(socket, chat(true, "X-Request-Id: " + entry.id() + "\r\n"));
      assertTrue(socket.getInputStream().read() >= 0);
      entry.leave();
      // So that the close is a reset, as of a process that was killed.
      socket.setSoLinger(true, 0);
      return true;
    }
  }

  @Test
  void whatClientsSawIsWhatTheGatewayCounted() throws Exception {
    upstream.script(
        (request, body) -> {
          HttpServerResponse events = FakeUpstream.events(request);
          events.write(FakeUpstream.role());
          for (int i = 0; i < 20; i++) {
            events.write(FakeUpstream.content("t" + i));
          }
          events.end(FakeUpstream.finish() + FakeUpstream.done());
        });
    String yaml = "admission: {max-in-flight: 8}\ntelemetry: {log-requests: true}";
    try (InProcessGateway gateway = InProcessGateway.before(yaml, upstream);
        RequestEnds ends = new RequestEnds()) {
      MetricsText before = metrics(gateway);
      ClientLedger ledger = new ClientLedger();

      together(MANY, () -> stream(gateway, ledger));

      awaitIdle(gateway, ledger, before, ends);
      assertEquals(List.of(), ledger.faults());
      assertEquals(MANY, ledger.count(Outcome.OK) + ledger.count(Outcome.SHED));
      assertEquals(20 * ledger.count(Outcome.OK), ledger.tokens());
    }
  }

  private static boolean stream(InProcessGateway gateway, ClientLedger ledger) throws Exception {
    ClientLedger.Entry entry = ledger.named(true);
    var answer =
        gateway.post(
            InProcessGateway.CHAT, InProcessGateway.chat(true), "X-Request-Id", entry.id());
    entry.status(answer.statusCode());
    for (String line : answer.body().lines().toList()) {
      if (line.contains("\"content\":\"t")) {
        int from = line.indexOf("\"content\":\"t") + 12;
        entry.token(Integer.parseInt(line.substring(from, line.indexOf('"', from))));
      } else if (line.contains("\"finish_reason\":\"stop\"")) {
        entry.finishReason();
      } else if (line.equals("data: [DONE]")) {
        entry.done();
      }
    }
    entry.end();
    return true;
  }

  @Test
  void oneAddressHasNoMoreConnectionsThanItMay() throws Exception {
    String most = "max-connections-per-client: 5}";
    String yaml = "http: {port: 0, " + most + "\nadmin: {port: 0, " + most;
    try (InProcessGateway gateway = InProcessGateway.before(yaml, upstream)) {
      for (URI listener : List.of(gateway.api(""), gateway.admin(""))) {
        List<Socket> open = new ArrayList<>();
        Await.until(
            "a refusal",
            () -> {
              open.add(asking(listener));
              return isClosed(open.getLast());
            });

        assertTrue(open.size() <= 6, open::toString);
        try (Socket another = connect(listener, "127.0.0.2")) {
          send(another, LIVEZ);
          assertTrue(another.getInputStream().read() >= 0, "another address has places");
        }
        for (Socket socket : open) {
          socket.close();
        }
        Await.until("a free place", () -> accepts(listener));
      }
      MetricsText metrics = metrics(gateway);
      for (String limit : List.of("client", "admin_client")) {
        String label = "limit=\"" + limit + "\"";
        assertTrue(metrics.sum("switchboard_connections_refused_total", label) > 0, limit);
      }
    }
  }

  /** One that has asked for something small. */
  private static Socket asking(URI listener) throws Exception {
    Socket socket = connect(listener);
    send(socket, LIVEZ);
    return socket;
  }

  private static boolean isClosed(Socket socket) {
    try {
      return socket.getInputStream().read() < 0;
    } catch (IOException reset) {
      return true;
    }
  }

  private static boolean accepts(URI listener) {
    try (Socket socket = connect(listener)) {
      send(socket, LIVEZ);
      return socket.getInputStream().read() >= 0;
    } catch (IOException closed) {
      return false;
    }
  }
}
