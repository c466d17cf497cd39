package dev.switchboard.worker;

import dev.switchboard.framing.LingeringClose;
import dev.switchboard.openai.ApiError;
import dev.switchboard.openai.EmbeddingRequest;
import dev.switchboard.scheduler.Engine.Generation;
import dev.switchboard.scheduler.GenerationListener;
import dev.switchboard.scheduler.GenerationRequest;
import dev.switchboard.scheduler.RejectedGenerationException;
import dev.switchboard.timeline.AttemptId;
import dev.switchboard.timeline.RequestTimeline;
import io.vertx.core.http.HttpServerResponse;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One request to an encoder from its first text to its answer.
 *
 * <p>Its texts run as generations of their own, a window of them at a time, so that a request of
 * two thousand texts does not fill the engine's queue. The answer is written when all have ended. A
 * text that fails ends the request; what still runs is then cancelled, and the request retires when
 * the engine has let go of it and the socket has taken all of the answer.
 *
 * <p>On the event loop, but for the listener's methods, which only hand over.
 */
final class VectorRequest implements ActiveRequest, Handover.Source, Handover.Sink {
  private static final Logger LOG = LoggerFactory.getLogger(VectorRequest.class);

  /** A text that the engine is done with. */
  private record Ended(
      int index,
      float @Nullable [] vector,
      GenerationListener.@Nullable EngineFailure failure,
      RequestTimeline timeline) {}

  private final Completions completions;
  private final Exchange exchange;
  private final PreparedVectors prepared;
  private final TimelineDetail detail;
  private final Urgency urgency;
  private final Handover.Signal signal;
  private final Queue<Ended> ended = new ConcurrentLinkedQueue<>();

  private final float[][] vectors;
  private final Map<Integer, Generation> running = new HashMap<>();
  private final Map<Integer, ServingMetrics.Sequence> courses = new HashMap<>();
  private int submitted;
  private int finished;
  private @Nullable RequestTimeline last;
  private boolean responseOver;
  private boolean retired;
  private boolean awaitsReader;

  VectorRequest(
      Completions completions,
      Exchange exchange,
      PreparedVectors prepared,
      TimelineDetail detail,
      Urgency urgency) {
    this.completions = completions;
    this.exchange = exchange;
    this.prepared = prepared;
    this.detail = detail;
    this.urgency = urgency;
    this.signal = completions.handover().signal(this);
    this.vectors = new float[prepared.texts().size()][];
  }

  @Override
  public String requestId() {
    return exchange.requestId();
  }

  @Override
  public @Nullable AttemptId attempt() {
    return exchange.attempt();
  }

  @Override
  public boolean isAnswered() {
    return responseOver;
  }

  @Override
  public int generations() {
    return submitted;
  }

  @Override
  public long vectorBytes() {
    return prepared.bytes();
  }

  @Override
  public long receivedNanos() {
    return exchange.receivedNanos();
  }

  /** That of the text that ended last: it is what the answer waited for. */
  @Override
  public List<RequestTimeline> timelines() {
    return last == null ? List.of() : List.of(last);
  }

  void start() {
    HttpServerResponse response = exchange.response();
    response.closeHandler(gone -> abandon());
    response.exceptionHandler(broken -> abandon());
    submitMore();
  }

  private void submitMore() {
    try {
      while (!responseOver
          && submitted < vectors.length
          && running.size() < EmbeddingRequest.TEXTS_AT_ONCE) {
        submit(submitted);
        submitted++;
      }
    } catch (RejectedGenerationException rejected) {
      boolean later = rejected.reason() == RejectedGenerationException.Reason.QUEUE_FULL;
      // Another text of this request will end, and then there is room.
      if (!later || running.isEmpty()) {
        abort(EngineErrors.of(rejected, prepared.field()));
      }
    }
  }

  private void submit(int index) {
    GenerationRequest text =
        GenerationRequest.text(
                exchange.requestId(),
                index,
                prepared.texts().get(index),
                urgency.priority(prepared.priority()),
                exchange.receivedNanos())
            .withDeadline(urgency.deadlineNanos());
    courses.put(index, completions.metrics().sequence(receivedNanos(), tokens(index)));
    running.put(index, completions.model().engine().submit(text, new EngineSide(index)));
  }

