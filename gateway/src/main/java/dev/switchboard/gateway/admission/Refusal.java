package dev.switchboard.gateway.admission;

/**
 * Why a request is not served, with what its client needs to decide when to come again.
 *
 * @param position in the queue, had it waited, from 1; 0 where no queue had a part
 * @param waitP50Ms predicted wait; −1 where nothing was measured yet
 * @param waitP90Ms the same, of nine requests in ten
 * @param ttftMs predicted time from a free place to the first token; where the target decided, the
 *     one that was held against it; −1 where unknown
 * @param endMs predicted time from a free place to the end of the answer, where the deadline
 *     decided; else −1
 * @param leftMs what was left of the target or deadline that decided; −1 where none did
 * @param retryAfterSeconds 1 at least; 0 where no wait helps
 */
public record Refusal(
    Reason reason,
    int position,
    long waitP50Ms,
    long waitP90Ms,
    long ttftMs,
    long endMs,
    long leftMs,
    int retryAfterSeconds)
    implements AdmissionDecision {

  /** Which limit fired. */
  public enum Reason {
    /** The gateway holds as many requests as it may. */
    IN_FLIGHT("max_in_flight", false),
    /** The bodies of other requests take up all memory that there is for them. */
    BODY_MEMORY("body_memory", false),
    /** The model's queue holds as many requests, or bytes, as it may. */
    QUEUE_FULL("queue_full", false),
    /** It waited, and its place went to a request of a higher band or of a starved tenant. */
    EVICTED("evicted", false),
    /** It waited for as long as anything may. */
    QUEUE_TIMEOUT("queue_timeout", false),
    /** The queue is so long that its first token would come too late. */
    TTFT("ttft_unreachable", false),
    /** Its deadline passes before its first token could come. */
    DEADLINE("deadline_unreachable", true),
    /** Its deadline passed while it waited. */
    EXPIRED("deadline_passed_in_queue", true),
    TENANT_REQUESTS("tenant_requests_per_minute", false),
    TENANT_TOKENS("tenant_tokens_per_minute", false),
    TENANT_CONCURRENCY("tenant_max_concurrency", false),
    /** As many requests wait for the first replica of its model as may. */
    REPLICA_WAIT_FULL("replica_wait_full", false),
    /** It waited for the first replica of its model for as long as it may. */
    REPLICA_WAIT("replica_wait_timeout", false),
    /** The gateway is stopping. */
    CLOSING("draining", false);

    private final String label;
    private final boolean deadline;

    Reason(String label, boolean deadline) {
      this.label = label;
      this.deadline = deadline;
    }

    /** Value of {@code X-Switchboard-Reason} and of the {@code verdict} label. */
    public String label() {
      return label;
    }

    /** Whether a deadline of the request's own was at stake, not load or a limit. */
    public boolean deadline() {
      return deadline;
    }

    /** Whether there was no replica. */
    public boolean noReplica() {
      return this == REPLICA_WAIT_FULL || this == REPLICA_WAIT;
    }

    /** Whether the tenant's own limit fired. */
    public boolean tenant() {
      return this == TENANT_REQUESTS || this == TENANT_TOKENS || this == TENANT_CONCURRENCY;
    }
  }

  Refusal withRetryAfter(int seconds) {
    return new Refusal(reason, position, waitP50Ms, waitP90Ms, ttftMs, endMs, leftMs, seconds);
  }

  static Refusal plain(Reason reason, int retryAfterSeconds) {
    return new Refusal(reason, 0, -1, -1, -1, -1, -1, retryAfterSeconds);
  }
}
