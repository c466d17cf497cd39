package dev.switchboard.worker;

import dev.switchboard.openai.ApiError;
import dev.switchboard.openai.RequestParser;
import dev.switchboard.timeline.EpochClock;
import dev.switchboard.timers.Timers;
import dev.switchboard.timers.VertxTimers;
import io.vertx.core.Context;
import io.vertx.core.Vertx;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.function.BiConsumer;
import java.util.function.Consumer;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A worker: its life, its model and its one event loop. HTTP answers from the first moment; the
 * model joins when it is loaded.
 */
final class Worker {
  private static final Logger LOG = LoggerFactory.getLogger(Worker.class);
  private static final int WARM_UP_PROMPT = 16;
  private static final int WARM_UP_TOKENS = 2;
  private static final Duration WARM_UP_LIMIT = Duration.ofMinutes(2);
  private static final long HEALTH_CHECK_MS = 250;

  private final Timers timers;
  private final Context context;
  private final WorkerSettings settings;
  private final EpochClock clock;
  private final LongSupplier seeds;
  private final Lifecycle lifecycle = new Lifecycle();
  private final LoadProgress progress = new LoadProgress();
  private final Canary canary;
  private final WorkerServer server;
  private volatile @Nullable Serving serving;
  private boolean terminating;
  private volatile DeviceWatch devices;
  private volatile BiConsumer<String, String> engineLost = (reason, message) -> {};

  /**
   * @param vertx with one event loop
   * @param seeds seeds of requests without one, and ids
   */
  Worker(Vertx vertx, WorkerSettings settings, EpochClock clock, LongSupplier seeds) {
    this.timers = new VertxTimers(vertx);
    this.context = vertx.getOrCreateContext();
    this.settings = settings;
    this.clock = clock;
    this.seeds = seeds;
    this.canary = new Canary(this::onLoop, timers, clock);
    this.devices = DeviceWatch.of(clock::nanos);
    this.server = new WorkerServer(vertx, timers, settings, clock, seeds, this, canary);
  }

  /** Who hears, with reason and message, that the engine is lost. */
  void onEngineLost(BiConsumer<String, String> listener) {
    engineLost = listener;
  }

  /** Where its devices are read, which is not at all until somebody starts it. */
  DeviceWatch devices() {
    return devices;
  }

  /** Has its devices read by another. */
  void watch(DeviceWatch other) {
    devices = other;
  }

  /** Listens on TCP and gives the port. */
  CompletionStage<Integer> listen(WorkerGuard guard) {
    return onLoop(port -> server.listen(guard, port));
  }

  /** Listens on a Unix socket and gives it. */
  CompletionStage<Path> listen(Path socket) {
    return onLoop(listening -> server.listen(socket, listening));
  }

  /**
   * Takes the loaded model, warms it up and goes ready. Takes a moment of the caller's thread.
   *
   * @return completes when ready, exceptionally when the warm-up fails
   */
  CompletionStage<Void> serve(ServedModel model) {
    lifecycle.transitionTo(WorkerPhase.WARMING);
    RequestParser parser = new RequestParser(settings.requests(), model.sampling());
    RequestPreparation preparation = new RequestPreparation(model, parser);
    preparation.warmUp();
    Tokenization tokenization =
        new Tokenization(model, parser, preparation, settings.requests().promptTokens());
    Handover handover = new Handover(this::onLoop);
    Completions completions = new Completions(timers, settings, clock, seeds, handover, model);
    VectorPreparation vectors =
        new VectorPreparation(model, parser, preparation, settings.vectorBytes());
    Serving loaded = new Serving(model, preparation, vectors, tokenization, completions);
    return onLoop(ready -> warmUp(loaded, ready));
  }

  private void warmUp(Serving loaded, CompletableFuture<Void> ready) {
    serving = loaded;
    ServedModel model = loaded.model();
    int context = model.facts().context();
    int promptTokens =
        Math.max(1, Math.min(WARM_UP_PROMPT, Math.min(context / 2, model.facts().vocabulary())));
    canary.send(
        model,
        promptTokens,
        Math.max(1, Math.min(WARM_UP_TOKENS, context - promptTokens)),
        WARM_UP_LIMIT,
        outcome -> telling(ready, () -> warmedUp(model, outcome, ready)));
  }

