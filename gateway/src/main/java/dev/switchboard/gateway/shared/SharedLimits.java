package dev.switchboard.gateway.shared;

import dev.switchboard.gateway.admission.Refusal.Reason;
import dev.switchboard.gateway.admission.Reservation;
import dev.switchboard.gateway.admission.TenantUse;
import io.vertx.core.Future;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** Requests and tokens per minute of tenants and their requests at once, over all gateways. */
public interface SharedLimits {
  /** Where every gateway is alone. */
  SharedLimits NONE =
      new SharedLimits() {
        @Override
        public Future<Entry> enter(String tenant, long tokens, int places) {
          return Future.succeededFuture(Entry.UNLIMITED);
        }

        @Override
        public Future<?> close() {
          return Future.succeededFuture();
        }
      };

  /**
   * What is said to a request.
   *
   * @param spent the limit that refuses it; null when it may go on
   * @param waitNanos until that limit would let it in
   * @param held what it holds until its end; nothing where it is refused
   * @param headers {@code x-ratelimit-*} of what is left over all gateways; empty where it was not
   *     counted
   */
  record Entry(
      @Nullable Reason spent, long waitNanos, Reservation held, Map<String, String> headers) {
    /** Of a tenant without limits. */
    static final Entry UNLIMITED = new Entry(null, 0, Reservation.NONE, Map.of());
  }

  /**
   * Asks to let a request of a tenant in; never fails.
   *
   * @param tokens to reserve for it, until it is known what it used
   * @param places that it takes of the tenant's requests at once, until it ends
   */
  Future<Entry> enter(String tenant, long tokens, int places);

  /** What a tenant uses over all gateways; empty where they are not asked, or do not answer. */
  default Future<Optional<TenantUse>> use(String tenant) {
    return Future.succeededFuture(Optional.empty());
  }

  /** Whether those who keep them for all answered when they were asked last. */
  default boolean reached() {
    return true;
  }

  /** Completes, and never fails, when it is as quick as it will be. */
  default Future<Void> ready() {
    return Future.succeededFuture();
  }

  /** Tells the others, if they can be told soon, what has ended here. */
  Future<?> close();
}
