package dev.switchboard.gateway.telemetry;

import dev.switchboard.gateway.flight.Outcome;
import dev.switchboard.gateway.routing.Decision;
import io.opentelemetry.api.trace.Span;
import io.opentelemetry.api.trace.StatusCode;
import org.jspecify.annotations.Nullable;

/**
 * What the SERVER span of a request says of it. The agent ends that span with the last byte of the
 * answer, or when the client has left, which is before the gateway hears of either; so all of it is
 * said beforehand, and of a request that was begun that its client left, until something else is
 * known.
 */
public final class ServerSpan {
  static final String FALLBACK_REASON = "switchboard.fallback_reason";

  private ServerSpan() {}

  /** A request begins; unless more is said it is answered at once, and well. */
  public static void begins(Span server, String requestId) {
    server.setAttribute("switchboard.request.id", requestId);
    server.setAttribute("switchboard.outcome", Outcome.OK.label());
  }

  /** Its answer takes time, in which its client may leave. */
  public static void waits(Span server) {
    server.setAttribute("switchboard.outcome", Outcome.CLIENT_GONE.label());
  }

  /** A replica answers it; the last one said is the one that did. */
  public static void replica(Span server, String replica) {
    server.setAttribute("switchboard.replica", replica);
  }

  /** Why another model stands in for the one that was asked for; nothing where none does. */
  static void standsIn(Span server, @Nullable Decision decision) {
    if (decision != null && decision.fallback() != null) {
      server.setAttribute(FALLBACK_REASON, decision.fallback().reason());
    }
  }

  /** It ends: said before its last byte is written. */
  public static void ends(Span server, Outcome outcome, @Nullable String replica) {
    server.setAttribute("switchboard.outcome", outcome.label());
    if (replica != null) {
      replica(server, replica);
    }
    // The agent knows of the status alone, and a stream may break after a 200.
    if (outcome.serverSide()) {
      server.setAttribute("error.type", outcome.label());
      server.setStatus(StatusCode.ERROR, outcome.label());
    }
  }
}
