package dev.switchboard.console.live;

/** The names of the series in the ring. Rates are per second, times are milliseconds. */
public final class Series {
  /** Share of all cores' time that the gateway's telemetry takes. */
  public static final String TELEMETRY_CPU = "gateway/telemetry_cpu";

  private Series() {}

  /**
   * Of a model: requests, errors, in_flight, queue, tokens_prompt, tokens_completion, ttft_p50,
   * ttft_p95, tpot_p50, tpot_p95, good_requests and good_tokens (of requests that met all of their
   * objectives).
   */
  public static String model(String model, String what) {
    return "model/" + model + "/" + what;
  }

  /**
   * Of a replica: in_flight, running, waiting, kv (share used), prefix_hit (share), steps,
   * tokens_prompt, tokens_completion.
   */
  public static String replica(String replica, String what) {
    return "replica/" + replica + "/" + what;
  }

  static boolean isOfRank(String series) {
    return series.startsWith("rank/");
  }

  /** Of a rank: score, late (seconds per second), compute (seconds per second). */
  public static String rank(String replica, String stage, String rank, String what) {
    return "rank/" + replica + "/" + stage + "." + rank + "/" + what;
  }

  /**
   * Of a service class, over all models: requests, good_requests, good_tokens, queue_p50,
   * queue_p95.
   */
  public static String ofClass(String serviceClass, String what) {
    return "class/" + serviceClass + "/" + what;
  }

  /** Of a service class: requests that met or missed one of its objectives. */
  public static String slo(String serviceClass, String objective, String result) {
    return "class/" + serviceClass + "/" + objective + "/" + result;
  }
}
