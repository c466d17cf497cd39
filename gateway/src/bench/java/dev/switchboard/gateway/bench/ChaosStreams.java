package dev.switchboard.gateway.bench;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/** Many answers side by side, each read by a thread of its own; the n-th asks with the seed n. */
final class ChaosStreams {
  private static final int PATIENCE_SECONDS = 60;

  private final List<AnswerLog> answers = new ArrayList<>();
  private final List<Thread> threads = new ArrayList<>();

  private ChaosStreams() {}

  /** Opens as many streams as the plan wants. */
  static ChaosStreams open(ChaosStage stage, ChaosGateway gateway, int tokens) throws IOException {
    return open(stage, gateway, tokens, stage.plan().streams(), true);
  }

  /** Opens so many, streams or whole answers. */
  static ChaosStreams open(
      ChaosStage stage, ChaosGateway gateway, int tokens, int count, boolean stream)
      throws IOException {
    ChaosStreams streams = new ChaosStreams();
    for (int i = 0; i < count; i++) {
      ChaosClient client = new ChaosClient(gateway.address(), stage.ledger());
      AnswerLog answer =
          client.send(ChaosClient.Question.of(ChaosGateway.MODEL, stream, tokens, i, ""));
      streams.answers.add(answer);
      streams.threads.add(
          Thread.ofVirtual()
              .start(
                  () -> {
                    try (client) {
                      client.read(answer);
                    }
                  }));
    }
    return streams;
  }

  /** Waits until each has so many tokens, or ended. */
  void awaitTokens(int count) throws IOException {
    for (AnswerLog answer : answers) {
      if (ChaosGateway.await(() -> answer.tokens() >= count || answer.ended(), PATIENCE_SECONDS)
          < 0) {
        throw new IOException("a stream does not begin: " + answer.complaint());
      }
    }
  }

  int count() {
    return answers.size();
  }

  /** The answers, once all have ended. */
  List<AnswerLog> rest() {
    for (Thread thread : threads) {
      try {
        thread.join();
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new IllegalStateException("interrupted", e);
      }
    }
    return answers;
  }
}
