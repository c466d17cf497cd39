package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.switchboard.testing.Await;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import io.vertx.core.http.HttpServer;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.util.Locale;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Two listeners on one port, as two gateways of one machine have while one takes over. */
class SharedPortsIT {
  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void theSecondListenerTakesOverWhenTheFirstOneCloses(boolean epoll) throws Exception {
    SharedPorts oldPorts = new SharedPorts(epoll);
    SharedPorts newPorts = new SharedPorts(epoll);
    Vertx first = Vertx.builder().withTransport(oldPorts).build();
    Vertx second = Vertx.builder().withTransport(newPorts).build();
    try {
      int port = listen(first, 0, "first");
      assertEquals("first", get(port));

      listen(second, port, "second");
      oldPorts.close(port);

      for (int i = 0; i < 20; i++) {
        assertEquals("second", get(port));
      }
      newPorts.close(port);
      assertThrows(IOException.class, () -> get(port));
    } finally {
      await(first.close());
      await(second.close());
    }
  }

  @Test
  void epollIsUsedWhereTheSystemHasIt() {
    String system = System.getProperty("os.name").toLowerCase(Locale.ROOT);

    assertEquals(system.contains("linux") ? "epoll" : "nio", new SharedPorts().name());
  }

  private static int listen(Vertx vertx, int port, String answer) throws Exception {
    HttpServer server =
        vertx.createHttpServer().requestHandler(request -> request.response().end(answer));
    return await(server.listen(port, "127.0.0.1")).actualPort();
  }

  private static String get(int port) throws Exception {
    try (HttpClient client = HttpClient.newHttpClient()) {
      URI uri = URI.create("http://127.0.0.1:" + port + "/");
      return client.send(HttpRequest.newBuilder(uri).build(), BodyHandlers.ofString()).body();
    }
  }

  private static <T> T await(Future<T> future) throws Exception {
    return future
        .toCompletionStage()
        .toCompletableFuture()
        .get(Await.LIMIT_SECONDS, TimeUnit.SECONDS);
  }
}
