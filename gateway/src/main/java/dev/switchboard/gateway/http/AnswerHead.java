package dev.switchboard.gateway.http;

import dev.switchboard.gateway.flight.Flight;
import dev.switchboard.gateway.routing.Decision;
import io.vertx.core.http.HttpClientResponse;
import io.vertx.core.http.HttpServerResponse;

/** The head of an answer that came from a replica. */
final class AnswerHead {
  /** Parts of a schema that say nothing. */
  private static final String IGNORED = "X-Switchboard-Schema-Ignored";

  private static final int IGNORED_CHARS = 2048;

  private AnswerHead() {}

  static void stream(HttpServerResponse response, String replica, Flight flight) {
    response
        .setStatusCode(200)
        .setChunked(true)
        .putHeader("Content-Type", "text/event-stream; charset=utf-8")
        .putHeader("Cache-Control", "no-store")
        .putHeader("X-Accel-Buffering", "no");
    told(response, replica, flight);
  }

  static void whole(
      HttpServerResponse response, HttpClientResponse answer, String replica, Flight flight) {
    String type = answer.getHeader("Content-Type");
    String retryAfter = answer.getHeader("Retry-After");
    response.setStatusCode(answer.statusCode());
    response.putHeader("Content-Type", type == null ? "application/json" : type);
    if (retryAfter != null) {
      response.putHeader("Retry-After", retryAfter);
    }
    carry(response, answer);
    told(response, replica, flight);
  }

  /** What the replica says of the answer in its own header. */
  static void carry(HttpServerResponse response, HttpClientResponse answer) {
    String ignored = answer.getHeader(IGNORED);
    if (ignored != null && ignored.length() <= IGNORED_CHARS) {
      response.putHeader(IGNORED, ignored);
    }
  }

  private static void told(HttpServerResponse response, String replica, Flight flight) {
    response.putHeader("X-Switchboard-Replica", replica);
    response.putHeader("X-Switchboard-Model", flight.model());
    Decision decision = flight.decision();
    if (decision == null) {
      return;
    }
    Decision.Shadow shadow = decision.shadow();
    if (shadow != null) {
      String chosen = shadow.chosen() == null ? "none" : shadow.chosen();
      response.putHeader("X-Switchboard-Shadow", shadow.policy() + " " + chosen);
    }
    Decision.Fallback fallback = decision.fallback();
    if (fallback != null) {
      response.putHeader(
          "X-Switchboard-Fallback",
          fallback.from() + "->" + fallback.to() + " " + fallback.reason());
    }
  }
}
