package dev.switchboard.gateway.bench;

import java.util.SplittableRandom;

/**
 * Clients that want the same. In a closed loop each of them sends its next request when the last is
 * answered, and one that is refused comes again as it is told; in an open loop requests come at
 * random moments whatever becomes of them.
 *
 * @param clients of the closed loop; 0 for an open one
 * @param rate requests per second of the open loop
 * @param ttftMs target of the time to the first token; 0 for none
 * @param tpotMs target of the mean time per token; 0 for none
 */
public record DispatchCrowd(
    String name, int clients, double rate, int ttftMs, int tpotMs, int priority) {
  private static final int LEAST_PROMPT_TOKENS = 20;
  private static final int MOST_PROMPT_TOKENS = 180;
  private static final int LEAST_TOKENS = 20;
  private static final int MOST_TOKENS = 120;

  static DispatchCrowd closed(String name, int clients) {
    return new DispatchCrowd(name, clients, 0, 0, 0, 0);
  }

  static DispatchCrowd open(String name, double rate) {
    return new DispatchCrowd(name, 0, rate, 0, 0, 0);
  }

  DispatchCrowd targets(int firstTokenMs, int tokenMs) {
    return new DispatchCrowd(name, clients, rate, firstTokenMs, tokenMs, priority);
  }

  DispatchCrowd priority(int value) {
    return new DispatchCrowd(name, clients, rate, ttftMs, tpotMs, value);
  }

  /** Whether there is anything to be in time for. */
  public boolean hasTargets() {
    return ttftMs > 0 || tpotMs > 0;
  }

  /**
   * What one of its clients asks for, of either loop; the same in every run of a seed.
   *
   * @param client 0 in an open loop
   * @param number of the client's requests
   */
  public Asked asked(long seed, int client, int number) {
    long key = (seed * 1_000_003L + client) * 1_000_003L + number + name.hashCode();
    SplittableRandom random = new SplittableRandom(key);
    int prompt = random.nextInt(LEAST_PROMPT_TOKENS, MOST_PROMPT_TOKENS + 1);
    int tokens = random.nextInt(LEAST_TOKENS, MOST_TOKENS + 1);
    // Each begins differently: nothing of it may be in anybody's cache.
    String begin = name + " " + client + " " + number + " of " + seed + ": ";
    String words = "the payment of a card with many requests in one hour is ";
    int bytes = prompt * EngineScript.BYTES_PER_TOKEN;
    String text = begin + words.repeat(bytes / words.length() + 1);
    return new Asked(this, text.substring(0, bytes), prompt, tokens);
  }

  /** Draws the moments of its open loop. */
  public SplittableRandom arrivals(long seed) {
    return new SplittableRandom(seed * 31 + name.hashCode());
  }

  /** How long an open loop waits for its next request, in seconds. */
  public static double pause(SplittableRandom random, double rate) {
    return -Math.log(1 - random.nextDouble()) / rate;
  }

  /**
   * One request.
   *
   * @param tokens that its answer has, and may have
   */
  public record Asked(DispatchCrowd crowd, String prompt, int promptTokens, int tokens) {
    /** Of a stream. */
    public String body() {
      return "{\"model\":\""
          + ScriptedEngine.MODEL
          + "\",\"stream\":true,\"max_tokens\":"
          + tokens
          + ",\"messages\":[{\"role\":\"user\",\"content\":\""
          + prompt
          + "\"}]}";
    }

    /** Of its prompt, as a gateway guesses that has nothing but its bytes. */
    public int estimatedTokens() {
      return body().length() / EngineScript.BYTES_PER_TOKEN + 1;
    }

    String headers() {
      return header("X-SLO-TTFT-Ms", crowd.ttftMs)
          + header("X-SLO-TPOT-Ms", crowd.tpotMs)
          + header("X-Priority", crowd.priority);
    }

    private static String header(String name, int value) {
      return value == 0 ? "" : name + ": " + value + "\r\n";
    }
  }
}
