package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.switchboard.gateway.tls.TestCertificate;
import dev.switchboard.testing.Await;
import dev.switchboard.testing.Stopwatch;
import io.vertx.core.http.HttpServerResponse;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.net.InetAddress;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.cert.X509Certificate;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLException;
import javax.net.ssl.SSLHandshakeException;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLSocket;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Listeners that speak TLS: who is let in, what stays as without it, and renewed certificates. */
class TlsIT {
  private static final String RELOAD = "/admin/v1/config/reload";
  private static final long HANDSHAKE_DELAY_MS = 300;
  private static final long ACCEPT_DELAY_MS = 600;

  @TempDir private Path folder;
  private FakeUpstream upstream;
  private TestCertificate root;
  private TestCertificate operators;

  @BeforeEach
  void start() throws Exception {
    upstream = new FakeUpstream();
    upstream.script((request, body) -> request.response().end("{\"choices\":[]}"));
    root = TestCertificate.root("root", "EC");
    operators = TestCertificate.root("operators", "EC");
    write("operators.crt", operators.pem());
    renew(root.issue("first", "EC"));
  }

  @AfterEach
  void stop() {
    upstream.close();
  }

  private void write(String name, String text) throws IOException {
    Files.writeString(folder.resolve(name), text);
  }

  private void renew(TestCertificate own) throws Exception {
    write("tls.crt", own.pem() + root.pem());
    write("tls.key", own.keyPem());
  }

  /** The API for everybody, the admin listener for those whom the operators' authority knows. */
  private InProcessGateway gateway() throws Exception {
    return gateway("", "");
  }

  private InProcessGateway gateway(String http, String further) throws Exception {
    String files = "tls: {certificate-file: F/tls.crt, key-file: F/tls.key";
    String yaml =
        "http: {"
            + http
            + files
            + "}}\nadmin: {"
            + files
            + ", client-ca-file: F/operators.crt}}\n"
            + further;
    return InProcessGateway.before(yaml.replace("F/", folder + "/"), upstream);
  }

  private HttpClient client(@Nullable TestCertificate own) throws Exception {
    return HttpClient.newBuilder().sslContext(root.trusted(own)).build();
  }

  private HttpClient operator() throws Exception {
    return client(operators.issue("operator", "EC"));
  }

  private static HttpRequest chat(InProcessGateway gateway, boolean stream) {
    return HttpRequest.newBuilder(gateway.api(InProcessGateway.CHAT))
        .POST(HttpRequest.BodyPublishers.ofString(InProcessGateway.chat(stream)))
        .build();
  }

  private static HttpResponse<String> reload(InProcessGateway gateway, HttpClient operator)
      throws Exception {
    HttpRequest request =
        HttpRequest.newBuilder(gateway.admin(RELOAD))
            .header("X-Switchboard-Admin", "test")
            .POST(HttpRequest.BodyPublishers.noBody())
            .build();
    return operator.send(request, HttpResponse.BodyHandlers.ofString());
  }

  private SSLSocket connect(URI listener, String... protocols) throws Exception {
    SSLContext context = root.trusted();
    SSLSocket socket =
        (SSLSocket) context.getSocketFactory().createSocket(listener.getHost(), listener.getPort());
    socket.setSoTimeout(Await.LIMIT_MS);
    SSLParameters wanted = socket.getSSLParameters();
    wanted.setApplicationProtocols(protocols);
    socket.setSSLParameters(wanted);
    return socket;
  }

  /** What the server says until it closes. */
  private static String exchange(Socket socket, String request) throws IOException {
    socket.getOutputStream().write(request.getBytes(StandardCharsets.ISO_8859_1));
    socket.getOutputStream().flush();
    return new String(socket.getInputStream().readAllBytes(), StandardCharsets.ISO_8859_1);
  }

  private static String serial(X509Certificate certificate) {
    return certificate.getSerialNumber().toString();
  }

  private static String served(HttpResponse<?> answer) throws Exception {
    return serial((X509Certificate) answer.sslSession().orElseThrow().getPeerCertificates()[0]);
  }

