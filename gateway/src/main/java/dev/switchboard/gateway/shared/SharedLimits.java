package dev.switchboard.gateway.shared;

import dev.switchboard.gateway.admission.Asker;
import dev.switchboard.gateway.admission.Refusal.Reason;
import dev.switchboard.gateway.admission.Reservation;
import dev.switchboard.gateway.admission.TenantUse;
import io.vertx.core.Future;
import java.util.Map;
import java.util.Optional;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/** Requests and tokens per minute of tenants and their requests at once, over all gateways. */
public interface SharedLimits {
  /** Where every gateway is alone. */
  SharedLimits NONE =
      new SharedLimits() {
        @Override
        public Future<Entry> enter(String tenant, Ask ask) {
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
   * @param turnSeconds after which it has a turn that is kept for it; 0 for none
   * @param held what it holds until its end; nothing where it is refused
   * @param headers {@code x-ratelimit-*} of what is left over all gateways; empty where it was not
   *     counted
   */
  record Entry(
      @Nullable Reason spent,
      long waitNanos,
      int turnSeconds,
      Reservation held,
      Map<String, String> headers) {
    /** Of a tenant without limits. */
    static final Entry UNLIMITED = let(Reservation.NONE, Map.of());

    static Entry let(Reservation held, Map<String, String> headers) {
      return new Entry(null, 0, 0, held, headers);
    }
  }

  /**
   * What a request asks for.
   *
   * @param tokens to reserve for it, until it is known what it used
   * @param places that it takes of the tenant's requests at once, until it ends
   * @param asker by what it is known when it comes again
   * @param holdNanos for how long it will be there; −1 where nobody knows; asked for where places
   *     are limited
   */
  record Ask(long tokens, int places, Asker asker, LongSupplier holdNanos) {}

  /** Asks to let a request of a tenant in; never fails. */
  Future<Entry> enter(String tenant, Ask ask);

  /** What a tenant uses over all gateways; empty where they are not asked, or do not answer. */
  default Future<Optional<TenantUse>> use(String tenant) {
    return Future.succeededFuture(Optional.empty());
  }

  /** Completes, and never fails, when it is as quick as it will be. */
  default Future<Void> ready() {
    return Future.succeededFuture();
  }

  /** Tells the others, if they can be told soon, what has ended here. */
  Future<?> close();
}
