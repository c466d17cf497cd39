package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Objects;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A gateway that runs goes on with the files that it was started from while others are built. */
class LauncherBuildTest {
  private static final Path LAUNCHER =
      Path.of(System.getProperty("switchboard.home", "..")).resolve("launcher").toAbsolutePath();

  @TempDir private Path folder;

  /** Who has it open has the file that the other name leads to, whatever its first name does. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "native-engine/target/native-engine-1.jar",
        "gateway/target/gateway-1.jar",
        "gateway/target/lib/native-engine-1.jar",
        "gateway/target/agent/opentelemetry-javaagent.jar",
        "gateway/target/agent/extensions/gateway-1-agent-extension.jar",
        "console/target/console-1.jar"
      })
  void whoRunsReadsTheJarThatItHasOpen(String name) throws Exception {
    Path jar = folder.resolve(name);
    Path target = Files.createDirectories(Objects.requireNonNull(jar.getParent()));
    Files.writeString(jar, "old");
    Path open = Files.createLink(folder.resolve("open"), jar);
    // As Maven does: into the file that lies there.
    Path bin = Files.createDirectories(folder.resolve("bin"));
    Path maven = bin.resolve("mvn");
    Files.writeString(maven, "#!/bin/sh\nprintf new >" + name + "\n");
    assertTrue(maven.toFile().setExecutable(true));

    ProcessBuilder bash =
        new ProcessBuilder(
                "bash",
                "-euc",
                "home=$PWD version=1; source \"$0\"/build.sh; maven package",
                LAUNCHER.toString())
            .directory(folder.toFile())
            .inheritIO();
    bash.environment().merge("PATH", bin + ":", (path, first) -> first + path);

    assertEquals(0, bash.start().waitFor());
    assertEquals("new", Files.readString(jar));
    assertEquals("old", Files.readString(open));
    String[] left = Objects.requireNonNull(target.toFile().list());
    assertEquals(1, left.length, () -> String.join(" ", left));
  }
}