  @Test
  void aClientIsServedOverTlsAndOnlyOverHttp11() throws Exception {
    try (InProcessGateway gateway = gateway();
        HttpClient client = client(null)) {
      assertEquals("https", gateway.api("").getScheme());

      HttpResponse<String> answer =
          client.send(chat(gateway, false), HttpResponse.BodyHandlers.ofString());

      assertEquals(200, answer.statusCode());
      assertEquals(HttpClient.Version.HTTP_1_1, answer.version());
      assertEquals("TLSv1.3", answer.sslSession().orElseThrow().getProtocol());
      try (SSLSocket old = connect(gateway.api(""), "h2", "http/1.1")) {
        old.setEnabledProtocols(new String[] {"TLSv1.2"});
        old.startHandshake();
        assertEquals("http/1.1", old.getApplicationProtocol());
      }
      try (SSLSocket modern = connect(gateway.api(""), "h2")) {
        assertThrows(SSLHandshakeException.class, modern::startHandshake);
      }
      // Whom nobody vouches for is not believed: the chain is sent, and it is the file's.
      try (HttpClient stranger = HttpClient.newBuilder().sslContext(operators.trusted()).build()) {
        assertThrows(
            SSLHandshakeException.class,
            () -> stranger.send(chat(gateway, false), HttpResponse.BodyHandlers.ofString()));
      }
    }
  }

  @Test
  void framingIsAsStrictBehindTls() throws Exception {
    String begin = "POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\n";
    try (InProcessGateway gateway = gateway()) {
      for (String hidden :
          List.of(
              begin + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
              begin + "Content-Length: 0\r\nX: a\r\n b\r\n\r\n",
              "GET /livez HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
              "GET /livez HTTP/1.1\nHost: a\n\n")) {
        try (SSLSocket socket = connect(gateway.api(""))) {
          String answer = exchange(socket, hidden);
          assertTrue(answer.contains(" 400 Bad Request\r\n"), hidden + answer);
        }
      }
      assertEquals(0, upstream.seen.size());
    }
  }

  @Test
  void clearTextIsNotAnswered() throws Exception {
    try (InProcessGateway gateway = gateway()) {
      for (URI listener : List.of(gateway.api(""), gateway.admin(""))) {
        String said = gateway.raw(listener, "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n");

        assertFalse(said.contains("HTTP"), said);
      }
    }
  }

  @Test
  void withoutACertificateOfTheAuthorityNobodyReachesTheAdminListener() throws Exception {
    try (InProcessGateway gateway = gateway();
        HttpClient operator = operator();
        HttpClient nobody = client(null);
        HttpClient stranger = client(root.issue("stranger", "EC"))) {
      HttpRequest ask = HttpRequest.newBuilder(gateway.admin("/admin/v1/replicas")).build();

      assertEquals(200, operator.send(ask, HttpResponse.BodyHandlers.ofString()).statusCode());
      for (HttpClient refused : List.of(nobody, stranger)) {
        assertThrows(
            IOException.class, () -> refused.send(ask, HttpResponse.BodyHandlers.ofString()));
      }
    }
  }

  @Test
  void aRenewedCertificateIsForNewConnectionsAndAStreamGoesOn() throws Exception {
    CompletableFuture<HttpServerResponse> stream = new CompletableFuture<>();
    upstream.script(
        (request, body) -> {
          HttpServerResponse events = FakeUpstream.events(request);
          events.write(FakeUpstream.role() + FakeUpstream.content("first"));
          stream.complete(events);
        });
    HttpClient before = client(null);
    try (InProcessGateway gateway = gateway();
        HttpClient operator = operator()) {
      HttpResponse<InputStream> open =
          before.send(chat(gateway, true), HttpResponse.BodyHandlers.ofInputStream());
      BufferedReader lines =
          new BufferedReader(new InputStreamReader(open.body(), StandardCharsets.UTF_8));
      awaitLine(lines, "first");
      String first = served(open);

      renew(root.issue("second", "RSA"));
      HttpResponse<String> done = reload(gateway, operator);

      assertTrue(
          done.body()
              .startsWith(
                  "{\"changed\":[\"admin.tls.certificate-file\",\"http.tls.certificate-file\"],"),
          done.body());
      assertNotEquals(first, probe(gateway));
      HttpServerResponse events = stream.get(Await.LIMIT_SECONDS, TimeUnit.SECONDS);
      upstream
          .vertx()
          .runOnContext(
              next ->
                  events.end(
                      FakeUpstream.content("second")
                          + FakeUpstream.finish()
                          + FakeUpstream.done()));
      awaitLine(lines, "second");
      awaitLine(lines, "[DONE]");
    } finally {
      before.shutdownNow();
    }
  }