  private void warmedUp(ServedModel model, Canary.Outcome outcome, CompletableFuture<Void> ready) {
    if (!outcome.ok()) {
      ready.completeExceptionally(failedWarmUp(model, outcome));
      return;
    }
    lifecycle.transitionTo(WorkerPhase.READY);
    timers.every(HEALTH_CHECK_MS, () -> checkHealth(model));
    ready.complete(null);
  }

  /** Of all that can go wrong only what the model computes is surely the same at the next start. */
  private static ModelLoadException failedWarmUp(ServedModel model, Canary.Outcome outcome) {
    String lost = model.engine().health().failure();
    if (lost != null) {
      return new ModelLoadException(ModelLoadException.ENGINE_LOST, lost);
    }
    String why = outcome.failure() == null ? "a rank did not answer" : outcome.failure();
    String reason =
        why.startsWith(Canary.NOT_FINITE)
            ? "not-finite"
            : why.startsWith("out_of_memory:")
                ? ModelLoadException.OUT_OF_MEMORY
                : ModelLoadException.WARM_UP_FAILED;
    return new ModelLoadException(reason, why);
  }

  private void checkHealth(ServedModel model) {
    String failure = model.engine().health().failure();
    if (failure != null && lifecycle.fail(ModelLoadException.ENGINE_LOST, failure)) {
      LOG.error("engine_lost failure={}", failure);
      engineLost.accept(ModelLoadException.ENGINE_LOST, failure);
    }
  }

  /** Refuses new work; says false when not ready. */
  boolean drain(String reason, String message) {
    if (lifecycle.phase() == WorkerPhase.DRAINING) {
      return true;
    }
    if (lifecycle.phase() != WorkerPhase.READY) {
      return false;
    }
    lifecycle.transitionTo(WorkerPhase.DRAINING, reason, message);
    return true;
  }

  /** Takes work again; says false when it cannot. */
  boolean resume() {
    if (lifecycle.phase() == WorkerPhase.READY) {
      return true;
    }
    if (lifecycle.phase() != WorkerPhase.DRAINING || terminating) {
      return false;
    }
    lifecycle.transitionTo(WorkerPhase.READY);
    return true;
  }

  /**
   * Refuses new work, lets running requests finish until the drain limit, ends the others with an
   * error, and closes. Safe on any thread.
   */
  CompletionStage<Void> terminate() {
    return onLoop(this::startTermination);
  }

  private void onLoop(Runnable task) {
    context.runOnContext(now -> task.run());
  }

  private <T> CompletableFuture<T> onLoop(Consumer<CompletableFuture<T>> task) {
    CompletableFuture<T> done = new CompletableFuture<>();
    onLoop(() -> telling(done, () -> task.accept(done)));
    return done;
  }

  /** What is thrown on the event loop nobody hears who waits elsewhere for what it was to do. */
  private static void telling(CompletableFuture<?> done, Runnable task) {
    try {
      task.run();
    } catch (RuntimeException | Error broken) {
      done.completeExceptionally(broken);
    }
  }

  private void startTermination(CompletableFuture<Void> closed) {
    terminating = true;
    drain("terminating", "The worker shuts down.");
    Serving current = serving;
    if (current == null) {
      close(closed);
      return;
    }
    Completions completions = current.completions();
    long limit = settings.drainLimit().toMillis();
    timers.after(
        Math.max(1, limit), () -> completions.abortAll(ApiError.draining("The worker shut down.")));
    completions.whenIdle(() -> close(closed));
  }

  private void close(CompletableFuture<Void> closed) {
    devices.close();
    server
        .close()
        .onComplete(
            done -> {
              Serving current = serving;
              if (current != null) {
                current.model().engine().close();
              }
              closed.complete(null);
            });
  }

  /** Why work is refused now. */
  ApiError refusal() {
    Lifecycle.Status status = lifecycle.status();
    return switch (status.phase()) {
      case LOADING, WARMING -> ApiError.unavailable("The model is not loaded yet.");
      case DRAINING -> ApiError.draining("This worker drains and takes nothing new.");
      case FAILED -> ApiError.unavailable("This worker has failed: " + status.message());
      case READY -> ApiError.internal("The worker is ready and refused.");
    };
  }

  Lifecycle lifecycle() {
    return lifecycle;
  }

  LoadProgress progress() {
    return progress;
  }

  /** Null until the model is loaded. */
  @Nullable Serving serving() {
    return serving;
  }
}
