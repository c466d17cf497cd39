package dev.switchboard.gateway.bench;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Deque;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import org.HdrHistogram.Histogram;
import org.HdrHistogram.HistogramIterationValue;

/**
 * Ways of loading an address with requests, each on one thread and for a bounded time. Latencies
 * are in nanoseconds.
 */
final class Load {
  /** What a run gave. */
  record Result(long completed, double seconds, Histogram latencies) {
    double perSecond() {
      return completed / seconds;
    }

    /** Not a number where nothing was seen. */
    double micros(double percentile) {
      return Load.micros(latencies, percentile);
    }

    /** Every latency, in order of size. */
    double[] micros() {
      double[] all = new double[Math.toIntExact(latencies.getTotalCount())];
      int next = 0;
      for (HistogramIterationValue bucket : latencies.recordedValues()) {
        int end = next + Math.toIntExact(bucket.getCountAtValueIteratedTo());
        Arrays.fill(all, next, end, bucket.getValueIteratedTo() / 1000.0);
        next = end;
      }
      return all;
    }
  }

  private static final long LONGEST_NANOS = 60_000_000_000L;
  private static final int DIGITS = 3;

  /** So near that a loop does not sleep until then. */
  private static final long NEAR_NANOS = 1_000_000;

  private static final int MOST_CONNECTIONS = 512;
  private static final long PATIENCE_NANOS = 10_000_000_000L;

  private final InetSocketAddress address;
  private final ClientLedger ledger;
  private final Histogram latencies = histogram();
  private long completed;
  private int running;

  Load(InetSocketAddress address, ClientLedger ledger) {
    this.address = address;
    this.ledger = ledger;
  }

  /** Each of some connections sends its next request when the last was answered. */
  Result closed(byte[] request, int connections, double seconds) throws IOException {
    long begin = System.nanoTime();
    long end = begin + (long) (seconds * 1e9);
    try (NioLoop loop = new NioLoop()) {
      LoadClient.Watcher watcher =
          new Counting() {
            @Override
            public void ended(LoadClient client) {
              long now = count(client);
              if (now < end) {
                begin(client, request, false, now);
              }
            }
          };
      for (int i = 0; i < connections; i++) {
        begin(new LoadClient(loop, address, ledger, watcher), request, false, System.nanoTime());
      }
      finish(loop, end);
    }
    return result(begin, end);
  }

  /**
   * Requests at random moments (a Poisson process of the same seed each time), however long answers
   * take: latency counts from the moment at which a request was to be sent.
   *
   * @param stream the latency is that of the first token
   */
  Result open(byte[] request, boolean stream, double rate, double seconds) throws IOException {
    return open(List.of(request), stream, rate, seconds, pooled(stream));
  }

  /**
   * Streams of several kinds in turn at random moments, as {@link #open}, of which nearly all are
   * refused: completed is what was, and latency is that of a refusal's last byte.
   *
   * @param reasons takes the latencies of each reason that counts; others do not
   */
  Result refused(List<byte[]> requests, Map<String, Histogram> reasons, double rate, double seconds)
      throws IOException {
    return open(
        requests,
        true,
        rate,
        seconds,
        new Pooled() {
          @Override
          public void ended(LoadClient client) {
            Histogram waited = reasons.get(client.reason());
            if (waited == null) {
              running--;
            } else {
              waited.recordValue(Math.min(LONGEST_NANOS, count(client) - client.intendedNanos()));
            }
            free.addLast(client);
          }
        });
  }

  /** Not a number where nothing was seen. */
  static double micros(Histogram latencies, double percentile) {
    return latencies.getTotalCount() == 0
        ? Double.NaN
        : latencies.getValueAtPercentile(percentile) / 1000.0;
  }

  /** A histogram that takes latencies. */
  static Histogram histogram() {
    return new Histogram(LONGEST_NANOS, DIGITS);
  }