  private static void awaitLine(BufferedReader lines, String part) throws IOException {
    String line;
    do {
      line = Objects.requireNonNull(lines.readLine(), part);
    } while (!line.contains(part));
  }

  /** The certificate that a new connection is shown. */
  private String probe(InProcessGateway gateway) throws Exception {
    try (SSLSocket socket = connect(gateway.api(""))) {
      socket.startHandshake();
      return serial((X509Certificate) socket.getSession().getPeerCertificates()[0]);
    }
  }

  @Test
  void aBrokenCertificateRejectsTheWholeReload() throws Exception {
    try (InProcessGateway gateway = gateway();
        HttpClient operator = operator()) {
      String before = probe(gateway);
      gateway.rewrite("slo: {default-class: batch}");
      TestCertificate second = root.issue("second", "EC");
      write("tls.crt", second.pem() + root.pem());

      HttpResponse<String> refused = reload(gateway, operator);

      assertEquals(400, refused.statusCode());
      String said = refused.body();
      assertTrue(said.contains("http.tls.key-file: " + folder.resolve("tls.key")), said);
      assertEquals(before, probe(gateway));
      write("tls.key", second.keyPem());
      String taken = reload(gateway, operator).body();
      assertTrue(taken.contains("\"http.tls.certificate-file\",\"slo.default-class\""), taken);
      assertNotEquals(before, probe(gateway));
      gateway.rewrite("http: {tls: {certificate-file: null, key-file: null}}");
      HttpResponse<String> off = reload(gateway, operator);
      assertEquals(409, off.statusCode());
      assertTrue(off.body().contains("a restart is needed for http.tls."), off.body());
    }
  }

  @Test
  void anExpiredCertificateIsRefusedAtTheStartAndByAReload() throws Exception {
    String certificates = "http.tls.certificate-file: " + folder.resolve("tls.crt");
    try (InProcessGateway gateway = gateway();
        HttpClient operator = operator()) {
      String before = probe(gateway);
      renew(root.issueExpired("old"));

      HttpResponse<String> refused = reload(gateway, operator);

      assertEquals(400, refused.statusCode());
      assertTrue(
          refused
              .body()
              .contains(certificates + " holds a certificate that expired at 2021-01-01T00:00:00Z"),
          refused.body());
      assertEquals(before, probe(gateway));
    }
    ObjectNode tree = ConfigReader.defaults();
    String files = "certificate-file: F/tls.crt, key-file: F/tls.key".replace("F/", folder + "/");
    ConfigReader.overlay(tree, "http: {tls: {" + files + "}}");
    GatewayConfig config = ConfigReader.read(tree);
    IllegalArgumentException said =
        assertThrows(IllegalArgumentException.class, () -> ListenerTls.check(config));
    assertTrue(String.valueOf(said.getMessage()).startsWith(certificates), said::getMessage);
  }

  @Test
  void anExpiredAuthorityOfClientsIsRefusedByAReloadAndItsEndIsTold() throws Exception {
    String expiry = "switchboard_tls_certificate_expiry_timestamp_seconds{";
    try (InProcessGateway gateway = gateway();
        HttpClient operator = operator()) {
      List<String> told = scrape(gateway, operator, expiry);
      write("operators.crt", operators.pem() + root.issueExpired("old").pem());

      HttpResponse<String> refused = reload(gateway, operator);

      assertEquals(400, refused.statusCode());
      String file = "admin.tls.client-ca-file: " + folder.resolve("operators.crt");
      assertTrue(
          refused
              .body()
              .contains(file + " holds a certificate that expired at 2021-01-01T00:00:00Z"),
          refused.body());
      long until = operators.certificate().getNotAfter().toInstant().getEpochSecond();
      assertEquals(
          Map.of(
              "kind=own,listener=api", until,
              "kind=own,listener=admin", until,
              "kind=client_ca,listener=admin", until),
          ends(told, expiry));
      gateway.rewrite("admin: {tls: {client-ca-file: null}}");
      assertEquals(200, reload(gateway, operator).statusCode());
      assertEquals(2, scrape(gateway, operator, expiry).size());
    }
  }

