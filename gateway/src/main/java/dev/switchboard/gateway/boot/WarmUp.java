package dev.switchboard.gateway.boot;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.switchboard.gateway.fleet.Fleet;
import dev.switchboard.gateway.fleet.WorkerCommand;
import dev.switchboard.gateway.flight.NanoClock;
import dev.switchboard.gateway.store.StateFolder;
import dev.switchboard.log.LogFormat;
import dev.switchboard.timers.Timers;
import dev.switchboard.timers.VertxTimers;
import io.opentelemetry.api.trace.Span;
import io.opentelemetry.api.trace.SpanContext;
import io.opentelemetry.api.trace.SpanId;
import io.opentelemetry.api.trace.TraceFlags;
import io.opentelemetry.api.trace.TraceId;
import io.opentelemetry.api.trace.TraceState;
import io.opentelemetry.context.Scope;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import io.vertx.core.VertxOptions;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpClient;
import io.vertx.core.http.HttpClientRequest;
import io.vertx.core.http.HttpClientResponse;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.http.HttpServer;
import io.vertx.core.http.PoolOptions;
import java.io.OutputStream;
import java.io.PrintStream;
import java.net.URI;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Has the code of the request path compiled before clients need it.
 *
 * <p>The JVM compiles what has run some thousand times, and until then a request costs several
 * times as much, and stands behind the compiler where cores are few. So a second gateway is run in
 * this process for a while, with its own metrics, records, store in memory and ports of loopback,
 * before a server that answers at once ({@link WarmUpWorker}), and is sent requests. Nothing of
 * that can be seen from outside but the time it takes. Requests of clients go first: while some
 * run, this waits.
 *
 * <p>Its requests belong to traces that are not sampled and not kept for anything, so that nothing
 * of them is exported.
 */
final class WarmUp implements Runnable {
  private static final Logger LOG = LoggerFactory.getLogger(WarmUp.class);
  private static final String LOOPBACK = "127.0.0.1";
  private static final int CONNECTIONS = 8;
  private static final int LIMIT_SECONDS = 120;
  private static final int WAIT_MS = 20;
  private static final int READY_SECONDS = 20;
  private static final int STREAM_EVERY = 3;
  private static final int FOREIGN_EVERY = 4;

  private final int requests;
  private final NanoClock clock;
  private final BooleanSupplier busy;
  private final LauncherEvents events;
  private final CountDownLatch ended = new CountDownLatch(CONNECTIONS);
  private int sent;
  private int answered;

  /**
   * @param requests to send
   * @param busy whether clients have requests here
   * @param events told when it is done
   */
  WarmUp(int requests, NanoClock clock, BooleanSupplier busy, LauncherEvents events) {
    this.requests = requests;
    this.clock = clock;
    this.busy = busy;
    this.events = events;
  }

  /** Begins on a thread of its own, which a stopping process does not wait for. */
  void start() {
    if (requests > 0) {
      Thread.ofPlatform().daemon().name("warm-up").start(this);
    }
  }

  /** Says how it went; all that it runs is in a thread group that says nothing. */
  @Override
  public void run() {
    ThreadGroup group = new ThreadGroup("warm-up");
    try (WarmUpSilence _ = WarmUpSilence.of(group)) {
      FutureTask<Void> whole = new FutureTask<>(this::warm, null);
      Thread.ofPlatform().group(group).daemon().name("warm-up-gateway").start(whole);
      whole.get();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } catch (ExecutionException e) {
      // Without it the first requests are slower, and nothing else is different.
      LOG.warn("warm_up_failed reason=\"{}\"", String.valueOf(e.getCause()));
    }
  }

  private void warm() {
    long begun = clock.epochNanos();
    Vertx vertx = Vertx.vertx(new VertxOptions().setEventLoopPoolSize(1).setWorkerPoolSize(1));
    try {
      HttpServer worker =
          new WarmUpWorker(clock).listen(vertx, LOOPBACK).await(READY_SECONDS, TimeUnit.SECONDS);
      load(vertx, worker.actualPort());
      double seconds = Math.round((clock.epochNanos() - begun) / 1e8) / 10.0;
      events.emit("warm", Map.of("requests", answered, "seconds", seconds));
    } catch (TimeoutException e) {
      throw new IllegalStateException(e);
    } finally {
      vertx.close();
    }
  }

