package dev.switchboard.gateway.bench;

import java.io.IOException;
import java.util.Locale;

/** What is done to workers, gateways and by clients, each with the promise it must not break. */
enum ChaosScenario {
  KILL("kill -9 of one of three workers, mid-stream"),
  KILL_WAITING("kill -9 of one of three workers with nothing but answers that have no token yet"),
  FREEZE("SIGSTOP of one of three workers under load"),
  SLOW_START("one of three workers is eight times slower when it begins"),
  DRAIN("drain and resume in turn under load"),
  TERMINATE("SIGTERM of one of two gateways under load"),
  NEVER_READ("clients that never read"),
  LARGE_BODIES("30 connections that post 6 MB again and again, beside a stream"),
  SLOWLORIS("heads, bodies and readers that drip"),
  CANCEL("a storm of requests that are given up"),
  CONFIRMED("kill -9 of the gateway right after each kind of change"),
  FULL_DISK("a disk that gets full under changes"),
  VANISHED_STORE("a store whose file is deleted"),
  OVERLOAD("two classes of people at half of capacity beside batches at twice");

  private final String title;

  ChaosScenario(String title) {
    this.title = title;
  }

  /** As it is written on a command line. */
  String label() {
    return name().toLowerCase(Locale.ROOT).replace('_', '-');
  }

  String title() {
    return title;
  }

  /** Does it, and tells the stage what came of it. */
  void run(ChaosStage stage) throws IOException {
    switch (this) {
      case KILL -> WorkerChaos.kill(stage);
      case KILL_WAITING -> WaitingChaos.kill(stage);
      case FREEZE -> WorkerChaos.freeze(stage);
      case SLOW_START -> SlowStartChaos.run(stage);
      case DRAIN -> WorkerChaos.drain(stage);
      case TERMINATE -> GatewayChaos.terminate(stage);
      case NEVER_READ -> ClientChaos.neverRead(stage);
      case LARGE_BODIES -> LargeBodyChaos.run(stage);
      case SLOWLORIS -> ClientChaos.slowloris(stage);
      case CANCEL -> CancelStorm.run(stage);
      case CONFIRMED -> StoreChaos.confirmed(stage);
      case FULL_DISK -> StoreChaos.fullDisk(stage);
      case VANISHED_STORE -> StoreChaos.vanished(stage);
      case OVERLOAD -> OverloadChaos.run(stage);
    }
  }

  static ChaosScenario of(String label) {
    for (ChaosScenario scenario : values()) {
      if (scenario.label().equals(label.toLowerCase(Locale.ROOT))) {
        return scenario;
      }
    }
    throw new IllegalArgumentException("'" + label + "' is no scenario");
  }
}
