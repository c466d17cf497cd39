package dev.switchboard.gateway.simulation;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import dev.switchboard.gateway.admission.Refusal;
import dev.switchboard.gateway.bench.DispatchBench;
import dev.switchboard.gateway.bench.DispatchCrowd;
import dev.switchboard.gateway.bench.DispatchScenario;
import dev.switchboard.gateway.bench.DispatchSimulator;
import dev.switchboard.gateway.bench.DispatchTrace;
import dev.switchboard.gateway.bench.StepDelays;
import dev.switchboard.gateway.fleet.ReplicaState;
import dev.switchboard.gateway.simulation.Ledger.End;
import dev.switchboard.gateway.slo.Slo;
import java.util.List;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;
import org.slf4j.LoggerFactory;

/**
 * Runs the scenarios of {@code ./switchboard bench dispatch} in virtual time. It is that command's
 * main class as well: the product has no simulator in it.
 */
public final class DispatchSimulation implements DispatchSimulator {
  public static void main(String[] arguments) {
    ((Logger) LoggerFactory.getLogger(Logger.ROOT_LOGGER_NAME)).setLevel(Level.ERROR);
    System.exit(DispatchBench.run(new DispatchSimulation(), arguments));
  }

  @Override
  public DispatchTrace simulate(
      DispatchScenario scenario, String policy, long seed, long run, StepDelays delays) {
    Lateness late = Lateness.of(run, delays, scenario.fromSeconds());
    return new Run(scenario, policy, seed, late).trace();
  }

  /** One run: its engines, gateway and clients. */
  private static final class Run {
    private final DispatchScenario scenario;
    private final long seed;
    private final VirtualTime time = new VirtualTime();
    private final SimulatedGateway gateway;
    private final DispatchTrace trace = new DispatchTrace();
    private int numbers;

    Run(DispatchScenario scenario, String policy, long seed, Lateness late) {
      this.scenario = scenario;
      this.seed = seed;
      List<SimulatedReplica> engines =
          scenario.engines().stream()
              .map(script -> SimulatedReplica.scripted(time, script, late))
              .toList();
      this.gateway = new SimulatedGateway(time, engines, true, policy, new SplittableRandom(seed));
    }

    DispatchTrace trace() {
      for (DispatchCrowd crowd : scenario.crowds()) {
        for (int i = 0; i < crowd.clients(); i++) {
          Client client = new Client(crowd, i);
          at(scenario.beginSecond(crowd, i), client::next);
        }
        if (crowd.rate() > 0) {
          new Arrivals(crowd).next();
        }
      }
      time.run();
      return trace.finish(scenario.lastSecond()).ejected(ejections());
    }

    private int ejections() {
      return gateway.changes().stream()
          .mapToInt(change -> change.to() == ReplicaState.EJECTED ? 1 : 0)
          .sum();
    }

    private void at(double second, Runnable action) {
      if (second < scenario.toSeconds()) {
        time.at(Request.nanos(second), action);
      }
    }

    private double now() {
      return Request.second(time.nowNanos());
    }

    private void send(DispatchCrowd.Asked asked, int number, Ended ended) {
      DispatchTrace.Seen seen = trace.sent(asked.crowd(), now());
      gateway.arrive(
          request(asked, number),
          new SimulatedGateway.Watcher() {
            @Override
            public void token(String replica, long now) {
              if (there(now)) {
                // A foreign server is u and its number.
                seen.token(Integer.parseInt(replica.substring(1)), Request.second(now));
              }
            }

            @Override
            public void over(End end, @Nullable Refusal refusal, long now) {
              if (!there(now)) {
                return;
              }
              if (end == End.SERVED) {
                seen.served(Request.second(now));
              } else {
                seen.refused(
                    refusal == null ? DispatchTrace.LOST : refusal.reason().label(),
                    Request.second(now));
              }
              ended.ended(seen, refusal == null ? 0 : refusal.retryAfterSeconds());
            }
          });
    }

    /** Whether the clients still are. */
    private boolean there(long now) {
      return Request.second(now) <= scenario.lastSecond();
    }

    private Request request(DispatchCrowd.Asked asked, int number) {
      DispatchCrowd crowd = asked.crowd();
      return new Request(
          number,
          time.nowNanos(),
          "default",
          new Slo("standard", crowd.ttftMs(), crowd.tpotMs(), 0, crowd.priority()),
          asked.promptTokens(),
          asked.tokens(),
          true,
          0,
          0,
          new Request.Seen(asked.estimatedTokens(), 0, asked.tokens()));
    }

    /** Hears of a request's end. */
    @FunctionalInterface
    private interface Ended {
      void ended(DispatchTrace.Seen seen, int retryAfterSeconds);
    }

    /** One of a closed loop. */
    private final class Client {
      private final DispatchCrowd crowd;
      private final int number;
      private int sent;

      Client(DispatchCrowd crowd, int number) {
        this.crowd = crowd;
        this.number = number;
      }

      void next() {
        again(crowd.asked(seed, number, sent++), numbers++);
      }

      private void again(DispatchCrowd.Asked asked, int request) {
        send(
            asked,
            request,
            (seen, retryAfterSeconds) -> {
              if (seen.isServed()) {
                at(now(), this::next);
              } else if (retryAfterSeconds > 0) {
                at(now() + retryAfterSeconds, () -> again(asked, request));
              } else {
                at(now() + DispatchScenario.LOST_SECONDS, this::next);
              }
            });
      }
    }

    /** Those of an open loop. */
    private final class Arrivals {
      private final DispatchCrowd crowd;
      private final SplittableRandom random;
      private double next;
      private int sent;

      Arrivals(DispatchCrowd crowd) {
        this.crowd = crowd;
        this.random = crowd.arrivals(seed);
      }

      void next() {
        next += DispatchCrowd.pause(random, crowd.rate());
        at(
            next,
            () -> {
              next();
              send(crowd.asked(seed, 0, sent++), numbers++, (seen, retryAfterSeconds) -> {});
            });
      }
    }
  }
}
