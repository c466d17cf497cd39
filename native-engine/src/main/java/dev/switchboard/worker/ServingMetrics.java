package dev.switchboard.worker;

import dev.switchboard.timeline.EngineBuckets;
import java.util.EnumMap;
import java.util.Map;
import java.util.function.LongSupplier;

/**
 * What was served since the start, as vLLM counts it: a request is one sequence, so each choice of
 * each prompt counts. Times are those of the event loop, which is where an answer leaves. Canaries
 * and the warm-up are not among them. On the event loop.
 */
final class ServingMetrics {
  /** How a sequence ended, by vLLM's words. */
  enum End {
    STOP("stop"),
    LENGTH("length"),
    ABORT("abort"),
    ERROR("error");

    private final String word;

    End(String word) {
      this.word = word;
    }

    String word() {
      return word;
    }
  }

  private final LongSupplier epochNanos;
  private final Map<End, Long> ended = new EnumMap<>(End.class);
  private final ServingHistogram promptTokens;
  private final ServingHistogram generationTokens;
  private long prompt;
  private long generation;

  private final ServingHistogram firstToken = new ServingHistogram(EngineBuckets.firstToken());
  private final ServingHistogram interToken = new ServingHistogram(EngineBuckets.interToken());
  private final ServingHistogram endToEnd = new ServingHistogram(EngineBuckets.endToEnd());

  /**
   * @param context longest sequence, in tokens: the bound of the histograms of tokens
   */
  ServingMetrics(int context, LongSupplier epochNanos) {
    this.epochNanos = epochNanos;
    this.promptTokens = new ServingHistogram(EngineBuckets.tokens(context));
    this.generationTokens = new ServingHistogram(EngineBuckets.tokens(context));
  }

  /** One that begins: its request came at a time, with so many tokens of a prompt. */
  Sequence sequence(long receivedNanos, int tokens) {
    return new Sequence(receivedNanos, tokens);
  }

  /** The course of one sequence. */
  final class Sequence {
    private final long receivedNanos;
    private final int prompted;
    private long lastNanos;
    private int generated;
    private boolean over;

    private Sequence(long receivedNanos, int prompted) {
      this.receivedNanos = receivedNanos;
      this.prompted = prompted;
    }

    /** A token of it is there. */
    void token() {
      if (over) {
        return;
      }
      long now = epochNanos.getAsLong();
      if (generated == 0) {
        prompt += prompted;
        firstToken.observe(seconds(receivedNanos, now));
      } else {
        interToken.observe(seconds(lastNanos, now));
      }
      generated++;
      generation++;
      lastNanos = now;
    }

    /** It is over; later ends are not counted. */
    void end(End how) {
      if (over) {
        return;
      }
      over = true;
      ended.merge(how, 1L, Long::sum);
      if (how == End.STOP || how == End.LENGTH) {
        endToEnd.observe(seconds(receivedNanos, epochNanos.getAsLong()));
        promptTokens.observe(prompted);
        generationTokens.observe(generated);
        prompt += generated == 0 ? prompted : 0;
      }
    }
  }

  private static double seconds(long from, long to) {
    return Math.max(0, to - from) / 1e9;
  }

  long ended(End how) {
    return ended.getOrDefault(how, 0L);
  }

  /** Of sequences that had a token, or ended well without one. */
  long prompt() {
    return prompt;
  }

  long generation() {
    return generation;
  }

  ServingHistogram firstToken() {
    return firstToken;
  }

  ServingHistogram interToken() {
    return interToken;
  }

  ServingHistogram endToEnd() {
    return endToEnd;
  }

  ServingHistogram promptTokens() {
    return promptTokens;
  }

  ServingHistogram generationTokens() {
    return generationTokens;
  }
}
