package dev.switchboard.gateway.bench;

import dev.switchboard.gateway.explain.Culprit;
import java.io.IOException;
import java.util.Arrays;
import java.util.Locale;
import java.util.Random;

/**
 * What makes a request late, done to real workers; each far larger than what a machine's noise is.
 */
enum WhyCause {
  /** A rank computes several times as slowly as the other one. */
  SLOW_RANK(Culprit.SLOW_RANK) {
    @Override
    String run(WhyStage stage, Random random) throws IOException {
      int percent = 3000 + random.nextInt(3000);
      stage.fault("{\"kind\":\"slow\",\"stage\":0,\"rank\":1,\"amount\":" + percent + "}");
      try {
        return stage.stream(100 + random.nextInt(50), WhyStage.GREETING).rest();
      } finally {
        stage.fault("{\"kind\":\"none\",\"stage\":0,\"rank\":1}");
      }
    }
  },
  /** Its process is stopped once, for less than the gateway takes for its end. */
  STOPPED_WORKER(Culprit.STOPPED_WORKER) {
    @Override
    String run(WhyStage stage, Random random) throws IOException {
      WhyStage.Answer answer = stage.stream(300, WhyStage.GREETING).begun();
      stage.stop(600 + random.nextInt(600));
      return answer.rest();
    }
  },
  /** Other processes want every core many times over. */
  HOST_CONTENTION(Culprit.HOST_CONTENTION) {
    @Override
    String run(WhyStage stage, Random random) throws IOException {
      try (WhyStage.Burners _ = stage.burn(4 + random.nextInt(4))) {
        return stage.stream(200 + random.nextInt(100), WhyStage.GREETING).rest();
      }
    }
  },
  /** Its client stops reading when the answer is there. */
  SLOW_READER(Culprit.SLOW_READER) {
    @Override
    String run(WhyStage stage, Random random) throws IOException {
      return stage.unread(800, 3000 + random.nextInt(1500));
    }
  },
  /** Others have every place at the only replica, and one more waits before it. */
  LONG_QUEUE(Culprit.LONG_QUEUE) {
    @Override
    String run(WhyStage stage, Random random) throws IOException {
      WhyStage.Answer[] others = new WhyStage.Answer[WhyStage.PLACES];
      int tokens = 500 + random.nextInt(300);
      for (int i = 0; i < others.length; i++) {
        others[i] = stage.stream(tokens, WhyStage.GREETING).begun();
      }
      WhyStage.Answer before = stage.stream(10, WhyStage.GREETING);
      stage.awaitQueued(before);
      String id = stage.stream(10, WhyStage.GREETING).rest();
      before.rest();
      for (WhyStage.Answer other : others) {
        other.rest();
      }
      return id;
    }
  },
  /** Long prompts of others come while it decodes. */
  NEIGHBOURS_PREFILL(Culprit.NEIGHBOURS_PREFILL) {
    @Override
    String run(WhyStage stage, Random random) throws IOException {
      WhyStage.Answer answer = stage.stream(150, WhyStage.GREETING).begun();
      WhyStage.Answer[] others = new WhyStage.Answer[WhyStage.PLACES - 1];
      for (int turn = 0; turn < 3; turn++) {
        for (int i = 0; i < others.length; i++) {
          others[i] = stage.stream(1, WhyStage.words(random, 450));
        }
        for (WhyStage.Answer other : others) {
          other.rest();
        }
      }
      return answer.rest();
    }
  },
  /** Its worker hangs, and another one goes on. */
  MIGRATION(Culprit.MIGRATION) {
    @Override
    String run(WhyStage stage, Random random) throws IOException {
      return stage.moved(150 + random.nextInt(100));
    }
  },
  /** A long prompt that nobody had before. */
  COLD_PREFIX(Culprit.COLD_PREFIX) {
    @Override
    String run(WhyStage stage, Random random) throws IOException {
      return stage.stream(4, WhyStage.words(random, 500 + random.nextInt(60))).rest();
    }
  };

  private final Culprit culprit;

  WhyCause(Culprit culprit) {
    this.culprit = culprit;
  }

  Culprit culprit() {
    return culprit;
  }

  /**
   * Makes a request late.
   *
   * @return its id
   */
  abstract String run(WhyStage stage, Random random) throws IOException;

  String label() {
    return name().toLowerCase(Locale.ROOT).replace('_', '-');
  }

  static WhyCause of(String label) {
    return Arrays.stream(values())
        .filter(each -> each.label().equals(label))
        .findFirst()
        .orElseThrow(() -> new IllegalArgumentException("no cause " + label));
  }
}
