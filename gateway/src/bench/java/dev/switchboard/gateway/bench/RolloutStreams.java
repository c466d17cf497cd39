package dev.switchboard.gateway.bench;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicReferenceArray;
import org.jspecify.annotations.Nullable;

/**
 * Clients that each read one stream after the other, every one on a connection of its own to where
 * the Service leads. Who is refused asks the same again when it was told to, and has been refused
 * all the same. A stream that says something else than the first with its question did is
 * different.
 *
 * <p>Where a gateway is killed meanwhile, the streams through it are lost, and their clients ask
 * the same again at once. What its process counted is lost as well, so what clients had of it is in
 * a ledger of its own.
 */
final class RolloutStreams implements AutoCloseable {
  private static final int QUESTIONS = 16;
  private static final int MOST_COMPLAINTS = 10;
  private static final int SAMPLE_MS = 100;
  private static final int GOOD_STATUS = 200;
  private static final int PATIENCE_MS = 300_000;

  /** The others are between two streams. */
  static final double LIVE_SHARE = 0.9;

  private static final int START_SECONDS = 120;

  /** Clients do not come all at once. */
  private static final int APART_MS = 50;

  /**
   * Who asks what.
   *
   * @param tokens of the longest streams
   * @param expected what each question is answered with, by its number; grows as answers come
   */
  record Plan(
      String model, String headers, int clients, int tokens, Map<Integer, String> expected) {
    Plan(String model, String headers, int clients, int tokens) {
      this(model, headers, clients, tokens, new HashMap<>());
    }

    /** The same questions, answered half as long. */
    Plan shorter() {
      return new Plan(model, headers, clients, tokens / 2, expected);
    }

    /** From half as many to all, so that streams do not end all at once. */
    int tokensOf(int question) {
      return tokens * (QUESTIONS + 1 + question) / (2 * QUESTIONS);
    }
  }

  /**
   * A gateway that is killed while they run.
   *
   * @param start of its process that ends so
   */
  private record Doomed(RolloutPod pod, int start) {
    /** Whether a connection to there, made now, is to that process. */
    boolean has(InetSocketAddress where) {
      return at(where) && pod.starts() == start;
    }

    private boolean at(InetSocketAddress where) {
      return where.getHostString().equals(pod.address());
    }

    boolean killed() {
      return pod.killed(start);
    }

    /** Whether nobody listens there since that end: the next process may run and not yet do so. */
    boolean silent(InetSocketAddress where) {
      return killed() && (has(where) || (at(where) && !pod.available()));
    }
  }

  private final RolloutCluster cluster;
  private final ClientLedger ledger = new ClientLedger();
  private final ClientLedger ledgerOfDoomed = new ClientLedger();
  private final Plan plan;
  private final @Nullable Doomed doomed;
  private final AtomicReferenceArray<AnswerLog> current;
  private final List<Thread> threads = new ArrayList<>();
  private final Thread sampler;
  private final List<String> complaints = new ArrayList<>();
  private int served;
  private int refused;
  private int broken;
  private int different;
  private int lost;
  private int reconnected;
  private double longestGapMs;
  private double longestMs;
  private int leastOpen = Integer.MAX_VALUE;
  private volatile boolean over;

  private RolloutStreams(RolloutCluster cluster, Plan plan, @Nullable RolloutPod doomed) {
    this.cluster = cluster;
    this.plan = plan;
    this.doomed = doomed == null ? null : new Doomed(doomed, doomed.starts());
    this.current = new AtomicReferenceArray<>(plan.clients());
    this.sampler = Thread.ofVirtual().unstarted(this::sample);
  }

  /** Starts the clients, and returns when nearly all have a live stream, or one failed. */
  static RolloutStreams start(RolloutCluster cluster, Plan plan) {
    return start(cluster, plan, plan.clients(), null);
  }

  /**
   * The same.
   *
   * @param live streams that there can be at once; the other clients wait
   * @param doomed the gateway that is killed meanwhile; null for none
   */
  static RolloutStreams start(
      RolloutCluster cluster, Plan plan, int live, @Nullable RolloutPod doomed) {
    RolloutStreams streams = new RolloutStreams(cluster, plan, doomed);
    for (int i = 0; i < plan.clients(); i++) {
      int number = i;
      streams.threads.add(Thread.ofVirtual().start(() -> streams.client(number)));
    }
    long deadline = System.nanoTime() + START_SECONDS * 1_000_000_000L;
    while (streams.failed() == 0
        && streams.open() < LIVE_SHARE * live
        && System.nanoTime() < deadline) {
      Target.pause(SAMPLE_MS);
    }
    streams.sampler.start();
    return streams;
  }

  private void client(int number) {
    Target.pause((long) number * APART_MS);
    for (int i = number; !over; ) {
      i += asks(number, i % QUESTIONS) ? 1 : 0;
    }
  }

