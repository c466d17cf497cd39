package dev.switchboard.gateway.kubernetes;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import dev.switchboard.gateway.tls.TestCertificate;
import dev.switchboard.testing.Await;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpClientResponse;
import io.vertx.core.http.HttpServer;
import io.vertx.core.http.HttpServerOptions;
import io.vertx.core.net.PemKeyCertOptions;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.slf4j.LoggerFactory;

/** An API server over TLS, beside the file of authorities that a cluster keeps in each pod. */
class ApiServerIT {
  private final Vertx vertx = Vertx.vertx();

  @TempDir private Path folder;

  private final Logger logger = (Logger) LoggerFactory.getLogger(ApiServer.class);
  private final ListAppender<ILoggingEvent> log = new ListAppender<>();

  @BeforeEach
  void listen() {
    log.start();
    logger.addAppender(log);
  }

  @AfterEach
  void stop() throws Exception {
    logger.detachAppender(log);
    done(vertx.close());
  }

  private static <T> T done(Future<T> future) throws Exception {
    return future
        .toCompletionStage()
        .toCompletableFuture()
        .get(Await.LIMIT_SECONDS, TimeUnit.SECONDS);
  }

  private URI serving(TestCertificate shown) throws Exception {
    HttpServer server =
        vertx
            .createHttpServer(
                new HttpServerOptions()
                    .setSsl(true)
                    .setKeyCertOptions(
                        new PemKeyCertOptions()
                            .addCertValue(Buffer.buffer(shown.pem()))
                            .addKeyValue(Buffer.buffer(shown.keyPem()))))
            .requestHandler(request -> request.response().end("{}"));
    return URI.create("https://127.0.0.1:" + done(server.listen(0, "127.0.0.1")).actualPort());
  }

  /** What two requests are answered, one after another. */
  private List<Integer> statuses(URI url, String authorities) throws Exception {
    Path file = Files.writeString(folder.resolve("ca.crt"), authorities);
    ApiServer asked =
        new ApiServer(
            vertx,
            url,
            folder.resolve("none"),
            file,
            () -> Instant.now().toEpochMilli() * 1_000_000);
    List<Integer> statuses = new ArrayList<>();
    try {
      for (int i = 0; i < 2; i++) {
        HttpClientResponse answer = done(asked.get("/api", "application/json", 10_000));
        statuses.add(answer.statusCode());
        answer.resume();
      }
      return statuses;
    } finally {
      asked.close();
    }
  }

  /** While an authority is replaced the file holds both, and the old one may expire in there. */
  @Test
  void anAuthorityThatExpiredIsPassedOverBesideOneThatIsValid() throws Exception {
    TestCertificate root = TestCertificate.root("new", "EC");
    String expired = root.issueExpired("old").pem();
    URI url = serving(root.issue("api", "EC"));

    assertEquals(List.of(200, 200), statuses(url, expired + root.pem()));
    assertEquals(List.of(200, 200), statuses(url, root.pem() + expired));
  }

  @Test
  void thatOneWasPassedOverIsSaidOnce() throws Exception {
    TestCertificate root = TestCertificate.root("new", "EC");
    URI url = serving(root.issue("api", "EC"));

    assertEquals(List.of(200, 200), statuses(url, root.pem()));
    assertEquals(List.of(), log.list);
    assertEquals(List.of(200, 200), statuses(url, root.pem() + root.issueExpired("old").pem()));
    assertEquals(
        List.of("kubernetes_ca_not_valid_now file=" + folder.resolve("ca.crt") + " certificates=1"),
        log.list.stream().map(ILoggingEvent::getFormattedMessage).toList());
  }

  @Test
  void whereEachExpiredTheFileIsNamed() throws Exception {
    TestCertificate root = TestCertificate.root("new", "EC");
    URI url = serving(root.issue("api", "EC"));

    Throwable said =
        assertThrows(ExecutionException.class, () -> statuses(url, root.issueExpired("old").pem()));

    assertTrue(
        String.valueOf(said.getMessage())
            .matches(".*discovery.kubernetes.ca-file: .*/ca.crt .* expired at 2021-.*"),
        said::toString);
  }
}
