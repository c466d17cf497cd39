package dev.switchboard.gateway.http;

import dev.switchboard.gateway.slo.Slo;
import dev.switchboard.gateway.slo.SloHeaders;
import dev.switchboard.gateway.telemetry.TraceDetail;
import dev.switchboard.openai.ApiError;
import dev.switchboard.openai.ApiException;
import org.jspecify.annotations.Nullable;

/**
 * What a request's headers ask for, and its body's priority.
 *
 * @param receipt the answer shall say where the time went
 * @param steps and tell each step of the engine
 * @param session whose requests stay together; null for none
 * @param trace how much its trace is to tell; null where the client says nothing
 * @param salt keeps the worker's prefix cache apart; null for the space that all share
 */
record RequestHead(
    boolean receipt,
    boolean steps,
    Slo slo,
    @Nullable String session,
    @Nullable TraceDetail trace,
    @Nullable String salt) {
  private static final String TIMELINE = "X-Switchboard-Timeline";

  /** Before it was read, or where it cannot be. */
  static final RequestHead NONE = new RequestHead(false, false, Slo.NONE, null, null, null);

  /**
   * Reads it.
   *
   * @throws ApiException naming the header that cannot be understood
   */
  static RequestHead read(Call call) {
    var request = call.request();
    String timeline = request.getHeader(TIMELINE);
    boolean steps = "full".equals(timeline);
    if (timeline != null && !steps && !timeline.equals("summary")) {
      throw new ApiException(ApiError.invalid(TIMELINE, TIMELINE + " must be summary or full."));
    }
    return new RequestHead(
        timeline != null,
        steps,
        call.gateway().slos().read(request::getHeader, maxPriority(call)),
        SessionHeader.read(request),
        TraceHeader.read(request),
        call.gateway()
            .cacheSalt()
            .of(request.getHeader("Authorization"), request.getHeader(CacheSalt.HEADER)));
  }

  /**
   * The same with the body's priority, where it says one and no header does: the one number that
   * admission, routing and workers go by, whoever said it, and no higher than the tenant may.
   *
   * @param bodyPriority as the body has it, the higher the sooner; 0 for none
   */
  RequestHead prioritized(Call call, int bodyPriority) {
    if (bodyPriority == 0 || SloHeaders.namePriority(call.request()::getHeader)) {
      return this;
    }
    Slo wanted = slo.withPriority(bodyPriority).atMost(maxPriority(call));
    return new RequestHead(receipt, steps, wanted, session, trace, salt);
  }

  private static int maxPriority(Call call) {
    return call.gateway().admission().maxPriority(call.caller().tenant());
  }
}
