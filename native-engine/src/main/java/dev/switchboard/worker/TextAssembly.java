package dev.switchboard.worker;

import dev.switchboard.constraint.Constraint;
import dev.switchboard.scheduler.GenerationListener.TokenLogprobs;
import dev.switchboard.tokenizer.Tokenizer;
import dev.switchboard.toolcall.FunctionCall;
import dev.switchboard.toolcall.ToolCallParser;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Turns one choice's tokens into the text its reader may see, and into the calls it makes.
 *
 * <p>A token's log-probabilities leave with the text that its token completed: tokens wait in a
 * queue until the released text reaches their end. A token that begins at or after the cut of a
 * stop string is never shown; one that straddles the cut is.
 *
 * <p>A constraint holds the tokens, and a stop string may cut what comes of them in the middle of
 * one: the text that is shown is then followed through the constraint, so that it is known whether
 * that text is whole. Of an answer that has to be calls the parser knows it, and of tokens that ran
 * out the engine.
 *
 * <p>Offsets count Unicode code points from the start of the answer's text, the echoed prompt
 * included. Used by one event loop.
 */
final class TextAssembly {

  /**
   * A token with its place in the text.
   *
   * @param offset code points before it
   */
  record PlacedToken(TokenLogprobs logprobs, int offset) {}

  /** What became known of a call. */
  sealed interface CallPart {}

  /**
   * A call, with the arguments that are known of it.
   *
   * @param call its arguments are empty where they come later
   */
  record CallBegin(FunctionCall call) implements CallPart {}

  /** More arguments of the call that began last. */
  record MoreArguments(String text) implements CallPart {}

  private static final int TOKEN_BYTES = 64;
  private static final int ALTERNATIVE_BYTES = 8;

  private record Waiting(TokenLogprobs logprobs, int start, int end) {}

  private final Tokenizer.Detokenizer detokenizer;
  private final StopStrings stops;
  private final @Nullable ToolCallParser parser;
  private final boolean singleCall;
  private final boolean demandsCalls;

  /** What a stop string may cut short; null where none can, or the answer has to be calls. */
  private final @Nullable Constraint shape;

  /** The text so far of an answer of that shape. */
  private final StringBuilder shaped = new StringBuilder();

  private final boolean placesTokens;
  private final ArrayDeque<Waiting> waiting = new ArrayDeque<>();
  private final StringBuilder text = new StringBuilder();
  private List<PlacedToken> placed = new ArrayList<>();
  private int placedBytes;
  private int decodedEnd;
  private int releasedEnd;
  private List<CallPart> calls = new ArrayList<>();
  private int callBytes;
  private boolean anyCall;
  private boolean anyContent;
  private boolean misshapen;
  private boolean broken;

  /**
   * @param placesTokens whether tokens are wanted beside the text (logprobs)
   * @param tools which calls are taken out of the text; null for none
   * @param constraint that the tokens are held to; null for none
   */
  TextAssembly(
      Tokenizer.Detokenizer detokenizer,
      List<String> stops,
      boolean placesTokens,
      @Nullable OfferedTools tools,
      @Nullable Constraint constraint) {
    this.detokenizer = detokenizer;
    this.stops = new StopStrings(stops);
    this.placesTokens = placesTokens;
    this.parser = tools == null ? null : parser(tools);
    this.singleCall = tools != null && !tools.parallel();
    this.demandsCalls = tools != null && tools.demanded();
    this.shape = stops.isEmpty() || demandsCalls ? null : constraint;
  }

  private ToolCallParser parser(OfferedTools tools) {
    Parts parts = new Parts();
    return tools.streamed()
        ? ToolCallParser.streaming(tools.format(), tools.functions(), parts)
        : new ToolCallParser(tools.format(), tools.functions(), parts);
  }

  /** Where the parser puts what it has told apart. */
  private final class Parts implements ToolCallParser.StreamListener {
    @Override
    public void content(String content) {
      if (!mayEnd()) {
        anyContent = true;
        text.append(content);
      }
    }

    @Override
    public void call(FunctionCall call) {
      if (!mayEnd()) {
        add(new CallBegin(call), call.arguments());
        anyCall = true;
      }
    }

    @Override
    public void opened(FunctionCall call) {
      if (!mayEnd()) {
        add(new CallBegin(call), "");
      }
    }

    @Override
    public void arguments(String piece) {
      if (!mayEnd()) {
        add(new MoreArguments(piece), piece);
      }
    }

    @Override
    public void closed() {
      anyCall = true;
    }

    @Override
    public void broken() {
      broken = !mayEnd();
    }

    private void add(CallPart part, String text) {
      calls.add(part);
      callBytes += 2 * text.length();
    }
  }

