package dev.switchboard.worker;

import dev.switchboard.executor.Sampling;
import dev.switchboard.framing.LingeringClose;
import dev.switchboard.openai.ApiError;
import dev.switchboard.openai.FinishReason;
import dev.switchboard.openai.GenerationOptions;
import dev.switchboard.openai.ServerSentEvents;
import dev.switchboard.openai.ToolCallAnswer;
import dev.switchboard.openai.ToolCallDelta;
import dev.switchboard.openai.Usage;
import dev.switchboard.scheduler.GenerationListener.EngineFailure;
import dev.switchboard.scheduler.GenerationRequest;
import dev.switchboard.scheduler.RejectedGenerationException;
import dev.switchboard.timeline.AttemptId;
import dev.switchboard.timeline.RequestTimeline;
import dev.switchboard.timers.Timers.Timer;
import dev.switchboard.tokenizer.Tokenizer;
import dev.switchboard.toolcall.FunctionCall;
import io.vertx.core.http.HttpServerResponse;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One completion request from its submission to its last byte.
 *
 * <p>Its choices run as generations of their own and meet here: after each wakeup {@link #flush}
 * writes what all of them have, as one buffer. The response has three ends. It ends well when every
 * choice's text has ended (and, when the caller wants the timeline, the engine has too); it is
 * aborted when a choice fails, somebody cancels it, or its reader is too slow; it is abandoned when
 * the client leaves. In each case the generations still running are cancelled, and the request
 * retires when the engine has let go of all of them and the socket has taken all of the answer.
 *
 * <p>Back-pressure: while the socket is full nothing is taken from the choices, so tokens coalesce
 * there into longer chunks. A reader that stays behind by more than the buffer limit, or does not
 * read at all for the stall limit, is cut off: the engine computes for those who listen.
 *
 * <p>On the event loop.
 */
final class Completion implements ActiveRequest, Handover.Sink {
  private static final Logger LOG = LoggerFactory.getLogger(Completion.class);
  private static final ApiError BROKEN = ApiError.internal("The worker failed on this request.");

  private final Completions completions;
  private final Exchange exchange;
  private final PreparedRequest prepared;
  private final AnswerFormat format;
  private final TimelineDetail detail;
  private final Urgency urgency;
  private final String cacheSalt;
  private final List<Choice> choices = new ArrayList<>();
  private final BitSet opened = new BitSet();
  private final BitSet finished = new BitSet();
  private @Nullable ReplayNotes notes;

  private boolean responseOver;
  private boolean retired;
  private boolean awaitsReader;
  private @Nullable Timer stallTimer;

  Completion(
      Completions completions,
      Exchange exchange,
      PreparedRequest prepared,
      AnswerFormat format,
      TimelineDetail detail,
      Urgency urgency,
      String cacheSalt) {
    this.completions = completions;
    this.exchange = exchange;
    this.prepared = prepared;
    this.format = format;
    this.detail = detail;
    this.urgency = urgency;
    this.cacheSalt = cacheSalt;
  }

  @Override
  public String requestId() {
    return exchange.requestId();
  }

  @Nullable String traceId() {
    return exchange.traceId();
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
    return choices.size();
  }

  @Override
  public long receivedNanos() {
    return exchange.receivedNanos();
  }

  /** Submits every choice of every prompt, or answers why not. */
  void start() {
    GenerationOptions options = prepared.options();
    HttpServerResponse response = exchange.response();
    response.closeHandler(gone -> abandon());
    response.exceptionHandler(broken -> abandon());
    SchemaNotes.tell(response, prepared.constraint());
    long seed = seed(options);
    if (options.stream() && exchange.request().getHeader(ReplayNotes.HEADER) != null) {
      notes = new ReplayNotes(format.identity(), seed, prepared.promptTokens());
    }
    List<PreparedRequest.Prompt> prompts = prepared.prompts();
    try {
      for (int i = 0; i < prompts.size() * options.n(); i++) {
        submit(i, prompts.get(i / options.n()), streamSeed(seed, i));
      }
    } catch (RejectedGenerationException rejected) {
      abort(EngineErrors.of(rejected, prepared.promptField()));
    } catch (IllegalArgumentException misfit) {
      if (prepared.soFar() == null) {
        throw misfit;
      }
      abort(AnswerSoFar.invalid("is not this request's: " + misfit.getMessage()).error());
    }
  }

  /**
   * The random numbers of each choice of each prompt: the first has those of the seed, the others
   * some that neither another choice nor a seed nearby has (SplitMix64).
   */
  static long streamSeed(long seed, int index) {
    if (index == 0) {
      return seed;
    }
    long mixed = seed + index * 0x9E3779B97F4A7C15L;
    mixed = (mixed ^ (mixed >>> 30)) * 0xBF58476D1CE4E5B9L;
    mixed = (mixed ^ (mixed >>> 27)) * 0x94D049BB133111EBL;
    return mixed ^ (mixed >>> 31);
  }

  private long seed(GenerationOptions options) {
    AnswerSoFar soFar = prepared.soFar();
    if (soFar != null) {
      return soFar.seed();
    }
    Long asked = options.seed();
    return asked != null ? asked : completions.seeds().getAsLong();
  }

  private void submit(int index, PreparedRequest.Prompt prompt, long seed) {
    GenerationOptions options = prepared.options();
    OfferedTools tools = prepared.tools();
    Tokenizer.Detokenizer detokenizer =
        tools == null
            ? tokenizer().detokenizer()
            : MarkedDetokenizer.of(tokenizer(), tools.format().marker());
    TextAssembly assembly =
        new TextAssembly(
            detokenizer, options.stop(), options.topLogprobs() >= 0, tools, prepared.constraint());
    Choice choice = new Choice(this, index, prompt, assembly, completions.handover());
    GenerationRequest request = request(index, prompt, seed);
    AnswerSoFar.Choice soFar = prepared.soFar(index);
    if (soFar != null) {
      opened.set(index, soFar.opened());
      finished.set(index, soFar.finished());
      request = request.after(choice.continues(soFar));
      AnswerFormat.Passage _ = passage(choice);
    }
    choice.submitted(completions.model().engine().submit(request, choice.listener()));
    choices.add(choice);
  }

  private GenerationRequest request(int index, PreparedRequest.Prompt prompt, long seed) {
    GenerationOptions options = prepared.options();
    AnswerSoFar.Choice soFar = prepared.soFar(index);
    boolean promptTold = soFar != null && soFar.promptTold();
    Tokenizer tokenizer = completions.model().tokenizer();
    int room = completions.model().facts().context() - prompt.tokens().length;
    Integer wanted = options.maxTokens();
    int maxTokens = wanted == null ? room : Math.min(wanted, room);
    return new GenerationRequest(
        exchange.requestId(),
        index,
        prompt.tokens(),
        maxTokens,
        sampling(options, seed),
        options.ignoreEos() ? Set.of() : tokenizer.endOfGeneration(),
        options.topLogprobs(),
        (awaitsPromptScores() && !promptTold) || maxTokens == 0,
        urgency.priority(options.priority()),
        cacheSalt,
        exchange.receivedNanos(),
        true,
        prepared.constraint(),
        urgency.deadlineNanos());
  }

  private static Sampling sampling(GenerationOptions options, long seed) {
    return new Sampling(
        options.temperature(),
        options.topK(),
        options.topP(),
        options.minP(),
        options.repetitionPenalty(),
        options.presencePenalty(),
        options.frequencyPenalty(),
        seed,
        options.logitBias());
  }

  boolean awaitsPromptScores() {
    return prepared.echo() && prepared.options().topLogprobs() >= 0;
  }

  ServingMetrics.Sequence course(PreparedRequest.Prompt prompt) {
    return completions.metrics().sequence(receivedNanos(), prompt.tokens().length);
  }

  Tokenizer tokenizer() {
    return completions.model().tokenizer();
  }

  @Override
  public void flush() {
    try {
      flushed();
    } catch (RuntimeException | LinkageError | StackOverflowError broken) {
      logBroken(broken);
      abort(BROKEN);
    }
  }

  void logBroken(Throwable thrown) {
    LOG.error("request_failed request={} trace={}", requestId(), traceId(), thrown);
  }

  private void flushed() {
    if (!responseOver) {
      ApiError failure = failure();
      if (failure != null) {
        abort(failure);
      } else if (prepared.options().stream()) {
        stream();
      } else if (mayEnd()) {
        answer();
      }
    }
    retireWhenDone();
  }

  @Override
  public void abort(ApiError error) {
    cancelAll();
    if (!responseOver) {
      over();
      writeError(error);
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
    cancelAll();
    retireWhenDone();
  }

  private void cancelAll() {
    choices.forEach(Choice::cancel);
  }

  private void over() {
    responseOver = true;
    endStall();
  }

  private void writeError(ApiError error) {
    HttpServerResponse response = exchange.response();
    if (!response.headWritten()) {
      if (error.status() == 429) {
        response.putHeader("Retry-After", Long.toString(completions.retryAfterSeconds()));
      }
      exchange.json(error.status(), error.toJson(switchboard()));
      return;
    }
    // A stream that broke has an error and no [DONE]. Its connection stays: the body has its end,
    // and a client may have sent its next request already. Connections cuts off who does not read.
    exchange.end(ServerSentEvents.data(error.toJson(switchboard())));
  }

  private @Nullable ApiError failure() {
    for (Choice choice : choices) {
      if (choice.isBroken()) {
        return BROKEN;
      }
      Choice.EngineEnd end = choice.engineEnd();
      if (end != null && choice.textEnd() == null) {
        EngineFailure failure = end.failure();
        return failure != null
            ? EngineErrors.of(failure, prepared.shapeField())
            : ApiError.internal("The engine cancelled the generation.");
      }
      if (choice.assembly().isCutShort()) {
        return EngineErrors.cutByStop();
      }
      boolean ranOut = choice.ranOut();
      if (ranOut && prepared.options().strictFinish()) {
        int tokens = choice.generatedTokens();
        Integer wanted = prepared.options().maxTokens();
        return EngineErrors.cutByLength(tokens, wanted == null || tokens < wanted);
      }
      if (!ranOut && choice.assembly().isBroken()) {
        return EngineErrors.brokenCall();
      }
      if (choice.diverged()) {
        return ApiError.internal("The answer did not go on here as it had begun elsewhere.");
      }
      if (choice.overflowed()) {
        completions.count(WorkerCounter.HANDOVER_FULL);
        return ApiError.internal("The worker could not keep up with its own engine.");
      }
    }
    return null;
  }

  private boolean all(Predicate<Choice> condition) {
    return choices.stream().allMatch(condition);
  }

  private boolean mayEnd() {
    return all(choice -> choice.textEnd() != null)
        && (detail == TimelineDetail.NONE || all(choice -> choice.engineEnd() != null));
  }

  private void answer() {
    List<AnswerFormat.Answer> answers = new ArrayList<>(choices.size());
    for (Choice choice : choices) {
      answers.add(new AnswerFormat.Answer(choice.index(), passage(choice), reason(choice)));
    }
    String body = format.whole(answers, usage(), switchboard());
    over();
    exchange.json(200, body);
  }

  private AnswerFormat.Passage passage(Choice choice) {
    boolean withTokens = prepared.options().topLogprobs() >= 0;
    TextAssembly assembly = choice.assembly();
    return new AnswerFormat.Passage(
        assembly.takeText(), withTokens ? assembly.takeTokens() : null, calls(choice));
  }

  private List<ToolCallDelta> calls(Choice choice) {
    List<ToolCallDelta> calls = new ArrayList<>();
    for (TextAssembly.CallPart part : choice.assembly().takeCalls()) {
      calls.add(
          switch (part) {
            case TextAssembly.CallBegin(FunctionCall call) ->
                new ToolCallDelta(begin(choice, call), true);
            case TextAssembly.MoreArguments(String text) ->
                new ToolCallDelta(
                    Objects.requireNonNull(choice.lastCall()).withArguments(text), false);
          });
    }
    return calls;
  }

  private ToolCallAnswer begin(Choice choice, FunctionCall call) {
    String id = CallIds.of(completions.model().toolFormat(), call, completions.seeds());
    ToolCallAnswer begun = new ToolCallAnswer(choice.nextCall(), id, call.name(), call.arguments());
    choice.told(begun);
    return begun;
  }

  private static FinishReason reason(Choice choice) {
    FinishReason reason = choice.textEnd();
    boolean stopped = reason == null || reason == FinishReason.STOP;
    if (stopped && choice.assembly().called()) {
      return FinishReason.TOOL_CALLS;
    }
    return reason == null ? FinishReason.STOP : reason;
  }

  private void stream() {
    HttpServerResponse response = exchange.response();
    if (response.closed()) {
      abandon();
      return;
    }
    if (response.headWritten() && response.writeQueueFull()) {
      stall();
      return;
    }
    boolean last = mayEnd();
    String frames = frames(last);
    if (last) {
      over();
      head();
      // Behind the end it only counts: a stream that breaks before [DONE] has not ended.
      exchange.end(frames + ServerSentEvents.DONE + comment());
      return;
    }
    if (!frames.isEmpty() || (notes != null && ReplayNotes.due(choices))) {
      frames += comment();
    }
    if (!frames.isEmpty()) {
      head();
      response.write(frames);
    }
  }

  private String comment() {
    return notes == null ? "" : notes.comment(choices, opened, finished);
  }

  private String frames(boolean last) {
    StringBuilder frames = new StringBuilder();
    for (Choice choice : choices) {
      appendText(frames, choice);
    }
    boolean usage = prepared.options().includeUsage();
    for (Choice choice : choices) {
      boolean closing = finished.cardinality() == choices.size() - 1;
      if (choice.textEnd() != null
          && !finished.get(choice.index())
          && (last || !closing || detail == TimelineDetail.NONE || usage)) {
        boolean lastFrame = last && closing && !usage;
        finished.set(choice.index());
        frames.append(
            format.finish(choice.index(), reason(choice), lastFrame ? switchboard() : null));
      }
    }
    if (last && usage) {
      frames.append(format.usage(usage(), switchboard()));
    }
    return frames.toString();
  }

  private void appendText(StringBuilder frames, Choice choice) {
    boolean opens = !choice.assembly().isEmpty() || choice.textEnd() != null;
    if (opens && !opened.get(choice.index())) {
      opened.set(choice.index());
      frames.append(format.first(choice.index()));
    }
    if (!choice.assembly().isEmpty()) {
      frames.append(format.delta(choice.index(), passage(choice)));
    }
  }

  private void head() {
    HttpServerResponse response = exchange.response();
    if (!response.headWritten()) {
      response
          .setChunked(true)
          .putHeader("Content-Type", "text/event-stream; charset=utf-8")
          .putHeader("Cache-Control", "no-cache");
    }
  }

  private void stall() {
    int pending = 0;
    for (Choice choice : choices) {
      pending += choice.assembly().pendingBytes();
    }
    if (pending > completions.settings().streamBufferBytes()) {
      cutOff("it is " + pending + " bytes behind");
      return;
    }
    if (stallTimer == null) {
      watchReader(new ReaderWatch(unsent()));
      exchange.response().drainHandler(drained -> resume());
    }
  }

  private Connections.Unsent unsent() {
    return Connections.Unsent.of(exchange.request().connection());
  }

  /** Until the socket has room, which may take longer than the limit. */
  private void watchReader(ReaderWatch watch) {
    long millis = completions.settings().writeStall().toMillis() / ReaderWatch.LOOKS;
    stallTimer = completions.timers().after(Math.max(1, millis), () -> lookAtReader(watch));
  }

  private void lookAtReader(ReaderWatch watch) {
    if (watch.stopped(unsent())) {
      cutOff("it stopped reading");
    } else {
      watchReader(watch);
    }
  }

  private void resume() {
    endStall();
    flush();
  }

  private void endStall() {
    if (stallTimer != null) {
      stallTimer.cancel();
      stallTimer = null;
    }
  }

  /** An error event could not be delivered to who does not read: the connection ends at once. */
  private void cutOff(String why) {
    endStall();
    completions.count(WorkerCounter.SLOW_READER);
    LOG.warn("slow_reader request={} trace={} {}", requestId(), exchange.traceId(), why);
    cancelAll();
    if (!responseOver) {
      over();
      LingeringClose.now(exchange.request().connection());
    }
    retireWhenDone();
  }

  private void retireWhenDone() {
    if (retired || !responseOver || !all(choice -> choice.engineEnd() != null)) {
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

  private Usage usage() {
    int cached = 0;
    int generated = 0;
    for (Choice choice : choices) {
      generated += choice.generatedTokens();
      if (choice.index() % prepared.options().n() == 0) {
        cached += choice.cachedTokens();
      }
    }
    return new Usage(prepared.promptTokens(), cached, generated);
  }

  @Override
  public List<RequestTimeline> timelines() {
    List<RequestTimeline> timelines = new ArrayList<>(choices.size());
    for (Choice choice : choices) {
      Choice.EngineEnd end = choice.engineEnd();
      if (end != null) {
        timelines.add(end.timeline());
      }
    }
    return timelines;
  }

  private @Nullable String switchboard() {
    return detail == TimelineDetail.NONE
        ? null
        : completions.document(exchange.receivedNanos(), timelines(), detail.steps());
  }
}
