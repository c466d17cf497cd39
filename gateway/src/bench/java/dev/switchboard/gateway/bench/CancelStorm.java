package dev.switchboard.gateway.bench;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.StandardSocketOptions;
import java.nio.channels.SocketChannel;
import java.util.Comparator;
import java.util.PriorityQueue;
import java.util.Random;

/**
 * Requests that begin at a fixed rate and are given up soon after, whatever has come of them by
 * then: before the head, between two tokens, after a refusal. Every second connection is closed in
 * good order, the others are reset.
 */
final class CancelStorm {
  private static final int WORKERS = 2;
  private static final int STEP_MS = 5;
  private static final int TOKENS = 400;
  private static final int LONGEST_STAY_MS = 100;
  private static final int IDLE_MS = 1000;
  private static final double LEAST_OF_RATE = 0.95;
  private static final int IDLE_SECONDS = 30;
  private static final int WARM_SECONDS = 3;

  private final InetSocketAddress address;
  private final ClientLedger ledger;
  private final Random random = new Random(1);
  private final PriorityQueue<Stay> stays =
      new PriorityQueue<>(Comparator.comparingLong(Stay::untilNanos));
  private long begun;
  private long answered;

  private record Stay(
      long untilNanos, SocketChannel channel, NioConnection connection, AnswerLog answer) {}

  private CancelStorm(InetSocketAddress address, ClientLedger ledger) {
    this.address = address;
    this.ledger = ledger;
  }

  /** A second after the last has gone nothing of them is left, at the gateway or a worker. */
  static void run(ChaosStage stage) throws IOException {
    try (ChaosGateway gateway = stage.gateway(WORKERS, STEP_MS, "")) {
      int rate = stage.plan().leavesPerSecond();
      MetricsText before = gateway.metrics();
      CancelStorm storm = new CancelStorm(gateway.address(), stage.ledger());
      storm.rage(rate / 4, WARM_SECONDS);
      storm.begun = 0;
      double seconds = storm.rage(rate, stage.plan().stormSeconds());
      long over = System.nanoTime();
      double perSecond = storm.begun / seconds;
      stage.figure("per_second", perSecond);
      stage.promise(
          perSecond >= LEAST_OF_RATE * rate,
          "only " + perSecond + " requests a second began, of " + rate);
      stage.figure("requests", stage.ledger().begun());
      stage.figure("answered_before", storm.answered);
      long gatewayMs = ChaosGateway.await(() -> inFlight(gateway) == 0, IDLE_SECONDS);
      stage.figure("gateway_idle_ms", gatewayMs);
      long _ = ChaosGateway.await(() -> atWorkers(gateway) == 0, IDLE_SECONDS);
      double idleMs = (System.nanoTime() - over) / 1e6;
      stage.figure("workers_idle_ms", idleMs);
      stage.promise(
          gatewayMs >= 0 && idleMs <= IDLE_MS && atWorkers(gateway) == 0,
          "requests or KV blocks were held for more than " + IDLE_MS + " ms: " + idleMs);
      stage.reconcile(gateway, before);
    }
  }

  private static double inFlight(ChaosGateway gateway) {
    try {
      MetricsText metrics = gateway.metrics();
      return metrics.sum("switchboard_requests_in_flight")
          + metrics.sum("switchboard_replica_in_flight");
    } catch (IOException e) {
      return -1;
    }
  }

  /** Requests, sequences and KV blocks that the workers hold. */
  private static int atWorkers(ChaosGateway gateway) {
    try {
      int held = 0;
      for (String id : gateway.replicas()) {
        JsonNode load = gateway.load(id);
        for (String what : new String[] {"requests", "running", "waiting", "kv_blocks_used"}) {
          held += load.path(what).asInt(1);
        }
      }
      return held;
    } catch (IOException e) {
      return -1;
    }
  }

  /** Begins so many a second for so long, and leaves the last; says how many seconds it took. */
  private double rage(int rate, int seconds) throws IOException {
    long begin = System.nanoTime();
    try (NioLoop loop = new NioLoop()) {
      for (long i = 0; i < (long) rate * seconds; i++) {
        long due = begin + i * 1_000_000_000L / rate;
        while (System.nanoTime() < due) {
          loop.turn(due, true);
          leave(System.nanoTime());
        }
        begin(loop, (int) i);
      }
      double took = (System.nanoTime() - begin) / 1e9;
      while (!stays.isEmpty()) {
        loop.turn(stays.element().untilNanos(), true);
        leave(System.nanoTime());
      }
      return took;
    }
  }

  private void begin(NioLoop loop, int number) throws IOException {
    begun++;
    SocketChannel channel = SocketChannel.open(address);
    AnswerLog answer = new AnswerLog(ledger.named(true), true);
    NioConnection connection =
        new NioConnection(
            loop.selector(),
            channel,
            new HttpReader(answer),
            () -> answer.broke("the connection was closed"));
    ChaosClient.Question question =
        ChaosClient.Question.of(ChaosGateway.MODEL, true, TOKENS, number, "");
    connection.send(question.bytes(answer.id()));
    long stay = random.nextLong(LONGEST_STAY_MS * 1_000_000L);
    stays.add(new Stay(System.nanoTime() + stay, channel, connection, answer));
  }

  private void leave(long now) throws IOException {
    while (!stays.isEmpty() && stays.element().untilNanos() <= now) {
      Stay over = stays.remove();
      answered += over.answer().ended() ? 1 : 0;
      over.answer().leave();
      if (random.nextBoolean() && over.connection().isOpen()) {
        over.channel().setOption(StandardSocketOptions.SO_LINGER, 0);
      }
      over.connection().close();
    }
  }
}
