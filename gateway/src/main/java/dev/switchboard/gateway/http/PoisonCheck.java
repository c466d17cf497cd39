package dev.switchboard.gateway.http;

import dev.switchboard.gateway.flight.MoveCause;
import io.vertx.core.buffer.Buffer;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Whether one request is what its workers die of. The first death moves it freely, as it moves all
 * that the worker had; with the second one it ends, and {@link PoisonRequests} remembers it.
 *
 * <p>Only deaths of local workers' processes count, and only those before which nothing of the
 * answer came from there: a stream that had got tokens shared its worker with whoever killed it,
 * and goes on as often as {@code migration.attempts} lets it. Each death of a worker that had this
 * request only is told to {@link ClientQuarantine}. On the request's event loop.
 */
final class PoisonCheck {
  private static final Logger LOG = LoggerFactory.getLogger(PoisonCheck.class);

  /** A connection ends a moment before the exit of its process is known. */
  private static final int NEWS_MS = 250;

  private static final int POLL_MS = 10;

  /** What was sent is read and begun by then, also where its client has left. */
  private static final int WATCH_MS = 1000;

  private final Call call;
  private final ClientQuarantine.Client client;
  private final Buffer body;
  private List<Attempt> broken = List.of();

  PoisonCheck(Call call, ClientQuarantine.Client client, Buffer body) {
    this.call = call;
    this.client = client;
    this.body = body;
  }

  /**
   * An attempt is over without an answer.
   *
   * @param verdict called with whether the request has now ended two workers: at once where no
   *     worker had died before, else as soon as it is known how this one fares
   */
  void broke(Attempt attempt, MoveCause cause, Consumer<Boolean> verdict) {
    boolean again = broken.stream().anyMatch(Attempt::processGone);
    if (note(attempt, cause) && again) {
      await(attempt, NEWS_MS, verdict);
    } else {
      verdict.accept(false);
    }
  }

  /**
   * An attempt is over without an answer, and another one runs beside it.
   *
   * @return whether its worker may be dead
   */
  boolean note(Attempt attempt, MoveCause cause) {
    boolean mayBeDead = cause == MoveCause.DIED || cause == MoveCause.BROKEN;
    if (!mayBeDead || !attempt.replica().local() || !attempt.silent()) {
      return false;
    }
    if (broken.isEmpty()) {
      broken = new ArrayList<>(2);
    }
    broken.add(attempt);
    watch(attempt);
    return true;
  }

  /** Its client left; its worker may die of it all the same. */
  void abandoned(Attempt attempt) {
    if (!attempt.over() && attempt.sent() && attempt.replica().local() && attempt.silent()) {
      watch(attempt);
    }
  }

  /** The client is to answer for the worker's death, if it had this request only. */
  private void watch(Attempt attempt) {
    if (attempt.alone()) {
      call.loop()
          .timers()
          .after(
              WATCH_MS,
              () -> {
                if (attempt.processGone()) {
                  died(attempt);
                }
              });
    }
  }

  private void died(Attempt attempt) {
    int seconds = call.gateway().poison().clients().died(client);
    if (seconds > 0) {
      LOG.error(
          "client_ended_workers request={} trace={} model={} tenant={} client={} replica={}"
              + " held_s={}",
          call.flight().id(),
          call.flight().traceId(),
          client.model(),
          client.tenant(),
          client.name(),
          attempt.replica().id(),
          seconds);
    }
  }

  private void await(Attempt attempt, int leftMs, Consumer<Boolean> verdict) {
    if (attempt.processGone()) {
      verdict.accept(true);
    } else if (leftMs <= 0) {
      verdict.accept(false);
    } else {
      call.loop().timers().after(POLL_MS, () -> await(attempt, leftMs - POLL_MS, verdict));
    }
  }

  /**
   * Its second worker is dead.
   *
   * @return seconds for which an equal request is not tried
   */
  int hold() {
    boolean alone = broken.stream().anyMatch(Attempt::alone);
    int seconds = call.gateway().poison().hold(call.endpoint().path(), body.getBytes(), alone);
    LOG.error(
        "request_ended_workers request={} trace={} tenant={} client={} replicas={} alone={}"
            + " held_s={}",
        call.flight().id(),
        call.flight().traceId(),
        client.tenant(),
        client.name(),
        broken.stream().map(attempt -> attempt.replica().id()).toList(),
        alone,
        seconds);
    call.gateway().metrics().poisoned(call.flight().model(), "ended");
    return seconds;
  }
}
