package dev.switchboard.gateway.bench;

import java.io.IOException;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicBoolean;
import org.HdrHistogram.Histogram;

/** Clients that do harm, beside some that do not and have a model of their own. */
final class ClientChaos {
  private static final String STEADY = "steady";
  private static final int WORKERS = 2;
  private static final int STEP_MS = 100;
  private static final int STALL_MS = 10_000;
  private static final int DRIP_LIMIT_MS = 3000;
  private static final int RECEIVE_BUFFER_BYTES = 4096;
  private static final int ALONE_MS = 5000;
  private static final int CUT_SECONDS = 90;
  private static final int DRIP_MS = 200;
  private static final int SOME_BYTES = 4;

  /** Of so many silent clients one asks for a whole answer. */
  private static final int WHOLE = 10;

  private static final int DRIP_SECONDS = 60;

  /**
   * What a cut may come later than its limit: heads are looked at each second, an answer lingers
   * for half of one before its connection is closed, and a client looks up from a byte each fifth
   * of one.
   */
  private static final int SLACK_MS = 2000;

  private static final double MEBIBYTE = 1 << 20;

  /**
   * Its heap may grow to 512 MiB before anything is collected, and as much again is what the JVM
   * lets buffers outside of it have; a thousand streams need 48 KiB of those each, classes, code
   * and stacks some 150 MiB. Buffers that clients can make grow come close to their bound first.
   */
  private static final double MOST_RESIDENT_MIB = 900;

  /** By how much the others' answers may be later at the 99th percentile. */
  private static final double MOST_HARM_MS = 250;

  /** Each token brings the probabilities of twenty, so that buffers fill. */
  private static final String LARGE_EVENTS = ",\"logprobs\":true,\"top_logprobs\":20";

  /** About a megabyte. */
  private static final int TOKENS = 400;

  private ClientChaos() {}

  private static ChaosGateway gateway(ChaosStage stage, String deadlines) throws IOException {
    String yaml =
        ChaosGateway.yaml(stage.model(), WORKERS, "deadlines: {" + deadlines + "}\n")
            .replace(
                "models: [", "models: [{file: " + stage.model() + ", name: steady, workers: 1}, ");
    ChaosGateway gateway = ChaosGateway.start(stage.directory(), "gateway", yaml, "ready");
    gateway.awaitAllReady();
    for (String id : gateway.replicas()) {
      if (gateway.admin("/admin/v1/replicas/" + id).path("model").asText().equals("chaos")) {
        gateway.slow(id, STEP_MS);
      }
    }
    return gateway;
  }

  private static ChaosLoad others(ChaosStage stage, ChaosGateway gateway) {
    return ChaosLoad.start(gateway.address(), stage.ledger(), new ChaosLoad.Plan(STEADY, 4, 4, 10));
  }

  /** They are cut off, cost a bounded amount of memory, and nobody else notices. */
  static void neverRead(ChaosStage stage) throws IOException {
    try (ChaosGateway gateway = gateway(stage, "write-stall-ms: " + STALL_MS)) {
      MetricsText before = gateway.metrics();
      List<Socket> clients = new ArrayList<>();
      try (ChaosLoad others = others(stage, gateway)) {
        Histogram alone = alone(stage, others);
        for (int i = 0; i < stage.plan().silentClients(); i++) {
          // Enough whole ones that the gateway may not hold all of them.
          boolean stream = i % WHOLE != 0;
          ClientLedger.Entry entry = stage.ledger().named(stream);
          clients.add(connect(gateway));
          clients.getLast().getOutputStream().write(question(stream, entry.id()));
          // That it is cut off is what it is here for; the gateway counts it as gone.
          entry.leave();
        }
        double filled = stalled(stage, gateway, before);
        Histogram _ = others.lap();
        double most = Math.max(filled, untilCut(stage, gateway, before));
        unharmed(stage, alone, others.lap());
        bounded(stage, most);
        others.end();
        stage.served(others);
      }
      for (Socket client : clients) {
        client.close();
      }
      stage.reconcile(gateway, before);
    }
  }

