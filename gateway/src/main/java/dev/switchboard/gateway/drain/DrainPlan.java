package dev.switchboard.gateway.drain;

import java.util.ArrayList;
import java.util.List;

/**
 * What emptying a replica would come to, request by request. Pure.
 *
 * <p>A request that should end within the grace ends where it is. One that would not is asked to go
 * when the grace is over: a stream of a worker goes on elsewhere behind its last token, a whole
 * answer begins anew. Where nobody else is ready it stays, and the drain lasts as long as it does.
 *
 * @param expectedMs until the replica is empty
 * @param bounded whether that is known: every request that stays says how long its answer may be
 */
public record DrainPlan(List<Forecast> forecasts, long expectedMs, boolean bounded) {
  /** Tokens of an answer whose request does not bound them. */
  private static final int USUAL_TOKENS = 256;

  private static final double USUAL_TOKEN_MS = 20;
  private static final double USUAL_PROMPT_TOKEN_MS = 0.5;

  /**
   * How fast the replica goes on once nobody's prompt comes between any more.
   *
   * @param tokenMs for each token; NaN while nothing was learned: then each goes on as it did
   * @param promptTokenMs for each token of a prompt; NaN likewise
   */
  public record Pace(double tokenMs, double promptTokenMs) {
    public static final Pace UNKNOWN = new Pace(Double.NaN, Double.NaN);

    private double tokenMs(StreamState request, long nowNanos) {
      return Double.isNaN(tokenMs) ? request.tokenMs(USUAL_TOKEN_MS, nowNanos) : tokenMs;
    }

    private double promptTokenMs(StreamState request) {
      return request.promptTokenMs(
          Double.isNaN(promptTokenMs) ? USUAL_PROMPT_TOKEN_MS : promptTokenMs);
    }
  }

  /** What becomes of a request. */
  public enum Fate {
    /** It ends where it is. */
    FINISH,
    /** It goes on elsewhere behind its last token. */
    MIGRATE,
    /** Nothing of it went out: it begins anew elsewhere. */
    RESTART,
    /** It has to be waited for. */
    WAIT
  }

  /**
   * One request's.
   *
   * @param remainingMs until it would end where it is
   * @param costMs what its client waits longer for its next token: the prompt and what was
   *     generated are computed elsewhere
   */
  public record Forecast(StreamState request, Fate fate, long remainingMs, long costMs) {}

  public DrainPlan {
    forecasts = List.copyOf(forecasts);
  }

  /**
   * Plans.
   *
   * @param elsewhere whether another replica of the model is ready
   */
  public static DrainPlan of(
      List<StreamState> requests, long graceMs, boolean elsewhere, Pace pace, long nowNanos) {
    List<Forecast> forecasts = new ArrayList<>(requests.size());
    long expectedMs = 0;
    boolean bounded = true;
    for (StreamState request : requests) {
      Forecast forecast = forecast(request, graceMs, elsewhere, pace, nowNanos);
      forecasts.add(forecast);
      boolean stays = forecast.fate() == Fate.FINISH || forecast.fate() == Fate.WAIT;
      expectedMs = Math.max(expectedMs, stays ? forecast.remainingMs() : graceMs);
      bounded &= !stays || request.maxTokens() >= 0;
    }
    return new DrainPlan(forecasts, expectedMs, bounded);
  }

  private static Forecast forecast(
      StreamState request, long graceMs, boolean elsewhere, Pace pace, long nowNanos) {
    int most = request.maxTokens() < 0 ? USUAL_TOKENS : request.maxTokens();
    int left = Math.max(1, most - request.tokens());
    double promptMs = pace.promptTokenMs(request);
    double prefillMs = request.firstTokenNanos() == 0 ? promptMs * request.promptTokens() : 0;
    long remainingMs = Math.round(prefillMs + left * pace.tokenMs(request, nowNanos));
    Fate fate = fate(request, remainingMs <= graceMs, elsewhere);
    long costMs =
        switch (fate) {
          case FINISH, WAIT -> 0;
          case MIGRATE, RESTART ->
              Math.round(promptMs * (request.promptTokens() + request.tokens()));
        };
    return new Forecast(request, fate, remainingMs, costMs);
  }

  private static Fate fate(StreamState request, boolean ends, boolean elsewhere) {
    if (ends) {
      return Fate.FINISH;
    }
    if (!elsewhere) {
      return Fate.WAIT;
    }
    boolean begun = request.stream() && request.firstTokenNanos() != 0;
    if (!begun) {
      return Fate.RESTART;
    }
    return request.movable() ? Fate.MIGRATE : Fate.WAIT;
  }

  /** How many requests have a fate. */
  public int count(Fate fate) {
    return (int) forecasts.stream().filter(forecast -> forecast.fate() == fate).count();
  }
}