  /** Whether it goes on to the next question; else it comes back with this one. */
  private boolean asks(int number, int question) {
    InetSocketAddress where = null;
    try {
      where = cluster.route();
      boolean ends = doomed != null && doomed.has(where);
      try (ChaosClient connection =
          new ChaosClient(where, ends ? ledgerOfDoomed : ledger, PATIENCE_MS)) {
        AnswerLog answer =
            connection.send(
                ChaosClient.Question.of(plan.model(), true, plan.tokensOf(question), question, "")
                    .with(plan.headers()));
        current.set(number, answer);
        connection.read(answer);
        return took(question, answer, ends);
      }
    } catch (IOException e) {
      notConnected(where, e);
      Target.pause(SAMPLE_MS);
      return false;
    }
  }

  /** For about a second connections are still sent to where a gateway was killed. */
  private synchronized void notConnected(@Nullable InetSocketAddress where, IOException why) {
    if (where != null && doomed != null && doomed.silent(where)) {
      reconnected++;
    } else {
      refuses("cannot connect: " + why.getMessage());
    }
  }

  /**
   * Counts an answer.
   *
   * @param ends whether it came from the gateway that is killed
   */
  private boolean took(int question, AnswerLog answer, boolean ends) {
    if (answer.good()) {
      serves(question, answer);
      return true;
    }
    if (ends && doomed != null && doomed.killed() && !answer.ended()) {
      loses();
      return false;
    }
    if (answer.ended() && answer.status() != GOOD_STATUS) {
      refuses(answer.complaint());
      await(answer.header("Retry-After"));
      return false;
    }
    breaks(answer.complaint());
    return true;
  }

  /** Until it may come again; the end of all is not waited for. */
  private void await(String retryAfter) {
    int seconds = retryAfter.isEmpty() ? 0 : Integer.parseInt(retryAfter);
    long until = System.nanoTime() + Math.max(SAMPLE_MS, seconds * 1000L) * 1_000_000;
    while (!over && System.nanoTime() < until) {
      Target.pause(SAMPLE_MS);
    }
  }

  private synchronized void loses() {
    lost++;
  }

  private synchronized void breaks(String what) {
    broken++;
    complain(what);
  }

  private synchronized void serves(int question, AnswerLog answer) {
    served++;
    longestGapMs = Math.max(longestGapMs, answer.longestGapMs());
    longestMs = Math.max(longestMs, (System.nanoTime() - answer.begunNanos()) / 1e6);
    String before = plan.expected().putIfAbsent(question, answer.said());
    String end = "\n" + plan.tokensOf(question) + "\nlength";
    if (!answer.said().endsWith(end) || (before != null && !begins(before, answer.said()))) {
      different++;
    }
  }

  /** Whether an answer is what another begins with, but for a last character that may be half. */
  private static boolean begins(String whole, String said) {
    String words = words(said);
    return whole.equals(said)
        || (words.length() < words(whole).length()
            && whole.startsWith(words.substring(0, Math.max(0, words.length() - 1))));
  }

  /** Without the number of tokens and the reason of its end, which are the last two lines. */
  private static String words(String said) {
    return said.substring(0, Math.max(0, said.lastIndexOf('\n', said.lastIndexOf('\n') - 1)));
  }

  private synchronized void refuses(String what) {
    refused++;
    complain(what);
  }

  private synchronized void complain(String what) {
    if (complaints.size() < MOST_COMPLAINTS) {
      complaints.add(what);
    }
  }

  private void sample() {
    while (!over) {
      leastOpen = Math.min(leastOpen, open());
      Target.pause(SAMPLE_MS);
    }
  }

  /** Streams that have said something and not ended. */
  int open() {
    int open = 0;
    for (int i = 0; i < current.length(); i++) {
      AnswerLog answer = current.get(i);
      open += answer != null && answer.tokens() > 0 && !answer.ended() ? 1 : 0;
    }
    return open;
  }

  /** The fewest that were open at once; the others were being asked for. */
  int leastOpen() {
    return leastOpen;
  }

  synchronized int served() {
    return served;
  }

  /** Answered with an error, or no gateway took the connection. */
  synchronized int refused() {
    return refused;
  }

  /** Broken by the end of the gateway that was killed. */
  synchronized int lost() {
    return lost;
  }

  /** Connections that went to where that gateway was, and were made anew. */
  synchronized int reconnected() {
    return reconnected;
  }

  /** Ended before their end. */
  synchronized int broken() {
    return broken;
  }

  synchronized int failed() {
    return refused + broken;
  }

  synchronized int different() {
    return different;
  }

  synchronized double longestGapMs() {
    return longestGapMs;
  }

  /** From the question to the last byte. */
  synchronized double longestMs() {
    return longestMs;
  }

  synchronized List<String> complaints() {
    List<String> all = new ArrayList<>(complaints);
    all.addAll(ledger.faults());
    return all;
  }

  ClientLedger ledger() {
    return ledger;
  }

  /** Ends it: every client reads its last stream to the end. Twice does nothing more. */
  void end() {
    over = true;
    try {
      for (Thread thread : threads) {
        thread.join();
      }
      sampler.join();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  @Override
  public void close() {
    end();
  }
}
