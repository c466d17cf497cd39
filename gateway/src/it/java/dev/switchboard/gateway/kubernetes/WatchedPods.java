package dev.switchboard.gateway.kubernetes;

import dev.switchboard.gateway.bench.FakeKubernetes;
import dev.switchboard.gateway.bench.KubernetesObjects;
import dev.switchboard.gateway.discovery.DiscoveryStatus;
import dev.switchboard.gateway.discovery.DiscoveryStatus.Trouble;
import dev.switchboard.gateway.flight.NanoClock;
import dev.switchboard.testing.Await;
import dev.switchboard.timers.VertxTimers;
import io.vertx.core.Context;
import io.vertx.core.Vertx;
import java.net.URI;
import java.nio.file.Path;
import java.time.Instant;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;

/** A watch of pods over an API server that the test breaks. */
final class WatchedPods implements AutoCloseable {
  private static final long TICK_MS = 20;

  final FakeKubernetes server = new FakeKubernetes();
  private final Vertx vertx = Vertx.vertx();
  private final Context loop = vertx.getOrCreateContext();
  private final ApiServer client;
  private final Watch<ApiObjects.PodMeta> watch;

  WatchedPods(Path token, long idleMs, long resyncMs) throws Exception {
    NanoClock clock = () -> Instant.now().toEpochMilli() * 1_000_000;
    client = new ApiServer(vertx, server.url(), token, Path.of("none"), clock);
    watch =
        on(
            () ->
                new Watch<>(
                    new VertxTimers(vertx),
                    client,
                    new Watch.Target<>(
                        "pods", KubernetesObjects.PODS, "", ApiObjects.PodMeta.class, true),
                    new Watch.Patience(idleMs, resyncMs),
                    clock,
                    () -> ThreadLocalRandom.current().nextDouble(),
                    () -> {}));
  }

  static WatchedPods patient() throws Exception {
    return new WatchedPods(Path.of("none"), 60_000, 600_000);
  }

  URI url() {
    return server.url();
  }

  WatchedPods start() throws Exception {
    return on(
        () -> {
          watch.start();
          vertx.setPeriodic(TICK_MS, tick -> watch.tick());
          return this;
        });
  }

  /** The watch is the event loop's. */
  private <R> R on(Callable<R> task) throws Exception {
    CompletableFuture<R> done = new CompletableFuture<>();
    loop.runOnContext(
        run -> {
          try {
            done.complete(task.call());
          } catch (Exception e) {
            done.completeExceptionally(e);
          }
        });
    return done.get(Await.LIMIT_SECONDS, TimeUnit.SECONDS);
  }

  DiscoveryStatus.Watch status() throws Exception {
    return on(watch::status);
  }

  long failures(Trouble why) throws Exception {
    return status().failures().getOrDefault(why, 0L);
  }

  /** Names and revisions as the watch knows them. */
  Map<String, String> view() throws Exception {
    return on(
        () -> {
          Map<String, String> view = new TreeMap<>();
          for (ApiObjects.PodMeta pod : watch.objects()) {
            ApiObjects.Meta meta = Objects.requireNonNull(pod.metadata());
            view.put(
                Objects.requireNonNull(meta.name()),
                Objects.requireNonNull(meta.resourceVersion()));
          }
          return view;
        });
  }

  void put(String name) {
    server.put(KubernetesObjects.PODS, KubernetesObjects.pod(name, "10.0.0.1", Map.of()));
  }

  void delete(String name) {
    server.delete(KubernetesObjects.PODS, name);
  }

  Map<String, String> truth() {
    return server.revisions(KubernetesObjects.PODS);
  }

  /** Waits until the watch knows what the server has. */
  void awaitTruth() {
    Await.until("what the server has", this::view, view -> view.equals(truth()));
  }

  /** Waits until a watch is open and everything is known. */
  WatchedPods awaitWatching() {
    Await.until("a watch", server::watches, watches -> watches == 1);
    awaitTruth();
    return this;
  }

  @Override
  public void close() {
    loop.runOnContext(stopping -> watch.stop());
    client.close();
    vertx
        .close()
        .toCompletionStage()
        .toCompletableFuture()
        .orTimeout(Await.LIMIT_SECONDS, TimeUnit.SECONDS)
        .join();
    server.close();
  }
}
