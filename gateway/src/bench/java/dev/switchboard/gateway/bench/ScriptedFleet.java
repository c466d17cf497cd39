package dev.switchboard.gateway.bench;

import dev.switchboard.gateway.fleet.Fleet;
import dev.switchboard.gateway.fleet.FleetListener;
import dev.switchboard.gateway.fleet.HealthChecks;
import dev.switchboard.gateway.fleet.Replica;
import dev.switchboard.gateway.fleet.ReplicaReport;
import dev.switchboard.gateway.fleet.ReplicaReport.RankReport;
import dev.switchboard.gateway.fleet.UpstreamSpec;
import dev.switchboard.gateway.fleet.WorkerCommand;
import dev.switchboard.gateway.fleet.WorkersConfig;
import dev.switchboard.gateway.flight.NanoClock;
import dev.switchboard.gateway.upstream.Circuit;
import dev.switchboard.log.LogFormat;
import java.net.URI;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** A fleet of workers that are nowhere, and what each of its ranks would say. */
public final class ScriptedFleet {
  private static final int MOST_RANKS = 16;

  private final Fleet fleet;

  /**
   * @param replicas workers of the model {@code m}
   * @param ranks of each
   * @param stragglers of these, that hold up the others
   */
  public ScriptedFleet(int replicas, int ranks, int stragglers, NanoClock clock) {
    List<UpstreamSpec> specs = new ArrayList<>();
    for (int i = 0; i < replicas; i++) {
      specs.add(worker(i));
    }
    fleet =
        new Fleet(
            WorkersConfig.DEFAULTS,
            Circuit.Config.DEFAULTS,
            List.of(),
            specs,
            new WorkerCommand(Path.of("none"), "", Path.of("none"), null, null, LogFormat.TEXT),
            clock,
            SILENT,
            System.err);
    fleet.start();
    HealthChecks healthChecks = new HealthChecks(fleet, (replica, address, question) -> {});
    for (Replica replica : fleet.replicas()) {
      healthChecks.proven(replica, clock.epochNanos());
      healthChecks.reported(replica, report(ranks, stragglers, clock), clock.epochNanos());
    }
  }

  public Fleet fleet() {
    return fleet;
  }

  private static UpstreamSpec worker(int number) {
    URI url = URI.create("http://10.1." + number / 250 + "." + (1 + number % 250) + ":8000");
    return UpstreamSpec.of(url, List.of("m"), true, null);
  }

  private static ReplicaReport report(int ranks, int stragglers, NanoClock clock) {
    List<RankReport> told = new ArrayList<>();
    for (int i = 0; i < ranks; i++) {
      told.add(
          new RankReport(
              i / MOST_RANKS,
              i % MOST_RANKS,
              12.5,
              3.25,
              1.0625,
              i < stragglers,
              1234.5,
              2345.6,
              100_000 + i,
              1e6,
              1e5,
              1e5,
              1e4,
              1e4,
              1e3,
              1e3,
              1L << 40));
    }
    return new ReplicaReport(
        clock.epochNanos(),
        17,
        3,
        4096,
        1000,
        2000,
        5000,
        123,
        1_000_000,
        400_000,
        2_000_000,
        3_000_000,
        12,
        400_000,
        1L << 33,
        1L << 32,
        1L << 28,
        Math.ceilDiv(ranks, MOST_RANKS),
        Math.min(ranks, MOST_RANKS),
        1500,
        null,
        told,
        List.of(),
        0.625,
        32,
        List.of(),
        "",
        "");
  }

  private static final FleetListener SILENT =
      new FleetListener() {
        @Override
        public void workerLoading(String replica, long doneBytes, long totalBytes) {}

        @Override
        public void workerReady(String replica, String model, double seconds) {}

        @Override
        public void workerRestarting(String replica, String reason, long waitMs) {}

        @Override
        public void workerFailed(String replica, String reason) {}
      };
}