  private static byte[] question(boolean stream, String id) {
    return ChaosClient.Question.of(ChaosGateway.MODEL, stream, TOKENS, 1, LARGE_EVENTS).bytes(id);
  }

  private static Histogram alone(ChaosStage stage, ChaosLoad others) {
    Target.pause(ALONE_MS);
    Histogram _ = others.lap();
    Target.pause(ALONE_MS);
    Histogram alone = others.lap();
    stage.figure("others_alone_p50_ms", alone.getValueAtPercentile(50) / 1e6);
    stage.figure("others_alone_p99_ms", alone.getValueAtPercentile(99) / 1e6);
    return alone;
  }

  private static void unharmed(ChaosStage stage, Histogram alone, Histogram beside) {
    double p99Ms = beside.getValueAtPercentile(99) / 1e6;
    stage.figure("others_p50_ms", beside.getValueAtPercentile(50) / 1e6);
    stage.figure("others_p99_ms", p99Ms);
    stage.promise(
        beside.getTotalCount() > 0 && p99Ms <= alone.getValueAtPercentile(99) / 1e6 + MOST_HARM_MS,
        "others' answers took " + p99Ms + " ms at the 99th percentile");
  }

  private static Socket connect(ChaosGateway gateway) throws IOException {
    Socket socket = new Socket();
    socket.setReceiveBufferSize(RECEIVE_BUFFER_BYTES);
    socket.connect(gateway.address());
    return socket;
  }

  /** Waits until no stream of theirs moves any more; the most memory until then. */
  private static double stalled(ChaosStage stage, ChaosGateway gateway, MetricsText before)
      throws IOException {
    double most = 0;
    double last = -1;
    double now = 0;
    long begin = System.nanoTime();
    while (now != last || now == 0) {
      last = now;
      Target.pause(1000);
      now = pieces(gateway.metrics()) - pieces(before);
      most = Math.max(most, residentMib(gateway));
    }
    stage.figure("stalled_after_s", (System.nanoTime() - begin) / 1e9);
    return most;
  }

  private static double pieces(MetricsText metrics) {
    return metrics.sum("switchboard_itl_seconds_count", "model=\"chaos\"");
  }

  /** Waits until all are cut off; the most memory until then. */
  private static double untilCut(ChaosStage stage, ChaosGateway gateway, MetricsText before)
      throws IOException {
    double most = 0;
    double cut = 0;
    long begin = System.nanoTime();
    while (cut < stage.plan().silentClients()
        && System.nanoTime() - begin < CUT_SECONDS * 1_000_000_000L) {
      Target.pause(250);
      cut = gone(gateway.metrics()) - gone(before);
      most = Math.max(most, residentMib(gateway));
    }
    stage.figure("cut_off", cut);
    stage.figure("cut_after_s", (System.nanoTime() - begin) / 1e9);
    stage.promise(
        cut == stage.plan().silentClients(), "only " + cut + " of those who never read were cut");
    return most;
  }

  private static double gone(MetricsText metrics) {
    return metrics.sum("switchboard_requests_total", "outcome=\"client_gone\"");
  }

  private static void bounded(ChaosStage stage, double mostMib) {
    stage.figure("most_memory_mib", mostMib);
    stage.promise(mostMib <= MOST_RESIDENT_MIB, "the gateway had " + mostMib + " MiB");
  }

  private static double residentMib(ChaosGateway gateway) throws IOException {
    return gateway.process().residentBytes() / MEBIBYTE;
  }

  // ------------------------------------------------------------------ what drips

  /** How a client drips. */
  private enum Drip {
    HEAD,
    BODY,
    READING
  }

  /** Each kind is cut off in time, and nobody else notices. */
  static void slowloris(ChaosStage stage) throws IOException {
    String limits =
        "header-ms: "
            + DRIP_LIMIT_MS
            + ", body-ms: "
            + DRIP_LIMIT_MS
            + ", write-stall-ms: "
            + DRIP_LIMIT_MS;
    try (ChaosGateway gateway = gateway(stage, limits)) {
      MetricsText before = gateway.metrics();
      try (ChaosLoad others = others(stage, gateway)) {
        Histogram alone = alone(stage, others);
        dripping(stage, gateway, before);
        unharmed(stage, alone, others.lap());
        bounded(stage, residentMib(gateway));
        others.end();
        stage.served(others);
      }
      stage.reconcile(gateway, before);
    }
  }

