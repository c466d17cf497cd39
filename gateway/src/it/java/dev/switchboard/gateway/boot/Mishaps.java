package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.gateway.bench.FakeKubernetes;
import dev.switchboard.gateway.bench.MetricsText;
import dev.switchboard.testing.Await;
import java.io.IOException;
import java.net.Socket;
import java.net.SocketException;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * What a fleet seldom meets, made to happen to one of two local workers and a foreign server, so
 * that the series which tell of it are there: all of it is over soon, and one client of the foreign
 * server alone is refused.
 */
record Mishaps(GatewayProcess gateway, FakeUpstream frail) {
  private static final int CONNECTIONS = 64;

  /** Two workers, a server that breaks, and one that Kubernetes names. */
  private static final int READY = 4;

  private static final int MOST = 1000;
  private static final int LATE_STREAMS = 5;
  private static final String FRAIL = "frail";

  /**
   * Streams of the class {@code batch} get a second replica soon; none has an objective there. The
   * API speaks TLS, and so does the server, by the same certificate.
   */
  static String configuration(
      Path model, FakeUpstream frail, FakeKubernetes kubernetes, Path certificate, Path key) {
    return """
    models: [{file: %s}]
    workers: {local: 2, stages: 2, ranks: 2, threads: 1, state-poll-ms: 200,
      arguments: [--allow-fault-injection]}
    upstreams: [{url: "%s", models: [%s], tls-ca-file: %s}]
    routes: [{name: %s, shadow: round-robin}, {name: %s, fallbacks: [%s]}]
    retry: {ratio: 0.5, reserve: 1, hedge: {classes: [batch], after-ratio: 1, after-ms: 1}}
    discovery:
      kubernetes:
        api-server: "%s"
        namespace: default
        unready-ms: 0
        models: [{model: found, service: workers, port-name: http, engine: vllm}]
    http: {event-loops: 1, max-connections-per-client: %d,
      tls: {certificate-file: %s, key-file: %s}}
    """
        .formatted(
            model,
            frail.url(),
            FRAIL,
            certificate,
            GatewayProcess.MODEL,
            FRAIL,
            GatewayProcess.MODEL,
            kubernetes.url(),
            CONNECTIONS,
            certificate,
            key);
  }

  /** Of these a client of the load would see something. */
  void beforeLoad() throws Exception {
    aWorkerDies();
    aClientOpensTooManyConnections();
    aServerBreaks();
  }

  void underLoad() throws Exception {
    List<String> workers = List.of("w0", "w1");
    for (String worker : workers) {
      gateway.fault(worker, "{\"kind\":\"slow\",\"stage\":0,\"rank\":1,\"amount\":300}");
    }
    // A replica's slow rank is named after some steps; who is sent where is the policy's matter.
    until("switchboard_rank_straggler{rank=\"1\",replica=\"w0\",stage=\"0\"} 1.0", "batch");
    until("switchboard_rank_straggler{rank=\"1\",replica=\"w1\",stage=\"0\"} 1.0", "batch");
    until("switchboard_hedges_total{", "batch");
    until("switchboard_rank_blame_slo_seconds_total{", "standard", "X-SLO-TTFT-Ms", "1");
    for (String worker : workers) {
      gateway.fault(worker, "{\"kind\":\"none\"}");
    }
  }

  /** Of the class that is hedged: some are late beside the load's own. */
  void lateStreams() throws Exception {
    for (int i = 0; i < LATE_STREAMS; i++) {
      assertEquals(200, ask(GatewayProcess.MODEL, "batch").statusCode());
    }
  }

  private void aWorkerDies() throws Exception {
    gateway.awaitStates(READY, 0);
    gateway.kill("w0");
    Await.until("a restart", () -> counted("switchboard_worker_restarts_total"));
    gateway.awaitStates(READY, 0);
  }

  private void aClientOpensTooManyConnections() throws Exception {
    List<Socket> sockets = new ArrayList<>();
    try {
      for (int i = 0; i <= CONNECTIONS; i++) {
        sockets.add(connect());
      }
      Await.until("a refusal", () -> tells("switchboard_connections_refused_total{"));
    } finally {
      for (Socket socket : sockets) {
        leave(socket);
      }
    }
  }

  /** Before the handshake. */
  void aClientLeaves() throws IOException {
    leave(connect());
  }

  private Socket connect() throws IOException {
    return new Socket(gateway.api("").getHost(), gateway.api("").getPort());
  }

  /** Waits until the gateway has closed it too: until then it counts. */
  private static void leave(Socket socket) throws IOException {
    try (socket) {
      socket.setSoTimeout(Await.LIMIT_MS);
      socket.shutdownOutput();
      assertEquals(-1, socket.getInputStream().read());
    } catch (SocketException reset) {
      // It was the one that was refused.
    }
  }

  /** Another model stands in for the server, which takes the only retry; then there is none. */
  private void aServerBreaks() throws Exception {
    frail.script((request, body) -> request.response().setStatusCode(503).end());
    assertEquals(200, ask(FRAIL, "standard").statusCode());
    assertTrue(tells("switchboard_fallbacks_total{"));
    assertEquals(502, ask(FRAIL, "standard").statusCode());
    assertTrue(counted("switchboard_retries_denied_total"));
  }

  /** Asks until the metrics have a line that begins so. */
  private void until(String line, String sloClass, String... headers) throws Exception {
    for (int i = 0; i < MOST && !tells(line); i++) {
      assertEquals(200, ask(GatewayProcess.MODEL, sloClass, headers).statusCode());
    }
    assertTrue(tells(line), line);
  }

  private boolean counted(String counter) throws Exception {
    return new MetricsText(gateway.metrics()).sum(counter) > 0;
  }

  private boolean tells(String line) throws Exception {
    return gateway.metrics().lines().anyMatch(each -> each.startsWith(line));
  }

  private HttpResponse<String> ask(String model, String sloClass, String... headers)
      throws Exception {
    List<String> all = new ArrayList<>(List.of("X-SLO-Class", sloClass));
    all.addAll(List.of(headers));
    String body =
        "{\"model\":\""
            + model
            + "\",\"stream\":true,\"ignore_eos\":true,\"max_tokens\":32,"
            + "\"messages\":[{\"role\":\"user\",\"content\":\"Hello\"}]}";
    return gateway.post(gateway.api("/v1/chat/completions"), body, all.toArray(String[]::new));
  }
}