  private int tokens(int index) {
    return prepared.texts().get(index).length;
  }

  /** What the engine thread touches. */
  private final class EngineSide implements GenerationListener {
    private final int index;
    private final @Nullable AttemptId attempt = VectorRequest.this.attempt();
    private float @Nullable [] vector;

    EngineSide(int index) {
      this.index = index;
    }

    @Override
    public @Nullable AttemptId attempt() {
      return attempt;
    }

    @Override
    public @Nullable String traceId() {
      return exchange.traceId();
    }

    @Override
    public void promptLogprobs(TokenLogprobs[] logprobs) {}

    @Override
    public void token(TokenEvent token) {}

    @Override
    public void embedded(float[] given) {
      vector = given;
    }

    @Override
    public void finished(FinishReason reason, RequestTimeline timeline) {
      end(new Ended(index, vector, null, timeline));
    }

    @Override
    public void failed(EngineFailure failure, RequestTimeline timeline) {
      end(new Ended(index, null, failure, timeline));
    }

    private void end(Ended end) {
      ended.add(end);
      signal.raise();
    }
  }

  @Override
  public Handover.Sink drain() {
    return this;
  }

  @Override
  public void flush() {
    try {
      flushed();
    } catch (RuntimeException | LinkageError | StackOverflowError broken) {
      LOG.error("request_failed request={} trace={}", requestId(), exchange.traceId(), broken);
      abort(ApiError.internal("The worker failed on this request."));
    }
  }

  private void flushed() {
    for (Ended end = ended.poll(); end != null; end = ended.poll()) {
      take(end);
    }
    if (!responseOver && finished == vectors.length) {
      answer();
    } else {
      submitMore();
    }
    retireWhenDone();
  }

  private void take(Ended end) {
    running.remove(end.index());
    last = end.timeline();
    ended(Objects.requireNonNull(courses.remove(end.index())), end);
    if (end.vector() != null) {
      vectors[end.index()] = end.vector();
      finished++;
    } else if (!responseOver) {
      abort(
          end.failure() == null
              ? ApiError.internal("The engine cancelled a text.")
              : EngineErrors.of(end.failure(), null));
    }
  }

  /** A text ends as a whole, so what has its vector has stopped. */
  private static void ended(ServingMetrics.Sequence course, Ended end) {
    if (end.vector() != null) {
      course.end(ServingMetrics.End.STOP);
    } else {
      course.end(end.failure() == null ? ServingMetrics.End.ABORT : ServingMetrics.End.ERROR);
    }
  }

  private void answer() {
    over();
    try {
      exchange.json(200, prepared.answer().toJson(Arrays.asList(vectors), switchboard()));
    } catch (IllegalStateException broken) {
      LOG.error("request_failed request={} trace={}", requestId(), exchange.traceId(), broken);
      exchange.error(ApiError.internal("The model gave no numbers for this request."));
    }
  }

  @Override
  public void abort(ApiError error) {
    running.values().forEach(Generation::cancel);
    if (!responseOver) {
      over();
      if (error.status() == 429) {
        String seconds = Long.toString(completions.retryAfterSeconds());
        exchange.response().putHeader("Retry-After", seconds);
      }
      exchange.json(error.status(), error.toJson(switchboard()));
    } else if (!exchange.sent().isComplete()) {
      LingeringClose.now(exchange.request().connection());
    }
    retireWhenDone();
  }

  private void abandon() {
    if (!responseOver) {
      over();
      completions.count(WorkerCounter.CLIENT_GONE);
    }
    running.values().forEach(Generation::cancel);
    retireWhenDone();
  }

  private void over() {
    responseOver = true;
  }

  private void retireWhenDone() {
    if (retired || !responseOver || !running.isEmpty()) {
      return;
    }
    if (exchange.sent().isComplete()) {
      retired = true;
      completions.retire(this);
    } else if (!awaitsReader) {
      awaitsReader = true;
      exchange.sent().onComplete(sent -> retireWhenDone());
    }
  }

  private @Nullable String switchboard() {
    return detail == TimelineDetail.NONE
        ? null
        : completions.document(exchange.receivedNanos(), timelines(), detail.steps());
  }
}