  /** What the lines of a metric say, by their labels. */
  private static Map<String, Long> ends(List<String> lines, String begin) {
    return lines.stream()
        .map(line -> line.substring(begin.length()).split("} ", 2))
        .collect(Collectors.toMap(line -> line[0], line -> (long) Double.parseDouble(line[1])));
  }

  @Test
  void aFailedHandshakeIsCountedByItsCauseAndTheExpiryIsTold() throws Exception {
    try (InProcessGateway gateway = gateway();
        HttpClient operator = operator();
        HttpClient nobody = client(null);
        HttpClient unknown = client(root.issue("unknown", "EC"))) {
      URI api = gateway.api("");
      String _ = gateway.raw(api, "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n");
      new Socket(api.getHost(), api.getPort()).close();
      try (SSLSocket modern = connect(api, "h2")) {
        assertThrows(SSLHandshakeException.class, modern::startHandshake);
      }
      try (SSLSocket stranger =
          (SSLSocket)
              operators.trusted().getSocketFactory().createSocket(api.getHost(), api.getPort())) {
        assertThrows(SSLHandshakeException.class, stranger::startHandshake);
      }
      HttpRequest ask = HttpRequest.newBuilder(gateway.admin("/admin/v1/replicas")).build();
      for (HttpClient refused : List.of(nobody, unknown)) {
        assertThrows(
            IOException.class, () -> refused.send(ask, HttpResponse.BodyHandlers.ofString()));
      }

      Set<String> wanted =
          Set.of(
              "cause=alert,listener=api 1.0",
              "cause=clear_text,listener=api 1.0",
              // Each of the two clients tries twice.
              "cause=client_certificate,listener=admin 4.0",
              "cause=closed,listener=api 1.0",
              "cause=negotiation,listener=api 1.0");
      Await.until("failures", () -> failures(gateway, operator), wanted::equals);
      String expiry =
          "switchboard_tls_certificate_expiry_timestamp_seconds{kind=own,listener=api} ";
      String told = scrape(gateway, operator, expiry).getFirst();
      long until = root.certificate().getNotAfter().toInstant().getEpochSecond();
      assertEquals(until, (long) Double.parseDouble(told.substring(expiry.length())));
    }
  }

  /** Handshakes that failed, by what they failed for. */
  private static Set<String> failures(InProcessGateway gateway, HttpClient operator)
      throws Exception {
    String name = "switchboard_tls_handshake_failures_total{";
    return scrape(gateway, operator, name).stream()
        .filter(line -> !line.endsWith(" 0.0"))
        .map(line -> line.substring(name.length()).replace("}", ""))
        .collect(Collectors.toSet());
  }

  /** Lines of the metrics, without quotes, that begin so. */
  private static List<String> scrape(InProcessGateway gateway, HttpClient operator, String begin)
      throws Exception {
    HttpRequest scrape = HttpRequest.newBuilder(gateway.admin("/metrics")).build();
    return operator
        .send(scrape, HttpResponse.BodyHandlers.ofString())
        .body()
        .lines()
        .map(line -> line.replace("\"", ""))
        .filter(line -> line.startsWith(begin))
        .toList();
  }

