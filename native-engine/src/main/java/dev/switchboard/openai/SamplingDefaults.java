package dev.switchboard.openai;

/** What a request gets that says nothing of how its tokens are drawn. */
public record SamplingDefaults(
    float temperature, float topP, int topK, float minP, float repetitionPenalty) {

  public static final float MOST_TEMPERATURE = 2;
  public static final int MOST_TOP_K = 1 << 24;
  public static final float MOST_REPETITION_PENALTY = 2;

  /** Those of OpenAI's API. */
  public static final SamplingDefaults OF_THE_API = new SamplingDefaults(1, 1, 0, 0, 1);
}
