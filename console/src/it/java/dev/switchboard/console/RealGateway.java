package dev.switchboard.console;

import dev.switchboard.console.api.AdminKeys;
import dev.switchboard.console.api.Role;
import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.time.Duration;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import tools.jackson.databind.JsonNode;

/**
 * A real gateway with one worker, which asks for keys. It is run from what the gateway's module
 * built; its classes are not on the class path of these tests.
 */
final class RealGateway implements AutoCloseable {
  /** The keys' texts, by role. */
  static final AdminKeys KEYS =
      new AdminKeys(
          Map.of(
              Role.VIEWER, "sb-it-viewer",
              Role.OPERATOR, "sb-it-operator",
              Role.ADMIN, "sb-it-admin"));

  /** A key of the role app. */
  static final String APP_KEY = "sb-it-app";

  /** Workers that start soon. */
  static final String WORKER_OPTIONS =
      "[--enable-native-access=ALL-UNNAMED, -XX:+UseSerialGC, -XX:TieredStopAtLevel=1]";

  private final ChildProcess process;
  private final JsonNode ready;

  private RealGateway(ChildProcess process, JsonNode ready) {
    this.process = process;
    this.ready = ready;
  }

  static RealGateway start(Path folder) throws Exception {
    return start(folder, "workers: {local: 1, java-options: " + WORKER_OPTIONS + "}\n");
  }

  /**
   * Starts one.
   *
   * @param more of its configuration, beside the model and the keys
   */
  static RealGateway start(Path folder, String more) throws Exception {
    Files.createDirectories(folder);
    Path config = Files.writeString(folder.resolve("config.yaml"), config() + more);
    ChildProcess process =
        ChildProcess.start(
            List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-XX:+UseSerialGC",
                "-Xmx256m",
                "-XX:TieredStopAtLevel=1",
                "--enable-native-access=ALL-UNNAMED",
                "-Dswitchboard.library=" + System.getProperty("switchboard.library"),
                "-Dswitchboard.home=" + home(),
                "-Dswitchboard.state=" + folder.resolve("state"),
                "-cp",
                classPath(),
                "dev.switchboard.gateway.boot.GatewayMain",
                "--port",
                "0",
                "--admin-port",
                "0",
                "--config",
                config.toString()));
    return new RealGateway(process, process.await("ready"));
  }

  static Path home() {
    return Path.of(System.getProperty("switchboard.home", ".."));
  }

  /** What the module beside this one built, or what a property names. */
  private static String classPath() throws IOException {
    String named = System.getProperty("switchboard.gateway.classpath", "");
    if (!named.isEmpty()) {
      return named;
    }
    Path target = home().resolve("gateway/target");
    try (Stream<Path> libraries = Files.list(target.resolve("lib"))) {
      return target.resolve("classes")
          + File.pathSeparator
          + libraries.map(Path::toString).collect(Collectors.joining(File.pathSeparator));
    }
  }

  private static String config() throws Exception {
    StringBuilder keys = new StringBuilder();
    keys.append("    - {name: shop-app, role: app, tenant: shop, sha256: ");
    keys.append(hash(APP_KEY)).append("}\n");
    for (Map.Entry<Role, String> key : KEYS.byRole().entrySet()) {
      keys.append("    - {name: console-").append(key.getKey().word());
      keys.append(", role: ").append(key.getKey().word()).append(", delegate: true, sha256: ");
      keys.append(hash(key.getValue())).append("}\n");
    }
    return "models: [{file: "
        + model()
        + "}]\nhttp: {warm-up-requests: 0}\nshutdown: {linger-ms: 0}\n"
        + "auth:\n  keys:\n"
        + keys;
  }

  private static String hash(String key) throws Exception {
    MessageDigest sha256 = MessageDigest.getInstance("SHA-256");
    return HexFormat.of().formatHex(sha256.digest(key.getBytes(StandardCharsets.UTF_8)));
  }

  /** The file of the demo model. */
  static Path model() {
    return home().resolve("native-engine/demo-model/switchboard-demo.gguf");
  }

  String admin() {
    return ready.path("admin").asString("");
  }

  /** The address of the public API. */
  String api() {
    return ready.path("api").asString("");
  }

  /** Processor time that its process has taken so far. */
  Duration processorTime() {
    return ProcessHandle.of(process.pid())
        .flatMap(handle -> handle.info().totalCpuDuration())
        .orElseThrow();
  }

  @Override
  public void close() throws IOException {
    process.close();
  }
}
