package dev.switchboard.executor;

import dev.switchboard.executor.ExecutorException.Status;
import java.util.Arrays;

/**
 * What one step gave: per output of its plan, in order, a token and its log-probabilities. Owned by
 * the executor and overwritten by the next {@link Executor#await}.
 */
public final class StepResult {
  /** Instead of a token: the model's output was not finite. */
  public static final int NOT_FINITE = -2;

  private final int[] tokens;
  private final float[] logprobs;
  private final int[] topTokens;
  private final float[] topLogprobs;
  private final float[] embeddings;
  private final int embeddingSize;
  private long step;
  private Status status = Status.OK;
  private String message = "";
  private int failedStage = -1;
  private int failedRank = -1;
  private long submitNanos;
  private long startNanos;
  private long endNanos;
  private int outputs;

  StepResult(int maxOutputs, int embeddingSize) {
    tokens = new int[maxOutputs];
    logprobs = new float[maxOutputs];
    topTokens = new int[maxOutputs * Executor.MAX_TOP_LOGPROBS];
    topLogprobs = new float[maxOutputs * Executor.MAX_TOP_LOGPROBS];
    embeddings = new float[maxOutputs * embeddingSize];
    this.embeddingSize = embeddingSize;
  }

  void times(long newStep, long submit, long start, long end) {
    step = newStep;
    submitNanos = submit;
    startNanos = start;
    endNanos = end;
  }

  void succeeded(int newOutputs) {
    status = Status.OK;
    message = "";
    failedStage = -1;
    failedRank = -1;
    outputs = newOutputs;
  }

  void failed(Status newStatus, String text, int stage, int rank) {
    status = newStatus;
    message = text;
    failedStage = stage;
    failedRank = rank;
    outputs = 0;
  }

  /** As where the logits of an output are no numbers; for tests. */
  public void notFinite(int output) {
    tokens[output] = NOT_FINITE;
  }

  int[] tokens() {
    return tokens;
  }

  float[] logprobs() {
    return logprobs;
  }

  int[] topTokens() {
    return topTokens;
  }

  float[] topLogprobs() {
    return topLogprobs;
  }

  float[] embeddings() {
    return embeddings;
  }

  public long step() {
    return step;
  }

  public boolean ok() {
    return status == Status.OK;
  }

  /** OK, STEP_FAILED or OUT_OF_MEMORY. */
  public Status status() {
    return status;
  }

  /** Why it failed; empty when it did not. */
  public String message() {
    return message;
  }

  /** Where it failed, or -1. */
  public int failedStage() {
    return failedStage;
  }

  /** Where it failed, or -1. */
  public int failedRank() {
    return failedRank;
  }

  public long submitNanos() {
    return submitNanos;
  }

  /** Stage 0 began. */
  public long startNanos() {
    return startNanos;
  }

  /** The last rank finished. */
  public long endNanos() {
    return endNanos;
  }

  public int outputs() {
    return outputs;
  }

  /** The sampled token, or the target. */
  public int token(int output) {
    return tokens[output];
  }

  /** Its log-probability from the raw logits, where it was asked for. */
  public float logprob(int output) {
    return logprobs[output];
  }

  /** The alternative of that rank, best first. */
  public int topToken(int output, int rank) {
    return topTokens[output * Executor.MAX_TOP_LOGPROBS + rank];
  }

  /** What an encoder gave for a sequence, not normalised; a copy. */
  public float[] embedding(int output) {
    return Arrays.copyOfRange(embeddings, output * embeddingSize, (output + 1) * embeddingSize);
  }

  /** The log-probability of the alternative of that rank. */
  public float topLogprob(int output, int rank) {
    return topLogprobs[output * Executor.MAX_TOP_LOGPROBS + rank];
  }
}
