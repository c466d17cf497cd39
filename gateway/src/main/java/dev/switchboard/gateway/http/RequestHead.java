package dev.switchboard.gateway.http;

import dev.switchboard.gateway.slo.Slo;
import dev.switchboard.gateway.telemetry.TraceDetail;
import dev.switchboard.openai.ApiError;
import dev.switchboard.openai.ApiException;
import org.jspecify.annotations.Nullable;

/**
 * What a request's headers ask for.
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
        call.house()
            .slos()
            .read(request::getHeader, call.house().admission().maxPriority(call.caller().tenant())),
        SessionHeader.read(request),
        TraceHeader.read(request),
        call.house()
            .cacheSalt()
            .of(request.getHeader("Authorization"), request.getHeader(CacheSalt.HEADER)));
  }
}
