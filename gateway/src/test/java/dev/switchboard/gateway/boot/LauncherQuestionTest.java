package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What {@code up} says to ask works with what there is: a bare machine has no curl. */
class LauncherQuestionTest {
  private static final Path LAUNCHER =
      Path.of(System.getProperty("switchboard.home", "..")).resolve("launcher").toAbsolutePath();
  private static final String PLAIN = "{\"event\":\"ready\",\"keys\":false}";

  @TempDir private Path folder;

  @Test
  void whereThereIsNoCurlItIsTheLauncherThatAsks() throws Exception {
    assertEquals("  echo Hello | /opt/sb/switchboard chat m-1\n", question(PLAIN));
    assertEquals(
        """
          key=$(/opt/sb/switchboard keys create --name first-$RANDOM)
          echo Hello | /opt/sb/switchboard chat --key "$key" m-1
        """,
        question(PLAIN.replace("false", "true")));
    assertEquals(
        "  echo Hello | /opt/sb/switchboard chat m-1\n",
        question("{\"keys\":false,\"certificate\":\"/etc/tls.crt\",\"name\":\"gateway\"}"));
  }

  @Test
  void whereThereIsCurlOrACertificateOfTheClientsIsAskedForItIsCurl() throws Exception {
    String certified = question("{\"client_certificate\":true,\"keys\":false}");
    Files.writeString(folder.resolve("curl"), "#!/bin/sh\n");
    assertTrue(folder.resolve("curl").toFile().setExecutable(true));

    assertTrue(certified.contains("\n  curl -N --cert \"$certificate\""), certified);
    assertTrue(question(PLAIN).startsWith("  curl -N http://127.0.0.1:8080/v1/"), question(PLAIN));
  }

  private String question(String ready) throws Exception {
    String script =
        "source \"$1\"/output.sh; source \"$1\"/gateway.sh; source \"$1\"/lifecycle.sh;"
            + " installed=/opt/sb ready_event=$3; PATH=$2;"
            + " first_question http://127.0.0.1:8080 m-1";
    ProcessBuilder builder =
        new ProcessBuilder(
            "bash", "-euc", script, "bash", LAUNCHER.toString(), folder.toString(), ready);
    builder.environment().keySet().removeIf(name -> name.startsWith("SWITCHBOARD_"));
    Process bash = builder.redirectErrorStream(true).start();
    String said = new String(bash.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertEquals(0, bash.waitFor(), said);
    return said;
  }
}
