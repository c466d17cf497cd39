package dev.switchboard.gateway.bench;

import com.fasterxml.jackson.databind.JsonNode;
import dev.switchboard.gateway.bench.StoreChanges.Kind;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/** What is done to a gateway's store: kill -9 right after a change, a full disk, a lost file. */
final class StoreChaos {
  private static final int HEAL_SECONDS = 10;
  private static final int MOST_KEYS = 1000;
  private static final int SMALL_BYTES = 8 << 20;

  /** Left free on the disk, so that some changes are confirmed before it is full. */
  private static final int REST_BYTES = 1 << 20;

  private static final String KEYS = "/admin/v1/keys";

  /** Nothing serves here: only the store is looked at. */
  private static final String YAML =
      """
      http: {port: 0}
      admin: {port: 0}
      upstreams: [{url: "http://127.0.0.1:1", models: [none]}]
      """;

  private StoreChaos() {}

  private static ChaosGateway start(ChaosStage stage) throws IOException {
    return start(stage, YAML);
  }

  private static ChaosGateway start(ChaosStage stage, String yaml) throws IOException {
    return ChaosGateway.start(stage.directory(), "store", yaml, "listening");
  }

  /** Every kind of change, each confirmed just before the kill and looked for after it. */
  static void confirmed(ChaosStage stage) throws IOException {
    Path folder = stage.directory().resolve("models");
    try (StoreChanges changes = new StoreChanges(folder, stage.model())) {
      Kind last = null;
      for (int round = 0; round < stage.plan().kills(); round++) {
        for (Kind kind : changes.round()) {
          try (ChaosGateway gateway = start(stage, changes.yaml())) {
            looked(stage, gateway, last);
            kind.change().make(gateway);
            gateway.process().kill();
          }
          stage.add("kills", 1);
          last = kind;
        }
      }
      try (ChaosGateway gateway = start(stage, changes.yaml())) {
        looked(stage, gateway, last);
      }
    }
  }

  private static void looked(ChaosStage stage, ChaosGateway gateway, @Nullable Kind kind)
      throws IOException {
    if (kind != null) {
      stage.promise(kind.proof().holds(gateway), kind.name() + " was lost");
    }
  }

  private static JsonNode created(ChaosGateway gateway, String name) throws IOException {
    return gateway.adminSend("POST", KEYS, "{\"name\":\"" + name + "\"}");
  }

  /**
   * What was confirmed on a disk that gets full is there, it heals, and nothing starts there. The
   * disk is a real one where one may be mounted. Else no file of the process may grow, which is not
   * what is promised, so that a run which breaks nothing is not judged.
   */
  static void fullDisk(ChaosStage stage) throws IOException {
    try (SmallDisk disk = SmallDisk.mount(stage.directory().resolve("store"), SMALL_BYTES)) {
      stage.figure("real_disks", disk == null ? 0 : 1);
      if (disk == null) {
        stage.unjudged("no disk may be mounted here: files were kept from growing with prlimit");
      }
      Filled filled = fill(stage, disk);
      long begun = System.nanoTime();
      try (ChaosGateway gateway = start(stage)) {
        stage.figure("started_ms", (System.nanoTime() - begun) / 1_000_000);
        int there = gateway.admin(KEYS + "?limit=1000").path("keys").size();
        stage.promise(
            there == filled.keys(),
            filled.keys() + " keys should be there, " + there + " are there");
        int status = gateway.asked(filled.key());
        stage.promise(
            status == (filled.revoked() ? 401 : 200),
            "a key whose revocation was "
                + (filled.revoked() ? "confirmed" : "refused")
                + " on the full disk is answered "
                + status);
      }
    }
    try (SmallDisk disk = SmallDisk.mount(stage.directory().resolve("store"), SMALL_BYTES)) {
      if (disk != null) {
        disk.fill(0);
        startOnFullDisk(stage);
      }
    }
  }

  /**
   * What must be there when the disk has been full.
   *
   * @param keys by what was confirmed
   * @param key that was to be revoked on the full disk
   * @param revoked whether that was confirmed
   */
  private record Filled(int keys, String key, boolean revoked) {}