  /** Whether the only call that the answer may make was made. */
  private boolean mayEnd() {
    return singleCall && anyCall;
  }

  /** Puts an echoed prompt in front: it is shown as it is, and stop strings do not apply to it. */
  void echo(String prompt, List<PlacedToken> tokens) {
    text.append(prompt);
    tokens.forEach(this::place);
    decodedEnd = prompt.codePointCount(0, prompt.length());
    releasedEnd = decodedEnd;
  }

  /**
   * Takes a generated token and says whether the answer is now complete: a stop string, or call.
   */
  boolean token(int token, TokenLogprobs logprobs) {
    if (stops.matched() || mayEnd()) {
      return true;
    }
    String piece = detokenizer.next(token);
    int start = decodedEnd;
    decodedEnd += piece.codePointCount(0, piece.length());
    if (placesTokens) {
      waiting.add(new Waiting(logprobs, start, decodedEnd));
    }
    release(stops.next(piece));
    return stops.matched() || mayEnd();
  }

  /** Tokens that are taken and wait for their text to be released. */
  int waitingTokens() {
    return waiting.size();
  }

  /**
   * Gives the first waiting token its log-probabilities and moves it behind the others: called once
   * for each of them, it leaves their order as it was.
   */
  void score(TokenLogprobs logprobs) {
    Waiting token = waiting.removeFirst();
    waiting.addLast(new Waiting(logprobs, token.start(), token.end()));
  }

  /** Takes the end: what was held back, or was left of a character, is text now. */
  void finish() {
    if (!stops.matched()) {
      String tail = detokenizer.finish();
      decodedEnd += tail.codePointCount(0, tail.length());
      release(stops.next(tail));
      release(stops.finish());
    }
    if (parser != null) {
      parser.finish();
    }
    misshapen = shape != null && stops.matched() && !shape.isWhole(shaped.toString());
    while (!waiting.isEmpty() && (!stops.matched() || waiting.getFirst().start() < releasedEnd)) {
      place(waiting.removeFirst());
    }
    waiting.clear();
  }

  /** Whether a stop string cut it before it was what the request demands, or inside a call. */
  boolean isCutShort() {
    return stops.matched() && (misshapen || isUnfinished());
  }

  /**
   * Whether it is less than the calls that are demanded, or ends inside a call. For an answer whose
   * tokens ran out, or that was cut, and that is finished.
   */
  boolean isUnfinished() {
    return (demandsCalls && (!anyCall || anyContent)) || endsInCall();
  }

  private boolean endsInCall() {
    return parser != null && parser.endedInCall() && !mayEnd();
  }

  /** Whether there is something to take. */
  boolean isEmpty() {
    return text.isEmpty() && placed.isEmpty() && calls.isEmpty();
  }

  /** Rough memory of what nobody took yet. */
  int pendingBytes() {
    return text.length() * 2 + placedBytes + callBytes;
  }

  String takeText() {
    String taken = text.toString();
    text.setLength(0);
    return taken;
  }

  /** What nobody took yet of the calls, in order. */
  List<CallPart> takeCalls() {
    if (calls.isEmpty()) {
      return List.of();
    }
    List<CallPart> taken = calls;
    calls = new ArrayList<>();
    callBytes = 0;
    return taken;
  }

  /** Whether a call that was told in part turned out to be none, or the end came inside a call. */
  boolean isBroken() {
    return broken || endsInCall();
  }

  /** Whether there was any call. */
  boolean called() {
    return anyCall;
  }

  List<PlacedToken> takeTokens() {
    if (placed.isEmpty()) {
      return List.of();
    }
    List<PlacedToken> taken = placed;
    placed = new ArrayList<>();
    placedBytes = 0;
    return taken;
  }

  private void release(String decided) {
    if (shape != null) {
      shaped.append(decided);
    }
    if (parser == null) {
      text.append(decided);
    } else {
      parser.accept(decided);
    }
    releasedEnd += decided.codePointCount(0, decided.length());
    while (!stops.matched() && !waiting.isEmpty() && isShown(waiting.getFirst())) {
      place(waiting.removeFirst());
    }
  }

  /** A token without text (the start of a character) goes with the text after it. */
  private boolean isShown(Waiting token) {
    return token.end() <= releasedEnd && token.start() < releasedEnd;
  }

  private void place(Waiting token) {
    place(new PlacedToken(token.logprobs(), token.start()));
  }

  private void place(PlacedToken token) {
    placed.add(token);
    placedBytes += TOKEN_BYTES + ALTERNATIVE_BYTES * token.logprobs().topTokens().length;
  }
}