  @Test
  void clientsThatNeverHandshakeCountFromTheirFirstMomentAndAreCut() throws Exception {
    try (InProcessGateway gateway =
            gateway("max-connections-per-client: 3, ", "deadlines: {header-ms: 2000}");
        HttpClient client = client(null)) {
      List<Socket> silent = new ArrayList<>();
      for (int i = 0; i < 3; i++) {
        silent.add(new Socket(InetAddress.getLoopbackAddress(), gateway.api("").getPort()));
      }

      // Nobody says anything, and yet there is no room for a fourth.
      Await.until("a refusal", () -> refusesAHandshake(gateway));

      // Half of a record is no handshake either.
      try (Socket drips =
          new Socket(InetAddress.getLoopbackAddress(), gateway.admin("").getPort())) {
        drips.getOutputStream().write(new byte[] {22, 3, 1, 0});
        silent.add(drips);
        for (Socket socket : silent) {
          socket.setSoTimeout(Await.LIMIT_MS);
          socket.getInputStream().readAllBytes();
          socket.close();
        }
      }
      assertEquals(
          200,
          client.send(chat(gateway, false), HttpResponse.BodyHandlers.ofString()).statusCode());
    }
  }

  private boolean refusesAHandshake(InProcessGateway gateway) throws Exception {
    try (SSLSocket socket = connect(gateway.api(""))) {
      socket.startHandshake();
      return false;
    } catch (IOException closed) {
      return true;
    }
  }

  /** Told for the first request of a connection, beside its wall time. */
  @Test
  void aClientThatHandshakesLateFindsThatInThePhaseTls() throws Exception {
    try (InProcessGateway gateway = gateway();
        HttpClient operator = operator()) {
      // On a busy machine the event loop, too, may come late to one of them.
      Await.until("the phase", () -> toldWithinATenth(gateway, operator));
    }
  }

  private boolean toldWithinATenth(InProcessGateway gateway, HttpClient operator) throws Exception {
    String id = "late-" + UUID.randomUUID();
    try (Socket plain = new Socket(InetAddress.getLoopbackAddress(), gateway.api("").getPort())) {
      Stopwatch connected = Stopwatch.start();
      // Or the end of its handshake waits 40 ms for a delayed acknowledgement.
      plain.setTcpNoDelay(true);
      Await.until(() -> connected.millis() >= HANDSHAKE_DELAY_MS);
      SSLSocket socket = handshake(plain);
      double lateMs = connected.nanos() / 1e6;
      assertTrue(exchange(socket, request(id, "a")).startsWith("HTTP/1.1 200"));
      JsonNode timeline = timeline(gateway, operator, id);
      double told = before(timeline, "tls");
      assertTrue(told > 0, timeline::toPrettyString);
      return Math.abs(told - lateMs) < lateMs / 10
          && timeline.path("wall_ms").asDouble() < HANDSHAKE_DELAY_MS;
    }
  }

  private static String request(String id, String host) {
    String body = InProcessGateway.chat(false);
    return "POST /v1/chat/completions HTTP/1.1\r\nHost: "
        + host
        + "\r\nConnection: close\r\nX-Request-Id: "
        + id
        + "\r\nContent-Type: application/json\r\nContent-Length: "
        + body.length()
        + "\r\n\r\n"
        + body;
  }

  /** Its handshake has begun meanwhile, and is itself no part of that wait. */
  @Test
  void aConnectionThatIsAcceptedLateFindsThatInThePhaseSocket() throws Exception {
    Path config = folder.resolve("switchboard.yaml");
    Files.writeString(
        config,
        "http: {event-loops: 1, tls: {certificate-file: F/tls.crt, key-file: F/tls.key}}\n"
                .replace("F/", folder + "/")
            + "upstreams: [{url: \""
            + upstream.url()
            + "\", models: [m]}]");
    try (GatewayProcess gateway =
        GatewayProcess.start(List.of(), "--config", config.toString()).awaitReady()) {
      // On a busy machine it may come late to one of them once more, or be stopped late itself.
      Await.until("the phase", () -> acceptedLate(gateway));
    }
  }

