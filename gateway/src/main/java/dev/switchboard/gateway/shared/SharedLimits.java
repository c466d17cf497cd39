package dev.switchboard.gateway.shared;

import io.vertx.core.Future;

/** Requests and tokens per minute of tenants, over all gateways. */
public interface SharedLimits {
  /** Where every gateway is alone. */
  SharedLimits NONE =
      new SharedLimits() {
        @Override
        public Future<Integer> enter(String tenant) {
          return Future.succeededFuture(0);
        }

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
   * Asks to let a request of a tenant in; never fails.
   *
   * @return seconds to wait before asking again; 0 when it may go on
   */
  Future<Integer> enter(String tenant);

  /** A request that was let in has read and generated tokens. */
  void spend(String tenant, long tokens);
}
