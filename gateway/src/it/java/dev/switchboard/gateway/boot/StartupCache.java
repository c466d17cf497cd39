package dev.switchboard.gateway.boot;

import dev.switchboard.testing.Await;
import java.io.File;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileTime;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;

/**
 * What a JVM remembers of a gateway's or a worker's classes, as the launcher makes it for workers:
 * both are ready in half the time and processor time with it, and tests start a hundred of them.
 * One gateway that answers a request with its worker makes both caches, for all processes of tests
 * until something is built anew. They belong to a class path of JARs alone, so where tests run
 * without a package there are none.
 */
final class StartupCache {
  private static final List<String> CLASS_PATH =
      Arrays.stream(System.getProperty("java.class.path").split(File.pathSeparator, -1))
          .filter(entry -> !entry.isEmpty() && !entry.endsWith("test-classes"))
          .toList();

  private static final Path GATEWAY = Path.of("target", "gateway.aot").toAbsolutePath();
  private static final Path WORKER = Path.of("target", "worker.aot").toAbsolutePath();

  /** Says what both were made of, once they are whole. */
  private static final Path MADE = Path.of("target", "startup-cache.made");

  private static final Path LOCK = Path.of("target", "startup-cache.lock");

  /** A cache that does not fit is ignored with a warning, which must not mix with the events. */
  private static final List<String> LOG = List.of("-Xlog:disable", "-Xlog:all=warning:stderr");

  private static final String MAKING = "-XX:AOTCacheOutput=";

  private static boolean made;

  private StartupCache() {}

  /** Of gateways and workers: without the tests' own classes. */
  static String classPath() {
    return String.join(File.pathSeparator, CLASS_PATH);
  }

  /**
   * Options with which a gateway uses both caches, which are made first where they are not there.
   *
   * @param javaOptions its others; the agent changes classes, so that the JVM takes no cache
   */
  static synchronized List<String> options(List<String> javaOptions) throws Exception {
    if (!CLASS_PATH.stream().allMatch(entry -> entry.endsWith(".jar"))
        || javaOptions.stream().anyMatch(option -> option.startsWith(MAKING))) {
      return List.of();
    }
    if (!made) {
      makeOnce();
      made = true;
    }
    List<String> options = new ArrayList<>();
    options.add("-Dswitchboard.worker.startup-cache=" + WORKER);
    if (javaOptions.stream().noneMatch(option -> option.startsWith("-javaagent"))) {
      options.addAll(LOG);
      options.add("-XX:AOTCache=" + GATEWAY);
    }
    return options;
  }

  /** Tests of several processes would else make it at the same time, each for itself. */
  private static void makeOnce() throws Exception {
    String madeOf = System.getProperty("java.home") + "\n" + classPath();
    try (FileChannel lock =
            FileChannel.open(LOCK, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
        FileLock _ = lock.lock()) {
      if (!isMadeOf(madeOf)) {
        Files.deleteIfExists(MADE);
        make();
        Files.writeString(MADE, madeOf);
      }
    }
  }

  private static boolean isMadeOf(String wanted) throws IOException {
    if (!Files.exists(MADE) || !Files.readString(MADE).equals(wanted)) {
      return false;
    }
    FileTime made = Files.getLastModifiedTime(MADE);
    for (String entry : CLASS_PATH) {
      if (Files.getLastModifiedTime(Path.of(entry)).compareTo(made) > 0) {
        return false;
      }
    }
    return true;
  }

  /**
   * Each JVM writes its cache when it ends, the worker's first: the gateway would not wait long.
   */
  private static void make() throws Exception {
    Path config = Files.createTempFile(Path.of("target"), "cache", ".yaml");
    GatewayProcess.writeConfig(
        config,
        "workers: {local: 1, restart-first-ms: 60000, restart-max-ms: 60000, java-options: ["
            + String.join(", ", GatewayProcess.WORKER_OPTIONS)
            + ", "
            + String.join(", ", making(WORKER))
            + "]}");
    try (GatewayProcess gateway =
        GatewayProcess.start(making(GATEWAY), "--config", config.toString()).awaitReady()) {
      gateway.stream(8).body().readAllBytes();
      ProcessHandle worker = ProcessHandle.of(gateway.pid("w0")).orElseThrow();
      worker.destroy();
      worker.onExit().get(Await.LIMIT_SECONDS, TimeUnit.SECONDS);
      gateway.terminate();
      gateway.process().onExit().get(Await.LIMIT_SECONDS, TimeUnit.SECONDS);
    }
  }

  private static List<String> making(Path cache) {
    // Of hundreds of classes it would tell why they are not in it.
    return List.of("-Xlog:disable", "-Xlog:all=error:stderr", MAKING + cache);
  }
}
