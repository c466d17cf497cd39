package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a service manager is told of a gateway in the foreground. */
class LauncherServiceTest {
  private static final Path LAUNCHER =
      Path.of(System.getProperty("switchboard.home", "..")).resolve("launcher").toAbsolutePath();

  /** What waits for a gateway's end, which has come. */
  private static final String ENDED =
      "gateway=1; follow_log() { :; }; await_end() { :; }; stop_children() { :; };"
          + " stop_companions() { :; }; forget_gateway() { :; }; ";

  @TempDir private Path folder;

  @Test
  void aGatewayThatServesIsSaidToServe() throws Exception {
    assertEquals("--ready --status=Serves\n", told(ENDED + "follow", "{}"));
    assertEquals("--ready --status=Serves\n", told(ENDED + "follow", "{\"serves\":true}"));
  }

  @Test
  void aGatewayThatServesNoModelYetIsNotSaidToServe() throws Exception {
    assertEquals(
        "--ready --status=Started, and served no model yet then\n",
        told(ENDED + "follow", "{\"serves\":false}"));
  }

  @Test
  void afterAHandOverItIsTheNextOneThatIsToldOf() throws Exception {
    String told =
        told("installed=$PWD; gateway_pid() { echo 2; }; hand_over", "{\"serves\":false}");

    assertTrue(told.endsWith("--status=Started, and served no model yet then\n"), told);
  }

  private String told(String script, String ready) throws Exception {
    program("systemd-notify", "printf '%s\\n' \"$*\" >>told");
    program("switchboard", "true");
    Files.writeString(
        folder.resolve("events.jsonl"), "{\"event\":\"ready\"," + ready.substring(1) + "\n");
    Files.deleteIfExists(folder.resolve("told"));
    ProcessBuilder builder =
        new ProcessBuilder(
            "bash",
            "-euc",
            "home=$PWD state=$PWD run=$PWD logs=$PWD PATH=$PWD:$PATH; source \"$1\"/output.sh;"
                + " source \"$1\"/gateway.sh; source \"$1\"/lifecycle.sh;"
                + " source \"$1\"/service.sh; "
                + script,
            "bash",
            LAUNCHER.toString());
    builder.environment().put("NOTIFY_SOCKET", "there");
    Process bash = builder.directory(folder.toFile()).redirectErrorStream(true).start();
    String said = new String(bash.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertEquals(0, bash.waitFor(), said);
    return Files.readString(folder.resolve("told"));
  }

  private void program(String name, String script) throws Exception {
    Path file = folder.resolve(name);
    Files.writeString(file, "#!/bin/bash\n" + script + "\n");
    assertTrue(file.toFile().setExecutable(true));
  }
}
