package dev.switchboard.console.action;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.switchboard.console.api.FakeGateway;
import dev.switchboard.console.live.Gateways;
import java.nio.file.Path;
import java.time.Clock;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CurrentTest {
  @TempDir private Path folder;

  /** Nothing that is there is to be told as gone because many others are, too. */
  @Test
  void whatStandsOnALaterPageIsFound() throws Exception {
    try (FakeGateway fake = new FakeGateway();
        Gateways gateways =
            Gateways.start(List.of(fake.address()), FakeGateway.KEYS, folder, Clock.systemUTC())) {
      fake.say(
          "GET /admin/v1/tenants?limit=1000",
          200,
          "{\"tenants\": [{\"name\": \"a\", \"version\": \"1\"}], \"next\": \"a b\"}");
      fake.say(
          "GET /admin/v1/tenants?limit=1000&after=a%20b",
          200, "{\"tenants\": [{\"name\": \"z\", \"version\": \"2\"}]}");

      assertEquals("1", version(gateways, "a"));
      assertEquals("2", version(gateways, "z"));
      assertEquals(Current.NONE, version(gateways, "nobody"));
    }
  }

  private static String version(Gateways gateways, String tenant) throws Exception {
    return Current.version(
        Current.read(gateways.all().getFirst(), "/admin/v1/tenants/" + tenant + "?dry_run=true"));
  }
}
