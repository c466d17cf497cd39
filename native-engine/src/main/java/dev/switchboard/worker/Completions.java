package dev.switchboard.worker;

import dev.switchboard.openai.ApiError;
import dev.switchboard.openai.ApiException;
import dev.switchboard.openai.ChatStreamWriter;
import dev.switchboard.openai.GenerationOptions;
import dev.switchboard.openai.ResponseIdentity;
import dev.switchboard.openai.TextStreamWriter;
import dev.switchboard.timeline.AttemptId;
import dev.switchboard.timeline.EpochClock;
import dev.switchboard.timeline.RequestTimeline;
import dev.switchboard.timers.Timers;
import java.util.EnumMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * The requests to one model's engine: starts them, knows those that run and the timelines of those
 * that ran. On the event loop.
 */
final class Completions {
  private final Timers timers;
  private final WorkerSettings settings;
  private final EpochClock clock;
  private final LongSupplier seeds;
  private final Handover handover;
  private final ServedModel model;
  private final Set<ActiveRequest> active = new LinkedHashSet<>();
  private final FinishedRequests finished;
  private final DrainRate drainRate;
  private final ServingMetrics metrics;
  private final Map<WorkerCounter, Long> counters = new EnumMap<>(WorkerCounter.class);
  private @Nullable Runnable whenIdle;

  /** Of the heap: what requests for vectors take. */
  private long vectorBytes;

  /**
   * @param seeds where the seed of a request without one comes from
   */
  Completions(
      Timers timers,
      WorkerSettings settings,
      EpochClock clock,
      LongSupplier seeds,
      Handover handover,
      ServedModel model) {
    this.timers = timers;
    this.settings = settings;
    this.clock = clock;
    this.seeds = seeds;
    this.handover = handover;
    this.model = model;
    this.finished = new FinishedRequests(settings.timelines(), settings.timelineBytes());
    this.drainRate = new DrainRate(clock::epochNanos);
    this.metrics = new ServingMetrics(model.facts().context(), clock::epochNanos);
  }

  void start(Exchange exchange, PreparedRequest prepared, TimelineDetail detail, Urgency urgency) {
    String salt = exchange.cacheSalt();
    Completion completion =
        new Completion(this, exchange, prepared, format(exchange, prepared), detail, urgency, salt);
    active.add(completion);
    count(WorkerCounter.COMPLETIONS);
    completion.start();
  }

  void start(Exchange exchange, PreparedVectors prepared, TimelineDetail detail, Urgency urgency) {
    if (vectorBytes + prepared.bytes() > settings.vectorBytes()) {
      exchange.response().putHeader("Retry-After", Long.toString(retryAfterSeconds()));
      throw new ApiException(
          ApiError.overloaded("The texts of other requests take up the room for vectors."));
    }
    vectorBytes += prepared.bytes();
    VectorRequest request = new VectorRequest(this, exchange, prepared, detail, urgency);
    active.add(request);
    count(WorkerCounter.EMBEDDINGS);
    request.start();
  }

  private AnswerFormat format(Exchange exchange, PreparedRequest prepared) {
    GenerationOptions options = prepared.options();
    TokenTexts texts = new TokenTexts(model.tokenizer(), options.topLogprobs() > 0);
    String prefix = prepared.api() == PreparedRequest.Api.CHAT ? "chatcmpl-" : "cmpl-";
    AnswerSoFar soFar = prepared.soFar();
    ResponseIdentity identity =
        new ResponseIdentity(
            soFar == null ? prefix + Long.toHexString(seeds.getAsLong()) : soFar.id(),
            soFar == null ? exchange.receivedNanos() / 1_000_000_000L : soFar.createdSeconds(),
            model.id(),
            model.facts().fingerprint());
    return switch (prepared.api()) {
      case CHAT ->
          new AnswerFormat.Chat(
              identity, new ChatStreamWriter(identity, options.includeUsage()), texts);
      case TEXT ->
          new AnswerFormat.Text(
              identity, new TextStreamWriter(identity, options.includeUsage()), texts);
    };
  }

  /** The response is over and the engine has let go of all its generations. */
  void retire(ActiveRequest request) {
    if (!active.remove(request)) {
      return;
    }
    vectorBytes -= request.vectorBytes();
    drainRate.finished(request.generations());
    finished.add(request.requestId(), request.receivedNanos(), request.timelines());
    Runnable idle = whenIdle;
    if (active.isEmpty() && idle != null) {
      whenIdle = null;
      idle.run();
    }
  }

  /** Runs the action when nothing is active: now, or once. */
  void whenIdle(Runnable action) {
    if (active.isEmpty()) {
      action.run();
    } else {
      whenIdle = action;
    }
  }

  /** Says how many were cancelled; one that is answered is nothing to cancel. */
  int cancel(String requestId) {
    List<ActiveRequest> named =
        active.stream()
            .filter(request -> request.requestId().equals(requestId) && !request.isAnswered())
            .toList();
    named.forEach(request -> abort(request, EngineErrors.cancelled("through the API")));
    return named.size();
  }

  /** Likewise of what a gateway sent. */
  int cancel(AttemptId attempt) {
    List<ActiveRequest> named =
        active.stream().filter(request -> attempt.equals(request.attempt())).toList();
    named.forEach(request -> abort(request, EngineErrors.cancelled("by its gateway")));
    return named.size();
  }

  void abortAll(ApiError error) {
    List.copyOf(active).forEach(request -> abort(request, error));
  }

  private void abort(ActiveRequest request, ApiError error) {
    count(WorkerCounter.CANCELLED);
    request.abort(error);
  }

  int activeRequests() {
    return active.size();
  }

  List<String> activeIds() {
    return active.stream().map(ActiveRequest::requestId).toList();
  }

  List<AttemptId> activeAttempts() {
    return active.stream().map(ActiveRequest::attempt).filter(Objects::nonNull).toList();
  }

  /** The timelines of a request that runs or ran lately, as JSON; null when unknown. */
  @Nullable String timelines(String requestId, TimelineDocument.Steps steps) {
    for (ActiveRequest request : active) {
      if (request.requestId().equals(requestId)) {
        return document(request.receivedNanos(), request.timelines(), steps);
      }
    }
    FinishedRequests.Finished found = finished.find(requestId);
    return found == null ? null : document(found.receivedNanos(), found.timelines(), steps);
  }

  String document(
      long receivedNanos, List<RequestTimeline> timelines, TimelineDocument.Steps steps) {
    return TimelineDocument.write(
        settings.id(), receivedNanos, clock.epochNanos(), timelines, steps);
  }

  void count(WorkerCounter counter) {
    counters.merge(counter, 1L, Long::sum);
  }

  long counted(WorkerCounter counter) {
    return counters.getOrDefault(counter, 0L);
  }

  ServingMetrics metrics() {
    return metrics;
  }

  long retryAfterSeconds() {
    return drainRate.secondsUntilLeft(model.engine().load().waiting());
  }

  Timers timers() {
    return timers;
  }

  WorkerSettings settings() {
    return settings;
  }

  LongSupplier seeds() {
    return seeds;
  }

  Handover handover() {
    return handover;
  }

  ServedModel model() {
    return model;
  }
}
