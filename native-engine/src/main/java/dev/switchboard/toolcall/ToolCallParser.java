package dev.switchboard.toolcall;

import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Parts a text that arrives piece by piece into content and function calls.
 *
 * <p>What may still become a marker, and an object that may still become a call, are held back; a
 * call is told when its object is complete and names a function that was offered. Whatever turns
 * out to be no call is content as it stood, markers included, so no text is lost and no broken call
 * is ever told. White space between a text and a call, and between calls, belongs to neither.
 *
 * <pre>
 *   TEXT ──marker──▶ OPENED ──{──▶ OBJECT ──complete──▶ AFTER ──next object──▶ OBJECT
 *     ▲  (LLAMA: an answer that begins with {) ──▶ OBJECT    │
 *     └───────── what cannot go on: held text is content ────┴── the end of the calls ──▶ TEXT
 * </pre>
 *
 * <p>A {@link StreamListener} hears of a call whose name is known as soon as its arguments begin,
 * and of these as they come. What then turns out to be no call is {@link StreamListener#broken}.
 *
 * <p>The result does not depend on how the text was cut, and the work is linear in its length: a
 * failed object is not searched again. Used by one thread.
 */
public final class ToolCallParser {
  private static final String HERMES_END = "</tool_call>";

  /** Takes what was decided, in order. */
  public interface Listener {
    /** Text that is no call; never empty. */
    void content(String text);

    void call(FunctionCall call);
  }

  /**
   * Takes calls before they are complete. A call that is known by its name when its arguments begin
   * is told piece by piece, any other at once by {@link #call}.
   */
  public interface StreamListener extends Listener {
    /** A call begins; its arguments are not there yet. */
    void opened(FunctionCall call);

    /** More of the arguments of the call that was opened; never empty. */
    void arguments(String piece);

    /** The call that was opened is complete, and was one. */
    void closed();

    /** It will never be; nothing else is told. */
    void broken();
  }

  private enum State {
    TEXT,
    OPENED,
    OBJECT,
    AFTER,
    BROKEN
  }

  private final ToolFormat format;
  private final CallReader reader;
  private final Listener listener;
  private final @Nullable StreamListener stream;

  /** Undecided text; all before it has been told. */
  private final StringBuilder held = new StringBuilder();

  private final StringBuilder content = new StringBuilder();
  private State state = State.TEXT;
  private ObjectScanner scanner = new ObjectScanner();
  private int objectStart;

  /** Matched characters of the marker in TEXT, of the closing tag in AFTER. */
  private int matched;

  private boolean marked;
  private boolean inArray;
  private boolean separated;

  /** Nothing but white space came yet. */
  private boolean pristine = true;

  /** Nothing but white space came since the last call. */
  private boolean behindCall;

  private int calls;

  /** The call that was opened; null when none is. */
  private @Nullable FunctionCall open;

  /** How far in the held text its arguments were told. */
  private int told;

  /** Whether the object at hand calls a function by its name, and its arguments have begun. */
  private boolean named;

  private boolean endedInCall;

  /** Tells calls when they are complete. */
  public ToolCallParser(ToolFormat format, Set<String> functions, Listener listener) {
    this(format, functions, listener, null);
  }

  /** Tells calls while they are made. */
  public static ToolCallParser streaming(
      ToolFormat format, Set<String> functions, StreamListener listener) {
    return new ToolCallParser(format, functions, listener, listener);
  }

  /**
   * @param functions names that the model was offered
   */
  private ToolCallParser(
      ToolFormat format,
      Set<String> functions,
      Listener listener,
      @Nullable StreamListener stream) {
    if (format == ToolFormat.NONE) {
      throw new IllegalArgumentException("there is no format to parse");
    }
    this.format = format;
    this.reader = new CallReader(functions);
    this.listener = listener;
    this.stream = stream;
  }

  /** How many calls have been told. */
  public int calls() {
    return calls;
  }

  /** Takes the next piece. */
  public void accept(String text) {
    for (int i = 0; i < text.length(); i++) {
      step(text.charAt(i));
    }
    tell();
    tellArguments();
  }

  /** Takes the end: what is held is content now. */
  public void finish() {
    endedInCall = state == State.OPENED || (state == State.OBJECT && (marked || named));
    if (open != null) {
      broken();
    }
    boolean gap = isSpace(held);
    if (state != State.AFTER && state != State.BROKEN && !(gap && behindCall)) {
      content.append(held);
    }
    held.setLength(0);
    tell();
  }

  /**
   * Whether the end came behind a marker, before its call was complete, or inside an object that
   * its function's name shows to be a call.
   */
  public boolean endedInCall() {
    return endedInCall;
  }

  private void tell() {
    if (!content.isEmpty()) {
      String text = content.toString();
      content.setLength(0);
      listener.content(text);
    }
  }

  private void step(char c) {
    switch (state) {
      case TEXT -> text(c);
      case OPENED -> opened(c);
      case OBJECT -> object(c);
      case AFTER -> after(c);
      case BROKEN -> {}
    }
  }

  // ------------------------------------------------------------------ text

  private void text(char c) {
    String marker = format.marker();
    if (format == ToolFormat.LLAMA && pristine && matched == 0 && c == '{') {
      begin(c, false);
    } else if (c == marker.charAt(matched)) {
      held.append(c);
      if (++matched == marker.length()) {
        matched = 0;
        inArray = false;
        state = State.OPENED;
      }
    } else if (matched > 0) {
      giveBack();
      text(c);
    } else if (isSpace(c)) {
      held.append(c);
    } else {
      giveBack();
      content.append(c);
      pristine = false;
      behindCall = false;
    }
  }

  /** What was held is content, and the search goes on behind it. */
  private void giveBack() {
    boolean gap = isSpace(held);
    pristine &= gap;
    behindCall &= gap;
    content.append(held);
    held.setLength(0);
    matched = 0;
    state = State.TEXT;
  }

  // ------------------------------------------------------------------ calls

  private void opened(char c) {
    if (c == '{') {
      begin(c, true);
    } else if (c == '[' && format == ToolFormat.MISTRAL && !inArray) {
      inArray = true;
      held.append(c);
    } else if (isSpace(c)) {
      held.append(c);
    } else {
      giveBack();
      text(c);
    }
  }

  private void begin(char c, boolean behindMarker) {
    marked = behindMarker;
    named = false;
    scanner = new ObjectScanner();
    objectStart = held.length();
    state = State.OBJECT;
    object(c);
  }

  private void object(char c) {
    switch (scanner.next(c)) {
      case OPEN -> {
        held.append(c);
        if (scanner.beginsArguments()) {
          argumentsBegin();
        }
      }
      case INVALID -> {
        if (open != null) {
          broken();
        } else {
          giveBack();
          text(c);
        }
      }
      case COMPLETE -> {
        held.append(c);
        complete();
      }
    }
  }

  private void argumentsBegin() {
    FunctionCall head = reader.head(held.substring(objectStart), scanner, marked);
    named = head != null;
    if (head != null && stream != null) {
      tell();
      stream.opened(head);
      open = head;
      told = objectStart + scanner.argumentsBegin();
    }
  }

  private void tellArguments() {
    if (stream == null || open == null) {
      return;
    }
    int end = scanner.argumentsEnd() < 0 ? held.length() : objectStart + scanner.argumentsEnd();
    if (end > told) {
      stream.arguments(held.substring(told, end));
      told = end;
    }
  }

  private void broken() {
    open = null;
    held.setLength(0);
    state = State.BROKEN;
    if (stream != null) {
      stream.broken();
    }
  }

  private void complete() {
    FunctionCall call = reader.read(held.substring(objectStart), scanner, marked);
    if (open != null && !isOpened(call)) {
      broken();
      return;
    }
    if (call == null) {
      giveBack();
      return;
    }
    tellArguments();
    held.setLength(0);
    matched = 0;
    separated = false;
    pristine = false;
    behindCall = true;
    calls++;
    state = format == ToolFormat.MISTRAL && !inArray ? State.TEXT : State.AFTER;
    tell();
    if (stream != null && open != null) {
      open = null;
      stream.closed();
    } else {
      listener.call(call);
    }
  }

  /** Whether a complete call is the one that was opened: a member that came twice makes another. */
  private boolean isOpened(@Nullable FunctionCall call) {
    int begin = objectStart + scanner.argumentsBegin();
    int end = objectStart + scanner.argumentsEnd();
    return call != null
        && open != null
        && call.name().equals(open.name())
        && call.arguments().equals(held.substring(begin, end));
  }

  private void after(char c) {
    switch (format) {
      case HERMES -> afterHermes(c);
      case MISTRAL -> afterMistral(c);
      case LLAMA -> afterLlama(c);
      case NONE -> giveBack();
    }
  }

  /** The closing tag; a model that leaves it out has made its call all the same. */
  private void afterHermes(char c) {
    if (c == HERMES_END.charAt(matched)) {
      held.append(c);
      if (++matched == HERMES_END.length()) {
        matched = 0;
        held.setLength(0);
        state = State.TEXT;
      }
    } else if (matched == 0 && isSpace(c)) {
      held.append(c);
    } else {
      String rest = held.toString();
      held.setLength(0);
      matched = 0;
      state = State.TEXT;
      for (int i = 0; i < rest.length(); i++) {
        text(rest.charAt(i));
      }
      text(c);
    }
  }

  private void afterMistral(char c) {
    if (c == ']' && !separated) {
      held.setLength(0);
      state = State.TEXT;
    } else if (c == '{' && separated) {
      begin(c, true);
    } else if (isSpace(c) || (c == ',' && !separated)) {
      separated |= c == ',';
      held.append(c);
    } else {
      giveBack();
      text(c);
    }
  }

  private void afterLlama(char c) {
    if (c == '{') {
      begin(c, marked);
    } else if (isGap(c)) {
      held.append(c);
    } else {
      if (!isSpace(held)) {
        giveBack();
      }
      state = State.TEXT;
      text(c);
    }
  }

  private boolean isGap(char c) {
    return isSpace(c) || (c == ';' && format == ToolFormat.LLAMA);
  }

  private static boolean isSpace(CharSequence text) {
    for (int i = 0; i < text.length(); i++) {
      if (!isSpace(text.charAt(i))) {
        return false;
      }
    }
    return true;
  }

  private static boolean isSpace(char c) {
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
  }
}
