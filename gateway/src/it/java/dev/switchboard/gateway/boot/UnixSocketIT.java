package dev.switchboard.gateway.boot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import dev.switchboard.gateway.fleet.WorkersConfig;
import java.io.InputStream;
import java.net.http.HttpResponse;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Replicas of this machine, spoken to without TCP. */
class UnixSocketIT {
  @TempDir Path folder;

  @Test
  void aServerOnASocketServesLikeAnyOther() throws Exception {
    Path socket = folder.resolve("engine.sock");
    try (FakeUpstream upstream = new FakeUpstream(socket);
        InProcessGateway gateway =
            InProcessGateway.of(
                "upstreams: [{url: \"http://engine\", socket: \"%s\", models: [m]}]"
                    .formatted(socket))) {
      upstream.script(
          (request, body) ->
              request.response().end("{\"choices\":[],\"host\":\"" + request.authority() + "\"}"));

      HttpResponse<String> answer =
          gateway.post(InProcessGateway.CHAT, InProcessGateway.chat(false));

      assertEquals(200, answer.statusCode(), answer.body());
      assertTrue(answer.body().contains("\"host\":\"engine\""), answer.body());
    }
  }

  @Test
  void oneThatCannotBeConnectedAnyMoreIsLeftForAnotherBeforeTheFirstByte() throws Exception {
    Path socket = folder.resolve("engine.sock");
    try (FakeUpstream gone = new FakeUpstream(socket);
        FakeUpstream other = new FakeUpstream();
        InProcessGateway gateway =
            InProcessGateway.of(
                """
                upstreams:
                  - {url: "http://engine", socket: "%s", models: [m]}
                  - {url: "%s", models: [m]}
                """
                    .formatted(socket, other.url()))) {
      gateway.awaitEveryReplica();
      other.script((request, body) -> request.response().end("{\"choices\":[]}"));
      // Whoever has a connection, as the prober, keeps it: the server is taken for ready.
      Files.delete(socket);

      for (int i = 0; i < 4; i++) {
        assertEquals(
            200, gateway.post(InProcessGateway.CHAT, InProcessGateway.chat(false)).statusCode());
      }

      assertTrue(gateway.attempts("u0", "failed") >= 1);
      assertEquals(4, other.seen.size());
      assertEquals(0, gone.seen.size());
    }
  }

  @Test
  void localWorkersListenOnASocketThatNobodyElseMayUseAndOnNoPort() throws Exception {
    Path socket;
    try (GatewayProcess gateway = GatewayProcess.start(List.of(), "--workers", "1").awaitReady()) {
      JsonNode replica = gateway.admin("/admin/v1/replicas").path("replicas").path(0);
      socket = Path.of(replica.path("socket").asText());

      assertTrue(Files.exists(socket), socket.toString());
      assertEquals(
          "rwx------",
          PosixFilePermissions.toString(Files.getPosixFilePermissions(socket.getParent())));
      assertEquals(
          "rw-------", PosixFilePermissions.toString(Files.getPosixFilePermissions(socket)));
      assertEquals("http://localhost", replica.path("url").asText());
      assertEquals(List.of(), listeners(replica.path("pid").asLong()));
      assertBounded(replica.path("pid").asLong());
      HttpResponse<InputStream> answer = gateway.stream(3);
      answer.body().readAllBytes();
      assertEquals(200, answer.statusCode());
    }
    assertFalse(Files.exists(socket.getParent()));
  }

  /** Without these a worker's heap may take a quarter of the machine, and it lives on without. */
  private static void assertBounded(long pid) throws Exception {
    List<String> command =
        List.of(Files.readString(Path.of("/proc/" + pid + "/cmdline")).split("\0", -1));
    String heap = "-Xmx" + WorkersConfig.DEFAULTS.heapMb() + "m";
    assertTrue(
        command.containsAll(List.of(heap, "-XX:+ExitOnOutOfMemoryError")), command::toString);
  }

  /** Lines of the kernel's list of TCP sockets that listen and are a process's. */
  private static List<String> listeners(long pid) throws Exception {
    Set<String> inodes = new HashSet<>();
    try (DirectoryStream<Path> open = Files.newDirectoryStream(Path.of("/proc/" + pid + "/fd"))) {
      for (Path descriptor : open) {
        String target = Files.readSymbolicLink(descriptor).toString();
        inodes.add(target.replaceAll("socket:\\[(\\d+)\\]", "$1"));
      }
    }
    List<String> listening = new ArrayList<>();
    for (String family : List.of("tcp", "tcp6")) {
      for (String line : Files.readAllLines(Path.of("/proc/" + pid + "/net/" + family))) {
        String[] words = line.strip().split(" +", -1);
        if (words[3].equals("0A") && inodes.contains(words[9])) {
          listening.add(line);
        }
      }
    }
    return listening;
  }
}
