package dev.switchboard.gateway.telemetry;

import dev.switchboard.gateway.fleet.Replica;
import dev.switchboard.gateway.fleet.ReplicaReport.RankReport;
import dev.switchboard.gateway.flight.FlightRecord;
import dev.switchboard.timeline.RequestTimeline;
import dev.switchboard.timeline.RequestTimeline.Lane;
import dev.switchboard.timeline.RequestTimeline.Phase;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * The ranks that hold up their stages, as the replicas of one request say when it is over. Workers
 * judge that over many steps; a single request only shows whether it was among those that waited.
 */
public record Stragglers(List<Rank> named) {
  static final Stragglers NONE = new Stragglers(List.of());

  /** One of them. */
  public record Rank(String replica, int stage, int rank) {
    /** As spans say it. */
    @Override
    public String toString() {
      return replica + " stage " + stage + " rank " + rank;
    }
  }

  public Stragglers {
    named = List.copyOf(named);
  }

  /**
   * Of the replicas that a request was at.
   *
   * @param replicas by their ids
   */
  public static Stragglers of(FlightRecord record, Function<String, @Nullable Replica> replicas) {
    List<Rank> named = new ArrayList<>(0);
    for (FlightRecord.Attempt attempt : record.attempts()) {
      Replica replica = replicas.apply(attempt.replica());
      if (replica != null) {
        add(replica.id(), replica.report().rankReports(), named);
      }
    }
    return named.isEmpty() ? NONE : new Stragglers(named);
  }

  private static void add(String replica, List<RankReport> reports, List<Rank> to) {
    for (RankReport report : reports) {
      if (report.straggler()) {
        Rank rank = new Rank(replica, report.stage(), report.rank());
        if (!to.contains(rank)) {
          to.add(rank);
        }
      }
    }
  }

  /** Whether a lane of a request's timeline is one of them. */
  boolean names(String replica, Lane lane) {
    return !named.isEmpty() && named.contains(new Rank(replica, lane.stage(), lane.rank()));
  }

  /** Those that the request waited for; a replica that told no timeline is taken at its word. */
  List<Rank> harming(FlightRecord record) {
    return named.isEmpty()
        ? List.of()
        : named.stream().filter(rank -> waited(record, rank)).toList();
  }

  private static boolean waited(FlightRecord record, Rank rank) {
    if (record.timelines().isEmpty() || !rank.replica.equals(record.replica())) {
      return true;
    }
    for (RequestTimeline timeline : record.timelines()) {
      if (waited(timeline.prefill(), rank) || waited(timeline.decode(), rank)) {
        return true;
      }
    }
    return false;
  }

  private static boolean waited(@Nullable Phase phase, Rank rank) {
    return phase != null
        && phase.lanes().stream()
            .anyMatch(
                lane ->
                    lane.stage() == rank.stage
                        && lane.rank() == rank.rank
                        && lane.stragglerSteps() > 0);
  }
}
