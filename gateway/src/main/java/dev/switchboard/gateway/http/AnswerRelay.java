package dev.switchboard.gateway.http;

import dev.switchboard.gateway.flight.AttemptResult;
import dev.switchboard.gateway.flight.Flight;
import dev.switchboard.gateway.flight.Flight.Mark;
import dev.switchboard.gateway.flight.MoveCause;
import dev.switchboard.gateway.stream.AnswerMemory;
import dev.switchboard.gateway.stream.AnswerReader;
import dev.switchboard.gateway.stream.EventRelay;
import dev.switchboard.gateway.stream.Pieces;
import dev.switchboard.gateway.stream.WholeAnswer;
import dev.switchboard.openai.ApiError;
import io.vertx.core.Future;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpClientResponse;
import java.io.IOException;
import java.util.Locale;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Brings the answers of attempts to the client: a stream event by event, anything else whole. Says
 * what becomes of them to its {@link Owner}, which decides whether the client gets them.
 */
final class AnswerRelay {
  private static final Logger LOG = LoggerFactory.getLogger(AnswerRelay.class);

  /** Hears what becomes of the answer of an attempt. */
  interface Owner {
    /** It is about to say its first thing; nothing was told to the flight before. */
    void speaks(Attempt current);

    /** More of a stream is there; it may be ended now, before that goes out. */
    void heard(Attempt current);

    /** The first bytes of a stream are about to go out. */
    void begins();

    /** A stream goes on where another attempt had left it. */
    void resumed(Attempt current);

    /** It was to go on with a stream, and answered with this status. */
    void declined(Attempt current, int status);

    /** A whole answer is there; says whether it is the client's. */
    boolean takes(Attempt current, int status);

    /** A stream ended, and its end is about to be written. */
    void streamed();

    /** A whole answer is about to be written. */
    void answeredWhole(int status);

    /** It broke, and left nothing. */
    void broke(Attempt current, String reason);

    /** Its replica is gone, and left nothing. */
    void gone(Attempt current, String reason);

    /** A stream broke, and left this. */
    void broke(Attempt current, MoveCause cause, EventRelay.Break how, AttemptResult result);
  }

  private final Call call;
  private final Flight flight;
  private final boolean receipt;
  private final ClientAnswer client;
  private final Migration migration;
  private final Owner owner;

  /** Of a whole answer's bytes, its JSON included: a rough estimate where it does not tell. */
  private static final int BYTES_PER_TOKEN = 4;

  /** Of a whole answer that the client got, by its bytes. */
  private int wholeTokens;

  /**
   * The bytes of the whole answer that is the client's; those of others end with their attempts.
   */
  private AnswerMemory.@Nullable Share held;

  /**
   * @param receipt the client wants to know where the time went
   */
  AnswerRelay(Call call, boolean receipt, ClientAnswer client, Migration migration, Owner owner) {
    this.call = call;
    this.flight = call.flight();
    this.receipt = receipt;
    this.client = client;
    this.migration = migration;
    this.owner = owner;
  }

  /** The head of an answer is there. */
  void start(Attempt current, HttpClientResponse answer) {
    read(answer);
    int status = answer.statusCode();
    String type = answer.getHeader("Content-Type");
    String complaint = complaint(status, type);
    if (complaint == null && !current.replica().worker() && call.endpoint() == Endpoint.CHAT) {
      complaint = absent(status);
    }
    if (complaint != null) {
      // Its connection is closed, and what that says of the rest of it is no news.
      answer.exceptionHandler(
          closed ->
              LOG.debug("answer_left request={} trace={}", flight.id(), flight.traceId(), closed));
      owner.broke(current, complaint);
    } else if (status == 200 && type != null && type.startsWith("text/event-stream")) {
      stream(current, answer);
    } else if (client.begun()) {
      owner.declined(current, status);
    } else {
      collect(current, answer);
    }
  }

  /** Tokens of a whole answer of text that the client got, estimated; 0 where there is none. */
  int wholeTokens() {
    return wholeTokens;
  }

  /**
   * What is wrong with the head of an answer; null where nothing is. What a server says to a key or
   * a redirect is for the operator: nothing of it goes to the client, whose request may be good.
   */
  private static @Nullable String complaint(int status, @Nullable String type) {
    if (status == 401 || status == 403 || status == 407) {
      return "it refused the gateway's key (status " + status + ")";
    }
    if (status >= 300 && status < 400) {
      return "it answered with a redirect (status " + status + ")";
    }
    boolean page = type != null && type.toLowerCase(Locale.ROOT).startsWith("text/html");
    return status < 300 && page ? "it answered with a page (text/html)" : null;
  }

  /** A server that is no worker of ours does not know the path, or the model that it listed. */
  private static @Nullable String absent(int status) {
    return status == 404 || status == 405 || status == 501
        ? "it does not know the model or the path (status " + status + ")"
        : null;
  }

  /** Nothing is read any more. */
  void close() {
    AnswerMemory.Share last = held;
    if (last != null) {
      last.close();
    }
  }

  // ------------------------------------------------------------------ streams

