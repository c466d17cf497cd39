package dev.switchboard.gateway.bench;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicBoolean;

/** Connections that post bodies of megabytes again and again, beside a stream of somebody else. */
final class LargeBodyChaos {
  private static final int CONNECTIONS = 30;

  /** Less than a body may have unless the configuration says otherwise. */
  private static final int BODY_BYTES = 6_000_000;

  private static final int STEP_MS = 20;
  private static final int TOKENS = 600;
  private static final int TOKENS_BEFORE = 20;
  private static final double MOST_GAP_MS = 1000;

  private LargeBodyChaos() {}

  /** The stream says the same as alone, and never stands still for long. */
  static void run(ChaosStage stage) throws IOException {
    try (ChaosGateway gateway = stage.gateway(1, STEP_MS, "")) {
      MetricsText before = gateway.metrics();
      AnswerLog alone = stream(stage, gateway).rest().getFirst();
      ChaosStreams stream = stream(stage, gateway);
      stream.awaitTokens(TOKENS_BEFORE);
      Posters posters = new Posters(gateway.address(), stage.ledger());
      AnswerLog beside = stream.rest().getFirst();
      posters.end();
      stage.figure("alone_longest_gap_ms", alone.longestGapMs());
      judge(stage, beside);
      stage.promise(
          alone.said().equals(beside.said()), "the stream says something else than alone");
      posters.judge(stage);
      stage.reconcile(gateway, before);
    }
  }

  private static ChaosStreams stream(ChaosStage stage, ChaosGateway gateway) throws IOException {
    return ChaosStreams.open(stage, gateway, TOKENS, 1, true);
  }

  private static void judge(ChaosStage stage, AnswerLog stream) {
    double gapMs = stream.longestGapMs();
    stage.figure("longest_gap_ms", gapMs);
    stage.promise(stream.good(), "the stream broke: " + stream.complaint());
    stage.promise(gapMs < MOST_GAP_MS, "the stream stood still for " + gapMs + " ms");
  }

  /** Those that post until they are told to end. */
  private static final class Posters {
    private final InetSocketAddress address;
    private final ClientLedger ledger;
    private final ChaosClient.Question question = question();
    private final byte[] body = question.body().getBytes(StandardCharsets.US_ASCII);
    private final AtomicBoolean over = new AtomicBoolean();
    private final List<Thread> threads = new ArrayList<>();
    private final List<AnswerLog> answers = new ArrayList<>();

    Posters(InetSocketAddress address, ClientLedger ledger) {
      this.address = address;
      this.ledger = ledger;
      for (int i = 0; i < CONNECTIONS; i++) {
        threads.add(Thread.ofVirtual().start(this::post));
      }
    }

    /** A prompt that is longer than any context, so that what it costs is its body. */
    private static ChaosClient.Question question() {
      String begin =
          "{\"model\":\""
              + ChaosGateway.MODEL
              + "\",\"max_tokens\":1,\"messages\":[{\"role\":\"user\",\"content\":\"";
      String end = "\"}]}";
      String words = "word ".repeat(BODY_BYTES / 5);
      String content = words.substring(0, BODY_BYTES - begin.length() - end.length());
      return new ChaosClient.Question(begin + content + end, false);
    }

    private void post() {
      while (!over.get()) {
        try (ChaosClient client = new ChaosClient(address, ledger)) {
          AnswerLog answer = null;
          while (!over.get() && (answer == null || (answer.ended() && !answer.closes()))) {
            answer = client.send(question, body);
            client.read(answer);
            took(answer);
          }
        } catch (IOException e) {
          return;
        }
      }
    }

    private synchronized void took(AnswerLog answer) {
      answers.add(answer);
    }

    void end() {
      over.set(true);
      for (Thread thread : threads) {
        try {
          thread.join();
        } catch (InterruptedException e) {
          Thread.currentThread().interrupt();
          throw new IllegalStateException("interrupted", e);
        }
      }
    }

    /** Each must have been answered, if only with why it was refused. */
    synchronized void judge(ChaosStage stage) {
      stage.figure("bodies", answers.size());
      long unheard = 0;
      Map<Integer, Long> byStatus = new TreeMap<>();
      for (AnswerLog answer : answers) {
        if (answer.ended() && answer.status() < 500) {
          byStatus.merge(answer.status(), 1L, Long::sum);
        } else {
          unheard++;
        }
      }
      byStatus.forEach((status, count) -> stage.figure("answered_" + status, count));
      stage.figure("unanswered", unheard);
      stage.promise(answers.size() >= CONNECTIONS, "only " + answers.size() + " bodies were sent");
      stage.promise(unheard == 0, unheard + " bodies were not answered");
    }
  }
}