  private void load(Vertx vertx, int workerPort) throws TimeoutException {
    GatewayConfig config = config(workerPort);
    LauncherEvents silent =
        new LauncherEvents(new PrintStream(OutputStream.nullOutputStream()), replica -> "");
    try (Fleet fleet =
        new Fleet(
            config.workers(),
            config.circuit(),
            List.of(),
            config.upstreams(),
            new WorkerCommand(Path.of("none"), "", Path.of("none"), null, null, LogFormat.TEXT),
            clock,
            silent,
            new PrintStream(OutputStream.nullOutputStream()))) {
      fleet.start();
      Gateway gateway =
          Gateway.start(
              config,
              StateFolder.NONE,
              fleet,
              silent,
              clock,
              0,
              () -> {},
              () -> true,
              () -> config,
              models -> List.of());
      try {
        await(fleet::everyModelReady);
        URI api = URI.create(String.valueOf(gateway.urls().get("api")));
        Timers timers = new VertxTimers(vertx);
        HttpClient client = vertx.createHttpClient(new PoolOptions().setHttp1MaxSize(CONNECTIONS));
        for (int i = 0; i < CONNECTIONS; i++) {
          vertx.runOnContext(begin -> next(timers, client, api.getPort()));
        }
        ended.await(LIMIT_SECONDS, TimeUnit.SECONDS);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      } finally {
        gateway.stop();
      }
    }
  }

  private static void await(BooleanSupplier condition)
      throws TimeoutException, InterruptedException {
    for (int i = 0; !condition.getAsBoolean(); i++) {
      if (i * WAIT_MS > READY_SECONDS * 1000) {
        throw new TimeoutException("it does not become ready");
      }
      Thread.sleep(WAIT_MS);
    }
  }

  private static GatewayConfig config(int workerPort) {
    ObjectNode tree = ConfigReader.defaults();
    ConfigReader.overlay(
        tree,
        String.format(
            Locale.ROOT,
            """
            http: {port: 0, event-loops: 1}
            admin: {port: 0}
            store: {url: "jdbc:h2:mem:warm-up"}
            admission: {replica-concurrency: 1000}
            shutdown: {linger-ms: 0, finish-ms: 1000}
            telemetry: {exemplars-per-second: 0, kept-traces-per-second: 0}
            upstreams:
              - {url: "http://%1$s:%2$d", models: [%3$s], worker: true}
              - {url: "http://%1$s:%2$d", models: [%4$s]}
            """,
            LOOPBACK,
            workerPort,
            WarmUpWorker.WORKER,
            WarmUpWorker.FOREIGN));
    return ConfigReader.read(tree);
  }

  // ------------------------------------------------------------------ the client

  /** One request after the other; on the event loop, as all that follows. */
  private void next(Timers timers, HttpClient client, int port) {
    if (sent >= requests) {
      ended.countDown();
      return;
    }
    if (busy.getAsBoolean()) {
      timers.after(WAIT_MS, () -> next(timers, client, port));
      return;
    }
    int number = sent++;
    unsampled(() -> client.request(HttpMethod.POST, port, LOOPBACK, "/v1/chat/completions"))
        .compose(request -> unsampled(() -> send(request, number)))
        .compose(HttpClientResponse::body)
        .onComplete(
            result -> {
              answered++;
              next(timers, client, port);
            });
  }

  /** The agent takes the context that is current for the parent of what is sent. */
  private static <T> T unsampled(Supplier<T> sending) {
    ThreadLocalRandom random = ThreadLocalRandom.current();
    SpanContext parent =
        SpanContext.create(
            TraceId.fromLongs(random.nextLong(), random.nextLong() | 1),
            SpanId.fromLong(random.nextLong() | 1),
            TraceFlags.getDefault(),
            TraceState.getDefault());
    try (Scope _ = Span.wrap(parent).makeCurrent()) {
      return sending.get();
    }
  }

  private static Future<HttpClientResponse> send(HttpClientRequest request, int number) {
    request.putHeader("Content-Type", "application/json");
    request.putHeader("X-SLO-Class", "batch");
    return request.send(body(number));
  }

  private static Buffer body(int number) {
    boolean stream = number % STREAM_EVERY == 0;
    String model = number % FOREIGN_EVERY == 0 ? WarmUpWorker.FOREIGN : WarmUpWorker.WORKER;
    String prompt = "is this payment the work of a thief? ".repeat(number % 2 == 0 ? 1 : 20);
    return Buffer.buffer(
        "{\"model\":\"%s\",\"stream\":%s,\"max_tokens\":%d,\"messages\":[{\"role\":\"user\",\"content\":\"%s%d\"}]}"
            .formatted(model, stream, stream ? WarmUpWorker.STREAM_TOKENS : 2, prompt, number));
  }
}
