package dev.switchboard.gateway.bench;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** What a scenario works with, and what it has to say: figures, and promises that were broken. */
final class ChaosStage {
  private static final int SETTLE_SECONDS = 10;
  private static final int POLL_MS = 50;

  private final Path directory;
  private final Path model;
  private final ChaosPlan plan;
  private final ClientLedger ledger = new ClientLedger();
  private final Map<String, Double> figures = new LinkedHashMap<>();
  private final List<String> broken = new ArrayList<>();
  private final List<String> unjudged = new ArrayList<>();

  ChaosStage(Path directory, Path model, ChaosPlan plan) {
    this.directory = directory;
    this.model = model;
    this.plan = plan;
  }

  Path directory() {
    return directory;
  }

  Path model() {
    return model;
  }

  ChaosPlan plan() {
    return plan;
  }

  ClientLedger ledger() {
    return ledger;
  }

  /** A gateway with workers, all of them ready and each step so much longer. */
  ChaosGateway gateway(int workers, int stepMs, String more) throws IOException {
    ChaosGateway gateway =
        ChaosGateway.start(directory, "gateway", ChaosGateway.yaml(model, workers, more), "ready");
    gateway.awaitAllReady();
    for (String id : gateway.replicas()) {
      gateway.slow(id, stepMs);
    }
    return gateway;
  }

  /** A measured value; its name ends in its unit. */
  void figure(String name, double value) {
    figures.put(name, value);
    System.err.printf(Locale.ROOT, "  %s: %.1f%n", name, value);
  }

  void figure(String name, long value) {
    figure(name, (double) value);
  }

  /** What was measured under that name; 0 where nothing was. */
  double figure(String name) {
    return figures.getOrDefault(name, 0.0);
  }

  /** Adds to a value that is counted in parts. */
  void add(String name, double value) {
    figure(name, figure(name) + value);
  }

  /** The largest of the values that are told. */
  void most(String name, double value) {
    figure(name, Math.max(figure(name), value));
  }

  /** Something that must hold. */
  void promise(boolean kept, String otherwise) {
    if (!kept) {
      broken.add(otherwise);
      System.err.println("  BROKEN " + otherwise);
    }
  }

  /** What this machine does not let the scenario show, so that it is not kept either. */
  void unjudged(String why) {
    unjudged.add(why);
    System.err.println("  NOT JUDGED " + why);
  }

  /** Every request of a load must have been served. */
  void served(ChaosLoad load) {
    figure("requests", load.served() + load.failed());
    figure("failed", load.failed());
    load.complaints().forEach(complaint -> promise(false, "a request failed: " + complaint));
  }

  /** What clients saw must be what the gateway counted since then and wrote, soon and exactly. */
  void reconcile(ChaosGateway gateway, MetricsText before) throws IOException {
    reconcile(gateway, before, List.of());
  }

  /**
   * The same where several served.
   *
   * @param others what gateways wrote that have ended
   */
  void reconcile(ChaosGateway gateway, MetricsText before, List<RequestEnd> others)
      throws IOException {
    MetricsText after;
    List<String> found;
    for (int looks = 0; ; looks++) {
      after = gateway.metrics();
      found = ledger.compare(before, after, gateway.ended(), others);
      if (found.isEmpty() || looks == SETTLE_SECONDS * 1000 / POLL_MS) {
        break;
      }
      Target.pause(POLL_MS);
    }
    if (ClientLedger.closedUnread(before, after) > 0) {
      figure("closed_unread", ClientLedger.closedUnread(before, after));
    }
    found.forEach(difference -> promise(false, difference));
  }

  Map<String, Double> figures() {
    return figures;
  }

  List<String> broken() {
    return broken;
  }

  List<String> unjudged() {
    return unjudged;
  }
}