  private void stream(Attempt current, HttpClientResponse answer) {
    if (!client.begun()) {
      AnswerHead.carry(call.response(), answer);
    }
    EventRelay created =
        new EventRelay(
            flight,
            call.response(),
            receipt ? () -> ServerTiming.times(flight) : null,
            client.gaps(current.replica().id()),
            current.replica().worker() && call.replays() ? migration.replay() : null,
            client.begun(),
            new Relayed(current, answer));
    current.streams(created);
    created.noting(client.said());
    created.start(answer);
  }

  private void read(HttpClientResponse answer) {
    call.loop().read(answer.request().connection(), flight);
  }

  /** What becomes of the stream of one attempt. */
  private final class Relayed implements EventRelay.Listener {
    private final Attempt current;
    private final HttpClientResponse answer;

    Relayed(Attempt current, HttpClientResponse answer) {
      this.current = current;
      this.answer = answer;
    }

    @Override
    public void speaks() {
      owner.speaks(current);
    }

    @Override
    public void committing() {
      owner.begins();
    }

    @Override
    public void heard() {
      read(answer);
      current.heard();
      owner.heard(current);
    }

    @Override
    public void resumed() {
      owner.resumed(current);
    }

    @Override
    public void stalled() {
      client.stalled();
      current.stalled();
    }

    @Override
    public void ended() {
      current.streamEnded();
      migration.countTokens();
      owner.streamed();
      client.end();
    }

    @Override
    public void refused(ApiError error) {
      owner.streamed();
      client.refused(error);
    }

    @Override
    public void broken(EventRelay.Break how) {
      MoveCause cause = how.told() ? MoveCause.FAILED : MoveCause.BROKEN;
      owner.broke(current, closed(how) ? MoveCause.DIED : cause, how, how.result());
    }
  }

  private static boolean closed(EventRelay.Break how) {
    Throwable cause = how.cause();
    return !how.told() && cause != null && LostReplicas.saidBy(cause);
  }

  // ------------------------------------------------------------------ whole answers

  private void collect(Attempt current, HttpClientResponse answer) {
    AnswerMemory.Share share = call.loop().answers().open(answer);
    current.holds(share);
    WholeAnswer.collect(answer, call.gateway().http().maxAnswerBytes(), share)
        .onComplete(bytes -> whole(current, answer, bytes, share), cause -> broke(current, cause));
  }

  private void broke(Attempt current, Throwable cause) {
    String reason = "the answer broke: " + cause.getMessage();
    if (LostReplicas.saidBy(cause)) {
      owner.gone(current, reason);
    } else {
      owner.broke(current, reason);
    }
  }

  private void whole(
      Attempt current, HttpClientResponse answer, Buffer bytes, AnswerMemory.Share share) {
    read(answer);
    int status = answer.statusCode();
    if (current.over() || !owner.takes(current, status)) {
      return;
    }
    held = share;
    flight.mark(Mark.UPSTREAM_ENDED);
    forClient(current, bytes, status)
        .onComplete(
            forwarded -> forward(current, answer, forwarded), cause -> unread(current, cause));
  }

  /** It is no JSON object; or the gateway could not read it, which says nothing of its replica. */
  private void unread(Attempt current, Throwable cause) {
    if (cause instanceof IOException) {
      owner.broke(current, "its answer is no JSON object");
    } else {
      LOG.error("relay_failed request={} trace={}", flight.id(), flight.traceId(), cause);
      EventRelay.Break ours = EventRelay.Break.ours();
      owner.broke(current, MoveCause.BROKEN, ours, ours.result());
    }
  }

  /** Reads an answer for the flight, and takes our own object out of it. */
  private Future<Buffer> forClient(Attempt current, Buffer bytes, int status) {
    byte[] array = Pieces.bytes(bytes);
    return call.loop()
        .work(array.length, () -> AnswerReader.read(array, 0, array.length))
        .map(
            read -> {
              if (current.over()) {
                return bytes;
              }
              read.tell(flight);
              return kept(read, bytes, array, status);
            })
        .recover(
            cause -> {
              LOG.debug(
                  "answer_not_json request={} trace={} status={}",
                  flight.id(),
                  flight.traceId(),
                  status,
                  cause);
              // A foreign server may answer an error in plain text; it goes on as it came.
              return status < 300 || !(cause instanceof IOException)
                  ? Future.failedFuture(cause)
                  : Future.succeededFuture(bytes);
            });
  }

  private Buffer kept(AnswerReader.Answer read, Buffer bytes, byte[] array, int status) {
    if (receipt && status < 300) {
      return read.withTimes(array, 0, array.length, ServerTiming.times(flight));
    }
    return receipt || read.ours() == null ? bytes : read.cutOut(array);
  }

  private void forward(Attempt current, HttpClientResponse answer, Buffer forwarded) {
    if (current.over()) {
      return;
    }
    if (answer.statusCode() < 300) {
      current.wholeAnswer();
      if (call.endpoint().generates()) {
        client.says(forwarded);
        wholeTokens = forwarded.length() / BYTES_PER_TOKEN;
        flight.content();
      }
    }
    owner.answeredWhole(answer.statusCode());
    client.whole(answer, forwarded);
  }
}
