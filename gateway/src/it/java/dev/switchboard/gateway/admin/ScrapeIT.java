package dev.switchboard.gateway.admin;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.gateway.telemetry.Metrics;
import dev.switchboard.testing.Await;
import io.vertx.core.Context;
import io.vertx.core.Vertx;
import io.vertx.core.VertxOptions;
import io.vertx.core.http.HttpServer;
import io.vertx.ext.web.Router;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;

class ScrapeIT {

  /** As long as the page is being made, its listener's only event loop answers others. */
  @Test
  void thePageIsMadeOffTheEventLoop() throws Exception {
    CountDownLatch making = new CountDownLatch(1);
    CountDownLatch go = new CountDownLatch(1);
    AtomicBoolean onLoop = new AtomicBoolean();
    Metrics metrics = new Metrics(model -> true, "1", false);
    metrics.queues(
        () -> {
          onLoop.compareAndSet(false, Context.isOnEventLoopThread());
          making.countDown();
          awaitUninterrupted(go);
          return Map.of();
        });
    Vertx vertx = Vertx.vertx(new VertxOptions().setEventLoopPoolSize(1));
    try (HttpClient client = HttpClient.newHttpClient()) {
      Router router = Router.router(vertx);
      router.get("/metrics").handler(new Scrape(metrics, () -> 0)::answer);
      router.get("/livez").handler(context -> context.response().end());
      HttpServer server =
          vertx
              .createHttpServer()
              .requestHandler(router)
              .listen(0, "127.0.0.1")
              .toCompletionStage()
              .toCompletableFuture()
              .get(Await.LIMIT_SECONDS, TimeUnit.SECONDS);
      String base = "http://127.0.0.1:" + server.actualPort();

      CompletableFuture<HttpResponse<String>> page = get(client, base + "/metrics");
      assertTrue(making.await(Await.LIMIT_SECONDS, TimeUnit.SECONDS));
      int meanwhile =
          get(client, base + "/livez").get(Await.LIMIT_SECONDS, TimeUnit.SECONDS).statusCode();
      boolean early = page.isDone();
      go.countDown();

      assertEquals(200, meanwhile);
      assertFalse(early);
      assertFalse(onLoop.get());
      assertTrue(
          page.get(Await.LIMIT_SECONDS, TimeUnit.SECONDS)
              .body()
              .contains("switchboard_build_info"));
    } finally {
      go.countDown();
      vertx
          .close()
          .toCompletionStage()
          .toCompletableFuture()
          .get(Await.LIMIT_SECONDS, TimeUnit.SECONDS);
    }
  }

  /** As Prometheus' own exporters are asked for some of them. */
  @Test
  void onlyTheMetricsThatAreNamedAreTold() throws Exception {
    Metrics metrics = new Metrics(model -> true, "1", false);
    Vertx vertx = Vertx.vertx();
    try (HttpClient client = HttpClient.newHttpClient()) {
      Router router = Router.router(vertx);
      router.get("/metrics").handler(new Scrape(metrics, () -> 0)::answer);
      HttpServer server =
          vertx
              .createHttpServer()
              .requestHandler(router)
              .listen(0, "127.0.0.1")
              .toCompletionStage()
              .toCompletableFuture()
              .get(Await.LIMIT_SECONDS, TimeUnit.SECONDS);
      String page = "http://127.0.0.1:" + server.actualPort() + "/metrics?x=1";

      String all = get(client, page).get(Await.LIMIT_SECONDS, TimeUnit.SECONDS).body();
      String some =
          get(client, page + NAME + "switchboard_build_info" + NAME + "switchboard_requests_total")
              .get(Await.LIMIT_SECONDS, TimeUnit.SECONDS)
              .body();
      String none =
          get(client, page + NAME + "switchboard")
              .get(Await.LIMIT_SECONDS, TimeUnit.SECONDS)
              .body();

      assertTrue(all.contains("\njvm_") && all.contains("\nswitchboard_build_info{"), all);
      assertTrue(some.contains("\nswitchboard_build_info{"), some);
      assertEquals(1, some.lines().filter(line -> line.startsWith("# TYPE")).count(), some);
      assertEquals("", none);
    } finally {
      vertx
          .close()
          .toCompletionStage()
          .toCompletableFuture()
          .get(Await.LIMIT_SECONDS, TimeUnit.SECONDS);
    }
  }

  private static final String NAME = "&name%5B%5D=";

  private static void awaitUninterrupted(CountDownLatch latch) {
    try {
      assertTrue(latch.await(Await.LIMIT_SECONDS, TimeUnit.SECONDS));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private static CompletableFuture<HttpResponse<String>> get(HttpClient client, String uri) {
    return client.sendAsync(
        HttpRequest.newBuilder(URI.create(uri)).build(), HttpResponse.BodyHandlers.ofString());
  }
}