  private static void dripping(ChaosStage stage, ChaosGateway gateway, MetricsText before) {
    Map<Drip, Double> longestMs = new EnumMap<>(Drip.class);
    AtomicBoolean over = new AtomicBoolean();
    List<Thread> threads = new ArrayList<>();
    for (Drip drip : Drip.values()) {
      for (int i = 0; i < stage.plan().slowClients(); i++) {
        Dripper dripper = new Dripper(stage.ledger(), gateway, drip, i % 2 == 0, over);
        threads.add(
            Thread.ofVirtual()
                .start(
                    () -> {
                      double ms = dripper.run();
                      synchronized (longestMs) {
                        longestMs.merge(drip, ms, Math::max);
                      }
                    }));
      }
    }
    // A reader finds bytes in its own buffer long after it was cut off: the gateway says when.
    double wanted = gone(before) + stage.plan().slowClients();
    long cutMs = ChaosGateway.await(() -> goneOrNone(gateway) >= wanted, DRIP_SECONDS);
    over.set(true);
    threads.forEach(ClientChaos::join);
    stage.figure("heads_cut_ms", longestMs.getOrDefault(Drip.HEAD, 0.0));
    stage.figure("bodies_cut_ms", longestMs.getOrDefault(Drip.BODY, 0.0));
    stage.figure("readers_cut_ms", cutMs);
    stage.promise(cutMs >= 0, "readers that drip were not cut off within " + DRIP_SECONDS + " s");
    for (Drip drip : List.of(Drip.HEAD, Drip.BODY)) {
      double ms = longestMs.getOrDefault(drip, 0.0);
      stage.promise(ms <= DRIP_LIMIT_MS + SLACK_MS, drip + " dripped for " + ms + " ms");
    }
  }

  private static double goneOrNone(ChaosGateway gateway) {
    try {
      return gone(gateway.metrics());
    } catch (IOException e) {
      return 0;
    }
  }

  /** One that sends, or reads, a byte now and then. */
  private record Dripper(
      ClientLedger ledger, ChaosGateway gateway, Drip drip, boolean stream, AtomicBoolean over) {

    /** Goes on until it is cut off, or all is over; says how long that took. */
    double run() {
      long begin = System.nanoTime();
      AnswerLog answer = new AnswerLog(ledger.named(stream), stream);
      try (Socket socket = connect(gateway)) {
        drip(socket, answer);
      } catch (IOException e) {
        // It was cut off while a byte was on its way.
      }
      if (drip == Drip.HEAD) {
        answer.neverSent();
      } else {
        answer.leave();
      }
      return (System.nanoTime() - begin) / 1e6;
    }

    private void drip(Socket socket, AnswerLog answer) throws IOException {
      byte[] question = question(stream, answer.id());
      int at =
          switch (drip) {
            case HEAD -> SOME_BYTES;
            case BODY -> bodyBegins(question) + SOME_BYTES;
            case READING -> question.length;
          };
      socket.getOutputStream().write(question, 0, at);
      socket.setSoTimeout(DRIP_MS);
      HttpReader reader = new HttpReader(answer);
      // One that only sends reads all that it is told.
      byte[] bytes = new byte[drip == Drip.READING ? 1 : 4096];
      while (!answer.ended() && !over.get()) {
        if (drip == Drip.READING) {
          Target.pause(DRIP_MS);
        } else {
          socket.getOutputStream().write(question[at++]);
        }
        try {
          int read = socket.getInputStream().read(bytes);
          if (read < 0) {
            return;
          }
          reader.feed(bytes, read);
        } catch (SocketTimeoutException silent) {
          // Nothing is said to it yet.
        }
      }
    }
  }

  private static int bodyBegins(byte[] question) {
    return new String(question, StandardCharsets.US_ASCII).indexOf("\r\n\r\n") + 4;
  }

  private static void join(Thread thread) {
    try {
      thread.join();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted", e);
    }
  }
}
