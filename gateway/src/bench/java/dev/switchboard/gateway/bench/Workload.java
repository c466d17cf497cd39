package dev.switchboard.gateway.bench;

import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import org.HdrHistogram.Histogram;

/** What is sent, and which quantities come of it. */
enum Workload {
  /** Whole answers to 200-token prompts at a fixed rate, whatever the answers do. */
  LATENCY {
    @Override
    Outcome run(Target target, ClientLedger ledger, Plan plan) throws IOException {
      byte[] request = target.request(false, 2, SHORT_PROMPT_BYTES);
      return timed(
          target, load(target, ledger), l -> l.open(request, false, plan.rate(), plan.seconds()));
    }
  },
  /** The first token of streams, likewise. */
  FIRST_TOKEN {
    @Override
    Outcome run(Target target, ClientLedger ledger, Plan plan) throws IOException {
      byte[] request = target.request(true, 1, SHORT_PROMPT_BYTES);
      return timed(
          target, load(target, ledger), l -> l.open(request, true, plan.rate(), plan.seconds()));
    }
  },
  /** Small whole answers, as fast as some connections get them. */
  CLOSED {
    @Override
    Outcome run(Target target, ClientLedger ledger, Plan plan) throws IOException {
      byte[] request = target.request(false, 2, TINY_PROMPT_BYTES);
      return timed(
          target, load(target, ledger), l -> l.closed(request, plan.connections(), plan.seconds()));
    }
  },
  /** Many streams at a person's reading speed. */
  STREAMS {
    @Override
    Outcome run(Target target, ClientLedger ledger, Plan plan) throws IOException {
      int tokens = (int) (plan.seconds() * 1e9 / plan.intervalNanos());
      byte[] request = target.request(true, tokens, TINY_PROMPT_BYTES);
      return timed(
          target, load(target, ledger), l -> l.streams(request, plan.streams(), plan.rate()));
    }
  },
  /** A prompt of a hundred thousand tokens, one after the other. */
  LONG_PROMPT {
    @Override
    Outcome run(Target target, ClientLedger ledger, Plan plan) throws IOException {
      byte[] request = target.request(false, 2, LONG_PROMPT_BYTES);
      return timed(target, load(target, ledger), l -> l.closed(request, 1, plan.seconds()));
    }
  },
  /**
   * Streams that take a second at a rate, of a gateway that has room for a few of them, a quarter
   * of them for each {@link RefusalKind}: how soon the others are refused. Latencies, rate and
   * costs are those of refusals, whose latencies are told by their reason as well.
   */
  OVERLOAD {
    @Override
    Outcome run(Target target, ClientLedger ledger, Plan plan) throws IOException {
      int tokens = (int) (1e9 / plan.intervalNanos());
      List<byte[]> requests = new ArrayList<>();
      Map<String, Histogram> reasons = new HashMap<>();
      for (RefusalKind kind : RefusalKind.values()) {
        requests.add(kind.request(target, tokens));
        reasons.put(kind.label(), Load.histogram());
      }
      Outcome outcome =
          timed(
              target,
              load(target, ledger),
              l -> l.refused(requests, reasons, plan.rate(), plan.seconds()));
      for (RefusalKind kind : RefusalKind.values()) {
        Histogram waited = Objects.requireNonNull(reasons.get(kind.label()));
        outcome.values().put(kind.value(50), Load.micros(waited, 50));
        outcome.values().put(kind.value(99), Load.micros(waited, 99));
      }
      return outcome;
    }
  };

  private static final int TINY_PROMPT_BYTES = 40;
  private static final int SHORT_PROMPT_BYTES = 800;
  private static final int LONG_PROMPT_BYTES = 400_000;

  /**
   * How much of each.
   *
   * @param rate requests per second of those that come at a rate
   * @param connections of those that come as fast as they can
   * @param intervalNanos between two tokens of a stream
   */
  record Plan(double rate, double seconds, int connections, int streams, long intervalNanos) {
    /** The same for another while. */
    Plan lasting(double other) {
      return new Plan(rate, other, connections, streams, intervalNanos);
    }
  }

  /**
   * What came of it.
   *
   * @param values not a number where nothing was seen: {@code p50_us}, {@code p99_us}, {@code
   *     per_second} and {@code cpu_us}: processor time of the target per request, or per token of
   *     streams
   * @param micros every latency, in order of size
   */
  record Outcome(Map<String, Double> values, double[] micros) {}

  @FunctionalInterface
  private interface Run {
    Load.Result on(Load load) throws IOException;
  }

  /** Runs it once. */
  abstract Outcome run(Target target, ClientLedger ledger, Plan plan) throws IOException;

  /** Its name in results. */
  String label() {
    return name().toLowerCase(Locale.ROOT);
  }

  private static Load load(Target target, ClientLedger ledger) {
    return new Load(target.address(), ledger);
  }

  private static Outcome timed(Target target, Load load, Run run) throws IOException {
    double before = target.cpuSeconds();
    Load.Result result = run.on(load);
    double used = target.cpuSeconds() - before;
    Map<String, Double> values = new LinkedHashMap<>();
    values.put("p50_us", result.micros(50));
    values.put("p99_us", result.micros(99));
    values.put("per_second", result.perSecond());
    values.put("cpu_us", result.completed() == 0 ? Double.NaN : used * 1e6 / result.completed());
    return new Outcome(values, result.micros());
  }
}