  private Result open(
      List<byte[]> requests, boolean stream, double rate, double seconds, Pooled watcher)
      throws IOException {
    Random random = new Random(1);
    long begin = System.nanoTime();
    long end = begin + (long) (seconds * 1e9);
    long next = begin;
    int sent = 0;
    Deque<LoadClient> free = watcher.free;
    Set<LoadClient> all = watcher.all;
    try (NioLoop loop = new NioLoop()) {
      while (next < end) {
        long now = System.nanoTime();
        if (now < next || (free.isEmpty() && all.size() == MOST_CONNECTIONS)) {
          loop.turn(Math.max(next, now), running > 0);
          continue;
        }
        LoadClient client = free.pollLast();
        if (client == null) {
          client = new LoadClient(loop, address, ledger, watcher);
          all.add(client);
        }
        begin(client, requests.get(sent++ % requests.size()), stream, next);
        next += (long) (-Math.log(1 - random.nextDouble()) / rate * 1e9);
      }
      finish(loop, end);
    }
    return result(begin, end);
  }

  private Pooled pooled(boolean stream) {
    return new Pooled() {
      @Override
      public void token(LoadClient client, int number, long writtenNanos) {
        if (number == 0) {
          latencies.recordValue(System.nanoTime() - client.intendedNanos());
        }
      }

      @Override
      public void ended(LoadClient client) {
        if (stream) {
          running--;
          completed++;
        } else {
          count(client);
        }
        free.addLast(client);
      }
    };
  }

  /**
   * Many streams side by side, begun one after the other at a rate: all at once would measure how
   * fast requests begin. What is recorded is by how much the gap before a token grew on its way
   * from the worker, if it did.
   */
  Result streams(byte[] request, int count, double rate) throws IOException {
    long begin = System.nanoTime();
    try (NioLoop loop = new NioLoop()) {
      for (int i = 0; i < count; i++) {
        long due = begin + (long) (i / rate * 1e9);
        while (System.nanoTime() < due) {
          loop.turn(due, true);
        }
        begin(new LoadClient(loop, address, ledger, new Gaps()), request, true, due);
      }
      while (running > 0) {
        // Never asleep: a client of a network costs the server's core no waking of its own either.
        loop.turn(System.nanoTime() + NEAR_NANOS, true);
      }
    }
    return result(begin, System.nanoTime());
  }

  private void begin(LoadClient client, byte[] request, boolean stream, long intended) {
    running++;
    client.send(request, stream, intended);
  }

  private void finish(NioLoop loop, long end) throws IOException {
    while (running > 0 && System.nanoTime() < end + PATIENCE_NANOS) {
      loop.turn(System.nanoTime() + NEAR_NANOS, true);
    }
  }

  private Result result(long begin, long end) {
    return new Result(completed, (end - begin) / 1e9, latencies);
  }

  /** Counts answers, and connections that broke. */
  private abstract class Counting implements LoadClient.Watcher {
    long count(LoadClient client) {
      long now = System.nanoTime();
      running--;
      completed++;
      latencies.recordValue(Math.min(LONGEST_NANOS, now - client.intendedNanos()));
      return now;
    }

    @Override
    public void broke(LoadClient client, boolean underWay) {
      if (underWay) {
        running--;
      }
    }
  }

  /** Knows which connections are free for the next request. */
  private abstract class Pooled extends Counting {
    final Deque<LoadClient> free = new ArrayDeque<>();
    final Set<LoadClient> all = new HashSet<>();

    @Override
    public void broke(LoadClient client, boolean underWay) {
      super.broke(client, underWay);
      free.remove(client);
      all.remove(client);
    }
  }

  private final class Gaps extends Counting {
    private long lastWritten;
    private long lastArrived;

    @Override
    public void token(LoadClient client, int number, long writtenNanos) {
      long now = System.nanoTime();
      if (number > 0) {
        long grown = (now - lastArrived) - (writtenNanos - lastWritten);
        latencies.recordValue(Math.clamp(grown, 0, LONGEST_NANOS));
      }
      lastWritten = writtenNanos;
      lastArrived = now;
      completed++;
    }

    @Override
    public void ended(LoadClient client) {
      running--;
      client.leave();
    }
  }
}
