package dev.switchboard.worker;

import dev.switchboard.openai.ApiError;
import dev.switchboard.openai.ApiException;
import dev.switchboard.openai.FinishReason;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * An answer that another worker began and whose reader has some of it: what {@link ReplayNotes}
 * wrote there, gathered. With it the answer goes on here as if it had begun here.
 *
 * <pre>
 *   ID CREATED SEED PROMPT_TOKENS
 *   CHOICE/CACHED[o][s|l][f]:TOKEN,TOKEN,…      a line for each choice that has begun
 * </pre>
 *
 * <p>{@code o}: its first event was sent; {@code s}, {@code l}: its text ended, at a stop or by its
 * length; {@code f}: its last event was sent.
 *
 * @param seed of the first choice of each prompt
 */
record AnswerSoFar(String id, long createdSeconds, long seed, List<Choice> choices) {
  static final String HEADER = "X-Switchboard-Continue";

  private static final Pattern HEAD =
      Pattern.compile("([A-Za-z0-9_.-]{1,64}) ([0-9]{1,15}) (-?[0-9]{1,19}) [0-9]{1,9}");
  private static final Pattern CHOICE =
      Pattern.compile("([0-9]{1,6})/([0-9]{1,9})(o?)([sl]?)(f?):([0-9,]*)");

  AnswerSoFar {
    choices = List.copyOf(choices);
  }

  /**
   * One choice of it.
   *
   * @param opened its first event was sent
   * @param ended why its text ended; null while more may come
   * @param finished its last event was sent
   * @param cachedTokens of its prompt, where it began
   */
  record Choice(
      int index,
      int cachedTokens,
      boolean opened,
      @Nullable FinishReason ended,
      boolean finished,
      int[] tokens) {

    /** Whether an echoed prompt, which comes first, was sent; it may be empty. */
    boolean promptTold() {
      return opened || tokens.length > 0;
    }
  }

  /** The choice, when it has begun; else null. */
  @Nullable Choice choice(int index) {
    for (Choice choice : choices) {
      if (choice.index() == index) {
        return choice;
      }
    }
    return null;
  }

  /**
   * Reads one.
   *
   * @throws ApiException when it is none
   */
  static AnswerSoFar read(byte[] bytes, int length) {
    String[] lines =
        new String(bytes, 0, length, StandardCharsets.US_ASCII).stripTrailing().split("\n", -1);
    Matcher head = HEAD.matcher(lines[0]);
    if (!head.matches()) {
      throw invalid("must begin with the answer's id, time, seed and prompt tokens");
    }
    List<Choice> choices = new ArrayList<>();
    for (int i = 1; i < lines.length; i++) {
      choices.add(choice(lines[i]));
    }
    try {
      return new AnswerSoFar(
          head.group(1), Long.parseLong(head.group(2)), Long.parseLong(head.group(3)), choices);
    } catch (NumberFormatException tooLarge) {
      throw invalid("has a number that is too large");
    }
  }

  private static Choice choice(String line) {
    Matcher parts = CHOICE.matcher(line);
    if (!parts.matches()) {
      throw invalid("has a line that is no choice");
    }
    FinishReason ended =
        switch (parts.group(4)) {
          case "s" -> FinishReason.STOP;
          case "l" -> FinishReason.LENGTH;
          default -> null;
        };
    return new Choice(
        Integer.parseInt(parts.group(1)),
        Integer.parseInt(parts.group(2)),
        !parts.group(3).isEmpty(),
        ended,
        !parts.group(5).isEmpty(),
        tokens(parts.group(6)));
  }

  private static int[] tokens(String list) {
    if (list.isEmpty()) {
      return new int[0];
    }
    String[] parts = list.split(",", -1);
    int[] tokens = new int[parts.length];
    try {
      for (int i = 0; i < parts.length; i++) {
        tokens[i] = Integer.parseInt(parts[i]);
      }
    } catch (NumberFormatException bad) {
      throw invalid("has a token that is no number");
    }
    return tokens;
  }

  static ApiException invalid(String complaint) {
    return new ApiException(ApiError.invalid(HEADER, HEADER + " " + complaint + "."));
  }
}