  private boolean acceptedLate(GatewayProcess gateway) throws Exception {
    String id = "late-" + UUID.randomUUID();
    URI api = gateway.api("");
    long pid = gateway.process().pid();
    GatewayProcess.signal("-STOP", pid);
    try (Socket plain = new Socket(api.getHost(), api.getPort())) {
      plain.setTcpNoDelay(true);
      Stopwatch connected = Stopwatch.start();
      FutureTask<SSLSocket> secured = new FutureTask<>(() -> handshake(plain));
      Thread _ = Thread.ofVirtual().start(secured);
      Await.until(() -> connected.millis() >= ACCEPT_DELAY_MS);
      double lateMs = connected.nanos() / 1e6;
      GatewayProcess.signal("-CONT", pid);
      String answer =
          exchange(
              secured.get(Await.LIMIT_SECONDS, TimeUnit.SECONDS), request(id, api.getAuthority()));
      assertTrue(answer.startsWith("HTTP/1.1 200"), answer);

      String path = "/admin/v1/requests/" + id + "/timeline";
      JsonNode timeline =
          Await.until("its timeline", () -> gateway.admin(path), told -> told.has("phases"));
      double told = before(timeline, "socket");
      return Math.abs(told - lateMs) < lateMs / 10
          && before(timeline, "tls") < lateMs / 2
          && timeline.path("wall_ms").asDouble() < lateMs / 2;
    } finally {
      GatewayProcess.signal("-CONT", pid);
    }
  }

  private SSLSocket handshake(Socket plain) throws Exception {
    SSLSocket socket =
        (SSLSocket)
            root.trusted()
                .getSocketFactory()
                .createSocket(plain, "localhost", plain.getPort(), true);
    socket.setSoTimeout(Await.LIMIT_MS);
    socket.startHandshake();
    return socket;
  }

  private static JsonNode timeline(InProcessGateway gateway, HttpClient operator, String id)
      throws Exception {
    HttpRequest request =
        HttpRequest.newBuilder(gateway.admin("/admin/v1/requests/" + id + "/timeline")).build();
    return new ObjectMapper()
        .readTree(
            Await.until(
                "its timeline",
                () -> operator.send(request, HttpResponse.BodyHandlers.ofString()).body(),
                told -> told.contains("phases")));
  }

  private static double before(JsonNode timeline, String phase) {
    return timeline
        .path("before")
        .valueStream()
        .filter(each -> each.path("phase").asText().equals(phase))
        .mapToDouble(each -> each.path("ms").asDouble())
        .sum();
  }

  @Test
  void ofTls12OnlySuitesWithAnAuthenticatedCipherAreSpoken() throws Exception {
    try (InProcessGateway gateway = gateway()) {
      Set<String> spoken = new HashSet<>();
      SSLContext context = root.trusted();
      for (String suite : context.getSupportedSSLParameters().getCipherSuites()) {
        if (suite.contains("_WITH_") && speaks(gateway.api(""), context, suite)) {
          spoken.add(suite);
        }
      }

      assertEquals(
          Set.of(
              "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
              "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
              "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256"),
          spoken);
    }
  }

  private static boolean speaks(URI listener, SSLContext context, String suite) throws IOException {
    try (SSLSocket socket =
        (SSLSocket)
            context.getSocketFactory().createSocket(listener.getHost(), listener.getPort())) {
      socket.setSoTimeout(Await.LIMIT_MS);
      socket.setEnabledProtocols(new String[] {"TLSv1.2"});
      socket.setEnabledCipherSuites(new String[] {suite});
      socket.startHandshake();
      return true;
    } catch (SSLException refused) {
      return false;
    }
  }

  @Test
  void whoSendsALargeBodyBeforeItReadsCanReadWhyItWasRefused() throws Exception {
    byte[] piece = new byte[64 << 10];
    try (InProcessGateway gateway = gateway()) {
      for (int i = 0; i < 5; i++) {
        try (SSLSocket socket = connect(gateway.api(""))) {
          socket
              .getOutputStream()
              .write(
                  "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 12582912\r\n\r\n"
                      .getBytes(StandardCharsets.ISO_8859_1));
          for (int sent = 0; sent < 12 << 20; sent += piece.length) {
            socket.getOutputStream().write(piece);
          }

          String answer = exchange(socket, "");

          assertTrue(answer.startsWith("HTTP/1.1 404 ") && answer.endsWith("}}"), answer);
        }
      }
    }
  }
}
