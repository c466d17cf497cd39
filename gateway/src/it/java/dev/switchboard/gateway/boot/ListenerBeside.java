package dev.switchboard.gateway.boot;

import dev.switchboard.gateway.http.GatewayContext;
import dev.switchboard.gateway.http.PublicServer;
import dev.switchboard.testing.Await;
import io.vertx.core.Vertx;
import java.net.URI;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.concurrent.TimeUnit;

/** A listener beside a gateway's own, whose context has something of a test's. */
final class ListenerBeside implements AutoCloseable {
  private final InProcessGateway gateway;
  private final Vertx vertx = Vertx.vertx();
  private final URI chat;

  ListenerBeside(InProcessGateway gateway, GatewayContext context) throws Exception {
    this.gateway = gateway;
    PublicServer server = new PublicServer(() -> context, 1, 100, true, null);
    vertx
        .deployVerticle(server)
        .toCompletionStage()
        .toCompletableFuture()
        .get(Await.LIMIT_SECONDS, TimeUnit.SECONDS);
    chat = URI.create("http://127.0.0.1:" + server.port() + InProcessGateway.CHAT);
  }

  HttpResponse<String> ask(boolean stream, String... headers) throws Exception {
    HttpRequest.Builder request =
        HttpRequest.newBuilder(chat)
            .timeout(Duration.ofSeconds(Await.LIMIT_SECONDS))
            .POST(HttpRequest.BodyPublishers.ofString(InProcessGateway.chat(stream)));
    if (headers.length > 0) {
      request.headers(headers);
    }
    return gateway.client().send(request.build(), HttpResponse.BodyHandlers.ofString());
  }

  @Override
  public void close() {
    vertx
        .close()
        .toCompletionStage()
        .toCompletableFuture()
        .orTimeout(Await.LIMIT_SECONDS, TimeUnit.SECONDS)
        .join();
  }
}
