package dev.switchboard.console;

import dev.switchboard.console.api.AdminKeys;
import dev.switchboard.console.api.Role;
import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
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

  private final ChildProcess process;
  private final String admin;

  private RealGateway(ChildProcess process, String admin) {
    this.process = process;
    this.admin = admin;
  }

  static RealGateway start(Path folder) throws Exception {
    Files.createDirectories(folder);
    Path config = Files.writeString(folder.resolve("config.yaml"), config());
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
                "--workers",
                "1",
                "--config",
                config.toString()));
    JsonNode ready = process.await("ready");
    return new RealGateway(process, ready.path("admin").asString(""));
  }

  private static Path home() {
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
    for (Map.Entry<Role, String> key : KEYS.byRole().entrySet()) {
      keys.append("    - {name: it-key-").append(key.getKey().word());
      keys.append(", role: ").append(key.getKey().word()).append(", delegate: true, sha256: ");
      byte[] hash =
          MessageDigest.getInstance("SHA-256")
              .digest(key.getValue().getBytes(StandardCharsets.UTF_8));
      keys.append(HexFormat.of().formatHex(hash)).append("}\n");
    }
    return "models: [{file: "
        + home().resolve("native-engine/demo-model/switchboard-demo.gguf")
        + "}]\nhttp: {warm-up-requests: 0}\nshutdown: {linger-ms: 0}\n"
        + "workers: {java-options: [--enable-native-access=ALL-UNNAMED, -XX:+UseSerialGC,"
        + " -XX:TieredStopAtLevel=1]}\n"
        + "auth:\n  keys:\n"
        + keys;
  }

  String admin() {
    return admin;
  }

  @Override
  public void close() throws IOException {
    process.close();
  }
}
