package dev.switchboard.worker;

import dev.switchboard.openai.FinishReason;
import dev.switchboard.openai.ResponseIdentity;
import java.util.BitSet;
import org.jspecify.annotations.Nullable;

/**
 * Comments between the events of a stream that say which tokens the events before them told, so
 * that whoever passes the stream on can have it continued elsewhere: see {@link AnswerSoFar}.
 *
 * <pre>
 *   :answer ID CREATED SEED PROMPT_TOKENS        before the first
 *   :tokens CHOICE/CACHED[o][s|l][f]:TOKEN,… …   of the choices where something is new
 *   :again TOKENS                                behind the first of what goes on here: computed for that
 * </pre>
 *
 * <p>A comment stands behind all events of one write: what a reader has up to a comment is a whole
 * number of passages.
 */
final class ReplayNotes {
  static final String HEADER = "X-Switchboard-Replay";

  /** Tokens without visible text that are noted at the latest: a call that is being written. */
  private static final int MAX_UNTOLD = 32;

  private final StringBuilder text = new StringBuilder();
  private @Nullable String head;
  private final BitSet finished = new BitSet();
  private final BitSet ended = new BitSet();
  private int again;

  ReplayNotes(ResponseIdentity identity, long seed, int promptTokens) {
    head =
        ":answer %s %d %d %d\n"
            .formatted(identity.id(), identity.createdSeconds(), seed, promptTokens);
  }

  /** Whether so many tokens are untold that a comment is due without an event. */
  static boolean due(Iterable<Choice> choices) {
    for (Choice choice : choices) {
      if (choice.untoldTokens() >= MAX_UNTOLD) {
        return true;
      }
    }
    return false;
  }

  /** The comment behind the events that tell everything that the choices have; may be empty. */
  String comment(Iterable<Choice> choices, BitSet opened, BitSet nowFinished) {
    text.setLength(0);
    again = 0;
    for (Choice choice : choices) {
      note(choice, opened.get(choice.index()), nowFinished.get(choice.index()));
    }
    if (text.isEmpty()) {
      return "";
    }
    String first = head == null ? "" : head;
    head = null;
    String cost = again == 0 ? "" : ":again " + again + "\n";
    return first + ":tokens" + text + "\n" + cost + "\n";
  }

  private void note(Choice choice, boolean opened, boolean last) {
    int index = choice.index();
    FinishReason end = choice.textEnd();
    boolean newEnd = end != null && !ended.get(index);
    boolean newLast = last && !finished.get(index);
    if (choice.untoldTokens() == 0 && !newEnd && !newLast) {
      return;
    }
    again += choice.takeComputedAgain();
    ended.set(index, end != null);
    finished.set(index, last);
    text.append(' ').append(index).append('/').append(choice.cachedTokens());
    if (opened) {
      text.append('o');
    }
    if (end != null) {
      text.append(end == FinishReason.LENGTH ? 'l' : 's');
    }
    if (last) {
      text.append('f');
    }
    choice.tellTokens(text.append(':'));
  }
}
