package dev.switchboard.gateway.http;

import dev.switchboard.gateway.flight.Failure;
import dev.switchboard.gateway.flight.Flight;
import dev.switchboard.gateway.flight.Outcome;
import dev.switchboard.gateway.stream.AnswerText;
import dev.switchboard.gateway.stream.EventRelay;
import dev.switchboard.gateway.telemetry.Metrics;
import dev.switchboard.openai.ApiError;
import io.prometheus.metrics.model.snapshots.Labels;
import io.vertx.core.Future;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpClientResponse;
import io.vertx.core.http.HttpServerResponse;
import java.util.function.DoubleConsumer;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * What the client gets, from its head to its last byte: an answer that came from a replica, an
 * error, or one behind the other. It ends once, whoever ends it.
 */
final class ClientAnswer {
  /** Hears how it ended. */
  @FunctionalInterface
  interface Owner {
    void ended(Outcome outcome, @Nullable Failure failure);
  }

  private final Call call;
  private final Flight flight;
  private final HttpServerResponse response;
  private final DeadlineTimer deadline;
  private final Owner owner;
  private @Nullable String replica;
  private @Nullable AnswerText said;
  private boolean begun;
  private boolean ending;
  private boolean over;

  ClientAnswer(Call call, DeadlineTimer deadline, Owner owner) {
    this.call = call;
    this.flight = call.flight();
    this.response = call.response();
    this.deadline = deadline;
    this.owner = owner;
  }

  /** Whether bytes of it went out. */
  boolean begun() {
    return begun;
  }

  /** Whether nothing more will. */
  boolean over() {
    return over;
  }

  /** Whether its end is written, though it may wait for its client yet, or nothing more will be. */
  boolean ended() {
    return ending || over;
  }

  /** It comes from a replica now. */
  void from(String id) {
    replica = id;
    call.trace().replica(id);
  }

  /** Notes what it says, for a trace that may tell it. */
  void noting(AnswerText text) {
    said = text;
  }

  /** What it said; null where no trace may tell it. */
  @Nullable AnswerText said() {
    return said;
  }

  /** It says this, all at once. */
  void says(Buffer whole) {
    if (said != null) {
      said.whole(whole);
    }
  }

  /** The head of a stream. */
  void begin() {
    begun = true;
    call.trace().firstToken(flight);
    AnswerHead.stream(response, String.valueOf(replica), flight);
    call.trace().answers(flight);
    deadline.moved();
  }

  /** The client does not read. */
  void stalled() {
    deadline.moved();
  }

  /** A stream ends as it should. */
  void end() {
    end(response::end, Outcome.OK, null);
  }

  /** A stream ends with the error that its replica told. */
  void refused(ApiError error) {
    end(response::end, Outcome.INVALID_REQUEST, Failure.of(error));
  }

  /** A whole answer. */
  void whole(HttpClientResponse answer, Buffer bytes) {
    AnswerHead.whole(response, answer, String.valueOf(replica), flight);
    call.trace().answers(flight);
    end(
        () -> PieceWriter.write(response, bytes, deadline::flushing),
        Outcome.ofStatus(answer.statusCode()),
        null);
  }

  /** Nobody goes on: ends a stream with its replica's own error where it told one. */
  void broken(EventRelay.Break how) {
    if (!begun) {
      fail(Failures.broken(how));
      return;
    }
    if (how.rest().length() > 0) {
      response.write(how.rest());
      count(how.pieces());
    }
    if (how.told()) {
      Failure failure = Failure.of(ApiError.upstreamFailed(how.reason()));
      end(response::end, Outcome.UPSTREAM_BROKEN, failure);
    } else {
      failBehind(Failures.broken(how));
    }
  }

  private void count(int pieces) {
    DoubleConsumer gaps = metrics().itl(flight.model(), flight.sloClass(), exemplar());
    for (int i = 0; i < pieces; i++) {
      long gap = flight.content();
      if (gap >= 0) {
        gaps.accept(gap / 1e9);
      }
    }
  }

  /** Observes the seconds between two pieces of content from a replica. */
  DoubleConsumer gaps(String replica) {
    DoubleConsumer all = metrics().itl(flight.model(), flight.sloClass(), exemplar());
    DoubleConsumer there = metrics().gaps(flight.model(), replica, begun);
    return there == null ? all : all.andThen(there);
  }

  private Metrics metrics() {
    return call.gateway().metrics();
  }

  private Labels exemplar() {
    return call.trace().exemplar();
  }

  /** An error: alone, or behind what went out already. */
  void fail(Failure failure) {
    if (over) {
      return;
    }
    if (begun) {
      failBehind(failure);
    } else {
      end(() -> Answers.error(call.request(), failure), failure.outcome(), failure);
    }
  }

  /** An error event, then the end of the body; the missing {@code [DONE]} says it too. */
  private void failBehind(Failure failure) {
    response.write("data: " + failure.toJson() + "\n\n");
    end(response::end, failure.outcome(), failure);
  }

  /** Waits until the last byte is out; the outcome is settled before that. */
  private void end(Supplier<Future<Void>> sending, Outcome outcome, @Nullable Failure failure) {
    ending = true;
    call.trace().ends(outcome, replica);
    Future<Void> sent = sending.get();
    flight.mark(Flight.Mark.WRITTEN);
    if (!sent.isComplete()) {
      deadline.flushing();
    }
    sent.onComplete(
        done -> {
          if (done.failed()) {
            call.trace().ends(Outcome.CLIENT_GONE, replica);
            // What is missing of this answer must not be taken from the next one.
            call.request().connection().close();
          }
          over(done.succeeded() ? outcome : Outcome.CLIENT_GONE, failure);
        });
  }

  /** It will not come: an error, or the end of the connection where its end was promised. */
  void lost(Failure failure) {
    if (response.ended()) {
      call.trace().ends(failure.outcome(), replica);
      over(failure.outcome(), failure);
      call.request().connection().close();
    } else {
      fail(failure);
    }
  }

  /** The client left, or is left. */
  void abandon(@Nullable Failure failure) {
    over(Outcome.CLIENT_GONE, failure);
  }

  private void over(Outcome outcome, @Nullable Failure failure) {
    if (!over) {
      over = true;
      owner.ended(outcome, failure);
    }
  }
}
