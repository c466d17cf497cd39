package dev.switchboard.console.action;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.switchboard.console.api.FakeGateway;
import dev.switchboard.console.api.GatewayAddress;
import dev.switchboard.console.api.Role;
import dev.switchboard.console.auth.Person;
import dev.switchboard.console.live.Gateways;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Instant;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.json.JsonMapper;

class ChangesTest {
  private static final Change DRAIN =
      new Change(
          "Drain w0",
          Role.OPERATOR,
          "POST",
          "/admin/v1/replicas/w0/drain",
          JsonMapper.shared().createObjectNode(),
          "v'1",
          List.of(),
          true);
  private static final Person VIEWER = new Person("victor", Role.VIEWER, Instant.EPOCH);
  private static final Person OPERATOR = new Person("olga", Role.OPERATOR, Instant.EPOCH);

  @TempDir private Path folder;

  private Result run(FakeGateway fake, Changes changes, Person person, String reason) {
    return run(fake.address(), changes, person, reason);
  }

  private Result run(GatewayAddress address, Changes changes, Person person, String reason) {
    try (Gateways gateways =
        Gateways.start(List.of(address), FakeGateway.KEYS, folder, Clock.systemUTC())) {
      return changes.run(gateways.all().getFirst(), DRAIN, person, reason);
    }
  }

  @Test
  void withoutTheConsolesCheckTheGatewayStillRefuses() throws IOException {
    try (FakeGateway fake = new FakeGateway()) {
      Result result = run(fake, Changes.unchecked(), VIEWER, "because");

      Result.Failed failed = assertInstanceOf(Result.Failed.class, result);
      assertTrue(failed.why().contains("(forbidden)"));
    }
  }

  @Test
  void aReasonIsNeeded() throws IOException {
    try (FakeGateway fake = new FakeGateway()) {
      assertInstanceOf(Result.Failed.class, run(fake, Changes.checked(), OPERATOR, "  "));
      assertInstanceOf(
          Result.Failed.class, run(fake, Changes.checked(), OPERATOR, "x".repeat(513)));
      assertEquals(List.of(), fake.changes());
    }
  }

  @Test
  void whetherItWasDoneNobodyKnowsWhereTheConnectionBreaks() throws IOException {
    GatewayAddress address;
    Result broken;
    try (ServerSocket gateway = new ServerSocket(0, 0, InetAddress.getLoopbackAddress())) {
      var _ = Thread.ofVirtual().start(() -> closeEach(gateway));
      address = GatewayAddress.parse("http://127.0.0.1:" + gateway.getLocalPort());
      broken = run(address, Changes.checked(), OPERATOR, "because");
    }
    Result gone = run(address, Changes.checked(), OPERATOR, "because");

    String why = assertInstanceOf(Result.Failed.class, broken).why();
    assertTrue(why.startsWith("Nobody knows whether it was done: "), why);
    why = assertInstanceOf(Result.Failed.class, gone).why();
    assertTrue(why.startsWith("The gateway cannot be reached: "), why);
  }

  /** Reads something of each request, and ends its connection. */
  private static void closeEach(ServerSocket gateway) {
    while (!gateway.isClosed()) {
      try (Socket asked = gateway.accept()) {
        int _ = asked.getInputStream().read();
      } catch (IOException closed) {
        // The next one may come, or the test is over.
      }
    }
  }

  @Test
  void theCommandForAShellIsQuoted() {
    assertEquals(
        "curl -X POST -H \"Authorization: Bearer $SWITCHBOARD_ADMIN_KEY\""
            + " -H 'Content-Type: application/json'"
            + " -H 'X-Switchboard-Change-Reason: it%27s%20slow'"
            + " -H 'If-Match: v'\\''1' -d '{}' 'http://gw:9901/admin/v1/replicas/w0/drain'",
        Changes.curl(URI.create("http://gw:9901"), DRAIN, "it's slow"));
  }
}
