package dev.switchboard.gateway.bench;

import java.io.IOException;
import java.net.ConnectException;
import java.net.InetSocketAddress;
import java.util.ArrayList;
import java.util.List;
import org.HdrHistogram.Histogram;

/**
 * Clients that ask one question after the other, each on its thread: every second one for a stream,
 * every second client on a connection of its own for each question. A refused connection is tried
 * again; nothing else is.
 */
final class ChaosLoad implements AutoCloseable {
  private static final int RETRY_MS = 5;
  private static final int MOST_RETRIES = 2000;
  private static final long LONGEST_NANOS = 120_000_000_000L;
  private static final int MOST_COMPLAINTS = 10;

  /**
   * Who asks what.
   *
   * @param pauseMs between an answer and the next question
   */
  record Plan(String model, int clients, int maxTokens, int pauseMs) {}

  /**
   * A question that was answered well.
   *
   * @param replica that answered it
   */
  record Served(long begunNanos, String replica) {}

  private final InetSocketAddress address;
  private final ClientLedger ledger;
  private final Plan plan;
  private final List<Thread> threads = new ArrayList<>();
  private final List<String> complaints = new ArrayList<>();
  private final List<Served> answers = new ArrayList<>();
  private Histogram latencies = new Histogram(LONGEST_NANOS, 3);
  private double longestGapMs;
  private long served;
  private long failed;
  private long refused;
  private volatile boolean over;

  private ChaosLoad(InetSocketAddress address, ClientLedger ledger, Plan plan) {
    this.address = address;
    this.ledger = ledger;
    this.plan = plan;
  }

  static ChaosLoad start(InetSocketAddress address, ClientLedger ledger, Plan plan) {
    ChaosLoad load = new ChaosLoad(address, ledger, plan);
    for (int i = 0; i < plan.clients(); i++) {
      int number = i;
      load.threads.add(Thread.ofVirtual().start(() -> load.client(number)));
    }
    return load;
  }

  private void client(int number) {
    boolean keeps = number % 2 == 0;
    ChaosClient kept = null;
    try {
      for (int i = number / 2; !over; i++) {
        ChaosClient connection = kept == null ? connect() : kept;
        AnswerLog answer =
            connection.send(
                ChaosClient.Question.of(plan.model(), i % 2 == 0, 1 + i % plan.maxTokens(), i, ""));
        connection.read(answer);
        took(answer);
        kept = keeps && answer.good() && !answer.closes() ? connection : null;
        if (kept == null) {
          connection.close();
        }
        Target.pause(plan.pauseMs());
      }
    } catch (IOException e) {
      complain("cannot connect: " + e.getMessage());
    } finally {
      if (kept != null) {
        kept.close();
      }
    }
  }

  private ChaosClient connect() throws IOException {
    for (int again = 0; ; again++) {
      try {
        return new ChaosClient(address, ledger);
      } catch (ConnectException e) {
        if (again == MOST_RETRIES) {
          throw e;
        }
        wasRefused();
        Target.pause(RETRY_MS);
      }
    }
  }

  private synchronized void wasRefused() {
    refused++;
  }

  private synchronized void took(AnswerLog answer) {
    if (answer.good()) {
      served++;
      answers.add(new Served(answer.begunNanos(), answer.header("X-Switchboard-Replica")));
      latencies.recordValue(Math.min(LONGEST_NANOS, System.nanoTime() - answer.begunNanos()));
      longestGapMs = Math.max(longestGapMs, answer.longestGapMs());
    } else {
      complain(answer.complaint());
    }
  }

  private synchronized void complain(String what) {
    failed++;
    if (complaints.size() < MOST_COMPLAINTS) {
      complaints.add(what);
    }
  }

  /** Latencies of whole answers since this was asked last. */
  synchronized Histogram lap() {
    Histogram lap = latencies;
    latencies = new Histogram(LONGEST_NANOS, 3);
    return lap;
  }

  synchronized long served() {
    return served;
  }

  /** Every question that was answered well so far. */
  synchronized List<Served> answers() {
    return List.copyOf(answers);
  }

  synchronized long failed() {
    return failed;
  }

  synchronized long refused() {
    return refused;
  }

  synchronized double longestGapMs() {
    return longestGapMs;
  }

  synchronized List<String> complaints() {
    return List.copyOf(complaints);
  }

  /** Ends it: every client gets its last answer. Twice does nothing more. */
  void end() {
    over = true;
    for (Thread thread : threads) {
      try {
        thread.join();
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        return;
      }
    }
  }

  @Override
  public void close() {
    end();
  }
}
