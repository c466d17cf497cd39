package dev.switchboard.gateway.shared;

import dev.switchboard.gateway.admission.Refusal.Reason;
import io.vertx.core.Future;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Requests and tokens per minute of tenants, over all gateways. */
public interface SharedLimits {
  /** Where every gateway is alone. */
  SharedLimits NONE =
      new SharedLimits() {
        @Override
        public Future<Entry> enter(String tenant) {
          return Future.succeededFuture(Entry.UNCOUNTED);
        }

        @Override
        public void giveBack(String tenant) {}

        @Override
        public void spend(String tenant, long tokens) {}
      };

  /**
   * What a tenant may use in a minute; 0 where there is no limit.
   *
   * @param tokens read and generated
   */
  record PerMinute(int requests, int tokens) {}

  /**
   * What is said to a request.
   *
   * @param spent the limit that refuses it; null when it may go on
   * @param waitNanos until that limit would let it in
   * @param counted it was counted here, so the gateway's own limits per minute do not hold for it
   * @param headers {@code x-ratelimit-*} of what is left over all gateways; empty where it was not
   *     counted
   */
  record Entry(
      @Nullable Reason spent, long waitNanos, boolean counted, Map<String, String> headers) {
    /** The tenant has no limits, or nobody could say: the gateway's own limits hold. */
    static final Entry UNCOUNTED = new Entry(null, 0, false, Map.of());
  }

  /** Asks to let a request of a tenant in; never fails. */
  Future<Entry> enter(String tenant);

  /** A request that was counted never came to a replica: it costs nothing. */
  void giveBack(String tenant);

  /** A request that was let in has read and generated tokens. */
  void spend(String tenant, long tokens);
}
