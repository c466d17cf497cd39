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
 * <p>Few requests say how long their answers become, and many say only how long they may. What is
 * left of one is taken to be as long as answers are of late, however much of it there is, as with
 * independent stops; and never more than it may have.
 *
 * @param expectedMs until the replica is empty, as often as not
 * @param expectedMoves how many requests are expected to go elsewhere: the sum of their
 *     probabilities, where fates tell of each what is more likely
 * @param slo what it burns of the classes' error budgets
 * @param bounded whether there is a last moment for that: every request that stays says how long
 *     its answer may be
 */
public record DrainPlan(
    List<Forecast> forecasts,
    long expectedMs,
    double expectedMoves,
    boolean bounded,
    List<BudgetAtRisk> slo) {
  /** Tokens of an answer whose request does not bound them. */
  private static final int USUAL_TOKENS = 256;

  private static final double HALF = 0.5;
  private static final double PRECISION_MS = 0.25;
  private static final double NEVER = Double.POSITIVE_INFINITY;
  private static final double USUAL_TOKEN_MS = 20;
  private static final double USUAL_PROMPT_TOKEN_MS = 0.5;

  /**
   * How fast the replica goes on once nobody's prompt comes between any more.
   *
   * @param tokenMs for each token; NaN while nothing was learned: then each goes on as it did
   * @param promptTokenMs for each token of a prompt; NaN likewise
   * @param answerTokens of an answer, of late; NaN while nothing was learned: then each becomes as
   *     long as it may
   */
  public record Pace(double tokenMs, double promptTokenMs, double answerTokens) {
    public static final Pace UNKNOWN = new Pace(Double.NaN, Double.NaN, Double.NaN);

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
   * @param remainingMs until it would end where it is, as often as not
   * @param costMs what its client waits longer for its next token: the prompt and what was
   *     generated are computed elsewhere
   */
  public record Forecast(StreamState request, Fate fate, long remainingMs, long costMs) {
    /** Why it is still there. */
    public Stays why() {
      return switch (fate) {
        case FINISH -> Stays.ENDS_SOON;
        case MIGRATE, RESTART -> Stays.NOT_ASKED_YET;
        case WAIT -> held() ? Stays.CANNOT_MOVE : Stays.NO_OTHER_REPLICA;
      };
    }

    private boolean held() {
      return request.begun() && !request.movable();
    }
  }

  /** Why a request is still at a replica that is emptied. */
  public enum Stays {
    /** It should end within the grace. */
    ENDS_SOON,
    /** It goes elsewhere when the grace is over, as soon as another replica has room. */
    NOT_ASKED_YET,
    /** Its answer has begun, and nobody else can go on with it. */
    CANNOT_MOVE,
    /** No other replica of its model is ready. */
    NO_OTHER_REPLICA
  }

  public DrainPlan {
    forecasts = List.copyOf(forecasts);
    slo = List.copyOf(slo);
  }

  /**
   * Plans.
   *
   * @param elsewhere whether another replica of the model is ready
   */
  public static DrainPlan of(
      List<StreamState> requests, long graceMs, boolean elsewhere, Pace pace, long nowNanos) {
    List<Forecast> forecasts = new ArrayList<>(requests.size());
    List<Rest> rests = new ArrayList<>(requests.size());
    boolean bounded = true;
    double moves = 0;
    for (StreamState request : requests) {
      Fate late = elsewhere ? whenAsked(request) : Fate.WAIT;
      Rest rest = Rest.of(request, late == Fate.WAIT ? NEVER : graceMs, pace, nowNanos);
      forecasts.add(forecast(request, rest, graceMs, late, pace));
      rests.add(rest);
      moves += late == Fate.WAIT ? 0 : 1 - rest.ended((double) graceMs);
      bounded &= request.maxTokens() >= 0 || late != Fate.WAIT;
    }
    return new DrainPlan(
        forecasts,
        Math.round(median(rests)),
        moves,
        bounded,
        BudgetAtRisk.of(forecasts, graceMs, nowNanos));
  }

  private static Forecast forecast(
      StreamState request, Rest rest, long graceMs, Fate late, Pace pace) {
    long remainingMs = Math.round(rest.medianMs());
    Fate fate = remainingMs <= graceMs ? Fate.FINISH : late;
    long costMs =
        switch (fate) {
          case FINISH, WAIT -> 0;
          case MIGRATE, RESTART ->
              Math.round(pace.promptTokenMs(request) * (request.promptTokens() + request.tokens()));
        };
    return new Forecast(request, fate, remainingMs, costMs);
  }

  /** What becomes of it if it has not ended within the grace, and another replica is ready. */
  private static Fate whenAsked(StreamState request) {
    if (!request.begun()) {
      return Fate.RESTART;
    }
    return request.movable() ? Fate.MIGRATE : Fate.WAIT;
  }

  /**
   * How long a request stays.
   *
   * @param promptMs until its first token
   * @param meanMs of what its answer takes from then on; 0 for as long as it may
   * @param mostMs until it has as many tokens as it may
   * @param asksMs until it is asked to go
   */
  private record Rest(double promptMs, double meanMs, double mostMs, double asksMs) {
    static Rest of(StreamState request, double asksMs, Pace pace, long nowNanos) {
      double promptMs =
          request.firstTokenNanos() == 0 ? pace.promptTokenMs(request) * request.promptTokens() : 0;
      double tokenMs = pace.tokenMs(request, nowNanos);
      boolean learned = !Double.isNaN(pace.answerTokens());
      int usual = learned ? Integer.MAX_VALUE : USUAL_TOKENS;
      int most = request.maxTokens() < 0 ? usual : request.maxTokens();
      double mostMs = promptMs + Math.max(1, most - request.tokens()) * tokenMs;
      return new Rest(promptMs, learned ? pace.answerTokens() * tokenMs : 0, mostMs, asksMs);
    }

    /** The probability that it is gone by then. */
    double gone(double ms) {
      return ms >= asksMs ? 1 : ended(ms);
    }

    /** The probability that its answer has ended by then. */
    double ended(double ms) {
      if (ms >= mostMs) {
        return 1;
      }
      return meanMs > 0 && ms > promptMs ? -Math.expm1((promptMs - ms) / meanMs) : 0;
    }

    /** Until it has ended where it is, as often as not. */
    double medianMs() {
      return meanMs > 0 ? Math.min(mostMs, promptMs - meanMs * Math.log(HALF)) : mostMs;
    }
  }

  /** Until all are gone, as often as not. */
  private static double median(List<Rest> rests) {
    double over = 1;
    while (!halfGone(rests, over)) {
      over *= 2;
    }
    double under = 0;
    while (over - under > PRECISION_MS) {
      double middle = (under + over) / 2;
      if (halfGone(rests, middle)) {
        over = middle;
      } else {
        under = middle;
      }
    }
    return over;
  }

  private static boolean halfGone(List<Rest> rests, double ms) {
    return rests.stream().mapToDouble(rest -> rest.gone(ms)).reduce(1, (a, b) -> a * b) >= HALF;
  }

  /** How many requests have a fate. */
  public int count(Fate fate) {
    return (int) forecasts.stream().filter(forecast -> forecast.fate() == fate).count();
  }
}
