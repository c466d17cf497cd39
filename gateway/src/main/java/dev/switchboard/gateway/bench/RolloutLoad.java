package dev.switchboard.gateway.bench;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Supplier;

/**
 * As many clients as there should be streams at a time: each asks, reads to the end and asks again,
 * over a connection of its own to one of the gateways that a Service would name just then. Safe on
 * any thread.
 */
final class RolloutLoad {
  private static final int QUESTIONS = 16;
  private static final int TOKENS = 1000;
  private static final int MOST_COMPLAINTS = 10;

  private final Supplier<List<InetSocketAddress>> gateways;
  private final String key;
  private final ClientLedger ledger = new ClientLedger();
  private final Map<Integer, String> references = new HashMap<>();
  private final List<Thread> clients = new ArrayList<>();
  private final AnswerLog[] current;
  private final AtomicInteger turn = new AtomicInteger();
  private final List<String> complaints = new ArrayList<>();
  private volatile boolean over;
  private int good;
  private int bad;
  private double longestGapMs;

  /** What became of streams since the load began, or between two moments. */
  record Tally(int good, int bad, double longestGapMs) {
    Tally since(Tally before) {
      return new Tally(good - before.good, bad - before.bad, longestGapMs);
    }
  }

  RolloutLoad(Supplier<List<InetSocketAddress>> gateways, String key, int streams) {
    this.gateways = gateways;
    this.key = key;
    this.current = new AnswerLog[streams];
  }

  ClientLedger ledger() {
    return ledger;
  }

  /** Asks each question once, so that later answers can be compared. */
  void learn() throws IOException {
    for (int seed = 0; seed < QUESTIONS; seed++) {
      AnswerLog answer = ask(seed, -1);
      if (!answer.good()) {
        throw new IOException("before anything was done: " + answer.complaint());
      }
      references.put(seed, answer.said());
    }
  }

  void start() {
    for (int i = 0; i < current.length; i++) {
      int slot = i;
      clients.add(Thread.ofVirtual().start(() -> client(slot)));
    }
  }

  private void client(int slot) {
    for (int round = 0; !over; round++) {
      int seed = (slot + 7 * round) % QUESTIONS;
      try {
        AnswerLog answer = ask(seed, slot);
        note(answer, seed);
      } catch (IOException refused) {
        complain("refused: " + refused);
        Target.pause(100);
      }
    }
  }

  private AnswerLog ask(int seed, int slot) throws IOException {
    List<InetSocketAddress> open = gateways.get();
    if (open.isEmpty()) {
      throw new IOException("no gateway is ready");
    }
    InetSocketAddress gateway = open.get(Math.floorMod(turn.getAndIncrement(), open.size()));
    try (ChaosClient client = new ChaosClient(gateway, ledger)) {
      AnswerLog answer =
          client.send(
              ChaosClient.Question.of("switchboard-demo", true, TOKENS, seed, "")
                  .with("Authorization: Bearer " + key + "\r\n"));
      if (slot >= 0) {
        current[slot] = answer;
      }
      client.read(answer);
      return answer;
    }
  }

  private synchronized void note(AnswerLog answer, int seed) {
    longestGapMs = Math.max(longestGapMs, answer.longestGapMs());
    if (!answer.good()) {
      complain(answer.id() + ": " + answer.complaint());
    } else if (!answer.said().equals(references.get(seed))) {
      complain(answer.id() + ": says something else than before");
    } else {
      good++;
    }
  }

  private synchronized void complain(String what) {
    bad++;
    if (complaints.size() < MOST_COMPLAINTS) {
      complaints.add(what);
    }
  }

  /** The first of what went wrong. */
  synchronized List<String> complaints() {
    return List.copyOf(complaints);
  }

  /** Begins the longest gap anew. */
  synchronized Tally tally() {
    Tally tally = new Tally(good, bad, longestGapMs);
    longestGapMs = 0;
    return tally;
  }

  /** Streams that have begun and not ended. */
  int live() {
    int live = 0;
    for (AnswerLog answer : current) {
      live += answer != null && answer.tokens() > 0 && !answer.ended() ? 1 : 0;
    }
    return live;
  }

  /** Lets each client finish its answer. */
  void finish() throws InterruptedException {
    over = true;
    for (Thread client : clients) {
      client.join();
    }
  }
}
