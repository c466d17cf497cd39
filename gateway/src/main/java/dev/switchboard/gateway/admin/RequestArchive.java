package dev.switchboard.gateway.admin;

import dev.switchboard.gateway.flight.FlightQuery;
import dev.switchboard.gateway.flight.FlightRecord;
import dev.switchboard.gateway.flight.FlightRecorder;
import dev.switchboard.gateway.flight.FlightTail.Ended;
import dev.switchboard.gateway.flight.StoredFlight;
import dev.switchboard.gateway.store.Store;
import dev.switchboard.gateway.store.StoredRequests;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Requests that are over: those that the recorder has, and behind them those of interest that the
 * store keeps for longer. While the store cannot be read there are those of the recorder.
 *
 * @param vertx whose event loops answer
 */
record RequestArchive(Vertx vertx, FlightRecorder recorder, Store store) {
  private static final Logger LOG = LoggerFactory.getLogger(RequestArchive.class);

  /** Above all numbers that a recorder gives. */
  private static final long STORED = 1L << 58;

  /** Behind which all that is stored comes. As a cursor it has eighteen digits. */
  private static final long ALL = 999_999_999_999_999_999L - STORED;

  /** Looked at for those that the recorder has too, before a page ends early. */
  private static final int MOST_LOOKS = 20;

  /**
   * What was found, the newest first.
   *
   * @param next where what follows begins; 0 when there is no more
   * @param whole whether the store could be asked, where it had to
   */
  record Found(List<Ended> requests, long next, boolean whole) {
    Found {
      requests = List.copyOf(requests);
    }
  }

  /**
   * Looks for requests, off the event loop; {@code before} of the query is the {@code next} of an
   * answer.
   */
  Future<Found> find(FlightQuery query) {
    if (query.before() != Long.MAX_VALUE && query.before() >= STORED) {
      return stored(query, query.before() - STORED, new ArrayList<>(), MOST_LOOKS);
    }
    return vertx
        .executeBlocking(() -> recent(query), false)
        .map(Objects::requireNonNull)
        .compose(
            recent ->
                recent.next() != 0 || !store.keepsRequests()
                    ? Future.succeededFuture(recent)
                    : stored(query, ALL, new ArrayList<>(recent.requests()), MOST_LOOKS));
  }

  /** Those that the recorder has. */
  private Found recent(FlightQuery query) {
    FlightRecorder.Found recent = recorder.find(query);
    List<Ended> found = new ArrayList<>();
    for (FlightRecord record : recent.records()) {
      found.add(new Ended(record, recorder.waitedFor(record)));
    }
    return new Found(found, recent.next(), true);
  }

  /** Fills up a page from the store. */
  private Future<Found> stored(FlightQuery query, long before, List<Ended> found, int looks) {
    int room = query.limit() - found.size();
    if (room <= 0 || looks == 0) {
      return Future.succeededFuture(new Found(found, STORED + before, true));
    }
    return Future.fromCompletionStage(
            store.requests(query.limitedTo(room), before), vertx.getOrCreateContext())
        .compose(
            (StoredRequests page) ->
                vertx
                    .executeBlocking(() -> found.addAll(older(page)), false)
                    .compose(
                        added ->
                            page.next() == 0
                                ? Future.succeededFuture(new Found(found, 0, true))
                                : stored(query, page.next(), found, looks - 1)))
        .recover(away -> Future.succeededFuture(new Found(found, 0, false)));
  }

  /** What the recorder has no more of a page. One that went through a long answer is megabytes. */
  private List<Ended> older(StoredRequests page) {
    List<Ended> found = new ArrayList<>();
    for (StoredFlight flight : page.flights()) {
      if (!recorder.holds(flight)) {
        unpack(flight).ifPresent(found::add);
      }
    }
    return found;
  }

  /** One that cannot be read, of another version or damaged, must not hide those behind it. */
  private static Optional<Ended> unpack(StoredFlight flight) {
    try {
      return Optional.of(flight.unpacked());
    } catch (RuntimeException e) {
      LOG.warn("request_unreadable id={}", flight.id(), e);
      return Optional.empty();
    }
  }

  /** The last request of an id. */
  Future<Optional<Ended>> find(String id) {
    FlightRecord record = recorder.look(id);
    if (record != null) {
      return Future.succeededFuture(Optional.of(new Ended(record, recorder.waitedFor(record))));
    }
    if (!store.keepsRequests()) {
      return Future.succeededFuture(Optional.empty());
    }
    return Future.fromCompletionStage(store.request(id), vertx.getOrCreateContext())
        .compose(
            found ->
                found == null
                    ? Future.succeededFuture(Optional.<Ended>empty())
                    : vertx
                        .executeBlocking(() -> unpack(found), false)
                        .map(Objects::requireNonNull))
        .otherwise(Optional.empty());
  }
}
