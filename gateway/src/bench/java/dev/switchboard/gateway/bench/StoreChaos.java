package dev.switchboard.gateway.bench;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
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

  /** A change, and what shows that it is there. */
  private record Kind(String method, String path, String body, String shown, boolean there) {}

  private static final List<Kind> KINDS =
      List.of(
          new Kind("PUT", "/admin/v1/tenants/t", "{}", "/admin/v1/tenants", true),
          new Kind(
              "PUT", "/admin/v1/slo-classes/s", "{\"ttft_ms\":9}", "/admin/v1/slo-classes", true),
          new Kind(
              "PUT",
              "/admin/v1/splits/p",
              "{\"targets\":[{\"model\":\"none\"}]}",
              "/admin/v1/splits",
              true),
          new Kind("DELETE", "/admin/v1/tenants/t", "", "/admin/v1/tenants", false),
          new Kind("DELETE", "/admin/v1/slo-classes/s", "", "/admin/v1/slo-classes", false),
          new Kind("DELETE", "/admin/v1/splits/p", "", "/admin/v1/splits", false));

  private StoreChaos() {}

  private static ChaosGateway start(ChaosStage stage, String... arguments) throws IOException {
    return ChaosGateway.start(stage.directory(), "store", YAML, "listening", arguments);
  }

  /** Every kind of change, each confirmed just before the kill and looked for after it. */
  static void confirmed(ChaosStage stage) throws IOException {
    for (int round = 0; round < stage.plan().kills(); round++) {
      for (Kind kind : KINDS) {
        try (ChaosGateway gateway = start(stage)) {
          JsonNode _ = gateway.adminSend(kind.method(), kind.path(), kind.body());
          gateway.process().kill();
        }
        looked(stage, kind);
        stage.add("kills", 1);
      }
      keyAndWeight(stage, round);
    }
  }

  private static void looked(ChaosStage stage, Kind kind) throws IOException {
    String name = "\"" + kind.path().substring(kind.path().lastIndexOf('/') + 1) + "\"";
    try (ChaosGateway gateway = start(stage)) {
      boolean there = gateway.admin(kind.shown()).toString().contains("\"name\":" + name);
      stage.promise(there == kind.there(), kind.method() + " " + kind.path() + " was lost");
    }
  }

  private static void keyAndWeight(ChaosStage stage, int round) throws IOException {
    String id;
    try (ChaosGateway gateway = start(stage)) {
      id = created(gateway, "key" + round);
      gateway.process().kill();
    }
    try (ChaosGateway gateway = start(stage)) {
      stage.promise(gateway.admin(KEYS).toString().contains(id), "a new key was lost");
      JsonNode _ = gateway.adminSend("DELETE", KEYS + "/" + id, "");
      gateway.process().kill();
    }
    try (ChaosGateway gateway = start(stage)) {
      stage.promise(!gateway.admin(KEYS).toString().contains(id), "a revoked key is valid again");
      JsonNode _ = gateway.adminSend("POST", "/admin/v1/replicas/u0/weight", "{\"weight\":0.5}");
      gateway.process().kill();
    }
    try (ChaosGateway gateway = start(stage)) {
      double weight = gateway.admin("/admin/v1/replicas/u0").path("weight").asDouble();
      stage.promise(weight == 0.5, "a weight was lost");
    }
    stage.add("kills", 3);
  }

  private static String created(ChaosGateway gateway, String name) throws IOException {
    return gateway
        .adminSend("POST", KEYS, "{\"role\":\"viewer\",\"name\":\"" + name + "\"}")
        .path("id")
        .asText();
  }

  /**
   * What was confirmed on a disk that gets full is there, it heals, and nothing starts there. The
   * disk is a real one where one may be mounted; else no file of the process may grow.
   */
  static void fullDisk(ChaosStage stage) throws IOException {
    try (SmallDisk disk = SmallDisk.mount(stage.directory().resolve("store"), SMALL_BYTES)) {
      stage.figure("real_disks", disk == null ? 0 : 1);
      int confirmed = fill(stage, disk);
      long begun = System.nanoTime();
      try (ChaosGateway gateway = start(stage)) {
        stage.figure("started_ms", (System.nanoTime() - begun) / 1_000_000);
        int there = gateway.admin(KEYS + "?limit=1000").path("keys").size();
        stage.promise(
            there == confirmed, confirmed + " keys were confirmed, " + there + " are there");
      }
    }
    try (SmallDisk disk = SmallDisk.mount(stage.directory().resolve("store"), SMALL_BYTES)) {
      if (disk != null) {
        disk.fill(0);
        startOnFullDisk(stage);
      }
    }
  }

  /** Says how many keys were confirmed. */
  private static int fill(ChaosStage stage, @Nullable SmallDisk disk) throws IOException {
    int confirmed = 0;
    try (ChaosGateway gateway = start(stage)) {
      full(stage, gateway, disk, true);
      while (confirmed < MOST_KEYS && mayCreate(gateway, "full" + confirmed)) {
        confirmed++;
      }
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
    return confirmed;
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
      return !created(gateway, name).isEmpty();
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
      stage.promise(!created(gateway, "gone").isEmpty(), "no key was made");
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