  private static Filled fill(ChaosStage stage, @Nullable SmallDisk disk) throws IOException {
    int confirmed = 0;
    JsonNode first;
    boolean revoked;
    try (ChaosGateway gateway = start(stage)) {
      first = created(gateway, "first");
      full(stage, gateway, disk, true);
      while (confirmed < MOST_KEYS && mayCreate(gateway, "full" + confirmed)) {
        confirmed++;
      }
      revoked = revoked(stage, gateway, first.path("id").asText());
      stage.figure("confirmed", confirmed);
      stage.promise(confirmed > 0, "no key was confirmed before the disk was full");
      stage.promise(confirmed < MOST_KEYS, "a full disk took every change");
      stage.promise(!up(gateway), "switchboard_store_up is 1 on a full disk");
      full(stage, gateway, disk, false);
      long healedMs = ChaosGateway.await(() -> up(gateway), HEAL_SECONDS);
      stage.figure("healed_ms", healedMs);
      stage.promise(healedMs >= 0, "it does not heal");
      gateway.process().kill();
    }
    int kept = confirmed + (revoked ? 0 : 1);
    return new Filled(kept, first.path("key").asText(), revoked);
  }

  /** Whether the revocation of a key is confirmed on a full disk; else it is refused. */
  private static boolean revoked(ChaosStage stage, ChaosGateway gateway, String id)
      throws IOException {
    int status = gateway.adminStatus("DELETE", KEYS + "/" + id);
    stage.figure("revocation_status", status);
    boolean done = status / 100 == 2;
    stage.promise(done || status == 503, "a revocation on a full disk is answered " + status);
    return done;
  }

  private static void full(
      ChaosStage stage, ChaosGateway gateway, @Nullable SmallDisk disk, boolean full)
      throws IOException {
    if (disk == null) {
      long most = Files.size(file(stage)) + REST_BYTES;
      limitFiles(gateway, full ? Long.toString(most) : "unlimited");
    } else if (full) {
      disk.fill(REST_BYTES);
    } else {
      disk.empty();
    }
  }

  /** Within five seconds, or where this machine starts more slowly as soon as it starts at all. */
  private static void startOnFullDisk(ChaosStage stage) {
    long begun = System.nanoTime();
    String said = "";
    try (ChaosGateway _ = start(stage)) {
      stage.promise(false, "it starts on a full disk");
    } catch (IOException e) {
      said = String.valueOf(e.getMessage());
    }
    long refusedMs = (System.nanoTime() - begun) / 1_000_000;
    stage.figure("refused_ms", refusedMs);
    double mostMs = Math.max(5000, 1.5 * stage.figure("started_ms"));
    stage.promise(refusedMs <= mostMs, "it refuses to start only after " + refusedMs + " ms");
    stage.promise(said.contains("disk"), "it does not say why: " + said);
  }

  private static boolean mayCreate(ChaosGateway gateway, String name) {
    try {
      return !created(gateway, name).path("id").asText().isEmpty();
    } catch (IOException e) {
      return false;
    }
  }

  /** Lets no file of the process grow above a size: what a full disk is to it. */
  private static void limitFiles(ChaosGateway gateway, String bytes) throws IOException {
    String pid = Long.toString(gateway.process().pid());
    Process limit =
        new ProcessBuilder("prlimit", "--pid", pid, "--fsize=" + bytes + ":").inheritIO().start();
    try {
      if (limit.waitFor() != 0) {
        throw new IOException("prlimit ended with " + limit.exitValue());
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException("interrupted", e);
    }
  }

  /** A store's file that is deleted is noticed, and no gateway starts without it. */
  static void vanished(ChaosStage stage) throws IOException {
    try (ChaosGateway gateway = start(stage)) {
      stage.promise(mayCreate(gateway, "gone"), "no key was made");
      Files.delete(file(stage));
      long noticedMs = ChaosGateway.await(() -> !up(gateway), HEAL_SECONDS);
      stage.figure("noticed_ms", noticedMs);
      stage.promise(noticedMs >= 0 && noticedMs <= 1000, "noticed only after " + noticedMs + " ms");
    }
    boolean refused = false;
    try (ChaosGateway _ = start(stage)) {
      stage.promise(false, "it starts without its store");
    } catch (IOException e) {
      refused = true;
    }
    stage.promise(refused, "the start was not refused");
  }

  private static Path file(ChaosStage stage) {
    return stage.directory().resolve("store/store/gateway.mv.db");
  }

  private static boolean up(ChaosGateway gateway) {
    try {
      return gateway.metrics().sum("switchboard_store_up") == 1;
    } catch (IOException e) {
      return false;
    }
  }
}
